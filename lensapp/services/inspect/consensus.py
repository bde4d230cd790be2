"""The consensus of a team by a chosen method, what it settles, and what is disputed."""

import time
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.acting import needs
from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.consensus import Consensus, consensus_of_columns, find_consensus
from lensapp.core.inspect.consensus_doubts import why_doubtful
from lensapp.core.inspect.consensus_methods import ConsensusSpec, Training, combine_votes, share_of_lenses
from lensapp.core.inspect.inspector_names import inspector_key
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.core.inspect.swap import OPEN, PRIOR, retirement
from lensapp.core.plurals import counted
from lensapp.services.inspect.blind_tests import REPEAT
from lensapp.services.inspect.queues import DISPUTED, review_of_cutouts, votes_of_reviews
from lensapp.services.inspect.vote_log import logged_votes, votes_in
from lensapp.services.score.scores import aligned_scores
from lensapp.storage import reviews, runs, sources
from lensapp.storage.records import Review, Source, Vote
from lensapp.storage.workspace import Workspace

FEWEST_DISPUTING = 2
REFRESH_SECONDS = 15.0
LARGEST_PRIOR = 0.45

Ids = NDArray[np.int64]


def training_of(ws: Workspace) -> Training:
    """Return all votes on simulated lenses and duds: how well inspectors do is learnt from every review."""
    every = {review.id: review for review in reviews.list_reviews(ws.database)}
    tests = [test for test in reviews.blind_tests_of(ws.database, [*every]) if test.kind != REPEAT]
    is_lens = {test.cutout_id: bool(test.truth["lens"]) for test in tests}
    votes = [
        vote
        for review_id in sorted({test.review_id for test in tests})
        for vote in votes_in(ws, every[review_id], with_blind_tests=True)
        if vote.cutout_id in is_lens
    ]
    return Training(votes, is_lens)


def consensus_of(ws: Workspace, votes: Sequence[Vote], spec: ConsensusSpec) -> Consensus:
    """Return the consensus of votes on candidates; blind tests are read only where the method needs them."""
    training = Training() if spec.method == "mean" else training_of(ws)
    return combine_votes(votes, with_prior(ws, votes, spec)[0], training)


def with_prior(ws: Workspace, votes: Sequence[Vote], spec: ConsensusSpec) -> tuple[ConsensusSpec, str]:
    """Return a specification of SWAP with its prior as a number, and in words where that comes from.

    Chosen automatically it is the fraction of lenses that blind tests and votes suggest; without enough
    blind tests the mean score of the candidates shown, by each review's run; without scores that of a whole
    survey. It is 0.45 at most, which the words then say: a candidate without telling votes never has
    grade B. Other specifications come back as they are.
    """
    if spec.method != "swap":
        return spec, ""
    if spec.prior is not None:
        return spec, "chosen"
    cast = [votes[row] for row in find_consensus(votes).counted.tolist()] if votes else []
    share, origin = share_of_lenses(cast, training_of(ws)), "the fraction of lenses by blind tests"
    if share is None:
        scores = np.empty(0)
        for review_id in sorted({vote.review_id for vote in votes}):
            review = reviews.review_by_id(ws.database, review_id)
            source_ids = reviews.source_ids_of(ws.database, review)
            of_review = aligned_scores(ws, candidates_of(ws, [review]), source_ids, run_id=review.run_id)
            scores = np.append(scores, of_review[np.isfinite(of_review)])
        share = scores.mean() if len(scores) else None
        origin = f"the mean score of {counted(len(scores), 'candidate')} shown"
    if share is None:
        return spec.replaced(prior=PRIOR), "of a whole survey"
    if share > LARGEST_PRIOR:
        origin = f"the most it may be, below grade B, as {origin} is {share:.3g}"
    return spec.replaced(prior=float(np.clip(share, PRIOR, LARGEST_PRIOR))), origin


def doubt_about(ws: Workspace, *, review_names: Sequence[str], spec: ConsensusSpec) -> str:
    """Return in words why a method says little of the votes of some reviews; empty where it can be used."""
    if spec.method == "mean":
        return ""
    return why_doubtful(votes_of_reviews(ws, review_names)[1], spec, training_of(ws))


def retirement_doubt(ws: Workspace, review: Review) -> str:
    """Return in words why a review that retires settled candidates will retire none; empty where it can.

    SWAP, by which they are settled, must know who votes by blind tests, here or in another review.
    """
    if not ReviewSpec.parse(review.spec).retire:
        return ""
    training, own = training_of(ws), reviews.blind_tests_of(ws.database, [review.id])
    tested = {inspector_key(vote.inspector) for vote in training.counted()}
    voting = {inspector_key(vote.inspector) for vote in votes_in(ws, review)}
    voting |= {inspector_key(name) for name in ReviewSpec.parse(review.spec).inspectors}
    if any(test.kind != REPEAT for test in own) or (voting & tested if voting else tested):
        return ""
    return (
        "No candidate will retire here: SWAP weighs inspectors by how they grade blind tests; this review "
        "has none, and nobody who grades it has graded any elsewhere. Open a review with blind tests first."
    )


def grades_of(ws: Workspace, imported: Sequence[Source]) -> dict[int, str]:
    """Return the consensus grade, by cutout ID, of every graded cutout of some sources."""
    return _grades(ws, frozenset(source.id for source in imported), reviews.count_votes(ws.database))


@lru_cache(maxsize=4)
def _grades(ws: Workspace, source_ids: frozenset[int], _count: int) -> dict[int, str]:
    votes = [
        vote
        for review in reviews.list_reviews(ws.database)
        if review.source_id in source_ids
        for vote in votes_in(ws, review)
    ]
    consensus = find_consensus(votes)
    return dict(zip(consensus.cutout_id.tolist(), consensus.grade.tolist(), strict=True))


def consensus_report(
    ws: Workspace, *, review_names: Sequence[str], spec: ConsensusSpec | None = None, numbered: bool = False
) -> dict[str, Any]:
    """Return the consensus on every graded candidate of some reviews as plain JSON values.

    Where they are to be `numbered`, results also tell the cutout_id, which is of this workspace alone.

    Returns
    -------
    dict
        reviews, method, of SWAP prior and prior_from (in words), warning (where the votes are too few for
        the method), candidates (shown), graded, grades (letter → number), states ("detected", "rejected",
        "open" → number; by a probability only) and results: id, grade, mean, scatter (None for one vote),
        votes, inspectors, and probability and state where there are any.

    Raises
    ------
    NotFound
        When a review does not exist.
    """
    of_reviews, votes = votes_of_reviews(ws, review_names)
    spec, prior_from = with_prior(ws, votes, spec or ConsensusSpec())
    consensus = consensus_of(ws, votes, spec)
    states = states_of(consensus, spec)
    warning = doubt_about(ws, review_names=review_names, spec=spec)
    results = []
    cutout_ids = consensus.cutout_id.tolist()
    names = sources.candidate_ids_of(ws.database, cutout_ids)
    for row, cutout_id in enumerate(cutout_ids):
        result: dict[str, Any] = {
            "id": names[cutout_id],
            "grade": str(consensus.grade[row]),
            "mean": float(consensus.mean[row]),
            "scatter": float(consensus.scatter[row]) if consensus.votes[row] > 1 else None,
            "votes": int(consensus.votes[row]),
            "inspectors": list(consensus.inspectors[row]),
        }
        if consensus.probability is not None and states is not None:
            result |= {"probability": float(consensus.probability[row]), "state": str(states[row])}
        results.append(({"cutout_id": cutout_id} if numbered else {}) | result)
    return {
        "reviews": [review.name for review in of_reviews],
        "method": spec.method,
        **({"prior": spec.prior, "prior_from": prior_from} if prior_from else {}),
        **({"warning": warning} if warning else {}),
        "candidates": len(candidates_of(ws, of_reviews)),
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


def candidates_of(ws: Workspace, of_reviews: Sequence[Review]) -> Ids:
    """Return the candidates that reviews show, without blind tests; ascending cutout ids."""
    queues = [reviews.queue_of(ws.database, review.id) for review in of_reviews]
    return np.setdiff1d(np.concatenate([np.empty(0, np.int64), *queues]), _test_ids(ws, of_reviews))


def _test_ids(ws: Workspace, of_reviews: Sequence[Review]) -> Ids:
    tests = reviews.blind_tests_of(ws.database, [review.id for review in of_reviews])
    return np.array([test.cutout_id for test in tests], np.int64)


def retired_in(ws: Workspace, review: Review) -> Ids:
    """Return the cutouts that need no more votes, ascending; none in a review that retires nothing.

    Blind tests retire by their votes like candidates: their share among what is left stays the same, and
    no inspector can tell them by what goes on being shown.
    """
    spec = ReviewSpec.parse(review.spec)
    if not spec.retire:
        return np.empty(0, np.int64)
    votes = votes_in(ws, review, with_blind_tests=True)
    consensus = consensus_of(ws, votes, spec.retirement)
    states = states_of(consensus, spec.retirement)
    return consensus.cutout_id[:0] if states is None else consensus.cutout_id[states != OPEN]


def retired_lately(ws: Workspace, review: Review) -> Ids:
    """Return `retired_in` as it was some seconds ago at most, however many inspectors ask."""
    return _retired_at(ws, review.id, int(time.monotonic() // REFRESH_SECONDS))


@lru_cache(maxsize=8)
def _retired_at(ws: Workspace, review_id: int, _moment: int) -> Ids:
    return retired_in(ws, reviews.review_by_id(ws.database, review_id))


def count_retired(ws: Workspace, review: Review) -> int:
    """Return how many candidates of a review need no more votes, without blind tests."""
    return len(np.setdiff1d(retired_in(ws, review), _test_ids(ws, [review])))


def disputed(ws: Workspace, *, review_names: Sequence[str], limit: int = 100) -> list[int]:
    """Return the cutouts on which inspectors differ, the largest scatter first.

    A candidate is disputed when two or more inspectors graded it, not all the same.
    """
    review_ids = [reviews.get_review(ws.database, name).id for name in review_names]
    log = logged_votes(ws, review_ids, reviews.state_of_votes(ws.database))
    consensus = consensus_of_columns(log.columns, log.names)
    differing = (consensus.votes >= FEWEST_DISPUTING) & (consensus.scatter > 0)
    order = np.lexsort((consensus.cutout_id, -consensus.votes, -consensus.scatter))
    ids: list[int] = consensus.cutout_id[order[differing[order]]][:limit].tolist()
    return ids


@needs("work")
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
            f"No candidate of {review_name} has votes that differ. Let a second inspector grade them."
        )
    run = None if parent.run_id is None else runs.run_by_id(ws.database, parent.run_id).name
    name = f"{review_name}{DISPUTED}"
    return review_of_cutouts(ws, name=name, cutout_ids=ids, run_name=run, feeds_back=True)
