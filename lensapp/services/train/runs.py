"""Start, steer and follow trainings; start evaluations and scorings of what they made."""

import time
from collections.abc import Sequence
from typing import Any

from lensapp import jobs
from lensapp.core.config import read_json
from lensapp.core.errors import BandMismatch, InvalidInput, LensAppError
from lensapp.core.train.normalisation import FittedNormalisation
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.core.train.transfer_rules import require_start
from lensapp.services.train import job_control
from lensapp.services.train.run_states import (
    RunStatus,
    active_job,
    has_network,
    has_recipe,
    history,
    history_columns,
    latest_job,
    list_statuses,
    network_files,
    overlay_columns,
    require_network,
    run_status,
)
from lensapp.services.train.task_checks import require_truth
from lensapp.storage import datasets, runs, sources
from lensapp.storage.records import Dataset, Job, Run, Source
from lensapp.storage.workspace import Workspace

__all__ = [
    "RunStatus",
    "active_job",
    "check_source_fits",
    "check_start",
    "fitting_first",
    "has_network",
    "has_recipe",
    "history",
    "history_columns",
    "latest_job",
    "list_statuses",
    "network_files",
    "overlay_columns",
    "pause",
    "register_run",
    "require_network",
    "resume",
    "run_status",
    "start_evaluation",
    "start_scoring",
    "start_training",
    "stop",
    "suggest_run_name",
]

PARTS = ("train", "validation", "test")
NORMALISATION = "normalisation.json"


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
    run = register_run(ws, dataset=dataset, spec=spec, name=name or suggest_run_name(ws, spec.network))
    title = f"Train {run.name} on {dataset.name}"
    return run, jobs.enqueue(ws.database, kind="train", title=title, payload={"run": run.name})


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
    require_truth(ws, dataset, spec.task)
    require_start(spec)
    return _initial_run(ws, dataset, spec)


def suggest_run_name(ws: Workspace, network: str) -> str:
    """Return the network's name with the next free number."""
    taken = {run.name for run in runs.list_runs(ws.database)}
    number = 1
    while f"{network}-{number}" in taken:
        number += 1
    return f"{network}-{number}"


def _initial_run(ws: Workspace, dataset: Dataset, spec: TrainingSpec) -> Run | None:
    if spec.initial_run is None:
        return None
    initial = runs.get_run(ws.database, spec.initial_run)
    if initial.model != spec.network:
        raise InvalidInput(
            f"Expected a warm start from a {spec.network}, received {initial.name}, which is a "
            f"{initial.model}. Choose that network or train from scratch."
        )
    require_network(ws, initial)
    bands = datasets.dataset_by_id(ws.database, initial.dataset_id).bands
    if bands != dataset.bands:
        raise BandMismatch(
            f"Expected a dataset with the bands {','.join(bands)} of {initial.name}, received "
            f"{','.join(dataset.bands)}. Train from scratch or choose another dataset."
        )
    return initial


def pause(ws: Workspace, run_name: str) -> None:
    """Ask a running training to store its state and give up its place.

    Raises
    ------
    InvalidInput
        When it is not running.
    """
    job_control.pause(ws.database, run_status(ws, run_name))


def stop(ws: Workspace, run_name: str) -> None:
    """End a training; its best network so far stays.

    Raises
    ------
    InvalidInput
        When there is nothing to stop.
    """
    status = run_status(ws, run_name)
    if job_control.stop(ws.database, status):
        runs.update_run(ws.database, status.run.id, state="stopped", finished_at=time.time())


def resume(ws: Workspace, run_name: str) -> None:
    """Queue a paused, stopped or failed training again; it goes on from its last epoch.

    Raises
    ------
    InvalidInput
        When it is neither paused, stopped nor failed.
    """
    status = run_status(ws, run_name)
    job_control.resume(ws.database, status)
    runs.update_run(ws.database, status.run.id, state="queued", finished_at=None)


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
    dataset = datasets.dataset_by_id(ws.database, run.dataset_id)
    if part not in PARTS or not sum(dataset.counts.get(part, {}).values()):
        filled = [name for name in PARTS if sum(dataset.counts.get(name, {}).values())]
        raise InvalidInput(
            f"Expected a part of {dataset.name} with cutouts ({', '.join(filled)}), received {part!r}. "
            "Choose one of them."
        )
    require_network(ws, run)
    payload: dict[str, Any] = {"run": run.name, "part": part}
    if dropout_passes:
        payload["dropout_passes"] = dropout_passes
    return _enqueue_once(ws, "evaluate", f"Evaluate {run.name} on the {part} part", payload)


def start_scoring(ws: Workspace, *, run_name: str, source_name: str, dask_url: str | None = None) -> Job:
    """Queue the scoring of a source through a run; one that waits or runs already is returned.

    Raises
    ------
    NotFound
        When the run or the source does not exist.
    InvalidInput
        When the run has no network or the source is still being imported.
    BandMismatch
        When bands, their order, the size or the pixel scale differ from the network's.
    """
    run = runs.get_run(ws.database, run_name)
    source = sources.get_source(ws.database, source_name)
    if source.state != "ready":
        raise InvalidInput(
            f"Expected an imported source, received {source.name}, which is {source.state}. "
            "Wait for its import to end."
        )
    require_network(ws, run)
    check_source_fits(ws, run, source)
    payload = {"run": run.name, "source": source.name, "dask": dask_url}
    return _enqueue_once(ws, "score", f"Score {source.name} with {run.name}", payload)


def check_source_fits(ws: Workspace, run: Run, source: Source) -> None:
    """Raise BandMismatch, saying what differs, unless `source` looks like what `run` was trained on.

    Compared are bands, their order, the size and, where both are known, the pixel scale to 1 %.
    """
    _check_fits(_normalisation_of(ws, run), source)


def fitting_first(ws: Workspace, run: Run, found: Sequence[Source]) -> list[Source]:
    """Return sources in their order, those first that look like what `run` was trained on."""
    try:
        fitted = _normalisation_of(ws, run)
    except LensAppError:  # the page says so when a source is used
        return list(found)
    return sorted(found, key=lambda source: not _fits(fitted, source))


def _normalisation_of(ws: Workspace, run: Run) -> FittedNormalisation:
    return FittedNormalisation.parse(read_json(ws.run_folder(run.name) / NORMALISATION))


def _check_fits(fitted: FittedNormalisation, source: Source) -> None:
    fitted.check(
        bands=source.bands,
        size=(source.height, source.width),
        pixel_scale_arcsec=source.pixel_scale_arcsec,
    )


def _fits(fitted: FittedNormalisation, source: Source) -> bool:
    try:
        _check_fits(fitted, source)
    except BandMismatch:
        return False
    return True


def _enqueue_once(ws: Workspace, kind: str, title: str, payload: dict[str, Any]) -> Job:
    waiting = active_job(ws, kind, **payload)
    return waiting or jobs.enqueue(ws.database, kind=kind, title=title, payload=payload)
