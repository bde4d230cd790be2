"""Which networks a user is offered first, and in what order the others follow."""

from dataclasses import dataclass

from lensapp.core.train.network_specs import NETWORKS
from lensapp.core.train.networks.info import NetworkInfo
from lensapp.core.train.presets import PRESETS


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


@dataclass(frozen=True)
class Measured:
    """What a network gave on the demo survey by the recommended recipe (docs/reproduction.md).

    Attributes
    ----------
    epochs, processor_seconds
        Of its training on `DEMO_CUTOUTS` cutouts of `DEMO_PIXELS` pixels in three bands.
    auroc
        On the test part.
    """

    epochs: int
    processor_seconds: float
    auroc: float


DEMO_CUTOUTS, DEMO_PIXELS = 1120, 64 * 64
MEASURED = {
    "lenet5": Measured(40, 31, 0.873),
    "simple_cnn": Measured(30, 40, 0.806),
    "elu_cnn": Measured(20, 56, 0.950),
    "equivariant_resnet": Measured(16, 104, 0.974),
    "lastro_invariant": Measured(16, 109, 0.944),
    "lastro_baseline": Measured(36, 723, 0.922),
    "lens_cnn": Measured(14, 179, 0.953),
}
SMALLEST_PIXELS = {
    "simple_cnn": 4, "elu_cnn": 32, "lens_cnn": 24, "lenet5": 16, "alexnet": 32, "vgg16": 32, "overfeat": 32,
    "googlenet": 32, "inception_v4": 32, "deeplens_resnet46": 16, "resnet34": 32, "resnet50": 32,
    "resnet101": 32, "resnet152": 32, "lastro_baseline": 8, "lastro_views": 8, "lastro_residual": 8,
    "rotational_cnn": 24, "steerable_c8": 29, "lastro_invariant": 41, "equivariant_resnet": 16,
    "equivariant_resnet_m": 16, "equivariant_resnet_l": 32, "convnext_tiny": 32, "efficientnet_v2_b0": 32,
    "efficientnet_v2_s": 32, "densenet121": 32, "vit_small": 8,
}  # fmt: skip
"""The least side of cutouts that a network takes with the options of its document."""

OWN = " (this project)"  # of a title, where there is no paper to name
RECOMMENDED = {
    "elu_cnn": Recommended("fast", "FAST", 0.95, 1),
    "equivariant_resnet": Recommended("best", "BEST", 0.97, 2),
}


def recipe_title(name: str) -> str:
    """Return what readers call a recipe, by its short name, or a network, wherever one is named."""
    for network, one in RECOMMENDED.items():
        if one.preset == name:
            return f"{one.word.capitalize()}: {NETWORKS[network].title}"
    return PRESETS[name].title.removesuffix(OWN) if name in PRESETS else NETWORKS[name].title


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
        return f"{one.word} · {info.title} · {one.auroc:.2f} in {one.minutes:.0f} min"
    if group == "document":
        return f"{info.title} · {paper_of(info)}"
    return f"today · {info.title}" if group == "today" else info.title


def paper_of(info: NetworkInfo) -> str:
    """Return authors and year of the document of a network, as "Gábor 2019"."""
    named = info.document.partition("·")[2].partition(",")[0].partition(";")[0].partition(" after ")[0]
    return named.strip() or info.document
