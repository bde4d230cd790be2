"""Start, steer and follow cross-validations and searches of hyper-parameters."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lensapp import jobs
from lensapp.core.acting import needs
from lensapp.core.config import Spec
from lensapp.core.errors import InvalidInput
from lensapp.core.split.folds import DEVELOPMENT, Fold
from lensapp.core.train.study_spec import KfoldSpec, SearchSpec, StudyKind
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.job_kinds import StudyPayload, kind_of_study
from lensapp.services.train import job_control
from lensapp.services.train.job_control import JobStanding, state_with_job
from lensapp.services.train.recipe_files import check_space
from lensapp.services.train.runs import check_start, numbered_name, register_run
from lensapp.storage import datasets, queue, runs, studies
from lensapp.storage.datasets import part_members
from lensapp.storage.records import Dataset, Job, Study, StudyRun
from lensapp.storage.workspace import Workspace

WORKERS = "workers"
"""Stands for the workers of the workspace, over which a study is spread."""


@dataclass(frozen=True)
class StudyStatus(JobStanding):
    """A study with the job that works on it."""

    study: Study
    what = "study"

    @property
    def name(self) -> str:
        """The study's name."""
        return self.study.name


def own_folds(ws: Workspace, dataset_name: str) -> int:
    """Return how many folds a dataset version was split with, 0 for none; a cross-validation takes these."""
    return datasets.count_folds(ws.database, datasets.get_dataset(ws.database, dataset_name).id)


@dataclass(frozen=True)
class FoldCounts:
    """How many cutouts of each label a cross-validation holds out in each fold, and in the test part."""

    folds: tuple[Mapping[str, int], ...]
    test: Mapping[str, int]


def fold_counts(ws: Workspace, dataset_name: str, *, folds: int, seed: int) -> FoldCounts:
    """Return how a cross-validation deals the members of a version; a version that is frozen is asked once.

    Raises
    ------
    NotFound, InvalidInput
        When there is no such version, or it cannot be dealt to so many folds.
    """
    dataset = datasets.get_dataset(ws.database, dataset_name)
    return _fold_counts(ws, dataset.id, folds, seed)


@lru_cache(maxsize=16)
def _fold_counts(ws: Workspace, dataset_id: int, folds: int, seed: int) -> FoldCounts:
    members, assigned = datasets.members_by_fold(ws.database, dataset_id, folds=folds, seed=seed)
    held_out = [members["label"][assigned == fold] for fold in range(int(assigned.max()) + 1)]
    test = members["label"][members["part"] == "test"]
    return FoldCounts(tuple(Counter(labels.tolist()) for labels in held_out), Counter(test.tolist()))


@needs("work")
def start_kfold(
    ws: Workspace, *, dataset_name: str, spec: KfoldSpec, name: str | None = None, spread: str | None = None
) -> tuple[Study, Job]:
    """Register a cross-validation with a run per fold, and queue the job that trains them.

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
    spread
        See `lensapp.spread.work_on_study`.

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
    require_unseen(ws, dataset, spec.training)
    check_start(ws, dataset, spec.training)
    name = name or suggest_study_name(ws, "kfold")
    run_names = [f"{name}-fold{number}" for number in range(1, spec.folds + 1)]
    _require_free(ws, name, run_names)
    title = f"Cross-validate {spec.training.network} on {dataset.name}, {spec.folds} folds"
    with ws.database.whole():
        study = studies.create_study(
            ws.database, name=name, kind="kfold", dataset_id=dataset.id, spec=spec.saved()
        )
        for place, (run_name, recipe) in enumerate(zip(run_names, spec.recipes(), strict=True), start=1):
            run = register_run(ws, dataset=dataset, spec=recipe, name=run_name)
            studies.add_run(ws.database, study.id, run.id, place=place)
        return study, enqueue_study(ws, study, title, spread=spread)


@needs("work")
def start_search(
    ws: Workspace, *, dataset_name: str, spec: SearchSpec, name: str | None = None, spread: str | None = None
) -> tuple[Study, Job]:
    """Register a search of hyper-parameters and queue the job that trains its trials.

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
    check_space(spec)
    name = name or suggest_study_name(ws, "search")
    _require_free(ws, name, [f"{name}-trial{number}" for number in range(1, spec.trials + 1)])
    title = f"Search settings of {spec.training.network} on {dataset.name}, {spec.trials} trials"
    with ws.database.whole():
        study = studies.create_study(
            ws.database, name=name, kind="search", dataset_id=dataset.id, spec=spec.saved()
        )
        return study, enqueue_study(ws, study, title, spread=spread)


def enqueue_study(ws: Workspace, study: Study, title: str, *, spread: str | None = None) -> Job:
    """Queue the job that trains the runs of a study."""
    kind, payload = kind_of_study(study.kind), study_payload(study, spread)
    return jobs.enqueue(ws.database, kind=kind, title=title, payload=payload, once=True)


def study_payload(study: Study, spread: str | None) -> StudyPayload:
    """Return the payload of a job that trains the runs of a study."""
    return {"study": study.name} if spread is None else {"study": study.name, "spread": spread}


def queue_members(ws: Workspace, study: Study) -> tuple[list[Job], int]:
    """Queue a job for each run of a study that is not done; return them, and the number of runs in all."""
    entries = members(ws, study)
    titles = {
        entry.place: f"{entry.info.get('label') or entry.run.name} of {study.name}" for entry in entries
    }
    if study.kind == "search":
        trials = SearchSpec.parse(study.spec).trials
        titles = {place: f"Trial {place} of {study.name}" for place in range(1, trials + 1)}
        done = {entry.place for entry in entries if entry.info["state"] != "running"}
    elif study.kind == "kfold":
        titles = {entry.place: f"Fold {entry.place} of {study.name}" for entry in entries}
        done = {entry.place for entry in entries if "figures" in entry.info}
    else:
        done = {entry.place for entry in entries if entry.run.evaluation is not None}
    queued = [
        jobs.enqueue(
            ws.database,
            kind="member",
            title=title,
            payload={"part_of": study.name, "place": place},
            once=True,
        )
        for place, title in titles.items()
        if place not in done
    ]
    return queued, len(titles)


def suggest_study_name(ws: Workspace, kind: StudyKind) -> str:
    """Return the kind with the next free number."""
    return numbered_name(kind, {study.name for study in studies.list_studies(ws.database)})


def _require_free(ws: Workspace, study_name: str, names: Sequence[str]) -> None:
    """Refuse a name that no study can have, or that none of its runs can have, before anything is made."""
    studies.check_free_name(ws.database, study_name)
    taken = {run.name for run in runs.list_runs(ws.database)} & set(names)
    if taken:
        raise InvalidInput(
            f"The study needs a run called {min(taken)}, which exists already. Choose another name for the "
            "study."
        )
    for name in names:
        runs.check_free_name(ws.database, name)


def require_unseen(ws: Workspace, dataset: Dataset, recipe: TrainingSpec) -> None:
    """Refuse a warm start from a run that has learned from cutouts which a fold would hold out."""
    if recipe.initial_run is None:
        return
    initial = runs.get_run(ws.database, recipe.initial_run)
    here, there = (datasets.member_columns(ws.database, key) for key in (dataset.id, initial.dataset_id))
    mine, theirs = (columns["cutout_id"][np.isin(columns["part"], DEVELOPMENT)] for columns in (here, there))
    seen = int(np.isin(mine, theirs).sum())
    if seen:
        raise InvalidInput(
            f"{initial.name} has seen {seen} of the cutouts of {dataset.name}, so no fold would be held out "
            "from it. Start from scratch, or from a run on other cutouts."
        )


def study_status(ws: Workspace, name: str) -> StudyStatus:
    """Return a study with its job and the state that follows from both, or raise NotFound."""
    return _statuses(ws, [studies.get_study(ws.database, name)])[0]


def list_studies(ws: Workspace, kind: StudyKind) -> list[StudyStatus]:
    """Return the studies of a kind with their jobs and states, newest first."""
    return _statuses(ws, studies.list_studies(ws.database, kind=kind))


def _statuses(ws: Workspace, listed: Sequence[Study]) -> list[StudyStatus]:
    newest: dict[str, Job] = {}
    for job in jobs.recent(ws.database, limit=jobs.JOBS_SEARCHED):
        if "study" in job.payload:
            newest.setdefault(job.payload["study"], job)
    working = [(study, newest.get(study.name)) for study in listed]
    return [StudyStatus(job, state_with_job(job, study.state), study) for study, job in working]


def members(ws: Workspace, study: Study) -> list[StudyRun]:
    """Return the runs of a study in the order of their places."""
    return studies.runs_of(ws.database, study.id)


@needs("work")
def unfinished_study(
    ws: Workspace,
    name: str | None,
    *,
    kind: StudyKind,
    spec: Spec | None,
    dataset_name: str,
    spread: str | None = None,
) -> tuple[Study, Job] | None:
    """Return the same study that was begun and not finished, with its job, queued again if it has ended.

    None when there is none, called `name` if that is given; one with other settings is left for the caller
    to refuse. Without a `spec` any settings will do. It is spread as asked now, however it was before: the
    Dask scheduler of another day has another address.
    """
    dataset = datasets.get_dataset(ws.database, dataset_name)
    for status in list_studies(ws, kind):
        study = status.study
        if name not in (None, study.name) or study.dataset_id != dataset.id:
            continue
        if spec is not None and not spec.is_saved_as(study.spec):
            continue
        if status.job is not None and (status.can_resume or status.state in ("queued", "stalled")):
            queue.update_job(ws.database, status.job, payload=dict(study_payload(study, spread)))
        if status.can_resume:
            return study, job_control.resume(ws, status)
        if status.active and status.job is not None:
            return study, status.job
    return None
