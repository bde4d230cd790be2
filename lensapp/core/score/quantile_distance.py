"""How far apart two samples are, quantile by quantile, and how far they would be by chance."""

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Light = Literal["green", "grey", "amber", "red"]
Floats = NDArray[np.float64]

LEVELS: tuple[float, ...] = (0.05, 0.25, 0.5, 0.75, 0.95)
LOWER, MIDDLE, UPPER = 1, 2, 3
ORDER: tuple[Light, ...] = ("green", "grey", "amber", "red")
AMBER_FROM, RED_FROM = 0.5, 1.0  # mean distance of quantiles in units of the spread
CHANCE = 0.01  # that a check of a part of the same survey finds any of its quantities different
PARTS = slice(0, 5), slice(1, 4)  # of LEVELS, that are averaged: all, and the middle half
NORMAL = NormalDist()
NORMAL_ERRORS = np.array(  # of quantiles, in sigma, times the root of the number of values
    [np.sqrt(level * (1 - level)) / NORMAL.pdf(NORMAL.inv_cdf(level)) for level in LEVELS]
)


def quantile_errors(values: Floats, levels: Floats) -> Floats:
    """Return the sampling error of quantiles of n values, whatever their distribution.

    How many values lie below the quantile at p varies by the root of n p (1 - p): the error is the way to the
    value so many ranks below or above, whichever is longer, since nothing lies beyond the ends of few values.
    Half a rank is added, by which quantiles of few are off.

    References
    ----------
    H. A. David and H. N. Nagaraja, Order Statistics, 3rd ed., Wiley 2003, section 7.1.
    """
    away = np.sqrt(levels * (1 - levels) / len(values)) + 0.5 / len(values)
    low, middle, high = (np.quantile(values, np.clip(levels + sign * away, 0, 1)) for sign in (-1, 0, 1))
    return np.maximum(high - middle, middle - low)


def spread_of(quantiles: Sequence[float] | Floats) -> Any:
    """Return the width of the middle half as a standard deviation: of a normal distribution it is σ.

    Of quantiles at LEVELS along the first axis, of one quantity or of several.
    """
    return (quantiles[UPPER] - quantiles[LOWER]) / 1.349


def distance_of(training: Floats, source: Floats, *, least_spread: float = 0.0) -> float:
    """Return the mean distance of quantiles in units of their spread in the training part."""
    spread = max(spread_of(training), least_spread, 1e-12)
    return float(np.mean(np.abs(source - training)) / spread)


def significant_from(quantities: int) -> float:
    """Return from how many sampling errors on a quantity differs, where so many are compared.

    One of many is far off by chance more easily than the only one: 2.6 for one, 3.4 for seventeen.

    References
    ----------
    C. E. Bonferroni's inequality; R. G. Miller, Simultaneous Statistical Inference, 2nd ed., Springer 1981.
    """
    return NORMAL.inv_cdf(1 - CHANCE / (2 * max(quantities, 1)))


def errors_together(errors: Floats, levels: Sequence[float] = LEVELS) -> float:
    """Return the sampling error of the mean of quantiles, from that of each.

    Quantiles of one sample are correlated, the nearer the more: that at p and that at r > p by the root of
    p (1 - r) / (r (1 - p)), whatever the distribution.

    References
    ----------
    H. A. David and H. N. Nagaraja, Order Statistics, 3rd ed., Wiley 2003, section 10.2.
    """
    low, high = np.minimum.outer(levels, levels), np.maximum.outer(levels, levels)
    correlation = np.sqrt(low * (1 - high) / (high * (1 - low)))
    return float(np.sqrt(errors @ correlation @ errors) / len(errors))


ERROR_OF_MEAN = errors_together(NORMAL_ERRORS)  # in sigma, times the root of the number of values


def least_errors(quantities: int) -> float:
    """Return from how many sampling errors on one of so many quantities differs; each is looked at twice."""
    return significant_from(len(PARTS) * quantities)


def judged(
    apart: Floats, errors: Floats, *, least: float, of_lowest: bool = False
) -> tuple[Light, float, float]:
    """Return the light of a quantity, its distance and the sampling error of that.

    The mean over all quantiles tells tails that differ, that over the middle half a shift: the tails of few
    values are so uncertain that they would drown it. The one by which the light is worse counts, or else that
    which is more of its errors off.

    Parameters
    ----------
    apart : shape (5,)
        How far the quantiles at LEVELS are apart, in spreads.
    errors : shape (5,)
        Their sampling errors.
    of_lowest
        Whether these are quantiles of the lowest values alone, whose errors have the same sign.
    """
    outcomes = []
    for part in PARTS[:1] if of_lowest else PARTS:
        distance = float(apart[part].mean())
        error = float(errors.mean()) if of_lowest else errors_together(errors[part], LEVELS[part])
        light = light_of(distance, error=error, least=least)
        outcomes.append((ORDER.index(light), distance / max(error, 1e-12), light, distance, error))
    _, _, light, distance, error = max(outcomes)
    return light, distance, error


def light_of(distance: float, *, error: float, least: float) -> Light:
    """Return grey for what is far off, but by less than `least` sampling errors: it cannot be told."""
    if distance < AMBER_FROM:
        return "green"
    if distance < least * error:
        return "grey"
    return "red" if distance >= RED_FROM else "amber"


def is_telling(ours: int, theirs: int, *, least: float) -> bool:
    """Return whether so many values of either side would show a difference that is red, were it there."""
    return bool(least * ERROR_OF_MEAN * np.hypot(ours**-0.5, theirs**-0.5) < RED_FROM)
