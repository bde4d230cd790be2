"""How long inspectors look at a candidate, and which looks are too short to have seen a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Protocol

IDLE_SECONDS = 60.0  # a longer look is an interrupted one: it counts as this
LEAST_SECONDS = 0.5  # a candidate: of less nobody has seen a picture
TOGETHER_SECONDS = 0.05  # within which votes given by one key press come


class TimedVote(Protocol):
    """A vote that may tell how long it took."""

    @property
    def seconds_spent(self) -> float | None:
        """Seconds of the look at the candidate; None where these are not known."""


class CastVote(TimedVote, Protocol):
    """A vote of a tab (`client`) of an inspector, with its time."""

    @property
    def client(self) -> str:
        """The tab, or what else sent it."""

    @property
    def inspector(self) -> str:
        """Who voted."""

    @property
    def grade(self) -> str | None:
        """Its grade; None withdraws."""

    @property
    def voted_at(self) -> float:
        """Seconds since 1970."""


def seconds_of(votes: Sequence[TimedVote]) -> list[float]:
    """Return the seconds that votes took, of those that have them; a look of over a minute counts as one."""
    return [min(vote.seconds_spent, IDLE_SECONDS) for vote in votes if vote.seconds_spent is not None]


def mean_seconds(votes: Sequence[TimedVote]) -> float | None:
    """Return the mean seconds of votes, None without timed ones."""
    spent = seconds_of(votes)
    return fmean(spent) if spent else None


def is_hasty(seconds_each: float | None) -> bool:
    """Return whether so many seconds for each candidate, where known, are too few to see a picture."""
    return seconds_each is not None and seconds_each < LEAST_SECONDS


@dataclass(frozen=True)
class HastyRows:
    """Positions of votes that are too fast: given one by one, and to the rest of a page at once."""

    single: frozenset[int]
    rest: frozenset[int]

    @property
    def every(self) -> frozenset[int]:
        """The positions of both."""
        return self.single | self.rest


def hasty_rows(votes: Sequence[CastVote]) -> HastyRows:
    """Return which votes took too little time to see a picture, each judged by its own seconds.

    What was given to the rest of a page at once is judged by the mean over it and the votes of the same tab
    in the minute before: the page was looked at meanwhile. Votes of unknown time are not hasty.
    """
    single, rest = set(), set()
    order = [row for row, vote in enumerate(votes) if vote.seconds_spent is not None]
    order.sort(key=lambda row: (votes[row].client, votes[row].inspector, votes[row].voted_at))
    before: list[int] = []
    for together in _given_together(votes, order):
        first = votes[together[0]]
        if len(together) == 1:
            before.append(together[0])
            single |= {*together} if is_hasty(first.seconds_spent) else set()
            continue
        near = [row for row in before if _in_the_minute_before(votes[row], first)]
        rest |= {*together} if is_hasty(mean_seconds([votes[row] for row in [*near, *together]])) else set()
        before = []
    return HastyRows(frozenset(single), frozenset(rest))


def _given_together(votes: Sequence[CastVote], order: Sequence[int]) -> list[list[int]]:
    """Return positions in order, those of votes that one key press gave as one."""
    groups: list[list[int]] = []
    for row in order:
        vote, last = votes[row], votes[groups[-1][-1]] if groups else None
        alike = last is not None and all(
            getattr(vote, name) == getattr(last, name)
            for name in ("client", "inspector", "grade", "seconds_spent")
        )
        if alike and last is not None and vote.voted_at - last.voted_at < TOGETHER_SECONDS:
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def _in_the_minute_before(vote: CastVote, other: CastVote) -> bool:
    same = (vote.client, vote.inspector) == (other.client, other.inspector)
    return same and 0 <= other.voted_at - vote.voted_at <= IDLE_SECONDS
