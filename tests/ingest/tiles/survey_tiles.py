"""Tiles of a small survey: rotated, distorted, in bands of their own, with a catalogue."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

RA, DEC = 150.0, 2.0
DISTORTION = 2e-6


@dataclass
class TileSurvey:
    """Where the tiles are, the catalogue, and the projection and pixels of each."""

    folder: Path
    catalogue: Path
    wcs: dict[str, WCS]
    pixels: dict[str, np.ndarray]


def projection(
    *, side, scale_arcsec, ra=RA, dec=DEC, rotation_deg=20.0, sip=True, shift=(0.0, 0.0), frame="ICRS"
):
    """Return a header with a rotated tangent plane, distorted by SIP."""
    angle, step = np.radians(rotation_deg), scale_arcsec / 3600.0
    header = fits.Header()
    header["CTYPE1"], header["CTYPE2"] = ("RA---TAN-SIP", "DEC--TAN-SIP") if sip else ("RA---TAN", "DEC--TAN")
    header["CRVAL1"], header["CRVAL2"] = ra, dec
    header["CRPIX1"], header["CRPIX2"] = (side + 1) / 2 + shift[0], (side + 1) / 2 + shift[1]
    header["CD1_1"], header["CD1_2"] = -step * np.cos(angle), step * np.sin(angle)
    header["CD2_1"], header["CD2_2"] = step * np.sin(angle), step * np.cos(angle)
    header["RADESYS"] = frame
    if sip:
        header["A_ORDER"], header["B_ORDER"] = 2, 2
        header["A_2_0"], header["A_1_1"], header["B_0_2"], header["B_1_1"] = (
            DISTORTION, -DISTORTION, DISTORTION / 2, DISTORTION,
        )  # fmt: skip
    return header


def write_tile(path, header, pixels, *, zero_point=27.0, compress=False):
    """Write one tile; `.fz` names are compressed by tiles of FITS, `.gz` ones are packed."""
    header = header.copy()
    header["MAGZERO"] = zero_point
    path.parent.mkdir(parents=True, exist_ok=True)
    if compress:
        hdu = fits.CompImageHDU(pixels, header, compression_type="GZIP_2", quantize_level=0.0)
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path)
    else:
        fits.PrimaryHDU(pixels, header).writeto(path)


def make_survey(folder, *, bands=("g", "r"), side=300, objects=60, ending=".fits", seed=1):
    """Make two overlapping tiles in each band and a catalogue that reaches beyond them."""
    rng = np.random.default_rng(seed)
    tiles = folder / "tiles"
    survey = TileSurvey(tiles, folder / "catalogue.csv", {}, {})
    for number, dec in enumerate((DEC, DEC + 0.018)):
        header = projection(side=side, scale_arcsec=0.25, dec=dec)
        for band in bands:
            name = f"field{number}_{band}{ending}"
            pixels = rng.normal(0, 1, (side, side)).astype(np.float32)
            write_tile(tiles / name, header, pixels, compress=ending == ".fits.fz")
            survey.wcs[name], survey.pixels[name] = WCS(header), pixels
    half = side * 0.25 / 3600 / 2
    ra = RA + rng.uniform(-1.2 * half, 1.2 * half, objects)
    dec = DEC + rng.uniform(-1.2 * half, 2.2 * half, objects)
    ids = [f"obj{number:03d}" for number in range(objects)]
    mag = rng.uniform(18, 24, objects)
    Table({"id": ids, "ra": ra, "dec": dec, "mag_i": mag}).write(survey.catalogue, format="csv")
    return survey
