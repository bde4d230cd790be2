"""Pictures of cutouts, all of a source by the same levels."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data import imaging
from lensapp.core.data.flux_units import REFERENCE_ZERO_POINT_MAG, factor_of_zero_point
from lensapp.core.errors import InvalidInput, LensAppError
from lensapp.storage import sources
from lensapp.storage.arrays import PackedCutouts, Pixels
from lensapp.storage.cutouts import open_cutouts, source_unit
from lensapp.storage.records import Cutout, Source
from lensapp.storage.workspace import Workspace

Pictures = NDArray[np.uint8]
MICROJANSKY_MAG = 23.9  # AB magnitude of 1 µJy
MOST_VALUES = 2**22  # of a cutout that is sent whole: 16 MiB


def read_pictures(
    ws: Workspace, source: Source, cutout_ids: Sequence[int], *, display: imaging.DisplaySpec | None = None
) -> tuple[list[Cutout], Pictures]:
    """Return cutouts of a source and their pictures; unknown ones are left out.

    Returns
    -------
    cutouts, pictures
        uint8, shape (n, row, column, 3), brightness by the levels of the source, stretched as usual where no
        `display` is given.
    """
    cutouts = sources.get_cutouts(ws.database, cutout_ids)
    return cutouts, _drawn(ws, source, cutouts, display=display)


def _drawn(
    ws: Workspace, source: Source, cutouts: Sequence[Cutout], *, display: imaging.DisplaySpec | None = None
) -> Pictures:
    rows = np.array([cutout.row for cutout in cutouts], np.int64)
    pixels = open_cutouts(ws, source.name, calibrated=True).read(rows)
    return imaging.render(pixels, bands=source.bands, stretch=display, levels=source_levels(ws, source))


def pictures_by_id(ws: Workspace, cutout_ids: Sequence[int]) -> tuple[list[Cutout], Pictures]:
    """Return cutouts of one or several sources in the order of `cutout_ids`, and their pictures.

    Where sources differ in size, as those of one dataset cannot, only the cutouts of the largest size.
    """
    cutouts = sources.get_cutouts(ws.database, cutout_ids)
    pictures, failures = _pictures_by_source(ws, cutouts)
    if failures:
        raise failures[0]
    largest = max((picture.shape for picture in pictures.values()), default=())
    cutouts = [cutout for cutout in cutouts if pictures[cutout.id].shape == largest]
    return cutouts, np.array([pictures[cutout.id] for cutout in cutouts])


def readable_pictures(
    ws: Workspace, cutout_ids: Sequence[int]
) -> tuple[dict[int, Pictures], list[LensAppError]]:
    """Return pictures (row, column, 3) by cutout where pixels can be read, and why others cannot.

    One error for each source that cannot, as where its disk is away.
    """
    return _pictures_by_source(ws, sources.get_cutouts(ws.database, cutout_ids))


def _pictures_by_source(
    ws: Workspace, cutouts: Sequence[Cutout]
) -> tuple[dict[int, Pictures], list[LensAppError]]:
    pictures: dict[int, Pictures] = {}
    failures: list[LensAppError] = []
    for source_id in {cutout.source_id for cutout in cutouts}:
        source = sources.source_by_id(ws.database, source_id)
        members = [cutout for cutout in cutouts if cutout.source_id == source_id]
        try:
            drawn = _drawn(ws, source, members)
        except LensAppError as error:
            failures.append(error)
        else:
            pictures |= zip((cutout.id for cutout in members), drawn, strict=True)
    return pictures, failures


def source_levels(ws: Workspace, source: Source) -> imaging.Levels:
    """Return sky, noise and brightness of a source, measured once, and whether it holds 8-bit pictures."""
    packed = open_cutouts(ws, source.name, calibrated=True)
    return sample_levels(packed, of_pictures=source_unit(ws, source).kind == "picture")


def picture_key(ws: Workspace, source: Source) -> str:
    """Return what changes whenever a picture of the same cutout of a source could look different."""
    return f"{source_levels(ws, source).key}-{source.id}-{int(source.created_at)}"


def optics_of(ws: Workspace, source_id: int) -> dict[str, Any]:
    """Return what browsers need to make pictures from the pixels of a source themselves.

    Returns
    -------
    dict
        `id`, `source` (its name), `bands`, `rgb` (indices shown as red, green, blue), `composite` (those and
        the index of the luminance, None where the bands allow none), `gains` (from units of noise to units of
        brightness) and `noise` by band, `given` (black and white by band, in units of noise above the sky, of
        8-bit pictures; None of flux), `height`, `width` in pixels, `pixel_scale_arcsec`, `on_sky` (whether
        other surveys show what is at a position: not of a simulated sky), `picture_key`,
        `usual_display`, and `value_unit` (of the values that `values_of` sends, in words).
    """
    source = sources.source_by_id(ws.database, source_id)
    levels = source_levels(ws, source)
    return {
        "id": source.id,
        "source": source.name,
        "bands": list(source.bands),
        "rgb": list(imaging.choose_rgb(source.bands)),
        "composite": imaging.luminance_composite(source.bands),
        "gains": levels.gain.tolist(),
        "noise": levels.noise.tolist(),
        "given": levels.given and [limits.tolist() for limits in levels.given],
        "height": source.height,
        "width": source.width,
        "pixel_scale_arcsec": source.pixel_scale_arcsec,
        "on_sky": source.kind != sources.SIMULATED,
        "picture_key": picture_key(ws, source),
        "usual_display": imaging.usual_display(levels).saved(),
        "value_unit": _value_unit(ws, source)[1],
    }


def values_of(ws: Workspace, source: Source, pixels: Pixels) -> bytes:
    """Return the values of one cutout, for the readout under the pointer.

    Parameters
    ----------
    pixels : shape (1, y, x, band)
        Calibrated where the unit of the source is known, as pictures need them.

    Returns
    -------
    bytes
        int32 (1, bands, rows, columns), then float32 in that order, NaN where masked; the first row is the
        lowest, as in FITS.

    Raises
    ------
    InvalidInput
        When there are more than `MOST_VALUES`.
    """
    if pixels.size > MOST_VALUES:
        raise InvalidInput(
            f"A cutout of {pixels.size} values is too large to be read out; {MOST_VALUES} are the most."
        )
    factor, _ = _value_unit(ws, source)
    values = np.ascontiguousarray(np.moveaxis(pixels, -1, 1) * np.float64(factor), "<f4")
    return np.asarray(values.shape, "<i4").tobytes() + values.tobytes()


def _value_unit(ws: Workspace, source: Source) -> tuple[float, str]:
    """Return the factor from calibrated pixels of a source to the values that are told, and their unit.

    That is the unit of its files where all have one zero point, µJy where they differ.
    """
    unit = source_unit(ws, source)
    if unit.kind == "picture":
        return 1.0, "8-bit picture, no flux"
    zero_point = unit.zero_point if unit.kind == "flux" else None
    if open_cutouts(ws, source.name, calibrated=True).flux_scales is None:
        return 1.0, "as in the file" if zero_point is None else f"AB zero point {zero_point:.4g}"
    if zero_point is None:
        return factor_of_zero_point(REFERENCE_ZERO_POINT_MAG, unit_mag=MICROJANSKY_MAG), "µJy"
    return (
        factor_of_zero_point(REFERENCE_ZERO_POINT_MAG, unit_mag=zero_point),
        f"AB zero point {zero_point:.4g}",
    )


def cutouts_by_id(ws: Workspace, cutout_ids: Sequence[int]) -> list[Cutout]:
    """Return cutouts in the order of `cutout_ids`; unknown ones are left out."""
    return sources.get_cutouts(ws.database, cutout_ids)


@lru_cache(maxsize=32)
def sample_levels(packed: PackedCutouts, *, of_pictures: bool = False) -> imaging.Levels:
    """Measure the levels of a source on a few hundred of its cutouts, evenly spread."""
    pixels = packed.read(imaging.level_rows(packed.shape))
    in_flux = packed.flux_scales is not None
    return imaging.levels_of_sample(pixels, in_flux=in_flux, of_pictures=of_pictures)
