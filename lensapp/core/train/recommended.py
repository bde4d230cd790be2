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


@dataclass(frozen=True)
class Measured:
    """What a network gave on the demo survey by the recommended recipe (docs/reproduction.md).

    Attributes
    ----------
    epochs, processor_seconds
        Of its training on `DEMO_CUTOUTS` cutouts of `DEMO_PIXELS` pixels in `DEMO_BANDS` bands.
    auroc
        On the test part.
    parameters
        That it has for such cutouts.
    """

    epochs: int
    processor_seconds: float
    auroc: float
    parameters: int


DEMO_CUTOUTS, DEMO_PIXELS, DEMO_BANDS = 1120, 64 * 64, 3
MEASURED = {
    "lenet5": Measured(40, 31, 0.873, 337_721),
    "simple_cnn": Measured(30, 40, 0.806, 3_076_165),
    "elu_cnn": Measured(20, 56, 0.950, 415_969),
    "equivariant_resnet": Measured(16, 104, 0.974, 89_835),
    "lastro_invariant": Measured(16, 109, 0.944, 710_709),
    "lastro_baseline": Measured(36, 723, 0.922, 5_685_665),
    "lens_cnn": Measured(14, 179, 0.953, 32_405_825),
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
PARAMETERS = {
    "simple_cnn": 7_684_165,
    "elu_cnn": 317_665,
    "lens_cnn": 26_900_801,
    "lenet5": 61_706,
    "alexnet": 60_965_224,
    "vgg16": 138_357_544,
    "overfeat": 145_920_872,
    "googlenet": 6_998_552,
    "inception_v4": 42_742_984,
    "deeplens_resnet46": 3_518_721,
    "resnet34": 21_814_696,
    "resnet50": 23_591_810,
    "resnet101": 44_707_176,
    "resnet152": 60_419_944,
    "lastro_baseline": 5_677_217,
    "lastro_views": 5_815_425,
    "lastro_residual": 2_282_689,
    "rotational_cnn": 26_900_801,
    "steerable_c8": 5_582_337,
    "lastro_invariant": 709_653,
    "equivariant_resnet": 89_835,
    "equivariant_resnet_m": 547_959,
    "equivariant_resnet_l": 5_600_369,
    "convnext_tiny": 28_589_128,
    "efficientnet_v2_b0": 7_200_312,
    "efficientnet_v2_s": 21_612_360,
    "densenet121": 8_062_504,
    "vit_small": 473_665,
}
"""Parameters of each network at its document's own input, as `models` counts them."""

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
        return f"{one.word} · {info.title} · {one.auroc:.2f} in {one.minutes:.0f} min"
    if group == "document":
        return f"{info.title} · {paper_of(info)}"
    return f"today · {info.title}" if group == "today" else info.title


def paper_of(info: NetworkInfo) -> str:
    """Return authors and year of the document of a network, as "Gábor 2019"."""
    named = info.document.partition("·")[2].partition(",")[0].partition(";")[0].partition(" after ")[0]
    return named.strip() or info.document
