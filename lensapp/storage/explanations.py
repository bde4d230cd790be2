"""Explanations as files beside the network: what the score of one cutout rests on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import NotFound
from lensapp.storage.files import read_measured, write_measured

FOLDER = "explanations"
ARRAYS = ("pixels", "labels", "weights", "occlusion")


@dataclass(frozen=True, eq=False)
class StoredExplanation:
    """What one output of a run for one cutout rests on.

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
        What `lensapp.learning.explain.explaining.explain_cutout` measured.
    grad_cam, integrated : shape (y, x)
        Grad-CAM and integrated gradients; None where the run is no single network or they were left out.
    """

    pixels: NDArray[np.float32]
    labels: NDArray[np.int64]
    weights: NDArray[np.float64]
    occlusion: NDArray[np.float64]
    figures: dict[str, Any]
    grad_cam: NDArray[np.float64] | None = None
    integrated: NDArray[np.float64] | None = None

    @property
    def maps(self) -> dict[str, NDArray[np.float64]]:
        """Every map there is, by name, each of shape (y, x)."""
        named = {
            "regions": self.weight_map,
            "occlusion": self.occlusion,
            "grad_cam": self.grad_cam,
            "integrated": self.integrated,
        }
        return {name: values for name, values in named.items() if values is not None}

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
    write_measured(path, vars(explanation))


def load_explanation(run_folder: Path, key: str) -> StoredExplanation:
    """Read what `save_explanation` wrote."""
    path = explanation_path(run_folder, key)
    if not path.exists():
        raise NotFound(f"There is no explanation at {path}. Explain the cutout first.")
    return StoredExplanation(
        **read_measured(path, needed=ARRAYS, what="an explanation", remedy="Explain the cutout again.")
    )
