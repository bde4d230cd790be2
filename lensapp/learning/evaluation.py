"""Measure a run on a part of its dataset, and keep the scores so that pages need no network."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import JobCancelled
from lensapp.core.folds import fold_of
from lensapp.core.metrics import DEFAULT_THRESHOLD, measure
from lensapp.core.progress import Report, ShouldStop, ignore_progress, never_stop
from lensapp.learning.batches import LabelledCutouts
from lensapp.learning.committees import open_network
from lensapp.learning.dataset_parts import dataset_part
from lensapp.learning.inference import Scores, TrainedNetwork
from lensapp.learning.scoring import Progressing
from lensapp.storage import datasets, runs
from lensapp.storage.evaluations import StoredEvaluation, save_evaluation
from lensapp.storage.parts import part_members
from lensapp.storage.workspace import Workspace

CHUNK_ROWS = 256
QUARTER_TURNS = 4


def evaluate_run(
    workspace: Workspace,
    *,
    run_name: str,
    part: str = "test",
    threshold: float = DEFAULT_THRESHOLD,
    report: Report = ignore_progress,
    should_stop: ShouldStop = never_stop,
) -> dict[str, Any]:
    """Score a part of a run's dataset under four rotations and store scores and figures.

    Parameters
    ----------
    workspace
        The workspace.
    run_name
        A run with a network.
    part
        "test", "validation" or "train"; the figures of the test part become the run's own.
    threshold
        Where the confusion matrix is taken; every other threshold follows from the stored scores.
    report, should_stop
        Told of every chunk, asked before the next.

    Returns
    -------
    dict
        The figures of `lensapp.core.metrics.Figures`, and `rotation_std`, `part`, `dataset`, `engine`.

    Raises
    ------
    NotFound
        When the run or its network does not exist.
    InvalidInput
        When the part lacks a class.
    JobCancelled
        When `should_stop` says so.
    """
    run = runs.get_run(workspace.database, run_name)
    dataset = datasets.dataset_by_id(workspace.database, run.dataset_id)
    fold = fold_of(run.spec)
    labelled = dataset_part(workspace, dataset, part, fold=fold)
    members = part_members(workspace.database, dataset.id, part, fold=fold)
    folder = workspace.run_folder(run.name)
    network = open_network(folder)
    rotated = _score_rotated(network, labelled, report=report, should_stop=should_stop)
    figures = measure(labelled.labels, rotated[:, 0], threshold=threshold).as_dict()
    figures |= {
        "rotation_std": rotation_std(rotated),
        "part": part,
        "dataset": dataset.name,
        "engine": network.engine,
        "network_sha256": network.checksum,
    }
    stored = StoredEvaluation(
        cutout_ids=members["cutout_id"],
        labels=labelled.labels.astype(bool),
        rotated_scores=rotated,
        figures=figures | {"evaluated_at": time.time()},
    )
    save_evaluation(folder, part, stored)
    if part == "test":
        runs.update_run(workspace.database, run.id, evaluation=stored.figures)
    return figures


def rotation_std(rotated: NDArray[Any]) -> float | None:
    """Return the mean over images of the standard deviation of the score under rotations.

    Parameters
    ----------
    rotated : shape (n, 4)
        Scores at 0, 90, 180 and 270°; (n, 1) where the cutouts are not square, for which there is none.

    References
    ----------
    Ivashkov 2022 reports a mean of about 4 % on the test set.
    """
    if rotated.shape[1] < QUARTER_TURNS:
        return None
    return float(np.mean(np.std(rotated.astype(np.float64), axis=1)))


def score_rotations(network: TrainedNetwork, pixels: NDArray[Any]) -> Scores:
    """Score cutouts (n, y, x, band) turned by 0, 90, 180 and 270°; those that are not square only as is.

    Returns
    -------
    float32, shape (n, 4) or (n, 1)
    """
    turns = QUARTER_TURNS if pixels.shape[1] == pixels.shape[2] else 1
    return np.stack([network.score(np.rot90(pixels, turn, axes=(1, 2))) for turn in range(turns)], axis=1)


def _score_rotated(
    network: TrainedNetwork, labelled: LabelledCutouts, *, report: Report, should_stop: ShouldStop
) -> Scores:
    progress = Progressing(len(labelled), report)
    parts = []
    for rows in _chunks(labelled.rows):
        if should_stop():
            raise JobCancelled(f"Evaluation stopped after {progress.scored} of {progress.total} cutouts.")
        parts.append(score_rotations(network, labelled.cutouts.read(rows)))
        progress.add(len(rows))
    return np.concatenate(parts)


def _chunks(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(rows), CHUNK_ROWS):
        yield rows[start : start + CHUNK_ROWS]
