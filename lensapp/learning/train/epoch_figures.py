"""The figures of the validation part after each epoch, from the outputs of the network."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.evaluate.curves import confusion_at, count_thresholds
from lensapp.core.evaluate.metrics import DEFAULT_THRESHOLD, auroc, partial_auroc, recall_at_rate
from lensapp.core.train.tasks import LOG_VARIANCE_RANGE, FittedTask

TINY = 1e-7
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
        "val_partial_auc": None,
        "val_tpr_at_fpr": None,
        "val_purity": None,
        "val_completeness": None,
    }
    if truth.any() and not truth.all():
        counts = count_thresholds(truth, scores)
        confusion = confusion_at(counts, DEFAULT_THRESHOLD)
        figures |= {
            "val_auc": auroc(counts),
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
