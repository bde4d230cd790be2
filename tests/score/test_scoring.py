"""Scoring a source: the same preprocessing as in training, resumable, and refusing what does not fit."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from lensapp.cli import main
from lensapp.core.config import read_json
from lensapp.core.errors import BandMismatch, InvalidInput, JobCancelled, NotFound, StorageError, UnitMismatch
from lensapp.core.score.feature_spec import MapSpec
from lensapp.core.train.augmentation_spec import AugmentationSpec
from lensapp.core.train.normalisation import FittedNormalisation
from lensapp.learning.feed.batches import Feed
from lensapp.learning.feed.dataset_parts import dataset_part
from lensapp.learning.score.features import compute_features
from lensapp.learning.score.onnx_export import exported, load_network, open_session, run_session
from lensapp.learning.score.scorers import TrainedNetwork
from lensapp.learning.score.scoring import score_source
from lensapp.learning.score.sharded import Shard, computed_here
from lensapp.services.inspect.similar import run_to_make_features
from lensapp.services.overview import overview, score_histogram
from lensapp.services.score.features import map_table
from lensapp.services.score.scores import load_scored
from lensapp.services.score.sources_to_score import score_refusal
from lensapp.services.train.runs import fit_warnings, fitting_first, start_scoring, what_differs
from lensapp.storage import datasets, runs, sources
from lensapp.storage.files import EXPORTED_NETWORK, NETWORK, NORMALISATION, SCORE_WARNINGS
from lensapp.storage.scores.stored_scores import scores_of
from support.scoring_workspace import Trained, add_source, train_tiny

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Trained:
    return train_tiny(tmp_path_factory.mktemp("scoring") / "workspace")


@pytest.fixture
def trained(original, tmp_path) -> Trained:
    return original.copied(tmp_path / "workspace")


def scores_by_id(trained: Trained, source: str = "field") -> dict[int, float]:
    run = runs.get_run(trained.workspace.database, "first")
    key = sources.get_source(trained.workspace.database, source).id
    return dict(zip(*scores_of(trained.workspace, run.id, key), strict=True))


def test_every_cutout_is_scored_once(trained):
    outcome = score_source(trained.workspace, run_name="first", source_name="field")
    assert (outcome["scored"], outcome["skipped"]) == (60, 0)
    assert outcome["engine"] == "onnxruntime (CPU)"
    assert outcome["images_per_second"] > 0
    again = score_source(trained.workspace, run_name="first", source_name="field")
    assert again == {"scored": 0, "skipped": 60, "images_per_second": 0.0, "warnings": []}


def test_a_filter_scores_some_and_the_others_are_added_later(trained):
    columns = sources.cutout_columns(trained.workspace.database, [trained.source.id])
    some = columns["id"][columns["label"] == "lens"].tolist()
    asked = {"run_name": "first", "source_name": "field"}
    outcome = score_source(trained.workspace, **asked, where='label == "lens"')
    assert (outcome["scored"], sorted(scores_by_id(trained))) == (len(some), sorted(some))
    with pytest.raises(InvalidInput, match="no column 'mag_i'"):
        start_scoring(trained.workspace, **asked, where="mag_i < 22")
    rest = score_source(trained.workspace, **asked)
    assert (rest["scored"], rest["skipped"]) == (60 - len(some), len(some))


def test_stored_scores_are_those_keras_gives_to_normalised_pixels(trained):
    score_source(trained.workspace, run_name="first", source_name="field")
    columns = sources.cutout_columns(trained.workspace.database, [trained.source.id])
    normalisation = FittedNormalisation.parse(read_json(trained.folder / "normalisation.json"))
    model = keras.models.load_model(trained.folder / NETWORK)
    expected = model.predict(normalisation.apply(trained.pixels().read(columns["row"])), verbose=0)[:, 0]
    scores = scores_by_id(trained)
    received = [scores[key] for key in columns["id"]]
    np.testing.assert_allclose(received, expected, rtol=0, atol=1e-5)
    assert np.ptp(expected) > 0.01


def test_scoring_sees_exactly_the_images_that_training_saw(trained):
    database = trained.workspace.database
    part = dataset_part(trained.workspace, datasets.get_dataset(database, "sky-v1"), "validation")
    network = TrainedNetwork.open(trained.folder)
    fed = normalised_by_training(part, network.normalisation)
    np.testing.assert_array_equal(fed, network.normalisation.apply(part.cutouts.read(part.rows)))


def normalised_by_training(part, normalisation: FittedNormalisation) -> np.ndarray:
    spec = AugmentationSpec(d4=False)
    feed = Feed(
        data=part, normalisation=normalisation, augmentation=spec, batch_size=5, shuffle=False, seed=0
    )
    return np.concatenate([np.asarray(images) for images, _, _ in feed.batches(0)])


def test_onnx_scores_equal_keras_scores(trained):
    model = load_network(trained.folder)
    images = np.random.default_rng(0).normal(size=(70, 8, 8, 2)).astype(np.float32) * 3
    received = run_session(open_session(exported(trained.folder)), images)
    np.testing.assert_allclose(received, model.predict(images, verbose=0), rtol=0, atol=1e-5)


def test_the_export_is_kept_until_the_network_changes(trained):
    first = exported(trained.folder).stat()
    assert exported(trained.folder).stat().st_mtime_ns == first.st_mtime_ns
    retrain(trained)
    assert exported(trained.folder).stat().st_mtime_ns > first.st_mtime_ns
    assert not list(trained.folder.glob("*partial*onnx"))


def retrain(trained: Trained) -> None:
    model = keras.models.load_model(trained.folder / NETWORK)
    model.set_weights([weight * 0.5 for weight in model.get_weights()])
    model.save(trained.folder / NETWORK)


def test_scores_of_an_earlier_network_are_replaced(trained):
    score_source(trained.workspace, run_name="first", source_name="field")
    before = scores_by_id(trained)
    retrain(trained)
    assert score_source(trained.workspace, run_name="first", source_name="field")["scored"] == 60
    assert scores_by_id(trained) != before


def test_pages_show_the_scores_of_the_present_network_though_they_are_as_many_as_before(trained):
    ws, spec = trained.workspace, MapSpec(method="pca", clusters="none")

    def shown() -> list[dict[int, float]]:
        scored = load_scored(ws, run=runs.get_run(ws.database, "first"), source=trained.source)
        table = map_table(ws, "first", "field", "pca", grades={})
        of_map = dict(zip(table["cutout_id"], table["score"], strict=True))
        return [dict(zip(scored.cutout_ids, scored.scores, strict=True)), of_map]

    compute_features(ws, run_name="first", name="field", spec=spec)
    score_source(ws, run_name="first", source_name="field")
    assert shown() == [scores_by_id(trained)] * 2
    histogram = score_histogram(ws, overview(ws))
    retrain(trained)
    compute_features(ws, run_name="first", name="field", spec=spec)
    score_source(ws, run_name="first", source_name="field")
    assert shown() == [scores_by_id(trained)] * 2
    assert score_histogram(ws, overview(ws)) != histogram


def test_an_exported_network_scores_without_keras(trained):
    exported(trained.folder)
    code = (
        "import sys; from pathlib import Path; import numpy as np;"
        "from lensapp.learning.score.scorers import TrainedNetwork;"
        f"network = TrainedNetwork.open(Path({str(trained.folder)!r}));"
        "assert network.score(np.zeros((1, 8, 8, 2), np.float32)).shape == (1,);"
        "assert not {'keras', 'tensorflow'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=False, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_stopped_scoring_goes_on_where_it_stopped(trained):
    seen = []
    with pytest.raises(JobCancelled, match="15 of 60"):
        score_source(
            trained.workspace,
            run_name="first",
            source_name="field",
            shard_rows=16,
            report=seen.append,
            should_stop=lambda: "stop",
        )
    assert seen[0]["fraction"] == pytest.approx(15 / 60)
    assert seen[0]["seconds_left"] > 0
    outcome = score_source(trained.workspace, run_name="first", source_name="field")
    assert (outcome["scored"], outcome["skipped"]) == (45, 15)
    assert len(scores_by_id(trained)) == 60


def test_chunks_do_not_change_the_scores(trained):
    network = TrainedNetwork.open(trained.folder)
    rows = np.arange(1, 61)
    whole = network.score(trained.pixels().read(rows))
    shards = [Shard(0, rows[:25], rows[:25]), Shard(1, rows[25:], rows[25:])]
    computed = computed_here(network, trained.pixels(), shards, chunk_rows=7)
    parts = np.concatenate([network.task.scores(outputs) for _, outputs in computed])
    np.testing.assert_allclose(parts, whole, rtol=0, atol=1e-6)
    assert list(computed_here(network, trained.pixels(), [])) == []


def test_masked_pixels_and_a_wholly_masked_cutout_get_a_score(trained):
    pixels = trained.pixels().read(np.array([1, 2]))
    pixels[0] = np.nan
    assert np.isfinite(TrainedNetwork.open(trained.folder).score(pixels)).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bands": ("r", "g")}, "bands g,r, but these cutouts have r,g: the order differs"),
        ({"bands": ("g", "i")}, "bands g,r, but these cutouts have g,i: the names differ"),
        ({"shape": (8, 10)}, "8×8 pixels, but these have 8×10"),
        ({"scale": 0.22}, "pixel scale of 0.2 arcsec, but these cutouts have 0.22"),
    ],
)
def test_a_source_that_differs_from_the_training_is_refused(trained, changes, message):
    add_source(trained.workspace, "other", **changes)
    with pytest.raises(BandMismatch, match=message):
        score_source(trained.workspace, run_name="first", source_name="other")
    assert scores_by_id(trained, "other") == {}


def test_larger_cutouts_are_cropped_where_that_is_allowed_and_smaller_ones_never(trained, capsys):
    command = ["--workspace", str(trained.workspace.folder), "--json", "score", "first"]
    large = add_source(trained.workspace, "large", shape=(12, 12))
    add_source(trained.workspace, "small", shape=(6, 6))
    add_source(trained.workspace, "coarse", shape=(12, 12), scale=0.4)
    assert main([*command, "large"]) == 2
    assert (
        "8×8 pixels, but these have 12×12. Scoring can look at their central 8×8" in capsys.readouterr().err
    )
    for name, reason in (("small", "see less sky"), ("coarse", "pixel scale of 0.2 arcsec")):
        assert main([*command, name, "--crop"]) == 2
        assert reason in capsys.readouterr().err
    for flags in (["--crop"], []):  # once allowed the run remembers it
        assert main([*command, "large", *flags]) == 0
        [warning] = json.loads(capsys.readouterr().out)["warnings"]
        assert warning == "The network sees the central 8×8 pixels of these cutouts of 12×12."
    pixels = trained.pixels("large").read(np.arange(1, 13))[:, 2:10, 2:10]
    expected = TrainedNetwork.open(trained.folder).score(pixels)
    ours = [score for _, score in sorted(scores_by_id(trained, "large").items())]
    np.testing.assert_allclose(ours, expected, atol=1e-6)
    assert json.loads((trained.folder / SCORE_WARNINGS).read_text()) == {"large": [warning]}
    differences = fitting_first(
        trained.workspace,
        runs.get_run(trained.workspace.database, "first"),
        [sources.get_source(trained.workspace.database, name) for name in ("small", "coarse", "large")],
    )
    assert differences == {"large": "", "small": "only 6×6 pixels", "coarse": "0.4″ per pixel"}
    assert large.height == 12


def test_whether_a_run_reads_a_source_is_one_answer_and_each_asker_adds_what_it_needs(trained):
    ws = trained.workspace
    small, run = add_source(ws, "small", shape=(6, 6)), runs.get_run(ws.database, "first")
    assert what_differs(ws, run, small) == "only 6×6 pixels"
    assert score_refusal(ws, run_name="first", source_name="small") == "only 6×6 pixels"
    assert run_to_make_features(ws, small) == "first", "where none reads it the newest stands in"
    fitting = add_source(ws, "alike")
    newer = runs.create_run(
        ws.database, name="newer", dataset_id=run.dataset_id, model=run.model, spec=run.spec
    )
    shutil.copytree(trained.folder, ws.run_folder("newer"))
    assert what_differs(ws, newer, fitting) == ""
    assert run_to_make_features(ws, fitting) == "newer"
    (ws.run_folder("newer") / NORMALISATION).write_text("{")
    assert what_differs(ws, newer, fitting) == "its network cannot be read"
    assert run_to_make_features(ws, fitting) == "first", "the next that reads it"
    (trained.folder / "best.keras").unlink()
    assert score_refusal(ws, run_name="first", source_name="alike") == "it has no network yet"


def test_a_pixel_scale_within_five_percent_is_accepted(trained):
    add_source(trained.workspace, "other", scale=0.2085)
    outcome = score_source(trained.workspace, run_name="first", source_name="other")
    assert (outcome["scored"], outcome["warnings"]) == (12, [])


UNKNOWN = [
    ({"scale": None}, "trained at 0.2 arcsec, and that of these cutouts is unknown"),
    (
        {"zero_point": None},
        "The unit of flux of these cutouts is unknown, and the network was trained on calib",
    ),
]


@pytest.mark.parametrize(("changes", "message"), UNKNOWN)
def test_what_is_unknown_is_refused_until_it_is_allowed_and_then_stays_marked(
    trained, changes, message, capsys
):
    add_source(trained.workspace, "other", **changes)
    command = ["--workspace", str(trained.workspace.folder), "--json", "score", "first", "other"]
    assert main(command) == 2
    refusal = capsys.readouterr().err
    assert message in refusal
    assert "go on with --allow-unknown-units" in refusal
    assert scores_by_id(trained, "other") == {}
    # Once allowed the run remembers it; also when nothing is left to score.
    for flags in (["--allow-unknown-units"], []):
        assert main([*command, *flags]) == 0
        captured = capsys.readouterr()
        [warning] = json.loads(captured.out)["warnings"]
        assert message in warning
        assert f"Warning: {warning}\n" in captured.err
    assert json.loads((trained.folder / SCORE_WARNINGS).read_text()) == {"other": [warning]}
    run = runs.get_run(trained.workspace.database, "first")
    source = sources.get_source(trained.workspace.database, "other")
    assert fit_warnings(trained.workspace, run, source) == [warning]


def test_a_source_in_another_unit_gets_the_scores_of_the_same_light(trained):
    """Counts of 140 times the exposure, with the zero point that says so, as Pan-STARRS1 stacks have them."""
    add_source(trained.workspace, "plain")
    add_source(trained.workspace, "stacks", unit=140.0, zero_point=27 + 2.5 * np.log10(140))
    for name in ("plain", "stacks"):
        score_source(trained.workspace, run_name="first", source_name=name)
    plain, stacks = (list(scores_by_id(trained, name).values()) for name in ("plain", "stacks"))
    np.testing.assert_allclose(stacks, plain, rtol=0, atol=1e-5)
    assert np.ptp(plain) > 0.01


def test_a_network_made_before_units_scores_as_before_and_says_what_it_lacks(trained):
    path = trained.folder / "normalisation.json"
    old = {key: value for key, value in read_json(path).items() if key not in ("unit", "zero_point_mag")}
    path.write_text(json.dumps(old))
    add_source(trained.workspace, "counts", unit=140.0, zero_point=27 + 2.5 * np.log10(140))
    outcome = score_source(trained.workspace, run_name="first", source_name="counts")
    assert outcome["warnings"] == [
        "The network was made before units of flux were kept: it reads pixels as they are stored."
    ]
    rows = sources.cutout_columns(trained.workspace.database, [source_id(trained, "counts")])["row"]
    as_stored = TrainedNetwork.open(trained.folder).score(trained.pixels("counts").read(rows))
    np.testing.assert_allclose(
        list(scores_by_id(trained, "counts").values()), sorted(as_stored)[::-1], atol=1e-6
    )


def source_id(trained: Trained, name: str) -> int:
    return sources.get_source(trained.workspace.database, name).id


def test_the_own_source_of_a_network_of_unknown_unit_needs_no_permission(trained):
    path = trained.folder / "normalisation.json"
    path.write_text(json.dumps(read_json(path) | {"unit": "unknown", "zero_point_mag": None}))
    add_source(trained.workspace, "other")
    assert score_source(trained.workspace, run_name="first", source_name="field")["warnings"] == []
    with pytest.raises(UnitMismatch, match="trained on cutouts of an unknown unit"):
        start_scoring(trained.workspace, run_name="first", source_name="other")


def test_a_source_still_being_imported_is_refused(trained):
    sources.create_source(
        trained.workspace.database, name="half", kind="import", bands=("g", "r"), height=8, width=8, slots=1,
        pixel_scale_arcsec=0.2, spec={},
    )  # fmt: skip
    with pytest.raises(InvalidInput, match="half is still importing"):
        score_source(trained.workspace, run_name="first", source_name="half")


def test_a_run_without_a_network_is_refused(trained):
    (trained.folder / NETWORK).unlink()
    with pytest.raises(NotFound, match="Train the run"):
        score_source(trained.workspace, run_name="first", source_name="field")
    with pytest.raises(NotFound, match="trained network"):
        load_network(trained.folder)


def test_a_damaged_network_is_refused(trained):
    (trained.folder / NETWORK).write_bytes(b"not a network")
    with pytest.raises(StorageError, match="Train the run again"):
        score_source(trained.workspace, run_name="first", source_name="field")


def test_a_damaged_export_is_made_again(trained):
    (trained.folder / EXPORTED_NETWORK).write_bytes(b"not a graph")
    assert score_source(trained.workspace, run_name="first", source_name="field")["scored"] == 60


def test_a_diverged_network_is_refused_instead_of_storing_nan(trained):
    model = keras.models.load_model(trained.folder / NETWORK)
    model.set_weights([weight * np.nan for weight in model.get_weights()])
    model.save(trained.folder / NETWORK)
    with pytest.raises(InvalidInput, match="training diverged"):
        score_source(trained.workspace, run_name="first", source_name="field")


def test_a_network_too_large_to_be_exported_in_the_memory_there_is_is_scored_by_keras(trained, monkeypatch):
    (trained.folder / EXPORTED_NETWORK).unlink(missing_ok=True)
    monkeypatch.setattr("lensapp.learning.score.onnx_export.memory_bytes", lambda: 1000)
    network = TrainedNetwork.open(trained.folder)
    assert network.engine == "keras (tensorflow)"
    assert "GB of memory" in network.reason


def test_keras_scores_where_the_export_is_impossible(trained, monkeypatch):
    expected = TrainedNetwork.open(trained.folder).score(trained.pixels().read(np.arange(1, 9)))
    (trained.folder / EXPORTED_NETWORK).unlink()
    monkeypatch.setattr("lensapp.learning.score.onnx_export.PARITY", -1.0)
    network = TrainedNetwork.open(trained.folder)
    assert network.engine == "keras (tensorflow)"
    assert "cannot export this network to ONNX" in network.reason
    assert not (trained.folder / EXPORTED_NETWORK).exists()
    scores = network.score(trained.pixels().read(np.arange(1, 9)))
    np.testing.assert_allclose(scores, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_network_trained_in_mixed_precision_scores_in_float32(trained, policy):
    from lensapp.core.train.network_specs import network_options
    from lensapp.core.train.training_spec import TrainingSpec
    from models.registry import build

    spec = TrainingSpec.parse(read_json(trained.folder / "spec.json"))
    weights = load_network(trained.folder).get_weights()
    keras.config.set_dtype_policy(policy)
    try:
        mixed = build("elu_cnn", input_shape=(8, 8, 2), spec=network_options("elu_cnn", spec.network_options))
    finally:
        keras.config.set_dtype_policy("float32")
    expected = TrainedNetwork.open(trained.folder).score(trained.pixels().read(np.arange(1, 9)))
    mixed.set_weights(weights)
    mixed.save(trained.folder / NETWORK)
    received = TrainedNetwork.open(trained.folder).score(trained.pixels().read(np.arange(1, 9)))
    np.testing.assert_allclose(received, expected, rtol=0, atol=1e-6)


def test_a_dask_scheduler_that_does_not_answer_is_named(trained):
    with pytest.raises(InvalidInput, match="nonsense"):
        score_source(trained.workspace, run_name="first", source_name="field", dask_url="nonsense://x")
