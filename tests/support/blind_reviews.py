"""A review with blind tests, and inspectors who grade it: for tests."""

from uuid import uuid4

from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.inspect.gallery import open_review
from lensapp.services.inspect.votes import VotePost, current_votes, record_votes
from lensapp.storage import reviews
from lensapp.storage.records import Review, Vote
from lensapp.storage.workspace import Workspace

BLIND = ReviewSpec(order="given", limit=20, calibrators=0.4, dud_share=0.5, repeats=0.2, seed=3)


def blind_tests(ws: Workspace, review: Review) -> dict[str, list[int]]:
    kinds: dict[str, list[int]] = {"lens": [], "dud": [], "repeat": []}
    for test in reviews.blind_tests_of(ws.database, [review.id]):
        kinds[test.kind].append(test.cutout_id)
    return kinds


def grade(
    ws: Workspace, review: Review, inspector: str, grades: dict[int, str], seconds: float = 2.0
) -> None:
    """Grade cutouts as a browser would: by the ids that the queue gives."""
    shown = open_review(ws, review.id).shown_ids(list(grades))
    ops = [
        {"seq": place, "id": key, "grade": letter, "voted_at": 1e9 + place, "seconds_spent": seconds}
        for place, (key, letter) in enumerate(zip(shown, grades.values(), strict=True), 1)
    ]
    post = VotePost.parse({"client": f"tab-{uuid4()}", "ops": ops})
    record_votes(ws, review=review, inspector=inspector, post=post)


def counted_votes(ws: Workspace, review: Review, inspector: str) -> dict[int, Vote]:
    """Return the votes of one inspector that count, by cutout id, those on blind tests too."""
    log = reviews.votes_of(ws.database, review_id=review.id, inspector=inspector, with_blind_tests=True)
    return {cutout_id: vote for (_, cutout_id), vote in current_votes(log).items()}
