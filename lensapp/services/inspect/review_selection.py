"""Which reviews and votes a consensus is made of."""

from collections.abc import Sequence

from lensapp.storage import reviews
from lensapp.storage.records import Review, Vote
from lensapp.storage.workspace import Workspace


def votes_of_reviews(ws: Workspace, review_names: Sequence[str]) -> tuple[list[Review], list[Vote]]:
    """Return reviews by name and all their votes in the order received, or raise NotFound."""
    found = [reviews.get_review(ws.database, name) for name in dict.fromkeys(review_names)]
    votes = [vote for review in found for vote in reviews.votes_of(ws.database, review_id=review.id)]
    return found, sorted(votes, key=_received)


def _received(vote: Vote) -> int:
    return vote.id
