"""Commands about votes, consensus and catalogues."""

import argparse
from typing import Any

from lensapp.cli.options import add_spec_options, given_values
from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.inspect.vote_files import parse_grade_map
from lensapp.storage import reviews
from lensapp.storage.workspace import Workspace


def add_rules(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which grades become which label."""
    add_spec_options(parser, FeedbackRules, flags={})


def vote(arguments: argparse.Namespace) -> dict[str, Any]:
    """Grade one candidate."""
    from lensapp.services.inspect.votes import vote_once

    workspace = Workspace.open(arguments.workspace)
    stored = vote_once(
        workspace,
        source_or_review_name=arguments.name,
        candidate_id=arguments.candidate,
        grade=arguments.grade,
        inspector=arguments.inspector,
    )
    return {
        "review": reviews.review_by_id(workspace.database, stored.review_id).name,
        "candidate": arguments.candidate,
        "grade": stored.grade,
        "inspector": stored.inspector,
    }


COLUMNS = ("id", "inspector", "grade", "contaminant", "comment")


def add_import_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the import of votes."""
    for meaning in COLUMNS:
        parser.add_argument(
            f"--{meaning}-column",
            metavar="NAME",
            help=f"Column of the {meaning}; default: by its usual names.",
        )
    parser.add_argument("--inspector", metavar="NAME", help="Who voted, where no column tells it.")
    parser.add_argument("--map", metavar="2=A,1=B", default="", help="What the grades of the file mean here.")
    parser.add_argument("--dry-run", action="store_true", help="Say what would be added; write nothing.")


def import_votes(arguments: argparse.Namespace) -> dict[str, Any]:
    """Add the votes of a file."""
    from lensapp.services.inspect import vote_import

    return vote_import.import_votes(
        Workspace.open(arguments.workspace),
        name=arguments.name,
        path=arguments.file,
        columns={meaning: getattr(arguments, f"{meaning}_column") for meaning in COLUMNS},
        grade_map=parse_grade_map(arguments.map),
        inspector=arguments.inspector,
        dry_run=arguments.dry_run,
    )


def label(arguments: argparse.Namespace) -> dict[str, Any]:
    """Freeze the consensus of all votes into a new dataset version."""
    from lensapp.services.catalogue import feedback

    return feedback.label(
        Workspace.open(arguments.workspace),
        name=arguments.name,
        dataset_name=arguments.dataset,
        rules=FeedbackRules.parse(given_values(arguments, FeedbackRules)),
        new_name=arguments.new_name,
    )
