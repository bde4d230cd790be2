"""Write cutouts as FITS and JPEG with a manifest: a subject set of Zooniverse, or files for anything else.

References
----------
Zooniverse, "How to build a project: subject sets": a row per subject with the names of its images; columns
whose names begin with # are hidden from volunteers.
"""

import csv
import re
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from PIL import Image

from lensapp.core.catalogue.cutout_export_spec import CutoutExportSpec
from lensapp.core.catalogue.safe_text import neutralise
from lensapp.core.data import imaging
from lensapp.core.data.flux_units import REFERENCE_ZERO_POINT_MAG
from lensapp.services.catalogue.cutouts.blocks import Block, CutoutSet
from lensapp.services.data.pictures import source_levels
from lensapp.storage.records import Cutout

MANIFEST = "manifest.csv"
JPEG_QUALITY = 92
LONGEST_NAME = 100


def write_subject_set(
    cutouts: CutoutSet,
    folder: Path,
    spec: CutoutExportSpec,
    facts: dict[str, Any],
    count: Callable[[int], None],
) -> list[Path]:
    """Write `<id>.fits` and `<id>.jpg` of each cutout, and the manifest, into a new folder.

    Volunteers see the picture alone: every other column of the manifest is hidden, so that neither scores
    nor labels sway them. FITS files hold one HDU per band, then noise, weights and PSFs, with position and
    scale (WCS) and AB zero point (MAGZERO).
    """
    names = FileNames()
    columns = cutouts.columns()
    with (folder / MANIFEST).open("w", encoding="utf-8", newline="") as stream:
        manifest = csv.writer(stream)
        manifest.writerow(["image", "#fits", *(f"#{name}" for name in columns.columns)])
        for block in cutouts.blocks():
            levels = source_levels(cutouts.ws, block.source)
            shown = block.pixels
            if np.isfinite(block.zero_points).all():  # as the app shows it, in one unit of flux
                factors = 10 ** (0.4 * (REFERENCE_ZERO_POINT_MAG - block.zero_points))
                shown = shown * factors[:, None, None, :].astype(np.float32)
            pictures = imaging.render(shown, bands=cutouts.bands, levels=levels)
            for index, cutout in enumerate(block.cutouts):
                name = names.unused(cutout.candidate_id)
                _picture(pictures[index], spec.picture_side).save(
                    folder / f"{name}.jpg", "JPEG", quality=JPEG_QUALITY
                )
                fits_of(block, index, cutout, cutouts.bands).writeto(folder / f"{name}.fits")
                cells = columns.iloc[block.first + index].tolist()
                manifest.writerow([f"{name}.jpg", f"{name}.fits", *map(_cell, cells)])
            count(len(block.cutouts))
    with (folder / "README.txt").open("w", encoding="utf-8") as stream:
        stream.writelines(
            f"{name}: {value}\n" for name, value in facts.items() if not name.startswith("axes")
        )
    return [folder]


class FileNames:
    """Names of files made of IDs: safe on every system, and none twice."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def unused(self, candidate_id: str) -> str:
        """Return a name for an ID, with a number where another ID has it already."""
        plain = re.sub(r"[^A-Za-z0-9._+-]+", "_", candidate_id).strip("._")[:LONGEST_NAME] or "cutout"
        name, number = plain, 1
        while name.lower() in self._used:  # some systems do not tell cases apart
            number += 1
            name = f"{plain}-{number}"
        self._used.add(name.lower())
        return name


def _picture(picture: imaging.Pictures, side: int) -> Image.Image:
    times = max(1, -(-side // max(picture.shape[:2])))
    return Image.fromarray(np.kron(picture, np.ones((times, times, 1), np.uint8)))


def _cell(value: Any) -> str:
    """Return a cell that no spreadsheet takes for a formula; empty for a missing value."""
    if isinstance(value, float):
        return "" if np.isnan(value) else repr(value)
    return neutralise(str(value))


def fits_of(block: Block, index: int, cutout: Cutout, bands: Sequence[str]) -> fits.HDUList:
    """Return one cutout as a FITS file: an HDU per band, then its noise maps, weights and PSFs by band."""
    primary = fits.PrimaryHDU()
    primary.header["OBJECT"] = re.sub(r"[^ -~]", "?", cutout.candidate_id)[:68]
    hdus = [primary]
    for number, band in enumerate(bands):
        header = header_of(block, cutout, band=number)
        if np.isfinite(block.zero_points[index, number]):
            header["MAGZERO"] = (float(block.zero_points[index, number]), "AB magnitude of one unit")
        hdus.append(fits.ImageHDU(block.pixels[index, ..., number], header, name=band))
    for word, stack in block.planes.items():
        for number, band in enumerate(bands):
            if np.isfinite(stack[index, ..., number]).any():
                hdus.append(fits.ImageHDU(stack[index, ..., number], name=f"{band}_{word}"))
    return fits.HDUList(hdus)


def header_of(block: Block, cutout: Cutout, *, band: int) -> fits.Header:
    """Return a header with the projection of a cutout: its tile's, or the tangent plane about its position.

    Empty where position or pixel scale are unknown.
    """
    own = getattr(block.packed, "header_of", None)
    if own is not None:
        from astropy.wcs import WCS  # loads all of astropy's frames, 0.4 s that no page waits for

        # Its projection only: the pixels are no longer scaled as the tile's other keywords say.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return WCS(own(cutout.row, band=band)).celestial.to_header(relax=True)
    header = fits.Header()
    scale = block.source.pixel_scale_arcsec
    if cutout.ra_deg is None or cutout.dec_deg is None or not scale:
        return header
    height, width = block.pixels.shape[1:3]
    north = np.radians(float(cutout.properties.get("north_deg") or 0.0))
    flip = -1.0 if cutout.properties.get("east_left", True) else 1.0
    header["CTYPE1"], header["CTYPE2"] = "RA---TAN", "DEC--TAN"
    header["CRVAL1"], header["CRVAL2"] = cutout.ra_deg, cutout.dec_deg
    header["CRPIX1"], header["CRPIX2"] = (width + 1) / 2, (height + 1) / 2
    header["CUNIT1"] = header["CUNIT2"] = "deg"
    header["RADESYS"] = "ICRS"
    step = scale / 3600.0
    # North lies `north` counter-clockwise of upward, east a right angle from it on the side that it is on.
    header["CD1_1"], header["CD1_2"] = flip * step * np.cos(north), flip * step * np.sin(north)
    header["CD2_1"], header["CD2_2"] = -step * np.sin(north), step * np.cos(north)
    return header
