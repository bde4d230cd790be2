"""Votes given too fast to have seen the pictures, among those that are fed back."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lensapp.core.inspect.consensus import last_votes
from lensapp.core.inspect.pace import LEAST_SECONDS, hasty_rows
from lensapp.core.plurals import counted
from lensapp.services.inspect.queues import votes_of_reviews
from lensapp.storage.records import Vote
from lensapp.storage.workspace import Workspace

MOSTLY = 0.5  # of the votes: of more Team says that they allow no labels, and at first they make none


@dataclass(frozen=True)
class HastyVotes:
    """How many votes behind some labels were given too fast, or how many such votes are left out.

    Attributes
    ----------
    votes, of_votes
        Such votes, of all behind the labels.
    alone
        Labels that no other vote supports.
    inspectors
        Whose votes they are.
    left_out
        Whether they do not count; `of_votes` and `alone` are 0 then.
    rest
        How many of them were given to the rest of a page at once.
    """

    votes: int
    of_votes: int
    alone: int
    inspectors: tuple[str, ...]
    left_out: bool = False
    rest: int = 0

    def __bool__(self) -> bool:
        return self.votes > 0

    def in_words(self) -> str:
        """Return what the votes mean for the labels, in a sentence or two; empty where there are none."""
        if not self.votes:
            return ""
        names, pace = ", ".join(self.inspectors), f"of less than {LEAST_SECONDS:g} s each"
        rest = f", {self.rest} of them given to the rest of a page at once" if self.rest else ""
        if self.left_out:
            are = f"{',' if rest else ''} {'is' if self.votes == 1 else 'are'}"
            return f"{counted(self.votes, 'vote')} {pace} by {names}{rest}{are} left out."
        alone = f" {counted(self.alone, 'label')} would have no other vote." if self.alone else ""
        behind = f"{self.votes} of the {counted(self.of_votes, 'vote')} behind these labels"
        took = f"took less than {LEAST_SECONDS:g} s each, by {names}{rest}"
        return f"{behind} {took}: too fast to see a picture.{alone}"


@dataclass(frozen=True)
class Hasty:
    """The votes given too fast, those of a page's rest by their IDs besides."""

    votes: list[Vote]
    of_rest: frozenset[int]

    def __bool__(self) -> bool:
        return bool(self.votes)

    def count_of_rest(self, some: Sequence[Vote]) -> int:
        """Return how many of some votes were given to the rest of a page."""
        return sum(vote.id in self.of_rest for vote in some)


def part_hasty(votes: Sequence[Vote]) -> tuple[list[Vote], Hasty]:
    """Return the votes without those of inspectors on candidates that they graded last too fast, and these.

    Votes before a hasty one go with it: their inspector did not keep them.
    """
    cast = [votes[row] for row in last_votes(votes).tolist()]
    rows = hasty_rows(cast)
    hasty = {(cast[row].cutout_id, cast[row].inspector) for row in rows.every}
    parts: tuple[list[Vote], list[Vote]] = [], []
    for vote in votes:
        parts[(vote.cutout_id, vote.inspector) in hasty].append(vote)
    return parts[0], Hasty(parts[1], frozenset(cast[row].id for row in rows.rest))


def left_out_of(hasty: Hasty) -> HastyVotes:
    """Return what is left out with the hasty votes."""
    cast = [hasty.votes[row] for row in last_votes(hasty.votes).tolist()]
    return HastyVotes(len(cast), 0, 0, _whose(cast), left_out=True, rest=hasty.count_of_rest(cast))


def behind_labels(votes: Sequence[Vote], hasty: Hasty, cutout_ids: NDArray[np.int64]) -> HastyVotes:
    """Return the hasty ones of the `votes` that count behind the labels of some cutouts."""
    labelled, too_fast = set(cutout_ids.tolist()), {vote.id for vote in hasty.votes}
    behind = [vote for vote in votes if vote.cutout_id in labelled]
    found = [vote for vote in behind if vote.id in too_fast]
    each, quick = Counter(vote.cutout_id for vote in behind), Counter(vote.cutout_id for vote in found)
    alone = sum(count == each[cutout] for cutout, count in quick.items())
    return HastyVotes(len(found), len(behind), alone, _whose(found), rest=hasty.count_of_rest(found))


def _whose(votes: Sequence[Vote]) -> tuple[str, ...]:
    return tuple(sorted({vote.inspector for vote in votes}))


def all_are_hasty(reviews: str) -> str:
    """Return that no vote in some reviews counts, as each was given too fast, in a sentence."""
    return f"Every vote in {reviews} took less than {LEAST_SECONDS:g} s: too fast to see a picture."


def counts_hasty(ws: Workspace, review_names: Sequence[str]) -> bool:
    """Return whether votes given too fast count unless one says otherwise: not where they are most."""
    return hasty_share(ws, review_names) <= MOSTLY


def hasty_share(ws: Workspace, review_names: Sequence[str]) -> float:
    """Return which share of the votes of reviews that count was given too fast to have seen the pictures."""
    votes = votes_of_reviews(ws, review_names)[1]
    cast = [votes[row] for row in last_votes(votes).tolist()]
    return len(hasty_rows(cast).every) / len(cast) if cast else 0.0
