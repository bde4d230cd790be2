"""Options that the published networks share."""

from typing import Annotated, Literal

from pydantic import Field

from lensapp.core.config import Spec

Dropout = Annotated[float, Field(ge=0.0, lt=1.0, title="Dropout")]
DenseUnits = Annotated[int, Field(ge=1, le=4096, title="Dense units")]
Padding = Annotated[
    Literal["auto", "valid", "same"],
    Field(
        title="Padding",
        description="'valid' as published; 'auto' takes 'same' for cutouts too small for it.",
    ),
]


Form = Annotated[
    Literal["stable", "document"],
    Field(
        title="Form",
        description="'stable' normalises the batch before each dropout; 'document' drops as published, "
        "which trains well and then scores badly.",
    ),
]


class ScaledSpec(Spec):
    """Options of a published network whose layers can all be made narrower or wider."""

    width: float = Field(
        1.0,
        ge=0.01,
        le=2.0,
        title="Width",
        description="Filters and units of each layer as a fraction of the published ones.",
    )

    def scaled(self, count: int, *, multiple_of: int = 1) -> int:
        """Return `count` filters or units at this width, at least `multiple_of` and a multiple of it."""
        return max(1, round(count * self.width / multiple_of)) * multiple_of
