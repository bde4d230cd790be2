"""Which sources, reviews and votes a consensus or a catalogue is made of."""

from collections.abc import Sequence

from lensapp.storage import reviews, sources
from lensapp.storage.records import Review, Source, Vote
from lensapp.storage.workspace import Workspace


def chosen_sources(ws: Workspace, source_name: str, also_sources: Sequence[str] = ()) -> list[Source]:
    """Return a source and further ones, each once, or raise NotFound."""
    names = dict.fromkeys((source_name, *also_sources))
    return [sources.get_source(ws.database, name) for name in names]


def choose_reviews(
    ws: Workspace, shown: Sequence[Source], review_names: Sequence[str] | None
) -> list[Review]:
    """Return the reviews of those names, or all that show one of the sources, oldest first."""
    if review_names is not None:
        return [reviews.get_review(ws.database, name) for name in dict.fromkeys(review_names)]
    keys = {source.id for source in shown}
    every = reviews.list_reviews(ws.database)
    return [review for review in every if keys.intersection(reviews.source_ids_of(ws.database, review))][::-1]


def votes_of(ws: Workspace, chosen: Sequence[Review]) -> list[Vote]:
    """Return the votes of reviews on their candidates."""
    return [vote for review in chosen for vote in reviews.votes_of(ws.database, review_id=review.id)]


def votes_of_reviews(ws: Workspace, review_names: Sequence[str]) -> tuple[list[Review], list[Vote]]:
    """Return reviews by name and all their votes in the order received, or raise NotFound."""
    found = [reviews.get_review(ws.database, name) for name in dict.fromkeys(review_names)]
    votes = [vote for review in found for vote in reviews.votes_of(ws.database, review_id=review.id)]
    return found, sorted(votes, key=_received)


def _received(vote: Vote) -> int:
    return vote.id
