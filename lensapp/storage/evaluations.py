"""Evaluations as files beside the network: the scores of every labelled cutout, and the figures."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import NotFound, StorageError


@dataclass(frozen=True, eq=False)
class StoredEvaluation:
    """Scores of one part of a dataset.

    Attributes
    ----------
    cutout_ids, labels : shape (n,)
        Keys of the cutouts, and whether each is a lens.
    rotated_scores : float32, shape (n, 4) or (n, 1)
        Scores at 0, 90, 180 and 270°; only the first where the cutouts are not square.
    figures
        What `lensapp.learning.evaluation.evaluate_run` measured.
    """

    cutout_ids: NDArray[np.int64]
    labels: NDArray[np.bool_]
    rotated_scores: NDArray[np.float32]
    figures: dict[str, Any]


def save_evaluation(folder: Path, part: str, evaluation: StoredEvaluation) -> None:
    """Write an evaluation beside the network, whole or not at all."""
    path = _path(folder, part)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as stream:
        np.savez(
            stream,
            cutout_ids=evaluation.cutout_ids,
            labels=evaluation.labels,
            rotated_scores=evaluation.rotated_scores,
            figures=np.array(json.dumps(evaluation.figures)),
        )
    partial.replace(path)


def load_evaluation(folder: Path, part: str) -> StoredEvaluation:
    """Read what `save_evaluation` wrote.

    Raises
    ------
    NotFound
        When the run was not evaluated on that part.
    StorageError
        When the file is damaged.
    """
    path = _path(folder, part)
    if not path.exists():
        raise NotFound(
            f"Expected an evaluation of {folder.name} on its {part} part, received none. Evaluate it first."
        )
    try:
        with np.load(path, allow_pickle=False) as stored:
            return StoredEvaluation(
                cutout_ids=stored["cutout_ids"],
                labels=stored["labels"],
                rotated_scores=stored["rotated_scores"],
                figures=json.loads(str(stored["figures"])),
            )
    except (OSError, ValueError, KeyError) as error:
        raise StorageError(
            f"Expected an evaluation at {path}, received {error}. Evaluate the run again."
        ) from error


def _path(folder: Path, part: str) -> Path:
    return folder / f"evaluation-{part}.npz"
