"""Counts of true and false positives at every threshold, and the curves drawn from them.

A threshold never cuts inside a tie: all objects of one score are accepted or refused together, and an
object is accepted when its score is at least the threshold.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lensapp.core.errors import InvalidInput

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
PLOT_POINTS = 1_000  # more cannot be seen on a figure 800 pixels wide
LABEL_WORDS = {
    "lens": 1, "1": 1, "1.0": 1, "true": 1, "t": 1, "yes": 1,
    "nonlens": 0, "non-lens": 0, "0": 0, "0.0": 0, "false": 0, "f": 0, "no": 0,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class ThresholdCounts:
    """Objects accepted at each distinct score, from the highest threshold to the lowest.

    Attributes
    ----------
    thresholds : float64, shape (K,)
        Distinct scores, strictly decreasing.
    true_positives, false_positives : int64, shape (K,)
        Lenses and non-lenses with a score of at least the threshold.
    binned
        Whether each threshold stands for a bin of scores, so that what is tied is not known.
    """

    thresholds: FloatArray
    true_positives: IntArray
    false_positives: IntArray
    binned: bool = False

    @property
    def n_positive(self) -> int:
        """Number of lenses."""
        return int(self.true_positives[-1])

    @property
    def n_negative(self) -> int:
        """Number of non-lenses."""
        return int(self.false_positives[-1])

    @property
    def n(self) -> int:
        """Number of labelled objects."""
        return self.n_positive + self.n_negative


@dataclass(frozen=True)
class Confusion:
    """Objects sorted by truth and decision; accepted means a score of at least the threshold."""

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def purity(self) -> float | None:
        """Share of accepted objects that are lenses (precision), None when nothing is accepted."""
        accepted = self.tp + self.fp
        return self.tp / accepted if accepted else None

    @property
    def completeness(self) -> float:
        """Share of lenses that are accepted (recall)."""
        return self.tp / (self.tp + self.fn)

    @property
    def false_positive_rate(self) -> float:
        """Share of non-lenses that are accepted."""
        return self.fp / (self.fp + self.tn)

    @property
    def accuracy(self) -> float:
        """Share of objects decided correctly."""
        return (self.tp + self.tn) / (self.tp + self.fp + self.fn + self.tn)

    @property
    def f1(self) -> float:
        """Harmonic mean of purity and completeness, 0 where no lens is accepted."""
        return 2 * self.tp / (2 * self.tp + self.fp + self.fn)


def binary_labels(labels: ArrayLike) -> NDArray[np.bool_]:
    """Turn labels (0/1, true/false or "lens"/"nonlens") into booleans, shape (N,)."""
    values = np.asarray(labels)
    if values.dtype.kind == "b":
        return values.astype(bool).ravel()
    if values.dtype.kind in "iuf":
        _refuse_labels(values[~np.isin(values, (0, 1))])
        return np.asarray(values.ravel() == 1, dtype=bool)
    words = np.array([str(value).strip().lower() for value in values.ravel()])
    _refuse_labels(words[~np.isin(words, list(LABEL_WORDS))])
    return np.array([LABEL_WORDS[word] == 1 for word in words], dtype=bool)


def _refuse_labels(wrong: NDArray[Any]) -> None:
    if wrong.size:
        some = ", ".join(repr(value.item()) for value in np.unique(wrong)[:3])
        raise InvalidInput(
            f"Labels must be lens/non-lens or 1/0, but there are others such as {some} "
            f"({wrong.size} in all). Leave out unlabelled rows or choose another label column."
        )


def checked(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.bool_], FloatArray]:
    """Return labels as booleans and scores as float64, both of shape (N,)."""
    truth = binary_labels(labels)
    values = np.asarray(scores, dtype=np.float64).ravel()
    if truth.size != values.size:
        raise InvalidInput(
            f"There are {truth.size} labels but {values.size} scores. Take both from the same rows."
        )
    if not values.size:
        raise InvalidInput("There are no labelled scores to measure. Score labelled cutouts first.")
    unusable = int(np.count_nonzero(~np.isfinite(values)))
    if unusable:
        raise InvalidInput(
            f"{unusable} of {values.size} scores are NaN or infinite. "
            "Leave those rows out or score them again."
        )
    if truth.all() or not truth.any():
        raise InvalidInput(
            f"All {values.size} objects are labelled {'lens' if truth.any() else 'non-lens'}. "
            "Add objects of the other class."
        )
    return truth, values


def count_thresholds(labels: ArrayLike, scores: ArrayLike) -> ThresholdCounts:
    """Count true and false positives at each distinct score.

    Parameters
    ----------
    labels : shape (N,)
        1/0, true/false or "lens"/"nonlens".
    scores : shape (N,)
        Any finite number, higher for lenses.
    """
    truth, values = checked(labels, scores)
    order = np.argsort(-values, kind="stable")
    ranked, hits = values[order], truth[order]
    last_of_tie = np.append(np.flatnonzero(np.diff(ranked)), ranked.size - 1)
    true_positives = np.cumsum(hits, dtype=np.int64)[last_of_tie]
    return ThresholdCounts(ranked[last_of_tie], true_positives, last_of_tie + 1 - true_positives)


def roc(counts: ThresholdCounts) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the receiver operating characteristic from (0, 0) to (1, 1).

    Returns
    -------
    false_positive_rate, completeness, thresholds : shape (K + 1,)
        The first point accepts nothing: its threshold is infinite.

    References
    ----------
    Fawcett 2006, Pattern Recognition Letters 27, 861, algorithm 1.
    """
    rate = np.concatenate(([0.0], counts.false_positives / counts.n_negative))
    completeness = np.concatenate(([0.0], counts.true_positives / counts.n_positive))
    return rate, completeness, np.concatenate(([np.inf], counts.thresholds))


def precision_recall(counts: ThresholdCounts) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return purity and completeness at each threshold, from the highest threshold to the lowest.

    Returns
    -------
    purity, completeness, thresholds : shape (K,)
    """
    accepted = counts.true_positives + counts.false_positives
    purity = counts.true_positives / accepted
    return purity, counts.true_positives / counts.n_positive, counts.thresholds


def confusion_at(counts: ThresholdCounts, threshold: float) -> Confusion:
    """Count the four outcomes when every score of at least `threshold` is accepted."""
    accepted = int(np.searchsorted(-counts.thresholds, -threshold, side="right"))
    tp = int(counts.true_positives[accepted - 1]) if accepted else 0
    fp = int(counts.false_positives[accepted - 1]) if accepted else 0
    return Confusion(tp=tp, fp=fp, fn=counts.n_positive - tp, tn=counts.n_negative - fp)


def thinned(x: ArrayLike, y: ArrayLike, *, limit: int = PLOT_POINTS) -> IntArray:
    """Choose at most `limit` points of a curve that draw like all of them.

    Points inside straight lines go first, which loses nothing. Of what remains, a third each is spread
    evenly along the curve, evenly along the logarithm of `x` (searches live at false positive rates of
    1e-4) and over the first points. Both ends always stay, so an ROC keeps its corners exactly.

    Parameters
    ----------
    x, y : shape (K,)
        A curve in order; `x` monotone.

    Returns
    -------
    int64, shape (≤ limit,)
        Increasing positions of the points to keep.
    """
    across, up = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    keep = np.arange(across.size)
    if across.size > 2:
        bends = np.diff(across)[:-1] * np.diff(up)[1:] != np.diff(across)[1:] * np.diff(up)[:-1]
        keep = np.flatnonzero(np.concatenate(([True], bends, [True])))
    if keep.size <= limit:
        return keep
    share = (limit - 2) // 3
    steps = np.abs(np.diff(across[keep])) + np.abs(np.diff(up[keep]))
    smallest = np.min(across[keep][across[keep] > 0], initial=1.0)
    log_steps = np.abs(np.diff(np.log(np.maximum(across[keep], smallest / 10))))
    points = np.concatenate(
        ([0, keep.size - 1], np.arange(share), _evenly(steps, share), _evenly(log_steps, share))
    )
    return np.asarray(keep[np.unique(points)], dtype=np.int64)


def _evenly(steps: FloatArray, count: int) -> IntArray:
    travelled = np.concatenate(([0.0], np.cumsum(steps)))
    # Corners of a staircase lie alternately above and below it: taking them in turn keeps the area.
    nearest = np.searchsorted(travelled, np.linspace(0.0, travelled[-1], count))
    alternate = nearest // 2 * 2 + np.arange(count) % 2
    return np.asarray(np.minimum(alternate, steps.size), dtype=np.int64)
