"""The pixels of cutouts by ID, whether they are of one source or of several."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from lensapp.core.data.flux_units import SourceUnit, unit_of_scales
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.train.own_noise import MOST_OFF, sky_sigma
from lensapp.storage import tables
from lensapp.storage.arrays import FLUX_SCALES, MANIFEST, PackedCutouts, Pixels
from lensapp.storage.columns.source_columns import cutout_columns
from lensapp.storage.files import whole_file
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

RELATIVE = frozenset(["wht", "weight", "weights", "wgt", "wei", "wt", "conf", "confidence", "expwt"])
"""Weights in proportion to inverse variance, by a factor that is not told."""
HARDLY_ANY_WEIGHT = 100.0  # times the usual noise: planes of 1e16 mark masked pixels
SKY_NOISE = "sky-noise.npy"
MEASURED_TOGETHER = 256

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
    word = next((word for word in packed.planes if word in NOISE_POWERS), None)
    sigma = np.full((len(rows), len(packed.bands)), np.nan)
    if word is not None:  # relative weights and χ² tell no noise
        sigma = _medians(_deviations(packed, word, rows))
    if packed.flux_scales is not None:
        sigma *= np.abs(packed.flux_scales[rows])
    return sigma


def noise_maps(packed: PackedCutouts, rows: NDArray[np.int64]) -> Pixels:
    """Return the noise of each pixel of cutouts, by the maps beside them or as their sky shows it.

    Noise maps and inverse variances are taken where their median is within a factor of five of the scatter
    of the sky; relative weights tell how the latter varies. Where there is neither, all pixels have it. In
    the unit that `packed` is read in.

    Returns
    -------
    float32, shape (n, y, x, band)
        Standard deviation; 0 where a map has none, or a hundred times its median, as masked pixels have.
    """
    rows = np.asarray(rows, np.int64)
    sky = sky_noise(packed, rows)
    noise = np.broadcast_to(sky[:, None, None, :], (len(rows), *packed.shape[1:])).copy()
    of_sky = np.ones(sky.shape, bool)
    for word in sorted(packed.planes, key=RELATIVE.__contains__):
        if word not in NOISE_POWERS and word not in RELATIVE:
            continue
        maps = _deviations(packed, word, rows)
        medians = _medians(maps)
        with np.errstate(divide="ignore", invalid="ignore"):
            if word in RELATIVE:
                maps *= (sky / medians)[:, None, None, :]
                medians = np.where(np.isfinite(medians), sky, np.nan)
            near = (np.abs(np.log(medians / sky)) < np.log(MOST_OFF)) | ((sky == 0) & (medians > 0))
            usable = maps <= HARDLY_ANY_WEIGHT * medians[:, None, None, :]
        taken = (near & of_sky)[:, None, None, :]
        noise = np.where(taken, np.where(usable, maps, 0.0), noise)
        of_sky &= ~near
    if packed.flux_scales is not None:
        noise *= np.abs(packed.flux_scales[rows])[:, None, None, :]
    return noise.astype(np.float32)


def sky_noise(packed: PackedCutouts, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the noise of a pixel of sky (n, band) as stored; what is measured is kept beside the pixels.

    0 where a cutout shows none.
    """
    whole = PackedCutouts.open(packed.folder)
    path = packed.folder / SKY_NOISE
    if not path.exists():
        with whole_file(path) as partial:
            np.save(partial, np.full((whole.shape[0], whole.shape[3]), np.nan, np.float32))
    kept = np.load(path, mmap_mode="r")
    unknown = np.unique(rows[np.isnan(kept[rows, 0])])
    if len(unknown):
        kept = np.load(path, mmap_mode="r+")
        for start in range(0, len(unknown), MEASURED_TOGETHER):
            part = unknown[start : start + MEASURED_TOGETHER]
            kept[part] = sky_sigma(whole.read(part))
        kept.flush()
    return np.asarray(kept[rows][:, [whole.bands.index(band) for band in packed.bands]], np.float32)


def _deviations(packed: PackedCutouts, word: str, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the standard deviations that planes tell, but for a factor relative weights; NaN for none."""
    plane = packed.read_plane(word, rows).astype(np.float64)
    plane[~(np.isfinite(plane) & (plane > 0))] = np.nan
    return np.asarray(plane ** NOISE_POWERS.get(word, -0.5))


def _medians(maps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median (n, bands) of each map (n, y, x, band), NaN of one without values."""
    values = np.moveaxis(maps, -1, 1).reshape(len(maps), maps.shape[-1], -1)
    medians = np.full(values.shape[:2], np.nan)
    known = np.isfinite(values).any(2)
    medians[known] = np.nanmedian(values[known], axis=1)
    return medians


def source_unit(ws: Workspace, source: Source) -> SourceUnit:
    """Return what is known of the unit of flux of a source."""
    path = ws.cutouts_folder(source.name) / FLUX_SCALES
    if path.exists():
        return _unit_of_scales(ws, source.id, path, path.stat().st_mtime_ns)
    if ZERO_POINT in source.quality:  # simulated before factors were written
        zero_point = float(source.quality[ZERO_POINT])
        return SourceUnit("flux", ((zero_point, zero_point),) * len(source.bands))
    return SourceUnit("picture" if source.quality.get(UNIT) == "picture" else "unknown")


def flux_scales_of(ws: Workspace, source: Source) -> NDArray[np.float32] | None:
    """Return the factors to calibrated flux as stored, shape (rows, band), for sources made of this one."""
    path = ws.cutouts_folder(source.name) / FLUX_SCALES
    return np.load(path) if path.exists() else None


@lru_cache(maxsize=OPEN_SOURCES)
def _unit_of_scales(ws: Workspace, source_id: int, path: Path, _changed_at: int) -> SourceUnit:
    rows = cutout_columns(ws, [source_id], columns=("row",))["row"]
    return unit_of_scales(np.load(path)[rows.astype(np.int64)])  # other rows hold no cutout
