"""How long inspectors look at a candidate, and whose looks are too short to have seen a picture."""

from collections.abc import Sequence
from statistics import fmean
from typing import Protocol

IDLE_SECONDS = 60.0  # a longer look is an interrupted one: it counts as this
LEAST_SECONDS = 0.5  # a candidate: of less nobody has seen a picture


class TimedVote(Protocol):
    """A vote that may tell how long it took."""

    @property
    def seconds_spent(self) -> float | None:
        """Seconds of the look at the candidate; None where these are not known."""


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
