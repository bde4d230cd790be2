"""What a user can set when known non-lenses that a network mistakes are added to a dataset."""

from typing import Self

from pydantic import Field

from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.config import Spec


class HardNegativesSpec(Spec):
    """Which known non-lenses are added to a dataset version; saved with the new one."""

    count: int = Field(
        200, ge=1, le=1_000_000, title="Non-lenses, at most", description="Add at most this many non-lenses."
    )
    min_score: float = Field(
        0.0, ge=0, le=1, title="Least score", description="Add only non-lenses that the run scores as high."
    )
    class_column: str = Field(
        "object_class",
        min_length=1,
        max_length=100,
        title="Class column",
        description="Column that says what a non-lens is; what inspectors named it comes first.",
    )
    classes: tuple[str, ...] = Field(
        (),
        title="Classes",
        json_schema_extra={"empty": "all classes"},
        description="Add only non-lenses of these classes, such as Spiral, Ring or Merger.",
    )
    even_classes: bool = Field(
        default=False,
        title="Evenly by class",
        description="Take equally many of each class as long as there are some, highest scores first.",
    )
    validation_share: float = Field(
        0.2,
        ge=0.0,
        le=0.9,
        title="Fraction to validation",
        description="Fraction of the new cutouts that goes to validation; the rest goes to training.",
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, title="Random seed", description="Random seed of that fraction.")

    crop: bool = Field(
        default=False,
        title="Middle of larger cutouts",
        description="Take the middle of cutouts that are larger than those of the version.",
    )

    def rules(self: Self) -> FeedbackRules:
        """Return the rules by which votes are read and new cutouts get a part."""
        return FeedbackRules(validation_share=self.validation_share, seed=self.seed, crop=self.crop)
