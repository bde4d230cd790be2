"""Train networks without labels, on any source, before there is a dataset version."""

from lensapp.core.acting import needs
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.train import job_control, runs
from lensapp.storage import datasets, sources
from lensapp.storage.records import Job, Run
from lensapp.storage.workspace import Workspace


@needs("work")
def start_pretraining(
    ws: Workspace, *, spec: TrainingSpec, dataset_name: str | None = None, name: str | None = None
) -> tuple[Run, Job]:
    """Register a run that learns from the source of `spec` without labels, and queue its training.

    Parameters
    ----------
    spec
        The recipe, with a contrastive task that names a source.
    dataset_name
        Version whose validation and test cutouts are left out; default: none is, but those of second test
        parts.
    name
        Default: the network's name and the next free number.

    Raises
    ------
    NotFound
        When the source, the version or the initial run does not exist.
    InvalidInput
        When the name is taken, or the source may not be looked at.
    BandMismatch
        When the source does not fit the version or the initial run.
    """
    run_name = name or runs.suggest_run_name(ws, f"{spec.network}-pretrained")
    if dataset_name is not None:
        return runs.start_training(ws, dataset_name=dataset_name, spec=spec, name=run_name)
    source = sources.get_source(ws.database, spec.unlabelled_source or "")
    with ws.database.whole():
        dataset = datasets.create_elsewhere(
            ws.database,
            name=run_name,
            bands=source.bands,
            note=f"{run_name} was trained on {source.name} without labels.",
        )
        run = runs.register_run(ws, dataset=dataset, spec=spec, name=run_name)
        return run, runs.enqueue_training(ws, run, on=source.name)


@needs("work")
def unfinished_pretraining(
    ws: Workspace, *, spec: TrainingSpec, dataset_name: str | None = None, name: str | None = None
) -> tuple[Run, Job] | None:
    """Return the same pre-training that was begun and not finished, queued again; None when there is none."""
    if dataset_name is not None:
        return runs.unfinished_training(ws, dataset_name=dataset_name, spec=spec, name=name)
    for status in runs.list_statuses(ws):
        if name in (None, status.name) and spec.is_saved_as(status.run.spec):
            if status.can_resume:
                return status.run, job_control.resume(ws, status)
            if status.job is not None and status.has_own_job and status.active:
                return status.run, status.job
    return None
