"""What an inspector finds again on another machine: votes, notes, settings, and where they stopped."""

import json
from dataclasses import dataclass
from typing import Any

from pydantic import Field, field_validator

from lensapp.core.config import Spec
from lensapp.services.inspect.votes import current_votes
from lensapp.storage import reviews
from lensapp.storage.records import Review, Vote
from lensapp.storage.workspace import Workspace

MOST_SETTINGS_BYTES = 20_000


class ViewPost(Spec):
    """An inspector's view of a review, as a browser sends it."""

    settings: dict[str, Any] = Field(
        default_factory=dict, description="How candidates are shown; only browsers read it."
    )
    last: int | None = Field(None, ge=1, le=2**53, description="Cutout looked at last.")
    changed: float = Field(0.0, ge=0, le=1e11, description="Unix time of the change by the browser's clock.")

    @field_validator("settings")
    @classmethod
    def _small(cls, settings: dict[str, Any]) -> dict[str, Any]:
        size = len(json.dumps(settings))
        if size > MOST_SETTINGS_BYTES:
            raise ValueError(f"expected at most {MOST_SETTINGS_BYTES} bytes of settings, received {size}")
        return settings


@dataclass(frozen=True)
class Mark:
    """What one inspector has said about one candidate; no grade: not graded, or withdrawn."""

    grade: str | None
    contaminant: str | None
    seconds_spent: float | None
    comment: str | None
    starred: bool


def marks_of(ws: Workspace, *, review: Review, inspector: str) -> dict[int, Mark]:
    """Return an inspector's marks by cutout id: the grades that count, and the newest comment and star.

    Blind tests are included, since their inspector must not be able to tell them from candidates.
    """
    log = reviews.votes_of(ws.database, review_id=review.id, inspector=inspector, with_blind_tests=True)
    counted = {cutout_id: vote for (_, cutout_id), vote in current_votes(log).items()}
    newest = {vote.cutout_id: vote for vote in log}  # in the order received
    marks = {key: _mark(counted.get(key), vote) for key, vote in newest.items()}
    return {key: mark for key, mark in marks.items() if mark.grade or mark.comment or mark.starred}


def _mark(counted: Vote | None, newest: Vote) -> Mark:
    return Mark(
        grade=counted.grade if counted else None,
        contaminant=counted.contaminant if counted else None,
        seconds_spent=counted.seconds_spent if counted else None,
        comment=newest.comment or None,
        starred=bool(newest.starred),
    )


def save_view(ws: Workspace, *, review: Review, inspector: str, post: ViewPost) -> None:
    """Keep how and where an inspector looks at a review, in place of what was kept before."""
    reviews.save_view(ws.database, review_id=review.id, inspector=inspector, settings=post.saved())


def view_for(ws: Workspace, *, review: Review, inspector: str) -> ViewPost:
    """Return how and where an inspector looked at a review last; for a new one, how at any other."""
    kept = reviews.view_of(ws.database, review_id=review.id, inspector=inspector)
    if kept is not None:
        return ViewPost.parse(kept)
    elsewhere = reviews.latest_view(ws.database, inspector=inspector) or {}
    return ViewPost.parse({**elsewhere, "last": None})
