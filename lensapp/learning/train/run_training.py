"""Train a registered run and keep its row, its metrics and its summary up to date."""

import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypedDict

from lensapp.core.config import read_json
from lensapp.core.errors import JobCancelled
from lensapp.core.progress import Progress, Report, ShouldStop, ignore_progress, never_stop
from lensapp.core.train.normalisation import FittedNormalisation
from lensapp.core.train.tasks import TASK, ContrastiveTask
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.learning.feed.batches import LabelledCutouts
from lensapp.learning.feed.dataset_parts import dataset_part, unit_of_dataset
from lensapp.learning.feed.unlabelled_parts import unlabelled_part
from lensapp.learning.train.checkpoints import load_state
from lensapp.learning.train.event_files import EventFiles
from lensapp.learning.train.mlflow_runs import MlflowRun
from lensapp.learning.train.training import train
from lensapp.storage import datasets, runs
from lensapp.storage.files import CHECKPOINT, EVENTS, MLFLOW, NORMALISATION, SPEC
from lensapp.storage.records import Dataset, Run
from lensapp.storage.workspace import Workspace

NOT_A_FIGURE = ("event", "step", "steps", "fraction", "message", "rate", "seconds_left", "epoch")


def train_run(
    workspace: Workspace, *, run_name: str, report: Report, should_stop: ShouldStop
) -> dict[str, Any]:
    """Train the run called `run_name`, or go on with it.

    Returns
    -------
    dict
        epochs, best_epoch, best, best_by, seconds, images_per_second, parameters, device, precision.

    Raises
    ------
    NotFound
        When the run or its dataset does not exist.
    JobCancelled
        When it was paused or stopped; what it has learned is stored.
    LensAppError
        As `lensapp.learning.train.training.train`.
    """
    run = runs.get_run(workspace.database, run_name)
    runs.update_run(workspace.database, run.id, state="running")
    dataset = datasets.dataset_by_id(workspace.database, run.dataset_id)
    spec, folder = TrainingSpec.parse(run.spec), workspace.run_folder(run.name)
    parts = parts_of(workspace, dataset, spec, folder)

    def store(row: Mapping[str, Any]) -> None:
        runs.put_metrics(workspace.database, run.id, row["epoch"], figures_of(row))

    completed = load_state(folder).epoch
    kept: dict[str, Any] = {
        key: run.summary[key] for key in ("committee", "resumed_after") if key in run.summary
    }
    if completed:
        kept["resumed_after"] = sorted({*kept.get("resumed_after", ()), completed})
        runs.update_run(workspace.database, run.id, summary=run.summary | kept)
    with ExitStack() as stack:
        copies = _copies_elsewhere(stack, workspace, run, dataset.name, completed=completed)

        def store_and_report(progress: Progress) -> None:
            if progress["event"] == "epoch":
                store(progress)
                for copy in copies:
                    copy.add(progress["epoch"], figures_of(progress))
            report(progress)

        result = train(
            spec,
            **parts,
            folder=folder,
            report=store_and_report,
            should_stop=should_stop,
            initial_folder=workspace.run_folder(spec.initial_run) if spec.initial_run else None,
        )
        for row in result.history:  # an epoch may have been saved just before its process was killed
            store(row)
        summary = {key: value for key, value in result.as_dict().items() if key != "history"}
        summary |= kept  # a committee was made of its networks before the job was begun again
        runs.update_run(workspace.database, run.id, summary=summary)
        if result.status in ("paused", "stopped"):
            raise JobCancelled(
                f"The training of {run.name} was {result.status} after {result.epochs} epochs."
            )
    return summary


class Parts(TypedDict):
    """What a training learns from and is validated on."""

    training: LabelledCutouts
    validation: LabelledCutouts | None
    unlabelled: LabelledCutouts | None


def parts_of(workspace: Workspace, dataset: Dataset, spec: TrainingSpec, folder: Path) -> Parts:
    """Return the parts for the training of `spec` in `folder`, all in the unit of its network."""
    initial_folder = workspace.run_folder(spec.initial_run) if spec.initial_run else None
    if (folder / NORMALISATION).exists():  # begun before
        unit = FittedNormalisation.parse(read_json(folder / NORMALISATION)).unit
    else:
        unit = unit_of_dataset(
            workspace, dataset, spec.normalisation, initial=initial_folder, besides=spec.unlabelled_source
        )
    start = runs.normalisation_of(workspace, spec.initial_run) if spec.initial_run else None
    size = start.size if start is not None and start.any_size else None
    unlabelled = None
    if spec.looks_at_unlabelled:
        unlabelled = unlabelled_part(
            workspace, dataset, spec.unlabelled_source, fold=spec.held_out, unit=unit, size=size
        )
    if unlabelled is not None and isinstance(spec.task, ContrastiveTask):
        return {"training": unlabelled, "validation": None, "unlabelled": None}
    validated = spec.held_out is not None or any(dataset.counts.get("validation", {}).values())
    part_of = partial(
        dataset_part, workspace, dataset, task=spec.task, fold=spec.held_out, unit=unit, size=size
    )
    return {
        "training": part_of("train"),
        "validation": part_of("validation") if validated else None,
        "unlabelled": unlabelled,
    }


def take_part(workspace: Workspace, *, run_name: str, should_stop: ShouldStop = never_stop) -> dict[str, Any]:
    """Compute a share of the training of a run that the first of several processes keeps.

    Returns
    -------
    dict
        `epochs` completed and `status` when it ended.

    Raises
    ------
    NotFound
        When the run does not exist.
    LensAppError
        As `lensapp.learning.train.training.train`, and when another process was lost.
    """
    run = runs.get_run(workspace.database, run_name)
    dataset = datasets.dataset_by_id(workspace.database, run.dataset_id)
    spec, kept = TrainingSpec.parse(run.spec), workspace.run_folder(run.name)
    with TemporaryDirectory() as name:
        for file in (SPEC, TASK, NORMALISATION, CHECKPOINT):
            if (kept / file).exists():
                shutil.copyfile(kept / file, Path(name) / file)
        result = train(
            spec,
            **parts_of(workspace, dataset, spec, Path(name)),
            folder=Path(name),
            report=ignore_progress,
            should_stop=should_stop,
            initial_folder=workspace.run_folder(spec.initial_run) if spec.initial_run else None,
        )
    return {"epochs": result.epochs, "status": result.status}


def figures_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures in a report of an epoch."""
    return {key: value for key, value in row.items() if key not in NOT_A_FIGURE}


def _copies_elsewhere(
    stack: ExitStack, workspace: Workspace, run: Run, experiment: str, *, completed: int
) -> list[EventFiles | MlflowRun]:
    """Return what keeps the figures for other programs too, as the recipe asks; `stack` closes it."""
    spec, copies = TrainingSpec.parse(run.spec), list[EventFiles | MlflowRun]()
    if spec.event_files:
        events = EventFiles(workspace.run_folder(run.name) / EVENTS, completed=completed)
        copies.append(stack.enter_context(events))
    if spec.mlflow:
        copy_of_run = MlflowRun(
            workspace.folder / MLFLOW,
            experiment=experiment, name=run.name, settings=run.spec, completed=completed,
        )  # fmt: skip
        copies.append(stack.enter_context(copy_of_run))
    return copies
