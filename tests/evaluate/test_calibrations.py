"""Calibrations kept with runs: fitted on validation, written beside the raw score."""

import json
import os

import numpy as np
import pytest

from lensapp.cli import main
from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.evaluate.calibration import Calibration
from lensapp.learning.score.evaluation import evaluate_run
from lensapp.learning.score.scoring import score_source
from lensapp.services.catalogue.query import catalogue
from lensapp.services.evaluate.calibrations import (
    calibrate,
    calibration_of,
    compare_methods,
    remove_calibration,
)
from lensapp.services.evaluate.evaluation import load_evaluation
from lensapp.storage import runs
from lensapp.storage.evaluations import load_evaluation as read_stored
from lensapp.storage.evaluations import save_evaluation
from support.scoring_workspace import Trained, train_tiny


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


def test_a_network_trained_further_has_no_calibration(trained):
    ws = trained.workspace
    calibrate(ws, "first", method="beta")
    run = runs.get_run(ws.database, "first")
    assert calibration_of(ws, run) is not None
    later = (trained.folder / "calibration.json").stat().st_mtime + 10
    os.utime(trained.folder / "best.keras", (later, later))
    assert calibration_of(ws, run) is None
    with pytest.raises(InvalidInput, match="has changed since"):
        calibrate(ws, "first", method="beta")


def test_a_run_not_evaluated_on_validation_says_what_to_do(tmp_path):
    fresh = train_tiny(tmp_path / "workspace")
    with pytest.raises(NotFound, match="Evaluate it first"):
        calibrate(fresh.workspace, "first", method="platt")


def test_a_part_with_few_lenses_gives_the_raw_figures_only(tmp_path):
    fresh = train_tiny(tmp_path / "workspace")
    for part in ("test", "validation"):
        evaluate_run(fresh.workspace, run_name="first", part=part)
    evaluation = load_evaluation(fresh.workspace, "first")
    assert [one.method for one in compare_methods(fresh.workspace, evaluation)] == ["none"]
    with pytest.raises(InvalidInput, match="5 lenses and 5 non-lenses"):
        calibrate(fresh.workspace, "first", method="platt")


def test_the_command_fits_tells_what_it_changes_and_removes(trained, capsys):
    command = ["--workspace", str(trained.workspace.folder), "calibrate", "first", "--json"]
    assert main([*command, "--method", "isotonic"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["method"] == "isotonic"
    assert set(told["calibrated"]) == {"ece", "brier"}
    run = runs.get_run(trained.workspace.database, "first")
    assert isinstance(calibration_of(trained.workspace, run), Calibration)
    assert main([*command, "--method", "none"]) == 0
    assert calibration_of(trained.workspace, run) is None
    remove_calibration(trained.workspace, "first")  # twice does no harm
