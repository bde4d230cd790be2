"""A map of many cutouts is counted in cells, zoomed by counting anew, and overlaid by what is known."""

import numpy as np
import pandas as pd
import pytest
from astropy.table import Table

from lensapp.core.errors import InvalidInput
from lensapp.services.data.known_lenses import load_known_lenses
from lensapp.services.score import map_density, map_overlays
from lensapp.services.score.map_density import COLUMNS, ROWS, Bounds, MapPoints, binned
from lensapp.storage.workspace import Workspace
from support.small_surveys import add_source

COUNT = 3000


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(5)
    positions = rng.normal(0, 1, (COUNT, 2)).astype(np.float32)
    clusters = rng.integers(-1, 2, COUNT).astype(np.int32)
    return MapPoints(np.arange(100, 100 + COUNT), positions, clusters)


def edges(bounds):
    left, right, bottom, top = bounds
    return np.linspace(left, right, COLUMNS + 1), np.linspace(bottom, top, ROWS + 1)


@pytest.mark.parametrize("zoomed", [None, Bounds(-0.5, 0.75, 0.0, 1.0)])
def test_cells_hold_what_numpy_counts_in_the_same_rectangle(points, zoomed):
    cells = binned(points.positions, zoomed or points.bounds)
    x, y = points.positions.T.astype(float)
    expected, *_ = np.histogram2d(x, y, bins=edges(cells.bounds))
    assert np.abs(cells.counts - expected.T).sum() <= 4  # points on an edge, in single precision
    assert cells.inside == COUNT if zoomed is None else 0 < cells.inside < COUNT


def test_the_mean_of_a_cell_leaves_out_what_has_no_score(points):
    scores = np.random.default_rng(1).random(COUNT)
    scores[::3] = np.nan
    cells = binned(points.positions, points.bounds)
    means = cells.means(scores).ravel()
    table = pd.Series(scores).groupby(cells.cell).mean()
    np.testing.assert_allclose(means[table.index], table.to_numpy())
    assert np.isnan(means[np.setdiff1d(np.arange(ROWS * COLUMNS), table.index)]).all()


def test_chosen_cells_give_their_points_and_the_rectangle_around_them(points):
    cells = binned(points.positions, points.bounds)
    chosen = [int(cells.cell[7]), int(cells.cell[11])]
    rows = cells.rows_in(chosen)
    np.testing.assert_array_equal(rows, np.flatnonzero(np.isin(cells.cell, chosen)))
    around = cells.bounds_of(chosen)
    nearer = binned(points.positions, around)
    assert set(rows.tolist()) <= set(np.flatnonzero(nearer.cell >= 0).tolist())
    x, y = cells.middles()
    assert (around.right - around.left) >= x[1] - x[0] - 1e-9
    assert {7, 11} <= set(rows.tolist())
    assert y[0] > cells.bounds.bottom


def test_the_middle_of_each_cluster_is_its_point_nearest_to_the_median(points):
    table = pd.DataFrame(points.positions, columns=["x", "y"]).assign(cluster=points.clusters)
    nearest = []
    for _, members in table[table["cluster"] >= 0].groupby("cluster"):
        apart = np.hypot(members["x"] - members["x"].median(), members["y"] - members["y"].median())
        nearest.append(int(apart.idxmin()))
    assert points.middles.tolist() == nearest
    for first, rows in zip(nearest, points.nearest_middles(3), strict=True):
        assert rows[0] == first
        assert len({*points.clusters[rows].tolist()}) == 1
        assert len({*rows.tolist()}) == min(3, np.count_nonzero(points.clusters == points.clusters[first]))
    none = MapPoints(points.cutout_ids, points.positions, np.full(COUNT, -1, np.int32))
    assert not len(none.middles)


def test_clusters_are_counted_as_pandas_counts_them(points):
    scores = np.where(np.arange(COUNT) % 2, np.linspace(0, 1, COUNT), np.nan)
    rows = map_density.cluster_counts(points, scores, graded=np.array([0, 1, 2]))
    groups = pd.DataFrame({"cluster": points.clusters, "score": scores}).groupby("cluster")["score"]
    assert {row["cluster"]: row["size"] for row in rows} == groups.size().to_dict()
    for row in rows:
        assert row["mean_score"] == pytest.approx(groups.mean()[row["cluster"]])
    assert (sum(row["votes"] for row in rows), rows[-1]["cluster"]) == (3, -1)


@pytest.fixture
def ws(tmp_path):
    workspace = Workspace.open(tmp_path / "w")
    add_source(workspace, "sky", count=10)  # 36 arcsec apart along the equator
    return workspace


def test_known_lenses_and_objects_of_a_catalogue_are_laid_over_by_id_else_by_position(ws, tmp_path):
    ids = map_overlays._cutouts(ws, map_overlays._states(ws, "sky"))["id"]
    Table({"name": ["a"], "ra": [10.02 + 1 / 3600], "dec": [0.0]}).write(tmp_path / "known.csv")
    known = load_known_lenses(tmp_path / "known.csv")
    assert map_overlays.known_overlay(ws, "sky", known).tolist() == [ids[2]]
    Table({"id": ["sky-004", "sky-009", "other"]}).write(tmp_path / "by_id.csv")
    assert map_overlays.catalogue_overlay(ws, "sky", tmp_path / "by_id.csv").tolist() == [ids[4], ids[9]]
    assert map_overlays.catalogue_overlay(ws, "sky", tmp_path / "known.csv").tolist() == [ids[2]]
    Table({"id": ["x"], "ra": [99.0], "dec": [9.0]}).write(tmp_path / "none.csv")
    with pytest.raises(InvalidInput, match="has the ID of a cutout of sky"):
        map_overlays.catalogue_overlay(ws, "sky", tmp_path / "none.csv")
