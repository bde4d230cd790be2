"""Where a label comes from: written down beside it, read again by the ledger."""

from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote

ORIGINS = {  # kind → what a reader calls it
    "import": "imported labels",
    "votes": "votes",
    "demo": "simulated truth",
    "objects": "found in the images",
    "paint": "a painted source",
}


class LabelOrigin(NamedTuple):
    """Where a label comes from: one of the ORIGINS, votes with reviews and inspectors."""

    kind: str
    reviews: tuple[str, ...]
    inspectors: tuple[str, ...]


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
