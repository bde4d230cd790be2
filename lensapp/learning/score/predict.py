"""Score single images (the "singular image" of S1), without a workspace of packed cutouts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.config import read_json
from lensapp.core.train.normalisation import FittedNormalisation
from lensapp.learning.score.scorers import open_scorer
from lensapp.storage.files import NORMALISATION, network_checksum


def expected_input(folder: Path) -> FittedNormalisation:
    """Return what the network of a run expects: bands in order, size and pixel scale."""
    network_checksum(folder)  # refuses a run without a network
    return FittedNormalisation.parse(read_json(folder / NORMALISATION))


def predict_rows(folder: Path, images: Sequence[NDArray[np.float32]]) -> list[dict[str, Any]]:
    """Return what a run says of each image (y, x, band): score, most probable class, or values.

    Returns
    -------
    list of dict
        score for scores; class and probability_… for classes; each target and its …_sigma for values.

    Raises
    ------
    BandMismatch
        When the size or the number of bands is not the network's.
    """
    if not images:
        return []
    scorer = open_scorer(folder)
    outputs = np.concatenate([scorer.outputs(np.asarray(image, np.float32)[None]) for image in images])
    task, columns = scorer.task, scorer.task.columns()
    rows = [dict(zip(columns, row, strict=True)) for row in task.table(outputs).tolist()]
    if not task.scores_candidates:
        return rows
    classes = [{"class": task.classes[k]} if columns else {} for k in outputs.argmax(axis=1)]
    scores = task.scores(outputs).tolist()
    return [{"score": score} | one | row for score, one, row in zip(scores, classes, rows, strict=True)]
