"""Reviews: record votes, tell how far an inspector is."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from pydantic import Field

from lensapp.core.config import Spec
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.inspect.consensus import last_votes
from lensapp.core.inspect.grades import LENS_FROM
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.inspect.blind_tests import REPEAT
from lensapp.services.inspect.gallery import OpenReview, open_review
from lensapp.services.inspect.queues import create_review
from lensapp.services.inspect.tokens import checked_inspector
from lensapp.storage import reviews, sources
from lensapp.storage.records import Cutout, Review, Vote
from lensapp.storage.workspace import Workspace

__all__ = [
    "ReviewProgress",
    "VoteOp",
    "VotePost",
    "check_inspector",
    "create_review",
    "current_votes",
    "feedback_on",
    "record_votes",
    "review_progress",
    "vote_once",
    "votes_by_inspector",
]

MOST_OPS = 500
LONGEST_SECONDS = 86_400.0


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


@dataclass(frozen=True)
class ReviewProgress:
    """How far one inspector is in a review; `seconds_each` is a median, None before the first vote."""

    graded: int
    total: int
    seconds_each: float | None
    by_grade: dict[str, int]


def record_votes(ws: Workspace, *, review: Review, inspector: str, post: VotePost) -> int:
    """Append votes; those sent before are recognised and left. Return the last sequence number.

    Raises
    ------
    InvalidInput
        When the inspector may not vote, a candidate is not part of the review, or a grade or a contaminant
        is not of its scheme; nothing is stored then.
    """
    if not post.ops:
        return 0
    opened = open_review(ws, review.id)
    spec = opened.spec
    check_inspector(spec, inspector)
    _check_words(spec, post, review)
    cutout_ids = opened.cutout_ids([op.id for op in post.ops])
    values = spec.scheme.values
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


def check_inspector(spec: ReviewSpec, inspector: str) -> None:
    """Raise InvalidInput unless the inspector may vote in a review."""
    if spec.inspectors and inspector not in spec.inspectors:
        raise InvalidInput(
            f"Expected one of the inspectors {', '.join(spec.inspectors)}, received {inspector!r}. "
            "Choose another review, or ask for one that lets you vote."
        )


def _check_words(spec: ReviewSpec, post: VotePost, review: Review) -> None:
    letters, classes = (None, *spec.scheme.letters), (None, *(one.name for one in spec.classes))
    for place, op in enumerate(post.ops):
        if op.grade not in letters:
            raise InvalidInput(
                f"ops.{place}.grade: expected one of {', '.join(spec.scheme.letters)} in review "
                f"{review.name}, received {op.grade!r}. Reload the page."
            )
    unknown = {op.contaminant for op in post.ops} - set(classes)
    if unknown:
        raise InvalidInput(
            f"Expected contaminants {', '.join(map(str, classes[1:]))}, received {sorted(map(str, unknown))}."
        )


def feedback_on(opened: OpenReview, post: VotePost) -> list[dict[str, Any]]:
    """Return what the votes' blind tests were, where the review tells it at once.

    Returns
    -------
    list
        {"id", "kind": "lens" or "dud", "right"} for each graded test; repetitions are not told.
    """
    if not opened.spec.feedback:
        return []
    values = opened.spec.scheme.values
    told = []
    for op, cutout_id in zip(post.ops, opened.cutout_ids([op.id for op in post.ops]), strict=True):
        test = opened.blind_tests.get(cutout_id)
        if test is not None and test.kind != REPEAT and op.grade is not None:
            right = (values[op.grade] >= LENS_FROM) == bool(test.truth["lens"])
            told.append({"id": op.id, "kind": test.kind, "right": right})
    return told


def current_votes(votes: Sequence[Vote]) -> dict[tuple[str, int], Vote]:
    """Return the vote that counts per (inspector, cutout id): the last one, unless it withdraws."""
    counted = [votes[place] for place in last_votes(votes).tolist()]
    return {(vote.inspector, vote.cutout_id): vote for vote in counted}


def votes_by_inspector(ws: Workspace, *, review: Review, inspector: str) -> dict[int, Vote]:
    """Return the votes of one inspector that count, by cutout id, those on blind tests too."""
    log = reviews.votes_of(ws.database, review_id=review.id, inspector=inspector, with_blind_tests=True)
    return {cutout_id: vote for (_, cutout_id), vote in current_votes(log).items()}


def review_progress(ws: Workspace, *, review: Review, inspector: str) -> ReviewProgress:
    """Return how many candidates of a review an inspector has graded, and how fast."""
    votes = votes_by_inspector(ws, review=review, inspector=inspector).values()
    spent = [vote.seconds_spent for vote in votes if vote.seconds_spent is not None]
    letters = ReviewSpec.parse(review.spec).scheme.letters
    by_grade = {letter: sum(vote.grade == letter for vote in votes) for letter in letters}
    return ReviewProgress(len(votes), review.size, median(spent) if spent else None, by_grade)


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
    log = reviews.votes_of(ws.database, review_id=review.id, inspector=name, with_blind_tests=True)
    return next(vote for vote in reversed(log) if vote.client == client)


def _find_candidate(ws: Workspace, name: str, candidate_id: str) -> tuple[Review, Cutout]:
    """Return the review called `name`, or the default review of the source `name`, and its candidate.

    The default review is made here where there is none, but only for a candidate that exists.
    """
    existing = {review.name: review for review in reviews.list_reviews(ws.database)}
    review = existing.get(name) or existing.get(f"{name}-all")
    by_name = {source.name: source for source in sources.list_sources(ws.database)}
    if review is None and name not in by_name:
        raise NotFound(
            f"Expected the name of a review or a source, received {name!r}. "
            f"Known reviews: {', '.join(existing) or 'none yet'}."
        )
    if review is None:
        found = sources.find_cutouts(ws.database, candidate_id, source_id=by_name[name].id)
    else:
        found = _shown_as(ws, review, candidate_id)
    if not found:
        remedy = "Check the ID." if name in by_name else "Check the ID, or name the source of the review."
        raise NotFound(f"Expected a candidate of {name}, received {candidate_id!r}. {remedy}")
    everything = ReviewSpec(order="given", limit=None)
    made = review or create_review(ws, name=f"{name}-all", source_name=name, spec=everything)
    return made, found[0]


def _shown_as(ws: Workspace, review: Review, candidate_id: str) -> list[Cutout]:
    """Return what a review shows under a name, blind tests included."""
    opened = open_review(ws, review.id)
    tests = sources.get_cutouts(ws.database, list(opened.blind_tests))
    found = [test for test in tests if test.candidate_id == candidate_id]
    for source_id in reviews.source_ids_of(ws.database, review):
        found += sources.find_cutouts(ws.database, candidate_id, source_id=source_id)
    return [cutout for cutout in found if opened.holds(cutout.id)]
