"""Measure a run on a part of its dataset, and keep the scores so that pages need no network."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput, JobCancelled
from lensapp.core.evaluate.estimation import measure_estimates
from lensapp.core.evaluate.intervals import share_interval
from lensapp.core.evaluate.metrics import (
    DEFAULT_THRESHOLD,
    measure,
    propose_thresholds,
    untold_figures,
)
from lensapp.core.evaluate.multiclass import measure_classes
from lensapp.core.evaluate.resampling import figure_intervals
from lensapp.core.progress import ProgressMeter, Report, ShouldStop, ignore_progress, never_stop
from lensapp.core.split.folds import Fold, fold_of
from lensapp.core.split.splits import SECOND_TEST
from lensapp.core.train.normalisation import NetworkUnit
from lensapp.core.train.tasks import FittedTask, TaskSpec
from lensapp.learning.feed.batches import LabelledCutouts
from lensapp.learning.feed.dataset_parts import dataset_part
from lensapp.learning.score.dropout import DropoutNetwork
from lensapp.learning.score.scorers import Outputs, Scorer, open_scorer
from lensapp.storage import datasets, runs
from lensapp.storage.evaluations import (
    StoredEstimates,
    StoredEvaluation,
    save_estimates,
    save_evaluation,
)
from lensapp.storage.records import Dataset, Run
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace

CHUNK_ROWS = 256
QUARTER_TURNS = 4
INTERVAL_SEED = 0  # of the resamples: the same scores have the same intervals
VALIDATION, TEST = "validation", "test"


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

    Thresholds are proposed on the validation part, whichever part is measured: proposed on the test part,
    they would make its figures at that threshold look better than they are.

    Parameters
    ----------
    run_name
        A run with a network.
    part
        "test", "validation", "train" or "second-test"; the figures of the test part become the run's own, and
        with it the second test part is measured where there is one.
    threshold
        Where the confusion matrix is taken; every other threshold follows from the stored scores.
    dropout_passes
        For values: passes of Monte-Carlo dropout; 0 estimates once, without dropout.

    Returns
    -------
    dict
        The figures of `lensapp.core.evaluate.metrics.Figures`, `intervals` (each figure of
        `lensapp.core.evaluate.resampling.FIGURES` as value, low and high; cutouts of one sky object are
        resampled together), `rotation_std` and `suggested_thresholds`
        (those of `ThresholdProposals`; None where the dataset has no validation part); for classes also
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
    if run.is_external:
        return evaluate_scores(workspace, run, part=part, threshold=threshold)
    dataset = datasets.dataset_by_id(workspace.database, run.dataset_id)
    folder = workspace.run_folder(run.name)
    scorer = open_scorer(folder)
    task = scorer.task
    if dropout_passes and task.scores_candidates:
        raise InvalidInput(
            f"Monte-Carlo dropout ({dropout_passes} passes) is for runs that estimate values, and "
            f"{run_name} gives scores. Leave the passes out."
        )
    labelled, validation = _parts_to_score(workspace, run, dataset, part, task)
    circumstances = _circumstances(scorer, dataset, part)
    measured: StoredEvaluation | StoredEstimates
    second = _second_test_part(workspace, run, dataset, task) if part == TEST else None
    cutouts = len(labelled) + sum(len(one) for one in (validation, second) if one is not None)
    progress = ProgressMeter(report, cutouts, "{done} of {total} cutouts scored")
    chunks = _chunks(labelled, progress, should_stop=should_stop)
    if task.kind == "regression":
        estimator = DropoutNetwork(folder, passes=dropout_passes) if dropout_passes else scorer
        circumstances["dropout_passes"] = dropout_passes
        measured = _measured_values(labelled, [estimator.estimate(one) for one in chunks], circumstances)
    else:
        outputs = np.concatenate([rotated_outputs(scorer, pixels) for pixels in chunks])
        circumstances["suggested_thresholds"] = None
        if part == VALIDATION:
            circumstances["suggested_thresholds"] = proposed_thresholds(task, labelled, outputs[:, 0])
        elif validation is not None:
            unrotated = _chunks(validation, progress, should_stop=should_stop)
            there = np.concatenate([scorer.outputs(pixels) for pixels in unrotated])
            circumstances["suggested_thresholds"] = proposed_thresholds(task, validation, there)
        measured = measured_scores(task, labelled, outputs, circumstances, threshold=threshold)
    figures = keep_evaluation(workspace, run, part, measured)
    if second is not None:
        chunks = _chunks(second, progress, should_stop=should_stop)
        outputs = np.concatenate([rotated_outputs(scorer, pixels) for pixels in chunks])
        measured = measured_scores(task, second, outputs, circumstances | {"part": SECOND_TEST})
        keep_evaluation(workspace, run, SECOND_TEST, measured)
    return {key: value for key, value in figures.items() if key != "evaluated_at"}


def evaluate_scores(
    workspace: Workspace, run: Run, *, part: str = TEST, threshold: float = DEFAULT_THRESHOLD
) -> dict[str, Any]:
    """Measure the scores that a run holds from a table on a part of its dataset, as `evaluate_run` does.

    Cutouts without a score are left out and counted as `unscored`.

    Raises
    ------
    InvalidInput
        When no cutout of the part has a score, or those that have lack a class.
    """
    dataset = datasets.dataset_by_id(workspace.database, run.dataset_id)
    circumstances = {
        "dataset": dataset.name,
        "engine": "table of scores",
        "averages_orientations": False,
        "network_sha256": run.spec["sha256"],
        "task": "binary",
        "evaluated_at": time.time(),
        "suggested_thresholds": None,
    }
    task = FittedTask()
    validation = validation_part(workspace, dataset, task.question())
    held = None if validation is None else _with_scores(workspace, run, validation)
    if held is not None:
        there, scores = held
        if 0 < np.count_nonzero(positive_labels(task, np.asarray(there.labels))) < len(scores):
            circumstances["suggested_thresholds"] = proposed_thresholds(task, there, scores)
    parts = [part, SECOND_TEST] if part == TEST and dataset.counts.get(SECOND_TEST) else [part]
    figures = {}
    for one in parts:
        whole = dataset_part(workspace, dataset, one)
        held = _with_scores(workspace, run, whole)
        if held is not None:
            labelled, scores = held
            told = circumstances | {"part": one, "unscored": len(whole) - len(labelled)}
            measured = measured_scores(task, labelled, scores[:, None], told, threshold=threshold)
            figures[one] = keep_evaluation(workspace, run, one, measured)
        elif one == part:
            raise InvalidInput(
                f"None of the {len(whole)} cutouts of the {part} part of {dataset.name} has a score in "
                f"{run.name}. Choose another part, or import with --dataset a version that fits the table."
            )
    return {key: value for key, value in figures[part].items() if key != "evaluated_at"}


def _with_scores(
    workspace: Workspace, run: Run, labelled: LabelledCutouts
) -> tuple[LabelledCutouts, NDArray[np.float32]] | None:
    """Return the cutouts of a part with scores, and these, shape (n, 1); None where no cutout has one."""
    ids = np.asarray(labelled.cutout_ids)
    held = stored_scores.scores_of_cutouts(workspace, run.id, ids.tolist())
    known = np.array([key in held for key in ids.tolist()], bool)
    if not known.any():
        return None
    scores = np.array([held[key] for key in ids[known].tolist()], np.float32).reshape(-1, 1)
    scored = replace(
        labelled,
        rows=labelled.rows[known],
        labels=labelled.labels[known],
        cutout_ids=ids[known],
        group_ids=None if labelled.group_ids is None else labelled.group_ids[known],
    )
    return scored, scores


def _circumstances(scorer: Scorer, dataset: Dataset, part: str) -> dict[str, Any]:
    return {
        "part": part,
        "dataset": dataset.name,
        "engine": scorer.engine,
        "averages_orientations": scorer.averages_orientations,
        "network_sha256": scorer.checksum,
        "task": scorer.task.kind,
        "evaluated_at": time.time(),
    }


def _parts_to_score(
    workspace: Workspace, run: Run, dataset: Dataset, part: str, task: FittedTask
) -> tuple[LabelledCutouts, LabelledCutouts | None]:
    """Return the part to measure and, where it is another and scores are asked for, the validation part."""
    fold, unit = fold_of(run.spec), runs.normalisation_of(workspace, run.name).unit
    labelled = dataset_part(workspace, dataset, part, task=task.question(), fold=fold, unit=unit)
    if part == VALIDATION or not task.scores_candidates:
        return labelled, None
    return labelled, validation_part(workspace, dataset, task.question(), fold=fold, unit=unit)


def _second_test_part(
    workspace: Workspace, run: Run, dataset: Dataset, task: FittedTask
) -> LabelledCutouts | None:
    """Return the second test part, where there is one and the run tells lenses or its classes."""
    if not dataset.counts.get(SECOND_TEST) or not task.scores_candidates:
        return None
    unit = runs.normalisation_of(workspace, run.name).unit
    try:
        return dataset_part(workspace, dataset, SECOND_TEST, task=task.question(), unit=unit)
    except InvalidInput:  # none of its cutouts has a class of the task: the test part is whole without it
        return None


def validation_part(
    workspace: Workspace,
    dataset: Dataset,
    task: TaskSpec,
    *,
    fold: Fold | None = None,
    unit: NetworkUnit | None = None,
) -> LabelledCutouts | None:
    """Return the part on which thresholds are proposed.

    None where the dataset has no validation part, or one without the classes of the task.
    """
    if not sum(dataset.counts.get(VALIDATION, {}).values()):
        return None
    try:
        return dataset_part(workspace, dataset, VALIDATION, task=task, fold=fold, unit=unit)
    except InvalidInput:  # the part that is measured is whole without it
        return None


def proposed_thresholds(
    task: FittedTask, validation: LabelledCutouts, outputs: NDArray[np.float32]
) -> dict[str, Any]:
    """Return `ThresholdProposals` from the outputs (n, outputs) for the validation part, as JSON values."""
    positive = positive_labels(task, np.asarray(validation.labels))
    return propose_thresholds(positive, task.scores(outputs), part=VALIDATION).as_dict()


def positive_labels(task: FittedTask, labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Return whether each label is a lens."""
    return np.isin(labels, task.positive_columns()) if task.kind == "classes" else labels.astype(bool)


def _chunks(
    labelled: LabelledCutouts, meter: ProgressMeter, *, should_stop: ShouldStop
) -> Iterator[NDArray[np.float32]]:
    """Yield the cutouts in chunks, reporting each that is done."""
    for start in range(0, len(labelled), CHUNK_ROWS):
        if should_stop():
            raise JobCancelled(f"Evaluation stopped after {meter.done} of {meter.total} cutouts.")
        rows = labelled.rows[start : start + CHUNK_ROWS]
        yield labelled.cutouts.read(rows)
        meter.add(len(rows))


def rotated_outputs(scorer: Scorer, pixels: NDArray[Any]) -> Outputs:
    """Return the outputs for cutouts rotated by 0, 90, 180 and 270°, shape (n, 4, outputs).

    Cutouts that are not square are taken only as they are, shape (n, 1, outputs).
    """
    turns = QUARTER_TURNS if pixels.shape[1] == pixels.shape[2] else 1
    if scorer.averages_orientations:
        return np.repeat(scorer.outputs(pixels)[:, None], turns, axis=1)
    return np.stack([scorer.outputs(np.rot90(pixels, turn, axes=(1, 2))) for turn in range(turns)], axis=1)


def measured_scores(
    task: FittedTask,
    labelled: LabelledCutouts,
    outputs: NDArray[np.float32],
    circumstances: dict[str, Any],
    *,
    threshold: float = DEFAULT_THRESHOLD,
) -> StoredEvaluation:
    """Measure scores of labelled cutouts and, where there are several classes, their probabilities.

    Parameters
    ----------
    outputs : shape (n, rotations, outputs)
        Scores are measured under all rotations, probabilities as they are.
    circumstances
        Kept with the figures.
    """
    labels = np.asarray(labelled.labels)
    scores = np.stack([task.scores(outputs[:, turn]) for turn in range(outputs.shape[1])], axis=1)
    several = task.kind == "classes"
    positive = positive_labels(task, labels)
    groups = None if labelled.group_ids is None else np.asarray(labelled.group_ids)
    if groups is not None and len(np.unique(groups)) == len(groups):
        groups = None  # independent cutouts
    figures: dict[str, Any] = {"n": len(positive), "n_positive": int(positive.sum())}
    if circumstances["part"] != SECOND_TEST or not positive.all():  # that one may hold lenses only
        figures = measure(positive, scores[:, 0], threshold=threshold, objects=groups).as_dict()
        intervals = figure_intervals(
            positive, scores[:, 0], rng=np.random.default_rng(INTERVAL_SEED), groups=groups
        )
        untold = untold_figures(int(np.count_nonzero(~positive)))
        figures["intervals"] = {name: asdict(one) for name, one in intervals.items() if name not in untold}
        if groups is not None:  # else it follows from the accuracy
            decided = (scores[:, 0] >= threshold) == positive
            limits = share_interval(decided, np.ones_like(decided), groups)
            figures["accuracy_interval"] = [limits.low, limits.high]
    figures |= {"rotation_std": rotation_std(scores)} | circumstances
    if several:
        figures["classes"] = measure_classes(labels, outputs[:, 0], classes=task.classes).as_dict()
    return StoredEvaluation(
        cutout_ids=np.asarray(labelled.cutout_ids, np.int64),
        labels=positive,
        rotated_scores=scores,
        figures=figures,
        class_labels=labels.astype(np.int64) if several else None,
        probabilities=outputs[:, 0] if several else None,
        group_ids=groups,
    )


def _measured_values(
    labelled: LabelledCutouts,
    estimates: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
    circumstances: dict[str, Any],
) -> StoredEstimates:
    """Measure estimates of the targets and their standard deviations, chunks of shape (n, t) each."""
    mean, sigma = (np.concatenate(parts) for parts in zip(*estimates, strict=True))
    truth = np.asarray(labelled.labels)
    figures = measure_estimates(truth, mean, sigma, targets=labelled.targets).as_dict()
    return StoredEstimates(
        cutout_ids=np.asarray(labelled.cutout_ids, np.int64),
        truth=truth,
        mean=mean.astype(np.float32),
        sigma=sigma.astype(np.float32),
        figures=figures | circumstances,
    )


def keep_evaluation(
    workspace: Workspace, run: Run, part: str, measured: StoredEvaluation | StoredEstimates
) -> dict[str, Any]:
    """Store an evaluation beside its run and return the figures; those of the test part become the run's."""
    folder = workspace.run_folder(run.name)
    if isinstance(measured, StoredEstimates):
        save_estimates(folder, part, measured)
    else:
        save_evaluation(folder, part, measured)
    if part == TEST:
        runs.update_run(workspace.database, run.id, evaluation=measured.figures)
    return measured.figures


def rotation_std(scores: NDArray[Any]) -> float | None:
    """Return the mean over images of the standard deviation of the score under rotations.

    Parameters
    ----------
    scores : shape (n, 4)
        Scores at 0, 90, 180 and 270°; (n, 1) where the cutouts are not square, for which there is none.

    References
    ----------
    Ivashkov 2022 reports a mean of about 4 % on the test set.
    """
    if scores.shape[1] < QUARTER_TURNS:
        return None
    return float(np.mean(np.std(scores.astype(np.float64), axis=1)))
