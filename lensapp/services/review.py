"""Reviews: choose and order candidates, record votes, tell how far an inspector is."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

import numpy as np
from pydantic import Field

from lensapp.core.config import Spec
from lensapp.core.consensus import last_votes
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.grades import CONTAMINANT_NAMES, LETTERS, checked_grade
from lensapp.core.review_order import order_candidates
from lensapp.core.review_spec import ReviewSpec
from lensapp.services.gallery import open_review
from lensapp.services.tokens import checked_inspector
from lensapp.storage import reviews, runs, sources
from lensapp.storage.records import Cutout, Review, Source, Vote
from lensapp.storage.rows import Columns
from lensapp.storage.workspace import Workspace

MOST_OPS = 500
LONGEST_SECONDS = 86_400.0


class VoteOp(Spec):
    """One vote as a browser sends it; without a grade it withdraws the vote before."""

    seq: int = Field(ge=1, le=2**53, description="Counts up within a client.")
    id: int = Field(ge=1, le=2**53, description="Cutout id.")
    grade: Literal["A", "B", "C", "X"] | None = Field(None, description="The grade, or none.")
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


def create_review(
    ws: Workspace, *, name: str, source_name: str, run_name: str | None = None, spec: ReviewSpec | None = None
) -> Review:
    """Choose and order the candidates of a source and save them as a review.

    Raises
    ------
    NotFound
        When the source or the run does not exist.
    InvalidInput
        When the name is taken, scores are needed but absent, or no candidate is left.
    """
    wanted = spec or ReviewSpec()
    source = sources.get_source(ws.database, source_name)
    run_id = None if run_name is None else runs.get_run(ws.database, run_name).id
    if wanted.needs_scores and run_id is None:
        raise InvalidInput(
            f"Expected a run whose scores give the order {wanted.order!r}, received none. "
            "Choose a run, or the order 'random' or 'given' without score limits."
        )
    columns = sources.cutout_columns(ws.database, [source.id], columns=("id", "label"))
    scores = _scores_of(ws, columns, run_id=run_id, source=source)
    queue = order_candidates(columns["id"], scores, columns["label"], wanted)
    if not len(queue):
        raise InvalidInput(_nothing_left(source, run_name, wanted, scored=int(np.isfinite(scores).sum())))
    return reviews.create_review(
        ws.database, name=name, source_id=source.id, run_id=run_id, spec=wanted.saved(), queue=queue
    )


def _scores_of(ws: Workspace, columns: Columns, *, run_id: int | None, source: Source) -> np.ndarray:
    ids = columns["id"]
    scores = np.full(len(ids), np.nan)
    if run_id is None or not len(ids):
        return scores
    scored, values = runs.scores_of(ws.database, run_id, source.id)
    order = np.argsort(ids)
    places = np.searchsorted(ids[order], scored)
    known = places < len(ids)
    known[known] = ids[order][places[known]] == scored[known]
    scores[order[places[known]]] = values[known]
    return scores


def _nothing_left(source: Source, run_name: str | None, spec: ReviewSpec, *, scored: int) -> str:
    limits = f"include={spec.include}, min_score={spec.min_score}, max_score={spec.max_score}"
    run = "no run" if run_name is None else f"run {run_name} ({scored} scored)"
    return (
        f"Expected at least one candidate, received none from {source.name} with {run} and {limits}. "
        "Score the source with this run first, or widen the limits."
    )


def record_votes(ws: Workspace, *, review: Review, inspector: str, post: VotePost) -> int:
    """Append votes; those sent before are recognised and left. Return the last sequence number.

    Raises
    ------
    InvalidInput
        When a candidate is not part of the review or a contaminant is unknown; nothing is stored then.
    """
    if not post.ops:
        return 0
    unknown = {op.contaminant for op in post.ops} - {None, *CONTAMINANT_NAMES}
    if unknown:
        raise InvalidInput(
            f"Expected contaminants {', '.join(CONTAMINANT_NAMES)}, received {sorted(map(str, unknown))}."
        )
    open_review(ws, review.id).check_members([op.id for op in post.ops])
    rows = [
        {
            "client": post.client,
            "review_id": review.id,
            "cutout_id": op.id,
            "inspector": inspector,
            "seconds_spent": None if op.seconds_spent is None else min(op.seconds_spent, LONGEST_SECONDS),
        }
        | op.model_dump(exclude={"id", "seconds_spent"})
        for op in post.ops
    ]
    reviews.add_votes(ws.database, rows)
    return max(op.seq for op in post.ops)


def current_votes(votes: Sequence[Vote]) -> dict[tuple[str, int], Vote]:
    """Return the vote that counts per (inspector, cutout id): the last one, unless it withdraws."""
    counted = [votes[place] for place in last_votes(votes).tolist()]
    return {(vote.inspector, vote.cutout_id): vote for vote in counted}


def votes_by_inspector(ws: Workspace, *, review: Review, inspector: str) -> dict[int, Vote]:
    """Return the votes of one inspector that count, by cutout id."""
    log = reviews.votes_of(ws.database, review_id=review.id, inspector=inspector)
    return {cutout_id: vote for (_, cutout_id), vote in current_votes(log).items()}


def review_progress(ws: Workspace, *, review: Review, inspector: str) -> ReviewProgress:
    """Return how many candidates of a review an inspector has graded, and how fast."""
    votes = votes_by_inspector(ws, review=review, inspector=inspector).values()
    spent = [vote.seconds_spent for vote in votes if vote.seconds_spent is not None]
    by_grade = {letter: sum(vote.grade == letter for vote in votes) for letter in LETTERS}
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
    letter, name = checked_grade(grade), checked_inspector(inspector)
    review, cutout = _find_candidate(ws, source_or_review_name, candidate_id)
    client = f"command-{uuid.uuid4()}"
    op = VoteOp(seq=1, id=cutout.id, grade=letter, comment=comment, voted_at=time.time())
    record_votes(ws, review=review, inspector=name, post=VotePost(client=client, ops=(op,)))
    log = reviews.votes_of(ws.database, review_id=review.id, inspector=name)
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
    source_id = by_name[name].id if review is None else review.source_id
    found = sources.find_cutouts(ws.database, candidate_id, source_id=source_id)
    if not found or (review and found[0].id not in reviews.queue_of(ws.database, review.id)):
        remedy = "Check the ID." if name in by_name else "Check the ID, or name the source of the review."
        raise NotFound(f"Expected a candidate of {name}, received {candidate_id!r}. {remedy}")
    everything = ReviewSpec(order="given", limit=None)
    made = review or create_review(ws, name=f"{name}-all", source_name=name, spec=everything)
    return made, found[0]
