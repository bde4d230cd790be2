"""The command that explains a score."""

import argparse
from pathlib import Path
from typing import Any

from lensapp.cli.options import add_spec_options, given_values
from lensapp.cli.running import finish_here
from lensapp.core.evaluate.explain_spec import ExplainSpec
from lensapp.services.evaluate import explanations
from lensapp.storage.workspace import Workspace


def add_explain(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `explain`."""
    parser.add_argument("run", metavar="RUN", help="Name of the run.")
    parser.add_argument("subject", metavar="ID|FILE", help="ID of a candidate, or a file with one cutout.")
    parser.add_argument("--source", metavar="N", help="Source of the candidate, where several have its ID.")
    parser.add_argument("--out", metavar="F.png", type=Path, help="Draw cutout, regions and occlusion.")
    add_spec_options(parser, ExplainSpec, flags={})


def explain(arguments: argparse.Namespace) -> dict[str, Any]:
    """Explain what a run says of one cutout."""
    workspace = Workspace.open(arguments.workspace)
    subject = explanations.find_subject(workspace, arguments.subject, source_name=arguments.source)
    spec = ExplainSpec.parse(given_values(arguments, ExplainSpec))
    job = explanations.start_explanation(workspace, run_name=arguments.run, spec=spec, **subject)
    outcome = finish_here(workspace, job)
    if arguments.out:
        explanations.write_picture(workspace, arguments.run, outcome["key"], arguments.out)
        outcome["out"] = str(arguments.out)
    return outcome
