"""Cross-validation: folds, what they say together, and studies that survive interruptions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lensapp import worker
from lensapp.core.errors import InvalidInput, JobCancelled
from lensapp.core.evaluate.crossval import at_thresholds, count_folds, roc_band, spread_of, summarise
from lensapp.core.evaluate.curves import count_thresholds
from lensapp.core.evaluate.metrics import auroc
from lensapp.core.split.folds import Fold, assign_folds
from lensapp.core.train.study_spec import KfoldSpec
from lensapp.core.train.tasks import BinaryTask
from lensapp.learning.studies.crossval import cross_validate, flat_figures
from lensapp.services.train import job_control
from lensapp.services.train import runs as run_service
from lensapp.services.train import studies as study_service
from lensapp.services.train.task_checks import cutouts_taking_part
from lensapp.storage import datasets, queue
from lensapp.storage.datasets import part_members
from lensapp.storage.evaluations import load_evaluation
from lensapp.storage.records import Job
from lensapp.storage.workspace import Workspace
from support.study_workspace import DATASET, Interrupter, WorkerKilledError, study_workspace, tiny

# Fold 1 ranks lens .9, non-lens .6, lens .4, non-lens .1; fold 2 ranks both lenses first.
FOLDS = (([1, 0, 1, 0], [0.9, 0.6, 0.4, 0.1]), ([1, 1, 0, 0], [0.8, 0.7, 0.3, 0.2]))


def test_mean_median_and_scatter_at_each_threshold_are_those_worked_by_hand():
    spread = at_thresholds(count_folds(FOLDS), [0.0, 0.35, 0.5, 0.85, 0.95])
    np.testing.assert_allclose(spread.completeness.mean, [1, 1, 0.75, 0.25, 0])
    np.testing.assert_allclose(spread.completeness.median, [1, 1, 0.75, 0.25, 0])
    np.testing.assert_allclose(spread.completeness.std, np.sqrt([0, 0, 0.125, 0.125, 0]))
    np.testing.assert_allclose(spread.false_positive_rate.mean, [1, 0.25, 0.25, 0, 0])
    # At 0.35 fold 1 accepts two lenses and a non-lens; at 0.85 fold 2 accepts nothing and is left out.
    np.testing.assert_allclose(spread.purity.mean, [0.5, (2 / 3 + 1) / 2, 0.75, 1, np.nan])
    np.testing.assert_allclose(spread.purity.std[:3], [0, np.sqrt(1 / 18), np.sqrt(0.125)])
    assert np.isnan(spread.purity.std[3:]).all()


def test_the_roc_band_on_a_common_grid_is_that_worked_by_hand():
    band = roc_band(count_folds(FOLDS), [0.0, 0.25, 0.5, 1.0])
    # Fold 1 rises to 1/2 at once, then runs flat to (1/2, 1/2) and rises to 1; fold 2 rises to 1 at once.
    np.testing.assert_allclose(band.folds, [[0.5, 0.5, 1, 1], [1, 1, 1, 1]])
    np.testing.assert_allclose(band.spread.mean, [0.75, 0.75, 1, 1])
    np.testing.assert_allclose(band.spread.std, np.sqrt([0.125, 0.125, 0, 0]))
    np.testing.assert_allclose(band.spread.high, [1, 1, 1, 1])  # never beyond what a share can be


def test_the_median_of_an_odd_number_of_folds_is_the_middle_one_and_lone_values_have_no_scatter():
    spread = spread_of([[0.2, np.nan], [0.9, np.nan], [0.3, 0.7]])
    np.testing.assert_allclose(spread.median, [0.3, 0.7])
    np.testing.assert_allclose(spread.mean, [1.4 / 3, 0.7])
    assert np.isnan(spread.std[1])
    assert spread_of([[np.nan]]).mean.tolist() != [0.0]


def test_a_fold_without_a_figure_is_left_out_of_its_summary():
    found = summarise([{"auroc": 0.5, "purity": None, "part": "x"}, {"auroc": 0.7, "purity": 1.0}])
    assert found["mean"] == {"auroc": pytest.approx(0.6), "purity": 1.0}
    assert found["std"] == {"auroc": pytest.approx(np.sqrt(0.02)), "purity": None}
    flat = flat_figures({"n": 3, "confusion": {"tp": 1}, "targets": [{"name": "x", "bias": 0.5}], "y": [1]})
    assert flat == {"n": 3, "confusion.tp": 1, "x.bias": 0.5}


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), folds=st.integers(1, 4))
def test_the_area_under_the_mean_roc_is_the_mean_of_the_areas(seed: int, folds: int) -> None:
    rng = np.random.default_rng(seed)
    counts = [count_thresholds(np.arange(12) % 3 == 0, rng.integers(0, 9, 12) / 8) for _ in range(folds)]
    band = roc_band(counts, np.linspace(0, 1, 4001))
    area = np.trapezoid(band.spread.mean, band.rates)
    assert area == pytest.approx(np.mean([auroc(count) for count in counts]), abs=2e-3)
    assert (np.diff(band.folds, axis=1) >= -1e-12).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), folds=st.integers(2, 5))
def test_folds_keep_groups_together_and_never_hold_the_test_part(seed: int, folds: int) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 60, 200)
    parts = np.array(["train", "validation", "test"], object)[groups % 3]
    labels = np.where(rng.random(200) < 0.4, "lens", "nonlens").astype(object)
    none = np.full(200, None, object)
    assigned = assign_folds(parts, labels, groups, none, folds=folds, seed=seed)
    assert ((assigned < 0) == (parts == "test")).all()
    assert all(len(set(assigned[groups == group].tolist())) == 1 for group in set(groups.tolist()))
    assert set(assigned.tolist()) == set(range(-1, folds))
    np.testing.assert_array_equal(assigned, assign_folds(parts, labels, groups, none, folds=folds, seed=seed))
    kept = assign_folds(parts, labels, groups, assigned.astype(object), folds=folds, seed=seed + 1)
    np.testing.assert_array_equal(kept, assigned)


def test_folds_that_cannot_be_filled_are_refused():
    parts, none = np.array(["train"] * 4, object), np.full(4, None, object)
    labels = np.array(["lens", "lens", "nonlens", "nonlens"], object)
    with pytest.raises(InvalidInput, match="of 3 has no cutout labelled lens"):
        assign_folds(parts, labels, np.arange(4), none, folds=3, seed=0)
    with pytest.raises(InvalidInput, match="at least 2 folds, not 0"):
        assign_folds(parts, labels, np.arange(4), none, folds=0, seed=0)


def test_the_folds_of_a_study_validate_each_development_cutout_once(tmp_path):
    ws = study_workspace(tmp_path)
    key = datasets.get_dataset(ws.database, DATASET).id
    held = [part_members(ws.database, key, "validation", fold=Fold(k, 3, 5))["cutout_id"] for k in (1, 2, 3)]
    learned = part_members(ws.database, key, "train", fold=Fold(1, 3, 5))["cutout_id"]
    members = datasets.member_columns(ws.database, key)
    development = members["cutout_id"][members["part"] != "test"]
    assert sorted(np.concatenate(held).tolist()) == development.tolist()
    assert sorted([*learned, *held[0]]) == development.tolist()
    test = part_members(ws.database, key, "test", fold=Fold(1, 3, 5))["cutout_id"]
    assert not np.isin(test, development).any()
    with pytest.raises(InvalidInput, match="There is no fold 4"):
        part_members(ws.database, key, "train", fold=Fold(4, 3, 5))


def test_a_fold_counts_its_own_cutouts_and_a_run_of_the_parts_those_of_the_version(tmp_path):
    ws = study_workspace(tmp_path)
    dataset = datasets.get_dataset(ws.database, DATASET)
    development = int((datasets.member_columns(ws.database, dataset.id)["part"] != "test").sum())
    held_out = []
    for number in (1, 2, 3):
        each = {
            part: cutouts_taking_part(ws, DATASET, BinaryTask(), part=part, fold=Fold(number, 3))
            for part in ("train", "validation")
        }
        assert each["train"] + each["validation"] == development
        held_out.append(each["validation"])
    assert sum(held_out) == development
    usual = cutouts_taking_part(ws, DATASET, BinaryTask(), part="validation")
    assert usual == sum(dataset.counts.get("validation", {}).values())


def test_a_cross_validation_goes_on_after_a_pause_and_after_its_worker_was_killed(tmp_path):
    ws = study_workspace(tmp_path)
    spec = KfoldSpec(folds=2, seed=1, training=tiny())
    study, job = study_service.start_kfold(ws, dataset_name=DATASET, spec=spec)
    claimed = queue.claim_job(ws.database, worker="here")
    queue.command_job(ws.database, job.id, "pause")
    assert worker.run_job(ws, claimed).state == "paused"
    assert states_of(ws, study.name) == ["paused", "queued", "queued"]
    job_control.stop(ws, study_service.study_status(ws, study.name))
    assert states_of(ws, study.name) == ["stopped", "stopped", "stopped"]
    job_control.resume(ws, study_service.study_status(ws, study.name))
    assert states_of(ws, study.name) == ["queued", "queued", "queued"]
    with pytest.raises(WorkerKilledError):
        cross_validate(ws, study_name=study.name, should_stop=Interrupter(28))
    assert [entry.run.state for entry in study_service.members(ws, study)] == ["finished", "running"]
    told: list[dict] = []
    ended = worker.run_job(ws, queue.claim_job(ws.database, worker="here"), watch=told.append)
    assert ended.state == "done", ended.error
    assert {row["run"] for row in told} == {"kfold-1-fold2"}
    assert all(0.5 <= row["fraction"] <= 1 for row in told)
    assert states_of(ws, study.name) == ["finished", "finished", "finished"]
    check_result(ws, ended.result)
    warm = KfoldSpec(folds=2, training=tiny(initial_run="kfold-1-fold1"))
    with pytest.raises(InvalidInput, match="has seen 30 of the cutouts"):
        study_service.start_kfold(ws, dataset_name=DATASET, spec=warm)


def fail(ws: Workspace, job: Job) -> None:
    """Run a job that finds no pixels."""
    pixels = ws.folder / "cutouts"
    pixels.rename(ws.folder / "away")
    ended = worker.run_job(ws, job)
    (ws.folder / "away").rename(pixels)
    assert ended.state == "failed", ended.error


def kill(ws: Workspace, job: Job) -> None:
    """Let the process of a job die in its first fold, as its worker sees it."""
    with pytest.raises(WorkerKilledError):
        cross_validate(ws, study_name=job.payload["study"], should_stop=Interrupter(2))
    worker.record_death(ws, job, status=-9, log_lines=["no memory left"])


@pytest.mark.parametrize("end", [pytest.param(fail, marks=pytest.mark.long), kill])
def test_a_cross_validation_that_fails_or_is_killed_has_an_end_and_can_be_resumed(tmp_path, end):
    ws = study_workspace(tmp_path)
    spec = KfoldSpec(folds=2, seed=1, training=tiny(epochs=1))
    study, _ = study_service.start_kfold(ws, dataset_name=DATASET, spec=spec)
    end(ws, queue.claim_job(ws.database, worker="here"))
    assert states_of(ws, study.name) == ["failed", "failed", "stopped"]
    rows = [entry.run for entry in study_service.members(ws, study)]
    assert [row.state for row in rows] == ["failed", "stopped"]
    assert all(row.finished_at for row in rows)
    status = study_service.study_status(ws, study.name)
    assert (status.can_resume, status.can_stop, status.study.state) == (True, False, "failed")
    job_control.resume(ws, status)
    assert states_of(ws, study.name) == ["queued", "queued", "queued"]
    ended = worker.run_job(ws, queue.claim_job(ws.database, worker="here"))
    assert ended.state == "done", ended.error
    assert states_of(ws, study.name) == ["finished", "finished", "finished"]


def states_of(ws: Workspace, name: str) -> list[str]:
    """Return the state of a study and, as the Train page shows them, of its runs."""
    status = study_service.study_status(ws, name)
    runs = study_service.members(ws, status.study)
    return [status.state, *(run_service.run_status(ws, entry.run.name).state for entry in runs)]


def check_result(ws: Workspace, result: dict) -> None:
    assert [row["run"] for row in result["folds"]] == ["kfold-1-fold1", "kfold-1-fold2"]
    stored = [load_evaluation(ws.run_folder(row["run"]), "validation") for row in result["folds"]]
    assert sum(len(part.labels) for part in stored) == result["pooled"]["n"] == 30
    areas = [row["auroc"] for row in result["folds"]]
    assert result["mean"]["auroc"] == pytest.approx(np.mean(areas))
    assert result["std"]["auroc"] == pytest.approx(np.std(areas, ddof=1))
    precisions = [row["average_precision"] for row in result["folds"]]
    assert result["median"]["average_precision"] == pytest.approx(np.median(precisions))
    assert "tpr10" not in result["median"]  # eight non-lenses in each fold do not tell it


def test_a_study_that_is_asked_to_stop_begins_no_other_fold(tmp_path):
    ws = study_workspace(tmp_path)
    spec = KfoldSpec(folds=2, training=tiny())
    study_service.start_kfold(ws, dataset_name=DATASET, spec=spec, name="cv")
    with pytest.raises(JobCancelled, match="stop before fold 1"):
        cross_validate(ws, study_name="cv", should_stop=Interrupter(0, "stop"))
    with pytest.raises(InvalidInput, match="cv is queued: only a running study"):
        job_control.pause(ws, study_service.study_status(ws, "cv"))
    with pytest.raises(InvalidInput, match="a study called 'cv' already"):
        study_service.start_kfold(ws, dataset_name=DATASET, spec=spec, name="cv")
