"""Figures that say how well probabilities tell several classes apart; scikit-learn's definitions."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.curves import count_thresholds
from lensapp.core.evaluate.metrics import auroc, average_precision

TINY = 1e-15


@dataclass(frozen=True)
class OneClass:
    """One class against the rest; None where no cutout is, or none was predicted to be, of it."""

    name: str
    n: int
    auroc: float | None
    average_precision: float | None
    purity: float | None
    completeness: float | None


@dataclass(frozen=True)
class ClassFigures:
    """The figures of one set of probabilities; the predicted class is the most probable one.

    Attributes
    ----------
    n
        Number of cutouts.
    accuracy, balanced_accuracy
        Share predicted correctly; mean over the classes of the share of each.
    macro_auroc
        Mean over the classes of the area under the ROC of each against the rest.
    log_loss
        Mean of -ln of the probability of the true class.
    classes
        Each class against the rest.
    confusion
        Numbers by true class (rows) and predicted class (columns).
    """

    n: int
    accuracy: float
    balanced_accuracy: float
    macro_auroc: float | None
    log_loss: float
    classes: tuple[OneClass, ...]
    confusion: tuple[tuple[int, ...], ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        values = asdict(self)
        values["classes"] = [asdict(one) for one in self.classes]
        values["confusion"] = [list(row) for row in self.confusion]
        return values


def measure_classes(labels: ArrayLike, probabilities: ArrayLike, *, classes: tuple[str, ...]) -> ClassFigures:
    """Measure probabilities of classes.

    Parameters
    ----------
    labels : shape (n,)
        Positions of the true classes among `classes`.
    probabilities : shape (n, k)
        Probability of each class.
    """
    truth, chances = np.asarray(labels, np.int64), np.asarray(probabilities, np.float64)
    if chances.shape != (len(truth), len(classes)) or not len(truth) or not np.isfinite(chances).all():
        raise InvalidInput(
            f"These are not finite probabilities of {len(classes)} classes for each of {len(truth)} labels "
            f"(shape {chances.shape}). Evaluate the run again."
        )
    confusion = confusion_matrix(truth, chances)
    each: list[OneClass] = []
    for column, name in enumerate(classes):
        belongs = truth == column
        number, predicted, right = belongs.sum(), confusion[:, column].sum(), confusion[column, column]
        counts = count_thresholds(belongs, chances[:, column]) if 0 < number < len(truth) else None
        each.append(
            OneClass(
                name=name,
                n=int(number),
                auroc=auroc(counts) if counts else None,
                average_precision=average_precision(counts) if counts else None,
                purity=float(right / predicted) if predicted else None,
                completeness=float(right / number) if number else None,
            )
        )
    areas = [one.auroc for one in each if one.auroc is not None]
    shares = [one.completeness for one in each if one.completeness is not None]
    return ClassFigures(
        n=len(truth),
        accuracy=float(np.trace(confusion) / len(truth)),
        balanced_accuracy=float(np.mean(shares)),
        macro_auroc=float(np.mean(areas)) if areas else None,
        log_loss=float(-np.log(np.clip(chances[np.arange(len(truth)), truth], TINY, 1.0)).mean()),
        classes=tuple(each),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
    )


def confusion_matrix(labels: NDArray[np.int64], probabilities: NDArray[Any]) -> NDArray[np.int64]:
    """Return numbers by true class (rows) and most probable class (columns), shape (k, k)."""
    count = probabilities.shape[1]
    pairs = labels * count + probabilities.argmax(axis=1)
    return np.bincount(pairs, minlength=count**2).reshape(count, count)
