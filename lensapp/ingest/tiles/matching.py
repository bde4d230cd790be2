"""Which tile covers a position in each band, and where the cutout lies in it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.sky import separation_arcsec
from lensapp.ingest.tiles.footprints import Footprint

Degrees = NDArray[np.float64]

SAME_SCALE = 0.005  # difference of pixel scales that is none
SAME_GRID = 0.02  # pixels by which one grid may be off another
ONE_ARCSEC_DEG = 1.0 / 3600.0


@dataclass(frozen=True)
class Covering:
    """The tile of one band that covers each position.

    Attributes
    ----------
    tile : int64, shape (n,)
        Index of the footprint, -1 where none covers the position.
    x, y : shape (n,)
        The position in that tile, pixels from 0 at their centres; NaN where none does.
    """

    tile: NDArray[np.int64]
    x: Degrees
    y: Degrees


def cover(
    footprints: Sequence[Footprint], numbers: Sequence[int], ra_deg: Degrees, dec_deg: Degrees
) -> Covering:
    """Find the tiles of one band that cover positions; of several the one to whose centre it is nearest.

    Parameters
    ----------
    footprints
        Of all bands.
    numbers
        Those of the band.
    ra_deg, dec_deg : shape (n,)
        ICRS degrees, finite.
    """
    tile = np.full(len(ra_deg), -1, np.int64)
    x, y = np.full(len(ra_deg), np.nan), np.full(len(ra_deg), np.nan)
    nearest = np.full(len(ra_deg), np.inf)
    by_dec = np.argsort(dec_deg, kind="stable")
    sorted_dec = dec_deg[by_dec]
    for number in numbers:
        one = footprints[number]
        first, last = np.searchsorted(
            sorted_dec, [one.dec_deg - one.radius_deg, one.dec_deg + one.radius_deg + 1e-9]
        )
        rows = by_dec[first:last]
        apart = separation_arcsec(ra_deg[rows], dec_deg[rows], one.ra_deg, one.dec_deg)
        rows = rows[apart <= one.radius_deg * 3600.0 * (1.0 + 1e-6)]
        if not len(rows):
            continue
        column, line = one.to_pixels(ra_deg[rows], dec_deg[rows])
        with np.errstate(invalid="ignore"):
            inside = (column >= -0.5) & (column < one.tile.width - 0.5)
            inside &= (line >= -0.5) & (line < one.tile.height - 0.5)
        off_centre = np.hypot(column - (one.tile.width - 1) / 2, line - (one.tile.height - 1) / 2)
        off_centre *= one.pixel_scale_arcsec
        better = inside & (off_centre < nearest[rows])
        rows = rows[better]
        tile[rows], x[rows], y[rows] = number, column[better], line[better]
        nearest[rows] = off_centre[better]
    return Covering(tile, x, y)


def corner(position: Degrees, size: int) -> NDArray[np.int32]:
    """Return the first pixel of squares about positions along one axis, as `astropy.nddata.Cutout2D` does."""
    return np.ceil(position - size / 2).astype(np.int32)


@dataclass(frozen=True)
class Grid:
    """The pixels of cutouts: those of a band's tiles, or of another scale parallel to them.

    Attributes
    ----------
    covering
        The tiles of the band that gives the grid.
    step : shape (n,)
        Pixels of those tiles per pixel of each cutout, 1 for their own.
    """

    covering: Covering
    size: int
    step: NDArray[np.float64]

    @property
    def own(self) -> bool:
        """Whether the pixels are the tiles' own."""
        return bool((self.step == 1.0).all())

    def middle(self) -> tuple[Degrees, Degrees]:
        """Return the middle of each cutout in the tile that gives the grid."""
        if not self.own:
            return self.covering.x, self.covering.y
        half = (self.size - 1) / 2
        with np.errstate(invalid="ignore"):
            return (
                np.ceil(self.covering.x - self.size / 2) + half,
                np.ceil(self.covering.y - self.size / 2) + half,
            )


def affines(
    footprints: Sequence[Footprint], grid: Grid, covering: Covering, rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return where the cutouts of a grid lie in the tiles of another band, by their projections.

    Returns
    -------
    shape (len(rows), 6)
        See `lensapp.storage.tiles.resampling.Affine`: exact at the ends of a cross through each cutout and
        linear between.
    """
    middle_x, middle_y = grid.middle()
    found = np.empty((len(rows), 6))
    reach = grid.size / 2
    pairs = np.stack([grid.covering.tile[rows], covering.tile[rows]])
    for own, other in np.unique(pairs, axis=1).T.tolist():
        members = np.flatnonzero((pairs[0] == own) & (pairs[1] == other))
        x, y = middle_x[rows[members]], middle_y[rows[members]]
        step = grid.step[rows[members]]
        ends = []
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            at_x, at_y = x + dx * reach * step, y + dy * reach * step
            if own == other:
                ends.append((at_x, at_y))
            else:
                ends.append(footprints[other].to_pixels(*footprints[own].to_sky(at_x, at_y)))
        (right_x, right_y), (left_x, left_y), (up_x, up_y), (down_x, down_y) = ends
        found[members] = np.stack(
            [
                (right_x + left_x + up_x + down_x) / 4,
                (right_y + left_y + up_y + down_y) / 4,
                (right_x - left_x) / grid.size,
                (up_x - down_x) / grid.size,
                (right_y - left_y) / grid.size,
                (up_y - down_y) / grid.size,
            ],
            -1,
        )
    return found


def on_grid(affine: NDArray[np.float64], size: int) -> bool:
    """Return whether cutouts lie on whole pixels of another band's tiles, neither rotated nor scaled."""
    if not len(affine):
        return True
    off = [
        np.abs(affine[:, 2] - 1.0) * size / 2,
        np.abs(affine[:, 3]) * size / 2,
        np.abs(affine[:, 4]) * size / 2,
        np.abs(affine[:, 5] - 1.0) * size / 2,
    ]
    for axis in (0, 1):
        first = affine[:, axis] - (size - 1) / 2
        off.append(np.abs(first - np.round(first)))
    return bool(max(float(np.max(one)) for one in off) <= SAME_GRID)


def orientations(
    footprints: Sequence[Footprint],
    covering: Covering,
    ra_deg: Degrees,
    dec_deg: Degrees,
    rows: NDArray[np.int64],
) -> tuple[Degrees, NDArray[np.bool_]]:
    """Return the angle of north from upward (degrees, counter-clockwise) and whether east is on its left."""
    north, east_left = np.full(len(rows), np.nan), np.ones(len(rows), bool)
    for number in np.unique(covering.tile[rows]).tolist():
        members = np.flatnonzero(covering.tile[rows] == number)
        ra, dec = ra_deg[rows[members]], dec_deg[rows[members]]
        x, y = covering.x[rows[members]], covering.y[rows[members]]
        up = np.where(dec > 0, -ONE_ARCSEC_DEG, ONE_ARCSEC_DEG)  # away from the pole
        north_x, north_y = footprints[number].to_pixels(ra, dec + up)
        toward = np.sign(up)
        north_x, north_y = (north_x - x) * toward, (north_y - y) * toward
        east_x, east_y = footprints[number].to_pixels(ra + ONE_ARCSEC_DEG / np.cos(np.radians(dec)), dec)
        east_x, east_y = east_x - x, east_y - y
        north[members] = np.degrees(np.arctan2(-north_x, north_y)) + 0.0
        east_left[members] = north_x * east_y - north_y * east_x > 0
    return north, east_left


def scale_ratio(grid_arcsec: float, tile_arcsec: float) -> float:
    """Return how many pixels of a tile a pixel of the grid is, 1 where the difference is none."""
    ratio = grid_arcsec / tile_arcsec
    return 1.0 if math.isclose(ratio, 1.0, rel_tol=SAME_SCALE) else ratio
