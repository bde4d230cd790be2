"""Measure a run on a part of its dataset, and keep the scores so that pages need no network."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput, JobCancelled
from lensapp.core.evaluate.estimation import measure_estimates
from lensapp.core.evaluate.metrics import DEFAULT_THRESHOLD, measure
from lensapp.core.evaluate.multiclass import measure_classes
from lensapp.core.progress import Report, ShouldStop, ignore_progress, never_stop
from lensapp.core.split.folds import fold_of
from lensapp.learning.feed.batches import LabelledCutouts
from lensapp.learning.feed.dataset_parts import dataset_part
from lensapp.learning.score.committees import open_network
from lensapp.learning.score.dropout import DropoutNetwork
from lensapp.learning.score.inference import Outputs, Scores, TrainedNetwork
from lensapp.learning.score.scoring import Progressing
from lensapp.storage import datasets, runs
from lensapp.storage.evaluations import (
    StoredEstimates,
    StoredEvaluation,
    save_estimates,
    save_evaluation,
)
from lensapp.storage.workspace import Workspace

CHUNK_ROWS = 256
QUARTER_TURNS = 4


def evaluate_run(
    workspace: Workspace,
    *,
    run_name: str,
    part: str = "test",
    threshold: float = DEFAULT_THRESHOLD,
    dropout_passes: int = 0,
    report: Report = ignore_progress,
    should_stop: ShouldStop = never_stop,
) -> dict[str, Any]:
    """Measure a run on a part of its dataset and store figures and what they follow from.

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
    dropout_passes
        For values: estimate each so many times with dropout on; 0 estimates once without.
    report, should_stop
        Told of every chunk, asked before the next.

    Returns
    -------
    dict
        The figures of `lensapp.core.evaluate.metrics.Figures` and `rotation_std`; for classes also
        `classes`, those of `lensapp.core.evaluate.multiclass.ClassFigures`; for values those of
        `lensapp.core.evaluate.estimation.EstimateFigures`. Always `part`, `dataset`, `engine`, `task`.

    Raises
    ------
    NotFound
        When the run or its network does not exist.
    InvalidInput
        When the part lacks a class or the values, or dropout is asked for where there is none.
    JobCancelled
        When `should_stop` says so.
    """
    run = runs.get_run(workspace.database, run_name)
    dataset = datasets.dataset_by_id(workspace.database, run.dataset_id)
    folder = workspace.run_folder(run.name)
    network = open_network(folder)
    labelled = dataset_part(workspace, dataset, part, task=network.task.question(), fold=fold_of(run.spec))
    chunks = _watched_chunks(labelled, report=report, should_stop=should_stop)
    estimator = _estimator(network, dropout_passes)
    circumstances = {
        "part": part,
        "dataset": dataset.name,
        "engine": network.engine,
        "network_sha256": network.checksum,
        "task": network.task.kind,
        "evaluated_at": time.time(),
    }
    if network.task.kind == "regression":
        estimates = _measure_values(estimator, labelled, chunks, circumstances)
        save_estimates(folder, part, estimates)
        figures = estimates.figures
    else:
        scores = _measure_scores(network, labelled, chunks, circumstances, threshold=threshold)
        save_evaluation(folder, part, scores)
        figures = scores.figures
    if part == "test":
        runs.update_run(workspace.database, run.id, evaluation=figures)
    return {key: value for key, value in figures.items() if key != "evaluated_at"}


def _estimator(network: TrainedNetwork, dropout_passes: int) -> TrainedNetwork | DropoutNetwork:
    if not dropout_passes:
        return network
    if network.task.scores_candidates:
        raise InvalidInput(
            f"Expected a run that estimates values for {dropout_passes} passes with dropout, received "
            f"{network.folder.name}, which gives scores. Leave the passes out."
        )
    return DropoutNetwork(network.folder, passes=dropout_passes)


def _watched_chunks(
    labelled: LabelledCutouts, *, report: Report, should_stop: ShouldStop
) -> Iterator[NDArray[np.float32]]:
    """Yield the cutouts in chunks, reporting each that is done."""
    progress = Progressing(len(labelled), report)
    for start in range(0, len(labelled), CHUNK_ROWS):
        if should_stop():
            raise JobCancelled(f"Evaluation stopped after {progress.scored} of {progress.total} cutouts.")
        rows = labelled.rows[start : start + CHUNK_ROWS]
        yield labelled.cutouts.read(rows)
        progress.add(len(rows))


def _measure_scores(
    network: TrainedNetwork,
    labelled: LabelledCutouts,
    chunks: Iterator[NDArray[np.float32]],
    circumstances: dict[str, Any],
    *,
    threshold: float,
) -> StoredEvaluation:
    """Measure scores under rotations, and probabilities of classes as they are."""
    task, labels = network.task, np.asarray(labelled.labels)
    outputs = np.concatenate([_rotated_outputs(network, pixels) for pixels in chunks])
    rotated = np.stack([task.scores(outputs[:, turn]) for turn in range(outputs.shape[1])], axis=1)
    several = task.kind == "classes"
    positive = np.isin(labels, task.positive_columns()) if several else labels.astype(bool)
    figures = measure(positive, rotated[:, 0], threshold=threshold).as_dict()
    figures |= {"rotation_std": rotation_std(rotated)} | circumstances
    if several:
        figures["classes"] = measure_classes(labels, outputs[:, 0], classes=task.classes).as_dict()
    return StoredEvaluation(
        cutout_ids=_ids(labelled),
        labels=positive,
        rotated_scores=rotated,
        figures=figures,
        class_labels=labels.astype(np.int64) if several else None,
        probabilities=outputs[:, 0] if several else None,
    )


def _measure_values(
    estimator: TrainedNetwork | DropoutNetwork,
    labelled: LabelledCutouts,
    chunks: Iterator[NDArray[np.float32]],
    circumstances: dict[str, Any],
) -> StoredEstimates:
    """Measure estimates of the targets."""
    means, sigmas = zip(*(estimator.estimate(pixels) for pixels in chunks), strict=True)
    mean, sigma = np.concatenate(means), np.concatenate(sigmas)
    truth = np.asarray(labelled.labels)
    figures = measure_estimates(truth, mean, sigma, targets=labelled.targets).as_dict()
    passes = estimator.passes if isinstance(estimator, DropoutNetwork) else 0
    return StoredEstimates(
        cutout_ids=_ids(labelled),
        truth=truth,
        mean=mean.astype(np.float32),
        sigma=sigma.astype(np.float32),
        figures=figures | circumstances | {"dropout_passes": passes},
    )


def _ids(labelled: LabelledCutouts) -> NDArray[np.int64]:
    if labelled.cutout_ids is None:
        raise InvalidInput("Expected cutouts of a dataset version, received some without keys.")
    return labelled.cutout_ids


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
    outputs = _rotated_outputs(network, pixels)
    return np.stack([network.task.scores(outputs[:, turn]) for turn in range(outputs.shape[1])], axis=1)


def _rotated_outputs(network: TrainedNetwork, pixels: NDArray[Any]) -> Outputs:
    """Return outputs under each turn, shape (n, turns, outputs)."""
    turns = QUARTER_TURNS if pixels.shape[1] == pixels.shape[2] else 1
    return np.stack([network.outputs(np.rot90(pixels, turn, axes=(1, 2))) for turn in range(turns)], axis=1)
