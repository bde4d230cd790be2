"""Commands about votes, consensus and catalogues."""

import argparse
from typing import Any

from lensapp.cli.options import add_spec_options, given_values
from lensapp.services import export as export_service
from lensapp.services import feedback, review
from lensapp.services.feedback import FeedbackRules
from lensapp.storage.workspace import Workspace


def add_rules(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which grades become which label."""
    add_spec_options(parser, FeedbackRules, flags={})


def vote(arguments: argparse.Namespace) -> dict[str, Any]:
    """Grade one candidate."""
    return review.vote_once(
        Workspace.open(arguments.workspace),
        name=arguments.name,
        candidate_id=arguments.candidate,
        grade=arguments.grade,
        inspector=arguments.inspector,
    )


def label(arguments: argparse.Namespace) -> dict[str, Any]:
    """Freeze the consensus of all votes into a new dataset version."""
    return feedback.label(
        Workspace.open(arguments.workspace),
        name=arguments.name,
        dataset_name=arguments.dataset,
        rules=FeedbackRules.parse(given_values(arguments, FeedbackRules)),
        new_name=arguments.new_name,
    )


def export(arguments: argparse.Namespace) -> dict[str, Any]:
    """Write a labelled catalogue."""
    return export_service.export(
        Workspace.open(arguments.workspace),
        name=arguments.name,
        run_name=arguments.run,
        min_score=arguments.min_score,
        grades=[grade for grade in (arguments.grades or "").split(",") if grade] or None,
        known_lenses=arguments.known,
        radius_arcsec=arguments.radius,
        out=arguments.out,
    )
