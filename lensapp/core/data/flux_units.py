"""What a pixel value is worth: AB zero points, and the factors that bring pixels to one unit of flux.

A flux of one in the unit of zero point ZP is that of an object of AB magnitude ZP. Factors are kept for
zero point 25 (`REFERENCE_ZERO_POINT_MAG`); NaN stands for a unit that is unknown.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

REFERENCE_ZERO_POINT_MAG = 25.0
LOWEST_ZERO_POINT, HIGHEST_ZERO_POINT = -5.0, 50.0
UNKNOWN_UNIT = math.nan
SAME_MAG = 0.005
POGSON = 2.5 * math.log10(math.e)

UnitKind = Literal["flux", "partly", "unknown", "picture"]
"""Of a source: known of all its cutouts, of some, of none; or 8-bit pictures, whose pixels are no flux."""


def factor_of_zero_point(zero_point_mag: float, *, unit_mag: float = REFERENCE_ZERO_POINT_MAG) -> float:
    """Return the factor from pixels with an AB zero point to flux in units of AB magnitude `unit_mag`.

    References
    ----------
    Oke & Gunn 1983, ApJ 266, 713 (AB magnitudes); Pogson 1856, MNRAS 17, 12 (their base).
    """
    return float(10 ** (0.4 * (unit_mag - zero_point_mag)))


def zero_point_of_factor(factor: float) -> float:
    """Return the AB zero point of pixels that `factor` brings to units of AB magnitude 25, NaN if unknown."""
    return REFERENCE_ZERO_POINT_MAG - 2.5 * math.log10(factor) if factor > 0 else UNKNOWN_UNIT


def linear_from_asinh(pixels: NDArray[np.float32], *, softening: float, offset: float) -> NDArray[np.float32]:
    """Return linear flux of pixels that are stored as asinh of it, as those of Pan-STARRS1 stacks are.

    References
    ----------
    Waters et al. 2020, ApJS 251, 4, section 3.5: L = BOFFSET + 2 BSOFTEN sinh(pixel / (2.5 log10 e)).
    """
    with np.errstate(over="ignore"):
        return (offset + 2.0 * softening * np.sinh(pixels.astype(np.float64) / POGSON)).astype(np.float32)


@dataclass(frozen=True)
class SourceUnit:
    """What is known of the unit of flux of a source.

    Attributes
    ----------
    kind
        Whether all, some or none of its cutouts tell, or its pixels are no flux.
    zero_points
        Lowest and highest AB zero point of the pixels of each band, where some are known.
    """

    kind: UnitKind
    zero_points: tuple[tuple[float, float], ...] = ()

    @property
    def zero_point(self) -> float | None:
        """The AB zero point of all pixels; None where bands or cutouts differ, or some have none."""
        limits = [value for pair in self.zero_points for value in pair]
        if not limits or not all(map(math.isfinite, limits)) or max(limits) - min(limits) > SAME_MAG:
            return None
        return min(limits)

    def in_words(self, bands: Sequence[str]) -> str:
        """Return the unit as a reader is told it, such as "flux, AB zero point 27"."""
        if self.kind == "picture":
            return "8-bit pictures, no flux"
        if self.kind == "unknown":
            return "unknown"
        if self.zero_point is not None:
            each = f"{self.zero_point:.4g}"
        else:
            texts = [_range(*pair) for pair in self.zero_points]
            each = ", ".join(f"{text} in {band}" for text, band in zip(texts, bands, strict=True))
        known = "flux" if self.kind == "flux" else "flux in part, else unknown"
        return f"{known}, AB zero point {each}"

    def briefly(self, bands: Sequence[str]) -> str:
        """Return the unit as `in_words`, but one range for all bands where they differ."""
        limits = [value for pair in self.zero_points for value in pair if math.isfinite(value)]
        if len(self.zero_points) < 2 or self.zero_point is not None or not limits:
            return self.in_words(bands)
        known = "flux" if self.kind == "flux" else "flux in part, else unknown"
        return f"{known}, AB zero points {_range(min(limits), max(limits))}"


def unit_of_scales(scales: NDArray[np.float32]) -> SourceUnit:
    """Return what factors (rows, band), NaN where unknown, tell of the unit of a source."""
    if not np.isfinite(scales).any():
        return SourceUnit("unknown")
    ranges: list[tuple[float, float]] = []
    for band in scales.T.astype(np.float64):
        known = band[np.isfinite(band)]  # the largest factor is the lowest zero point
        extremes = (float(known.max()), float(known.min())) if len(known) else (math.nan, math.nan)
        ranges.append((zero_point_of_factor(extremes[0]), zero_point_of_factor(extremes[1])))
    return SourceUnit("flux" if np.isfinite(scales).all() else "partly", tuple(ranges))


def _range(low: float, high: float) -> str:
    """Return two zero points as text: one where they agree, "unknown" for NaN."""
    if math.isnan(low):
        return "unknown"
    return f"{low:.4g}" if not high - low > SAME_MAG else f"{low:.4g} to {high:.4g}"
