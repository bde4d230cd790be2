"""Start and follow trainings; start evaluations and scorings of what they made."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp import jobs
from lensapp.core.acting import needs
from lensapp.core.errors import BandMismatch, InvalidInput, LensAppError
from lensapp.core.score.precision import Precision
from lensapp.core.score.shard_share import ShardShare
from lensapp.core.split.splits import SECOND_TEST
from lensapp.core.train.normalisation import FittedNormalisation
from lensapp.core.train.tasks import ContrastiveTask
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.core.train.transfer_rules import STARTER, require_validation
from lensapp.core.typed_commands import as_typed_here
from lensapp.job_kinds import EvaluationPayload, ScoringPayload
from lensapp.services.imported_tables import measured_on
from lensapp.services.split.second_test import require_second_test_unseen, require_trainable
from lensapp.services.train import job_control
from lensapp.services.train.job_control import JobStanding, state_with_job
from lensapp.services.train.recipe_files import check_recipe
from lensapp.services.train.run_networks import network_files
from lensapp.services.train.starter import install_starter
from lensapp.services.train.task_checks import has_validation, require_truth
from lensapp.services.train.unlabelled import require_unlabelled
from lensapp.storage import datasets, runs, sources
from lensapp.storage.columns.filtering import kept_by
from lensapp.storage.files import EMBEDDINGS, NORMALISATION
from lensapp.storage.records import Dataset, Job, Run, Source
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace

PARTS = ("train", "validation", "test", SECOND_TEST)
MAX_POINTS = 500
BEGUN = ("queued", "running")
WAITING_SECONDS, POLL_SECONDS = 600.0, 0.5
GIVE_FEATURES = ("encoder", "embeddings")
"""Models of runs that give features only."""


@dataclass(frozen=True)
class RunStatus(JobStanding):
    """A run with the job that trains it.

    Attributes
    ----------
    dataset
        Name of its dataset version.
    study
        The study whose job is training the run now, which is paused and stopped as a whole.
    """

    run: Run
    dataset: str
    study: str | None = None
    what = "run"

    @property
    def name(self) -> str:
        """The run's name."""
        return self.run.name

    @property
    def has_own_job(self) -> bool:
        """Whether it is paused, stopped and resumed by itself, not as a part of a study."""
        return self.job is not None and self.study is None


def run_status(ws: Workspace, run_name: str) -> RunStatus:
    """Return a run with its job and the state that follows from both, or raise NotFound."""
    return run_statuses(ws, [run_name])[0]


def run_statuses(ws: Workspace, run_names: Sequence[str]) -> list[RunStatus]:
    """Return some runs, in this order, as `run_status` does."""
    return _with_jobs(ws, [runs.get_run(ws.database, name) for name in run_names])


def list_statuses(ws: Workspace) -> list[RunStatus]:
    """Return every run with its job and state, newest first."""
    return _with_jobs(ws, runs.list_runs(ws.database))


def _with_jobs(ws: Workspace, listed: Sequence[Run]) -> list[RunStatus]:
    """Return runs with the jobs that work on them."""
    own: dict[str, Job] = {}
    in_studies: dict[str, Job] = {}
    for job in jobs.recent(ws.database, limit=jobs.JOBS_SEARCHED):
        if job.kind == "train":
            own.setdefault(job.payload["run"], job)
        elif (
            job.payload.keys() & {"study", "part_of"}
            and job.state in ("running", "paused")
            and job.progress.get("run")
        ):
            in_studies.setdefault(job.progress["run"], job)
    dataset_names = {
        dataset.id: dataset.name for dataset in datasets.list_datasets(ws.database, without_sources=True)
    }
    statuses = []
    for run in listed:
        working = own.get(run.name) or in_studies.get(run.name)
        study = working.payload.get("study") or working.payload.get("part_of") if working else None
        dataset = dataset_names.get(run.dataset_id, "–")
        statuses.append(RunStatus(working, state_with_job(working, run.state), run, dataset, study))
    return statuses


def wait_for_training(ws: Workspace, run_name: str, *, seconds: float = WAITING_SECONDS) -> None:
    """Wait until another process has begun to train a run.

    Raises
    ------
    InvalidInput
        When none has after so many seconds.
    """
    deadline = time.monotonic() + seconds
    while run_name not in {run.name for run in runs.list_runs(ws.database) if run.state in BEGUN}:
        if time.monotonic() > deadline:
            raise InvalidInput(
                f"No training called {run_name} has begun within {seconds:.0f} seconds. Start the first of "
                "its processes too, with the same command and --member 0, in the same workspace."
            )
        time.sleep(POLL_SECONDS)


@needs("work")
def start_training(
    ws: Workspace,
    *,
    dataset_name: str,
    spec: TrainingSpec,
    name: str | None = None,
    initial_run: str | None = None,
) -> tuple[Run, Job]:
    """Register a run of `spec` on a dataset version and queue its training.

    Parameters
    ----------
    ws
        The workspace.
    dataset_name
        A frozen dataset version.
    spec
        The recipe; stored with the run.
    name
        Default: the network's name and the next free number.
    initial_run
        Run whose best network is trained further (a warm start); replaces that of `spec`.

    Raises
    ------
    NotFound
        When the dataset or the initial run does not exist.
    InvalidInput
        When the name is taken, a part of the dataset lacks what the task asks for, or the initial run is
        another network.
    BandMismatch
        When the initial run was trained on other bands.
    """
    dataset = datasets.get_dataset(ws.database, dataset_name)
    if initial_run is not None:
        spec = spec.replaced(initial_run=initial_run)
    with ws.database.whole():
        run = register_run(ws, dataset=dataset, spec=spec, name=name or suggest_run_name(ws, spec.network))
        return run, enqueue_training(ws, run, on=dataset.name)


@needs("work")
def unfinished_training(
    ws: Workspace, *, dataset_name: str, spec: TrainingSpec, name: str | None = None
) -> tuple[Run, Job] | None:
    """Return the same training that was begun and not finished, with its job, queued again if it has ended.

    None when there is none, called `name` if that is given; one with another recipe is left for
    `start_training` to refuse.
    """
    dataset = datasets.get_dataset(ws.database, dataset_name)
    for status in list_statuses(ws):
        run = status.run
        if name not in (None, run.name) or run.dataset_id != dataset.id or not spec.is_saved_as(run.spec):
            continue
        if status.can_resume:
            return run, job_control.resume(ws, status)
        if status.job is not None and status.has_own_job and status.active:
            return run, status.job
        if name is not None and status.job is None and run.state == "queued":  # killed before it had a job
            return run, enqueue_training(ws, run, on=dataset.name)
    return None


def enqueue_training(ws: Workspace, run: Run, *, on: str) -> Job:
    """Queue the training of a run on what `on` names; one that waits or runs already is returned."""
    title = f"Train {run.name} on {on}"
    return jobs.enqueue(ws.database, kind="train", title=title, payload={"run": run.name}, once=True)


def register_run(ws: Workspace, *, dataset: Dataset, spec: TrainingSpec, name: str) -> Run:
    """Register a run of `spec` without a job; raises what `start_training` does."""
    initial = check_start(ws, dataset, spec)
    return runs.create_run(
        ws.database,
        name=name,
        dataset_id=dataset.id,
        model=spec.network,
        spec=spec.saved(),
        initial_run_id=initial.id if initial else None,
    )


def check_start(ws: Workspace, dataset: Dataset, spec: TrainingSpec) -> Run | None:
    """Return the initial run of `spec`, or raise what `start_training` does unless it can be trained."""
    if isinstance(spec.task, ContrastiveTask):
        require_validation(spec, validated=False)
    else:
        require_truth(ws, dataset, spec.task)
        require_validation(spec, validated=spec.held_out is not None or has_validation(dataset))
    require_trainable(ws, dataset)
    require_unlabelled(ws, dataset, spec)
    check_recipe(spec)
    if spec.initial_run is None:
        return None
    if spec.initial_run == STARTER:
        install_starter(ws)
    initial = runs.get_run(ws.database, spec.initial_run)
    if initial.model != spec.network:
        raise InvalidInput(
            f"A {spec.network} cannot continue from {initial.name}, which is a {initial.model}. Choose that "
            "network or train from scratch."
        )
    require_second_test_unseen_by(ws, dataset, initial)
    require_network(ws, initial)
    bands = datasets.dataset_by_id(ws.database, initial.dataset_id).bands
    if bands != dataset.bands:
        raise BandMismatch(
            f"{initial.name} was trained on the bands {','.join(bands)}, but {dataset.name} has "
            f"{','.join(dataset.bands)}. Train from scratch or choose another dataset."
        )
    return initial


def require_second_test_unseen_by(ws: Workspace, dataset: Dataset, run: Run) -> None:
    """Refuse a run that, or whose initial runs, learned from objects of a version's second test part."""
    learner: Run | None = run
    while learner is not None:
        require_second_test_unseen(ws, dataset, learner.dataset_id, name=learner.name)
        key = learner.initial_run_id
        learner = None if key is None else runs.run_by_id(ws.database, key)


def suggest_run_name(ws: Workspace, network: str) -> str:
    """Return the network's name with the next free number."""
    return numbered_name(network, {run.name for run in runs.list_runs(ws.database)})


def numbered_name(stem: str, taken: Collection[str]) -> str:
    """Return `stem` with the next number that makes it none of the names `taken`."""
    number = 1
    while f"{stem}-{number}" in taken:
        number += 1
    return f"{stem}-{number}"


@needs("work")
def start_evaluation(ws: Workspace, *, run_name: str, part: str = "test", dropout_passes: int = 0) -> Job:
    """Queue the evaluation of a run on a part of its dataset; one that waits or runs already is returned.

    A run that estimates values may do so `dropout_passes` times with dropout on.

    Raises
    ------
    NotFound
        When the run does not exist.
    InvalidInput
        When the part is unknown or empty, or the run has no network.
    """
    run = runs.get_run(ws.database, run_name)
    dataset = measured_on(ws, run, part=part)
    if part not in PARTS or not sum(dataset.counts.get(part, {}).values()):
        filled = [name for name in PARTS if sum(dataset.counts.get(name, {}).values())]
        if not filled:
            raise InvalidInput(
                f"{run.name} was trained elsewhere, so that it has no test part here. Score a labelled "
                "source with it and export the scores: 'metrics' measures them."
            )
        raise InvalidInput(
            f"{dataset.name} has no cutouts in a part called {part!r}. Choose one of {', '.join(filled)}."
        )
    if not run.is_external:
        require_scores(ws, run)
    payload: EvaluationPayload = {"run": run.name, "part": part}
    if dropout_passes:
        payload["dropout_passes"] = dropout_passes
    title = f"Evaluate {run.name} on the {part} part"
    return jobs.enqueue(ws.database, kind="evaluate", title=title, payload=payload, once=True)


@needs("work")
def start_scoring(
    ws: Workspace,
    *,
    run_name: str,
    source_name: str,
    dask_url: str | None = None,
    precision: Precision = "auto",
    where: str | None = None,
    shard: str | None = None,
    keep: int | None = None,
    allow_unknown_units: bool = False,
    crop: bool = False,
) -> Job:
    """Queue the scoring of a source through a run; one that waits or runs already is returned.

    With `shard`, as i/n, this is one of n jobs that share the source; of a source in tiles the pixels of the
    `keep` best and of as many at random are kept.

    With `allow_unknown_units` a source is scored whose unit or pixel scale cannot be compared, with `crop`
    the middle of cutouts that are larger than the network's; the run remembers it, for features and
    explanations too, and so do the scores. With a filter in `where` only cutouts that fulfil it are scored.

    Raises
    ------
    NotFound
        When the run or the source does not exist.
    InvalidInput
        When the run has no network, the source is still being imported, the filter cannot be used, or
        `shard` is no share.
    BandMismatch
        When bands, their order, the size, the pixel scale or the unit of flux differ from the network's.
    """
    run = runs.get_run(ws.database, run_name)
    source = sources.get_source(ws.database, source_name)
    sources.require_ready(source)
    require_scores(ws, run)
    if allow_unknown_units:
        runs.allow_unknown_units(ws, run, source)
    if crop:
        runs.allow_crop(ws, run, source)
    check_source_fits(ws, run, source)
    payload: ScoringPayload = {
        "run": run.name, "source": source.name, "dask": dask_url, "precision": precision,
    }  # fmt: skip
    title = f"Score {source.name} with {run.name}"
    if where is not None:
        kept_by(ws, [source], where, ids=np.empty(0, np.int64))
        payload["where"] = where
    if shard is not None:
        ShardShare.parse(shard)
        payload["shard"], title = shard, f"{title}, share {shard}"
    if keep is not None:
        payload["keep"] = keep
    return jobs.enqueue(ws.database, kind="score", title=title, payload=payload, once=True)


def fit_warnings(ws: Workspace, run: Run, source: Source) -> list[str]:
    """Return sentences on what a run sees of a source, and on what of both cannot be compared."""
    if not (ws.run_folder(run.name) / NORMALISATION).exists():
        return []
    try:
        return runs.require_fit(ws, run, source)
    except BandMismatch:  # said where the source is used
        return []


def check_source_fits(
    ws: Workspace, run: Run, source: Source, *, crop: bool = False, allow_unknown_units: bool = False
) -> None:
    """Raise BandMismatch, saying what differs, unless `source` looks like what `run` was trained on.

    Compared are bands, their order, the size, the pixel scale to 5 % and the unit of flux; see
    `lensapp.storage.runs.require_fit`.
    """
    runs.require_fit(ws, run, source, crop=crop, allow_unknown_units=allow_unknown_units)


def what_differs(
    ws: Workspace, run: Run, source: Source, *, fitted: FittedNormalisation | None = None
) -> str:
    """Return in a few words why a run does not read a source as it is; empty where it does.

    Scores from a table are of their source alone. Whether the run has a network, and gives scores, is for
    those to ask who need it. `fitted` is the run's normalisation, where it was read before.
    """
    if run.is_external:
        return "" if source.id in stored_scores.scored_sources(ws, run.id) else "not in its table"
    try:
        runs.require_fit(ws, run, source, fitted=fitted)
    except BandMismatch as error:
        return error.brief
    except LensAppError:
        return "its network cannot be read"
    return ""


def fitting_first(ws: Workspace, run: Run, offered: Sequence[Source]) -> dict[str, str]:
    """Return the names of sources in their order, those first that a run reads, each with what differs."""
    fitted = runs.normalisation_of(ws, run.name) if offered and not run.is_external else None
    differences = {source.name: what_differs(ws, run, source, fitted=fitted) for source in offered}
    return dict(sorted(differences.items(), key=lambda pair: bool(pair[1])))


def training_datasets(ws: Workspace) -> list[Dataset]:
    """Return the frozen dataset versions that networks can be trained on, newest first."""
    return datasets.list_datasets(ws.database)


def has_network(ws: Workspace, run: Run) -> bool:
    """Return whether the run has stored a network that can be used; a classical baseline has none."""
    return all(path.is_file() and path.name != EMBEDDINGS for path in network_files(ws, run))


def gives_features_only(run: Run) -> bool:
    """Return whether a run gives features and no score: an encoder, or a network trained without labels."""
    return run.model in GIVE_FEATURES or (run.spec.get("task") or {}).get("kind") == "contrastive"


def is_scored(ws: Workspace, run: Run) -> bool:
    """Return whether the run has a network that gives scores or values, or scores from a table."""
    if gives_features_only(run):
        return False
    return has_network(ws, run) or (run.is_external and run.state == "finished")


def has_recipe(run: Run) -> bool:
    """Return whether the run was trained from a recipe that another training can take."""
    return "network" in run.spec


def require_network(ws: Workspace, run: Run) -> None:
    """Raise InvalidInput unless the run has stored a network."""
    if run.spec.get("baseline"):
        raise InvalidInput(
            f"{run.name} is a classical baseline, which keeps its evaluation only. Choose a network or a "
            "committee."
        )
    if run.is_external:
        raise InvalidInput(
            f"{run.name} holds scores from a table and has no network. Choose a trained network; the scores "
            "themselves can be evaluated, compared, reviewed and exported."
        )
    if not has_network(ws, run):
        raise InvalidInput(
            f"{run.name} is {run_status(ws, run.name).state} and has stored no trained network yet. Let it "
            "finish at least one epoch."
        )


def require_scores(ws: Workspace, run: Run) -> None:
    """Raise InvalidInput unless the run has a network that gives scores or values."""
    if gives_features_only(run):
        raise InvalidInput(
            f"{run.name} gives features and no score. Train a head on it, on the page Features or by "
            f"{as_typed_here(f'head {run.name} DATASET', workspace=ws.folder)}"
        )
    require_network(ws, run)


def history(ws: Workspace, run_name: str) -> list[dict[str, Any]]:
    """Return the figures of each epoch of a run in order, each with its `epoch`."""
    return runs.metrics_of(ws.database, runs.get_run(ws.database, run_name).id)


def history_columns(
    ws: Workspace, run_name: str, *, limit: int = MAX_POINTS
) -> dict[str, NDArray[np.float64]]:
    """Return the figures of a run as columns with at most `limit` epochs, for drawing.

    Epochs are left out evenly; the first and the last always stay. A figure that an epoch lacks is NaN.

    Returns
    -------
    dict
        `epoch` and each numeric figure, all of shape (≤ limit,).
    """
    rows = history(ws, run_name)
    if len(rows) > limit:
        rows = [rows[k] for k in np.unique(np.linspace(0, len(rows) - 1, limit).round().astype(int))]
    names = dict.fromkeys(key for row in rows for key, value in row.items() if _is_number(value))
    return {
        name: np.array([row[name] if _is_number(row.get(name)) else np.nan for row in rows], np.float64)
        for name in names
    }


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def overlay_columns(
    ws: Workspace, run_names: list[str], *, limit: int = MAX_POINTS
) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Return `history_columns` of several runs by name."""
    return {name: history_columns(ws, name, limit=limit) for name in run_names}
