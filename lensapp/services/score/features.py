"""Features through a run: start their computation, and put a map beside what is known of the cutouts."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lensapp import jobs
from lensapp.core.inspect.consensus import find_consensus
from lensapp.core.score.feature_spec import MapSpec
from lensapp.job_kinds import FeaturesPayload
from lensapp.services.train.runs import check_source_fits, require_network
from lensapp.storage import datasets, reviews, runs, sources
from lensapp.storage.features import FeatureMap, features_folder, has_features, load_map
from lensapp.storage.records import Job, Run, Source
from lensapp.storage.workspace import Workspace

__all__ = [
    "cluster_rows",
    "has_features",
    "load_map",
    "map_stored_at",
    "map_table",
    "maps_made",
    "sources_of",
    "start_features",
]

METHODS = ("pca", "umap")
UNLABELLED = "unlabelled"


def start_features(ws: Workspace, *, run_name: str, name: str, spec: MapSpec | None = None) -> Job:
    """Queue the features of a source or a dataset version through a run, and a map of them.

    One that waits or runs already with the same map is returned.

    Raises
    ------
    NotFound
        When the run, or the source or dataset version, does not exist.
    InvalidInput
        When the run has no network.
    BandMismatch
        When bands, their order, the size or the pixel scale differ from the network's.
    """
    run = runs.get_run(ws.database, run_name)
    features_folder(ws, run_name, name)
    require_network(ws, run)
    for source in sources_of(ws, name):
        check_source_fits(ws, run, source)
    payload: FeaturesPayload = {"run": run.name, "source": name, "spec": spec.saved() if spec else None}
    title = f"Features of {name} through {run.name}"
    return jobs.enqueue(ws.database, kind="features", title=title, payload=payload, once=True)


def sources_of(ws: Workspace, name: str) -> list[Source]:
    """Return the source called `name`, or those of the dataset version called so.

    Raises
    ------
    NotFound
        When neither exists.
    """
    known = {source.name: source for source in sources.list_sources(ws.database)}
    if name in known:
        return [known[name]]
    dataset = datasets.get_dataset(ws.database, name)
    return [sources.source_by_id(ws.database, key) for key in dataset.source_ids]


def maps_made(ws: Workspace, run_name: str, name: str) -> list[str]:
    """Return which of "pca" and "umap" exist for a source or a dataset version through a run."""
    if not has_features(ws, run_name, name):
        return []
    folder = features_folder(ws, run_name, name)
    return [method for method in METHODS if (folder / f"map-{method}.npz").exists()]


def map_stored_at(ws: Workspace, run_name: str, name: str, method: str) -> int:
    """Return when a map was stored, in nanoseconds since 1970; it changes with the map."""
    return (features_folder(ws, run_name, name) / f"map-{method}.npz").stat().st_mtime_ns


def map_table(ws: Workspace, run: Run, name: str, found: FeatureMap) -> pd.DataFrame:
    """Return one row per cutout of a map.

    Columns: cutout_id, candidate_id, x, y, cluster (-1 for none), label ("unlabelled" for none),
    object_class ("" for none), score (NaN for none) and grade (the consensus; "" for none).
    """
    used = sources_of(ws, name)
    columns = sources.cutout_columns(
        ws.database,
        [source.id for source in used],
        columns=("id", "candidate_id", "label", "object_class"),
    )
    place = _places(columns["id"], found.cutout_ids)
    table = pd.DataFrame(
        {
            "cutout_id": found.cutout_ids,
            "candidate_id": columns["candidate_id"][place],
            "x": found.positions[:, 0],
            "y": found.positions[:, 1],
            "cluster": found.clusters,
            "label": [text or UNLABELLED for text in columns["label"][place]],
            "object_class": [text or "" for text in columns["object_class"][place]],
            "score": np.nan,
            "grade": "",
        }
    )
    for source in used:
        _add_scores(ws, table, run, source)
        _add_grades(ws, table, source)
    return table


def _places(known: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    order = np.argsort(known)
    return np.asarray(order[np.searchsorted(known[order], wanted)], np.int64)


def _add_scores(ws: Workspace, table: pd.DataFrame, run: Run, source: Source) -> None:
    cutout_ids, scores = runs.scores_of(ws.database, run.id, source.id)
    given = table["cutout_id"].map(pd.Series(scores, index=cutout_ids))
    table["score"] = table["score"].fillna(given)


def _add_grades(ws: Workspace, table: pd.DataFrame, source: Source) -> None:
    of_source = {review.id for review in reviews.list_reviews(ws.database) if review.source_id == source.id}
    votes = [vote for review_id in of_source for vote in reviews.votes_of(ws.database, review_id=review_id)]
    consensus = find_consensus(votes)
    grades = table["cutout_id"].map(pd.Series(consensus.grade, index=consensus.cutout_id, dtype=object))
    table["grade"] = table["grade"].where(grades.isna(), grades)


def cluster_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return what is known of each cluster of a `map_table`, largest first, those in none last.

    Keys: cluster, size, lens_share (of the labelled), mean_score, votes (graded cutouts) and
    grades (how many A, B, C, X).
    """
    rows = [_cluster_row(int(key), members) for key, members in table.groupby("cluster")]
    return sorted(rows, key=_cluster_order)


def _cluster_order(row: dict[str, Any]) -> tuple[bool, int]:
    return row["cluster"] < 0, row["cluster"]


def _cluster_row(cluster: int, members: pd.DataFrame) -> dict[str, Any]:
    labelled = members[members["label"] != UNLABELLED]
    graded = members[members["grade"] != ""]
    counts = graded["grade"].value_counts().sort_index()
    return {
        "cluster": cluster,
        "size": len(members),
        "lens_share": float((labelled["label"] == "lens").mean()) if len(labelled) else None,
        "mean_score": float(members["score"].mean()) if members["score"].notna().any() else None,
        "votes": len(graded),
        "grades": " ".join(f"{count} {grade}" for grade, count in counts.items()),
    }
