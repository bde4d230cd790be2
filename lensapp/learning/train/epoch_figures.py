"""The figures of the validation part after each epoch, and which epoch is the best by them.

A figure at a low false positive rate hangs on the few non-lenses that score highest. Where the validation
part holds too few of them it is the same for an untrained network as for a good one, so that the first epoch
would stay the best one: epochs are then compared by the AUROC.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.evaluate.curves import confusion_at, count_thresholds
from lensapp.core.evaluate.delong import auroc_interval
from lensapp.core.evaluate.metrics import (
    DEFAULT_THRESHOLD,
    PARTIAL_RATE,
    auroc,
    enough_nonlenses,
    partial_auroc,
    recall_at_rate,
)
from lensapp.core.train.tasks import LOG_VARIANCE_RANGE, FittedTask
from lensapp.core.train.training_spec import TrainingSpec

TINY = 1e-7
LOSS, AUROC = "val_loss", "val_auc"
JUDGED_BY = "judged_by"
"""In the figures of an epoch: the name of the first of those by which epochs are compared."""
Row = Mapping[str, Any]
Figures = dict[str, float | None]
Outputs = NDArray[np.float64]


def figures_after_epoch(
    task: FittedTask, labels: NDArray[Any], outputs: Outputs, *, fpr: float = 0.01
) -> Figures:
    """Return loss and figures of merit of the task; those that need two classes are None without them.

    Parameters
    ----------
    labels
        0 and 1 (n,), indices of classes (n,), or values of the targets (n, t).
    outputs : shape (n, outputs)
        What the network gave.
    fpr
        False positive rate at which the true positive rate is read.
    """
    if task.kind == "regression":
        return value_figures(task, labels, outputs)
    if task.kind == "classes":
        return class_figures(task, labels, outputs, fpr=fpr)
    return binary_figures(labels, np.asarray(outputs[:, -1], np.float64), fpr=fpr)


def binary_figures(labels: NDArray[Any], scores: Outputs, *, fpr: float) -> Figures:
    """Return cross-entropy, accuracy, figures of the ROC curve, purity and completeness of scores (n,)."""
    truth = np.asarray(labels) == 1
    chance = np.clip(np.where(truth, scores, 1.0 - scores), TINY, 1.0)
    figures: Figures = {
        "val_loss": float(-np.log(chance).mean()),
        "val_accuracy": float(((scores >= DEFAULT_THRESHOLD) == truth).mean()),
        "val_auc": None,
        "val_auc_low": None,
        "val_auc_high": None,
        "val_partial_auc": None,
        "val_tpr_at_fpr": None,
        "val_purity": None,
        "val_completeness": None,
    }
    if truth.any() and not truth.all():
        counts = count_thresholds(truth, scores)
        low, high = auroc_interval(counts)
        confusion = confusion_at(counts, DEFAULT_THRESHOLD)
        figures |= {
            "val_auc": auroc(counts),
            "val_auc_low": low,
            "val_auc_high": high,
            "val_partial_auc": partial_auroc(counts),
            "val_tpr_at_fpr": recall_at_rate(counts, fpr),
            "val_purity": confusion.purity,
            "val_completeness": confusion.completeness,
        }
    return figures


def class_figures(task: FittedTask, labels: NDArray[Any], outputs: Outputs, *, fpr: float) -> Figures:
    """Return loss, accuracy, the mean area of each class against the rest, and those of the score."""
    labels = np.asarray(labels, np.int64)
    chance = np.clip(outputs[np.arange(len(labels)), labels], TINY, 1.0)
    positive = np.isin(labels, task.positive_columns())
    figures = binary_figures(positive, np.asarray(task.scores(outputs), np.float64), fpr=fpr)
    areas = [
        auroc(count_thresholds(labels == index, outputs[:, index]))
        for index in range(len(task.classes))
        if 0 < np.count_nonzero(labels == index) < len(labels)
    ]
    return figures | {
        "val_loss": float(-np.log(chance).mean()),
        "val_accuracy": float((outputs.argmax(axis=1) == labels).mean()),
        "val_auc": float(np.mean(areas)) if areas else None,
        "val_auc_low": None,  # of the mean of several areas none are known
        "val_auc_high": None,
    }


def value_figures(task: FittedTask, labels: NDArray[Any], outputs: Outputs) -> Figures:
    """Return the negative log-likelihood and the errors of standardised targets, all and each."""
    count = len(task.targets)
    error = task.standardised(labels).astype(np.float64) - outputs[:, :count]
    log_variance = np.clip(outputs[:, count:], *LOG_VARIANCE_RANGE)
    terms = np.square(error) * np.exp(-log_variance) + log_variance + np.log(2 * np.pi)
    each = np.sqrt(np.square(error).mean(axis=0))
    return {
        "val_loss": float(0.5 * terms.mean()),
        "val_rmse": float(np.sqrt(np.square(error).mean())),
        **{f"val_rmse_{name}": float(value) for name, value in zip(task.targets, each, strict=True)},
    }


def deciding_figures(spec: TrainingSpec, task: FittedTask, labels: NDArray[Any]) -> tuple[str, ...]:
    """Return the figures by which epochs are compared: each decides where those before it are equal.

    First comes the one that the recipe asks for, unless it is read at a false positive rate at which fewer
    than 3 of the non-lenses of the validation part are expected; then the AUROC, then the loss. A part
    without lenses or without non-lenses has a loss only.

    Parameters
    ----------
    labels
        Of the validation part: 0 and 1 (n,), indices of classes (n,), or values of the targets (n, t).
    """
    if spec.monitor == LOSS or not task.scores_candidates:
        return (LOSS,)
    lenses = np.isin(labels, task.positive_columns()) if task.kind == "classes" else np.asarray(labels) == 1
    others = int(np.count_nonzero(~lenses))
    if not others or not lenses.any():
        return (LOSS,)
    rates = {"val_partial_auc": PARTIAL_RATE, "val_tpr_at_fpr": spec.monitor_fpr}
    rate = rates.get(spec.monitor)
    told = rate is None or enough_nonlenses(others, rate)
    return tuple(dict.fromkeys((*((spec.monitor,) if told else ()), AUROC, LOSS)))


def is_better(row: Row, best: Row, figures: Sequence[str]) -> bool:
    """Whether the epoch of `row` is better than that of `best`; of equal ones the earlier is kept."""
    return _merit(row, figures) > _merit(best, figures)


def telling_figure(best: Row, rows: Sequence[Row], figures: Sequence[str]) -> str:
    """Return the figure that made the epoch of `best` the best of `rows`: the first that no other reached."""
    rivals = [row for row in rows if row["epoch"] != best["epoch"]]
    for name in figures:
        rivals = [row for row in rivals if _merit(row, [name]) == _merit(best, [name])]
        if not rivals:
            return name
    return figures[0]


def comparable_value(row: Row, monitor: str) -> float | None:
    """Return the value by which an epoch is compared with those of other runs that monitor the same figure.

    None where it rises and `monitor` falls, or the other way round.
    """
    name = row.get(JUDGED_BY, monitor)
    value = row.get(name) if (name == LOSS) == (monitor == LOSS) else None
    return None if value is None else float(value)


def _merit(row: Row, figures: Sequence[str]) -> tuple[float, ...]:
    """Return the figures of an epoch so that more is better; one that is no number is worst."""
    values = (row.get(name) for name in figures)
    return tuple(
        -math.inf if value is None or math.isnan(value) else -value if name == LOSS else value
        for name, value in zip(figures, values, strict=True)
    )
