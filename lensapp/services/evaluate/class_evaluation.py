"""What the Evaluate page shows of a run that tells several classes apart, from stored probabilities."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lensapp.core.evaluate.curves import FloatArray, count_thresholds, roc, thinned
from lensapp.core.evaluate.multiclass import ClassFigures, measure_classes
from lensapp.services.evaluate.evaluation import Evaluation

CURVE_POINTS = 500


@dataclass(frozen=True, eq=False)
class ClassEvaluation:
    """Probabilities of classes on one part of a dataset, and the truth.

    Attributes
    ----------
    classes
        Names in the order of the columns.
    labels : shape (n,)
        Places of the true classes.
    probabilities : shape (n, k)
        Probability of each class.
    """

    part: str
    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]

    def figures(self) -> ClassFigures:
        """Measure the probabilities."""
        return measure_classes(self.labels, self.probabilities, classes=self.classes)

    def curves(self) -> dict[str, dict[str, FloatArray]]:
        """Return the ROC of each class of the part against the rest: false_positive_rate and completeness."""
        found = {}
        for place, name in enumerate(self.classes):
            belongs = self.labels == place
            if belongs.any() and not belongs.all():
                rate, share, _ = roc(count_thresholds(belongs, self.probabilities[:, place]))
                keep = thinned(rate, share, limit=CURVE_POINTS)
                found[name] = {"false_positive_rate": rate[keep], "completeness": share[keep]}
        return found


def class_evaluation(measured: Evaluation) -> ClassEvaluation | None:
    """Return the probabilities behind an evaluation, or None where there are no classes but two."""
    stored = measured.stored
    if stored.probabilities is None or stored.class_labels is None:
        return None
    classes = tuple(one["name"] for one in stored.figures["classes"]["classes"])
    return ClassEvaluation(measured.part, classes, stored.class_labels, stored.probabilities)
