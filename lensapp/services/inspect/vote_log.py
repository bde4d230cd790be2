"""All votes as arrays, which the process keeps and adds to as votes come.

Reading a hundred thousand votes takes a second, and every page of a busy review asks how they stand; what
has come since is read in milliseconds.
"""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.inspect.consensus import (
    VoteColumns,
    alphabetical_ranks,
    grades_of_means,
    last_of,
    tab_of,
    values_of,
)
from lensapp.storage import reviews
from lensapp.storage.queries import Columns
from lensapp.storage.records import Review, Vote
from lensapp.storage.workspace import Workspace

GOOD_GRADES = ("A", "B")
MOST_KEPT = 30_000  # votes of one review; each takes half a kilobyte


@dataclass(frozen=True)
class Standing:
    """How the votes of all reviews stand.

    Attributes
    ----------
    votes, inspectors
        Votes on candidates that count, and by how many inspectors.
    good
        Candidates with a vote of A or B among them.
    grades
        Votes that count by what they are worth: A, B, C or X.
    voted
        Candidates with a vote that came in time, by review; those that are blind tests too.
    """

    votes: int
    inspectors: int
    good: int
    grades: dict[str, int]
    voted: dict[int, int]


def standing(ws: Workspace) -> Standing:
    """Return how the votes stand; computed again only when that has changed."""
    return _standing(ws, reviews.state_of_votes(ws.database))


def voted_per_review(ws: Workspace) -> dict[int, int]:
    """Return for each review with votes the number of candidates with one that came in time."""
    return standing(ws).voted


def votes_in(ws: Workspace, review: Review, *, with_blind_tests: bool = False) -> list[Vote]:
    """Return the votes of a review that came in time, as `reviews.votes_of`, read again only after a vote."""
    state = reviews.state_of_review(ws.database, review.id)
    read = _votes_in if state.count <= MOST_KEPT else _votes_in.__wrapped__
    return list(read(ws, review.id, state, with_blind_tests=with_blind_tests))


@lru_cache(maxsize=16)
def _votes_in(
    ws: Workspace, review_id: int, _state: reviews.StateOfVotes, *, with_blind_tests: bool
) -> list[Vote]:
    return reviews.votes_of(ws.database, review_id=review_id, with_blind_tests=with_blind_tests)


@lru_cache(maxsize=8)
def _standing(ws: Workspace, state: reviews.StateOfVotes) -> Standing:
    log = _log(ws, state)
    closed_at = np.array([np.inf if end is None else end for _, end in state.reviews])
    keys = np.array([key for key, _ in state.reviews], np.int64)  # in rising order
    rows = np.minimum(np.searchsorted(keys, log["review_id"]), max(len(keys) - 1, 0))
    if not len(keys) or not len(rows):
        return Standing(0, 0, 0, {}, {})
    in_time = (keys[rows] == log["review_id"]) & (log["received_at"] <= closed_at[rows])
    cast = _taken(log, in_time)
    on_cutouts = np.unique(np.stack([cast["review_id"], cast["cutout_id"]]), axis=1)[0]
    voted = Counter(on_cutouts.tolist())
    votes = _taken(cast, ~np.isin(cast["cutout_id"], reviews.blind_test_ids(ws.database)))
    inspectors = alphabetical_ranks(votes["inspector"].tolist())
    counted = last_of(
        VoteColumns(
            cutout=votes["cutout_id"],
            seq=votes["seq"],
            inspector=inspectors,
            client=alphabetical_ranks(votes["tab"].tolist()),
            voted_at=votes["voted_at"],
            received_at=votes["received_at"],
            value=votes["value"],
        )
    )
    grades = grades_of_means(votes["value"][counted])
    good = votes["cutout_id"][counted][np.isin(grades.astype(str), GOOD_GRADES)]
    people = len(np.unique(inspectors[counted]))
    return Standing(len(counted), people, len(np.unique(good)), Counter(grades.tolist()), voted)


def _log(ws: Workspace, state: reviews.StateOfVotes) -> Columns:
    """Return the columns of all votes up to the last of a state."""
    kept = _kept(ws)
    for held in kept:
        last = int(held["id"][-1]) if len(held["id"]) else 0
        newer = _read(ws, after=last, up_to=state.last) if state.last > last else _taken(held, slice(0))
        # Fewer or more: the trash was emptied, or a vote was stored after one with a higher number.
        if len(held["id"]) + len(newer["id"]) == state.count:
            log = {name: np.concatenate([held[name], newer[name]]) for name in held}
            break
    else:
        log = _read(ws, after=0, up_to=state.last)
    kept[:] = [log]
    return log


@lru_cache(maxsize=4)
def _kept(_ws: Workspace) -> list[Columns]:
    """Return where the columns of a workspace are kept: a list of one, or of none yet."""
    return []


def _read(ws: Workspace, *, after: int, up_to: int) -> Columns:
    columns = reviews.vote_columns(ws.database, after=after, up_to=up_to)
    columns["value"] = values_of(columns.pop("grade").tolist(), columns["value"].tolist())
    tabs = map(tab_of, columns["inspector"].tolist(), columns.pop("client").tolist())
    columns["tab"] = np.array([*tabs, ""], object)[:-1]
    return columns


def _taken(columns: Columns, rows: NDArray[Any] | slice) -> Columns:
    return {name: values[rows] for name, values in columns.items()}
