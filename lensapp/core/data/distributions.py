"""Distributions that a user can choose and edit, and random numbers drawn from them."""

from abc import abstractmethod
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator
from scipy.special import ndtr, ndtri

from lensapp.core.config import Spec

Values = NDArray[np.float64]
Limits = Values | float | None


class _Between(Spec):
    """Values between two ends."""

    lowest: float = Field(..., title="Lowest", description="No value is lower.")
    highest: float = Field(..., title="Highest", description="No value is higher.")

    @model_validator(mode="after")
    def check_ends(self) -> Self:
        """Refuse ends in the wrong order."""
        if self.lowest > self.highest:
            raise ValueError("the lowest value must not be above the highest")
        return self

    @abstractmethod
    def cumulative(self, values: Values) -> Values:
        """Return the share of an unlimited distribution below `values`, in any scale that grows with it."""

    @abstractmethod
    def quantile(self, share: Values) -> Values:
        """Return where `cumulative` has a value."""

    def draw(
        self, rng: np.random.Generator, count: int, *, at_least: Limits = None, at_most: Limits = None
    ) -> Values:
        """Draw `count` values, each also within limits of its own, shape (count,).

        Where these leave nothing of the distribution, the value is the nearer end of the limits.
        """
        low = np.maximum(self.lowest, -np.inf if at_least is None else at_least)
        high = np.minimum(self.highest, np.inf if at_most is None else at_most)
        low, high = np.broadcast_to(low, count), np.broadcast_to(high, count)
        empty = low > high
        first, last = self.cumulative(np.minimum(low, high)), self.cumulative(np.maximum(low, high))
        drawn = self.quantile(first + (last - first) * rng.random(count))
        # Beyond the distribution's own ends the limits win.
        nearest = np.where(low > self.highest, low, high)
        return np.asarray(np.where(empty, nearest, np.clip(drawn, np.minimum(low, high), high)), np.float64)


class Even(_Between):
    """All values alike."""

    kind: Literal["even"] = "even"

    def cumulative(self, values: Values) -> Values:
        """Return the values themselves."""
        return values

    def quantile(self, share: Values) -> Values:
        """Return the shares themselves."""
        return share


class Bell(_Between):
    """A normal distribution, cut off at its ends."""

    kind: Literal["bell"] = "bell"
    centre: float = Field(..., title="Centre", description="Most frequent value.")
    spread: float = Field(
        ..., gt=0, title="Spread", description="Standard deviation before the ends are cut."
    )

    def cumulative(self, values: Values) -> Values:
        """Return the normal distribution function."""
        return np.asarray(ndtr((values - self.centre) / self.spread), np.float64)

    def quantile(self, share: Values) -> Values:
        """Return the inverse of the normal distribution function."""
        return np.asarray(self.centre + self.spread * ndtri(share), np.float64)


class LogBell(_Between):
    """A normal distribution of the logarithm, cut off at its ends."""

    kind: Literal["log_bell"] = "log_bell"
    lowest: float = Field(..., gt=0, title="Lowest", description="No value is lower.")
    centre: float = Field(..., gt=0, title="Centre", description="Median before the ends are cut.")
    spread: float = Field(..., gt=0, title="Spread (dex)", description="Standard deviation of log10.")

    def cumulative(self, values: Values) -> Values:
        """Return the normal distribution function of the logarithm."""
        positive = np.maximum(values, np.finfo(np.float64).tiny)
        return np.asarray(ndtr(np.log10(positive / self.centre) / self.spread), np.float64)

    def quantile(self, share: Values) -> Values:
        """Return the inverse of `cumulative`."""
        return np.asarray(self.centre * 10 ** (self.spread * ndtri(share)), np.float64)


class Counts(_Between):
    """Magnitudes whose number grows as 10 to the power of slope times magnitude."""

    kind: Literal["counts"] = "counts"
    slope: float = Field(
        ...,
        gt=0,
        le=1,
        title="Slope",
        description="Slope of log10 of the number with magnitude; 0.6 is flat space.",
    )

    def cumulative(self, values: Values) -> Values:
        """Return the number of objects brighter than `values`, one at the faint end."""
        return np.asarray(10 ** (self.slope * (values - self.highest)), np.float64)

    def quantile(self, share: Values) -> Values:
        """Return the magnitude down to which there are so many objects."""
        return np.asarray(self.highest + np.log10(np.maximum(share, 1e-300)) / self.slope, np.float64)


Distribution = Annotated[Even | Bell | LogBell | Counts, Field(discriminator="kind")]
AnyDistribution = Even | Bell | LogBell | Counts


def within(lowest: float, highest: float) -> AfterValidator:
    """Return a check that all values of a distribution are possible: between two ends."""

    def check(chosen: AnyDistribution) -> AnyDistribution:
        if chosen.lowest < lowest or chosen.highest > highest:
            raise ValueError(f"its values must lie between {lowest:g} and {highest:g}")
        return chosen

    return AfterValidator(check)
