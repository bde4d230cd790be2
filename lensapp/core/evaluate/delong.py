"""How far the area under the ROC may be off, and whether two runs differ in it.

References
----------
DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44, 837; Sun & Xu 2014, IEEE Signal Processing Letters 21,
1389 (by ranks, in n log n).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from lensapp.core.evaluate.curves import FloatArray, ThresholdCounts
from lensapp.core.evaluate.intervals import wilson_interval
from lensapp.core.log_odds import probability


def auroc_interval(counts: ThresholdCounts, *, confidence: float = 0.95) -> tuple[float, float]:
    """Return DeLong's interval of the AUROC, on the logit scale so that it stays within 0–1.

    Where no lens and non-lens are ever out of order, or all are, the variance is zero: Wilson's interval of
    as many trials as the smaller class takes its place.

    References
    ----------
    Pepe 2003, The Statistical Evaluation of Medical Tests, section 5.2 (logit scale).
    """
    area, variance = auroc_variance(counts)
    return _by_logit(area, variance, min(counts.n_positive, counts.n_negative), confidence=confidence)


def grouped_auroc_interval(
    labels: NDArray[np.bool_], scores: FloatArray, groups: NDArray[np.int64], *, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the interval of the AUROC where cutouts of a group are not independent, on the logit scale.

    Parameters
    ----------
    labels, scores, groups : shape (n,)
        Truth, finite scores, and the running number of the group of each cutout.

    References
    ----------
    Obuchowski 1997, Biometrics 53, 567 (clustered data).
    """
    below, above = _placements(labels, scores)
    area, count = float(below.mean()), int(groups.max()) + 1
    of_lenses = np.bincount(groups[labels], below - area, minlength=count) / len(below)
    of_others = np.bincount(groups[~labels], above - area, minlength=count) / len(above)
    with_lenses, with_others = (len(np.unique(groups[one])) for one in (labels, ~labels))
    variance = float(np.dot(of_lenses, of_lenses)) * with_lenses / max(with_lenses - 1, 1)
    variance += float(np.dot(of_others, of_others)) * with_others / max(with_others - 1, 1)
    variance += 2 * float(np.dot(of_lenses, of_others)) * count / max(count - 1, 1)
    trials = min(with_lenses, with_others)
    return _by_logit(area, variance, trials, confidence=confidence)


def _by_logit(area: float, variance: float, trials: int, *, confidence: float) -> tuple[float, float]:
    """Return limits on the logit scale, or Wilson's of so many trials where nothing varies."""
    if not 0 < area < 1 or variance <= 0:
        low, high = wilson_interval(round(area * trials), trials, confidence=confidence)
        return min(low, area), max(high, area)
    half = ndtri((1 + confidence) / 2) * np.sqrt(variance) / (area * (1 - area))
    logit = np.log(area / (1 - area))
    low, high = probability([logit - half, logit + half])
    return float(low), float(high)


def auroc_variance(counts: ThresholdCounts) -> tuple[float, float]:
    """Return the AUROC and DeLong's variance of it, from counts alone; ties count half."""
    lenses = np.diff(counts.true_positives, prepend=0)
    others = np.diff(counts.false_positives, prepend=0)
    below = (counts.n_negative - counts.false_positives + others / 2) / counts.n_negative  # of each lens
    above = (counts.true_positives - lenses / 2) / counts.n_positive  # of each non-lens
    area = float(np.dot(lenses, below) / counts.n_positive)
    variance = 0.0
    for number, share in ((lenses, below), (others, above)):
        total = int(number.sum())
        spread = float(np.dot(number, (share - area) ** 2))
        variance += spread / (total * max(total - 1, 1))
    return area, variance


def paired_auroc_test(
    labels: NDArray[np.bool_], first: FloatArray, second: FloatArray, *, confidence: float = 0.95
) -> tuple[tuple[float, float], float]:
    """Return the interval of the difference of two AUROCs on the same cutouts, and its two-sided p-value.

    Parameters
    ----------
    labels, first, second : shape (n,)
        Truth, and the finite scores of each run.
    """
    placements = [_placements(labels, scores) for scores in (first, second)]
    difference = float(placements[0][0].mean() - placements[1][0].mean())
    variance = 0.0
    for one, other in zip(*placements, strict=True):
        gaps = one - other
        variance += float(gaps.var(ddof=1)) / len(gaps) if len(gaps) > 1 else 0.0
    return normal_test(difference, variance, confidence=confidence)


def _placements(labels: NDArray[np.bool_], scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return of each lens the share of non-lenses below it, of each non-lens that of lenses above."""
    from scipy.stats import rankdata

    together = rankdata(scores)
    lenses, others = scores[labels], scores[~labels]
    below = (together[labels] - rankdata(lenses)) / len(others)
    above = 1 - (together[~labels] - rankdata(others)) / len(lenses)
    return below, above


def normal_test(
    difference: float, variance: float, *, confidence: float = 0.95
) -> tuple[tuple[float, float], float]:
    """Return the interval of a normal difference of two AUROCs, and its two-sided p-value."""
    error = float(np.sqrt(variance))
    if error == 0:
        return (difference, difference), 1.0 if difference == 0 else 0.0
    half = float(ndtri((1 + confidence) / 2)) * error
    return (difference - half, difference + half), float(2 * ndtr(-abs(difference) / error))
