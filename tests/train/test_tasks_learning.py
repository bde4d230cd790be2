"""Classes and values are trained, measured, scored and exported through the same doors as lenses."""

import shutil
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest

from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.core.errors import InvalidInput, JobCancelled
from lensapp.core.evaluate.explain_spec import ExplainSpec
from lensapp.core.progress import ignore_progress, never_stop
from lensapp.core.train.tasks import load_task
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.learning.explain.explaining import explain_cutout
from lensapp.learning.score.evaluation import evaluate_run
from lensapp.learning.score.onnx_export import load_network
from lensapp.learning.score.predict import predict_rows
from lensapp.learning.score.scorers import TrainedNetwork, open_scorer
from lensapp.learning.score.scoring import score_source
from lensapp.learning.train.checkpoints import load_state
from lensapp.learning.train.run_training import train_run
from lensapp.services.catalogue.query import catalogue
from lensapp.services.evaluate.committees import make_committee
from lensapp.services.evaluate.evaluation import load_evaluation
from lensapp.services.train.runs import start_training
from lensapp.storage import datasets, runs, sources
from lensapp.storage.arrays import PackedCutouts
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from support.small_surveys import pack_source

BANDS = ("g", "r")
COUNT, SIZE = 96, 8
TARGETS = ("lens_x_arcsec", "lens_y_arcsec")
NAMES = ("lens", "ring", "star")
TINY = {"filters": 4, "blocks": 1, "dense_units": 16, "second_dense_units": 8, "dropout": 0.1}
RECIPE = {"network_options": TINY, "epochs": 2, "batch_size": 8, "learning_rate": 1e-2, "device": "cpu"}
VALUES = {
    "task": {"kind": "regression", "targets": TARGETS},
    "epochs": 25,
    "augmentation": {"shift_pixels": 0.5},
}
SPECS = {
    "values": RECIPE | VALUES,
    "values-2": RECIPE | VALUES | {"seed": 9, "epochs": 2},
    "classes": RECIPE | {"task": {"kind": "classes"}, "class_weights": "balanced", "epochs": 6},
    "softmax": RECIPE | {"task": {"kind": "binary", "output": "softmax"}},
}


def fill(ws: Workspace) -> None:
    """Spots at known offsets are lenses; rings and stars have none; all are one source and one dataset."""
    rng = np.random.default_rng(5)
    pixels = rng.normal(0, 0.3, (COUNT, SIZE, SIZE, 2)).astype(np.float32)
    offsets = rng.uniform(-2, 2, (COUNT, 2))
    axis = np.arange(SIZE) - (SIZE - 1) / 2
    rows = []
    for k in range(COUNT):
        name = NAMES[0] if k % 2 == 0 else NAMES[1 + k // 2 % 2]
        x, y = offsets[k]
        distance = np.hypot(axis[None, :] - x, axis[:, None] - y)
        width = {"lens": 1.2, "ring": 0.4, "star": 3.0}[name]
        pixels[k] += 8 * np.exp(-((distance / width) ** 2))[..., None]
        own = {"lens_x_arcsec": 0.2 * x, "lens_y_arcsec": 0.2 * y} if name == "lens" else {}
        rows.append(
            {
                "row": k,
                "candidate_id": f"c{k}",
                "label": "lens" if name == "lens" else "nonlens",
                "object_class": name,
                "properties": own,
            }
        )
    source = pack_source(ws, "field", pixels, rows, bands=BANDS)
    columns = sources.cutout_columns(ws.database, [source.id])
    parts = ["train"] * 64 + ["validation"] * 16 + ["test"] * 16
    members = [
        {"cutout_id": int(key), "part": part, "label": label, "group_id": int(key), "fold": None,
         "label_from": "demo"}
        for key, part, label in zip(columns["id"], parts, columns["label"], strict=True)
    ]  # fmt: skip
    datasets.create_dataset(
        ws.database, name="field-v1", source_ids=[source.id], bands=BANDS, spec={}, checksum="0",
        counts={part: {"lens": 8, "nonlens": 8} for part in ("train", "validation", "test")},
        members=members,
    )  # fmt: skip


def train(ws: Workspace, name: str) -> None:
    run, _ = start_training(ws, dataset_name="field-v1", spec=TrainingSpec.parse(SPECS[name]), name=name)
    runs.update_run(ws.database, run.id, summary={})
    train_run(ws, run_name=name, report=ignore_progress, should_stop=never_stop)
    runs.update_run(ws.database, run.id, state="finished")


@pytest.fixture(scope="module")
def ws(tmp_path_factory) -> Workspace:
    ws = Workspace.open(tmp_path_factory.mktemp("tasks") / "workspace")
    fill(ws)
    for name in SPECS:
        train(ws, name)
        evaluate_run(ws, run_name=name)
    return ws


def pixels_of(ws: Workspace, count: int = 6) -> np.ndarray:
    return PackedCutouts.open(ws.cutouts_folder("field")).read(np.arange(count))


@pytest.mark.long
def test_positions_are_learned_from_turned_and_moved_cutouts(ws):
    figures = load_evaluation(ws, "values").figures
    assert figures.n == 8
    for target in figures.targets:
        assert target.correlation > 0.8
        assert target.rmse < 0.15
    history = runs.metrics_of(ws.database, runs.get_run(ws.database, "values").id)
    assert {"loss", "val_loss", "rmse", "val_rmse", "rmse_lens_x_arcsec", "val_rmse_lens_y_arcsec"} <= set(
        history[0]
    )
    assert history[-1]["val_rmse"] < history[0]["val_rmse"]


def test_only_cutouts_with_all_values_take_part_and_their_spread_is_stored(ws):
    task = load_task(ws.run_folder("values"))
    values = [c.properties for c in sources.get_cutouts(ws.database, range(1, 65)) if c.properties]
    assert len(values) == 32
    expected = np.array([[value[name] for name in TARGETS] for value in values])
    np.testing.assert_allclose(task.centre, expected.mean(0), rtol=1e-5)
    np.testing.assert_allclose(task.scale, expected.std(0), rtol=1e-5)


def test_exported_and_keras_networks_agree_on_estimates(ws):
    folder = ws.run_folder("values")
    network, pixels = TrainedNetwork.open(folder), pixels_of(ws)
    assert network.engine.startswith("onnxruntime")
    outputs = np.asarray(load_network(folder)(network.normalisation.apply(pixels)))
    for one, other in zip(network.estimate(pixels), network.task.estimates(outputs), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    with pytest.raises(InvalidInput, match="gives no score"):
        network.score(pixels)


def test_estimates_of_a_source_are_kept_without_scores_and_not_made_twice(ws):
    outcome = score_source(ws, run_name="values", source_name="field", shard_rows=40)
    assert (outcome["scored"], outcome["skipped"]) == (COUNT, 0)
    again = score_source(ws, run_name="values", source_name="field")
    assert (again["scored"], again["skipped"]) == (0, COUNT)
    run = runs.get_run(ws.database, "values")
    assert not stored_scores.scores_of(ws, run.id, 1)[0].size
    table = catalogue(ws, CatalogueQuery(of=("field",), run="values"))
    assert table["score"].isna().all()
    mean, sigma = TrainedNetwork.open(ws.run_folder("values")).estimate(pixels_of(ws, 1))
    row = table[table["id"] == "c0"].iloc[0]
    assert row["lens_x_arcsec"] == pytest.approx(mean[0, 0], abs=1e-5)
    assert row["lens_y_arcsec_sigma"] == pytest.approx(sigma[0, 1], abs=1e-5)


def test_classes_are_told_apart_and_all_probabilities_kept(ws):
    task = load_task(ws.run_folder("classes"))
    assert (task.classes, task.positive) == (NAMES, ("lens",))
    found = load_evaluation(ws, "classes")
    np.testing.assert_allclose(found.stored.probabilities.sum(1), 1, atol=1e-5)
    assert found.class_figures.macro_auroc > 0.7
    stored = runs.get_run(ws.database, "classes").evaluation
    assert stored["classes"]["macro_auroc"] == found.class_figures.macro_auroc
    assert stored["confusion"].keys() == {"tp", "fp", "fn", "tn"}
    score_source(ws, run_name="classes", source_name="field")
    table = catalogue(ws, CatalogueQuery(of=("field",), run="classes"))
    np.testing.assert_allclose(table["score"], table["probability_lens"], atol=1e-6)
    rows = predict_rows(ws.run_folder("classes"), list(pixels_of(ws, 2)))
    assert rows[0].keys() == {"score", "class", *(f"probability_{name}" for name in NAMES)}
    assert runs.metrics_of(ws.database, 3)[0].keys() >= {"val_auc", "val_purity", "auc", "completeness"}


def test_a_class_and_a_value_can_be_explained(ws):
    pixels, spec = pixels_of(ws, 2), ExplainSpec(perturbations=100, segments=9)
    star = partial(explain_cutout, ws, run_name="classes", key="star", pixels=pixels[1])
    told = star(spec=spec.replaced(about="star"))
    assert told["value"] == pytest.approx(
        predict_rows(ws.run_folder("classes"), [pixels[1]])[0]["probability_star"]
    )
    with pytest.raises(InvalidInput, match=r"nothing about 'galaxy'.*score, lens, ring, star"):
        star(spec=spec.replaced(about="galaxy"))
    told = explain_cutout(ws, run_name="values", key="x", pixels=pixels[0], spec=spec)
    assert told["about"] == TARGETS[0]
    assert told["value"] == pytest.approx(
        TrainedNetwork.open(ws.run_folder("values")).estimate(pixels)[0][0, 0], abs=1e-5
    )


def test_a_two_way_softmax_scores_with_the_probability_of_a_lens(ws):
    network, pixels = TrainedNetwork.open(ws.run_folder("softmax")), pixels_of(ws)
    outputs = network.outputs(pixels)
    assert outputs.shape == (6, 2)
    np.testing.assert_array_equal(network.score(pixels), outputs[:, 1])
    assert load_evaluation(ws, "softmax").scores.shape == (16,)


def test_a_paused_estimation_resumes_bit_for_bit(ws, tmp_path):
    twin = Workspace.open(tmp_path / "workspace")
    fill(twin)
    spec = TrainingSpec.parse(SPECS["values-2"])
    run, _ = start_training(twin, dataset_name="field-v1", spec=spec, name="values-2")
    answers = iter([None] * 3 + ["pause"] + [None] * 1000)
    with pytest.raises(JobCancelled, match="paused"):
        train_run(twin, run_name=run.name, report=ignore_progress, should_stop=lambda: next(answers))
    before = load_state(twin.run_folder(run.name)).epoch
    train_run(twin, run_name=run.name, report=ignore_progress, should_stop=never_stop)
    # Curves mark the epoch after which it went on; one that began its first epoch again has none.
    marked = runs.get_run(twin.database, run.name).summary.get("resumed_after", [])
    assert marked == ([before] if before else [])
    assert runs.metrics_of(twin.database, run.id)[-1]["batches"] >= 1
    for name in ("best.keras", "last.keras"):
        mine, theirs = (
            keras.saving.load_model(space.run_folder("values-2") / name, compile=False).get_weights()
            for space in (twin, ws)
        )
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_committee_and_dropout_add_what_networks_disagree_about(ws):
    make_committee(ws, name="both", members=["values", "values-2"])
    pixels = pixels_of(ws)
    members = [TrainedNetwork.open(ws.run_folder(name)).estimate(pixels) for name in ("values", "values-2")]
    mean, sigma = open_scorer(ws.run_folder("both")).estimate(pixels)
    np.testing.assert_allclose(mean, (members[0][0] + members[1][0]) / 2, atol=1e-5)
    assert (sigma**2 >= (members[0][1] ** 2 + members[1][1] ** 2) / 2 - 1e-5).all()
    assert evaluate_run(ws, run_name="both", part="validation")["n"] == 8
    plain = evaluate_run(ws, run_name="values", part="validation")
    passes = evaluate_run(ws, run_name="values", part="validation", dropout_passes=8)
    assert passes["dropout_passes"] == 8
    assert passes["targets"][0]["mean_sigma"] != plain["targets"][0]["mean_sigma"]
    with pytest.raises(InvalidInput, match="gives scores"):
        evaluate_run(ws, run_name="classes", dropout_passes=8)


def test_values_that_no_cutout_has_are_refused_with_what_there_is(ws):
    spec = TrainingSpec.parse(RECIPE | {"task": {"kind": "regression", "targets": ["mass"]}})
    with pytest.raises(InvalidInput, match="0 with mass"):
        start_training(ws, dataset_name="field-v1", spec=spec)
    classes = TrainingSpec.parse(RECIPE | {"task": {"kind": "classes", "classes": ["lens", "galaxy"]}})
    with pytest.raises(InvalidInput, match="32 lens, 0 galaxy"):
        start_training(ws, dataset_name="field-v1", spec=classes)


def test_a_part_that_was_stopped_goes_on_where_it_was(ws, tmp_path):
    copy = tmp_path / "workspace"
    shutil.copytree(ws.folder, copy)
    other = Workspace.open(Path(copy))
    shutil.rmtree(other.run_folder("values-2") / "estimates", ignore_errors=True)
    with pytest.raises(JobCancelled, match="stopped after 40 of 96"):
        score_source(
            other, run_name="values-2", source_name="field", shard_rows=40, should_stop=lambda: "stop"
        )
    outcome = score_source(other, run_name="values-2", source_name="field")
    assert (outcome["scored"], outcome["skipped"]) == (56, 40)
