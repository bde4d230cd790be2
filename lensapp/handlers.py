"""What a job of each kind does, and what its end means for a run.

Each handler imports what it needs when it runs: a job that only reads FITS never loads TensorFlow.
"""

import time
from collections.abc import Callable
from typing import Any

from lensapp.core.ingest_spec import IngestSpec
from lensapp.jobs import RunningJob
from lensapp.simulation.survey import DemoSpec
from lensapp.storage import runs, studies
from lensapp.storage.records import Job
from lensapp.storage.workspace import Workspace

RUN_STATES = {"done": "finished", "paused": "paused", "cancelled": "stopped", "failed": "failed"}


def handle(workspace: Workspace, running: RunningJob) -> dict[str, Any]:
    """Do the work of a claimed job and return its result as plain JSON values."""
    return HANDLERS[running.job.kind](workspace, running)


def ended(workspace: Workspace, job: Job, state: str) -> None:
    """Carry the end of a job over to the run that it trained, or to its study."""
    if "study" in job.payload:
        _end_study(workspace, job.payload["study"], state)
    if job.kind != "train":
        return
    run = runs.get_run(workspace.database, job.payload["run"])
    finished_at = None if state == "paused" else time.time()
    runs.update_run(workspace.database, run.id, state=RUN_STATES[state], finished_at=finished_at)


def _end_study(workspace: Workspace, name: str, state: str) -> None:
    study = studies.get_study(workspace.database, name)
    finished_at = None if state == "paused" else time.time()
    studies.update_study(workspace.database, study.id, state=RUN_STATES[state], finished_at=finished_at)


def _demo(workspace: Workspace, running: RunningJob) -> dict[str, Any]:
    from lensapp.services.demo import simulate_survey

    spec = DemoSpec.parse(running.job.payload["spec"])
    return simulate_survey(
        workspace,
        name=running.job.payload["name"],
        spec=spec,
        report=running.report,
        should_stop=running.should_stop,
    )


def _ingest(workspace: Workspace, running: RunningJob) -> dict[str, Any]:
    from lensapp.ingest.pack import run_import

    spec = IngestSpec.parse(running.job.payload["spec"])
    return run_import(
        workspace,
        name=running.job.payload["name"],
        spec=spec,
        report=running.report,
        should_stop=running.should_stop,
    )


def _train(workspace: Workspace, running: RunningJob) -> dict[str, Any]:
    from lensapp.learning.run_training import train_run

    return train_run(
        workspace,
        run_name=running.job.payload["run"],
        report=running.report,
        should_stop=running.should_stop,
    )


def _evaluate(workspace: Workspace, running: RunningJob) -> dict[str, Any]:
    from lensapp.learning.evaluation import evaluate_run

    return evaluate_run(
        workspace,
        run_name=running.job.payload["run"],
        part=running.job.payload.get("part", "test"),
        dropout_passes=running.job.payload.get("dropout_passes", 0),
        report=running.report,
        should_stop=running.should_stop,
    )


def _score(workspace: Workspace, running: RunningJob) -> dict[str, Any]:
    from lensapp.learning.scoring import score_source

    payload = running.job.payload
    return score_source(
        workspace,
        run_name=payload["run"],
        source_name=payload["source"],
        dask_url=payload.get("dask"),
        report=running.report,
        should_stop=running.should_stop,
    )


def _features(workspace: Workspace, running: RunningJob) -> dict[str, Any]:
    from lensapp.core.feature_spec import MapSpec
    from lensapp.learning.features import compute_features
    from lensapp.services.neighbours import ensure_index

    payload = running.job.payload
    outcome = compute_features(
        workspace,
        run_name=payload["run"],
        name=payload["source"],
        spec=MapSpec.parse(payload["spec"]) if payload.get("spec") else None,
        report=running.report,
        should_stop=running.should_stop,
    )
    indexed = ensure_index(workspace, run_name=payload["run"], name=payload["source"], report=running.report)
    return outcome | {"indexed": indexed}


def _bald(workspace: Workspace, running: RunningJob) -> dict[str, Any]:
    from lensapp.learning.bald import compute_bald

    payload = running.job.payload
    return compute_bald(
        workspace,
        run_name=payload["run"],
        source_name=payload["source"],
        passes=payload["passes"],
        report=running.report,
        should_stop=running.should_stop,
    )


def _explain(workspace: Workspace, running: RunningJob) -> dict[str, Any]:
    from lensapp.core.explain_spec import ExplainSpec
    from lensapp.learning.explaining import explain_cutout
    from lensapp.services.explanations import read_subject

    payload = running.job.payload
    subject = read_subject(workspace, payload)
    outcome = explain_cutout(
        workspace,
        run_name=payload["run"],
        key=subject.key,
        pixels=subject.pixels,
        spec=ExplainSpec.parse(payload["spec"]),
        circumstances=subject.named,
        report=running.report,
        should_stop=running.should_stop,
    )
    return {"run": payload["run"], "key": subject.key} | outcome


def _compare(workspace: Workspace, running: RunningJob) -> dict[str, Any]:
    from lensapp.learning.comparing import compare

    return compare(
        workspace,
        study_name=running.job.payload["study"],
        report=running.report,
        should_stop=running.should_stop,
    )


def _baselines(workspace: Workspace, running: RunningJob) -> dict[str, Any]:
    from lensapp.learning.baselines import fit_baselines

    return fit_baselines(
        workspace,
        run_names=running.job.payload["runs"],
        report=running.report,
        should_stop=running.should_stop,
    )


def _kfold(workspace: Workspace, running: RunningJob) -> dict[str, Any]:
    from lensapp.learning.crossval import cross_validate

    return cross_validate(
        workspace,
        study_name=running.job.payload["study"],
        report=running.report,
        should_stop=running.should_stop,
    )


def _search(workspace: Workspace, running: RunningJob) -> dict[str, Any]:
    from lensapp.learning.tuning import search

    return search(
        workspace,
        study_name=running.job.payload["study"],
        report=running.report,
        should_stop=running.should_stop,
    )


HANDLERS: dict[str, Callable[[Workspace, RunningJob], dict[str, Any]]] = {
    "demo": _demo,
    "ingest": _ingest,
    "train": _train,
    "evaluate": _evaluate,
    "score": _score,
    "kfold": _kfold,
    "search": _search,
    "features": _features,
    "bald": _bald,
    "explain": _explain,
    "compare": _compare,
    "baselines": _baselines,
}
