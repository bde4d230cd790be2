"""Votes, and what inspectors find again elsewhere: grades, notes, settings, and where they stopped."""

import json
import re
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import Field, field_validator

from lensapp.core.acting import current_actor, needs
from lensapp.core.config import Spec
from lensapp.core.errors import InvalidInput, NotAllowed, NotFound
from lensapp.core.inspect.consensus import last_votes
from lensapp.core.inspect.grades import LENS_FROM
from lensapp.core.inspect.inspector_names import checked_inspector, inspector_key
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.access.accounts import require_admission
from lensapp.services.inspect.blind_tests import REPEAT
from lensapp.services.inspect.gallery import OpenReview, open_review
from lensapp.services.inspect.queues import create_review
from lensapp.storage import reviews, sources
from lensapp.storage.access.voting_clients import clients_lately
from lensapp.storage.records import Cutout, Review, Vote
from lensapp.storage.workspace import Workspace

MOST_OPS = 500
MOST_SETTINGS_BYTES = 20_000
LONGEST_SECONDS = 86_400.0
LATELY_SECONDS = 60.0
TAB_OF_BROWSER = re.compile(r"([0-9a-f]{16})-[0-9a-f]{32}")  # as journal.js names the tabs of a browser


class VoteOp(Spec):
    """One vote as a browser sends it; without a grade it withdraws the vote before."""

    seq: int = Field(ge=1, le=2**53, description="Counts up within a client.")
    id: int = Field(ge=1, le=2**53, description="Id of the candidate, as the review's queue gives it.")
    grade: str | None = Field(None, max_length=20, description="A grade of the review's scheme, or none.")
    contaminant: str | None = Field(None, max_length=100, description="What it is instead of a lens.")
    comment: str | None = Field(None, max_length=2000, description="Free text.")
    starred: bool = Field(default=False, description="Whether the inspector wants to find it again.")
    voted_at: float = Field(ge=0, le=1e11, description="Unix time of the inspector's clock.")
    seconds_spent: float | None = Field(None, ge=0, description="Seconds that the candidate was looked at.")
    stretch: str | None = Field(None, max_length=200, description="How the pixels were shown.")
    score_seen: bool = Field(default=False, description="Whether the network's score was visible.")


class VotePost(Spec):
    """A browser tab's votes, in order."""

    client: str = Field(pattern="^[A-Za-z0-9-]{8,80}$", description="Random name of one browser tab.")
    ops: tuple[VoteOp, ...] = Field(max_length=MOST_OPS, description="Votes not acknowledged yet.")


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
            raise ValueError(f"the settings take {size} bytes, more than {MOST_SETTINGS_BYTES}")
        return settings


@dataclass(frozen=True)
class Mark:
    """What one inspector has said about one candidate; no grade: not graded, or withdrawn."""

    grade: str | None
    contaminant: str | None
    seconds_spent: float | None
    comment: str | None
    starred: bool


@needs("vote")
def record_votes(ws: Workspace, *, review: Review, inspector: str, post: VotePost) -> int:
    """Append votes; those sent before are recognised and left. Return the last sequence number.

    They are on the disk then. Votes on a review that is closed are kept, too, and do not count.

    Raises
    ------
    VoteConflict
        When the tab has used a running number for another vote; nothing is stored then.
    InvalidInput
        When the inspector may not vote, a candidate is not part of the review, or a grade or a contaminant
        is not of its scheme; nothing is stored then.
    NotAllowed
        As `check_voter`.
    """
    if not post.ops:
        return 0
    opened = open_review(ws, review.id)
    check_voter(ws, opened.review, inspector)
    letters, contaminants = opened.spec.scheme.letters, [one.name for one in opened.spec.classes]
    for number, op in enumerate(post.ops):
        if op.grade not in (None, *letters):
            raise InvalidInput(
                f"ops.{number}.grade: {op.grade!r} is none of {', '.join(letters)}, the grades of review "
                f"{review.name}. Reload the page."
            )
        if op.contaminant not in (None, *contaminants):
            raise InvalidInput(
                f"ops.{number}.contaminant: {op.contaminant!r} is none of {', '.join(contaminants)}. "
                "Reload the page."
            )
    cutout_ids = opened.cutout_ids([op.id for op in post.ops])
    values = opened.spec.scheme.values
    rows = [
        {
            "client": post.client,
            "review_id": review.id,
            "cutout_id": cutout_id,
            "inspector": inspector,
            "value": None if op.grade is None else values[op.grade],
            "seconds_spent": None if op.seconds_spent is None else min(op.seconds_spent, LONGEST_SECONDS),
        }
        | op.model_dump(exclude={"id", "seconds_spent"})
        for op, cutout_id in zip(post.ops, cutout_ids, strict=True)
    ]
    reviews.add_votes(ws.database, rows)
    return max(op.seq for op in post.ops)


def late_notice(ws: Workspace, review_id: int) -> str | None:
    """Return what inspectors are told whose votes come once their review is closed or deleted, else None."""
    try:
        review = reviews.review_by_id(ws.database, review_id)
    except NotFound:
        return (
            "This review was deleted: votes are kept with it, and count once it is taken back from the trash "
            "(Workspace, Trash)."
        )
    if review.closed_at is None:
        return None
    when = datetime.fromtimestamp(review.closed_at, UTC)
    return (
        f"The review {review.name} was closed on {when:%d %B %Y, %H:%M} UTC: votes are kept, but they do not "
        "count any more."
    )


def shared_name_notice(ws: Workspace, *, review: Review, inspector: str, post: VotePost) -> str | None:
    """Return what an inspector is told under whose name another browser voted within a minute, else None."""
    own = TAB_OF_BROWSER.fullmatch(post.client)
    if own is None or not post.ops:
        return None
    since = time.time() - LATELY_SECONDS
    clients = clients_lately(ws.database, review_id=review.id, inspector=inspector, since=since)
    browsers = {tab[1] for tab in map(TAB_OF_BROWSER.fullmatch, clients) if tab}
    if not browsers - {own[1]}:
        return None
    return f"{inspector} also grades in another window: both count as one inspector."


def check_voter(ws: Workspace, review: Review, inspector: str) -> None:
    """Refuse votes in a review that who acts may not grade, or not under that name.

    Raises
    ------
    InvalidInput
        When the review names its inspectors, and this is none of them.
    NotAllowed
        When an account that acts is not invited, or would vote under another name.
    """
    actor = current_actor()
    if actor is None or actor.account_id is None:
        if reviews.share_of(ws.database, review.id, inspector) is None:
            check_inspector(ReviewSpec.parse(review.spec), inspector)
        return
    if inspector_key(inspector) != inspector_key(actor.name):
        raise NotAllowed(f"{actor.name} cannot vote as {inspector}. Vote under your own name.")
    require_admission(ws, review)


def check_inspector(spec: ReviewSpec, inspector: str) -> None:
    """Raise InvalidInput unless a review admits the inspector."""
    if not spec.admits(inspector):
        raise InvalidInput(
            f"{inspector!r} is not one of the inspectors {', '.join(spec.inspectors)}. "
            "Choose another review, or ask for an invitation."
        )


def feedback_on(opened: OpenReview, post: VotePost) -> list[dict[str, Any]]:
    """Return what the votes' blind tests were, where the review gives immediate feedback.

    Returns
    -------
    list
        {"id", "kind": "lens" or "dud", "right"} for each graded test; repetitions are not revealed.
    """
    if not opened.spec.feedback:
        return []
    values = opened.spec.scheme.values
    feedback = []
    for op, cutout_id in zip(post.ops, opened.cutout_ids([op.id for op in post.ops]), strict=True):
        test = opened.blind_tests.get(cutout_id)
        if test is not None and test.kind != REPEAT and op.grade is not None:
            right = (values[op.grade] >= LENS_FROM) == bool(test.truth["lens"])
            feedback.append({"id": op.id, "kind": test.kind, "right": right})
    return feedback


def current_votes(votes: Sequence[Vote]) -> dict[tuple[str, int], Vote]:
    """Return the vote that counts per (inspector, cutout id): the last one, unless it withdraws."""
    counted = [votes[row] for row in last_votes(votes).tolist()]
    return {(vote.inspector, vote.cutout_id): vote for vote in counted}


def marks_of(ws: Workspace, *, review: Review, inspector: str) -> dict[int, Mark]:
    """Return an inspector's marks by cutout id: the grades that count, and the newest comment and star.

    Blind tests are included, since their inspector must not be able to tell them from candidates, and so
    are votes that came too late to count.
    """
    log = reviews.votes_of(
        ws.database, review_id=review.id, inspector=inspector, with_blind_tests=True, with_late=True
    )
    counted = {cutout_id: vote for (_, cutout_id), vote in current_votes(log).items()}
    newest = {vote.cutout_id: vote for vote in log}  # in the order received
    marks = {}
    for cutout_id, last in newest.items():
        vote = counted.get(cutout_id)
        if vote is not None or last.comment or last.starred:
            marks[cutout_id] = Mark(
                grade=vote.grade if vote else None,
                contaminant=vote.contaminant if vote else None,
                seconds_spent=vote.seconds_spent if vote else None,
                comment=last.comment or None,
                starred=bool(last.starred),
            )
    return marks


@dataclass(frozen=True)
class OwnVotes:
    """What one inspector has done in a review: candidates with a grade, blind tests too; when last."""

    review: Review
    graded: int
    last_at: float


def own_votes(ws: Workspace) -> list[OwnVotes]:
    """Return what who acts has graded, by review, the last one first."""
    actor = current_actor()
    voted = reviews.graded_by(ws.database, actor.name) if actor and actor.name else {}
    own = []
    for review_id, (_, last_at) in voted.items():
        review = reviews.review_by_id(ws.database, review_id)
        marks = marks_of(ws, review=review, inspector=actor.name if actor else "")
        own.append(OwnVotes(review, sum(mark.grade is not None for mark in marks.values()), last_at))
    return sorted(own, key=lambda one: -one.last_at)


@needs("vote")
def save_view(ws: Workspace, *, review: Review, inspector: str, post: ViewPost) -> None:
    """Save how and where an inspector looks at a review, in place of what was saved before.

    Raises
    ------
    InvalidInput, NotAllowed
        As `check_voter`.
    """
    check_voter(ws, review, inspector)
    reviews.save_view(ws.database, review_id=review.id, inspector=inspector, settings=post.saved())


def view_for(ws: Workspace, *, review: Review, inspector: str) -> ViewPost:
    """Return how and where an inspector looked at a review last; for a new one, how at any other."""
    own = reviews.view_of(ws.database, review_id=review.id, inspector=inspector)
    if own is not None:
        return ViewPost.parse(own)
    elsewhere = reviews.latest_view(ws.database, inspector=inspector) or {}
    return ViewPost.parse({**elsewhere, "last": None})


@needs("vote")
def vote_once(
    ws: Workspace,
    *,
    source_or_review_name: str,
    candidate_id: str,
    grade: str,
    inspector: str,
    comment: str | None = None,
) -> Vote:
    """Record one vote from the command line, in a review or in the default review of a source.

    Raises
    ------
    NotFound
        When neither a review nor a source has the name, or it has no such candidate.
    InvalidInput
        When the grade or the inspector's name cannot be used.
    """
    name = checked_inspector(inspector)
    review, cutout = _find_candidate(ws, source_or_review_name, candidate_id)
    letter = ReviewSpec.parse(review.spec).scheme.checked(grade)
    client = f"command-{uuid.uuid4()}"
    [shown] = open_review(ws, review.id).shown_ids([cutout.id])
    op = VoteOp(seq=1, id=shown, grade=letter, comment=comment, voted_at=time.time())
    record_votes(ws, review=review, inspector=name, post=VotePost(client=client, ops=(op,)))
    log = reviews.votes_of(
        ws.database, review_id=review.id, inspector=name, with_blind_tests=True, with_late=True
    )
    return next(vote for vote in reversed(log) if vote.client == client)


def _find_candidate(ws: Workspace, name: str, candidate_id: str) -> tuple[Review, Cutout]:
    """Return the review called `name`, or the default review of the source `name`, and its candidate.

    The default review is made here where there is none, but only for a candidate that exists.
    """
    by_name = {review.name: review for review in reviews.list_reviews(ws.database)}
    source = next((one for one in sources.list_sources(ws.database) if one.name == name), None)
    review = by_name.get(name) or by_name.get(f"{name}-all")
    if review is not None:
        # Blind tests too: an inspector must not be able to tell them from candidates.
        opened = open_review(ws, review.id)
        tests = sources.get_cutouts(ws.database, list(opened.blind_tests))
        cutouts = [test for test in tests if test.candidate_id == candidate_id]
        for source_id in reviews.source_ids_of(ws.database, review):
            cutouts += sources.find_cutouts(ws.database, candidate_id, source_id=source_id)
        cutouts = [cutout for cutout in cutouts if opened.holds(cutout.id)]
    elif source is not None:
        cutouts = sources.find_cutouts(ws.database, candidate_id, source_id=source.id)
    else:
        raise NotFound(
            f"There is no review or source called {name!r}. Reviews: {', '.join(by_name) or 'none yet'}."
        )
    if not cutouts:
        remedy = "Check the ID" if source is not None else "Check the ID, or name the source of the review"
        raise NotFound(f"{name} has no candidate {candidate_id!r}. {remedy}.")
    everything = ReviewSpec(order="given", limit=None)
    return review or create_review(ws, name=f"{name}-all", source_name=name, spec=everything), cutouts[0]
