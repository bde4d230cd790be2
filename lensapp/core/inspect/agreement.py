"""How far inspectors agree beyond chance: Krippendorff's alpha and Cohen's kappa; rates with intervals."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.intervals import wilson_interval

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Level = Literal["nominal", "ordinal"]

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Rate:
    """A share of cases with its 95 % interval; `value` and limits are NaN without cases."""

    hits: int
    cases: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Alpha:
    """Krippendorff's alpha with its bootstrap interval; NaN where nothing can be compared."""

    value: float
    low: float
    high: float
    units: int
    level: Level


@dataclass(frozen=True)
class SharedVerdicts:
    """Of candidates with two votes or more: how many all gave one grade, and how many split lens and none."""

    candidates: int
    same_grade: int
    split: int


def wilson_rate(hits: int, cases: int) -> Rate:
    """Return `hits` of `cases` as a rate with Wilson's 95 % score interval."""
    if not 0 <= hits <= cases:
        raise InvalidInput(f"A rate of {hits} hits in {cases} cases is impossible: count them again.")
    if cases == 0:
        return Rate(0, 0, np.nan, np.nan, np.nan)
    return Rate(hits, cases, hits / cases, *wilson_interval(hits, cases, confidence=CONFIDENCE))


def cohen_kappa(first: IntArray, second: IntArray) -> float:
    """Return Cohen's kappa of two inspectors' classes on the same candidates; NaN where it is undefined.

    It is undefined without candidates, and where both gave one and the same class throughout.

    References
    ----------
    Cohen 1960, Educational and Psychological Measurement 20, 37.
    """
    if len(first) != len(second):
        raise InvalidInput(f"Kappa compares votes in pairs, but there are {len(first)} and {len(second)}.")
    agreed, expected = _equal_classes(first, second)
    return float("nan") if np.isnan(expected) else (agreed / len(first) - expected) / (1.0 - expected)


def kappa_interval(first: IntArray, second: IntArray) -> tuple[float, float]:
    """Return the 95 % interval of Cohen's kappa, NaN where it is undefined.

    It is Wilson's of the fraction of equal classes, with the fraction expected by chance taken as known, as
    in Cohen's own standard error: unlike that, it has a width where both agree throughout.

    References
    ----------
    Cohen 1960, Educational and Psychological Measurement 20, 37; Wilson 1927, JASA 22, 209.
    """
    agreed, expected = _equal_classes(first, second)
    if np.isnan(expected):
        return float("nan"), float("nan")
    low, high = wilson_interval(agreed, len(first), confidence=CONFIDENCE)
    return (low - expected) / (1.0 - expected), (high - expected) / (1.0 - expected)


def _equal_classes(first: IntArray, second: IntArray) -> tuple[int, float]:
    """Return how many classes are equal, and the fraction expected by chance; NaN for a single class."""
    classes, codes = np.unique(np.concatenate([first, second]), return_inverse=True)
    count, size = len(first), len(classes)
    if size < 2:
        return count, float("nan")
    both = np.bincount(codes[:count] * size + codes[count:], minlength=size**2).reshape(size, size)
    return int(np.trace(both)), float(both.sum(0) @ both.sum(1) / count**2)


def krippendorff_alpha(
    candidate: IntArray,
    value: FloatArray,
    *,
    level: Level = "ordinal",
    rng: np.random.Generator | None = None,
    samples: int = 500,
) -> Alpha:
    """Return Krippendorff's alpha of votes by any number of inspectors, each on any of the candidates.

    Parameters
    ----------
    candidate : int64, shape (m,)
        What was voted on; candidates with one vote say nothing.
    value : float64, shape (m,)
        The value of each vote.
    level
        "nominal" treats all differences alike; "ordinal" weighs them by the votes between.
    rng, samples
        For the 95 % interval, the percentiles of alpha of so many resamplings of the candidates.

    References
    ----------
    Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, sections D and E (the coincidence
    matrix, the differences); Efron & Tibshirani 1993, chapter 13 (percentile interval).
    """
    # Votes per candidate and value, without candidates that have a single vote.
    values, code = np.unique(value, return_inverse=True)
    row = np.unique(candidate, return_inverse=True)[1]
    size = len(values)
    flat = np.bincount(row * size + code, minlength=(int(row.max(initial=-1)) + 1) * size)
    counts = flat.reshape(-1, max(size, 1)).astype(np.float64)
    counts = counts[counts.sum(1) >= 2]
    # Each candidate's share of the coincidence matrix, shape (units, values, values).
    pairs = counts[:, :, None] * counts[:, None, :]
    pairs[:, np.arange(pairs.shape[1]), np.arange(pairs.shape[1])] -= counts
    coincidences = pairs / (counts.sum(1) - 1)[:, None, None]
    units = len(counts)
    point = _alpha(counts.sum(0), coincidences.sum(0), level)
    if units < 2 or not samples or np.isnan(point):
        return Alpha(point, float("nan"), float("nan"), units, level)
    rng = rng or np.random.default_rng(0)
    resampled = np.empty(samples)
    for sample in range(samples):
        times = np.bincount(rng.integers(0, units, units), minlength=units).astype(float)
        resampled[sample] = _alpha(times @ counts, np.tensordot(times, coincidences, 1), level)
    low, high = (np.nan, np.nan)
    if not np.isnan(resampled).all():
        low, high = np.nanquantile(resampled, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Alpha(point, float(low), float(high), units, level)


def shared_verdicts(candidate: IntArray, value: FloatArray, *, lens_from: float) -> SharedVerdicts:
    """Return on how many candidates inspectors say the same, and on how many not even whether it is a lens.

    Parameters
    ----------
    candidate : int64, shape (m,)
        What was voted on; candidates with one vote say nothing.
    value : float64, shape (m,)
        The value of each vote: a lens from `lens_from` on.
    """
    _, row, votes = np.unique(candidate, return_inverse=True, return_counts=True)
    lowest, highest = np.full(len(votes), np.inf), np.full(len(votes), -np.inf)
    np.minimum.at(lowest, row, value)
    np.maximum.at(highest, row, value)
    shared = votes >= 2
    same, split = lowest == highest, (lowest < lens_from) & (highest >= lens_from)
    return SharedVerdicts(int(shared.sum()), int((same & shared).sum()), int((split & shared).sum()))


def _alpha(totals: FloatArray, coincidence: FloatArray, level: Level) -> float:
    votes = totals.sum()
    if votes < 2:
        return float("nan")
    if level == "nominal":
        distance = 1.0 - np.eye(len(totals))
    else:  # squared differences that count the votes from one value to the other
        middle = np.cumsum(totals) - totals / 2
        distance = (middle[:, None] - middle[None, :]) ** 2
    expected = (np.outer(totals, totals) * distance).sum() / (votes - 1)
    return float("nan") if expected == 0 else float(1 - (coincidence * distance).sum() / expected)
