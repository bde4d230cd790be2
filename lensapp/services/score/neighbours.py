"""Candidates most similar to one in feature space: an index kept beside the features.

Features are compared by the cosine of their angle. Up to EXACT_UP_TO candidates each is compared; for more,
an HNSW graph (Malkov & Yashunin 2018, IEEE TPAMI 42, 824; library usearch) is built once and read from a
memory map. It belongs to the network and the candidates: other features get another index.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.align import ABSENT, rows_of
from lensapp.core.errors import NotFound, StorageError
from lensapp.core.progress import Report, ignore_progress
from lensapp.core.score.similarity import nearest, unit_rows
from lensapp.core.typed_commands import as_typed_here
from lensapp.services.train.run_listing import studies_last
from lensapp.storage import runs
from lensapp.storage.features import features_folder, has_features, load_features
from lensapp.storage.files import checksum_of, network_file, whole_file
from lensapp.storage.workspace import Workspace

EXACT_UP_TO = 50_000
CONNECTIVITY = 16
EXPANSION_BUILDING, EXPANSION_SEARCHING = 96, 256  # nodes visited: more is more exact, slower
CHUNK_ROWS = 65_536
DEFAULT_COUNT = 50
PATTERN = "neighbours-*.usearch"

Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Candidates most similar to one, most similar first, that one itself left out.

    Attributes
    ----------
    cutout_ids : int64, shape (k,)
    cosines : float32, shape (k,)
        Of the angle between the features; 1 is the same direction.
    exact
        Whether every candidate was compared.
    """

    cutout_ids: Ids
    cosines: NDArray[np.float32]
    exact: bool


def find_neighbours(
    ws: Workspace, *, run_name: str, source_name: str, cutout_id: int, count: int = DEFAULT_COUNT
) -> Neighbours:
    """Return the candidates of a source most similar to one of them in the features of a run.

    Uses the index where there is one; without it every candidate is compared.

    Raises
    ------
    NotFound
        When the features have not been computed, or the candidate is not among them.
    """
    ids, features = load_features(ws, run_name, source_name)
    [row] = rows_of([cutout_id], ids)
    if row == ABSENT:
        raise NotFound(
            f"Cutout {cutout_id} has no features among those of {source_name}. "
            f"Compute them again: {as_typed_here(f'features {run_name} {source_name}', workspace=ws.folder)}"
        )
    path = _index_path(ws, run_name, source_name, ids)
    query = np.asarray(features[[row]], np.float32)
    exact = len(ids) <= EXACT_UP_TO or not path.exists()
    [rows], [cosines] = nearest(features, query, count + 1) if exact else search_index(path, query, count + 1)
    others = rows != row
    return Neighbours(ids[rows[others]][:count], cosines[others][:count], exact=exact)


def ensure_index(ws: Workspace, *, run_name: str, name: str, report: Report = ignore_progress) -> bool:
    """Build the index of the features of a source or a dataset version unless it exists.

    Returns
    -------
    bool
        Whether there is one; none is made of so few features that all can be compared.

    Raises
    ------
    NotFound
        When the features have not been computed.
    """
    ids, features = load_features(ws, run_name, name)
    if len(ids) <= EXACT_UP_TO:
        return False
    path = _index_path(ws, run_name, name, ids)
    if not path.exists():
        build_index(path, features, report=report)
        for other in set(path.parent.glob(PATTERN)) - {path}:
            other.unlink(missing_ok=True)
    return True


def _index_path(ws: Workspace, run_name: str, name: str, ids: Ids) -> Path:
    checksum = hashlib.sha256(checksum_of(network_file(ws.run_folder(run_name))).encode())
    checksum.update(np.ascontiguousarray(ids).data)
    folder = features_folder(ws, run_name, name)
    return folder / PATTERN.replace("*", checksum.hexdigest()[:16])


def build_index(path: Path, features: NDArray[Any], *, report: Report = ignore_progress) -> None:
    """Write the index of features (n, d), half precision, whole or not at all."""
    index = _new_index(features.shape[1])
    for start in range(0, len(features), CHUNK_ROWS):
        rows = unit_rows(features[start : start + CHUNK_ROWS])
        index.add(np.arange(start, start + len(rows), dtype=np.uint64), rows)
        done = start + len(rows)
        report({"fraction": done / len(features), "message": f"indexed {done} of {len(features)} cutouts"})
    with whole_file(path) as partial:
        index.save(str(partial))


def search_index(path: Path, queries: NDArray[Any], count: int) -> tuple[Ids, NDArray[np.float32]]:
    """Return rows and cosines of those most similar to each query, both (q, count), by a stored index.

    Raises
    ------
    StorageError
        When the file is damaged.
    """
    index = _open_index(path, path.stat().st_mtime_ns, queries.shape[1])
    matches = index.search(unit_rows(queries), count)
    rows = np.asarray(matches.keys, np.int64).reshape(len(queries), -1)
    return rows, 1.0 - np.asarray(matches.distances, np.float32).reshape(rows.shape)


@lru_cache(maxsize=4)
def _open_index(path: Path, _changed_at: int, dimensions: int) -> Any:
    """Return an index in a memory map; opening one of a million takes longer than a search."""
    index = _new_index(dimensions)
    try:
        index.view(str(path))
    except RuntimeError as error:
        raise StorageError(
            f"The index {path} cannot be read ({error}). Delete it: without it all candidates are compared."
        ) from error
    return index


def _new_index(dimensions: int) -> Any:
    from usearch.index import Index

    return Index(
        ndim=dimensions,
        metric="ip",
        dtype="f16",
        connectivity=CONNECTIVITY,
        expansion_add=EXPANSION_BUILDING,
        expansion_search=EXPANSION_SEARCHING,
    )


def runs_with_features(ws: Workspace, source_name: str) -> list[str]:
    """Return the runs whose features of a source are stored, newest first, those of studies last."""
    every = studies_last(ws, runs.list_runs(ws.database))
    return [run.name for run in every if has_features(ws, run.name, source_name)]
