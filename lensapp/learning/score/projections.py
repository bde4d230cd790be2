"""Bring features to a plane by PCA or UMAP, and find clusters in them.

UMAP is imported only here and only when asked for: it compiles itself for seconds.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.plurals import thin_spaced
from lensapp.core.progress import Report, ignore_progress
from lensapp.core.score.feature_spec import MapSpec
from lensapp.storage.features import FeatureMap

COMPONENTS = 50
FEWEST = 5
ROWS_AT_ONCE = 20_000
SMALLEST_SHARE = 0.02  # of 1 % one group falls apart into thirty
WIDE = 4096  # features; the covariance of more would not fit into memory beside them

Points = NDArray[np.float32]
Numbers = NDArray[np.int32]


def make_map(
    cutout_ids: NDArray[np.int64],
    features: NDArray[Any],
    spec: MapSpec,
    *,
    report: Report = ignore_progress,
) -> FeatureMap:
    """Return the map of features (n, d) and the clusters in it; report each step as it begins.

    Features are brought to their leading principal components (50 at most). The PCA
    map shows the first two; UMAP learns from all of them, on a random sample where there are many cutouts,
    and the rest is placed among the sample. HDBSCAN looks for clusters in the map, k-means in the leading
    components. Same seed, same map (on the same machine).

    References
    ----------
    McInnes, Healy & Melville 2018, arXiv:1802.03426 (UMAP); Campello, Moulavi & Sander 2013 (HDBSCAN).
    """
    if len(features) < FEWEST:
        raise InvalidInput(
            f"A map needs at least {FEWEST} cutouts, and there are {len(features)}. Take a larger source."
        )
    rng = np.random.default_rng(spec.seed)
    sample = np.sort(rng.permutation(len(features))[: spec.sample])
    report({"fraction": 0.0, "message": f"principal components of {thin_spaced(len(features))} cutouts"})
    leading = Projection.fit(np.asarray(features[sample], np.float32)).apply(features)
    if spec.method == "pca":
        positions = leading[:, :2]
    else:
        positions = umap_positions(leading, sample, spec, report=report)
    if spec.clusters != "none":
        report({"fraction": 0.95, "message": "looking for groups in the map"})
    clusters = find_clusters(leading, positions, sample, spec)
    settings = spec.saved() | {
        "cutouts": len(features),
        "dimensions": int(features.shape[1]),
        "found": int(clusters.max(initial=-1)) + 1,
        "outside": int(np.count_nonzero(clusters < 0)),
    }
    return FeatureMap(cutout_ids, _in_plane(positions), clusters, settings)


@dataclass(frozen=True, eq=False)
class Projection:
    """Features to their leading principal components."""

    centre: NDArray[np.float32]
    axes: NDArray[np.float32]

    @classmethod
    def fit(cls, features: Points) -> "Projection":
        """Find the leading components of features (n, d)."""
        if not np.isfinite(features).all():
            raise InvalidInput(
                "Some features are not finite: the training of the network diverged. Train it again."
            )
        from sklearn.decomposition import PCA

        count = min(COMPONENTS, *features.shape)
        solver = "covariance_eigh" if features.shape[1] <= WIDE else "randomized"
        fitted = PCA(count, svd_solver=solver, random_state=0).fit(features)
        return cls(fitted.mean_.astype(np.float32), fitted.components_.astype(np.float32))

    def apply(self, features: NDArray[Any]) -> Points:
        """Return the components (n, ≤ 50) of features (n, d), a part at a time."""
        starts = range(0, len(features), ROWS_AT_ONCE)
        blocks = (np.asarray(features[k : k + ROWS_AT_ONCE], np.float32) for k in starts)
        parts = [(block - self.centre) @ self.axes.T for block in blocks]
        return np.concatenate(parts)


def umap_positions(
    leading: Points, sample: NDArray[np.int64], spec: MapSpec, *, report: Report = ignore_progress
) -> Points:
    """Return positions (n, 2) by UMAP, which learns from the sample and places the rest among it."""
    report({"fraction": 0.05, "message": "loading UMAP"})
    with warnings.catch_warnings():
        # A seed costs UMAP its threads, which is what makes the map repeatable.
        warnings.filterwarnings("ignore", message=".*n_jobs value.*")
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
        from umap import UMAP  # type: ignore[import-untyped]

        neighbours = min(spec.neighbours, len(sample) - 1)
        # The first two components, about ten wide, are where UMAP begins; this keeps the large scales.
        plane = _in_plane(leading[sample][:, :2])
        begin = (10 * plane / max(float(np.abs(plane).max()), 1e-12)).astype(np.float32)
        learner = UMAP(n_neighbors=neighbours, random_state=spec.seed, min_dist=0.1, init=begin)
        positions = np.empty((len(leading), 2), np.float32)
        # Of how far it is UMAP tells nothing.
        report({"fraction": 0.15, "message": f"UMAP learns from {thin_spaced(len(sample))} cutouts"})
        positions[sample] = learner.fit_transform(leading[sample])
        rest = np.setdiff1d(np.arange(len(leading)), sample)
        for start in range(0, len(rest), ROWS_AT_ONCE):
            rows = rest[start : start + ROWS_AT_ONCE]
            placed = f"UMAP places {thin_spaced(start)} of {thin_spaced(len(rest))} more cutouts"
            report({"fraction": 0.6 + 0.35 * start / len(rest), "message": placed})
            positions[rows] = learner.transform(leading[rows])
    return positions


def _in_plane(positions: Points) -> Points:
    """Return positions (n, 2), the second coordinate 0 where features have one dimension."""
    plane = np.zeros((len(positions), 2), np.float32)
    plane[:, : positions.shape[1]] = positions
    return plane


def find_clusters(leading: Points, positions: Points, sample: NDArray[np.int64], spec: MapSpec) -> Numbers:
    """Return the number of each cutout's cluster, largest first from 0, -1 for none."""
    if spec.clusters == "none":
        return np.full(len(leading), -1, np.int32)
    if spec.clusters == "kmeans":
        from sklearn.cluster import KMeans

        count = min(spec.cluster_count, len(sample))
        model = KMeans(count, n_init=4, random_state=spec.seed).fit(leading[sample])
        return by_size(model.predict(leading))
    from sklearn.cluster import HDBSCAN
    from sklearn.neighbors import KNeighborsClassifier

    plane = _in_plane(positions)
    smallest = spec.min_cluster_size or max(FEWEST, round(SMALLEST_SHARE * len(sample)))
    numbers = HDBSCAN(min_cluster_size=min(smallest, len(sample)), copy=True).fit_predict(plane[sample])
    if len(sample) < len(plane):  # others belong to the cluster of the nearest cutout of the sample
        numbers = KNeighborsClassifier(1).fit(plane[sample], numbers).predict(plane)
    return by_size(np.asarray(numbers, np.int32))


def by_size(numbers: NDArray[Any]) -> Numbers:
    """Renumber clusters from 0 by falling size; those below 0, in no cluster, become -1."""
    clusters, counts = np.unique(numbers[numbers >= 0], return_counts=True)
    order = clusters[np.lexsort((clusters, -counts))]
    renumbered = np.full(int(numbers.max(initial=-1)) + 2, -1, np.int32)  # the last for those in no cluster
    renumbered[order] = np.arange(len(order))
    return np.asarray(renumbered[np.maximum(numbers, -1)])
