"""The consensus of a team by a chosen method, what it leaves open, and what is disputed."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.consensus import Consensus
from lensapp.core.inspect.consensus_methods import ConsensusSpec, Training, combine_votes
from lensapp.core.inspect.swap import OPEN, retirement
from lensapp.services.inspect.ad_hoc_reviews import review_of_cutouts
from lensapp.services.inspect.blind_tests import REPEAT
from lensapp.services.inspect.review_selection import votes_of_reviews
from lensapp.storage import reviews, runs, sources
from lensapp.storage.records import Review, Vote
from lensapp.storage.workspace import Workspace

FEWEST_DISPUTING = 2


def training_of(ws: Workspace) -> Training:
    """Return all votes on simulated lenses and duds: how well inspectors do is learnt from every review."""
    every = [review.id for review in reviews.list_reviews(ws.database)]
    tests = [test for test in reviews.blind_tests_of(ws.database, every) if test.kind != REPEAT]
    if not tests:
        return Training()
    is_lens = {test.cutout_id: bool(test.truth["lens"]) for test in tests}
    log = [
        vote
        for review_id in sorted({test.review_id for test in tests})
        for vote in reviews.votes_of(ws.database, review_id=review_id, with_blind_tests=True)
    ]
    return Training([vote for vote in log if vote.cutout_id in is_lens], is_lens)


def consensus_of(ws: Workspace, votes: Sequence[Vote], spec: ConsensusSpec) -> Consensus:
    """Return the consensus of votes on candidates; blind tests are read only where the method needs them."""
    training = Training() if spec.method == "mean" else training_of(ws)
    return combine_votes(votes, spec, training)


def consensus_report(
    ws: Workspace, *, review_names: Sequence[str], spec: ConsensusSpec | None = None
) -> dict[str, Any]:
    """Return the consensus on every graded candidate of some reviews as plain JSON values.

    Returns
    -------
    dict
        reviews, method, candidates (shown), graded, grades (letter → number), states ("detected",
        "rejected", "open" → number; by a probability only) and results: id, grade, mean, scatter, votes,
        inspectors, and probability and state where the method gives them.

    Raises
    ------
    NotFound
        When a review does not exist.
    """
    wanted = spec or ConsensusSpec()
    found, votes = votes_of_reviews(ws, review_names)
    consensus = consensus_of(ws, votes, wanted)
    states = states_of(consensus, wanted)
    results = _results(ws, consensus, states)
    return {
        "reviews": [review.name for review in found],
        "method": wanted.method,
        "candidates": len(candidates_of(ws, found)),
        "graded": len(consensus),
        "grades": dict(Counter(consensus.grade.tolist())),
        "states": {} if states is None else dict(Counter(states.tolist())),
        "results": results,
    }


def states_of(consensus: Consensus, spec: ConsensusSpec) -> NDArray[np.object_] | None:
    """Return which candidates need no more votes, or None where the method gives no probability."""
    if consensus.probability is None:
        return None
    return retirement(consensus.probability, detect_above=spec.detect_above, reject_below=spec.rejected_below)


def _results(ws: Workspace, consensus: Consensus, states: NDArray[np.object_] | None) -> list[dict[str, Any]]:
    cutouts = sources.get_cutouts(ws.database, consensus.cutout_id.tolist())
    rows = []
    for place, cutout in enumerate(cutouts):
        row: dict[str, Any] = {
            "id": cutout.candidate_id,
            "grade": str(consensus.grade[place]),
            "mean": float(consensus.mean[place]),
            "scatter": float(consensus.scatter[place]),
            "votes": int(consensus.votes[place]),
            "inspectors": list(consensus.inspectors[place]),
        }
        if consensus.probability is not None and states is not None:
            row |= {"probability": float(consensus.probability[place]), "state": str(states[place])}
        rows.append(row)
    return rows


def candidates_of(ws: Workspace, chosen: Sequence[Review]) -> NDArray[np.int64]:
    """Return the candidates that reviews show, without blind tests; ascending cutout ids."""
    tests = [test.cutout_id for test in reviews.blind_tests_of(ws.database, [one.id for one in chosen])]
    queues = [reviews.queue_of(ws.database, review.id) for review in chosen]
    shown = np.concatenate(queues) if queues else np.empty(0, np.int64)
    return np.setdiff1d(shown, np.array(tests, np.int64))


def disputed(ws: Workspace, *, review_names: Sequence[str], limit: int = 100) -> list[int]:
    """Return the cutouts on which inspectors differ, the largest scatter first.

    A candidate is disputed when two or more inspectors graded it, not all the same.
    """
    _, votes = votes_of_reviews(ws, review_names)
    consensus = combine_votes(votes, ConsensusSpec(), Training())
    differing = (consensus.votes >= FEWEST_DISPUTING) & (consensus.scatter > 0)
    order = np.lexsort((consensus.cutout_id, -consensus.votes, -consensus.scatter))
    ids: list[int] = consensus.cutout_id[order[differing[order]]][:limit].tolist()
    return ids


def review_disputed(ws: Workspace, *, review_name: str, limit: int = 100) -> Review:
    """Return a review of the disputed candidates of another one, for discussion.

    Raises
    ------
    InvalidInput
        When inspectors agree on all that two of them graded.
    """
    parent = reviews.get_review(ws.database, review_name)
    ids = disputed(ws, review_names=[review_name], limit=limit)
    if not ids:
        raise InvalidInput(
            f"Expected candidates of {review_name} with votes that differ, received none. "
            "Let a second inspector grade them."
        )
    run = None if parent.run_id is None else runs.run_by_id(ws.database, parent.run_id).name
    return review_of_cutouts(ws, name=f"{review_name}-disputed", cutout_ids=ids, run_name=run)


def open_candidates(ws: Workspace, *, review_name: str, spec: ConsensusSpec) -> list[int]:
    """Return the candidates of a review that are not retired, in the order shown.

    Raises
    ------
    InvalidInput
        When the method gives no probability, so that nothing retires.
    """
    if spec.method == "mean":
        raise InvalidInput("Expected the method swap or dawid_skene, received mean, which retires nothing.")
    found, votes = votes_of_reviews(ws, [review_name])
    consensus = consensus_of(ws, votes, spec)
    states = states_of(consensus, spec)
    retired = set() if states is None else set(consensus.cutout_id[states != OPEN].tolist())
    shown = set(candidates_of(ws, found).tolist()) - retired
    return [key for key in reviews.queue_of(ws.database, found[0].id).tolist() if key in shown]
