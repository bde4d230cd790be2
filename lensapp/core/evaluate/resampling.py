"""Intervals of every figure, and paired comparisons of runs, by resampling the labelled cutouts.

Lenses and non-lenses are resampled separately, or whole groups (one sky object, one field) where cutouts of a
group are not independent. A resample is only counted per score, never sorted: 400 of a million take a second.

References
----------
Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapters 8 (groups), 13 (percentiles), 16 (tests).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.curves import FloatArray, IntArray, ThresholdCounts, checked, count_thresholds
from lensapp.core.evaluate.delong import auroc_interval, grouped_auroc_interval, paired_auroc_test
from lensapp.core.evaluate.intervals import FEW_TRIALS, Interval, band_of_draws, draw_anew, limits_of_draws
from lensapp.core.evaluate.metrics import (
    FALSE_POSITIVE_RATES,
    auroc,
    average_precision,
    rate_aim,
    recall_at_rate,
    recall_with_fewer_false_positives,
)

REPEATS, BAND_REPEATS = 400, 200
LEVELS, PAIRED_LEVELS = 4096, 1024  # distinct scores kept; the highest stay as they are
CONFIDENCE = 0.95


FIGURES: Mapping[str, Callable[[ThresholdCounts], float]] = {
    "auroc": auroc,
    "average_precision": average_precision,
    "tpr0": lambda counts: recall_with_fewer_false_positives(counts, limit=1),
    "tpr10": lambda counts: recall_with_fewer_false_positives(counts, limit=10),
    **{f"recall_{rate_aim(rate)}": partial(recall_at_rate, rate=rate) for rate in FALSE_POSITIVE_RATES},
}


@dataclass(frozen=True)
class Difference:
    """How much larger a figure of the first run is than that of the second, on the same cutouts.

    Attributes
    ----------
    low, high
        95 % limits of the difference.
    p_value
        Two-sided, of no difference; as small as the number of resamples can tell.
    """

    figure: str
    first: float
    second: float
    difference: float
    low: float
    high: float
    p_value: float

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def figure_intervals(
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    rng: np.random.Generator,
    groups: ArrayLike | None = None,
    repeats: int = REPEATS,
) -> dict[str, Interval]:
    """Return AUROC, average precision, TPR0, TPR10 and recall at fixed rates with their intervals.

    That of the AUROC is DeLong's where cutouts are independent, else from percentiles of resamples, with
    Obuchowski's (DeLong's for groups) where lenses or non-lenses are few. The others are from percentiles of
    resamples, with Wilson's of as many trials as there are lenses where these are few or resamples agree, as
    they do of a perfect ranking. TPR0 and TPR10 hang on a few non-lenses: their intervals say what other
    parts of this size would give.

    Parameters
    ----------
    labels, scores : shape (n,)
        See `lensapp.core.evaluate.curves.count_thresholds`.
    groups : shape (n,), optional
        Cutouts with one value are drawn together.
    """
    truth, values = checked(labels, scores)
    counts = count_thresholds(truth, values)
    if groups is None:
        return intervals_of_counts(counts, rng=rng, repeats=repeats)
    drawn = resampled_figures(truth, values[:, None], rng=rng, groups=groups, repeats=repeats)[:, 0]
    limits = _with_limits(counts, drawn)
    numbers = np.unique(np.asarray(groups), return_inverse=True)[1].ravel()
    if min(np.count_nonzero(np.bincount(numbers[one])) for one in (truth, ~truth)) < FEW_TRIALS:
        one, (low, high) = limits["auroc"], grouped_auroc_interval(truth, values, numbers)
        limits["auroc"] = Interval(one.value, min(one.low, low), max(one.high, high))
    return limits


def intervals_of_counts(
    counts: ThresholdCounts, *, rng: np.random.Generator, repeats: int = REPEATS
) -> dict[str, Interval]:
    """Return what `figure_intervals` does of independent cutouts, from counts at each threshold.

    The counts of a `lensapp.core.evaluate.histogram.ScoreHistogram` do, so that 10⁸ scores take no more
    memory or time than 65 536.
    """
    hits, misses, _ = _redrawn(counts, rng=rng, repeats=repeats)
    drawn = figures_of_draws(hits, misses)
    return _with_limits(counts, drawn) | {"auroc": Interval(auroc(counts), *auroc_interval(counts))}


def resampled_counts(
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    rng: np.random.Generator,
    groups: ArrayLike | None = None,
    repeats: int = REPEATS,
) -> Iterator[ThresholdCounts]:
    """Draw cutouts anew, or whole groups, and count lenses and non-lenses.

    Draws that lack a class are left out. The thresholds of grouped draws are no scores but ranks.
    """
    truth, values = checked(labels, scores)
    if groups is None:
        yield from redrawn_counts(count_thresholds(truth, values), rng=rng, repeats=repeats)
        return
    units = _grouped(truth, coarse_bins(values, levels=LEVELS)[:, None], np.asarray(groups))
    drawn = units.draw(rng, repeats)
    hits, misses = (units.per_bin(drawn, 0, levels=LEVELS, lens=lens) for lens in (True, False))
    for counts in map(_counted, hits, misses):
        if counts is not None:
            yield counts


def redrawn_counts(
    counts: ThresholdCounts, *, rng: np.random.Generator, repeats: int = REPEATS
) -> Iterator[ThresholdCounts]:
    """Draw lenses and non-lenses anew, each as many as there are, and count them at each threshold.

    Above 4 096 distinct scores neighbours share one, see `coarse_bins`.
    """
    *drawn, starts = _redrawn(counts, rng=rng, repeats=repeats)
    thresholds = counts.thresholds[np.append(starts[1:] - 1, len(counts.thresholds) - 1)]
    for hits, misses in zip(*drawn, strict=True):
        used = np.flatnonzero(hits + misses)
        yield ThresholdCounts(thresholds[used], np.cumsum(hits[used]), np.cumsum(misses[used]))


def _redrawn(
    counts: ThresholdCounts, *, rng: np.random.Generator, repeats: int
) -> tuple[IntArray, IntArray, IntArray]:
    """Return lenses and non-lenses in each bin of each resample, (repeats, bins), and where bins start."""
    starts = _first_of_bins(len(counts.thresholds), LEVELS)
    drawn = []
    for reached in (counts.true_positives, counts.false_positives):
        number = np.add.reduceat(np.diff(reached, prepend=0), starts)
        drawn.append(draw_anew(number, rng=rng, repeats=repeats))
    return drawn[0], drawn[1], starts


def _with_limits(counts: ThresholdCounts, drawn: FloatArray) -> dict[str, Interval]:
    """Return each figure with the percentiles of those of the resamples, (repeats, figures)."""
    low, high = percentiles(drawn)
    intervals = {}
    for k, (name, figure) in enumerate(FIGURES.items()):
        value, limits = figure(counts), (float(low[k]), float(high[k]))
        if name != "auroc":  # which is no share of lenses
            limits = limits_of_draws(value, limits, counts.n_positive)
        intervals[name] = Interval(value, min(limits[0], value), max(limits[1], value))
    return intervals


def compare_figures(
    labels: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    *,
    rng: np.random.Generator,
    groups: ArrayLike | None = None,
    repeats: int = REPEATS,
) -> list[Difference]:
    """Compare the figures of two runs on the same cutouts, resampling both together.

    The test of the AUROC is DeLong's where cutouts are independent.

    Parameters
    ----------
    labels, first, second : shape (n,)
        Truth, and the scores of each run, in the same order.
    """
    truth, one = checked(labels, first)
    _, other = checked(labels, second)
    drawn = resampled_figures(
        truth, np.stack([one, other], axis=1), rng=rng, groups=groups, repeats=repeats, levels=PAIRED_LEVELS
    )
    counts = count_thresholds(truth, one), count_thresholds(truth, other)
    auroc_test = paired_auroc_test(truth, one, other) if groups is None else None
    return differences_of(counts, drawn, auroc_test=auroc_test)


def differences_of(
    counts: tuple[ThresholdCounts, ThresholdCounts],
    drawn: FloatArray,
    *,
    auroc_test: tuple[tuple[float, float], float] | None = None,
) -> list[Difference]:
    """Return how the figures of two runs differ, with limits and p-values from those of resamples.

    Parameters
    ----------
    drawn : shape (repeats, 2, figures)
        Figures of both runs in the same resamples.
    auroc_test
        Limits and p-value of the AUROC by a test of its own.
    """
    differences = drawn[:, 0] - drawn[:, 1]
    low, high = percentiles(differences)
    compared = []
    for k, (name, figure) in enumerate(FIGURES.items()):
        values = figure(counts[0]), figure(counts[1])
        limits, p_value = (float(low[k]), float(high[k])), p_value_of(differences[:, k])
        if name == "auroc" and auroc_test is not None:
            limits, p_value = auroc_test
        compared.append(Difference(name, *values, values[0] - values[1], *limits, p_value))
    return compared


def resampled_figures(
    labels: NDArray[np.bool_],
    scores: FloatArray,
    *,
    rng: np.random.Generator,
    groups: ArrayLike | None = None,
    repeats: int = REPEATS,
    levels: int = LEVELS,
) -> FloatArray:
    """Return the figures of each run in each resample, shape (repeats, runs, figures).

    Parameters
    ----------
    labels, scores : shapes (n,) and (n, runs)
        Truth, and finite scores of any number of runs on the same cutouts.
    """
    bins = np.stack([coarse_bins(column, levels=levels) for column in scores.T], axis=1)
    units = _alike(labels, bins) if groups is None else _grouped(labels, bins, np.asarray(groups))
    drawn = units.draw(rng, repeats)
    figures = np.empty((repeats, scores.shape[1], len(FIGURES)))
    for run in range(scores.shape[1]):
        hits, misses = (units.per_bin(drawn, run, levels=levels, lens=lens) for lens in (True, False))
        figures[:, run] = figures_of_draws(hits, misses)
    return figures


def figures_of_draws(hits: IntArray, misses: IntArray) -> FloatArray:
    """Return what FIGURES give in each resample, NaN where one lacks a class, shape (repeats, figures).

    They are those of `lensapp.core.evaluate.metrics`, of all resamples at once.

    Parameters
    ----------
    hits, misses : shape (repeats, bins)
        Lenses and non-lenses in each bin of scores, the highest first.
    """
    found, accepted = np.cumsum(hits, axis=1), np.cumsum(misses, axis=1)  # lenses and non-lenses
    lenses, others = found[:, -1], accepted[:, -1]

    def share_found(within: NDArray[np.bool_]) -> FloatArray:
        last = np.count_nonzero(within, axis=1) - 1  # of the bins from the highest on
        return (
            np.where(last < 0, 0, np.take_along_axis(found, np.maximum(last, 0)[:, None], axis=1)[:, 0])
            / lenses
        )

    with np.errstate(invalid="ignore", divide="ignore"):
        purity = np.nan_to_num(
            found / (found + accepted)
        )  # 0 / 0 above the highest score: nothing is weighed by it
        measured = {
            "auroc": (misses * (2 * found - hits)).sum(axis=1) / (2.0 * lenses * others),
            "average_precision": (hits * purity).sum(axis=1) / lenses,
            "tpr0": share_found(accepted < 1),
            "tpr10": share_found(accepted < 10),
        }
        for rate in FALSE_POSITIVE_RATES:
            allowed = np.floor(rate * others * (1 + 1e-12))
            measured[f"recall_{rate_aim(rate)}"] = share_found(accepted <= allowed[:, None])
    figures = np.stack([measured[name] for name in FIGURES], axis=1)
    figures[(lenses == 0) | (others == 0)] = np.nan
    return figures


def roc_band(
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    rates: FloatArray,
    rng: np.random.Generator,
    groups: ArrayLike | None = None,
    repeats: int = BAND_REPEATS,
) -> tuple[FloatArray, FloatArray]:
    """Return 95 % limits of the completeness at fixed false positive rates, two arrays of shape (k,).

    Each rate has limits of its own: the band holds the curve at any one of them, not at all of them at once.

    Parameters
    ----------
    labels, scores : shape (n,)
        See `lensapp.core.evaluate.curves.count_thresholds`.
    rates : shape (k,)
        False positive rates; the completeness is the highest that a threshold reaches with no more.
    groups : shape (n,), optional
        Cutouts with one value are drawn together.

    References
    ----------
    Macskassy, Provost & Rosset 2005, ICML, 537 (vertical averaging of resampled curves).
    """
    hits, misses = _redrawn_curves(labels, scores, rng=rng, groups=groups, repeats=repeats)
    completeness = np.full((repeats, len(rates)), np.nan)
    for repeat in range(repeats):
        n_positive, n_negative = hits[repeat, -1], misses[repeat, -1]
        if n_positive and n_negative:
            allowed = np.floor(rates * n_negative + 1e-9)
            reached = np.searchsorted(misses[repeat], allowed, side="right")
            completeness[repeat] = np.append(0, hits[repeat])[reached] / n_positive
    counts = count_thresholds(labels, scores)
    reached = np.searchsorted(counts.false_positives, np.floor(rates * counts.n_negative + 1e-9), "right")
    found = np.append(0, counts.true_positives)[reached]
    low, high = percentiles(completeness)
    some = reached < len(counts.thresholds)  # of everything nothing is uncertain
    trials = np.full(int(some.sum()), counts.n_positive)
    low[some], high[some] = band_of_draws((low[some], high[some]), found[some], trials)
    return low, high


def purity_band(
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    completeness: FloatArray,
    rng: np.random.Generator,
    groups: ArrayLike | None = None,
    repeats: int = BAND_REPEATS,
) -> tuple[FloatArray, FloatArray]:
    """Return 95 % limits of the purity at fixed completeness, two arrays of shape (k,), as `roc_band` does.

    Parameters
    ----------
    completeness : shape (k,)
        Above 0 to 1; the purity is that of the highest threshold that reaches it.
    """
    hits, misses = _redrawn_curves(labels, scores, rng=rng, groups=groups, repeats=repeats)
    purity = np.full((repeats, len(completeness)), np.nan)
    for repeat in range(repeats):
        n_positive = hits[repeat, -1]
        if n_positive and misses[repeat, -1]:
            reached = np.searchsorted(hits[repeat], np.ceil(completeness * n_positive - 1e-9))
            purity[repeat] = hits[repeat, reached] / (hits[repeat, reached] + misses[repeat, reached])
    counts = count_thresholds(labels, scores)
    reached = np.searchsorted(counts.true_positives, np.ceil(completeness * counts.n_positive - 1e-9))
    found = counts.true_positives[reached]
    return band_of_draws(percentiles(purity), found, found + counts.false_positives[reached])


def _redrawn_curves(
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    rng: np.random.Generator,
    groups: ArrayLike | None,
    repeats: int,
) -> tuple[IntArray, IntArray]:
    """Return lenses and non-lenses at or above each rank of score in each resample, (repeats, ranks)."""
    truth, values = checked(labels, scores)
    bins = coarse_bins(values, levels=LEVELS)[:, None]
    units = _alike(truth, bins) if groups is None else _grouped(truth, bins, np.asarray(groups))
    drawn = units.draw(rng, repeats)
    hits, misses = (
        np.cumsum(units.per_bin(drawn, 0, levels=LEVELS, lens=lens), axis=1) for lens in (True, False)
    )
    return hits, misses


def coarse_bins(scores: FloatArray, *, levels: int) -> IntArray:
    """Return the rank of each score among at most `levels` distinct ones, 0 the highest, shape (n,).

    Above that number neighbours share a rank, ever more of them towards low scores, so that each keeps its
    place in the ranking to a fixed fraction (0.3 % for 4096 ranks of a million scores).
    """
    distinct, rank = np.unique(-scores, return_inverse=True)
    if len(distinct) <= levels:
        return np.asarray(rank, np.int64)
    starts = _first_of_bins(len(distinct), levels)
    return np.asarray(np.searchsorted(starts, rank, side="right") - 1, np.int64)


def _first_of_bins(distinct: int, levels: int) -> IntArray:
    """Return the first rank of each of at most `levels` bins of ranks, ever wider ones."""
    if distinct <= levels:
        return np.arange(distinct)
    return np.unique(np.geomspace(1, distinct, levels).astype(np.int64)) - 1


@dataclass(frozen=True, eq=False)
class _Units:
    """What is drawn together, and the cutouts (or sets of cutouts that are alike) that each brings.

    Attributes
    ----------
    has_lens, members : shape (units,)
        Strata, and the chance of each within its own; the sum over a stratum is how many are drawn.
    unit, lens, bins : shapes (rows,), (rows,) and (rows, runs)
        What a unit brings: one row per cutout.
    """

    has_lens: NDArray[np.bool_]
    members: IntArray
    unit: IntArray
    lens: NDArray[np.bool_]
    bins: IntArray

    def draw(self, rng: np.random.Generator, repeats: int) -> NDArray[np.int32]:
        """Return how often each unit is drawn in each resample, shape (repeats, units)."""
        drawn = np.zeros((repeats, len(self.members)), np.int32)
        for stratum in (self.has_lens, ~self.has_lens):
            if stratum.any():
                number = self.members[stratum]
                drawn[:, stratum] = draw_anew(number, rng=rng, repeats=repeats)
        return drawn

    def per_bin(self, drawn: NDArray[np.int32], run: int, *, levels: int, lens: bool) -> IntArray:
        """Return how many cutouts of a class fall into each bin in each resample, (repeats, levels)."""
        rows = np.flatnonzero(self.lens == lens)
        where = self.unit[rows], self.bins[rows, run]
        brought = csr_array((np.ones(len(rows), np.int64), where), shape=(drawn.shape[1], levels))
        return np.asarray(drawn @ brought)


def _alike(labels: NDArray[np.bool_], bins: IntArray) -> _Units:
    """Draw cutouts one by one: those of one class with the same scores are alike, and only counted."""
    rows, members = np.unique(np.column_stack([labels, bins]), axis=0, return_counts=True)
    lens = rows[:, 0].astype(bool)
    return _Units(lens, members, np.arange(len(rows)), lens, rows[:, 1:])


def _grouped(labels: NDArray[np.bool_], bins: IntArray, groups: NDArray[Any]) -> _Units:
    """Draw whole groups, those that hold a lens apart from the others."""
    if groups.shape != labels.shape:
        raise InvalidInput(
            f"There are {groups.size} groups but {labels.size} labels. Take both from the same rows."
        )
    _, unit = np.unique(groups, return_inverse=True)
    has_lens = np.bincount(unit, weights=labels) > 0
    return _Units(has_lens, np.ones(len(has_lens), np.int64), unit, labels, bins)


def _counted(hits: IntArray, misses: IntArray) -> ThresholdCounts | None:
    """Return the counts of one resample, None where it lacks a class."""
    if not hits.any() or not misses.any():
        return None
    return counts_of_bins(hits, misses)


def counts_of_bins(hits: IntArray, misses: IntArray, *, binned: bool = False) -> ThresholdCounts:
    """Return the counts at each occupied bin from the numbers of lenses and non-lenses, the best first."""
    occupied = np.flatnonzero(hits + misses)
    reached = np.cumsum(hits[occupied]), np.cumsum(misses[occupied])
    return ThresholdCounts(-occupied.astype(np.float64), *reached, binned=binned)


def percentiles(drawn: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return 95 % limits of figures in resamples, (repeats, …): low and high."""
    low, high = np.nanquantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    return low, high


def p_value_of(differences: FloatArray) -> float:
    """Return the two-sided p-value of no difference from the differences in resamples, shape (repeats,)."""
    usable = differences[np.isfinite(differences)]
    tail = min(np.count_nonzero(usable <= 0), np.count_nonzero(usable >= 0))
    return float(min(1.0, 2 * (tail + 1) / (len(usable) + 1)))
