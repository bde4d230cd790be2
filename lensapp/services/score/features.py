"""Features through a run: start their computation; map them beside labels, scores and grades."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from lensapp import jobs
from lensapp.core.acting import needs
from lensapp.core.align import ABSENT, rows_of
from lensapp.core.score.feature_spec import MapSpec
from lensapp.job_kinds import FeaturesPayload
from lensapp.services.score.scores import ScoresState, aligned_scores, state_of_scores
from lensapp.services.train.run_listing import studies_last
from lensapp.services.train.runs import (
    GIVE_FEATURES,
    RunStatus,
    check_source_fits,
    has_recipe,
    list_statuses,
    require_network,
)
from lensapp.storage import datasets, runs, sources
from lensapp.storage.columns.source_columns import cutout_columns
from lensapp.storage.features import features_folder, has_features, load_map, map_path
from lensapp.storage.files import network_file
from lensapp.storage.records import Job, Run, Source
from lensapp.storage.workspace import Workspace

METHODS = ("umap", "pca")  # which is shown first: neighbours on it are alike
UNLABELLED = "unlabelled"


@needs("work")
def start_features(
    ws: Workspace,
    *,
    run_name: str,
    name: str,
    spec: MapSpec | None = None,
    crop: bool = False,
    allow_unknown_units: bool = False,
) -> Job:
    """Queue the features of a source or a dataset version through a run, and a map of them.

    One that waits or runs already with the same map is returned. What `crop` and `allow_unknown_units` permit
    is what they do for scores; the run remembers it.

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
    if run.model not in GIVE_FEATURES:
        require_network(ws, run)
    given = {"crop": crop, "allow_unknown_units": allow_unknown_units}
    every = sources_of(ws, name)
    for source in every:
        check_source_fits(ws, run, source, **given)
    for source in every:
        if allow_unknown_units:
            runs.allow_unknown_units(ws, run, source)
        if crop:
            runs.allow_crop(ws, run, source)
    payload: FeaturesPayload = {"run": run.name, "source": name, "spec": spec.saved() if spec else None}
    title = f"Features of {name} through {run.name}"
    return jobs.enqueue(ws.database, kind="features", title=title, payload=payload, once=True)


def runs_that_give_features(ws: Workspace) -> list[Run]:
    """Return the runs with a network of their own, newest first, those of studies last; no committee has.

    Those still learning are left out: a map through what a network is for a moment would soon be another's.
    """
    return [status.run for status in studies_last(ws, _with_networks(ws)) if not _learns(status)]


def runs_to_give_features(ws: Workspace) -> list[str]:
    """Return the names of the runs that will give features once they have been trained, newest first."""
    return [status.name for status in list_statuses(ws) if _learns(status) and has_recipe(status.run)]


def _learns(status: RunStatus) -> bool:
    return status.active and status.job is not None


def _with_networks(ws: Workspace) -> list[RunStatus]:
    return [one for one in list_statuses(ws) if network_file(ws.run_folder(one.name)).is_file()]


def sources_of(ws: Workspace, name: str) -> list[Source]:
    """Return the source called `name`, or those of the dataset version called so.

    Raises
    ------
    NotFound
        When neither exists.
    """
    imported = {source.name: source for source in sources.list_sources(ws.database)}
    if name in imported:
        return [imported[name]]
    dataset = datasets.get_dataset(ws.database, name)
    return [sources.source_by_id(ws.database, key) for key in dataset.source_ids]


def maps_made(ws: Workspace, run_name: str, name: str) -> list[str]:
    """Return which of "umap" and "pca" exist for a source or a dataset version through a run."""
    if not has_features(ws, run_name, name):
        return []
    folder = features_folder(ws, run_name, name)
    return [method for method in METHODS if map_path(folder, method).exists()]


def map_table(
    ws: Workspace, run_name: str, name: str, method: str, *, grades: Mapping[int, str]
) -> pd.DataFrame:
    """Return one row per cutout of a map, its grade that of `grades` (cutout ID → consensus).

    Columns: cutout_id, candidate_id, x, y, cluster (-1 for none), label ("unlabelled" for none),
    object_class ("" for none), score (NaN for none) and grade ("" for none).

    Raises
    ------
    NotFound
        When the run, the source or dataset version, or the map does not exist.
    """
    run = runs.get_run(ws.database, run_name)
    path = map_path(features_folder(ws, run_name, name), method)
    stored_at = path.stat().st_mtime_ns if path.exists() else 0
    state = state_of_scores(ws, run, sources_of(ws, name))
    table = _ungraded_table(ws, run.id, run.name, name, method, (stored_at, state))
    rows = rows_of(list(grades), table["cutout_id"])
    grade = np.full(len(table), "", object)
    grade[rows[rows != ABSENT]] = np.array(list(grades.values()), object)[rows != ABSENT]
    return table.assign(grade=grade)


@lru_cache(maxsize=4)
def _ungraded_table(
    ws: Workspace, run_id: int, run_name: str, name: str, method: str, _state: tuple[int, ScoresState]
) -> pd.DataFrame:
    """Read again when the map or the scores have changed."""
    feature_map = load_map(ws, run_name, name, method)
    ids = feature_map.cutout_ids
    source_ids = [source.id for source in sources_of(ws, name)]
    columns = cutout_columns(ws, source_ids, columns=("id", "candidate_id", "label", "object_class"))
    rows = rows_of(ids, columns["id"])
    return pd.DataFrame(
        {
            "cutout_id": ids,
            "candidate_id": columns["candidate_id"][rows],
            "x": feature_map.positions[:, 0],
            "y": feature_map.positions[:, 1],
            "cluster": feature_map.clusters,
            "label": [label or UNLABELLED for label in columns["label"][rows]],
            "object_class": [object_class or "" for object_class in columns["object_class"][rows]],
            "score": aligned_scores(ws, ids, source_ids, run_id=run_id),
        }
    )


def cluster_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the figures of each cluster of a `map_table`, largest first, those in none last.

    Keys: cluster, size, lens_share (of the labelled), most_frequent (the class of most of its cutouts, and
    of which share), mean_score, votes (graded cutouts) and grades (how many A, B, C, X).
    """
    clusters = {int(key): members for key, members in table.groupby("cluster")}
    rows = []
    for cluster in sorted(clusters, key=lambda key: (key < 0, key)):
        members = clusters[cluster]
        labelled = members[members["label"] != UNLABELLED]
        graded = members[members["grade"] != ""]
        counts = graded["grade"].value_counts().sort_index()
        classes = members["object_class"].value_counts()
        rows.append(
            {
                "cluster": cluster,
                "size": len(members),
                "lens_share": float((labelled["label"] == "lens").mean()) if len(labelled) else None,
                "most_frequent": f"{classes.index[0]} {classes.iloc[0] / len(members):.0%}".replace(
                    "%", "\u202f%"
                )
                if len(classes) and classes.index[0]
                else "",
                "mean_score": float(members["score"].mean()) if members["score"].notna().any() else None,
                "votes": len(graded),
                "grades": " · ".join(f"{count} {grade}" for grade, count in counts.items()),
            }
        )
    return rows
