"""What a training makes of cutouts without labels.

References
----------
Sohn et al. 2020, NeurIPS, arXiv:2001.07685 (FixMatch); Chen et al. 2020, ICML, arXiv:2002.05709 (SimCLR).
"""

from typing import Annotated, Literal

from annotated_types import Gt, Lt
from pydantic import Field

from lensapp.core.config import Spec
from lensapp.core.train.augmentation_spec import AugmentationSpec

SOURCE = Field(
    None,
    title="Unlabelled source",
    json_schema_extra={"empty": "those of the dataset version"},
    description="Source whose cutouts are looked at without their labels; empty takes those of the dataset "
    "version. Its validation and test cutouts are left out.",
)
SURVEY_CHANGES = AugmentationSpec(
    shift_pixels=2.0,
    zoom_min=0.85,
    zoom_max=1.15,
    noise_sigma=0.05,
    blur_pixels=0.8,
    flux_jitter_mag=0.3,
    colour_jitter_mag=0.05,
)
"""What observing the same object again may change: orientation, centring, seeing, depth, zero points."""


class LabelsOnly(Spec):
    """Train on labelled cutouts alone."""

    kind: Literal["none"] = "none"


class FixMatchSpec(Spec):
    """Learn from unlabelled cutouts too: what a network is sure of has to hold for a changed copy."""

    kind: Literal["fixmatch"] = "fixmatch"
    source: str | None = SOURCE
    threshold: float = Field(
        0.95,
        gt=0.5,
        lt=1.0,
        title="Sure from",
        description="Probability from which the network's own answer serves as the label of a changed copy.",
    )
    weight: float = Field(
        1.0,
        ge=0.0,
        le=100.0,
        title="Weight",
        description="Weight of unlabelled cutouts in the loss beside labelled ones.",
    )
    ratio: int = Field(
        3,
        ge=1,
        le=32,
        title="Unlabelled per labelled",
        description="Unlabelled cutouts in a batch for each labelled one.",
    )
    strength: float = Field(
        1.0,
        gt=0.0,
        le=3.0,
        title="Strength of changes",
        description="How far copies are shifted, zoomed, blurred, made noisier, brighter and bluer: 1 is 2 "
        "pixels, 15 %, 0.8 pixels, 5 % of a peak, 0.3 mag and 0.05 mag.",
    )
    align: Annotated[float, Gt(0.0), Lt(1.0)] | Literal["labels"] | None = Field(
        None,
        title="Share of lenses",
        json_schema_extra={"empty": "as answered", "words": {"labels": "as among the labels"}},
        description="Share of lenses among the unlabelled cutouts, to which answers are corrected before "
        "they count; empty takes them as they are.",
    )

    def strong_changes(self) -> AugmentationSpec:
        """Return how the copies are changed that have to be answered alike."""
        usual, strength = SURVEY_CHANGES, self.strength
        return usual.replaced(
            zoom_min=max(usual.zoom_min**strength, 0.5),
            zoom_max=min(usual.zoom_max**strength, 2.0),
            **{
                name: strength * getattr(usual, name)
                for name in (
                    "shift_pixels",
                    "noise_sigma",
                    "blur_pixels",
                    "flux_jitter_mag",
                    "colour_jitter_mag",
                )
            },
        )


UnlabelledSpec = Annotated[LabelsOnly | FixMatchSpec, Field(discriminator="kind")]
