"""Whether one class is brighter than the other, so that a network may learn brightness in place of arcs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
PERCENTILES = (10, 50, 90)
FAR_APART_MAG = 0.5
FEWEST = 5  # magnitudes of either, below which nothing is told


@dataclass(frozen=True)
class Magnitudes:
    """The 10th, 50th and 90th percentile of the magnitudes of some galaxies."""

    lowest: float
    median: float
    highest: float

    def in_words(self) -> str:
        """Return the median and the range of 80 %."""
        return f"{self.median:.1f} (80 % between {self.lowest:.1f} and {self.highest:.1f})"


@dataclass(frozen=True)
class Brightness:
    """Magnitudes of lenses, or of the galaxies they are painted on, and of non-lenses."""

    lenses: Magnitudes
    others: Magnitudes

    @property
    def differs(self) -> bool:
        """Whether the medians are so far apart that one class may be told by its magnitude."""
        return abs(self.lenses.median - self.others.median) >= FAR_APART_MAG


def compared(lenses: FloatArray, others: FloatArray) -> Brightness | None:
    """Return how bright two classes are; None where too few magnitudes of either are known."""
    known = [values[np.isfinite(values)] for values in (lenses, others)]
    if min(map(len, known)) < FEWEST:
        return None
    return Brightness(*(Magnitudes(*np.percentile(values, PERCENTILES).tolist()) for values in known))
