"""Commands about features."""

import argparse
from typing import Any

from lensapp.cli.options import add_spec_options, given_values
from lensapp.cli.running import finish_here
from lensapp.core.score.feature_spec import MapSpec
from lensapp.services.score import features as feature_service
from lensapp.storage import runs
from lensapp.storage.workspace import Workspace

FLAGS = {"method": "--map"}


def add_features(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `features`."""
    parser.add_argument("run", metavar="RUN", help="Name of the run.")
    parser.add_argument("source", metavar="N", help="Name of a source or a dataset version.")
    add_spec_options(parser, MapSpec, flags=FLAGS)


def features(arguments: argparse.Namespace) -> dict[str, Any]:
    """Store the features of a source, and map and group them where asked to."""
    workspace = Workspace.open(arguments.workspace)
    given = given_values(arguments, MapSpec)
    spec = MapSpec.parse(given) if given else None
    job = feature_service.start_features(workspace, run_name=arguments.run, name=arguments.source, spec=spec)
    outcome = finish_here(workspace, job)
    if spec is None or spec.method == "none":
        return outcome
    return outcome | {"clusters": _clusters(workspace, arguments.run, arguments.source, spec)}


def _clusters(workspace: Workspace, run_name: str, name: str, spec: MapSpec) -> list[dict[str, Any]]:
    found = feature_service.load_map(workspace, run_name, name, spec.method)
    run = runs.get_run(workspace.database, run_name)
    return feature_service.cluster_rows(feature_service.map_table(workspace, run, name, found))
