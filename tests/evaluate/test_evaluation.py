"""Evaluation of a run: figures, stored scores, rotation scatter and what the page reads back."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as reference

from lensapp.core.errors import InvalidInput, JobCancelled, NotFound, StorageError
from lensapp.core.evaluate.metrics import measure, propose_thresholds
from lensapp.learning.score.evaluation import evaluate_run, rotated_outputs, rotation_std
from lensapp.learning.score.scorers import TrainedNetwork
from lensapp.services.evaluate import evaluation as service
from lensapp.storage import datasets, runs
from lensapp.storage.evaluations import StoredEvaluation, load_evaluation, save_evaluation
from support.scoring_workspace import Trained, date_anew, train_further, train_tiny

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Trained:
    trained = train_tiny(tmp_path_factory.mktemp("evaluation") / "workspace")
    evaluate_run(trained.workspace, run_name="first")
    return trained


@pytest.fixture
def trained(original, tmp_path) -> Trained:
    return original.copied(tmp_path / "workspace")


def made_evaluation(scores, labels, *, turns: int = 4) -> service.Evaluation:
    """An evaluation of given scores; cutout ids count from 100."""
    rotated = np.repeat(np.asarray(scores, np.float32)[:, None], turns, axis=1)
    stored = StoredEvaluation(
        cutout_ids=np.arange(len(scores)) + 100,
        labels=np.asarray(labels, bool),
        rotated_scores=rotated,
        figures={},
    )
    return service.Evaluation(run="r", part="test", stored=stored, outdated=False)


MANY = np.random.default_rng(4).random(9000).astype(np.float32)
TRUTH = np.random.default_rng(5).random(9000) < MANY**2


def test_the_contract_names_every_figure(trained):
    figures = evaluate_run(trained.workspace, run_name="first")
    expected = {
        "auroc", "average_precision", "tpr0", "tpr10", "confusion", "threshold", "rotation_std", "accuracy",
        "brier", "purity", "completeness", "n", "n_positive",
    }  # fmt: skip
    assert expected <= set(figures)
    assert set(figures["confusion"]) == {"tp", "fp", "fn", "tn"}
    assert (figures["n"], figures["n_positive"]) == (20, 10)
    assert figures["rotation_std"] >= 0
    json.dumps(figures, allow_nan=False)


def test_figures_follow_from_the_scores_of_the_test_part(trained):
    database = trained.workspace.database
    dataset = datasets.get_dataset(database, "sky-v1")
    members = datasets.member_columns(database, dataset.id, part="test")
    scores = TrainedNetwork.open(trained.folder).score(trained.pixels().read(members["row"]))
    found = service.load_evaluation(trained.workspace, "first")
    np.testing.assert_allclose(found.scores, scores, rtol=0, atol=1e-6)
    assert found.stored.cutout_ids.tolist() == members["cutout_id"].tolist()
    labels = members["label"] == "lens"
    assert found.stored.figures["auroc"] == pytest.approx(reference.roc_auc_score(labels, found.scores))
    assert runs.get_run(database, "first").evaluation == found.stored.figures


def test_only_the_test_part_becomes_the_evaluation_of_the_run(trained):
    before = runs.get_run(trained.workspace.database, "first").evaluation
    evaluate_run(trained.workspace, run_name="first", part="validation")
    assert runs.get_run(trained.workspace.database, "first").evaluation == before
    assert service.load_evaluation(trained.workspace, "first", part="validation").scores.size == 10
    run = runs.get_run(trained.workspace.database, "first")
    parts = ("test", "validation", "train")
    assert [service.is_evaluated(trained.workspace, run, part=part) for part in parts] == [True, True, False]


def test_rotations_are_scored_as_rotated_pixels(trained):
    network = TrainedNetwork.open(trained.folder)
    pixels = trained.pixels().read(np.arange(1, 9))
    rotated = rotated_outputs(network, pixels)[..., 0]
    assert rotated.shape == (8, 4)
    np.testing.assert_allclose(rotated[:, 1], network.score(np.rot90(pixels, axes=(1, 2)).copy()), atol=1e-6)
    turned = rotated_outputs(network, np.rot90(pixels, axes=(1, 2)))[..., 0]
    assert rotation_std(turned) == pytest.approx(rotation_std(rotated), abs=1e-6)
    assert np.ptp(rotated, axis=1).max() > 0


def test_rotation_scatter_is_the_mean_of_the_standard_deviations():
    rotated = np.array([[0, 0, 1, 1], [0.5, 0.5, 0.5, 0.5]])
    assert rotation_std(rotated) == 0.25
    assert rotation_std(rotated[:, :1]) is None


def test_evaluation_reports_progress_and_stops_when_asked(trained):
    seen = []
    evaluate_run(trained.workspace, run_name="first", report=seen.append)
    assert seen[-1]["fraction"] == 1
    with pytest.raises(JobCancelled, match="0 of 30"):
        evaluate_run(trained.workspace, run_name="first", should_stop=lambda: "stop")


def test_a_network_trained_further_makes_the_evaluation_outdated(trained):
    assert not service.load_evaluation(trained.workspace, "first").outdated
    date_anew(trained.folder)  # as a copy of the workspace
    assert not service.load_evaluation(trained.workspace, "first").outdated
    train_further(trained.folder)
    assert service.load_evaluation(trained.workspace, "first").outdated


def test_a_run_without_evaluation_says_what_to_do(trained):
    with pytest.raises(NotFound, match="Evaluate it first"):
        service.load_evaluation(trained.workspace, "first", part="train")
    with pytest.raises(NotFound, match="no run called"):
        service.load_evaluation(trained.workspace, "nothing")


def test_a_damaged_evaluation_is_refused(tmp_path):
    (tmp_path / "evaluation-test.npz").write_bytes(b"damaged")
    with pytest.raises(StorageError, match="Evaluate the run again"):
        load_evaluation(tmp_path, "test")


def test_a_stored_evaluation_reads_back_equal(tmp_path):
    stored = made_evaluation([0.25, 0.75], [0, 1]).stored
    save_evaluation(tmp_path, "test", stored)
    found = load_evaluation(tmp_path, "test")
    assert found.cutout_ids.tolist() == [100, 101]
    assert found.labels.tolist() == [False, True]
    assert found.rotated_scores.tolist() == stored.rotated_scores.tolist()
    assert [path.name for path in tmp_path.iterdir()] == ["evaluation-test.npz"]


@pytest.mark.parametrize("threshold", [-1.0, 0.0, 0.31, 0.5, 1.0, 2.0])
def test_figures_follow_the_threshold(threshold):
    found = made_evaluation(MANY, TRUTH).figures_at(threshold)
    assert found == measure(TRUTH, MANY, threshold=threshold)


def test_curves_are_thinned_with_their_ends_in_place():
    evaluation = made_evaluation(MANY, TRUTH)
    curve = service.roc_columns(evaluation)
    assert curve["threshold"].size <= 2000
    assert (curve["false_positive_rate"][0], curve["completeness"][0]) == (0, 0)
    assert (curve["false_positive_rate"][-1], curve["completeness"][-1]) == (1, 1)
    curve = service.precision_recall_columns(evaluation)
    assert curve["purity"].size <= 2000
    assert curve["purity"][-1] == pytest.approx(TRUTH.mean())
    curve = service.threshold_columns(evaluation, prevalence=1e-3)
    assert curve["threshold"].size <= 2000
    assert (curve["purity_low"] <= curve["purity"]).all()
    assert (curve["purity"] <= curve["purity_high"]).all()
    assert (curve["completeness_low"] <= curve["completeness"]).all()
    assert curve["accepted"][-1] == TRUTH.size
    assert curve["purity_in_survey"][-1] == pytest.approx(1e-3)


def test_every_point_of_a_curve_equals_the_figures_at_its_threshold():
    evaluation = made_evaluation(MANY, TRUTH)
    curve = service.threshold_columns(evaluation)
    for place in range(0, curve["threshold"].size, 300):
        found = evaluation.figures_at(curve["threshold"][place])
        assert found.purity == curve["purity"][place]
        assert found.completeness == curve["completeness"][place]


def test_the_worst_mistakes_come_first():
    evaluation = made_evaluation([0.9, 0.8, 0.7, 0.4, 0.2, 0.1], [0, 1, 0, 1, 1, 0])
    found = service.surest(evaluation, "false_positive", threshold=0.5)
    assert found["cutout_id"].tolist() == [100, 102]
    found = service.surest(evaluation, "false_negative", threshold=0.5)
    assert found["cutout_id"].tolist() == [104, 103]
    found = service.surest(evaluation, "false_negative", threshold=0.5, limit=1)
    assert found["score"].tolist() == pytest.approx([0.2])
    assert not service.surest(evaluation, "false_positive", threshold=0.95)["score"].size
    assert service.surest(evaluation, "true_positive", threshold=0.3)["cutout_id"].tolist() == [101, 103]


def test_rotation_scatter_is_listed_per_cutout():
    columns = service.rotation_columns(made_evaluation(MANY, TRUTH), limit=1000)
    assert columns["score"].size <= 1000
    assert columns["std"].max() == pytest.approx(0, abs=1e-7)
    assert service.rotation_columns(made_evaluation(MANY, TRUTH, turns=1)) is None


def test_the_score_histogram_counts_every_cutout():
    found = service.score_histogram(made_evaluation(MANY, TRUTH), bins=20)
    assert found["lens"].sum() == TRUTH.sum()
    assert found["nonlens"].sum() == (~TRUTH).sum()


@pytest.mark.parametrize("part", ["test", "validation", "train"])
def test_thresholds_are_proposed_on_the_validation_part_whatever_is_measured(trained, part):
    figures = evaluate_run(trained.workspace, run_name="first", part=part)
    proposed = figures["suggested_thresholds"]
    members = datasets.member_columns(
        trained.workspace.database, datasets.get_dataset(trained.workspace.database, "sky-v1").id,
        part="validation",
    )  # fmt: skip
    scores = TrainedNetwork.open(trained.folder).score(trained.pixels().read(members["row"]))
    lens = members["label"] == "lens"
    assert (proposed["part"], proposed["n"]) == ("validation", len(lens))
    assert (proposed["n_positive"], proposed["n_negative"]) == (lens.sum(), (~lens).sum())
    youden = next(one for one in proposed["thresholds"] if one["name"] == "youden")
    rates, completeness, thresholds = reference.roc_curve(lens, scores, drop_intermediate=False)
    assert youden["threshold"] == pytest.approx(thresholds[np.argmax(completeness - rates)], abs=1e-6)
    assert proposed["not_proposed"]["fpr_1e-3"].startswith("needs 3000 non-lenses")
    stored = service.load_evaluation(trained.workspace, "first", part=part).proposals
    assert stored.as_dict() == proposed


def test_an_evaluation_from_before_proposals_has_none():
    assert made_evaluation(MANY, TRUTH).proposals is None


def test_one_class_alone_is_refused():
    with pytest.raises(InvalidInput, match="All 2 objects are labelled lens"):
        made_evaluation([0.1, 0.2], [1, 1]).figures_at(0.5)


def test_the_page_side_never_loads_a_network_library():
    code = (
        "import sys; import lensapp.services.evaluate.evaluation, lensapp.services.evaluate.metrics_table;"
        "assert not {'keras', 'tensorflow', 'onnxruntime', 'lensapp.learning'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd=PROJECT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_threshold_begins_at_one_half_where_a_score_reaches_it():
    assert service.usual_threshold(made_evaluation([0.1, 0.5], [0, 1])) == (0.5, "")


def test_where_all_do_it_begins_at_the_highest_scores_too():
    scores = [0.6 + 0.01 * k for k in range(30)]
    begins = service.usual_threshold(made_evaluation(scores, [0] * 20 + [1] * 10))
    assert begins == (pytest.approx(0.8), "which the 10 highest scores reach")


def test_where_none_does_it_begins_at_the_highest_scores_or_where_validation_proposes():
    scores, labels = [0.4, *(0.01 * k for k in range(20))], [1] + [0] * 20
    low = service.usual_threshold(made_evaluation(scores, labels))
    assert low == (pytest.approx(0.11), "which the 10 highest scores reach")
    proposed = made_evaluation(scores, labels)
    proposed.stored.figures["suggested_thresholds"] = propose_thresholds(
        np.array([1, 0, 0], bool), np.array([0.3, 0.2, 0.1]), part="validation"
    ).as_dict()
    threshold, why = service.usual_threshold(proposed)
    assert threshold == 0.3  # two non-lenses tell no number of false positives
    assert why == "best balance of purity and completeness (F1) on the validation part"
