"""Who is asked to grade what in a review that inspectors share, how far they are, and what comes next.

A share is what its inspector is shown first and what is counted. Votes on other candidates count as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lensapp.core.acting import mode, needs
from lensapp.core.errors import InvalidInput
from lensapp.core.inspect import shares as sharing
from lensapp.core.inspect.inspector_names import checked_inspector, inspector_key
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.access.accounts import admission
from lensapp.services.inspect.consensus import retired_lately
from lensapp.services.inspect.gallery import OpenReview
from lensapp.services.inspect.queues import list_reviews
from lensapp.services.inspect.vote_log import votes_in
from lensapp.services.inspect.votes import current_votes
from lensapp.storage import reviews
from lensapp.storage.records import Review
from lensapp.storage.workspace import Workspace

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Share:
    """What one inspector of a review is asked to grade, and how much of it they have graded."""

    inspector: str
    candidates: int
    graded: int


@dataclass(frozen=True)
class Task:
    """A review with candidates left to grade for somebody."""

    review: str
    left: int


def shares_in(ws: Workspace, review: Review) -> list[Share]:
    """Return how far each inspector of a review is with their share; none where all grade all."""
    shares = reviews.shares_of(ws.database, review.id)
    if not shares:
        return []
    graded = _graded(ws, review)
    return [
        Share(name, len(keys), len(graded.get(inspector_key(name), set()).intersection(keys.tolist())))
        for name, keys in shares.items()
    ]


def share_shown(opened: OpenReview, inspector: str) -> Ids | None:
    """Return the share of an inspector as browsers know it, None where they grade all."""
    own = reviews.share_of(opened.workspace.database, opened.review.id, inspector)
    return None if own is None else np.asarray(opened.shown_ids(own.tolist()), np.int64)


@needs("work")
def reassign(
    ws: Workspace, review_name: str, *, leaver: str | None = None, to: Sequence[str] = ()
) -> list[Share]:
    """Give others what somebody left ungraded, or somebody new an equal part of what all have left.

    Parameters
    ----------
    leaver
        Whose rest is given away; None: those in `to` join.
    to
        Who takes it; none: the other inspectors. Somebody without a share may be named: they may grade then.

    Returns
    -------
    list of Share
        As they stand then.

    Raises
    ------
    NotFound
        When the review does not exist.
    InvalidInput
        When its candidates are not shared out, somebody leaves who has no share, or nobody would take it.
    """
    review = reviews.get_review(ws.database, review_name)
    shares = reviews.shares_of(ws.database, review.id)
    if not shares:
        raise InvalidInput(
            f"In {review.name} all inspectors grade all candidates: there is nothing to reassign. A new "
            "review can share them out, by its number of inspectors per candidate."
        )
    by_key = {inspector_key(name): name for name in shares}
    named = [by_key.get(inspector_key(one), checked_inspector(one)) for one in to]
    graded = {name: _graded(ws, review).get(inspector_key(name), set()) for name in {*shares, *named}}
    if leaver is None:
        newcomers = [name for name in named if name not in shares]
        if not newcomers:
            raise InvalidInput("Name whose rest is to be given away, or somebody new who joins.")
        for name in newcomers:
            shares = sharing.let_join(shares, name, graded)
    else:
        own = by_key.get(inspector_key(leaver))
        if own is None:
            having = ", ".join(shares)
            raise InvalidInput(f"{leaver!r} has no share of {review.name}. Those who have: {having}.")
        takers = [name for name in named or shares if name != own]
        if not takers:
            raise InvalidInput(f"Nobody would take over from {own}. Name who does.")
        shares = sharing.hand_over(shares, own, takers, graded)
    place = {key: row for row, key in enumerate(reviews.queue_of(ws.database, review.id).tolist())}
    in_order = {
        name: np.array(sorted(keys.tolist(), key=place.__getitem__), np.int64)
        for name, keys in shares.items()
    }
    reviews.replace_shares(ws.database, review, in_order)
    return shares_in(ws, review)


def next_task(ws: Workspace, *, inspector: str, after: str | None = None) -> Task | None:
    """Return the review that waits longest for an inspector's grades, or None.

    Reviews in which they have a share, or that name them, come before those that are open to all.

    Parameters
    ----------
    after
        A review that is not meant.
    """
    admitted = admission(ws) if mode() != "alone" else None
    tasks = []
    for review in reversed(list_reviews(ws)):
        if review.closed_at is not None or review.name == after:
            continue
        own, spec = reviews.share_of(ws.database, review.id, inspector), ReviewSpec.parse(review.spec)
        may = admitted.admits(review) if admitted else own is not None or spec.admits(inspector)
        if not may:
            continue
        asked = reviews.queue_of(ws.database, review.id) if own is None else own
        if left := len(
            {*asked.tolist()}
            - _graded(ws, review).get(inspector_key(inspector), set())
            - {*retired_lately(ws, review).tolist()}
        ):
            tasks.append((own is None and not spec.inspectors, Task(review.name, left)))
    return min(tasks, key=lambda task: task[0])[1] if tasks else None


def _graded(ws: Workspace, review: Review) -> dict[str, set[int]]:
    """Return which candidates of a review, blind tests too, each inspector has graded, by the name's key."""
    graded: dict[str, set[int]] = {}
    for name, key in current_votes(votes_in(ws, review, with_blind_tests=True)):
        graded.setdefault(inspector_key(name), set()).add(key)
    return graded
