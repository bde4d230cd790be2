"""Score single images (the "singular image" of S1), without a workspace of packed cutouts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.config import read_json
from lensapp.core.train.normalisation import FittedNormalisation
from lensapp.learning.score.committees import open_network
from lensapp.learning.score.inference import NORMALISATION, Scores
from lensapp.learning.score.onnx_export import network_checksum


def expected_input(folder: Path) -> FittedNormalisation:
    """Return what the network of a run expects: bands in order, size and pixel scale.

    Raises
    ------
    NotFound
        When the run has no network yet.
    InvalidInput
        When its normalisation cannot be read.
    """
    network_checksum(folder)
    return FittedNormalisation.parse(read_json(folder / NORMALISATION))


def predict_rows(folder: Path, images: Sequence[NDArray[np.float32]]) -> list[dict[str, Any]]:
    """Return what a run says of each image: its score, its most probable class, or values with uncertainties.

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
    network = open_network(folder)
    outputs = np.concatenate([network.outputs(np.asarray(image, np.float32)[None]) for image in images])
    task, columns = network.task, network.task.columns()
    rows = [dict(zip(columns, row, strict=True)) for row in task.table(outputs).tolist()]
    if not task.scores_candidates:
        return rows
    scores = task.scores(outputs).tolist()
    decided = [task.classes[place] for place in outputs.argmax(axis=1)] if columns else ()
    named = [{"class": name} for name in decided] or [{} for _ in rows]
    return [{"score": s} | n | row for s, n, row in zip(scores, named, rows, strict=True)]


def predict(folder: Path, images: Sequence[NDArray[np.float32]]) -> Scores:
    """Score images with the best network of a run.

    Parameters
    ----------
    folder
        The run's folder.
    images
        Cutouts in flux units, each (y, x, band) with the bands in the order of `expected_input`.

    Returns
    -------
    float32, shape (n,)
        One score per image, between 0 and 1.

    Raises
    ------
    BandMismatch
        When the size or the number of bands is not the network's.
    """
    if not images:
        return np.empty(0, np.float32)
    network = open_network(folder)
    return np.concatenate([network.score(np.asarray(image, np.float32)[None]) for image in images])
