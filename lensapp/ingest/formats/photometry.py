"""What pixel values of an image are worth, from its FITS header: the factor to one unit of flux."""

import math
import warnings
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.flux_units import (
    HIGHEST_ZERO_POINT,
    LOWEST_ZERO_POINT,
    factor_of_zero_point,
    linear_from_asinh,
)
from lensapp.ingest.astrometry import linear_matrix
from lensapp.ingest.formats.fits_files import Header, number

STACK_ZERO_POINT, EXPOSURE = "HIERARCH FPA.ZP", "EXPTIME"
ZERO_POINTS = ("MAGZERO", "MAGZEROP", "MAGZPT", "ZPAB", "PHOTZP", "ZP")
FLUX_OF_MAG_ZERO = "FLUXMAG0"
SENSITIVITY, PIVOT, SENSITIVITY_JY = "PHOTFLAM", "PHOTPLAM", "PHOTFNU"
ZERO_POINT_OF_JANSKY = 8.90
RATES = ("/s", "/sec", "/second", "s-1", "s**-1", "s^-1", "cps")
COUNTS = ("electrons", "electron", "counts", "e-", "dn")
UNIT, SURVEY, SYSTEM = "BUNIT", "SURVEY", "PHOTSYS"
TELLING = frozenset({"HIERARCH", FLUX_OF_MAG_ZERO, SENSITIVITY, SENSITIVITY_JY, SURVEY, *ZERO_POINTS})
PHYSICAL_WORDS = ("jy", "jansky", "magg", "mgy", "erg")
NANOMAGGY_SURVEYS = ("legacysurvey", "decals")
NANOMAGGY_ZERO_POINT = 22.5
SOFTENING, OFFSET = "BSOFTEN", "BOFFSET"
ARCSEC_PER_RADIAN = math.degrees(1.0) * 3600.0


def flux_scale(header: Header, primary: Header | None = None) -> float | None:
    """Return the factor from pixel values to flux in units of AB magnitude 25, or None where nothing tells.

    A unit that BUNIT declares goes first; then calibrations of surveys, then zero points of the pixels as
    they are. What is not in the image's own header is looked for in that of the primary HDU. Pan-STARRS1
    stacks count per whole exposure, which differs from file to file.

    References
    ----------
    Waters et al. 2020, ApJS 251, 4, section 7: m = -2.5 log10(counts) + 25 + 2.5 log10(exposure).
    Aihara et al. 2019, PASJ 71, 114 (FLUXMAG0). Dey et al. 2019, AJ 157, 168 (nanomaggies: 22.5).
    Kuijken et al. 2019, A&A 625, A2 (zero point 0).
    """
    headers = [one for one in (header, primary) if one is not None]
    unit = next((text for one in headers if isinstance(text := one.get(UNIT), str) and text.strip()), "")
    if any(word in unit.lower() for word in PHYSICAL_WORDS):
        factor, per_steradian = factor_of_unit(unit.strip())
        area = _pixel_area_sr(header) if per_steradian else 1.0
        return None if factor is None or area is None else factor * area
    if not any(one.has_any(TELLING) for one in headers):
        return None
    counts, stack, seconds = (_first(headers, key) for key in (FLUX_OF_MAG_ZERO, STACK_ZERO_POINT, EXPOSURE))
    survey = next((str(text) for one in headers if (text := one.get(SURVEY))), "")
    zero_point = _of_sensitivity(headers, unit, seconds)
    if counts is not None and counts > 0:
        zero_point = 2.5 * math.log10(counts)
    elif stack is not None and seconds is not None and seconds > 0:
        zero_point = stack + 2.5 * math.log10(seconds)
    elif zero_point is None and all(str(one.get(SYSTEM) or "AB").strip() == "AB" for one in headers):
        values = (_first(headers, keyword) for keyword in ZERO_POINTS)
        sane = (v for v in values if v is not None and LOWEST_ZERO_POINT < v < HIGHEST_ZERO_POINT)
        zero_point = next(sane, None)
    if zero_point is None and survey.lower().startswith(NANOMAGGY_SURVEYS):
        zero_point = NANOMAGGY_ZERO_POINT
    return None if zero_point is None else factor_of_zero_point(zero_point)


def _first(headers: list[Header], keyword: str) -> float | None:
    return next((value for one in headers if (value := number(one, keyword)) is not None), None)


@lru_cache(maxsize=256)
def factor_of_unit(text: str) -> tuple[float | None, bool]:
    """Return the factor of a unit to AB magnitude 25, and whether it is per steradian; None if it is neither.

    References
    ----------
    Blanton et al. 2005, AJ 129, 2562 (a maggy is the flux of AB magnitude 0).
    """
    from astropy import units

    spelt = text.replace("micro", "u").replace("Micro", "u").replace("jansky", "Jy")
    if "mag" in spelt.lower():
        spelt = spelt.lower().replace("maggies", "maggy")
    with warnings.catch_warnings(), units.add_enabled_units(units.photometric):
        warnings.simplefilter("ignore")  # of spellings that the standard discourages
        try:
            unit = units.Unit(spelt)
        except (ValueError, TypeError):
            return None, False
        for one, per_steradian in product((unit, unit * units.pix), (False, True)):
            whole = one * units.sr if per_steradian else one
            try:
                maggies = whole.to(units.AB, equivalencies=units.zero_point_flux(units.AB))
            except units.UnitConversionError:
                continue
            return factor_of_zero_point(0.0) * float(maggies), per_steradian
    return None, False


def _of_sensitivity(headers: list[Header], unit: str, seconds: float | None) -> float | None:
    """Return the AB zero point of an image of the Hubble Space Telescope, in counts or counts per second.

    References
    ----------
    ACS Data Handbook, section 5.1: AB = -2.5 log10(PHOTFLAM) - 21.10 - 5 log10(PHOTPLAM) + 18.692.
    """
    jansky, flam, pivot = (_first(headers, key) for key in (SENSITIVITY_JY, SENSITIVITY, PIVOT))
    if flam is not None and flam > 0 and pivot is not None and pivot > 0:
        of_rate = -2.5 * math.log10(flam) - 21.10 - 5 * math.log10(pivot) + 18.692
    elif jansky is not None and jansky > 0:
        of_rate = ZERO_POINT_OF_JANSKY - 2.5 * math.log10(jansky)
    else:
        return None
    plain = unit.lower().replace(" ", "")
    if plain.endswith(RATES):
        return of_rate
    counted = plain in COUNTS and seconds is not None and seconds > 0
    return of_rate + 2.5 * math.log10(seconds) if counted and seconds else None


def _pixel_area_sr(header: Header) -> float | None:
    """Return the solid angle of a pixel in steradians."""
    steradians, square_arcsec = number(header, "PIXAR_SR"), number(header, "PIXAR_A2")
    if steradians is not None and steradians > 0:
        return steradians
    if square_arcsec is not None and square_arcsec > 0:
        return square_arcsec / ARCSEC_PER_RADIAN**2
    matrix = linear_matrix(header)
    if matrix is None:
        return None
    a, b, c, d = matrix
    square_deg = abs(a * d - b * c)
    return square_deg * math.radians(1.0) ** 2 if 0 < square_deg < 1 else None


def linear_flux(pixels: NDArray[np.float32], header: Header) -> NDArray[np.float32]:
    """Return pixels as linear flux: those of Pan-STARRS1 stacks are stored as asinh of it."""
    softening = asinh_softening(header)
    return (
        pixels
        if softening is None
        else linear_from_asinh(pixels, softening=softening[0], offset=softening[1])
    )


def asinh_softening(header: Header) -> tuple[float, float] | None:
    """Return BSOFTEN and BOFFSET of an image stored as asinh of the flux, or None for a linear one."""
    softening, offset = number(header, SOFTENING), number(header, OFFSET)
    if softening is None or offset is None or softening <= 0:
        return None
    return softening, offset
