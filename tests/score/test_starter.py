"""The starter network: there in any workspace, and tolerated wherever runs and versions are listed."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from lensapp.cli import main
from lensapp.core.errors import BandMismatch, UnitMismatch
from lensapp.core.split.splits import SplitSpec
from lensapp.core.train.normalisation import about_middle, in_cutout
from lensapp.services.catalogue.feedback import suggest_dataset
from lensapp.services.catalogue.ledger import ledger
from lensapp.services.inspect.queues import feedback_warning
from lensapp.services.overview import overview
from lensapp.services.split.datasets import freeze_split, list_versions
from lensapp.services.train import starter
from lensapp.services.train.run_listing import origin_of
from lensapp.services.train.runs import list_statuses, run_status, start_scoring, training_datasets
from lensapp.services.train.starter import REMARK, install_starter, is_starter
from lensapp.storage import reviews, runs, sources
from lensapp.storage.explanations import load_explanation
from lensapp.storage.records import Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from support.pages_workspace import full_workspace, open_page
from support.small_surveys import pack_source

COUNT, SCALE = 12, 0.25


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("LENSAPP_WORKER", "0")
    return Workspace.open()


def galaxies(size: int, *, count: int = COUNT) -> np.ndarray:
    """Noise with a blob in the middle, whatever the size, in flux of AB zero point 27."""
    pixels = np.random.default_rng(0).normal(0, 1, (count, 64, 64, 3)).astype(np.float32)
    y, x = np.indices((64, 64)) - 31.5
    pixels += (50 * np.exp(-(x**2 + y**2) / 18))[..., None] * np.linspace(0.2, 2, count)[:, None, None, None]
    edge = (64 - size) // 2
    return pixels[:, edge : edge + size, edge : edge + size].astype(np.float32)


def survey(
    ws: Workspace, name: str = "sky", *, size: int = 32, count: int = COUNT, **settings: Any
) -> Source:
    cutouts = [
        {"row": row, "candidate_id": f"{name}{row}", "label": "lens" if row % 2 else "nonlens"}
        for row in range(count)
    ]
    settings = {"pixel_scale_arcsec": SCALE} | settings
    return pack_source(ws, name, galaxies(size, count=count), cutouts, **settings)


def lensapp(ws: Workspace, *words: str, capsys: pytest.CaptureFixture[str]) -> Any:
    capsys.readouterr()
    assert main(["--workspace", str(ws.folder), *words, "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def scores_of(ws: Workspace, source: Source) -> np.ndarray:
    ids, scores = stored_scores.scores_of(ws, runs.get_run(ws.database, "starter").id, source.id)
    return scores[np.argsort(ids)]


def test_what_is_shipped_is_small_and_has_a_card() -> None:
    assert sum(path.stat().st_size for path in starter.FOLDER.iterdir()) < 1e6
    card = starter.starter_card()
    assert "AUROC" in card
    assert "Pan-STARRS1" in card


def test_a_workspace_without_any_run_scores_as_keras_does(ws, capsys):
    source = survey(ws)
    assert lensapp(ws, "score", "starter", "sky", capsys=capsys)["scored"] == COUNT
    stored = json.loads((starter.FOLDER / "normalisation.json").read_text("utf-8"))
    centre, scale, gain = (np.array(stored[key]) for key in ("centre", "scale", "gain"))
    network = keras.models.load_model(starter.FOLDER / "best.keras")
    expected = network.predict(np.arcsinh((galaxies(32) - centre) / scale) * gain, verbose=0)[:, 0]
    np.testing.assert_allclose(scores_of(ws, source), expected, atol=1e-4)


def test_larger_cutouts_are_cropped_and_smaller_ones_padded_as_if_masked(ws, capsys):
    exact, large, small = survey(ws, "exact"), survey(ws, "large", size=48), survey(ws, "small", size=24)
    masked = galaxies(32)
    masked[:, :4] = masked[:, -4:] = masked[:, :, :4] = masked[:, :, -4:] = np.nan
    framed = pack_source(
        ws,
        "framed",
        masked,
        [{"row": row, "candidate_id": f"f{row}"} for row in range(COUNT)],
        pixel_scale_arcsec=SCALE,
    )
    for name in ("exact", "large", "small", "framed"):
        lensapp(ws, "score", "starter", name, capsys=capsys)
    np.testing.assert_allclose(scores_of(ws, large), scores_of(ws, exact), atol=1e-6)
    np.testing.assert_allclose(scores_of(ws, small), scores_of(ws, framed), atol=1e-6)
    assert not np.allclose(scores_of(ws, small), scores_of(ws, exact), atol=1e-6)


def test_an_odd_pixel_goes_at_the_upper_and_right_edge_and_comes_at_the_lower_and_left():
    pixels = np.arange(25.0).reshape(1, 5, 5, 1)
    np.testing.assert_array_equal(about_middle(pixels, (2, 4))[0, ..., 0], [[5, 6, 7, 8], [10, 11, 12, 13]])
    laid_back = in_cutout(about_middle(pixels, (2, 4))[0, ..., 0], (5, 5))
    np.testing.assert_array_equal(laid_back[1:3, :4], [[5, 6, 7, 8], [10, 11, 12, 13]])
    assert laid_back.sum() == 72
    padded = about_middle(pixels, (6, 5))[0, ..., 0]
    np.testing.assert_array_equal(in_cutout(padded, (5, 5)), pixels[0, ..., 0])
    np.testing.assert_array_equal(padded[1:], pixels[0, ..., 0])
    assert np.isnan(padded[0]).all()


def test_other_pixel_scales_and_unknown_ones_are_refused_with_the_reason(ws):
    install_starter(ws)
    survey(ws, "coarse", pixel_scale_arcsec=0.27)
    survey(ws, "unknown", size=48, pixel_scale_arcsec=None)
    survey(ws, "uncalibrated", zero_point=None)
    survey(ws, "near", pixel_scale_arcsec=0.262)
    with pytest.raises(BandMismatch, match=r"trained at a pixel scale of 0.25 arcsec.*0.27"):
        start_scoring(ws, run_name="starter", source_name="coarse")
    with pytest.raises(UnitMismatch, match="pixel scales could not be compared"):
        start_scoring(ws, run_name="starter", source_name="unknown")
    with pytest.raises(UnitMismatch, match="unit of flux of these cutouts is unknown"):
        start_scoring(ws, run_name="starter", source_name="uncalibrated")
    assert start_scoring(ws, run_name="starter", source_name="near").state == "queued"


def test_it_is_installed_once_and_its_empty_version_is_nowhere_offered(ws, capsys):
    run = install_starter(ws)
    assert install_starter(ws) == run
    assert is_starter(run)
    assert origin_of(run_status(ws, "starter")) == REMARK
    assert run.state == "finished"
    assert list_versions(ws) == training_datasets(ws) == []
    assert lensapp(ws, "datasets", capsys=capsys) == []
    assert [(row["name"], row["dataset"]) for row in lensapp(ws, "runs", capsys=capsys)] == [
        ("starter", "starter")
    ]
    assert [(status.name, status.dataset) for status in list_statuses(ws)] == [("starter", "starter")]
    assert ledger(ws, "starter").sources == ()
    assert main(["--workspace", str(ws.folder), "evaluate", "starter"]) == 2
    assert "was trained elsewhere" in capsys.readouterr().err
    survey(ws)
    stages = {stage.name: stage.count for stage in overview(ws).stages}
    assert (stages["Dataset"], stages["Network"]) == (0, 0)  # that were made here


def test_pages_say_that_it_learned_elsewhere(ws):
    install_starter(ws)
    survey(ws)
    freeze_split(ws, source_names=["sky"], spec=SplitSpec(near_duplicate_bits=0))
    page = open_page("train", run="starter")
    assert not page.exception
    assert [one.value for one in page.info] == [
        "There are no curves: no epoch of it was trained in this workspace."
    ]
    page = open_page("catalogue", run="starter", view="ledger")
    assert not page.exception
    assert any("was made elsewhere" in one.value for one in page.markdown)


def test_a_run_of_ones_own_with_its_name_stays_what_it_is(ws):
    survey(ws)
    dataset = freeze_split(ws, source_names=["sky"], spec=SplitSpec(near_duplicate_bits=0))
    own = runs.create_run(ws.database, name="starter", dataset_id=dataset.id, model="elu_cnn", spec={})
    assert install_starter(ws).id == own.id
    assert not is_starter(install_starter(ws))
    assert origin_of(run_status(ws, "starter")) != REMARK


def test_votes_on_what_it_scored_belong_to_the_version_of_their_source(ws):
    source, run = survey(ws), install_starter(ws)
    ids = sources.cutout_columns(ws.database, [source.id], columns=("id",))["id"]
    reviews.create_review(
        ws.database, name="look", source_id=source.id, run_id=run.id, spec={}, queue=ids[:5]
    )
    assert suggest_dataset(ws, "look") is None
    version = freeze_split(ws, source_names=["sky"], spec=SplitSpec(near_duplicate_bits=0))
    assert suggest_dataset(ws, "look") == version.name


def test_a_training_goes_on_from_it_with_its_recipe_on_cutouts_of_another_size(ws, capsys):
    survey(ws, size=40, count=24)
    lensapp(
        ws, "split", "sky", "--name", "sky-v1", "--near-duplicate-bits", "0", "--train", "0.5",
        "--validation", "0.25", "--test", "0.25", capsys=capsys,
    )  # fmt: skip
    words = ("train", "sky-v1", "--initial-run", "starter", "--epochs", "1", "--learning-rate", "1e-9")
    run = runs.get_run(ws.database, lensapp(ws, *words, "--name", "on", capsys=capsys)["run"])
    assert run.model == "equivariant_resnet"
    assert run.initial_run_id == runs.get_run(ws.database, "starter").id
    first, gone_on = (
        keras.models.load_model(ws.run_folder(name) / "best.keras").trainable_weights
        for name in ("starter", "on")
    )
    for before, after in zip(first, gone_on, strict=True):
        np.testing.assert_allclose(after.numpy(), before.numpy(), atol=1e-6)
    assert lensapp(ws, "evaluate", "on", capsys=capsys)["auroc"] >= 0


def test_home_score_and_train_offer_it_also_beside_own_runs(ws):
    assert any("starter network" in text.value for text in open_page("home").caption)
    source = survey(ws)
    page = open_page("home")
    assert page.button(key="demo").label == "Make a demo survey"
    page.button(key="score-with-starter").click().run()
    assert not page.exception
    page = open_page("score", run="starter", source="sky")
    assert page.button(key="start-score-starter-sky").label == "Score"
    for name in ("split", "train", "features"):
        assert not open_page(name, run="starter").exception
    page = open_page("evaluate", run="starter")  # not another run without a word
    assert any("nothing here to measure it on" in text.value for text in page.info)
    assert starter.starter_card().strip() in [text.value for text in page.markdown]
    freeze_split(ws, source_names=[source.name], spec=SplitSpec(near_duplicate_bits=0))
    assert not open_page("train", run="starter").exception


def test_it_is_offered_where_only_own_networks_were_trained(tmp_path, monkeypatch):
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "own"))
    own = full_workspace(tmp_path / "own")
    survey(own, "large", size=40)
    page = open_page("home")
    assert {"score-with-starter", "train-from-starter", "demo"} <= {button.key for button in page.button}
    page = open_page("score", source="large")
    assert [run.name for run in runs.list_runs(own.database)] == ["elu_cnn-2", "elu_cnn-1"]  # only looked at
    assert page.selectbox(key="choose-run").options[-1] == "starter · comes with the program"
    assert "only" not in page.selectbox(key="choose-source").options[0]
    page.selectbox(key="choose-run").set_value("starter").run()
    assert not page.exception
    assert page.button(key="start-score-starter-large").label == "Score"
    survey(own, "little", size=8)
    warning = feedback_warning(own, run_name="elu_cnn-1", source_name="little")
    assert warning is not None
    assert "cannot be fed back into sky-v1, on which elu_cnn-1 was trained" in warning
    assert feedback_warning(own, run_name="elu_cnn-1", source_name="sky") is None
    assert feedback_warning(own, run_name="elu_cnn-1", source_name="large") is None  # by their middle
    assert feedback_warning(own, run_name="starter", source_name="large") is None
    page = open_page("home")
    page.button(key="train-from-starter").click().run()
    page = open_page("train", **{"train-recipe": "starter"})  # as Home opens it, and as a reload does
    assert page.radio(key="train-recipe").value == "starter"
    assert page.selectbox(key="new-run-starter-equivariant_resnet-initial").value == "starter"


def test_it_is_trained_further_only_where_a_version_has_its_bands(tmp_path, monkeypatch):
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "own"))
    own = Workspace.open(tmp_path / "own")
    spec = SplitSpec(near_duplicate_bits=0)
    for name, bands in (("two", ("g", "r", "z")), ("of-three", ("g", "r", "i")), ("newest", ("g", "r", "z"))):
        survey(own, name, bands=bands)
        freeze_split(own, source_names=[name], spec=spec, name=f"{name}-v1")
        keys = {button.key for button in open_page("home").button}
        assert "score-with-starter" in keys
        assert ("train-from-starter" in keys) is (name != "two")
    page = open_page("home")
    page.button(key="train-from-starter").click().run()
    assert page.query_params["dataset"] == "of-three-v1"


def test_the_explanation_of_a_larger_cutout_covers_it_all(ws, capsys):
    survey(ws, "large", size=48)
    out = lensapp(
        ws, "explain", "starter", "large1", "--perturbations", "100", "--path-steps", "8",
        "--out", str(ws.folder / "why.png"), capsys=capsys,
    )  # fmt: skip
    seen = load_explanation(ws.run_folder("starter"), out["key"]).maps["integrated"]
    assert seen.shape == (48, 48)
    assert not seen[:8].any()
    assert seen[8:40, 8:40].any()
