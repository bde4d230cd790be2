"""Features of cutouts as files beside the network that gave them, and maps of them; read without Keras.

A run's folder holds `features/SUBJECT/`, where the subject is `source-NAME` or `dataset-NAME`: `ids.npy`,
`features.npy`, `features.json` and a `map-METHOD.npz` for each map.
"""

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from lensapp.core.config import read_json, write_json
from lensapp.core.errors import NotFound, StorageError
from lensapp.core.typed_commands import as_typed_here
from lensapp.storage import datasets, sources
from lensapp.storage.files import DAMAGED, checksum_of, network_file, whole_file
from lensapp.storage.workspace import Workspace

IDS, VALUES, INFO = "ids.npy", "features.npy", "features.json"
HALF_ABOVE_BYTES = 2 * 2**30

Ids = NDArray[np.int64]
Values = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class FeatureStore:
    """The features of one subject, being written or complete.

    Attributes
    ----------
    folder
        Where the files are.
    checksum
        SHA-256 of the network that gives them.
    done
        Number of cutouts whose features are stored, in the order of the ids.
    values : shape (n, d)
        A memory map to write to.
    """

    folder: Path
    checksum: str
    done: int

    values: Any

    def advance(self, done: int) -> "FeatureStore":
        """Flush, and note that the first `done` cutouts have their features."""
        self.values.flush()
        write_json(self.folder / INFO, {"checksum": self.checksum, "done": done})
        return replace(self, done=done)


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """Features projected onto a plane, and the clusters among them.

    Attributes
    ----------
    cutout_ids : int64, shape (n,)
    positions : float32, shape (n, 2)
    clusters : int32, shape (n,)
        Numbers from 0, largest cluster first; -1 for a cutout in none.
    settings
        Method, kind of clusters, seed and what followed from them.
    """

    cutout_ids: Ids
    positions: NDArray[np.float32]
    clusters: NDArray[np.int32]
    settings: dict[str, Any]


def features_folder(ws: Workspace, run_name: str, name: str) -> Path:
    """Return the folder for the features of a source or a dataset version through a run."""
    source_names = {source.name for source in sources.list_sources(ws.database)}
    if name in source_names:
        return ws.run_folder(run_name) / "features" / f"source-{name}"
    if name in {dataset.name for dataset in datasets.list_datasets(ws.database)}:
        return ws.run_folder(run_name) / "features" / f"dataset-{name}"
    raise NotFound(
        f"There is no source or dataset version called {name!r}. "
        f"Known sources: {', '.join(sorted(source_names)) or 'none yet'}."
    )


def open_store(folder: Path, cutout_ids: Ids, dimensions: int, *, checksum: str) -> FeatureStore:
    """Return the store of these cutouts' features, begun anew unless it is of the same network and cutouts.

    Features are float32, or float16 where float32 would take more than 2 GiB.
    """
    shape = (len(cutout_ids), dimensions)
    info = read_json(folder / INFO) if (folder / INFO).exists() else {}
    if info.get("checksum") == checksum:
        with suppress(*DAMAGED):
            ids, values = np.load(folder / IDS), np.load(folder / VALUES, mmap_mode="r+")
            if np.array_equal(ids, cutout_ids) and values.shape == shape:
                return FeatureStore(folder, checksum, int(info["done"]), values)
    folder.mkdir(parents=True, exist_ok=True)
    for path in (folder / INFO, *folder.glob("map-*.npz")):
        path.unlink(missing_ok=True)
    half = len(cutout_ids) * dimensions * 4 > HALF_ABOVE_BYTES
    np.save(folder / IDS, np.asarray(cutout_ids, np.int64))
    dtype = np.float16 if half else np.float32
    values = open_memmap(folder / VALUES, mode="w+", dtype=dtype, shape=shape)
    return FeatureStore(folder, checksum, 0, values).advance(0)


def has_features(ws: Workspace, run_name: str, name: str) -> bool:
    """Return whether `load_features` would give the features of a source or a dataset version."""
    try:
        load_features(ws, run_name, name)
    except NotFound:
        return False
    return True


def load_features(ws: Workspace, run_name: str, name: str) -> tuple[Ids, Values]:
    """Return the cutouts of a source or a dataset version and their features through a run.

    Returns
    -------
    cutout_ids : int64, shape (n,)
    features : float32, shape (n, d)
        Memory-mapped, read only; float16 where float32 would take more than 2 GiB.
    """
    folder = features_folder(ws, run_name, name)
    info = read_json(folder / INFO) if (folder / INFO).exists() else {}
    network = network_file(ws.run_folder(run_name))
    if not info or not network.exists() or info["checksum"] != checksum_of(network):
        state = "are of an earlier network" if info else "have not been computed"
        raise _absent(ws, run_name, name, state)
    try:
        ids = np.load(folder / IDS)
        values = np.load(folder / VALUES, mmap_mode="r")
    except DAMAGED as error:
        raise StorageError(
            f"The features in {folder} cannot be read ({error}). Delete the folder and compute them again."
        ) from error
    if info["done"] < len(ids):
        raise _absent(ws, run_name, name, f"are complete for {info['done']} of {len(ids)} cutouts only")
    return ids, values


def _absent(ws: Workspace, run_name: str, name: str, state: str) -> NotFound:
    return NotFound(
        f"The features of {name} through {run_name} {state}. "
        f"Compute them: {as_typed_here(f'features {run_name} {name}', workspace=ws.folder)}"
    )


def save_map(folder: Path, method: str, feature_map: FeatureMap) -> None:
    """Write a map beside the features, whole or not at all."""
    with whole_file(map_path(folder, method)) as path:
        np.savez(path, **(vars(feature_map) | {"settings": np.array(json.dumps(feature_map.settings))}))


def map_path(folder: Path, method: str) -> Path:
    """Return where the map by "pca" or "umap" of the features in `folder` is kept."""
    return folder / f"map-{method}.npz"


def load_map(ws: Workspace, run_name: str, name: str, method: str) -> FeatureMap:
    """Return the map of a source or a dataset version by "pca" or "umap"."""
    path = map_path(features_folder(ws, run_name, name), method)
    if not path.exists():
        raise NotFound(
            f"There is no {method} map of {name} through {run_name}. "
            f"Make it: {as_typed_here(f'features {run_name} {name} --map {method}', workspace=ws.folder)}"
        )
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in ("cutout_ids", "positions", "clusters")}
            return FeatureMap(**arrays, settings=json.loads(str(stored["settings"])))
    except DAMAGED as error:
        raise StorageError(f"The map {path} cannot be read ({error}). Make the map again.") from error
