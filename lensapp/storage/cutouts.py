"""The pixels of cutouts by ID, whether they are of one source or of several."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from lensapp.core.data.flux_units import SourceUnit, unit_of_scales
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.storage import tables
from lensapp.storage.arrays import FLUX_SCALES, MANIFEST, PackedCutouts, Pixels
from lensapp.storage.queries import chunks
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace

OPEN_SOURCES = 32
DEVIATIONS = "rms err errs error errors sigma std stddev noise unc uncert uncertainty"
NOISE_POWERS = dict.fromkeys(DEVIATIONS.split(), 1.0) | {
    "var": 0.5,
    "variance": 0.5,
    "invvar": -0.5,
    "ivar": -0.5,
}
"""Power that makes a standard deviation of the values of a plane, by what surveys call it."""

UNIT, ZERO_POINT = "flux_unit", "zero_point_mag"  # keys of a source's quality report


def read_cutouts(
    ws: Workspace, cutout_ids: Sequence[int] | NDArray[np.int64], *, calibrated: bool = False
) -> Pixels:
    """Read the pixels of cutouts of one shape, in the order of their IDs.

    Parameters
    ----------
    calibrated
        In one unit of flux where the unit of a source is known, as pictures need it; default: as stored,
        as networks need it.

    Returns
    -------
    float32, shape (n, y, x, band)
        y upwards, NaN where masked; (0, 0, 0, 0) for no cutouts.
    """
    cutouts, sources = tables.cutouts, tables.sources
    ids = [int(key) for key in cutout_ids]
    located: dict[int, tuple[str, int]] = {}
    with ws.database.read() as connection:
        for part in chunks(ids):
            statement = select(cutouts.c.id, sources.c.name, cutouts.c.row).join_from(cutouts, sources)
            result = connection.execute(statement.where(cutouts.c.id.in_(part)))
            located.update({key: (name, row) for key, name, row in result})
    absent = [key for key in ids if key not in located]
    if absent:
        numbers = ", ".join(map(str, absent[:3]))
        raise NotFound(f"There is no cutout with the number {numbers}. It may have been removed.")
    source_names = np.array([located[key][0] for key in ids], np.str_)
    rows = np.array([located[key][1] for key in ids], np.int64)
    opened = {name: open_cutouts(ws, name, calibrated=calibrated) for name in np.unique(source_names)}
    shapes = sorted({source.shape[1:] for source in opened.values()})
    if len(shapes) > 1:
        sizes = " and ".join(" × ".join(map(str, shape)) for shape in shapes)
        raise InvalidInput(f"Cutouts of {sizes} pixels cannot be read together. Read one source at a time.")
    pixels = np.empty((len(rows), *(shapes[0] if shapes else (0, 0, 0))), np.float32)
    for name, source in opened.items():
        members = np.flatnonzero(source_names == name)
        pixels[members] = source.read(rows[members])
    return pixels


def open_cutouts(ws: Workspace, source_name: str, *, calibrated: bool = False) -> PackedCutouts:
    """Open the pixels of a source, to be read by row; what was opened last stays open."""
    folder = ws.cutouts_folder(source_name)
    manifest = folder / MANIFEST
    changed_at = manifest.stat().st_mtime_ns if manifest.exists() else 0
    return _open(folder, changed_at, calibrated=calibrated)


@lru_cache(maxsize=OPEN_SOURCES)
def _open(folder: Path, _changed_at: int, *, calibrated: bool) -> PackedCutouts:
    return PackedCutouts.open(folder, calibrated=calibrated)


def open_in_unit(folder: Path, factor: float | None, bands: Sequence[str] | None = None) -> PackedCutouts:
    """Open the pixels of a source as a network reads them.

    Parameters
    ----------
    factor
        From flux in units of AB magnitude 25 to the network's unit; cutouts of unknown unit are read as
        stored. None: all as stored.
    bands
        Those that it reads, picked by name; default: all.
    """
    if factor is None:
        opened = PackedCutouts.open(folder)
    else:
        opened = PackedCutouts.open(folder, calibrated=True, in_unit=factor, where_known=True)
    return opened if bands is None else opened.of_bands(bands)


def kept_noise(packed: PackedCutouts, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the noise of a pixel of sky of cutouts by the noise maps or inverse variances beside them.

    It is the median of each map, in the unit that `packed` is read in.

    Returns
    -------
    float64, shape (n, bands)
        Standard deviation; NaN where there is none.
    """
    sigma = np.full((len(rows), len(packed.bands)), np.nan)
    for word in packed.planes:
        if word not in NOISE_POWERS:  # relative weights and χ² tell no noise
            continue
        plane = packed.read_plane(word, rows).astype(np.float64)
        plane[~(np.isfinite(plane) & (plane > 0))] = np.nan
        values = np.moveaxis(plane, -1, 1).reshape(*sigma.shape, -1)
        known = np.isfinite(values).any(2)
        sigma[known] = np.nanmedian(values[known], axis=1) ** NOISE_POWERS[word]
        break
    if packed.flux_scales is not None:
        sigma *= np.abs(packed.flux_scales[rows])
    return sigma


def source_unit(ws: Workspace, source: Source) -> SourceUnit:
    """Return what is known of the unit of flux of a source."""
    path = ws.cutouts_folder(source.name) / FLUX_SCALES
    if path.exists():
        return _unit_of_scales(path, path.stat().st_mtime_ns)
    if ZERO_POINT in source.quality:  # simulated before factors were written
        zero_point = float(source.quality[ZERO_POINT])
        return SourceUnit("flux", ((zero_point, zero_point),) * len(source.bands))
    return SourceUnit("picture" if source.quality.get(UNIT) == "picture" else "unknown")


def flux_scales_of(ws: Workspace, source: Source) -> NDArray[np.float32] | None:
    """Return the factors to calibrated flux as stored, shape (rows, band), for sources made of this one."""
    path = ws.cutouts_folder(source.name) / FLUX_SCALES
    return np.load(path) if path.exists() else None


@lru_cache(maxsize=OPEN_SOURCES)
def _unit_of_scales(path: Path, _changed_at: int) -> SourceUnit:
    return unit_of_scales(np.load(path))
