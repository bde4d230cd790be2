"""A map of features of any size as counts in cells: no point is sent to the browser."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lensapp.core.align import ABSENT, rows_of
from lensapp.services.data.filters import kept_ids
from lensapp.services.score.features import UNLABELLED, sources_of
from lensapp.services.score.scores import ScoresState, aligned_scores, state_of_scores
from lensapp.storage import runs, sources
from lensapp.storage.features import features_folder, load_map, map_path
from lensapp.storage.workspace import Workspace

DENSE_FROM = 20_000  # points from which a map is drawn as a density
COLUMNS, ROWS = 150, 110
MARGIN = 0.01
MOST_SELECTED = 10_000

Rows = NDArray[np.int64]


class Bounds(NamedTuple):
    """A rectangle of a map."""

    left: float
    right: float
    bottom: float
    top: float


@dataclass(frozen=True, eq=False)
class MapPoints:
    """All points of a map.

    Attributes
    ----------
    cutout_ids : int64, shape (n,)
    positions : float32, shape (n, 2)
    clusters : int32, shape (n,)
    """

    cutout_ids: Rows
    positions: NDArray[np.float32]
    clusters: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.cutout_ids)

    @cached_property
    def bounds(self) -> Bounds:
        """The rectangle that holds them all, with a margin."""
        low, high = self.positions.min(0).astype(float), self.positions.max(0).astype(float)
        margin = MARGIN * np.maximum(high - low, 1e-6)
        (left, bottom), (right, top) = (low - margin).tolist(), (high + margin).tolist()
        return Bounds(left, right, bottom, top)

    @cached_property
    def middles(self) -> Rows:
        """The row of the point nearest to the median of each cluster, in the order of their numbers."""
        return np.array([rows[0] for rows in self.nearest_middles(1)], np.int64)

    def nearest_middles(self, each: int) -> list[Rows]:
        """Return so many rows of each cluster, those nearest to its median first; see `middles`."""
        order = np.argsort(self.clusters, kind="stable")
        numbers = np.arange(self.clusters.max(initial=-1) + 2)
        nearest: list[Rows] = []
        for first, end in pairwise(np.searchsorted(self.clusters[order], numbers).tolist()):
            if first < end:
                places = self.positions[order[first:end]]
                apart = ((places - np.median(places, axis=0)) ** 2).sum(axis=1)
                nearest.append(order[first + np.argsort(apart, kind="stable")[:each]])
        return nearest


@dataclass(frozen=True, eq=False)
class Cells:
    """A rectangle of a map divided into cells, numbered row by row from the lower left.

    Attributes
    ----------
    cell : int32, shape (n,)
        The cell of each point, -1 outside of the rectangle.
    counts : int64, shape (ROWS, COLUMNS)
        Points in each.
    """

    bounds: Bounds
    cell: NDArray[np.int32]
    counts: NDArray[np.int64]

    @property
    def inside(self) -> int:
        """How many points lie in the rectangle."""
        return int(self.counts.sum())

    def middles(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return x of each column's middle and y of each row's."""
        left, right, bottom, top = self.bounds
        x = left + (np.arange(COLUMNS) + 0.5) * (right - left) / COLUMNS
        y = bottom + (np.arange(ROWS) + 0.5) * (top - bottom) / ROWS
        return x, y

    def means(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean of the finite values in each cell, shape (ROWS, COLUMNS), NaN without any."""
        known = (self.cell >= 0) & np.isfinite(values)
        cells, size = self.cell[known], COLUMNS * ROWS
        number = np.bincount(cells, minlength=size)
        total = np.bincount(cells, weights=values[known], minlength=size)
        means = np.where(number > 0, total / np.maximum(number, 1), np.nan)
        return means.reshape(ROWS, COLUMNS)

    def rows_in(self, chosen: list[int]) -> Rows:
        """Return the numbers of the points in some cells."""
        wanted = np.zeros(COLUMNS * ROWS + 1, bool)  # the last for points outside
        wanted[chosen] = True
        return np.flatnonzero(wanted[self.cell])

    def bounds_of(self, chosen: list[int]) -> Bounds:
        """Return the rectangle around some cells."""
        left, right, bottom, top = self.bounds
        wide, high = (right - left) / COLUMNS, (top - bottom) / ROWS
        row, column = np.divmod(np.asarray(chosen), COLUMNS)
        return Bounds(
            left + float(column.min()) * wide, left + float(column.max() + 1) * wide,
            bottom + float(row.min()) * high, bottom + float(row.max() + 1) * high,
        )  # fmt: skip


def binned(positions: NDArray[np.float32], bounds: Bounds) -> Cells:
    """Count points (n, 2) in the cells of a rectangle."""
    left, right, bottom, top = bounds
    column = np.floor((positions[:, 0] - np.float32(left)) * np.float32(COLUMNS / (right - left)))
    row = np.floor((positions[:, 1] - np.float32(bottom)) * np.float32(ROWS / (top - bottom)))
    inside = (column >= 0) & (column < COLUMNS) & (row >= 0) & (row < ROWS)
    cell = np.where(inside, row * COLUMNS + column, -1).astype(np.int32)
    counts = np.bincount(cell[inside], minlength=COLUMNS * ROWS)
    return Cells(bounds, cell, counts.reshape(ROWS, COLUMNS))


def map_points(ws: Workspace, run_name: str, name: str, method: str) -> MapPoints:
    """Return the points of a map, read again when it was made anew.

    Raises
    ------
    NotFound
        When the run, the source or dataset version, or the map does not exist.
    """
    path = map_path(features_folder(ws, run_name, name), method)
    return _points(ws, run_name, name, method, path.stat().st_mtime_ns if path.exists() else 0)


@lru_cache(maxsize=2)
def _points(ws: Workspace, run_name: str, name: str, method: str, _stored_at: int) -> MapPoints:
    stored = load_map(ws, run_name, name, method)
    return MapPoints(stored.cutout_ids, stored.positions, stored.clusters)


@lru_cache(maxsize=2)
def points_that_fulfil(ws: Workspace, name: str, points: MapPoints, where: str) -> MapPoints:
    """Return the points of a map whose cutouts fulfil a filter on their catalogues' columns.

    Raises
    ------
    InvalidInput
        When the filter names a column that there is not.
    """
    ids = np.concatenate([kept_ids(ws, source, where) for source in sources_of(ws, name)])
    rows = np.sort(rows_of_ids(points, ids))
    return MapPoints(points.cutout_ids[rows], points.positions[rows], points.clusters[rows])


@lru_cache(maxsize=2)
def cells_of(points: MapPoints, bounds: Bounds) -> Cells:
    """Return the cells of a rectangle of a map, counted once."""
    return binned(points.positions, bounds)


def scores_of_points(ws: Workspace, run_name: str, name: str, points: MapPoints) -> NDArray[np.float64]:
    """Return the score of each point of a map, NaN without one; read again when scores have changed."""
    state = state_of_scores(ws, runs.get_run(ws.database, run_name), sources_of(ws, name))
    return _scores(ws, run_name, name, points, state)


@lru_cache(maxsize=2)
def _scores(
    ws: Workspace, run_name: str, name: str, points: MapPoints, _state: ScoresState
) -> NDArray[np.float64]:
    run_id = runs.get_run(ws.database, run_name).id
    return aligned_scores(ws, points.cutout_ids, [one.id for one in sources_of(ws, name)], run_id=run_id)


def table_of_rows(
    ws: Workspace, points: MapPoints, rows: Rows, scores: NDArray[np.float64], *, grades: dict[int, str]
) -> pd.DataFrame:
    """Return some points as a table with the columns of `map_table`, best score first.

    Of more than MOST_SELECTED the best, or the first where none has a score.
    """
    order = np.argsort(-np.nan_to_num(scores[rows], nan=-np.inf), kind="stable")[:MOST_SELECTED]
    rows = rows[order]
    ids = points.cutout_ids[rows].tolist()
    cutouts = {cutout.id: cutout for cutout in sources.get_cutouts(ws.database, ids)}
    return pd.DataFrame(
        {
            "cutout_id": ids,
            "candidate_id": [cutouts[key].candidate_id for key in ids],
            "x": points.positions[rows, 0],
            "y": points.positions[rows, 1],
            "cluster": points.clusters[rows],
            "label": [cutouts[key].label or UNLABELLED for key in ids],
            "object_class": [cutouts[key].object_class or "" for key in ids],
            "score": scores[rows],
            "grade": [grades.get(key, "") for key in ids],
        }
    )


def cluster_counts(
    points: MapPoints, scores: NDArray[np.float64] | None, *, graded: Rows
) -> list[dict[str, Any]]:
    """Return the figures of each cluster as `cluster_rows` does, without labels, largest first."""
    number = points.clusters.astype(np.int64) + 1  # those in none first
    size = np.bincount(number)
    votes = np.bincount(number[graded], minlength=len(size))
    known = np.isfinite(scores) if scores is not None else np.zeros(len(points), bool)
    scored = np.bincount(number[known], minlength=len(size))
    total = np.bincount(number[known], weights=None if scores is None else scores[known], minlength=len(size))
    return [
        {
            "cluster": cluster,
            "size": int(size[cluster + 1]),
            "lens_share": None,
            "most_frequent": "",
            "mean_score": float(total[cluster + 1] / scored[cluster + 1]) if scored[cluster + 1] else None,
            "votes": int(votes[cluster + 1]),
            "grades": "",
        }
        for cluster in [*range(len(size) - 1), -1]
        if size[cluster + 1]
    ]


def rows_of_ids(points: MapPoints, cutout_ids: Rows) -> Rows:
    """Return the numbers of the points of some cutouts; those not on the map are left out."""
    rows: Rows = rows_of(cutout_ids, points.cutout_ids)
    on_map: Rows = rows[rows != ABSENT]
    return on_map
