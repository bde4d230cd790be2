"""What lies around a candidate: a wider field from the tiles, and the same sky as other sources show it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data import imaging, pixel_codes
from lensapp.core.data.sky import separation_arcsec
from lensapp.core.errors import StorageError
from lensapp.services.data.pictures import source_levels
from lensapp.services.inspect.gallery import OpenReview, facing_of
from lensapp.storage import sources
from lensapp.storage.columns.source_columns import cutout_columns
from lensapp.storage.cutouts import open_cutouts
from lensapp.storage.records import Cutout, Source
from lensapp.storage.tiles.tiled_cutouts import open_tiles
from lensapp.storage.workspace import Workspace

TIMES = 3  # a wider field by so many times
MOST_OTHERS = 6
LARGEST_SIDE = 384
QUALITY = 90
BLIND = (
    "Other sources are not shown in a review with blind tests: a painted lens is missing in them, which "
    "would give it away."
)
NOTHING = (
    "There is no wider picture: this source was not cut from tiles, and no cutout of another source covers "
    "the position."
)

Pixels = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Sky:
    """Pixels around a candidate.

    Attributes
    ----------
    pixels : float32, shape (1, y, x, band)
    box
        Middle, from the upper left corner, and side of the candidate's cutout, in shares of the width;
        None where its place or scale is unknown.
    facing
        Where north is, as a cutout's properties tell it.
    """

    source: Source
    name: str
    pixels: Pixels
    scale_arcsec: float | None
    box: tuple[float, float, float] | None
    facing: dict[str, Any]


def surroundings(
    opened: OpenReview, shown_id: int, *, display: imaging.DisplaySpec | None = None
) -> dict[str, Any]:
    """Return pictures of what lies around a candidate.

    In the wider field its own pixels take the middle, so that a blind test looks as it does alone.

    Parameters
    ----------
    shown_id
        The candidate as browsers know it.

    Returns
    -------
    dict
        `views`, each with label, picture (a WebP as data URL), width and height, box, north_deg, east_left;
        `note`, a sentence where something is not shown.
    """
    [key] = opened.cutout_ids([shown_id])
    test = opened.blind_tests.get(key)
    base = key if test is None else int(test.pixels_of or test.truth.get("host") or key)
    [cutout] = sources.get_cutouts(opened.workspace.database, [base])
    told = surroundings_of(
        opened.workspace,
        cutout,
        own=opened.pixels([shown_id]),
        with_others=not opened.blind_tests,
        display=display,
    )
    if opened.blind_tests and told["note"] in ("", NOTHING):
        told["note"] = BLIND
    return told


def surroundings_of(
    ws: Workspace,
    cutout: Cutout,
    *,
    own: Pixels,
    with_others: bool = True,
    display: imaging.DisplaySpec | None = None,
) -> dict[str, Any]:
    """Return pictures of what lies around any cutout, as `surroundings` does of a candidate.

    Parameters
    ----------
    own : float32, shape (1, y, x, band)
        What is shown in the middle of the wider field.
    with_others
        Whether the same sky is also shown as other sources have it.
    display
        How its source is shown, and others that hold flux or 8-bit pictures as it does; default: as usual.
    """
    note, views = "", []
    try:
        views = [*_wider(ws, cutout, own=own)]
    except StorageError as error:
        note = str(error)
    if with_others:
        views += _elsewhere(ws, cutout)
    own_source = sources.source_by_id(ws.database, cutout.source_id)
    of_pictures = source_levels(ws, own_source).of_pictures
    drawn = [_drawn(ws, sky, display, of_pictures=of_pictures) for sky in views]
    return {"views": drawn, "note": note or ("" if drawn else NOTHING)}


def _wider(ws: Workspace, cutout: Cutout, *, own: Pixels) -> Iterator[Sky]:
    """Yield the wider field that the tiles of a candidate show."""
    source = sources.source_by_id(ws.database, cutout.source_id)
    tiles = open_tiles(ws.cutouts_folder(source.name))
    if tiles is None:
        return
    pixels = tiles.read_wider(np.array([cutout.row], np.int64), times=TIMES)
    height, width = own.shape[1:3]
    top, left = (pixels.shape[1] - height) // 2, (pixels.shape[2] - width) // 2
    pixels[:, top : top + height, left : left + width] = own
    box = (0.5, 0.5, width / pixels.shape[2])
    name, scale = f"{source.name}, {TIMES} times wider", source.pixel_scale_arcsec
    yield Sky(source, name, pixels, scale, box, facing_of(cutout))


def why_nothing_around(ws: Workspace, cutout: Cutout, *, with_others: bool = True) -> str:
    """Return why nothing can be shown around a cutout; "" where its tiles or other sources show it."""
    source = sources.source_by_id(ws.database, cutout.source_id)
    if open_tiles(ws.cutouts_folder(source.name)) is not None:
        return ""
    if not with_others:
        return BLIND
    return "" if any(True for _ in _covering(ws, cutout)) else NOTHING


def why_nothing_around_candidate(opened: OpenReview, shown_id: int) -> str:
    """Return why nothing can be shown around a candidate as browsers know it; "" where something can."""
    [cutout] = sources.get_cutouts(opened.workspace.database, opened.cutout_ids([shown_id]))
    return why_nothing_around(opened.workspace, cutout, with_others=not opened.blind_tests)


def _covering(ws: Workspace, cutout: Cutout) -> Iterator[tuple[Source, int, int]]:
    """Yield the other sources that show the position of a candidate.

    Each comes with its cutout nearest to the position, and by how much wider a field of that reaches it.
    """
    if cutout.ra_deg is None or cutout.dec_deg is None:
        return
    for source in sources.list_sources(ws.database):
        if source.state != sources.READY or source.id == cutout.source_id or not source.pixel_scale_arcsec:
            continue
        tiles = open_tiles(ws.cutouts_folder(source.name))
        for times in (1, TIMES) if tiles is not None else (1,):
            reach = times * source.pixel_scale_arcsec * min(source.height, source.width) / 2
            nearest = _nearest(ws, source, cutout.ra_deg, cutout.dec_deg, within_arcsec=reach)
            if nearest is not None:
                yield source, nearest, times
                break


def _elsewhere(ws: Workspace, cutout: Cutout) -> list[Sky]:
    """Return how other sources show the position of a candidate, the finest pixels first."""
    own = sources.source_by_id(ws.database, cutout.source_id)
    field = (own.pixel_scale_arcsec or 0.0) * own.width
    covering = sorted(_covering(ws, cutout), key=lambda one: one[0].pixel_scale_arcsec or math.inf)
    return [_other(ws, *one, seen=cutout, field_arcsec=field) for one in covering[:MOST_OTHERS]]


def _nearest(
    ws: Workspace, source: Source, ra_deg: float, dec_deg: float, *, within_arcsec: float
) -> int | None:
    """Return the cutout of a source whose middle is nearest to a position, None where all are too far."""
    ids, ra, dec = _positions(ws, source.id, source.created_at)
    reach = within_arcsec / 3600.0
    first, last = np.searchsorted(dec, (dec_deg - reach, dec_deg + reach))
    if first == last:
        return None
    apart = separation_arcsec(ra[first:last], dec[first:last], ra_deg, dec_deg)
    nearest = int(np.argmin(apart))
    return int(ids[first + nearest]) if apart[nearest] <= within_arcsec else None


@lru_cache(maxsize=32)
def _positions(
    ws: Workspace, source_id: int, _created_at: float
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the cutouts of a finished source with their positions, in the order of declination."""
    columns = cutout_columns(ws, [source_id], columns=("id", "ra_deg", "dec_deg"))
    placed = np.flatnonzero(np.isfinite(columns["ra_deg"] + columns["dec_deg"]))
    order = placed[np.argsort(columns["dec_deg"][placed], kind="stable")]
    return columns["id"][order], columns["ra_deg"][order], columns["dec_deg"][order]


def _other(
    ws: Workspace, source: Source, cutout_id: int, times: int, *, seen: Cutout, field_arcsec: float
) -> Sky:
    """Return the cutout of another source, or its wider field, with the place of the candidate in it."""
    [cutout] = sources.get_cutouts(ws.database, [cutout_id])
    rows = np.array([cutout.row], np.int64)
    tiles = open_tiles(ws.cutouts_folder(source.name)) if times > 1 else None
    if tiles is None:
        pixels = open_cutouts(ws, source.name, calibrated=True).read(rows)
    else:
        pixels = tiles.read_wider(rows, times=times)
    facing, box = facing_of(cutout), None
    if facing.get("north_deg") is not None and source.pixel_scale_arcsec and field_arcsec:
        box = _box(
            cutout, seen, facing, width_arcsec=source.pixel_scale_arcsec * pixels.shape[2], side=field_arcsec
        )
    return Sky(source, source.name, pixels, source.pixel_scale_arcsec, box, facing)


def _box(
    cutout: Cutout, seen: Cutout, facing: dict[str, Any], *, width_arcsec: float, side: float
) -> tuple[float, float, float]:
    """Return where a candidate lies in a picture about another position, in shares of its width."""
    mean_dec = math.radians(((cutout.dec_deg or 0.0) + (seen.dec_deg or 0.0)) / 2)
    apart_ra = ((seen.ra_deg or 0.0) - (cutout.ra_deg or 0.0) + 180.0) % 360.0 - 180.0
    east = apart_ra * math.cos(mean_dec) * 3600.0
    north = ((seen.dec_deg or 0.0) - (cutout.dec_deg or 0.0)) * 3600.0
    angle = math.radians(float(facing["north_deg"]))
    to_north = (-math.sin(angle), -math.cos(angle))  # right, down
    hand = 1.0 if facing.get("east_left", True) else -1.0
    to_east = (hand * to_north[1], -hand * to_north[0])
    right, down = (north * to_north[axis] + east * to_east[axis] for axis in (0, 1))
    return 0.5 + right / width_arcsec, 0.5 + down / width_arcsec, side / width_arcsec


def _drawn(
    ws: Workspace, sky: Sky, display: imaging.DisplaySpec | None, *, of_pictures: bool
) -> dict[str, Any]:
    """Return pixels as a picture with what is written beside it; `display` is for sources of one kind."""
    height, width = sky.pixels.shape[1:3]
    pixels = pixel_codes.reduced(sky.pixels, LARGEST_SIDE)
    levels = source_levels(ws, sky.source)
    stretch = display if levels.of_pictures == of_pictures else None
    pictures = imaging.render(pixels, bands=sky.source.bands, stretch=stretch, levels=levels)
    field = "" if sky.scale_arcsec is None else f", {sky.scale_arcsec * max(height, width):.3g}\u2033"
    return {
        "label": f"{sky.name}{field}",
        "picture": imaging.sheet_address(pictures, quality=QUALITY),
        "width": pictures.shape[2],
        "height": pictures.shape[1],
        "box": sky.box,
        **sky.facing,
    }
