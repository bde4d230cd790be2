"""Maps of positions on the sky: a field in right ascension and declination, or the whole sky."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lensapp.core.align import ABSENT, rows_of
from lensapp.core.data.groups import components
from lensapp.core.data.sky import angle_arcsec, hammer, overlapping, span_of_ra, tree_of, unit_vectors
from lensapp.core.numerals import true_minus
from lensapp.services.data.source_tables import column_of, labels_of
from lensapp.storage import sources
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace

WHOLE_SKY_RA_DEG, WHOLE_SKY_DEC_DEG = 90.0, 60.0  # from such a span on a flat map would be out of shape
WHOLE_SKY_WIDTH = 4 * np.sqrt(2.0)
GRID_STEP_DEG = 30
WRITTEN_STEP_DEG, WRITTEN_AT_DEC_DEG = 60, -45.0
OVERLAP = 0.008  # of the width of a map, about a mark
NUMBERS_APART = 0.03  # likewise, about a number of two digits
HIDDEN = 0.001  # likewise, about a mark that lies on another: less than a pixel
PLACE_DEG, MOST_PLACES = 1.0, 100
CELLS = 512  # more than there are along an axis of the unit sphere
SAME_POSITION_ARCSEC = 0.01
MOST_NEIGHBOURS = 200_000
NOBODY: NDArray[np.int64] = np.empty(0, np.int64)
EDGE_DEG = 180 - 1e-6
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SkyMap:
    """Where positions lie on a map with east to the left.

    Attributes
    ----------
    x, y : shape (n,)
        Of a field right ascension and declination in degrees, the former running on over 0°, its axis to be
        reversed; of the whole sky as `hammer` has them.
    centre_deg
        Right ascension in the middle of a map of the whole sky; None of a field.
    """

    x: FloatArray
    y: FloatArray
    centre_deg: float | None

    def heaps(self) -> tuple[FloatArray, FloatArray, NDArray[np.int64]]:
        """Return middle and number of the marks that overlap on the map, each (k,).

        Heaps whose numbers would lie on each other are one.
        """
        extent = self._extent
        heap = overlapping(self.x, self.y, radius=OVERLAP * extent)
        _, of_mark, sizes = np.unique(heap, return_inverse=True, return_counts=True)
        several = np.flatnonzero(sizes > 1)
        x, y = (np.bincount(of_mark, axis)[several] / sizes[several] for axis in (self.x, self.y))
        sizes = sizes[several]
        if not len(sizes):
            return x, y, sizes
        _, of_heap = np.unique(overlapping(x, y, radius=NUMBERS_APART * extent), return_inverse=True)
        together = np.bincount(of_heap, sizes)
        x, y = (np.bincount(of_heap, axis * sizes) / together for axis in (x, y))
        return x, y, together.astype(np.int64)

    def beneath(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the marks that some hide or that hide them, with these."""
        radius = HIDDEN * self._extent
        if self.centre_deg is None:
            radius = max(radius, SAME_POSITION_ARCSEC / 3600)
        points = np.column_stack([self.x, self.y])
        near = tree_of(points).query_ball_point(points[rows], radius)
        return np.unique(np.concatenate([rows, *near])).astype(np.int64)

    @property
    def _extent(self) -> float:
        """The width of the map, in the unit of its coordinates."""
        if self.centre_deg is not None:
            return float(WHOLE_SKY_WIDTH)
        return max(float(np.ptp(self.x)), float(np.ptp(self.y)))


def map_of(ra_deg: FloatArray, dec_deg: FloatArray) -> SkyMap:
    """Return a map of positions: of the whole sky where they span much of it."""
    middle, width = span_of_ra(ra_deg)
    if width <= WHOLE_SKY_RA_DEG and float(np.ptp(dec_deg)) <= WHOLE_SKY_DEC_DEG:
        return SkyMap(np.mod(ra_deg - middle + 180.0, 360.0) - 180.0 + middle, dec_deg, None)
    centre = 180.0 if abs(middle - 180.0) <= 90.0 else 0.0
    return SkyMap(*hammer(ra_deg, dec_deg, centre_deg=centre), centre)


@dataclass(frozen=True)
class FieldFacts:
    """How far positions reach and how close they lie together.

    Attributes
    ----------
    width_deg, height_deg
        On the sky, in right ascension and declination.
    median_arcsec, closest_arcsec
        From a position to the nearest other one; None where there is none, or too many to look for it.
    sharing
        Cutouts at a position that others have too.
    mixed
        Positions that lenses and non-lenses share.
    """

    width_deg: float
    height_deg: float
    median_arcsec: float | None
    closest_arcsec: float | None
    sharing: int
    mixed: int


@dataclass(frozen=True, eq=False)
class Field:
    """How the positions of a source lie, and the cutouts that lie closest to another one.

    Attributes
    ----------
    closest_ids, separations_arcsec
        Those of a set, such as a pair, one after the other.
    together
        How many each set holds.
    """

    facts: FieldFacts
    closest_ids: list[int]
    separations_arcsec: list[float]
    together: list[int]


@dataclass(frozen=True, eq=False)
class Place:
    """Some cutouts that lie together on the sky, far from the others.

    Attributes
    ----------
    ra_deg, dec_deg
        About their middle.
    rows
        Which of the source's cutouts they are.
    """

    ra_deg: float
    dec_deg: float
    rows: NDArray[np.int64]


def places_of(ws: Workspace, source: Source) -> list[Place]:
    """Return the places of several cutouts of a source, the largest first; none where all are at one."""
    return _places_of(ws, source.id, source.created_at)


@lru_cache(maxsize=8)
def _places_of(ws: Workspace, source_id: int, _created_at: float) -> list[Place]:
    source = sources.source_by_id(ws.database, source_id)
    return find_places(column_of(ws, source, "ra_deg"), column_of(ws, source, "dec_deg"))


def find_places(ra_deg: FloatArray, dec_deg: FloatArray) -> list[Place]:
    """Return the places of positions, linked where they lie within about a degree; see `places_of`."""
    points = unit_vectors(ra_deg, dec_deg)
    rows = np.flatnonzero(np.isfinite(points).all(axis=1))
    if not len(rows):
        return []
    step = np.radians(PLACE_DEG) / 2
    cell = np.rint(points[rows] / step).astype(np.int64) + CELLS // 2
    keys, of_row = np.unique((cell[:, 0] * CELLS + cell[:, 1]) * CELLS + cell[:, 2], return_inverse=True)
    cells = np.stack([keys // CELLS**2, keys // CELLS % CELLS, keys % CELLS], axis=-1)
    pairs = tree_of(cells.astype(np.float64)).query_pairs(2.0, output_type="ndarray").reshape(-1, 2)
    place = components(len(cells), pairs[:, 0], pairs[:, 1])[of_row]
    _, first, place, sizes = np.unique(place, return_index=True, return_inverse=True, return_counts=True)
    if len(sizes) < 2:
        return []
    found = []
    for number in np.lexsort((first, -sizes))[:MOST_PLACES]:
        if sizes[number] > 1:
            members = rows[place == number]
            middle, _ = span_of_ra(ra_deg[members])
            found.append(Place(middle % 360.0, float(np.median(dec_deg[members])), members))
    return found


def field_of(ws: Workspace, source: Source, *, most: int, place: int | None = None) -> Field:
    """Return how the positions of a source lie, worked out once; with `most` of the closest cutouts.

    With the number of a `place` (see `places_of`) those there alone are meant.

    Among more than MOST_NEIGHBOURS, which would take many seconds, neighbours are not looked for.
    """
    return _field_of(ws, source.id, source.created_at, most, place)


@lru_cache(maxsize=8)
def _field_of(ws: Workspace, source_id: int, _created_at: float, most: int, place: int | None) -> Field:
    source = sources.source_by_id(ws.database, source_id)
    ra_deg, dec_deg = (column_of(ws, source, name) for name in ("ra_deg", "dec_deg"))
    rows = np.flatnonzero(np.isfinite(ra_deg) & np.isfinite(dec_deg))
    rows = rows if place is None else places_of(ws, source)[place].rows
    ra_deg, dec_deg = ra_deg[rows], dec_deg[rows]
    few = len(rows) <= MOST_NEIGHBOURS
    closest, separations, together = closest_rows(ra_deg, dec_deg, most=most) if few else (NOBODY, [], [])
    facts = field_facts(ra_deg, dec_deg, labels_of(ws, source)[rows])
    return Field(facts, column_of(ws, source, "id")[rows][closest].tolist(), separations, together)


def field_facts(ra_deg: FloatArray, dec_deg: FloatArray, labels: NDArray[np.object_]) -> FieldFacts:
    """Return what positions tell of a field."""
    shared = positions_shared(ra_deg, dec_deg)
    repeated = [rows[1:] for rows in shared]
    distinct = np.delete(np.arange(len(ra_deg)), np.concatenate(repeated) if repeated else [])
    points = unit_vectors(ra_deg[distinct], dec_deg[distinct])
    nearest = np.empty(0)
    if 1 < len(points) <= MOST_NEIGHBOURS:
        nearest = angle_arcsec(_nearest(points)[0])
    squeeze = float(np.cos(np.radians(np.median(dec_deg))))
    return FieldFacts(
        width_deg=span_of_ra(ra_deg)[1] * squeeze,
        height_deg=float(np.ptp(dec_deg)),
        median_arcsec=float(np.median(nearest)) if len(nearest) else None,
        closest_arcsec=float(nearest.min()) if len(nearest) else None,
        sharing=sum(map(len, shared)),
        mixed=sum({"lens", "nonlens"} <= {*labels[members]} for members in shared),
    )


def closest_rows(
    ra_deg: FloatArray, dec_deg: FloatArray, *, most: int
) -> tuple[NDArray[np.int64], list[float], list[int]]:
    """Return the rows closest to another one, how far (arcsec) they are, and how many are in each set.

    A set is a pair, or more that lie closest to one of it; the rows of one follow each other. Of the last
    pair or heap that has no room, none; none without the one that it lies closest to.
    """
    points = unit_vectors(ra_deg, dec_deg)
    if len(points) < 2:
        return NOBODY, [], []
    chords, other = _nearest(points)
    own = np.arange(len(points))
    separation = np.round(angle_arcsec(chords), 3)
    pair = np.minimum(own, other)
    for members in positions_shared(ra_deg, dec_deg):
        pair[members] = members[0]
    order = np.lexsort((own, pair, separation))
    rows = order[:most]
    if len(order) > most:
        parted = (pair == pair[order[most]]) & (separation == separation[order[most]])
        rows = rows[~parted[rows]] if not parted[rows].all() else rows
        whole = np.isin(other[rows], rows)
        rows = rows[whole] if whole.any() else rows
    links = [rows_of(linked[rows], rows) for linked in (other, pair)]  # of a heap each has another nearest
    left, right = np.tile(np.arange(len(rows)), 2), np.concatenate(links)
    of_set = components(len(rows), left[right != ABSENT], right[right != ABSENT])
    _, first, of_row = np.unique(of_set, return_index=True, return_inverse=True)
    by_set = np.argsort(first[of_row], kind="stable")
    together = np.unique(first[of_row], return_counts=True)[1]
    return rows[by_set], separation[rows[by_set]].tolist(), together.tolist()


def _nearest(points: FloatArray) -> tuple[FloatArray, NDArray[np.int64]]:
    """Return how far the nearest other point is from each of several, and which one."""
    distances, neighbours = tree_of(points).query(points, k=2)
    itself = neighbours[:, 1] == np.arange(len(points))  # of two at one place either may come first
    return distances[:, 1], np.where(itself, neighbours[:, 0], neighbours[:, 1])


def positions_shared(ra_deg: FloatArray, dec_deg: FloatArray) -> list[NDArray[np.int64]]:
    """Return the rows of each position that several have, to SAME_POSITION_ARCSEC."""
    steps = 3600 / SAME_POSITION_ARCSEC
    ra, dec = (np.round(np.asarray(one, np.float64) * steps).astype(np.int64) for one in (ra_deg, dec_deg))
    at = (ra << 27) + dec  # a declination has fewer than 2²⁷ hundredths
    order = np.argsort(at, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(at[order]) != 0))
    ends = np.append(starts[1:], len(order))
    several = ends - starts > 1
    return [order[start:end] for start, end in zip(starts[several], ends[several], strict=True)]


def grid_of(centre_deg: float) -> tuple[FloatArray, FloatArray]:
    """Return meridians and parallels of a map of the whole sky as one line, broken by NaN."""
    along = np.linspace(-90, 90, 61)
    lines = [
        hammer(np.full(len(along), centre_deg + from_centre), along, centre_deg=centre_deg)
        for from_centre in (*_meridians(), -180.0, EDGE_DEG)
    ]
    around = np.linspace(-180, EDGE_DEG, 121)
    lines += [
        hammer(centre_deg + around, np.full(len(around), dec), centre_deg=centre_deg) for dec in _parallels()
    ]
    x, y = (np.concatenate([np.append(line[axis], np.nan) for line in lines]) for axis in (0, 1))
    return x, y


def galactic_plane_of(centre_deg: float) -> tuple[FloatArray, FloatArray]:
    """Return the plane of the Milky Way on a map of the whole sky as a line, broken by NaN at its edge."""
    from astropy.coordinates import SkyCoord  # takes a while to load: only maps of the whole sky need it

    along = np.linspace(0, 360, 361)
    plane = SkyCoord(l=along, b=np.zeros_like(along), unit="deg", frame="galactic").icrs
    x, y = hammer(plane.ra.deg, plane.dec.deg, centre_deg=centre_deg)
    across_edge = np.flatnonzero(np.abs(np.diff(x)) > WHOLE_SKY_WIDTH / 4) + 1
    return np.insert(x, across_edge, np.nan), np.insert(y, across_edge, np.nan)


def right_ascensions_of(centre_deg: float) -> tuple[FloatArray, FloatArray, list[str]]:
    """Return where on a map of the whole sky which right ascensions are written, away from the equator.

    Many surveys have their positions there.
    """
    ra = [(centre_deg + one) % 360 for one in range(WRITTEN_STEP_DEG - 180, 180, WRITTEN_STEP_DEG)]
    at = hammer(ra, np.full(len(ra), WRITTEN_AT_DEC_DEG), centre_deg=centre_deg)
    return *at, [f"{one:.0f}°" for one in ra]


def declinations_of(centre_deg: float) -> tuple[FloatArray, FloatArray, list[str]]:
    """Return where on a map of the whole sky which declinations are written, along its left edge."""
    dec = [one for one in _parallels() if one]
    x, y = hammer(np.full(len(dec), centre_deg + EDGE_DEG), dec, centre_deg=centre_deg)
    return x, y, [true_minus(f"{one:+d}°") for one in dec]


def _meridians() -> Sequence[int]:
    return range(GRID_STEP_DEG - 180, 180, GRID_STEP_DEG)


def _parallels() -> Sequence[int]:
    return range(GRID_STEP_DEG - 90, 90, GRID_STEP_DEG)
