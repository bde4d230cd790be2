"""Read the votes of several reviews together, and write down whose votes made a label."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import unquote

from lensapp.storage import reviews
from lensapp.storage.records import Review, Vote
from lensapp.storage.workspace import Workspace


class LabelOrigin(NamedTuple):
    """Where a label comes from: "import", "demo", or "votes" with reviews and inspectors."""

    kind: str
    reviews: tuple[str, ...]
    inspectors: tuple[str, ...]


def votes_of_reviews(ws: Workspace, review_names: Sequence[str]) -> tuple[list[Review], list[Vote]]:
    """Return reviews by name and all their votes in the order received, or raise NotFound."""
    found = [reviews.get_review(ws.database, name) for name in dict.fromkeys(review_names)]
    votes = [vote for review in found for vote in reviews.votes_of(ws.database, review_id=review.id)]
    return found, sorted(votes, key=_received)


def _received(vote: Vote) -> int:
    return vote.id


def write_origin(review_names: Iterable[str], inspectors: Iterable[str]) -> str:
    """Return `votes:<review>+<review>:<inspector>,<inspector>`; commas and % in names become %2C, %25."""
    people = [name.replace("%", "%25").replace(",", "%2C") for name in sorted(set(inspectors))]
    return f"votes:{'+'.join(sorted(set(review_names)))}:{','.join(people)}"


def read_origin(label_from: str) -> LabelOrigin:
    """Return what `write_origin` wrote, or a kind without votes."""
    kind, _, rest = label_from.partition(":")
    if kind != "votes":
        return LabelOrigin(label_from, (), ())
    names, _, people = rest.partition(":")
    return LabelOrigin(kind, tuple(names.split("+")), tuple(unquote(name) for name in people.split(",")))
