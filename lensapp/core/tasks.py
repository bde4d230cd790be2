"""What a network is asked: lens or not, which class, or which values."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from lensapp.core.config import Spec

LENS_PARAMETERS = (
    "einstein_radius_arcsec",
    "ellipticity_e1",
    "ellipticity_e2",
    "lens_x_arcsec",
    "lens_y_arcsec",
)
"""θ_E, ε_x, ε_y, x and y of Hezaveh et al. (2017), by the names the demo survey gives them."""


class BinaryTask(Spec):
    """Tell lenses from non-lenses."""

    kind: Literal["binary"] = "binary"
    output: Literal["sigmoid", "softmax"] = Field(
        "sigmoid", description="One unit, or one for each of the two classes; both give one score."
    )


class ClassTask(Spec):
    """Tell several classes of objects apart."""

    kind: Literal["classes"] = "classes"
    classes: tuple[str, ...] = Field(
        (), max_length=64, description="Classes in order; empty takes all of the training part."
    )
    positive: tuple[str, ...] = Field(
        ("lens",), min_length=1, description="Classes whose probabilities add up to the score of a candidate."
    )


class RegressionTask(Spec):
    """Estimate values of each object with their uncertainties."""

    kind: Literal["regression"] = "regression"
    targets: tuple[str, ...] = Field(
        LENS_PARAMETERS, min_length=1, max_length=16, description="Properties to estimate, in order."
    )


TaskSpec = Annotated[BinaryTask | ClassTask | RegressionTask, Field(discriminator="kind")]


@dataclass(frozen=True)
class Head:
    """The last layer of a network.

    Attributes
    ----------
    kind
        "sigmoid", "softmax", or "gaussian": means, then logarithms of variances.
    units
        Scores, classes or values; a gaussian head has twice as many outputs.
    """

    kind: Literal["sigmoid", "softmax", "gaussian"] = "sigmoid"
    units: int = 1

    @property
    def outputs(self) -> int:
        """Number of outputs of the network."""
        return 2 * self.units if self.kind == "gaussian" else self.units
