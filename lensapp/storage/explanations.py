"""Explanations as files beside the network: what the score of one cutout rests on."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import NotFound, StorageError

FOLDER = "explanations"
ARRAYS = ("pixels", "labels", "weights", "occlusion")


@dataclass(frozen=True, eq=False)
class StoredExplanation:
    """What one number that a run gave of one cutout rests on.

    Attributes
    ----------
    pixels : float32, shape (y, x, band)
        The cutout in flux units.
    labels : shape (y, x)
        Region of each pixel.
    weights : shape (regions,)
        What showing each region adds.
    occlusion : shape (y, x)
        By how much hiding the surroundings of each pixel lowers the number.
    figures
        What `lensapp.learning.explaining.explain_cutout` measured.
    """

    pixels: NDArray[np.float32]
    labels: NDArray[np.int64]
    weights: NDArray[np.float64]
    occlusion: NDArray[np.float64]
    figures: dict[str, Any]

    @property
    def weight_map(self) -> NDArray[np.float64]:
        """The weight of each pixel's region, shape (y, x)."""
        return np.asarray(self.weights[self.labels])


def explanation_path(run_folder: Path, key: str) -> Path:
    """Return where the explanation called `key` is kept."""
    return run_folder / FOLDER / f"{key}.npz"


def save_explanation(run_folder: Path, key: str, explanation: StoredExplanation) -> None:
    """Write an explanation beside the network, whole or not at all."""
    path = explanation_path(run_folder, key)
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {name: getattr(explanation, name) for name in ARRAYS}
    partial = path.with_suffix(".partial")
    with partial.open("wb") as stream:
        np.savez(stream, figures=np.array(json.dumps(explanation.figures)), **arrays)
    partial.replace(path)


def load_explanation(run_folder: Path, key: str) -> StoredExplanation:
    """Read what `save_explanation` wrote.

    Raises
    ------
    NotFound
        When there is none.
    StorageError
        When the file is damaged.
    """
    path = explanation_path(run_folder, key)
    if not path.exists():
        raise NotFound(f"Expected an explanation at {path}, received none. Explain the cutout first.")
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in ARRAYS}
            return StoredExplanation(**arrays, figures=json.loads(str(stored["figures"])))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise StorageError(
            f"Expected an explanation at {path}, received {error}. Explain the cutout again."
        ) from error
