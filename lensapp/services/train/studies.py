"""Start, steer and follow cross-validations and searches of hyper-parameters."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lensapp import jobs
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.split.folds import DEVELOPMENT, Fold
from lensapp.core.train.study_spec import KfoldSpec, SearchSpec
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.train import job_control
from lensapp.services.train.job_control import JobStanding, state_of_job
from lensapp.services.train.run_states import JOBS_LOOKED_AT
from lensapp.services.train.runs import check_start, register_run
from lensapp.storage import datasets, runs, studies
from lensapp.storage.datasets import part_members
from lensapp.storage.records import Dataset, Job, Study, StudyRun
from lensapp.storage.studies import StudyKind
from lensapp.storage.workspace import Workspace

KINDS: dict[StudyKind, str] = {"kfold": "kfold", "search": "search", "comparison": "compare"}


@dataclass(frozen=True)
class StudyStatus(JobStanding):
    """A study with the job that works on it."""

    study: Study
    job: Job | None
    state: str
    what = "study"

    @property
    def name(self) -> str:
        """The study's name."""
        return self.study.name


def start_kfold(
    ws: Workspace, *, dataset_name: str, spec: KfoldSpec, name: str | None = None
) -> tuple[Study, Job]:
    """Register a cross-validation with a run per fold, and queue the job that trains them in turn.

    Parameters
    ----------
    ws
        The workspace.
    dataset_name
        A frozen dataset version; its test part is left alone.
    spec
        Recipe, number of folds and seed of their dealing.
    name
        Of the study, in front of the names of its runs; default: "kfold" and the next free number.

    Raises
    ------
    NotFound
        When the dataset or the initial run does not exist.
    InvalidInput
        When a name is taken, the dataset cannot be dealt to so many folds or lacks what the task asks for,
        or the initial run has seen cutouts that a fold holds out.
    BandMismatch
        When the initial run was trained on other bands.
    """
    dataset = datasets.get_dataset(ws.database, dataset_name)
    part_members(ws.database, dataset.id, "validation", fold=Fold(1, spec.folds, spec.seed))
    _require_unseen(ws, dataset, spec.training)
    check_start(ws, dataset, spec.training)
    name = name or suggest_study_name(ws, "kfold")
    run_names = [f"{name}-fold{number}" for number in range(1, spec.folds + 1)]
    _require_free(ws, run_names)
    study = studies.create_study(
        ws.database, name=name, kind="kfold", dataset_id=dataset.id, spec=spec.saved()
    )
    for place, (run_name, recipe) in enumerate(zip(run_names, spec.recipes(), strict=True), start=1):
        run = register_run(ws, dataset=dataset, spec=recipe, name=run_name)
        studies.add_run(ws.database, study.id, run.id, place=place)
    title = f"Cross-validate {spec.training.network} on {dataset.name}, {spec.folds} folds"
    return study, _enqueue(ws, study, title)


def start_search(
    ws: Workspace, *, dataset_name: str, spec: SearchSpec, name: str | None = None
) -> tuple[Study, Job]:
    """Register a search of hyper-parameters and queue the job that trains its trials in turn.

    Raises
    ------
    NotFound
        When the dataset or the initial run does not exist.
    InvalidInput
        When the name is taken, or the dataset lacks what the task asks for.
    BandMismatch
        When the initial run was trained on other bands.
    """
    dataset = datasets.get_dataset(ws.database, dataset_name)
    check_start(ws, dataset, spec.training)
    name = name or suggest_study_name(ws, "search")
    _require_free(ws, [f"{name}-trial{number}" for number in range(1, spec.trials + 1)])
    study = studies.create_study(
        ws.database, name=name, kind="search", dataset_id=dataset.id, spec=spec.saved()
    )
    title = f"Search settings of {spec.training.network} on {dataset.name}, {spec.trials} trials"
    return study, _enqueue(ws, study, title)


def _enqueue(ws: Workspace, study: Study, title: str) -> Job:
    return jobs.enqueue(ws.database, kind=study.kind, title=title, payload={"study": study.name})


def suggest_study_name(ws: Workspace, kind: StudyKind) -> str:
    """Return the kind with the next free number."""
    taken = {study.name for study in studies.list_studies(ws.database)}
    number = 1
    while f"{kind}-{number}" in taken:
        number += 1
    return f"{kind}-{number}"


def _require_free(ws: Workspace, names: Iterable[str]) -> None:
    taken = {run.name for run in runs.list_runs(ws.database)} & set(names)
    if taken:
        raise InvalidInput(
            f"Expected unused names for the runs of the study, received {min(taken)}, which exists. "
            "Choose another name for the study."
        )


def _require_unseen(ws: Workspace, dataset: Dataset, recipe: TrainingSpec) -> None:
    """Refuse a warm start from a run that has learned from cutouts which a fold would hold out."""
    if recipe.initial_run is None:
        return
    initial = runs.get_run(ws.database, recipe.initial_run)
    here, there = (datasets.member_columns(ws.database, key) for key in (dataset.id, initial.dataset_id))
    mine, theirs = (columns["cutout_id"][np.isin(columns["part"], DEVELOPMENT)] for columns in (here, there))
    seen = int(np.isin(mine, theirs).sum())
    if seen:
        raise InvalidInput(
            f"Expected an initial run that has not seen the cutouts of {dataset.name}, received "
            f"{initial.name}, which has seen {seen} of them: no fold would be held out from it. Start from "
            "scratch, or from a run on other cutouts."
        )


def study_status(ws: Workspace, name: str) -> StudyStatus:
    """Return a study with its job and the state that follows from both, or raise NotFound."""
    study = studies.get_study(ws.database, name)
    return _status(study, _jobs_by_study(ws).get(study.name))


def list_studies(ws: Workspace, kind: StudyKind) -> list[StudyStatus]:
    """Return the studies of a kind with their jobs and states, newest first."""
    working = _jobs_by_study(ws)
    found = studies.list_studies(ws.database, kind=kind)
    return [_status(study, working.get(study.name)) for study in found]


def _jobs_by_study(ws: Workspace) -> dict[str, Job]:
    newest: dict[str, Job] = {}
    for job in jobs.recent(ws.database, limit=JOBS_LOOKED_AT):
        if job.kind in KINDS.values() and "study" in job.payload:
            newest.setdefault(job.payload["study"], job)
    return newest


def _status(study: Study, job: Job | None) -> StudyStatus:
    return StudyStatus(study, job, study.state if job is None else state_of_job(job, study.state))


def members(ws: Workspace, study: Study) -> list[StudyRun]:
    """Return the runs of a study in the order of their places."""
    return studies.runs_of(ws.database, study.id)


def pause(ws: Workspace, name: str) -> None:
    """Ask a study to store where it stands and give up its place.

    Raises
    ------
    InvalidInput
        When it is not running.
    """
    job_control.pause(ws.database, study_status(ws, name))


def stop(ws: Workspace, name: str) -> None:
    """End a study; what its runs have learned stays.

    Raises
    ------
    InvalidInput
        When there is nothing to stop.
    """
    status = study_status(ws, name)
    if job_control.stop(ws.database, status):
        settle(ws, status.study, "stopped")


def resume(ws: Workspace, name: str) -> Job:
    """Queue a paused, stopped or failed study again; it goes on where it was interrupted.

    Raises
    ------
    InvalidInput
        When it is neither paused, stopped nor failed.
    """
    status = study_status(ws, name)
    job = job_control.resume(ws.database, status)
    studies.update_study(ws.database, status.study.id, state="queued", finished_at=None)
    for entry in studies.runs_of(ws.database, status.study.id):
        if status.study.kind == "kfold" and entry.run.state in ("paused", "stopped", "failed"):
            runs.update_run(ws.database, entry.run.id, state="queued", finished_at=None)
    return job


def settle(ws: Workspace, study: Study, state: str) -> None:
    """Carry the end of a study's job over to the study and to its runs that have not ended.

    Parameters
    ----------
    state
        finished, paused, stopped or failed.
    """
    over = None if state == "paused" else time.time()
    studies.update_study(ws.database, study.id, state=state, finished_at=over)
    for entry in studies.runs_of(ws.database, study.id):
        if entry.run.state == "running":
            runs.update_run(ws.database, entry.run.id, state=state, finished_at=over)
        elif entry.run.state == "queued" and state in ("stopped", "failed"):
            runs.update_run(ws.database, entry.run.id, state="stopped", finished_at=over)


def unfinished_study(ws: Workspace, name: str | None, *, kind: StudyKind, spec: dict[str, Any]) -> Job | None:
    """Return the job of the study called `name` when the same one was begun and not finished, queued again.

    None when there is no such study; a study with other settings is left for the caller to refuse.
    """
    try:
        status = study_status(ws, name) if name else None
    except NotFound:
        return None
    if status is None or status.study.kind != kind or status.study.spec != spec:
        return None
    if status.can_resume:
        return resume(ws, status.study.name)
    return status.job if status.state in ("queued", "stalled") else None
