"""What a job of each kind does, and what its end means for a run.

Each handler imports what it needs when it runs: a job that only reads FITS never loads TensorFlow.
"""

import time
from collections.abc import Callable
from typing import Any, TypedDict

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.progress import Report, ShouldStop
from lensapp.jobs import RunningJob
from lensapp.simulation.survey import DemoSpec
from lensapp.storage import runs, studies
from lensapp.storage.records import Job
from lensapp.storage.workspace import Workspace

Payload = dict[str, Any]
Outcome = dict[str, Any]
RUN_STATES = {"done": "finished", "paused": "paused", "cancelled": "stopped", "failed": "failed"}


class Lines(TypedDict):
    """What connects the work with its job: where it reports to, and what it asks whether to go on."""

    report: Report
    should_stop: ShouldStop


def handle(workspace: Workspace, running: RunningJob) -> Outcome:
    """Do the work of a claimed job and return its result as plain JSON values."""
    lines = Lines(report=running.report, should_stop=running.should_stop)
    return HANDLERS[running.job.kind](workspace, running.job.payload, lines)


def ended(workspace: Workspace, job: Job, state: str) -> None:
    """Carry the end of a job over to the run that it trained, or to its study."""
    database = workspace.database
    changes = {"state": RUN_STATES[state], "finished_at": None if state == "paused" else time.time()}
    if "study" in job.payload:
        studies.update_study(database, studies.get_study(database, job.payload["study"]).id, **changes)
    if job.kind == "train":
        runs.update_run(database, runs.get_run(database, job.payload["run"]).id, **changes)


def _demo(workspace: Workspace, payload: Payload, lines: Lines) -> Outcome:
    from lensapp.services.data.demo import simulate_survey

    spec = DemoSpec.parse(payload["spec"])
    return simulate_survey(workspace, name=payload["name"], spec=spec, **lines)


def _ingest(workspace: Workspace, payload: Payload, lines: Lines) -> Outcome:
    from lensapp.ingest.importer import run_import

    spec = IngestSpec.parse(payload["spec"])
    return run_import(workspace, name=payload["name"], spec=spec, **lines)


def _train(workspace: Workspace, payload: Payload, lines: Lines) -> Outcome:
    from lensapp.learning.train.run_training import train_run

    return train_run(workspace, run_name=payload["run"], **lines)


def _evaluate(workspace: Workspace, payload: Payload, lines: Lines) -> Outcome:
    from lensapp.learning.score.evaluation import evaluate_run

    part, passes = payload.get("part", "test"), payload.get("dropout_passes", 0)
    return evaluate_run(workspace, run_name=payload["run"], part=part, dropout_passes=passes, **lines)


def _score(workspace: Workspace, payload: Payload, lines: Lines) -> Outcome:
    from lensapp.learning.score.scoring import score_source

    run, source = payload["run"], payload["source"]
    return score_source(workspace, run_name=run, source_name=source, dask_url=payload.get("dask"), **lines)


def _features(workspace: Workspace, payload: Payload, lines: Lines) -> Outcome:
    from lensapp.core.score.feature_spec import MapSpec
    from lensapp.learning.score.features import compute_features
    from lensapp.services.score.neighbours import ensure_index

    run, source = payload["run"], payload["source"]
    spec = MapSpec.parse(payload["spec"]) if payload.get("spec") else None
    outcome = compute_features(workspace, run_name=run, name=source, spec=spec, **lines)
    return outcome | {"indexed": ensure_index(workspace, run_name=run, name=source, report=lines["report"])}


def _bald(workspace: Workspace, payload: Payload, lines: Lines) -> Outcome:
    from lensapp.learning.score.bald import compute_bald

    run, source = payload["run"], payload["source"]
    return compute_bald(workspace, run_name=run, source_name=source, passes=payload["passes"], **lines)


def _explain(workspace: Workspace, payload: Payload, lines: Lines) -> Outcome:
    from lensapp.core.evaluate.explain_spec import ExplainSpec
    from lensapp.learning.explain.explaining import explain_cutout
    from lensapp.services.evaluate.explanations import read_subject

    subject = read_subject(workspace, payload)
    outcome = explain_cutout(
        workspace,
        run_name=payload["run"],
        key=subject.key,
        pixels=subject.pixels,
        spec=ExplainSpec.parse(payload["spec"]),
        circumstances=subject.named,
        **lines,
    )
    return {"run": payload["run"], "key": subject.key} | outcome


def _baselines(workspace: Workspace, payload: Payload, lines: Lines) -> Outcome:
    from lensapp.learning.studies.baselines import fit_baselines

    return fit_baselines(workspace, run_names=payload["runs"], **lines)


def _compare(workspace: Workspace, payload: Payload, lines: Lines) -> Outcome:
    from lensapp.learning.studies.comparing import compare

    return compare(workspace, study_name=payload["study"], **lines)


def _kfold(workspace: Workspace, payload: Payload, lines: Lines) -> Outcome:
    from lensapp.learning.studies.crossval import cross_validate

    return cross_validate(workspace, study_name=payload["study"], **lines)


def _search(workspace: Workspace, payload: Payload, lines: Lines) -> Outcome:
    from lensapp.learning.studies.tuning import search

    return search(workspace, study_name=payload["study"], **lines)


HANDLERS: dict[str, Callable[[Workspace, Payload, Lines], Outcome]] = {
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
