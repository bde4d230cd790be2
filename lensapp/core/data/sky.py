"""Positions on the sky: separations, neighbours and matches, correct at the poles and across RA 0°."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lensapp.core.data.groups import components
from lensapp.core.errors import InvalidInput

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
MAX_PAIRS = 50_000_000
RADIANS_PER_ARCSEC = np.pi / 648_000.0


def unit_vectors(ra_deg: ArrayLike, dec_deg: ArrayLike) -> FloatArray:
    """Return ICRS positions as points on the unit sphere, shape (n, 3)."""
    ra, dec = np.radians(np.asarray(ra_deg, np.float64)), np.radians(np.asarray(dec_deg, np.float64))
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def chord(angle_arcsec: float) -> float:
    """Return the straight distance between two points of the unit sphere that are so far apart."""
    return 2.0 * float(np.sin(0.5 * angle_arcsec * RADIANS_PER_ARCSEC))


def angle_arcsec(chords: ArrayLike) -> FloatArray:
    """Return the angle in arcseconds between points whose straight distance is `chords`."""
    half = np.clip(0.5 * np.asarray(chords, np.float64), 0.0, 1.0)
    return np.asarray(2.0 * np.arcsin(half) / RADIANS_PER_ARCSEC, np.float64)


def separation_arcsec(ra_1: ArrayLike, dec_1: ArrayLike, ra_2: ArrayLike, dec_2: ArrayLike) -> FloatArray:
    """Return the separation of positions in degrees, in arcseconds, to 1e-9 even when it is tiny."""
    difference = unit_vectors(ra_1, dec_1) - unit_vectors(ra_2, dec_2)
    return angle_arcsec(np.sqrt(np.sum(difference**2, axis=-1)))


def offset_positions(
    ra_deg: ArrayLike, dec_deg: ArrayLike, *, east_arcsec: ArrayLike, north_arcsec: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Return where points of the tangent plane at positions lie on the sky, in degrees, each shape (n,).

    References
    ----------
    Calabretta & Greisen 2002, A&A 395, 1077, equations 12 to 15, 54 and 55 (TAN).
    """
    xi, eta = (np.asarray(offset, np.float64) * RADIANS_PER_ARCSEC for offset in (east_arcsec, north_arcsec))
    ra0, dec0 = (np.asarray(angle, np.float64) for angle in (ra_deg, dec_deg))
    sin0, cos0 = np.sin(np.radians(dec0)), np.cos(np.radians(dec0))
    depth = cos0 - eta * sin0
    ra = ra0 + np.degrees(np.arctan2(xi, depth))
    dec = np.degrees(np.arctan2(sin0 + eta * cos0, np.hypot(xi, depth)))
    return np.asarray(ra % 360.0, np.float64), np.asarray(dec, np.float64)


def tree_of(points: FloatArray) -> Any:
    """Return a scipy `cKDTree` of points on the unit sphere, shape (n, 3).

    SciPy is imported here: it takes 0.15 s, and processes that start often read positions but match none.
    """
    from scipy.spatial import cKDTree

    return cKDTree(points)


def sky_groups(
    ra_deg: ArrayLike, dec_deg: ArrayLike, *, radius_arcsec: float, within: IntArray | None = None
) -> IntArray:
    """Number the groups of positions that are linked by steps of at most `radius_arcsec`, shape (n,).

    A radius that would link nearly everything is refused.

    Parameters
    ----------
    ra_deg, dec_deg : shape (n,)
        Degrees; a position with NaN is a group of its own.
    radius_arcsec
        Longest link; 0 links only equal positions.
    within : shape (n,)
        Groups that no link leaves; by default all positions are one.
    """
    points = unit_vectors(ra_deg, dec_deg)
    if within is not None:  # farther apart than any two places on the sky
        points = np.column_stack([points, 10.0 * within])
    groups = np.arange(len(points))
    rows = np.flatnonzero(np.isfinite(points).all(axis=1))
    if not rows.size:
        return groups
    # Views of one object share a position: pairs are sought among distinct positions only.
    distinct, of_distinct = np.unique(points[rows], axis=0, return_inverse=True)
    pairs = np.empty((0, 2), np.int64)
    if radius_arcsec > 0.0:
        tree, reach = tree_of(distinct), chord(radius_arcsec)
        expected = int(tree.count_neighbors(tree, reach) - len(distinct)) // 2
        if expected > MAX_PAIRS:
            raise InvalidInput(
                f"A group radius of {radius_arcsec:g} arcsec links {expected} pairs of {len(distinct)} "
                "positions, not only neighbours. Choose a smaller radius."
            )
        pairs = np.asarray(tree.query_pairs(reach, output_type="ndarray"), np.int64).reshape(-1, 2)
    linked = components(len(distinct), pairs[:, 0], pairs[:, 1])
    groups[rows] = linked[of_distinct.ravel()] + len(points)
    return np.unique(groups, return_inverse=True)[1].astype(np.int64)


def match_positions(
    ra_deg: ArrayLike,
    dec_deg: ArrayLike,
    *,
    table_ra_deg: ArrayLike,
    table_dec_deg: ArrayLike,
    radius_arcsec: float | FloatArray,
) -> tuple[IntArray, FloatArray]:
    """Find the nearest entry of a table for each position, of those within the radius.

    The radius is one for all or that of each entry, shape of the table.

    Returns
    -------
    index : int64, shape (n,)
        Row of the table, -1 where nothing lies within the radius.
    separation_arcsec : float64, shape (n,)
        NaN where nothing does.
    """
    points, table = unit_vectors(ra_deg, dec_deg), unit_vectors(table_ra_deg, table_dec_deg)
    index = np.full(len(points), -1, np.int64)
    separation = np.full(len(points), np.nan)
    mine = np.flatnonzero(np.isfinite(points).all(axis=1))
    theirs = np.flatnonzero(np.isfinite(table).all(axis=1))
    if not mine.size or not theirs.size:
        return index, separation
    if isinstance(radius_arcsec, np.ndarray):
        row, entry, distance = match_within_own_radii(points[mine], table[theirs], radius_arcsec[theirs])
        index[mine[row]], separation[mine[row]] = theirs[entry], angle_arcsec(distance)
        return index, separation
    # The tree's bound is exclusive; a hair more makes the radius inclusive.
    reach = chord(radius_arcsec) * (1.0 + 1e-12) + 1e-15
    distance, nearest = tree_of(table[theirs]).query(points[mine], distance_upper_bound=reach)
    hit = np.isfinite(distance)
    index[mine[hit]] = theirs[nearest[hit]]
    separation[mine[hit]] = angle_arcsec(distance[hit])
    return index, separation


def match_within_own_radii(
    points: FloatArray, table: FloatArray, radius_arcsec: FloatArray
) -> tuple[IntArray, IntArray, FloatArray]:
    """Return for each point within an entry's own radius its row, the nearest such entry and how far."""
    reach = np.array([chord(radius) for radius in radius_arcsec.tolist()]) * (1.0 + 1e-12) + 1e-15
    matches = tree_of(points).query_ball_point(table, reach)
    entry = np.repeat(np.arange(len(table)), [len(rows) for rows in matches])
    row = np.array([row for rows in matches for row in rows], np.int64)
    distance = np.sqrt(np.sum((points[row] - table[entry]) ** 2, axis=-1))
    order = np.lexsort((entry, distance, row))
    first = order[np.unique(row[order], return_index=True)[1]]
    return row[first], entry[first], distance[first]


def span_of_ra(ra_deg: FloatArray) -> tuple[float, float]:
    """Return the middle (degrees) and the width of the shortest arc of right ascension that holds all.

    That arc may run over 0°: of 359° and 1° it is 2° wide about 0°.
    """
    ordered = np.unique(np.mod(ra_deg, 360.0))
    gaps = np.diff(ordered, append=ordered[0] + 360.0)
    widest = int(gaps.argmax())
    width = 360.0 - float(gaps[widest])
    first = float(ordered[(widest + 1) % len(ordered)])
    return (first + width / 2) % 360.0, width


def hammer(ra_deg: ArrayLike, dec_deg: ArrayLike, *, centre_deg: float) -> tuple[FloatArray, FloatArray]:
    """Return positions on a map of the whole sky of equal areas, east to the left.

    It is 4 √2 wide and half as high; `centre_deg` is the right ascension in its middle.

    References
    ----------
    Calabretta & Greisen 2002, A&A 395, 1077, section 5.2.4 (Hammer-Aitoff, AIT).
    """
    from_centre = np.mod(np.asarray(ra_deg, np.float64) - centre_deg + 180.0, 360.0) - 180.0
    half, dec = np.radians(from_centre) / 2, np.radians(np.asarray(dec_deg, np.float64))
    scale = np.sqrt(2.0 / (1.0 + np.cos(dec) * np.cos(half)))
    return -2.0 * scale * np.cos(dec) * np.sin(half), scale * np.sin(dec)


def overlapping(x: FloatArray, y: FloatArray, *, radius: float) -> IntArray:
    """Return for each of some marks the number of the heap it lies in: those within `radius` of a first one.

    Marks are taken in their order, so that heaps are no larger than two radii.
    """
    points = np.column_stack([x, y])
    heap, near = np.full(len(points), -1, np.int64), tree_of(points).query_ball_point(points, radius)
    for number, first in enumerate(range(len(points))):
        if heap[first] < 0:
            members = np.array(near[first])
            heap[members[heap[members] < 0]] = number
    return heap
