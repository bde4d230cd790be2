"""Calibrations kept with runs: fitted on validation, written beside the raw score."""

import json

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from lensapp.cli import main
from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.evaluate.calibration import Calibration
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.learning.score.evaluation import evaluate_run
from lensapp.learning.score.scoring import score_source
from lensapp.services.catalogue.charts import caption_lines
from lensapp.services.catalogue.export import export
from lensapp.services.catalogue.ledger import ledger_of_candidate
from lensapp.services.catalogue.query import catalogue
from lensapp.services.evaluate import calibrations
from lensapp.services.evaluate.calibrations import (
    calibrate,
    calibrated_by_id,
    calibration_of,
    compare_methods,
    remove_calibration,
    why_none_fits,
)
from lensapp.services.evaluate.evaluation import load_evaluation
from lensapp.services.evaluate.figure_tables import calibration_table
from lensapp.services.inspect.gallery import open_review
from lensapp.services.inspect.queues import create_review
from lensapp.storage import runs
from lensapp.storage.care.trail import read_trail
from lensapp.storage.evaluations import load_evaluation as read_stored
from lensapp.storage.evaluations import save_evaluation
from lensapp.ui.shared.scores import scores_text
from support.pages_workspace import open_page, sheets_of
from support.scoring_workspace import Trained, date_anew, train_further, train_tiny


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Trained:
    trained = train_tiny(tmp_path_factory.mktemp("calibrations") / "workspace")
    evaluate_run(trained.workspace, run_name="first")
    evaluate_run(trained.workspace, run_name="first", part="validation")
    stored = read_stored(trained.folder, "validation")
    many = {
        "cutout_ids": np.tile(stored.cutout_ids, 4),
        "labels": np.tile(stored.labels, 4),
        "rotated_scores": np.random.default_rng(1).uniform(0.1, 0.9, (40, 1)).astype(np.float32),
    }
    save_evaluation(trained.folder, "validation", type(stored)(**vars(stored) | many | {"group_ids": None}))
    return trained


@pytest.fixture
def trained(original, tmp_path) -> Trained:
    return original.copied(tmp_path / "workspace")


def test_the_calibrated_score_stands_beside_the_raw_one_in_the_catalogue(trained):
    ws = trained.workspace
    score_source(ws, run_name="first", source_name="field")
    before = catalogue(ws, CatalogueQuery(of=("field",), run="first"))
    assert "calibrated_score" not in before
    fitted = calibrate(ws, "first", method="platt")
    table = catalogue(ws, CatalogueQuery(of=("field",), run="first"))
    np.testing.assert_array_equal(table["score"], before["score"])
    np.testing.assert_allclose(table["calibrated_score"], fitted(table["score"].to_numpy()))


def test_the_calibrated_score_stands_beside_the_raw_one_wherever_scores_are_shown(
    trained, tmp_path, monkeypatch, capsys
):
    ws, run = trained.workspace, runs.get_run(trained.workspace.database, "first")
    score_source(ws, run_name="first", source_name="field")
    review = create_review(
        ws, name="best", source_name="field", run_name="first", spec=ReviewSpec(order="score")
    )
    opened = open_review(ws, review.id)
    ids = opened.queue.tolist()
    assert "probability" not in opened.facts(ids, with_scores=True)[0]
    fitted = calibrate(ws, "first", method="temperature")
    best = opened.facts(ids, with_scores=True)[0]
    assert best["probability"] == pytest.approx(float(fitted(best["score"])))
    assert "probability" not in opened.facts(ids)[0]  # scores are hidden
    ledger = ledger_of_candidate(ws, ids[0])
    assert ledger.scores == (("first", "sky-v1", best["score"], pytest.approx(best["probability"])),)
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(ws.folder))
    monkeypatch.setenv("LENSAPP_DATABASE_URL", f"sqlite:///{ws.folder / 'workspace.db'}")
    page = open_page("score", source="field", run="first")
    captions = [caption for sheet in sheets_of(page).values() for _, _, caption, _, _ in sheet["items"]]
    shown = scores_text(best["score"], best["probability"])
    assert shown.count("P ") == 1
    assert any(caption.startswith(f"{shown}\n") for caption in captions)
    export(ws, CatalogueQuery(of=("field",), run="first"), out=tmp_path / "out.fits")
    table = Table.read(tmp_path / "out.fits")
    np.testing.assert_allclose(table["calibrated_score"], fitted(np.asarray(table["score"])), rtol=1e-6)
    assert fits.getheader(tmp_path / "out.fits")["CALIBRAT"].startswith("calibrated_score by temperature")
    pixels = trained.pixels().read(np.array([3]))[0]
    path = tmp_path / "one.npy"
    np.save(path, np.nan_to_num(pixels))
    assert (
        main(
            ["--workspace", str(ws.folder), "--json", "predict", "first", str(path), "--allow-unknown-units"]
        )
        == 0
    )
    [row] = json.loads(capsys.readouterr().out)
    assert row["calibrated_score"] == pytest.approx(float(fitted(row["score"])))
    drawn = {
        "id": "a", "ra": np.nan, "dec": np.nan, "mean": np.nan, "votes": 0, "grade": "", "known_lens": "",
        "score": 0.5, "calibrated_score": 0.25,
    }  # fmt: skip
    assert caption_lines(drawn)[2].endswith("score 0.500 (0.250)")
    assert calibrated_by_id(ws, run, {}) == {}


def test_pretended_scores_of_blind_tests_are_calibrated_alike(trained):
    """A test that alone lacked a probability, or had another one for its score, could be told."""
    ws = trained.workspace
    score_source(ws, run_name="first", source_name="field")
    spec = ReviewSpec(order="score", calibrators=0.2, dud_share=1.0, repeats=0.1, seed=1)
    review = create_review(ws, name="blind", source_name="field", run_name="first", spec=spec)
    fitted = calibrate(ws, "first", method="platt")
    opened = open_review(ws, review.id)
    facts = opened.facts(opened.queue.tolist(), with_scores=True)
    assert len(facts) > 60
    scores = np.array([row["score"] for row in facts])
    np.testing.assert_allclose([row["probability"] for row in facts], fitted(scores))


def test_a_network_trained_further_has_no_calibration(trained):
    ws = trained.workspace
    calibrate(ws, "first", method="beta")
    run = runs.get_run(ws.database, "first")
    assert calibration_of(ws, run) is not None
    date_anew(trained.folder)  # as a copy of the workspace
    assert calibration_of(ws, run) is not None
    train_further(trained.folder)
    assert calibration_of(ws, run) is None
    with pytest.raises(InvalidInput, match="has changed since"):
        calibrate(ws, "first", method="beta")


def test_a_run_not_evaluated_on_validation_says_what_to_do(tmp_path):
    fresh = train_tiny(tmp_path / "workspace")
    with pytest.raises(NotFound, match="Evaluate it first"):
        calibrate(fresh.workspace, "first", method="platt")


def test_a_part_too_small_for_a_calibration_says_so_before_and_after_its_evaluation(tmp_path):
    fresh = train_tiny(tmp_path / "workspace")
    evaluate_run(fresh.workspace, run_name="first", part="test")
    evaluation = load_evaluation(fresh.workspace, "first")
    told = "The validation part has 5 lenses and 5 non-lenses; a calibration needs at least 10 of each."
    assert why_none_fits(fresh.workspace, evaluation).startswith(told)
    evaluate_run(fresh.workspace, run_name="first", part="validation")
    assert why_none_fits(fresh.workspace, evaluation).startswith(told)


def test_a_run_with_enough_on_validation_can_be_calibrated(trained):
    assert why_none_fits(trained.workspace, load_evaluation(trained.workspace, "first")) == ""


def test_a_part_with_few_lenses_gives_the_raw_figures_only(tmp_path):
    fresh = train_tiny(tmp_path / "workspace")
    for part in ("test", "validation"):
        evaluate_run(fresh.workspace, run_name="first", part=part)
    evaluation = load_evaluation(fresh.workspace, "first")
    assert [one.method for one in compare_methods(fresh.workspace, evaluation)] == ["none"]
    with pytest.raises(InvalidInput, match="5 lenses and 5 non-lenses"):
        calibrate(fresh.workspace, "first", method="platt")


def test_the_method_of_the_smallest_loss_is_marked_and_offered(trained, monkeypatch):
    ws = trained.workspace
    evaluation = load_evaluation(ws, "first")
    methods = compare_methods(ws, evaluation)
    [best] = [one for one in methods if one.best]
    assert round(best.log_loss, 4) == min(round(one.log_loss, 4) for one in methods)
    assert calibration_table(methods)["scores"].str.endswith("(best)").sum() == 1
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(ws.folder))
    monkeypatch.setenv("LENSAPP_DATABASE_URL", f"sqlite:///{ws.folder / 'workspace.db'}")
    page = open_page("evaluate", run="first", view="survey")
    page.button(key="evaluate-use-best").click().run()
    assert not page.exception
    run = runs.get_run(ws.database, "first")
    assert calibration_of(ws, run).method == best.method
    assert "evaluate-use-best" not in {one.key for one in page.button}


def test_the_command_fits_tells_what_it_changes_and_removes(trained, capsys):
    command = ["--workspace", str(trained.workspace.folder), "calibrate", "first", "--json"]
    assert main([*command, "--method", "isotonic"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["method"] == "isotonic"
    assert set(told["calibrated"]) == {"ece", "brier"}
    run = runs.get_run(trained.workspace.database, "first")
    assert isinstance(calibration_of(trained.workspace, run), Calibration)
    assert main([*command, "--method", "none"]) == 0
    capsys.readouterr()
    assert calibration_of(trained.workspace, run) is None
    remove_calibration(trained.workspace, "first")  # twice does no harm
    told = [(row["did"], row["detail"]) for row in read_trail(trained.workspace.database, limit=2)]
    assert told == [("took the calibration from", ""), ("calibrated", "isotonic")]


@pytest.mark.parametrize("best", ["beta", "none"])
def test_the_command_takes_the_best_of_validation_unless_told_and_says_which(
    trained, capsys, monkeypatch, best
):
    """As the page offers it; where the raw scores are best none is kept."""
    ws = trained.workspace
    calibrate(ws, "first", method="isotonic")
    losses = dict.fromkeys(("none", "platt", "isotonic", "beta", "temperature"), 0.5) | {best: 0.4}
    monkeypatch.setattr(calibrations, "losses_of_methods", lambda evaluation: losses)
    [marked] = [one for one in compare_methods(ws, load_evaluation(ws, "first")) if one.best]
    assert main(["--workspace", str(ws.folder), "calibrate", "first", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["best"] == marked.method == best
    assert told["log_loss"] == losses
    kept = calibration_of(ws, runs.get_run(ws.database, "first"))
    assert told["method"] == (None if kept is None else kept.method) == (None if best == "none" else best)
