"""Commands of active learning: passes with dropout, similar candidates, and replays of orders."""

import argparse
from typing import Any

from lensapp.cli.running import finish_here
from lensapp.storage import sources
from lensapp.storage.workspace import Workspace


def add_bald(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `bald`."""
    parser.add_argument("run", metavar="RUN", help="Name of the run; its network needs dropout.")
    parser.add_argument("source", metavar="N", help="Name of the source.")
    parser.add_argument("--passes", type=int, default=20, metavar="N", help="Passes; default 20.")


def bald(arguments: argparse.Namespace) -> dict[str, Any]:
    """Store what passes with dropout disagree on, for reviews in the order bald."""
    from lensapp.services.inspect.acquisition import start_bald

    workspace = Workspace.open(arguments.workspace)
    job = start_bald(workspace, run_name=arguments.run, source_name=arguments.source, passes=arguments.passes)
    return finish_here(workspace, job)


def add_similar(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `similar`."""
    parser.add_argument("run", metavar="RUN", help="Run whose stored features tell what is alike.")
    parser.add_argument("source", metavar="N", help="Name of the source.")
    parser.add_argument("--candidate", required=True, metavar="ID", help="ID of the candidate.")
    parser.add_argument("--count", type=int, default=50, help="How many to find; default 50.")


def similar(arguments: argparse.Namespace) -> dict[str, Any]:
    """Make a review of the candidates most alike one."""
    from lensapp.services.inspect.similar import candidate_called, review_alike
    from lensapp.services.score.neighbours import ensure_index

    workspace = Workspace.open(arguments.workspace)
    source = sources.get_source(workspace.database, arguments.source)
    cutout_id = candidate_called(workspace, source, arguments.candidate)
    ensure_index(workspace, run_name=arguments.run, name=source.name)
    review, found = review_alike(
        workspace, run_name=arguments.run, source=source, cutout_id=cutout_id, count=arguments.count
    )
    cutouts = sources.get_cutouts(workspace.database, found.cutout_ids.tolist())
    rows = [
        {"id": cutout.candidate_id, "cosine": round(float(cosine), 6)}
        for cutout, cosine in zip(cutouts, found.cosines, strict=True)
    ]
    return {"review": review.name, "exact": found.exact, "similar": rows}


def add_replay(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `replay`."""
    parser.add_argument("name", metavar="N", help="Name of a graded review or a labelled source.")
    parser.add_argument("--run", help="Run that orders; default: the review's, else the newest that scored.")
    parser.add_argument("--views", type=int, default=100, help="Count lenses after so many; default 100.")
    parser.add_argument(
        "--with-learned", action="store_true", help="Count candidates too that the run learned from."
    )


def replay(arguments: argparse.Namespace) -> dict[str, Any]:
    """Tell how many lenses each order would have found, beside a random one."""
    from lensapp.services.inspect.replay import describe_replay, replay_orders

    replayed = replay_orders(
        Workspace.open(arguments.workspace),
        name=arguments.name,
        run_name=arguments.run,
        with_learned=arguments.with_learned,
    )
    return describe_replay(replayed, views=arguments.views)
