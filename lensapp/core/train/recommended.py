"""Which networks a user is offered first, and in what order the others follow."""

from dataclasses import dataclass

from lensapp.core.train.network_specs import NETWORKS
from lensapp.core.train.networks.info import NetworkInfo


@dataclass(frozen=True)
class Recommended:
    """A network that is offered first.

    Attributes
    ----------
    word
        What it is recommended for.
    preset
        The recipe to train it by.
    auroc, minutes
        AUROC on the test part of the demo survey, and processor minutes of its training on two cores
        (docs/reproduction.md).
    """

    word: str
    preset: str
    auroc: float
    minutes: float


RECOMMENDED = {
    "elu_cnn": Recommended("fast", "FAST", 0.95, 1),
    "equivariant_resnet": Recommended("best", "BEST", 0.97, 2),
}


def offered_networks() -> list[str]:
    """Return all networks: the recommended ones, today's, those of the documents, the user's own."""
    groups = ("recommended", "today", "document", "own")
    return sorted(NETWORKS, key=lambda name: groups.index(group_of(NETWORKS[name])))


def group_of(info: NetworkInfo) -> str:
    """Return "recommended", "today", "document" or "own"."""
    if info.name in RECOMMENDED:
        return "recommended"
    if info.family == "own":
        return "own"
    return "today" if info.family == "today" or info.document == "This project" else "document"


def offer_of(info: NetworkInfo) -> str:
    """Return how a list of networks names one: with its figures, as today's, or with its paper."""
    group = group_of(info)
    if group == "recommended":
        one = RECOMMENDED[info.name]
        return f"{one.word} · {info.title} · AUROC {one.auroc:.2f} in {one.minutes:.0f} min"
    if group == "document":
        return f"{info.title} · {paper_of(info)}"
    return f"today · {info.title}" if group == "today" else info.title


def paper_of(info: NetworkInfo) -> str:
    """Return authors and year of the document of a network, as "Gábor 2019"."""
    named = info.document.partition("·")[2].partition(",")[0].partition(";")[0].partition(" after ")[0]
    return named.strip() or info.document
