"""Candidates of a running review that its votes have settled: inspectors are no longer shown them."""

import time
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.core.inspect.swap import OPEN
from lensapp.services.inspect.consensus import consensus_of, states_of
from lensapp.storage import reviews
from lensapp.storage.records import Review
from lensapp.storage.workspace import Workspace

REFRESH_SECONDS = 15.0

Ids = NDArray[np.int64]
NONE: Ids = np.empty(0, np.int64)


def retired_in(ws: Workspace, review: Review) -> Ids:
    """Return the cutouts that need no more votes, ascending; none in a review that retires nothing.

    Blind tests retire by their votes like candidates: their share among what is left stays the same, and
    no inspector can tell them by what goes on being shown.
    """
    spec = ReviewSpec.parse(review.spec)
    if not spec.retire:
        return NONE
    votes = reviews.votes_of(ws.database, review_id=review.id, with_blind_tests=True)
    consensus = consensus_of(ws, votes, spec.retirement)
    states = states_of(consensus, spec.retirement)
    return NONE if states is None else consensus.cutout_id[states != OPEN]


def retired_lately(ws: Workspace, review: Review) -> Ids:
    """Return `retired_in` as it was some seconds ago at most, however many inspectors ask."""
    return _retired_at(ws, review.id, int(time.monotonic() // REFRESH_SECONDS))


@lru_cache(maxsize=8)
def _retired_at(ws: Workspace, review_id: int, _moment: int) -> Ids:
    return retired_in(ws, reviews.review_by_id(ws.database, review_id))


def count_retired(ws: Workspace, review: Review) -> int:
    """Return how many candidates of a review need no more votes, without blind tests."""
    retired = retired_in(ws, review)
    if not len(retired):
        return 0
    tests = [test.cutout_id for test in reviews.blind_tests_of(ws.database, [review.id])]
    return len(np.setdiff1d(retired, np.array(tests, np.int64)))
