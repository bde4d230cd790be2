"""What a pixel value is worth: AB zero points, and the factors that bring pixels to one unit of flux.

A flux of one in the unit of zero point ZP is that of an object of AB magnitude ZP. Factors are kept for
zero point 25 (`REFERENCE_ZERO_POINT_MAG`); NaN stands for a unit that is unknown.
"""

import math

REFERENCE_ZERO_POINT_MAG = 25.0
UNKNOWN_UNIT = math.nan


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
