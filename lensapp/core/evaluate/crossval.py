"""What the folds of a cross-validation say together: mean, median and scatter of every figure.

The standard deviation is that of a sample (divided by K - 1): it says how much another fold would differ.

References
----------
Bom 2018, Deep Learning Applications in Astronomy: k-fold cross-validation with the mean or the median and
the standard deviation at each threshold. Fawcett 2006, Pattern Recognition Letters 27, 861, section 9, on
averaging ROC curves at fixed false positive rates and at fixed thresholds.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.curves import ThresholdCounts, count_thresholds, roc

FloatArray = NDArray[np.float64]
THRESHOLDS = np.linspace(0.0, 1.0, 101)
RATES = np.unique(np.concatenate([np.linspace(0.0, 1.0, 101), np.geomspace(1e-4, 1.0, 121)]))


@dataclass(frozen=True, eq=False)
class Spread:
    """Mean, median and standard deviation over the folds, each of the shape of one fold's values.

    A fold without a value (purity where nothing is accepted) is left out; the standard deviation of a
    single value is NaN.
    """

    mean: FloatArray
    median: FloatArray
    std: FloatArray

    @property
    def low(self) -> FloatArray:
        """One standard deviation below the mean, within 0 … 1."""
        return np.clip(self.mean - np.nan_to_num(self.std), 0.0, 1.0)

    @property
    def high(self) -> FloatArray:
        """One standard deviation above the mean, within 0 … 1."""
        return np.clip(self.mean + np.nan_to_num(self.std), 0.0, 1.0)


@dataclass(frozen=True, eq=False)
class ThresholdSpread:
    """Completeness (TPR), false positive rate and purity at each threshold over the folds."""

    thresholds: FloatArray
    completeness: Spread
    false_positive_rate: Spread
    purity: Spread


@dataclass(frozen=True, eq=False)
class RocBand:
    """The ROC of each fold on one grid of false positive rates, and what they say together.

    Attributes
    ----------
    rates : shape (G,)
        False positive rates.
    folds : shape (K, G)
        Completeness of each fold.
    spread
        Over the folds, each of shape (G,).
    """

    rates: FloatArray
    folds: FloatArray
    spread: Spread


def spread_of(values: ArrayLike) -> Spread:
    """Return mean, median and sample standard deviation over the first axis, NaN left out.

    Parameters
    ----------
    values : shape (K, …)
        One row per fold.
    """
    table = np.asarray(values, np.float64)
    finite = np.isfinite(table)
    count = finite.sum(axis=0)
    mean = np.where(count > 0, np.where(finite, table, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)
    squares = np.where(finite, table - mean, 0.0) ** 2
    std = np.where(count > 1, np.sqrt(squares.sum(axis=0) / np.maximum(count - 1, 1)), np.nan)
    ranked = np.sort(np.where(finite, table, np.inf), axis=0)
    low = np.take_along_axis(ranked, np.maximum(count - 1, 0)[None] // 2, axis=0)[0]
    high = np.take_along_axis(ranked, np.maximum(count, 1)[None] // 2, axis=0)[0]
    median = np.where(count > 0, 0.5 * np.where(count > 0, low + high, 0.0), np.nan)
    return Spread(mean, median, std)


def count_folds(folds: Iterable[tuple[ArrayLike, ArrayLike]]) -> list[ThresholdCounts]:
    """Count true and false positives of each fold's (labels, scores)."""
    counted = [count_thresholds(labels, scores) for labels, scores in folds]
    if not counted:
        raise InvalidInput("No fold has scores yet. Wait for the first to end.")
    return counted


def at_thresholds(folds: Sequence[ThresholdCounts], thresholds: ArrayLike = THRESHOLDS) -> ThresholdSpread:
    """Return what the folds say at each threshold (accepted: score at least the threshold).

    Parameters
    ----------
    folds
        Counts of each fold.
    thresholds : shape (T,)
        In any order.
    """
    limits = np.asarray(thresholds, np.float64)
    completeness, rate, purity = (np.empty((len(folds), limits.size)) for _ in range(3))
    for fold, counts in enumerate(folds):
        accepted = np.searchsorted(-counts.thresholds, -limits, side="right")
        true = np.concatenate(([0], counts.true_positives))[accepted]
        false = np.concatenate(([0], counts.false_positives))[accepted]
        completeness[fold] = true / counts.n_positive
        rate[fold] = false / counts.n_negative
        purity[fold] = np.where(true + false > 0, true / np.maximum(true + false, 1), np.nan)
    return ThresholdSpread(limits, spread_of(completeness), spread_of(rate), spread_of(purity))


def roc_band(folds: Sequence[ThresholdCounts], rates: ArrayLike = RATES) -> RocBand:
    """Return the ROC of each fold at common false positive rates, with mean, median and scatter.

    Between two points of a fold's ROC the line is straight; where it rises vertically the upper end counts.

    Parameters
    ----------
    folds
        Counts of each fold.
    rates : shape (G,)
        False positive rates, 0 … 1.
    """
    grid = np.asarray(rates, np.float64)
    curves = np.stack([completeness_at(counts, grid) for counts in folds])
    return RocBand(grid, curves, spread_of(curves))


def completeness_at(counts: ThresholdCounts, rates: FloatArray) -> FloatArray:
    """Return the completeness of one ROC at `rates` of false positives, shape (G,)."""
    rate, completeness, _ = roc(counts)
    before = np.clip(np.searchsorted(rate, rates, side="right") - 1, 0, rate.size - 1)
    after = np.minimum(before + 1, rate.size - 1)
    width = rate[after] - rate[before]
    share = np.where(width > 0, (rates - rate[before]) / np.where(width > 0, width, 1.0), 0.0)
    return np.asarray(completeness[before] + share * (completeness[after] - completeness[before]))


def summarise(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float | None]]:
    """Return mean, median and std of each figure; a fold where it does not exist is left out.

    Parameters
    ----------
    rows
        The figures of each fold, whatever the task.

    Returns
    -------
    dict
        "mean", "median" and "std", each by the name of the figure; None where it does not exist.
    """

    def is_figure(value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool)

    names = dict.fromkeys(name for row in rows for name, value in row.items() if is_figure(value))
    spreads = {
        name: spread_of([row[name] if is_figure(row.get(name)) else np.nan for row in rows]) for name in names
    }
    statistics = {
        kind: {name: float(getattr(spread, kind)) for name, spread in spreads.items()}
        for kind in ("mean", "median", "std")
    }
    return {
        kind: {name: value if np.isfinite(value) else None for name, value in values.items()}
        for kind, values in statistics.items()
    }
