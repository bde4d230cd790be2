"""Votes given too fast to have seen the pictures, among those that are fed back."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lensapp.core.inspect.consensus import last_votes
from lensapp.core.inspect.pace import LEAST_SECONDS
from lensapp.core.plurals import counted
from lensapp.services.inspect.team import hasty_inspectors
from lensapp.storage import reviews
from lensapp.storage.records import Review, Vote
from lensapp.storage.workspace import Workspace


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
    """

    votes: int
    of_votes: int
    alone: int
    inspectors: tuple[str, ...]
    left_out: bool = False

    def __bool__(self) -> bool:
        return self.votes > 0

    def in_words(self) -> str:
        """Return what the votes mean for the labels, in a sentence or two; empty where there are none."""
        if not self.votes:
            return ""
        names, pace = ", ".join(self.inspectors), f"less than {LEAST_SECONDS:g} s for a candidate"
        if self.left_out:
            return f"{counted(self.votes, 'vote')} by {names}, who took {pace}, {_are(self.votes)} left out."
        alone = f" {counted(self.alone, 'label')} would have no other vote." if self.alone else ""
        behind = f"{self.votes} of the {counted(self.of_votes, 'vote')} behind these labels"
        return f"{behind} {_are(self.votes)} by {names}, who took {pace}: too fast to see a picture.{alone}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def part_hasty(
    ws: Workspace, of_reviews: Sequence[Review], votes: Sequence[Vote]
) -> tuple[list[Vote], list[Vote]]:
    """Return the votes of inspectors who took their time in the review, and those of the hasty ones."""
    hasty = hasty_inspectors(ws, of_reviews)
    parts: tuple[list[Vote], list[Vote]] = [], []
    for vote in votes:
        parts[(vote.review_id, vote.inspector) in hasty].append(vote)
    return parts


def left_out_of(hasty: Sequence[Vote]) -> HastyVotes:
    """Return what is left out with the votes of hasty inspectors."""
    cast = [hasty[row] for row in last_votes(hasty).tolist()]
    return HastyVotes(len(cast), 0, 0, tuple(sorted({vote.inspector for vote in cast})), left_out=True)


def behind_labels(votes: Sequence[Vote], hasty: Sequence[Vote], cutout_ids: NDArray[np.int64]) -> HastyVotes:
    """Return the hasty ones of the `votes` that count behind the labels of some cutouts."""
    labelled, too_fast = set(cutout_ids.tolist()), {vote.id for vote in hasty}
    behind = [vote for vote in votes if vote.cutout_id in labelled]
    found = [vote for vote in behind if vote.id in too_fast]
    each, quick = Counter(vote.cutout_id for vote in behind), Counter(vote.cutout_id for vote in found)
    alone = sum(count == each[cutout] for cutout, count in quick.items())
    return HastyVotes(len(found), len(behind), alone, tuple(sorted({vote.inspector for vote in found})))


def has_hasty(ws: Workspace, review_names: Sequence[str]) -> bool:
    """Return whether an inspector of some reviews took too little time there to have seen the pictures."""
    return bool(hasty_inspectors(ws, [reviews.get_review(ws.database, name) for name in review_names]))
