"""Confidence intervals of proportions, Wilson's throughout the project; the draws that others come from.

Where several cutouts show one object a proportion is worth fewer trials than it has cutouts: those of an
effective sample, never more than there are objects.

References
----------
Wilson 1927, JASA 22, 209; Brown, Cai & DasGupta 2001, Statistical Science 16, 101; Rao & Scott 1992,
Biometrics 48, 577 (effective sample of a proportion in clusters); Kish 1965, Survey Sampling, chapter 5 (of
clusters whose members are all alike).
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.curves import FloatArray, IntArray, ThresholdCounts

FEW_OF_EACH = 4
FEW_TRIALS = 30  # below, resamples differ less among each other than other parts of that size would


@dataclass(frozen=True)
class Interval:
    """A figure and the limits that hold it with a confidence of 95 %."""

    value: float
    low: float
    high: float


def wilson_interval(successes: int, trials: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval of a proportion; (0, 1) when nothing was tried."""
    if not trials:
        return 0.0, 1.0
    low, high = wilson_band(successes, trials, confidence=confidence)
    return float(low), float(high)


def wilson_band(
    successes: ArrayLike, trials: ArrayLike, *, confidence: float = 0.95
) -> tuple[FloatArray, FloatArray]:
    """Return the lower and upper Wilson limits of many proportions, each of shape (K,), with trials > 0."""
    return wilson_limits(np.asarray(successes) / np.asarray(trials), trials, confidence=confidence)


def wilson_limits(
    shares: ArrayLike, trials: ArrayLike, *, confidence: float = 0.95
) -> tuple[FloatArray, FloatArray]:
    """Return the Wilson limits of shares, each (K,), in trials > 0 that need be no whole numbers."""
    if not 0 < confidence < 1:
        raise InvalidInput(f"A confidence of {confidence} is not between 0 and 1. Use 0.95.")
    share, number = np.asarray(shares, np.float64), np.asarray(trials, np.float64)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    middle = share + z**2 / (2 * number)
    half = z * np.sqrt(share * (1 - share) / number + (z / (2 * number)) ** 2)
    low, high = ((middle + sign * half) / (1 + z**2 / number) for sign in (-1, 1))
    return np.clip(low, 0.0, share), np.clip(high, share, 1.0)  # rounding may leave a limit 1e-17 inside


def limits_of_draws(value: float, limits: tuple[float, float], trials: int) -> tuple[float, float]:
    """Return limits of a share from those of its resamples, wide enough for few trials.

    Resamples of few hardly vary, or on one side only: then the limits hold Wilson's of as many trials, too.
    """
    low, high = limits
    if trials < FEW_TRIALS or low == high or low >= value > 0 or high <= value < 1:
        by_number = wilson_interval(round(value * trials), trials)
        low, high = min(low, by_number[0]), max(high, by_number[1])
    return min(low, value), max(high, value)


def band_of_draws(
    limits: tuple[FloatArray, FloatArray], hits: IntArray, trials: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Return a band of shares from that of its resamples, where trials are few as `limits_of_draws` does."""
    low, high = limits
    few = trials < FEW_TRIALS
    if not few.any():
        return low, high
    by_number = wilson_band(hits, trials)
    return np.where(few, np.fmin(low, by_number[0]), low), np.where(few, np.fmax(high, by_number[1]), high)


def band_of_share_draws(
    shares: FloatArray, limits: tuple[FloatArray, FloatArray], trials: int
) -> tuple[FloatArray, FloatArray]:
    """Return a band of shares (k,), of which none need be one of whole numbers, as `limits_of_draws` does."""
    low, high = limits
    doubted = (low == high) | ((low >= shares) & (shares > 0)) | ((high <= shares) & (shares < 1))
    doubted |= trials < FEW_TRIALS
    least, most = wilson_limits(shares, trials)
    low, high = np.where(doubted, np.fmin(low, least), low), np.where(doubted, np.fmax(high, most), high)
    return np.minimum(low, shares), np.maximum(high, shares)


def largest_half_width(trials: int, *, confidence: float = 0.95) -> float:
    """Return half the width of the Wilson interval where half of the trials succeed: it is widest there."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    return z / (2 * math.sqrt(trials + z**2))


def trials_for(half_width: float, *, confidence: float = 0.95) -> int:
    """Return how many trials make every Wilson interval at most so wide either way; inverse of the above."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    return max(math.ceil((z / (2 * half_width)) ** 2 - z**2), 1)


def draw_anew(number: NDArray[np.int64], *, rng: np.random.Generator, repeats: int) -> NDArray[np.int64]:
    """Return how many of each kind come when as many as there are of all are drawn with repetition.

    Where there are few of most kinds one by one is drawn, which is several times as quick as a multinomial.

    Parameters
    ----------
    number : shape (kinds,)
        How many there are of each.

    Returns
    -------
    int64, shape (repeats, kinds)
    """
    total, kinds = int(number.sum()), len(number)
    if total > FEW_OF_EACH * kinds:
        return np.asarray(rng.multinomial(total, number / total, size=repeats), np.int64)
    kind = np.repeat(np.arange(kinds), number)
    drawn = np.empty((repeats, kinds), np.int64)
    for repeat in range(repeats):
        drawn[repeat] = np.bincount(kind[rng.integers(0, total, total)], minlength=kinds)
    return drawn


def share_interval(
    accepted: NDArray[np.bool_], members: NDArray[np.bool_], groups: NDArray[np.int64] | None
) -> Interval:
    """Return the share of some cutouts that is accepted, with Wilson's limits of 95 %.

    Where several cutouts show one object, which `groups` names, each object counts once in the limits.
    """
    hits, count = int(accepted[members].sum()), int(members.sum())
    if groups is None:
        return Interval(hits / count, *wilson_interval(hits, count))
    [worth] = trials_in_bins(accepted[members], np.zeros(count, np.int64), groups[members])
    low, high = wilson_limits(hits / count, worth)
    return Interval(hits / count, float(low), float(high))


def trials_in_bins(hits: NDArray[np.bool_], bins: IntArray, groups: NDArray[np.int64]) -> FloatArray:
    """Return how many trials the share of hits in each bin is worth, shape (b,), an object counted once.

    Parameters
    ----------
    hits, bins, groups : shape (n,)
        Whether each cutout is one, its bin from 0 on, of which none is empty, and its object.
    """
    _, unit = np.unique(groups, return_inverse=True)
    kinds, row = np.unique(bins * (unit.max() + 1) + unit, return_inverse=True)
    number, found = np.bincount(row), np.bincount(row, weights=hits)  # of an object in a bin
    bin_of = kinds // (unit.max() + 1)

    def summed(values: NDArray[np.float64] | IntArray) -> FloatArray:
        return np.asarray(np.bincount(bin_of, weights=values), np.float64)

    return _effective(
        summed(found), summed(number), squares=(summed(found**2), summed(found * number), summed(number**2)),
        objects=np.bincount(bin_of),
    )  # fmt: skip


def _effective(
    hits: ArrayLike, number: ArrayLike, *, squares: tuple[ArrayLike, ArrayLike, ArrayLike], objects: ArrayLike
) -> FloatArray:
    """Return how many trials shares of hits are worth, shape (K,), given sums over the objects.

    Where all are hits, or none is, nothing tells how alike the cutouts of an object are: they are then held
    to be all alike.

    Parameters
    ----------
    hits, number : shape (K,)
        Of all cutouts.
    squares : shape (K,) each
        Sums over the objects of hits², of hits × number and of number².
    """
    found, all_of = np.asarray(hits, np.float64), np.asarray(number, np.float64)
    of_hits, mixed, of_number = (np.asarray(one, np.float64) for one in squares)
    share = found / all_of
    spread = np.maximum(of_hits - 2 * share * mixed + share**2 * of_number, np.finfo(np.float64).tiny)
    with np.errstate(over="ignore"):  # objects of one share each: more than there are of them
        worth = share * (1 - share) * all_of**2 / spread
    worth = np.where((found == 0) | (found == all_of), all_of**2 / of_number, worth)
    return np.minimum(worth, objects)


@dataclass(frozen=True, eq=False)
class Trials:
    """How many trials the shares at each threshold are worth, each object counted once.

    Attributes
    ----------
    lenses, nonlenses, accepted : shape (K + 1,)
        For the share of lenses and of non-lenses that is accepted, and the share of lenses in what is; row k
        at the k-th threshold from the highest, row 0 above all of them.
    """

    lenses: FloatArray
    nonlenses: FloatArray
    accepted: FloatArray

    def rows(self, rows: ArrayLike) -> "Trials":
        """Return those at some of the thresholds."""
        chosen = np.asarray(rows, np.int64)
        return Trials(self.lenses[chosen], self.nonlenses[chosen], self.accepted[chosen])


def trials_of(
    counts: ThresholdCounts, labels: NDArray[np.bool_], scores: ArrayLike, groups: NDArray[np.int64] | None
) -> Trials:
    """Return how many trials shares at the thresholds of `counts` are worth.

    Parameters
    ----------
    labels, scores, groups : shape (n,)
        Of the cutouts that were counted; those with one value of `groups` show one object. None: each shows
        an object of its own.
    """
    found, false = (np.append(0, one) for one in (counts.true_positives, counts.false_positives))
    if groups is None:
        lenses, others = (np.full(len(found), float(one)) for one in (counts.n_positive, counts.n_negative))
        return Trials(lenses, others, (found + false).astype(np.float64))
    order = np.argsort(-np.asarray(scores, np.float64), kind="stable")
    unit, lens = np.unique(groups, return_inverse=True)[1].ravel()[order], labels[order]
    return Trials(
        _of_a_class(unit[lens], found),
        _of_a_class(unit[~lens], false),
        _of_accepted(unit, lens, found + false),
    )


def _of_a_class(unit: IntArray, reached: IntArray) -> FloatArray:
    """Return the trials of the share accepted of cutouts (n,) in the order of their scores.

    `reached` (K + 1,) says how many are, and `unit` which object each shows.
    """
    size = np.bincount(unit)
    squares = _summed(2 * _earlier(unit, np.ones(len(unit), np.int64)) + 1)[reached]
    mixed = _summed(size[unit])[reached]
    of_number = float((size.astype(np.float64) ** 2).sum())
    return _effective(reached, len(unit), squares=(squares, mixed, of_number), objects=np.count_nonzero(size))


def _of_accepted(unit: IntArray, lens: NDArray[np.bool_], reached: IntArray) -> FloatArray:
    """Return the trials of the share of lenses in as many of the first cutouts as `reached` (K + 1,) says."""
    before, found = _earlier(unit, np.ones(len(unit), np.int64)), _earlier(unit, lens.astype(np.int64))
    hits, of_hits = _summed(lens), _summed(lens * (2 * found + 1))
    mixed, of_number = _summed(found + lens * (before + 1)), _summed(2 * before + 1)
    objects, rows = _summed(before == 0), reached[1:]
    squares = (of_hits[rows], mixed[rows], of_number[rows])
    return np.append(0.0, _effective(hits[rows], rows, squares=squares, objects=objects[rows]))


def _summed(values: ArrayLike) -> IntArray:
    return np.append(0, np.cumsum(np.asarray(values, np.int64)))


def _earlier(unit: IntArray, values: IntArray) -> IntArray:
    """Return the sum of the values (n,) of the earlier rows of the same unit."""
    rows = np.argsort(unit, kind="stable")
    of_unit, ordered = unit[rows], values[rows]
    before = np.cumsum(ordered) - ordered
    earlier = np.empty_like(before)
    earlier[rows] = before - before[np.searchsorted(of_unit, of_unit)]
    return earlier
