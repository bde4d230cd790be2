"""What pixel values of an image are worth, from its FITS header, so that colours of different files agree."""

import math

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.flux_units import factor_of_zero_point
from lensapp.ingest.formats.fits_files import Header, number

STACK_ZERO_POINT, STACK_EXPOSURE = "HIERARCH FPA.ZP", "EXPTIME"
ZERO_POINTS = ("MAGZERO", "MAGZEROP", "MAGZPT", "ZPAB")
FLUX_OF_MAG_ZERO = "FLUXMAG0"
SOFTENING, OFFSET = "BSOFTEN", "BOFFSET"
POGSON = 2.5 * math.log10(math.e)


def flux_scale(header: Header) -> float | None:
    """Return the factor from pixel values to flux in units of AB magnitude 25, or None where nothing tells.

    Pan-STARRS1 stacks count per whole exposure, which differs from file to file; the zero points of other
    surveys are those of the pixels as they are.

    References
    ----------
    Waters et al. 2020, ApJS 251, 4, section 7: m = -2.5 log10(counts) + 25 + 2.5 log10(exposure).
    """
    stack, seconds = number(header, STACK_ZERO_POINT), number(header, STACK_EXPOSURE)
    if stack is not None and seconds is not None and seconds > 0:
        return factor_of_zero_point(stack) / seconds
    counts = number(header, FLUX_OF_MAG_ZERO)
    if counts is not None and counts > 0:
        return factor_of_zero_point(0.0) / counts
    for keyword in ZERO_POINTS:
        zero_point = number(header, keyword)
        if zero_point is not None and 0 < zero_point < 50:
            return factor_of_zero_point(zero_point)
    return None


def linear_flux(pixels: NDArray[np.float32], header: Header) -> NDArray[np.float32]:
    """Return pixels as linear flux: those of Pan-STARRS1 stacks are stored as asinh of it.

    References
    ----------
    Waters et al. 2020, ApJS 251, 4, section 3.5: L = BOFFSET + 2 BSOFTEN sinh(pixel / (2.5 log10 e)).
    """
    softening = number(header, SOFTENING)
    if softening is None:
        return pixels
    offset = number(header, OFFSET)
    if offset is None or softening <= 0:
        return pixels
    with np.errstate(over="ignore"):
        return (offset + 2.0 * softening * np.sinh(pixels.astype(np.float64) / POGSON)).astype(np.float32)
