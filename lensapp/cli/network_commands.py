"""Commands about networks: train, measure, score."""

import argparse
import signal
import sys
from pathlib import Path
from typing import Any

from lensapp import worker
from lensapp.cli.options import given_values, merged
from lensapp.cli.running import finish_here
from lensapp.core.errors import InvalidInput
from lensapp.core.train.presets import PRESETS, find_preset
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.train import runs as run_service
from lensapp.storage import queue
from lensapp.storage import runs as run_rows
from lensapp.storage.workspace import Workspace


def train(arguments: argparse.Namespace) -> dict[str, Any]:
    """Train a network."""
    spec = training_spec(arguments)
    workspace = Workspace.open(arguments.workspace)
    run, job = run_service.start_training(
        workspace, dataset_name=arguments.dataset, spec=spec, name=arguments.name
    )
    return {"run": run.name} | finish_here(workspace, job)


def training_spec(arguments: argparse.Namespace) -> TrainingSpec:
    """Return the recipe of --model or --preset with the settings that were given.

    Raises
    ------
    InvalidInput
        When neither is given, or both and they differ, or a setting is refused.
    """
    base = find_preset(arguments.preset).spec.saved() if arguments.preset else {}
    if arguments.model:
        if base and base["network"] != arguments.model:
            raise InvalidInput(
                f"Expected one of --model and --preset, received {arguments.model} and {arguments.preset}, "
                f"which trains {base['network']}. Leave one out."
            )
        base["network"] = arguments.model
    if not base:
        raise InvalidInput(
            "Expected --model NAME or --preset NAME, received neither. See 'models' and 'presets'."
        )
    base.setdefault("task", {"kind": "binary"})
    return TrainingSpec.parse(merged(base, given_values(arguments, TrainingSpec)))


def evaluate(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure a run on a part of its dataset."""
    workspace = Workspace.open(arguments.workspace)
    job = run_service.start_evaluation(
        workspace, run_name=arguments.run, part=arguments.part, dropout_passes=arguments.dropout_passes
    )
    return finish_here(workspace, job)


def score(arguments: argparse.Namespace) -> dict[str, Any]:
    """Score a source."""
    workspace = Workspace.open(arguments.workspace)
    job = run_service.start_scoring(
        workspace, run_name=arguments.run, source_name=arguments.source, dask_url=arguments.dask
    )
    return finish_here(workspace, job)


def predict(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Score single files."""
    from lensapp.learning.score.predict import expected_input, predict_rows
    from lensapp.services.evaluate.single_images import read_single_images

    workspace = Workspace.open(arguments.workspace)
    folder = workspace.run_folder(run_rows.get_run(workspace.database, arguments.run).name)
    images = read_single_images([Path(name) for name in arguments.files], expected_input(folder))
    rows = predict_rows(folder, [image.pixels for image in images])
    return [
        {"file": image.file, "id": image.candidate_id} | row for image, row in zip(images, rows, strict=True)
    ]


def metrics(arguments: argparse.Namespace) -> dict[str, Any]:
    """Compute the figures of a table of scores."""
    from lensapp.services.evaluate.metrics_table import metrics_of_table

    return metrics_of_table(
        arguments.file, score=arguments.score, label=arguments.label, threshold=arguments.threshold
    )


def models(_arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """List the networks at their documents' input sizes."""
    from models.registry import describe_networks

    return describe_networks()


def presets(_arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """List the documents' recipes."""
    return [
        {"name": item.name, "title": item.title, "document": item.document, "spec": item.spec.saved()}
        for item in PRESETS.values()
    ]


def work(arguments: argparse.Namespace) -> None:
    """Run queued jobs until stopped."""
    signal.signal(signal.SIGTERM, _end)
    worker.serve(Workspace.open(arguments.workspace), idle_seconds=arguments.idle_seconds)


def _end(_signal: int, _frame: object) -> None:
    sys.exit(0)


def run_one_job(arguments: argparse.Namespace) -> None:
    """Run a job that the calling worker has claimed."""
    workspace = Workspace.open(arguments.workspace)
    job = queue.get_job(workspace.database, arguments.job)
    if job.attempt != arguments.attempt or job.state != "running":
        raise InvalidInput(
            f"Expected attempt {arguments.attempt} of job {job.id}, which has moved on to {job.attempt}."
        )
    worker.run_job(workspace, job)
