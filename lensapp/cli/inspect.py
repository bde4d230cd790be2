"""Commands about reviews, votes, inspectors and consensus, and what to look at next."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lensapp.cli.commands import (
    CANDIDATE,
    REVIEW,
    SOURCE,
    Arguments,
    SpecOptions,
    command,
    names_in,
    option,
)
from lensapp.cli.options import given_values
from lensapp.cli.running import finish_here
from lensapp.core.inspect.consensus_methods import ConsensusSpec
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.core.inspect.vote_files import parse_grade_map
from lensapp.core.inspect.vote_times import DATE_ORDERS
from lensapp.storage import reviews, sources
from lensapp.storage.records import Review
from lensapp.storage.workspace import Workspace

VOTE_COLUMNS = {
    "id": "id",
    "inspector": "inspector",
    "grade": "grade",
    "contaminant": "contaminant",
    "comment": "comment",
    "time": "voted_at",
}


@command(
    "review",
    option("name", also="--name", metavar="NAME", help="Name of the new review; --name NAME does as well."),
    SOURCE,
    option("--run", help="Run whose scores order and limit the candidates."),
    SpecOptions(ReviewSpec),
)
def review(arguments: Arguments) -> dict[str, Any]:
    """Save a queue of candidates to inspect.

    Without scores they are shuffled unless another order is asked for.
    """
    from lensapp.services.inspect.blind_tests import unmatched_warning
    from lensapp.services.inspect.consensus import retirement_doubt
    from lensapp.services.inspect.queues import create_review
    from lensapp.services.score.scores import scored_so_far

    values = given_values(arguments, ReviewSpec)
    if arguments.run is None:
        values = {"order": "random"} | values
    workspace = Workspace.open(arguments.workspace)
    so_far = arguments.run and scored_so_far(workspace, run_name=arguments.run, source_name=arguments.source)
    made = create_review(
        workspace,
        name=arguments.name,
        source_name=arguments.source,
        run_name=arguments.run,
        spec=ReviewSpec.parse(values),
    )
    for warning in (so_far, unmatched_warning(workspace, made), retirement_doubt(workspace, made)):
        if warning:
            sys.stderr.write(f"Warning: {warning}\n")
    return _described(workspace, made)


def _described(workspace: Workspace, made: Review) -> dict[str, Any]:
    """Return a review without revealing how many blind tests it holds."""
    keys = reviews.source_ids_of(workspace.database, made)
    return {
        "review": made.name,
        "sources": [sources.source_by_id(workspace.database, key).name for key in keys],
        "size": made.size,
        "spec": made.spec,
    }


@command("reviews")
def list_reviews(arguments: Arguments) -> list[dict[str, Any]]:
    """List the reviews of the workspace."""
    from lensapp.services.inspect.consensus import count_retired
    from lensapp.services.inspect.vote_log import voted_per_review

    workspace = Workspace.open(arguments.workspace)
    voted = voted_per_review(workspace)
    rows = []
    for one in reviews.list_reviews(workspace.database):
        row = _described(workspace, one)
        if not arguments.json:  # a table has no room for the whole specification
            row["order"] = row.pop("spec")["order"]
        row["voted"] = voted.get(one.id, 0)
        row["retired"] = count_retired(workspace, one)
        row["closed"] = one.closed_at is not None
        row["late_votes"] = reviews.late_votes(workspace.database, one.id)
        rows.append(row)
    return rows


@command(
    "vote",
    option("name", metavar="N", help="Name of a source or a review."),
    CANDIDATE,
    option("--grade", required=True, help="A, B, C or X, or another grade that the review offers."),
    option("--inspector", required=True, metavar="NAME", help="Who grades."),
)
def vote(arguments: Arguments) -> dict[str, Any]:
    """Grade one candidate."""
    from lensapp.services.inspect.votes import late_notice, vote_once

    workspace = Workspace.open(arguments.workspace)
    stored = vote_once(
        workspace,
        source_or_review_name=arguments.name,
        candidate_id=arguments.candidate,
        grade=arguments.grade,
        inspector=arguments.inspector,
    )
    late = late_notice(workspace, stored.review_id)
    return {
        "review": reviews.review_by_id(workspace.database, stored.review_id).name,
        "candidate": arguments.candidate,
        "grade": stored.grade,
        "inspector": stored.inspector,
    } | ({"warning": late} if late else {})


@command(
    "import-votes",
    option("name", metavar="REVIEW|SOURCE", help="Name of a review or a source."),
    option("file", metavar="FILE", type=Path, help="CSV, ECSV, FITS, VOTable or Parquet."),
    *(
        option(
            f"--{meaning}-column",
            metavar="NAME",
            help=f"Column of the {meaning}; default: by its usual names.",
        )
        for meaning in VOTE_COLUMNS
    ),
    option("--inspector", metavar="NAME", help="Who voted, where no column says so."),
    option(
        "--date-order",
        choices=DATE_ORDERS,
        help="Order in dates such as 05/01/2024; default: as other dates of the column tell.",
    ),
    option("--map", metavar="2=A,1=B", default="", help="What the grades of the file mean here."),
    option("--dry-run", action="store_true", help="Say what would be added; write nothing."),
)
def import_votes(arguments: Arguments) -> dict[str, Any]:
    """Import the votes of a file, skipping duplicates."""
    from lensapp.services.inspect import vote_import

    return vote_import.import_votes(
        Workspace.open(arguments.workspace),
        name=arguments.name,
        path=arguments.file,
        columns={meaning: getattr(arguments, f"{word}_column") for word, meaning in VOTE_COLUMNS.items()},
        grade_map=parse_grade_map(arguments.map),
        inspector=arguments.inspector,
        order=arguments.date_order,
        dry_run=arguments.dry_run,
    )


@command("close", REVIEW)
def close(arguments: Arguments) -> dict[str, Any]:
    """End a review; its blind tests are exported from then on."""
    workspace = Workspace.open(arguments.workspace)
    closed = reviews.close_review(workspace.database, arguments.review)
    return {"review": closed.name, "closed_at": closed.closed_at}


@command(
    "reassign",
    REVIEW,
    option("--from", metavar="NAME", help="Whose ungraded candidates go to others; without it --to joins."),
    option(
        "--to", metavar="NAME[,NAME2…]", default="", help="Who takes them; default: the other inspectors."
    ),
)
def reassign(arguments: Arguments) -> dict[str, Any]:
    """Share out anew what is left in a review that was made with --overlap."""
    from lensapp.services.inspect import shares

    workspace = Workspace.open(arguments.workspace)
    stand = shares.reassign(
        workspace,
        arguments.review,
        leaver=getattr(arguments, "from"),
        to=names_in(arguments.to) if arguments.to else (),
    )
    return {"review": arguments.review, "shares": [asdict(one) for one in stand]}


@command("inspectors", REVIEW)
def inspectors(arguments: Arguments) -> dict[str, Any]:
    """Show how well and how fast inspectors grade.

    That is completeness, false positives, self-agreement and pace of each, and their agreement.
    """
    from lensapp.services.inspect.shares import shares_in
    from lensapp.services.inspect.team import describe_team, team_of

    workspace = Workspace.open(arguments.workspace)
    team = team_of(workspace, review_name=arguments.review)
    return describe_team(team) | {"shares": [asdict(one) for one in shares_in(workspace, team.review)]}


@command(
    "consensus",
    option("review", metavar="REVIEW[,REVIEW2…]", help="Names of the reviews."),
    SpecOptions(ConsensusSpec),
)
def consensus(arguments: Arguments) -> dict[str, Any]:
    """Combine the votes of reviews."""
    from lensapp.services.inspect.consensus import consensus_report

    return consensus_report(
        Workspace.open(arguments.workspace),
        review_names=names_in(arguments.review),
        spec=ConsensusSpec.parse(given_values(arguments, ConsensusSpec)),
    )


@command(
    "disputed",
    REVIEW,
    option("--limit", type=int, default=100, help="At most so many candidates; default 100."),
)
def disputed(arguments: Arguments) -> dict[str, Any]:
    """Make a review of the candidates on which inspectors disagree."""
    from lensapp.services.inspect.consensus import review_disputed

    workspace = Workspace.open(arguments.workspace)
    made = review_disputed(workspace, review_name=arguments.review, limit=arguments.limit)
    return _described(workspace, made)


@command(
    "bald",
    option("run", metavar="RUN", help="Name of the run; its network needs dropout."),
    SOURCE,
    option("--passes", type=int, default=20, metavar="N", help="Passes; default 20."),
)
def bald(arguments: Arguments) -> dict[str, Any]:
    """Store the disagreement between Monte-Carlo dropout passes (BALD).

    Reviews in the order bald begin with the candidates on which the passes disagree most.
    """
    from lensapp.services.inspect.acquisition import start_bald

    workspace = Workspace.open(arguments.workspace)
    job = start_bald(workspace, run_name=arguments.run, source_name=arguments.source, passes=arguments.passes)
    return finish_here(workspace, job)


@command(
    "similar",
    option("run", metavar="RUN", help="Run whose stored features measure similarity."),
    SOURCE,
    CANDIDATE,
    option("--count", type=int, default=50, help="How many to find; default 50."),
)
def similar(arguments: Arguments) -> dict[str, Any]:
    """Make a review of the candidates most similar to one."""
    from lensapp.services.inspect.similar import candidate_called, review_alike
    from lensapp.services.score.neighbours import ensure_index

    workspace = Workspace.open(arguments.workspace)
    source = sources.get_source(workspace.database, arguments.source)
    cutout_id = candidate_called(workspace, source, arguments.candidate)
    ensure_index(workspace, run_name=arguments.run, name=source.name)
    made, neighbours = review_alike(
        workspace,
        run_name=arguments.run,
        source=source,
        cutout_id=cutout_id,
        count=arguments.count,
        called="similar-",
    )
    cutouts = sources.get_cutouts(workspace.database, neighbours.cutout_ids.tolist())
    rows = [
        {"id": cutout.candidate_id, "cosine": round(float(cosine), 6)}
        for cutout, cosine in zip(cutouts, neighbours.cosines, strict=True)
    ]
    return {"review": made.name, "exact": neighbours.exact, "similar": rows}


@command(
    "replay",
    option("name", metavar="N", help="Name of a graded review or a labelled source."),
    option("--run", help="Run that orders; default: the review's, else the newest that scored."),
    option("--views", type=int, default=100, help="Count lenses after so many; default 100."),
    option(
        "--with-learned",
        action="store_true",
        help="Include candidates the run was trained on (biased).",
    ),
)
def replay(arguments: Arguments) -> dict[str, Any]:
    """Count how many lenses each order would have found.

    A random order stands beside them.
    """
    from lensapp.services.inspect.replay import describe_replay, replay_orders

    replayed = replay_orders(
        Workspace.open(arguments.workspace),
        name=arguments.name,
        run_name=arguments.run,
        with_learned=arguments.with_learned,
    )
    return describe_replay(replayed, views=arguments.views)
