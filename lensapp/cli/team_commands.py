"""Commands about reviews, the inspectors of a team and their consensus."""

import argparse
from typing import Any

from lensapp.cli.options import given_values
from lensapp.core.inspect.consensus_methods import ConsensusSpec
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.storage import reviews, sources
from lensapp.storage.records import Review
from lensapp.storage.workspace import Workspace


def review(arguments: argparse.Namespace) -> dict[str, Any]:
    """Save a queue of candidates; without scores they are shuffled unless another order is asked for."""
    from lensapp.services.inspect.votes import create_review

    values = given_values(arguments, ReviewSpec)
    if arguments.run is None:
        values = {"order": "random"} | values
    workspace = Workspace.open(arguments.workspace)
    made = create_review(
        workspace,
        name=arguments.name,
        source_name=arguments.source,
        run_name=arguments.run,
        spec=ReviewSpec.parse(values),
    )
    return _described(workspace, made)


def _described(workspace: Workspace, made: Review) -> dict[str, Any]:
    """Return a review without telling how many blind tests it holds."""
    keys = reviews.source_ids_of(workspace.database, made)
    return {
        "review": made.name,
        "sources": [sources.source_by_id(workspace.database, key).name for key in keys],
        "size": made.size,
        "spec": made.spec,
    }


def list_reviews(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """List the reviews with how many of their candidates have a vote, and how many need no more."""
    from lensapp.services.inspect.retirement import count_retired

    workspace = Workspace.open(arguments.workspace)
    voted = reviews.votes_per_review(workspace.database)
    return [
        _shown(_described(workspace, one), in_full=arguments.json)
        | {
            "voted": voted.get(one.id, 0),
            "retired": count_retired(workspace, one),
            "closed": one.closed_at is not None,
        }
        for one in reviews.list_reviews(workspace.database)
    ]


def _shown(described: dict[str, Any], *, in_full: bool) -> dict[str, Any]:
    """Leave the specification to JSON; a table tells its order only."""
    if in_full:
        return described
    return {key: value for key, value in described.items() if key != "spec"} | {
        "order": described["spec"]["order"]
    }


def close(arguments: argparse.Namespace) -> dict[str, Any]:
    """End a review: it is no longer offered for grading, and exports tell its blind tests."""
    workspace = Workspace.open(arguments.workspace)
    closed = reviews.close_review(workspace.database, arguments.review)
    return {"review": closed.name, "closed_at": closed.closed_at}


def inspectors(arguments: argparse.Namespace) -> dict[str, Any]:
    """Tell completeness, false positives, self-agreement and pace of each inspector, and their agreement."""
    from lensapp.services.inspect.team import describe_team, team_of

    return describe_team(team_of(Workspace.open(arguments.workspace), review_name=arguments.review))


def consensus(arguments: argparse.Namespace) -> dict[str, Any]:
    """Combine the votes of reviews by a method."""
    from lensapp.services.inspect.consensus import consensus_report

    return consensus_report(
        Workspace.open(arguments.workspace),
        review_names=[name for name in arguments.review.split(",") if name],
        spec=ConsensusSpec.parse(given_values(arguments, ConsensusSpec)),
    )


def disputed(arguments: argparse.Namespace) -> dict[str, Any]:
    """Make a review of the candidates on which inspectors differ."""
    from lensapp.services.inspect.consensus import review_disputed

    workspace = Workspace.open(arguments.workspace)
    return _described(
        workspace, review_disputed(workspace, review_name=arguments.review, limit=arguments.limit)
    )
