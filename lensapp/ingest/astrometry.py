"""Where on the sky a cutout lies and how large its pixels are, from its FITS header."""

import math
import warnings
from typing import NamedTuple

from lensapp.ingest.formats.fits_files import Header, LenientHeader
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
    """Return the sky position of the image's centre, or None when the header has no usable one."""
    kinds = (header.get("CTYPE1"), header.get("CTYPE2"))
    if not all(isinstance(kind, str) for kind in kinds):
        return None
    x, y = (width + 1) / 2.0, (height + 1) / 2.0
    if kinds == ("RA---TAN", "DEC--TAN") and _is_icrs(header) and not _is_distorted(header):
        found = _tangent_plane(header, x, y)
    else:
        found = _by_astropy(header, x, y)
    return found if found and _is_sane(found) else None


def _is_icrs(header: Header) -> bool:
    """FK5 at J2000 is ICRS to 0.1 arcsec and better."""
    system, equinox = header.get("RADESYS"), header.get("EQUINOX")
    return system in (None, "ICRS", "FK5") and equinox in (None, 2000, 2000.0)


def _is_distorted(header: Header) -> bool:
    units = header.get("CUNIT1"), header.get("CUNIT2")
    return header.has_any(DISTORTIONS) or any(unit not in (None, "deg") for unit in units)


def _tangent_plane(header: Header, x: float, y: float) -> Pointing | None:
    """Project pixel (x, y), counted from 1, back from the tangent plane.

    References
    ----------
    Calabretta & Greisen 2002, A&A 395, 1077, equations 2, 14, 15, 54 and 55.
    """
    numbers = [header.get(name) for name in ("CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2")]
    matrix = linear_matrix(header)
    native_pole = header.get("LONPOLE")
    if matrix is None or not all(_is_number(value) for value in numbers) or native_pole not in (None, 180.0):
        return None
    ra0, dec0, x0, y0 = (float(value) for value in numbers if isinstance(value, int | float))
    xi = math.radians(matrix[0] * (x - x0) + matrix[1] * (y - y0))
    eta = math.radians(matrix[2] * (x - x0) + matrix[3] * (y - y0))
    sin0, cos0 = math.sin(math.radians(dec0)), math.cos(math.radians(dec0))
    depth = cos0 - eta * sin0
    ra = ra0 + math.degrees(math.atan2(xi, depth))
    dec = math.degrees(math.atan2(sin0 + eta * cos0, math.hypot(xi, depth)))
    if math.hypot(xi, eta) > math.tan(math.radians(FARTHEST_DEG)):
        return None
    return Pointing(ra % 360.0, dec, _side_arcsec(matrix), *_orientation(matrix))


def _orientation(matrix: Matrix) -> tuple[float | None, bool]:
    """Return the angle of north from up in degrees, and whether east lies counter-clockwise of it."""
    a, b, c, d = matrix
    determinant = a * d - b * c
    if not math.isfinite(determinant) or determinant == 0.0:
        return None, True
    sign = math.copysign(1.0, determinant)
    return math.degrees(math.atan2(sign * b, sign * a)) + 0.0, determinant < 0.0


def linear_matrix(header: Header) -> Matrix | None:
    """Return degrees per pixel as (1_1, 1_2, 2_1, 2_2): from CDi_j, or CDELTi with PCi_j, PC00i00j or CROTA2.

    Returns None when the header gives no scale.
    """
    cd = [header.get(f"CD{i}_{j}") for i in (1, 2) for j in (1, 2)]
    if any(_is_number(value) for value in cd):
        a, b, c, d = (_float(value, 0.0) for value in cd)
        return a, b, c, d
    step = [header.get(f"CDELT{i}") for i in (1, 2)]
    if not all(_is_number(value) for value in step):
        return None
    sx, sy = (_float(value, 1.0) for value in step)
    pc = [header.get(f"PC{i}_{j}") for i in (1, 2) for j in (1, 2)]
    if all(value is None for value in pc):  # the form of drafts of the standard, still in Pan-STARRS files
        pc = [header.get(f"PC00{i}00{j}") for i in (1, 2) for j in (1, 2)]
    if all(value is None for value in pc):
        turn = math.radians(_float(header.get("CROTA2"), 0.0))
        return sx * math.cos(turn), -sy * math.sin(turn), sx * math.sin(turn), sy * math.cos(turn)
    p11, p12, p21, p22 = (_float(value, unit) for value, unit in zip(pc, (1.0, 0.0, 0.0, 1.0), strict=True))
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
            place = wcs.pixel_to_world(x - 1.0, y - 1.0)
            if wcs.pixel_n_dim != 2 or not isinstance(place, SkyCoord):
                return None
            scales = proj_plane_pixel_scales(wcs) * 3600.0
            sky = place.icrs
            return Pointing(float(sky.ra.deg), float(sky.dec.deg), float(math.sqrt(scales[0] * scales[1])))
    except decoder_errors():
        return None


def _side_arcsec(matrix: Matrix) -> float:
    a, b, c, d = matrix
    return math.sqrt(abs(a * d - b * c)) * 3600.0


def _is_sane(found: Pointing) -> bool:
    values = (found.ra_deg, found.dec_deg, found.pixel_scale_arcsec)
    return (
        all(math.isfinite(value) for value in values)
        and abs(found.dec_deg) <= 90.0
        and SMALLEST_ARCSEC <= found.pixel_scale_arcsec <= LARGEST_ARCSEC
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _float(value: object, default: float) -> float:
    return float(value) if isinstance(value, int | float) else default
