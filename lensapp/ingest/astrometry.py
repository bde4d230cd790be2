"""Where on the sky a cutout lies and how large its pixels are, from its FITS header."""

import math
import warnings
from typing import NamedTuple

from lensapp.ingest.formats.fits_files import Header, LenientHeader, number
from lensapp.ingest.formats.fits_plain import Cards
from lensapp.ingest.refusals import decoder_errors

FARTHEST_DEG = 30.0  # of a cutout from the reference point of its projection
SMALLEST_ARCSEC, LARGEST_ARCSEC = 1e-4, 3600.0
DISTORTIONS = frozenset({"A_ORDER", "CPDIS1", "D2IMDIS1", "PV1_1", "PV1_2", "PV2_1", "PV2_2"})
Matrix = tuple[float, float, float, float]


class Pointing(NamedTuple):
    """The centre of an image (ICRS degrees), the side of a pixel and, where it is known, which way is north.

    `north_deg` is the angle of north from the upward direction, counter-clockwise; `east_left` tells
    whether east lies counter-clockwise of north, as on the sky.
    """

    ra_deg: float
    dec_deg: float
    pixel_scale_arcsec: float
    north_deg: float | None = None
    east_left: bool = True


def point(header: Header, *, width: int, height: int) -> Pointing | None:
    """Return the sky position of the image's centre, or None when the header has none that can be used."""
    kinds = (header.get("CTYPE1"), header.get("CTYPE2"))
    if not all(isinstance(kind, str) for kind in kinds):
        return None
    x, y = (width + 1) / 2.0, (height + 1) / 2.0
    # FK5 at J2000 is ICRS to 0.1 arcsec and better.
    icrs = header.get("RADESYS") in (None, "ICRS", "FK5") and header.get("EQUINOX") in (None, 2000, 2000.0)
    degrees = all(header.get(unit) in (None, "deg") for unit in ("CUNIT1", "CUNIT2"))
    if kinds == ("RA---TAN", "DEC--TAN") and icrs and degrees and not header.has_any(DISTORTIONS):
        pointing = _tangent_plane(header, x, y)
    else:
        pointing = _by_astropy(header, x, y)
    if pointing is None or not all(math.isfinite(value) for value in pointing[:3]):
        return None
    sane = abs(pointing.dec_deg) <= 90.0 and SMALLEST_ARCSEC <= pointing.pixel_scale_arcsec <= LARGEST_ARCSEC
    return pointing if sane else None


def _tangent_plane(header: Header, x: float, y: float) -> Pointing | None:
    """Project pixel (x, y), counted from 1, back from the tangent plane.

    References
    ----------
    Calabretta & Greisen 2002, A&A 395, 1077, equations 2, 14, 15, 54 and 55.
    """
    ra0, dec0 = number(header, "CRVAL1"), number(header, "CRVAL2")
    x0, y0 = number(header, "CRPIX1"), number(header, "CRPIX2")
    matrix = linear_matrix(header)
    if ra0 is None or dec0 is None or x0 is None or y0 is None or matrix is None:
        return None
    if header.get("LONPOLE") not in (None, 180.0):
        return None
    a, b, c, d = matrix
    xi = math.radians(a * (x - x0) + b * (y - y0))
    eta = math.radians(c * (x - x0) + d * (y - y0))
    sin0, cos0 = math.sin(math.radians(dec0)), math.cos(math.radians(dec0))
    depth = cos0 - eta * sin0
    ra = ra0 + math.degrees(math.atan2(xi, depth))
    dec = math.degrees(math.atan2(sin0 + eta * cos0, math.hypot(xi, depth)))
    if math.hypot(xi, eta) > math.tan(math.radians(FARTHEST_DEG)):
        return None
    determinant = a * d - b * c
    scale_arcsec = math.sqrt(abs(determinant)) * 3600.0
    if not math.isfinite(determinant) or determinant == 0.0:
        return Pointing(ra % 360.0, dec, scale_arcsec)
    sign = math.copysign(1.0, determinant)
    north_deg = math.degrees(math.atan2(sign * b, sign * a)) + 0.0
    return Pointing(ra % 360.0, dec, scale_arcsec, north_deg, east_left=determinant < 0.0)


def linear_matrix(header: Header) -> Matrix | None:
    """Return degrees per pixel as (1_1, 1_2, 2_1, 2_2): from CDi_j, or CDELTi with PCi_j, PC00i00j or CROTA2.

    Returns None when the header gives no scale.
    """
    cd = [number(header, f"CD{i}_{j}") for i in (1, 2) for j in (1, 2)]
    if any(value is not None for value in cd):
        a, b, c, d = (value or 0.0 for value in cd)
        return a, b, c, d
    sx, sy = number(header, "CDELT1"), number(header, "CDELT2")
    if sx is None or sy is None:
        return None
    pc = [number(header, f"PC{i}_{j}") for i in (1, 2) for j in (1, 2)]
    if all(value is None for value in pc):  # the form of drafts of the standard, still in Pan-STARRS files
        pc = [number(header, f"PC00{i}00{j}") for i in (1, 2) for j in (1, 2)]
    if all(value is None for value in pc):
        angle = math.radians(number(header, "CROTA2") or 0.0)
        return sx * math.cos(angle), -sy * math.sin(angle), sx * math.sin(angle), sy * math.cos(angle)
    unit = (1.0, 0.0, 0.0, 1.0)
    p11, p12, p21, p22 = (
        default if value is None else value for value, default in zip(pc, unit, strict=True)
    )
    return sx * p11, sx * p12, sy * p21, sy * p22


def _by_astropy(header: Header, x: float, y: float) -> Pointing | None:
    """Project by astropy: any projection, distortion and celestial system."""
    from astropy.coordinates import SkyCoord
    from astropy.io import fits
    from astropy.wcs import WCS
    from astropy.wcs.utils import proj_plane_pixel_scales

    if isinstance(header, LenientHeader):
        full = header.astropy
    elif isinstance(header, Cards):
        full = fits.Header.fromstring(header.text.decode("ascii"))
    else:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wcs = WCS(full, relax=True).celestial
            centre = wcs.pixel_to_world(x - 1.0, y - 1.0)
            if wcs.pixel_n_dim != 2 or not isinstance(centre, SkyCoord):
                return None
            scales = proj_plane_pixel_scales(wcs) * 3600.0
            sky = centre.icrs
            return Pointing(float(sky.ra.deg), float(sky.dec.deg), float(math.sqrt(scales[0] * scales[1])))
    except decoder_errors():
        return None
