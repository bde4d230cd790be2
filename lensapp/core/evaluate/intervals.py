"""Confidence intervals of proportions, Wilson's throughout the project; the draws that others come from.

References
----------
Wilson 1927, JASA 22, 209; Brown, Cai & DasGupta 2001, Statistical Science 16, 101. Computed by astropy.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lensapp.core.errors import InvalidInput

FEW_OF_EACH = 4
FEW_TRIALS = 30  # below, resamples differ less among each other than other parts of that size would
SHARE_REPEATS = 2_000


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
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lower and upper Wilson limits of many proportions, each of shape (K,), with trials > 0."""
    if not 0 < confidence < 1:
        raise InvalidInput(f"A confidence of {confidence} is not between 0 and 1. Use 0.95.")
    # Loading it takes a second, which the list of commands does not wait for.
    from astropy.stats import binom_conf_interval

    low, high = binom_conf_interval(successes, trials, confidence_level=confidence, interval="wilson")
    share = np.asarray(successes) / np.asarray(trials)
    return np.minimum(low, share), np.maximum(high, share)  # rounding may leave a limit 1e-17 inside


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
    limits: tuple[NDArray[np.float64], NDArray[np.float64]],
    hits: NDArray[np.int64],
    trials: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a band of shares from that of its resamples, where trials are few as `limits_of_draws` does."""
    low, high = limits
    few = trials < FEW_TRIALS
    if not few.any():
        return low, high
    by_number = wilson_band(hits, trials)
    return np.where(few, np.fmin(low, by_number[0]), low), np.where(few, np.fmax(high, by_number[1]), high)


def band_of_share_draws(
    shares: NDArray[np.float64], limits: tuple[NDArray[np.float64], NDArray[np.float64]], trials: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a band of shares (k,), of which none need be one of whole numbers, as `limits_of_draws` does."""
    low, high = limits
    doubted = (low == high) | ((low >= shares) & (shares > 0)) | ((high <= shares) & (shares < 1))
    doubted |= trials < FEW_TRIALS
    z = NormalDist().inv_cdf(0.975)
    middle = shares + z**2 / (2 * trials)
    half = z * np.sqrt(shares * (1 - shares) / trials + (z / (2 * trials)) ** 2)
    least, most = ((middle + sign * half) / (1 + z**2 / trials) for sign in (-1, 1))
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
    """Return the share of some cutouts that is accepted, with 95 % limits.

    Wilson's, of single cutouts or, where several show one object, of resampled objects, with Wilson's of
    as many trials as there are objects where these are few or resamples agree.
    """
    hits, count = int(accepted[members].sum()), int(members.sum())
    share = hits / count
    if groups is None:
        return Interval(share, *wilson_interval(hits, count))
    _, unit = np.unique(groups[members], return_inverse=True)
    if unit.max() + 1 == count:  # each shows an object of its own
        return Interval(share, *wilson_interval(hits, count))
    found = np.bincount(unit, weights=accepted[members]).astype(np.int64)
    # Objects of as many cutouts, as many of them accepted, are alike, and only counted.
    kinds, numbers = np.unique(np.column_stack([np.bincount(unit), found]), axis=0, return_counts=True)
    objects = len(found)
    drawn = np.random.default_rng(0).multinomial(objects, numbers / objects, size=SHARE_REPEATS) @ kinds
    low, high = np.quantile(drawn[:, 1] / drawn[:, 0], [0.025, 0.975])
    return Interval(share, *limits_of_draws(share, (float(low), float(high)), objects))
