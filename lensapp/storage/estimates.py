"""What a run says of the cutouts of a source besides a score: probabilities of classes, or values.

Parts of a few hundred cutouts are written as they are computed, so that a stopped run goes on, and joined
at the end.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import StorageError
from lensapp.storage.files import DAMAGED, NETWORK, checksum_of, whole_file
from lensapp.storage.workspace import Workspace

FOLDER = "estimates"
WHOLE = "whole.npz"
PART = "part-"


@dataclass(frozen=True)
class EstimateStore:
    """The estimates that a run made of one source.

    Attributes
    ----------
    folder
        Where they are.
    columns
        Names of the values of each cutout.
    """

    folder: Path
    columns: tuple[str, ...]

    def add(self, cutout_ids: NDArray[np.int64], values: NDArray[Any]) -> None:
        """Store values (n, columns) of some cutouts, whole or not at all; none without columns."""
        if len(cutout_ids) and self.columns:
            name = f"{PART}{int(cutout_ids[0])}-{len(cutout_ids)}.npz"
            self._write(self.folder / name, cutout_ids, values)

    def read(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return cutout ids in rising order and their values (n, columns); of two values the newer."""
        ids, values = [np.empty(0, np.int64)], [np.empty((0, len(self.columns)), np.float32)]
        for path in self._files():
            try:
                with np.load(path, allow_pickle=False) as stored:
                    columns = stored["columns"].tolist()
                    ids.append(stored["cutout_ids"])
                    values.append(stored["values"])
            except DAMAGED as error:
                raise StorageError(
                    f"The estimates in {path} cannot be read ({error}). Delete it and score the source again."
                ) from error
            if tuple(columns) != self.columns:
                raise StorageError(
                    f"{path} holds the columns {', '.join(columns)}, not {', '.join(self.columns)}. "
                    "Delete it and score the source again."
                )
        distinct, first = np.unique(np.concatenate(ids)[::-1], return_index=True)
        return distinct, np.concatenate(values)[::-1][first]

    def join(self) -> None:
        """Turn all parts into one file."""
        parts = [path for path in self._files() if path.name != WHOLE]
        if not parts:
            return
        self._write(self.folder / WHOLE, *self.read())
        for path in parts:
            path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _files(self) -> list[Path]:
        """Return the joined file first, then the parts from the oldest to the newest."""
        parts = sorted(
            self.folder.glob(f"{PART}*.npz"), key=lambda path: (path.stat().st_mtime_ns, path.name)
        )
        whole = self.folder / WHOLE
        return [whole, *parts] if whole.exists() else parts

    def _write(self, path: Path, cutout_ids: NDArray[np.int64], values: NDArray[Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as partial:
            np.savez(
                partial,
                cutout_ids=np.asarray(cutout_ids, np.int64),
                values=np.asarray(values, np.float32),
                columns=np.array(self.columns),
            )


def estimate_store(run_folder: Path, source_name: str, columns: Sequence[str]) -> EstimateStore:
    """Return the estimates of a source by the run in `run_folder`, made or not."""
    return EstimateStore(run_folder / FOLDER / source_name, tuple(columns))


BALD_COLUMNS = ("bald", "mean", "std", "passes")
BALD_FOLDER = "dropout"


def bald_store(ws: Workspace, run_name: str, source_name: str) -> EstimateStore:
    """Return where BALD (nats), mean and scatter of the score and passes are kept.

    A network trained further has another place.
    """
    folder = ws.run_folder(run_name)
    return EstimateStore(
        folder / BALD_FOLDER / source_name / checksum_of(folder / NETWORK)[:16], BALD_COLUMNS
    )
