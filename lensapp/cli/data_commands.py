"""Commands about sources and datasets."""

import argparse
from typing import Any

from lensapp.cli.options import given_values
from lensapp.cli.running import finish_here
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput
from lensapp.core.split.splits import SplitSpec
from lensapp.simulation.survey import DemoSpec
from lensapp.storage import datasets as dataset_rows
from lensapp.storage import runs as run_rows
from lensapp.storage import sources as source_rows
from lensapp.storage.workspace import Workspace


def demo(arguments: argparse.Namespace) -> dict[str, Any]:
    """Simulate a survey."""
    from lensapp.services.data.demo import start_demo

    spec = DemoSpec.parse(given_values(arguments, DemoSpec))
    workspace = Workspace.open(arguments.workspace)
    return finish_here(workspace, start_demo(workspace, name=arguments.name, spec=spec))


def ingest(arguments: argparse.Namespace) -> dict[str, Any]:
    """Import cutouts, or say what an import would do."""
    from lensapp.services.data import sources

    spec = IngestSpec.parse(given_values(arguments, IngestSpec) | {"path": arguments.path})
    if arguments.dry_run:
        return sources.describe_preview(sources.preview_import(spec))
    if not arguments.name:
        raise InvalidInput("Expected --name N for the new source, received none. Give one, or use --dry-run.")
    workspace = Workspace.open(arguments.workspace)
    return finish_here(workspace, sources.start_import(workspace, name=arguments.name, spec=spec))


def split(arguments: argparse.Namespace) -> dict[str, Any]:
    """Freeze a dataset version."""
    from lensapp.services.data.known_lenses import load_known_lenses
    from lensapp.services.split import datasets
    from lensapp.services.split.known_lens_cut import KnownCut

    spec = SplitSpec.parse(given_values(arguments, SplitSpec))
    names = [name for name in arguments.sources.split(",") if name]
    workspace = Workspace.open(arguments.workspace)
    table, column = arguments.exclude_known, arguments.radius_column
    without = None
    if table is not None:
        known = load_known_lenses(table, radius_column=column)
        without = KnownCut(known, arguments.known_radius)
    dataset = datasets.freeze_split(
        workspace, source_names=names, spec=spec, name=arguments.name, without=without
    )
    return datasets.describe(workspace, dataset)


def list_sources(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """List the sources."""
    database = Workspace.open(arguments.workspace).database
    return [
        {
            "name": source.name,
            "kind": source.kind,
            "state": source.state,
            "cutouts": source_rows.count_cutouts(database, source.id),
            "bands": ",".join(source.bands),
            "shape": [source.height, source.width],
            "pixel_scale_arcsec": source.pixel_scale_arcsec,
        }
        for source in source_rows.list_sources(database)
    ]


def list_datasets(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """List the dataset versions."""
    database = Workspace.open(arguments.workspace).database
    return [
        {
            "name": item.name,
            "bands": ",".join(item.bands),
            "counts": item.counts,
            "checksum": item.checksum[:12],
        }
        for item in dataset_rows.list_datasets(database)
    ]


def list_runs(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """List the runs."""
    database = Workspace.open(arguments.workspace).database
    names = {dataset.id: dataset.name for dataset in dataset_rows.list_datasets(database)}
    return [
        {
            "name": run.name,
            "model": run.model,
            "state": run.state,
            "dataset": names[run.dataset_id],
            **_best(run.summary),
        }
        for run in run_rows.list_runs(database)
    ]


def _best(summary: dict[str, Any]) -> dict[str, Any]:
    best = summary.get("best") or {}
    figures = {key: best.get(key) for key in ("val_loss", "val_auc")}
    return (
        {key: summary.get(key) for key in ("epochs", "best_epoch")}
        | figures
        | {"seconds": summary.get("seconds")}
    )
