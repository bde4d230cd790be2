"""Cross-validations, searches and comparisons spread over workers end as those trained in turn."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lensapp import worker
from lensapp.core.errors import InvalidInput
from lensapp.core.train.comparison_spec import ComparisonSpec
from lensapp.core.train.search_space import parse_space
from lensapp.core.train.study_spec import KfoldSpec, SearchSpec
from lensapp.learning.studies.trials import ask, rebuild
from lensapp.services.train import job_control
from lensapp.services.train import runs as run_service
from lensapp.services.train import studies as study_service
from lensapp.services.train.comparisons import compared_in, start_comparison
from lensapp.spread import Shared, finish_job
from lensapp.storage import queue, runs
from lensapp.storage.records import Job, Study
from lensapp.storage.workspace import Workspace
from support.study_workspace import DATASET, study_workspace, tiny

FIGURES = ("auroc", "average_precision", "n")
KILLED_IN_EPOCH = 2
DIES = f"""
import os, signal, sys
from lensapp import worker
from lensapp.storage import queue
from lensapp.storage.workspace import Workspace
ws = Workspace.open(sys.argv[1])
def watch(progress):
    if progress.get("epoch") == {KILLED_IN_EPOCH}:
        os.kill(os.getpid(), signal.SIGKILL)
worker.run_job(ws, queue.claim_job(ws.database, worker="other", job_id=int(sys.argv[2])), watch=watch)
"""


def claimed(ws: Workspace, job: Job) -> Job:
    found = queue.claim_job(ws.database, worker="here", job_id=job.id)
    assert found is not None
    return found


def ended(ws: Workspace, job: Job) -> Job:
    done = worker.run_job(ws, claimed(ws, job))
    assert done.state == "done", done.error
    return done


def epochs_of(ws: Workspace, study: Study) -> list[list[tuple[int, float]]]:
    """Return epoch and validation loss of each run of a study."""
    return [
        [(row["epoch"], row["val_loss"]) for row in runs.metrics_of(ws.database, entry.run.id)]
        for entry in study_service.members(ws, study)
    ]


@pytest.mark.long
def test_folds_on_two_workers_one_of_which_is_killed_end_once_and_as_folds_trained_in_turn(tmp_path):
    ws = study_workspace(tmp_path / "workspace")
    spec = KfoldSpec(folds=2, seed=1, training=tiny(epochs=4))
    asked: dict[str, Any] = {"dataset_name": DATASET, "spec": spec}
    study, job = study_service.start_kfold(ws, name="spread", spread="workers", **asked)
    coordinator = claimed(ws, job)
    folds, total = study_service.queue_members(ws, study)
    assert (len(folds), total) == (2, 2)
    command = [sys.executable, "-c", DIES, str(ws.folder), str(folds[1].id)]
    project = Path(__file__).parents[3]
    other = subprocess.run(command, cwd=project, env=os.environ | {"PYTHONPATH": str(project)}, check=False)
    assert other.returncode == -signal.SIGKILL
    lost = queue.get_job(ws.database, folds[1].id)
    assert (lost.state, lost.worker) == ("running", "other")
    assert len(epochs_of(ws, study)[1]) == KILLED_IN_EPOCH
    assert run_service.run_status(ws, "spread-fold2").study == "spread"
    queue.update_job(ws.database, lost, heartbeat_at=0.0)
    told: list[dict] = []
    done = worker.run_job(ws, coordinator, watch=told.append)
    assert done.state == "done", done.error
    assert "under way" in told[0]["message"]
    in_turn, job = study_service.start_kfold(ws, name="in-turn", **asked)
    expected = ended(ws, job).result
    assert done.result is not None
    assert expected is not None
    assert [queue.get_job(ws.database, fold.id).state for fold in folds] == ["done"] * 2
    assert [queue.get_job(ws.database, fold.id).attempt for fold in folds] == [1, 2]
    for mine, theirs in zip(done.result["folds"], expected["folds"], strict=True):
        assert mine["run"] == theirs["run"].replace("in-turn", "spread")
        assert [mine[name] for name in FIGURES] == pytest.approx([theirs[name] for name in FIGURES])
    assert done.result["pooled"]["auroc"] == pytest.approx(expected["pooled"]["auroc"])
    for here, there in zip(epochs_of(ws, study), epochs_of(ws, in_turn), strict=True):
        assert [epoch for epoch, _ in here] == [1, 2, 3, 4]
        assert [loss for _, loss in here] == pytest.approx([loss for _, loss in there], abs=1e-5)
    assert [entry.run.state for entry in study_service.members(ws, study)] == ["finished"] * 2


def test_a_trial_that_is_spread_is_the_one_that_would_be_proposed_in_turn(tmp_path):
    ws = study_workspace(tmp_path / "workspace")
    space = parse_space("learning_rate,network_options.filters=1:2", tiny())
    spec = SearchSpec(training=tiny(epochs=1), space=space, trials=1, sampler="random", pruner="none")
    study, job = study_service.start_search(ws, dataset_name=DATASET, spec=spec, spread="workers")
    result = ended(ws, job).result
    (entry,) = study_service.members(ws, study)
    in_turn = rebuild("s", spec, [])
    assert entry.info["params"] == ask(in_turn, spec, unfinished=None).params
    (row,) = runs.metrics_of(ws.database, entry.run.id)
    assert result is not None
    assert result["best"]["value"] == row["val_auc"]
    second = ask(in_turn, spec, unfinished=None)  # while the first has not ended
    spread = ask(rebuild("s", spec, [], before=2), spec, unfinished=None)
    assert (spread.number, spread.params) == (1, second.params)


@pytest.mark.long
def test_a_comparison_that_is_spread_over_dask_has_the_table_of_one_in_turn(tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    ws = study_workspace(tmp_path / "workspace")
    spec = ComparisonSpec(
        models=("lens_cnn",), baselines=("tree", "logistic"), baselines_on=("pixels",),
        training={"epochs": 1, "batch_size": 6, "device": "cpu"},
    )  # fmt: skip

    def run_here(workspace: Workspace, job: Job, *, worker: str) -> None:
        took_part.append(worker)
        run_job(workspace, job)

    took_part: list[str] = []
    run_job = worker.run_job
    monkeypatch.setattr(worker, "run_apart", run_here)  # a process of its own takes seconds to start
    tables = []
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0"
    ) as cluster:
        for name, spread in (("spread", cluster.scheduler_address), ("in-turn", None)):
            study, job = start_comparison(ws, dataset_name=DATASET, spec=spec, name=name, spread=spread)
            result = ended(ws, job).result
            assert result is not None
            assert (result["finished"], list(result["failed"])) == (2, ["lens_cnn"])
            tables.append([(row.label, row.state, row.auroc) for row in compared_in(ws, study)])
    assert tables[0] == tables[1]
    assert len(took_part) == 3


def test_a_pause_reaches_every_worker_and_a_resumed_study_goes_on_elsewhere(tmp_path):
    ws = study_workspace(tmp_path / "workspace")
    spec = KfoldSpec(folds=2, seed=1, training=tiny(epochs=4000, early_stopping_patience=0))
    asked: dict[str, Any] = {"dataset_name": DATASET, "spec": spec, "spread": "workers"}
    study, job = study_service.start_kfold(ws, name="paused", **asked)
    coordinator = claimed(ws, job)
    folds, _ = study_service.queue_members(ws, study)

    def pause_after_an_epoch(progress: Any) -> None:
        if any(epochs_of(ws, study)):
            queue.command_job(ws.database, job.id, "pause")

    assert worker.run_job(ws, coordinator, watch=pause_after_an_epoch).state == "paused"
    assert [queue.get_job(ws.database, fold.id).state for fold in folds] == ["cancelled"] * 2
    assert [entry.run.state for entry in study_service.members(ws, study)] == ["paused", "queued"]
    assert 0 < len(epochs_of(ws, study)[0]) < 4000
    again = study_service.unfinished_study(
        ws, "paused", kind="kfold", spec=spec, dataset_name=DATASET, spread="tcp://other:8786"
    )
    assert again is not None
    assert again[1].payload == {"study": "paused", "spread": "tcp://other:8786"}
    assert again[1].state == "queued"
    job_control.stop(ws, study_service.study_status(ws, "paused"))


def member_of(tmp_path: Path) -> tuple[Workspace, Job, Job]:
    """Return the claimed job of a spread study, and that of its first fold."""
    ws = study_workspace(tmp_path / "workspace")
    spec = KfoldSpec(folds=2, training=tiny())
    study, job = study_service.start_kfold(ws, dataset_name=DATASET, spec=spec, spread="nonsense://x")
    return ws, claimed(ws, job), study_service.queue_members(ws, study)[0][0]


def test_a_run_whose_process_dies_is_begun_again_twice_and_then_fails(tmp_path):
    ws, _, fold = member_of(tmp_path)
    for attempt, state in ((1, "queued"), (2, "queued"), (3, "failed")):
        worker.record_death(ws, claimed(ws, fold), status=-9, log_lines=[])
        left = queue.get_job(ws.database, fold.id)
        assert (left.attempt, left.state) == (attempt, state)
    assert "was killed (signal 9" in str(left.error)


def test_a_study_names_the_scheduler_that_does_not_answer_and_leaves_no_run_queued(tmp_path):
    ws, job, fold = member_of(tmp_path)
    failed = worker.run_job(ws, job)
    assert failed.state == "failed"
    assert "No Dask scheduler answers at 'nonsense://x'" in str(failed.error)
    assert queue.get_job(ws.database, fold.id).state == "cancelled"


def test_a_dask_worker_that_does_not_see_workspace_or_database_says_so(tmp_path, monkeypatch):
    monkeypatch.delenv("LENSAPP_DATABASE_URL", raising=False)
    away = Shared(tmp_path / "elsewhere", None, "another")
    with pytest.raises(InvalidInput, match=r"does not see the workspace folder .*elsewhere"):
        finish_job(away, 1)
    here = replace(away, folder=tmp_path)
    with pytest.raises(InvalidInput, match="machines cannot share a database in a file"):
        finish_job(replace(here, database_url="sqlite:///x.db"), 1)
    with pytest.raises(InvalidInput, match="Set LENSAPP_DATABASE_URL where it starts"):
        finish_job(here, 1)
