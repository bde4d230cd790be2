"""All votes as arrays, which the process keeps and adds to as votes come.

Reading a hundred thousand votes takes a second, and every page of a busy review asks how they stand; what
has come since is read in milliseconds.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.align import ABSENT, rows_of
from lensapp.core.inspect.consensus import (
    VoteColumns,
    grades_of_means,
    last_of,
    tab_of,
    values_of,
)
from lensapp.core.inspect.vote_files import is_imported
from lensapp.core.plurals import counted
from lensapp.storage import reviews
from lensapp.storage.queries import Columns
from lensapp.storage.records import Review, Vote
from lensapp.storage.workspace import Workspace

GOOD_GRADES = ("A", "B")
MOST_NAMED = 5  # inspectors in a row of the trail
MOST_KEPT = 30_000  # votes of one review; each takes half a kilobyte


@dataclass(frozen=True)
class Standing:
    """How the votes of all reviews stand.

    Attributes
    ----------
    votes, inspectors
        Votes on candidates that count, and by how many inspectors.
    good
        Candidates whose votes come to A or B together, as the catalogue has them unless asked otherwise.
    grades
        Votes that count by what they are worth: A, B, C or X.
    voted
        Candidates with a vote that came in time and was not withdrawn, by review; blind tests too.
    received
        When the last vote came that was in time, by review (Unix time).
    cast
        The same of votes that no table of another tool held.
    """

    votes: int
    inspectors: int
    good: int
    grades: dict[str, int]
    voted: dict[int, int]
    received: dict[int, float] = field(default_factory=dict, compare=False)
    cast: dict[int, float] = field(default_factory=dict, compare=False)

    def graded_here(self, review: Review) -> bool:
        """Whether a vote on a review was cast here since it was opened."""
        return self.cast.get(review.id, -1) >= review.created_at

    def only_imported(self, review: Review) -> bool:
        """Whether a review has votes, none of which was cast here: all came in tables, or before it."""
        return review.id in self.received and not self.graded_here(review)


def standing(ws: Workspace) -> Standing:
    """Return how the votes stand; computed again only when that has changed."""
    return _standing(ws, reviews.state_of_votes(ws.database))


def voted_per_review(ws: Workspace) -> dict[int, int]:
    """Return for each review with votes the number of candidates with one that came in time and stands."""
    return standing(ws).voted


def worked_on_last(ws: Workspace, of: Sequence[Review]) -> list[Review]:
    """Return reviews in the order in which people worked on them here, the last first.

    One is worked on where it is opened and where a vote on it comes. A review that holds votes of tables only
    is last until somebody grades on it.
    """
    stands = standing(ws)

    def key(review: Review) -> tuple[bool, float, int]:
        last = stands.received.get(review.id, review.created_at)
        return not stands.only_imported(review), last, review.id

    return sorted(of, key=key, reverse=True)


def graded_last(ws: Workspace) -> tuple[Review, float] | None:
    """Return the review that somebody here graded last, and when (Unix time), or None before the first."""
    stands = standing(ws)
    here = [one for one in reviews.list_reviews(ws.database) if stands.graded_here(one)]
    last = max(here, key=lambda one: stands.cast[one.id], default=None)
    return None if last is None else (last, stands.cast[last.id])


@dataclass(frozen=True)
class Signature:
    """A name that signs votes: how many that count, in how many reviews, and when the last was cast."""

    inspector: str
    votes: int
    reviews: int
    last: float


def signatures(ws: Workspace) -> list[Signature]:
    """Return the names that have signed votes on candidates, who voted last first."""
    state = reviews.state_of_votes(ws.database)
    log = logged_votes(ws, [key for key, _ in state.reviews], state)
    counted = last_of(log.columns)
    of = log.columns.inspector[counted]
    found = []
    for rank in np.unique(of).tolist():
        rows = counted[of == rank]
        number, last = len(np.unique(log.review_id[rows])), float(log.columns.voted_at[rows].max())
        found.append(Signature(log.names[rank], len(rows), number, last))
    return sorted(found, key=lambda one: -one.last)


@dataclass(frozen=True)
class GradedLately:
    """What an inspector did in a review since a moment: candidates graded, and when the last vote came.

    A candidate whose vote was withdrawn again is not counted; blind tests are.
    """

    inspector: str
    review_id: int
    candidates: int
    last: float


def graded_since(ws: Workspace, moment: float) -> list[GradedLately]:
    """Return who has voted in which review since a moment (Unix time), by votes that came in time."""
    state = reviews.state_of_votes(ws.database)
    held = _log(ws, state)
    cast = _taken(held.columns, (held.columns["received_at"] > moment) & _in_time(held.columns, state))
    if not len(cast["id"]):
        return []
    counted = last_of(_vote_columns(held, cast, _in_review(cast)))
    names = list(held.inspectors)
    who = cast["review_id"] * len(names) + cast["inspector"]
    candidates, received = Counter(who[counted].tolist()), _last_came(who, cast["received_at"])
    return [
        GradedLately(names[key % len(names)], key // len(names), candidates[key], last)
        for key, last in received.items()
    ]


def graded_candidates(ws: Workspace, *, before: float | None = None) -> NDArray[np.int64]:
    """Return the cutouts graded by anybody in any review, each once; on request only those before a moment.

    Votes that were withdrawn, and those on blind tests, are none.
    """
    state = reviews.state_of_votes(ws.database)
    votes = logged_votes(ws, [key for key, _ in state.reviews], state).columns
    counted = last_of(votes)
    if before is not None:
        counted = counted[votes.received_at[counted] < before]
    return np.asarray(np.unique(votes.cutout[counted]), np.int64)


def cutouts_graded(ws: Workspace, grade: str, of: Sequence[Review], *, limit: int) -> list[int]:
    """Return cutouts of some reviews on which a vote that counts has a grade, the one graded last first."""
    log = logged_votes(ws, [review.id for review in of], reviews.state_of_votes(ws.database))
    counted = last_of(log.columns)
    own = counted[grades_of_means(log.columns.value[counted]) == grade]
    newest_first = log.columns.cutout[own[np.argsort(-log.id[own])]]
    return list(dict.fromkeys(newest_first.tolist()))[:limit]


def votes_in(ws: Workspace, review: Review, *, with_blind_tests: bool = False) -> list[Vote]:
    """Return the votes of a review that came in time, as `reviews.votes_of`; only new ones are read."""
    state = reviews.state_of_review(ws.database, review.id)
    if state.count > MOST_KEPT:
        return reviews.votes_of(ws.database, review_id=review.id, with_blind_tests=with_blind_tests)
    votes = _votes_in(ws, review.id, state)
    tests = () if with_blind_tests else set(reviews.blind_test_ids(ws.database).tolist())
    return [vote for vote in votes if vote.cutout_id not in tests]


def _votes_in(ws: Workspace, review_id: int, state: reviews.StateOfVotes) -> list[Vote]:
    """Return the votes of a review with those on blind tests, as they stand in a state."""
    kept = _kept_votes(ws, review_id)
    for before, votes in kept:
        if before == state:
            return votes
        came = reviews.count_votes_after(ws.database, review_id, before.last)
        # Else the review was closed, or votes are gone, or one was stored after one with a higher number.
        if before.reviews == state.reviews and before.count + came == state.count:
            newer = reviews.votes_of(
                ws.database, review_id=review_id, with_blind_tests=True, after=before.last
            )
            read = [*votes, *(vote for vote in newer if vote.id <= state.last)]
            break
    else:
        read = reviews.votes_of(ws.database, review_id=review_id, with_blind_tests=True)
    kept[:] = [(state, read)]
    return read


@lru_cache(maxsize=16)
def _kept_votes(_ws: Workspace, _review_id: int) -> list[tuple[reviews.StateOfVotes, list[Vote]]]:
    """Return where the votes of a review are kept: a list of one state of them, or of none yet."""
    return []


@dataclass(frozen=True, eq=False)
class LoggedVotes:
    """Votes of some reviews on candidates that came in time: review by review, in the order received.

    Attributes
    ----------
    columns
        What decides which of them count.
    names
        Those of the inspectors by their ranks in `columns`.
    id, review_id : int64, shape (n,)
    starred, comment : object, shape (n,)
    """

    columns: VoteColumns
    names: list[str]
    id: NDArray[np.int64]
    review_id: NDArray[np.int64]
    starred: NDArray[Any]
    comment: NDArray[Any]


def logged_votes(ws: Workspace, review_ids: Sequence[int], state: reviews.StateOfVotes) -> LoggedVotes:
    """Return the votes of some reviews that `votes_in` returns, as arrays, out of what is kept."""
    held = _log(ws, state)
    log = _taken(held.columns, _in_time(held.columns, state))
    log = _taken(log, ~np.isin(log["cutout_id"], reviews.blind_test_ids(ws.database)))
    wanted = np.asarray(review_ids, np.int64)
    place = rows_of(log["review_id"], wanted)
    order = np.argsort(place, kind="stable")
    log = _taken(log, order[place[order] != ABSENT])
    return LoggedVotes(
        columns=_vote_columns(held, log, log["cutout_id"]),
        names=sorted(held.inspectors),
        id=log["id"],
        review_id=log["review_id"],
        starred=log["starred"],
        comment=log["comment"],
    )


@lru_cache(maxsize=8)
def _standing(ws: Workspace, state: reviews.StateOfVotes) -> Standing:
    held = _log(ws, state)
    cast = _taken(held.columns, _in_time(held.columns, state))
    if not len(cast["id"]):
        return Standing(0, 0, 0, {}, {})
    in_review = _in_review(cast)
    standing_votes = last_of(_vote_columns(held, cast, in_review))
    once_each = standing_votes[np.unique(in_review[standing_votes], return_index=True)[1]]
    voted = Counter(cast["review_id"][once_each].tolist())
    of_table = np.array([is_imported(tab.partition("\0")[2]) for tab in held.tabs])[cast["tab"]]
    votes = logged_votes(ws, [key for key, _ in state.reviews], state).columns
    counted = last_of(votes)
    grades = grades_of_means(votes.value[counted])
    of_candidate = np.unique(votes.cutout[counted], return_inverse=True)[1]
    agreed = grades_of_means(np.bincount(of_candidate, votes.value[counted]) / np.bincount(of_candidate))
    good = int(np.isin(agreed.astype(str), GOOD_GRADES).sum())
    people = len(np.unique(votes.inspector[counted]))
    here = _taken(cast, ~of_table)
    came = (_last_came(votes["review_id"], votes["received_at"]) for votes in (cast, here))
    return Standing(len(counted), people, good, Counter(grades.tolist()), voted, *came)


def _in_review(log: Columns) -> NDArray[np.int64]:
    """Return numbers that tell candidates of reviews apart: a cutout in two reviews has two."""
    cutout = np.unique(log["cutout_id"], return_inverse=True)[1].astype(np.int64)
    return np.asarray(log["review_id"] * (int(cutout.max()) + 1) + cutout, np.int64)


def _last_came(of: NDArray[np.int64], received_at: NDArray[np.float64]) -> dict[int, float]:
    """Return when the last of some votes came, by what each is of."""
    each, row = np.unique(of, return_inverse=True)
    last = np.zeros(len(each))
    np.maximum.at(last, row, received_at)
    return dict(zip(each.tolist(), last.tolist(), strict=True))


def _in_time(log: Columns, state: reviews.StateOfVotes) -> NDArray[np.bool_]:
    """Return which votes came before their review was closed, of reviews that are not deleted."""
    closed_at = np.array([np.inf if end is None else end for _, end in state.reviews])
    rows = rows_of(log["review_id"], np.array([key for key, _ in state.reviews], np.int64))
    in_time = np.zeros(len(rows), bool)
    known = rows != ABSENT
    in_time[known] = log["received_at"][known] <= closed_at[rows[known]]
    return in_time


@dataclass
class _Log:
    """The columns of all votes; inspectors and tabs are numbered in the order in which they came."""

    columns: Columns
    inspectors: dict[str, int]
    tabs: dict[str, int]


def _vote_columns(held: _Log, log: Columns, on: NDArray[np.int64]) -> VoteColumns:
    """Return what decides which of some votes count; `on` is what each was cast on."""
    return VoteColumns(
        cutout=on,
        seq=log["seq"],
        inspector=_ranks(held.inspectors)[log["inspector"]],
        client=_ranks(held.tabs)[log["tab"]],
        voted_at=log["voted_at"],
        received_at=log["received_at"],
        value=log["value"],
    )


def _log(ws: Workspace, state: reviews.StateOfVotes) -> _Log:
    """Return all votes up to the last of a state."""
    kept = _kept(ws)
    for held in kept:
        ids = held.columns["id"]
        last = int(ids[-1]) if len(ids) else 0
        log = _Log(held.columns, dict(held.inspectors), dict(held.tabs))
        if state.last > last:
            newer = _read(ws, log.inspectors, log.tabs, after=last, up_to=state.last)
            log.columns = {name: np.concatenate([held.columns[name], newer[name]]) for name in newer}
        # Fewer or more: the trash was emptied, or a vote was stored after one with a higher number.
        if len(log.columns["id"]) == state.count:
            break
    else:
        log = _Log({}, {}, {})
        log.columns = _read(ws, log.inspectors, log.tabs, after=0, up_to=state.last)
    kept[:] = [log]
    return log


@lru_cache(maxsize=4)
def _kept(_ws: Workspace) -> list[_Log]:
    """Return where the votes of a workspace are kept: a list of one, or of none yet."""
    return []


def _read(
    ws: Workspace, inspectors: dict[str, int], tabs: dict[str, int], *, after: int, up_to: int
) -> Columns:
    """Read votes, and add to the numbers of inspectors and tabs."""
    columns = reviews.vote_columns(ws.database, after=after, up_to=up_to)
    columns["value"] = values_of(columns.pop("grade").tolist(), columns["value"].tolist())
    people = columns["inspector"].tolist()
    of_tabs = map(tab_of, people, columns.pop("client").tolist())
    for name, texts, numbers in (("inspector", people, inspectors), ("tab", of_tabs, tabs)):
        columns[name] = np.array([numbers.setdefault(text, len(numbers)) for text in texts], np.int64)
    return columns


def _ranks(numbers: dict[str, int]) -> NDArray[np.int64]:
    """Return the place in the alphabet of each text that was numbered."""
    ranks = np.empty(len(numbers), np.int64)
    ranks[[numbers[text] for text in sorted(numbers)]] = np.arange(len(numbers))
    return ranks


def _taken(columns: Columns, rows: NDArray[Any] | slice) -> Columns:
    return {name: values[rows] for name, values in columns.items()}


def added_in_words(whose: Mapping[str, Counter[str]], file: str) -> dict[str, str]:
    """Return by name of each review how many votes of whom it gets from a file, as the trail tells."""
    told = {}
    for name, counts in whose.items():
        named = counts.most_common(MOST_NAMED)
        others = counts.total() - sum(count for _, count in named)
        words = [f"{counted(count, 'vote')} of {inspector}" for inspector, count in named]
        words += [f"{counted(others, 'vote')} of others"] if others else []
        told[name] = f"{', '.join(words)}; from {file}"
    return told
