"""Which way is north in a cutout, from the header of its file."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from lensapp.ingest.astrometry import point
from lensapp.ingest.formats.fits_files import LenientHeader

ARCSEC = 1 / 3600


def header(turn_deg: float, *, mirrored: bool) -> fits.Header:
    turn = np.radians(turn_deg)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * 0.2 * ARCSEC
    matrix[0] *= 1 if mirrored else -1
    cards = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 40.0, "CRVAL2": -30.0}
    cards |= {"CRPIX1": 16.5, "CRPIX2": 16.5, "CD1_1": matrix[0, 0], "CD1_2": matrix[0, 1]}
    return fits.Header(cards | {"CD2_1": matrix[1, 0], "CD2_2": matrix[1, 1]})


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turn_deg", [0.0, 30.0, 135.0, -90.0])
def test_north_and_east_are_where_astropy_puts_them(turn_deg: float, *, mirrored: bool) -> None:
    found = point(LenientHeader(header(turn_deg, mirrored=mirrored)), width=32, height=32)
    assert found is not None
    assert found.north_deg is not None
    wcs = WCS(header(turn_deg, mirrored=mirrored))
    [[x, y]] = wcs.all_world2pix([[40.0, -30.0 + ARCSEC]], 1) - 16.5
    assert found.north_deg == pytest.approx(np.degrees(np.arctan2(-x, y)), abs=0.01)
    [[right, up]] = wcs.all_world2pix([[40.0 + ARCSEC, -30.0]], 1) - 16.5
    assert found.east_left == (x * up - y * right > 0)
