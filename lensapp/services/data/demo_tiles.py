"""A simulated survey as astronomers get it: tiles with a projection, and a catalogue of what is in them."""

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lensapp.core.config import Spec
from lensapp.core.errors import InvalidInput
from lensapp.simulation.survey import DemoSpec, SimulatedCutout, simulate
from lensapp.storage.files import whole_file

OVERLAP_PIXELS = 100  # of neighbouring tiles
ROTATION_DEG = 15.0
DISTORTION = 2e-7  # quadratic terms of SIP, per pixel
BORDER_PIXELS = 4
CUT_FRACTION = 0.5  # of the objects at the left edge of the survey: it cuts through their cutouts
SIGMA_OF_MAD = 1.4826
CATALOGUE = "catalogue.csv"


class TileSpec(Spec):
    """The tiles of a simulated survey."""

    tile_count: int = Field(
        4, ge=1, le=400, title="Tiles", description="Number of fields, each of all bands."
    )
    tile_side: int = Field(
        2000, ge=256, le=10_000, title="Side of a tile (pixels)", description="Side of a tile in pixels."
    )


@dataclass(frozen=True)
class TileField:
    """One field of the survey, its objects and where they lie: x and y of the pixels of their middles."""

    number: int
    start: int
    x: NDArray[np.int64]
    y: NDArray[np.int64]


def write_tiles(folder: Path, spec: DemoSpec, tiles: TileSpec) -> Iterator[int]:
    """Write the tiles of a survey as FITS files, one per field and band, and the catalogue of its objects.

    The tiles are rotated and distorted (SIP) and overlap by 100 pixels. Each object lies in a cell of its
    own; about it are the pixels that `simulate` gives, elsewhere is noise as about the object. The catalogue
    has positions, labels, classes and the truth. Yields how many objects are done after each field.

    Raises
    ------
    InvalidInput
        When the folder is not empty, or the objects do not fit into the tiles.
    """
    from astropy.io import fits

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidInput(f"{folder} is not empty. Choose a new folder for the tiles.")
    fields = list(fields_of(spec, tiles))
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for field in fields:
        header = _projection(spec, tiles, field.number)
        images, truth = _images(spec, tiles, field)
        for band, image, zero_point_mag in zip(spec.bands, images, spec.zero_points_mag, strict=True):
            of_band = header.copy()
            of_band["FILTER"], of_band["MAGZERO"] = band, zero_point_mag
            with whole_file(folder / f"field{field.number:03d}_{band}.fits") as partial:
                fits.PrimaryHDU(image, of_band).writeto(partial, overwrite=True)
        rows += _catalogue_rows(header, field, truth)
        yield len(rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    with whole_file(folder / CATALOGUE) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


def fields_of(spec: DemoSpec, tiles: TileSpec) -> Iterator[TileField]:
    """Yield the fields with as many objects each; an object may reach beyond the edge of its tile.

    Objects that do not fit are refused as InvalidInput at the first.
    """
    each = math.ceil(spec.count / tiles.tile_count)
    cells, columns = math.isqrt(each - 1) + 1, _columns(tiles)
    margin = OVERLAP_PIXELS // 2  # beyond it a neighbour is nearer
    width = (tiles.tile_side - 2 * margin) // cells
    if width < spec.size:
        most = ((tiles.tile_side - 2 * margin) // spec.size) ** 2 * tiles.tile_count
        raise InvalidInput(
            f"{spec.count} cutouts of {spec.size} pixels do not fit into {tiles.tile_count} tiles of "
            f"{tiles.tile_side} pixels, which hold {most}. Ask for fewer cutouts, or for more tiles."
        )
    for number in range(tiles.tile_count):
        start = number * each
        count = min(each, spec.count - start)
        if count <= 0:
            return
        rng = np.random.default_rng([spec.seed, number, 7])
        row, column = np.divmod(np.arange(count), cells)
        free = width - spec.size + 1
        half = spec.size // 2
        x = margin + column * width + half + rng.integers(0, free, count)
        y = margin + row * width + half + rng.integers(0, free, count)
        at_edge = (column == 0) & (rng.random(count) < CUT_FRACTION) & (number % columns == 0)
        x = np.where(at_edge, rng.integers(1, half, count), x)
        yield TileField(number, start, x, y)


def _columns(tiles: TileSpec) -> int:
    """Return how many fields lie side by side."""
    return math.isqrt(tiles.tile_count - 1) + 1


def _images(
    spec: DemoSpec, tiles: TileSpec, field: TileField
) -> tuple[NDArray[np.float32], list[SimulatedCutout]]:
    """Return the images (band, y, x) of a field, and what is in them."""
    batch = simulate(spec, start=field.start, stop=field.start + len(field.x))
    pixels = np.nan_to_num(np.moveaxis(batch.pixels, -1, 1))
    border = np.concatenate(
        [pixels[:, :, :BORDER_PIXELS].reshape(*pixels.shape[:2], -1),
         pixels[:, :, -BORDER_PIXELS:].reshape(*pixels.shape[:2], -1)], axis=-1,
    )  # fmt: skip
    noise = SIGMA_OF_MAD * np.median(np.abs(border - np.median(border, -1, keepdims=True)), -1)
    rng = np.random.default_rng([spec.seed, field.number, 8])
    side, size, half = tiles.tile_side, spec.size, spec.size // 2
    images = rng.standard_normal((len(spec.bands), side, side), np.float32)
    images *= np.median(noise, 0).astype(np.float32)[:, None, None]
    for stamp, x, y in zip(pixels, field.x.tolist(), field.y.tolist(), strict=True):
        left, bottom = x - half, y - half
        x0, y0, x1, y1 = max(left, 0), max(bottom, 0), min(left + size, side), min(bottom + size, side)
        images[:, y0:y1, x0:x1] = stamp[:, y0 - bottom : y1 - bottom, x0 - left : x1 - left]
    return images, batch.truth


def _projection(spec: DemoSpec, tiles: TileSpec, number: int) -> Any:
    """Return the header of a field: a rotated tangent plane with distortion."""
    from astropy.io import fits

    columns = _columns(tiles)
    row, column = divmod(number, columns)
    step = spec.pixel_scale_arcsec / 3600.0
    pitch = (tiles.tile_side - OVERLAP_PIXELS) * step
    angle = math.radians(ROTATION_DEG)
    along, up = (column - (columns - 1) / 2) * pitch, row * pitch
    centre_ra, centre_dec = spec.field_centre_deg
    dec = centre_dec + along * math.sin(angle) + up * math.cos(angle)
    ra = centre_ra + (-along * math.cos(angle) + up * math.sin(angle)) / math.cos(math.radians(dec))
    header = fits.Header()
    header["CTYPE1"], header["CTYPE2"], header["RADESYS"] = "RA---TAN-SIP", "DEC--TAN-SIP", "ICRS"
    header["CRVAL1"], header["CRVAL2"] = ra % 360.0, dec
    header["CRPIX1"] = header["CRPIX2"] = (tiles.tile_side + 1) / 2
    header["CD1_1"], header["CD1_2"] = -step * math.cos(angle), step * math.sin(angle)
    header["CD2_1"], header["CD2_2"] = step * math.sin(angle), step * math.cos(angle)
    header["A_ORDER"], header["B_ORDER"] = 2, 2
    header["A_2_0"], header["A_1_1"], header["B_0_2"] = DISTORTION, -DISTORTION, DISTORTION
    return header


def _catalogue_rows(header: Any, field: TileField, truth: list[SimulatedCutout]) -> list[dict[str, Any]]:
    """Return the rows of the objects of a field; a cutout's middle is half a pixel from a pixel's centre."""
    from astropy.wcs import WCS

    ra, dec = WCS(header).all_pix2world(field.x - 0.5, field.y - 0.5, 0)
    return [
        {
            "id": one.candidate_id,
            "ra": round(float(a), 7),
            "dec": round(float(d), 7),
            **({} if one.label is None else {"label": one.label, "class": one.object_class}),
            "field": f"field{field.number:03d}",
        }
        | {name: value for name, value in one.properties.items() if isinstance(value, int | float | str)}
        for one, a, d in zip(truth, ra.tolist(), dec.tolist(), strict=True)
    ]
