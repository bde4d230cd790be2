"""How far inspectors agree beyond chance: Krippendorff's alpha and Cohen's kappa; rates with intervals."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Level = Literal["nominal", "ordinal"]

CONFIDENCE = 0.95
NORMAL_QUANTILE = 1.959963984540054  # of 97.5 %


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


def wilson_rate(hits: int, cases: int) -> Rate:
    """Return `hits` of `cases` as a rate with Wilson's 95 % score interval.

    References
    ----------
    Wilson 1927, JASA 22, 209; Brown, Cai & DasGupta 2001, Statistical Science 16, 101, equation 4.
    """
    if not 0 <= hits <= cases:
        raise InvalidInput(f"Expected 0 <= hits <= cases, received {hits} and {cases}.")
    if cases == 0:
        return Rate(0, 0, np.nan, np.nan, np.nan)
    z2, share = NORMAL_QUANTILE**2, hits / cases
    centre = (share + z2 / (2 * cases)) / (1 + z2 / cases)
    half = np.sqrt(share * (1 - share) / cases + z2 / (4 * cases**2)) * NORMAL_QUANTILE / (1 + z2 / cases)
    low = 0.0 if hits == 0 else float(centre - half)
    high = 1.0 if hits == cases else float(centre + half)
    return Rate(hits, cases, share, low, high)


def cohen_kappa(first: IntArray, second: IntArray) -> float:
    """Return Cohen's kappa of two inspectors' classes on the same candidates; NaN where it is undefined.

    It is undefined without candidates, and where both gave one and the same class throughout.

    References
    ----------
    Cohen 1960, Educational and Psychological Measurement 20, 37.
    """
    if len(first) != len(second):
        raise InvalidInput(f"Expected as many votes of both, received {len(first)} and {len(second)}.")
    if not len(first):
        return float("nan")
    codes = np.unique(np.concatenate([first, second]), return_inverse=True)[1]
    size = int(codes.max()) + 1
    pairs = np.bincount(codes[: len(first)] * size + codes[len(first) :], minlength=size**2)
    table = pairs.reshape(size, size) / len(first)
    chance = float(table.sum(1) @ table.sum(0))
    return float("nan") if size == 1 else float((np.trace(table) - chance) / (1 - chance))


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
        "nominal" takes all differences alike; "ordinal" weighs them by the votes between.
    rng, samples
        For the 95 % interval, the percentiles of alpha of so many resamplings of the candidates.

    References
    ----------
    Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, sections D and E (the coincidence
    matrix, the differences); Efron & Tibshirani 1993, chapter 13 (percentile interval).
    """
    counts = _counts(candidate, value)
    units = len(counts)
    point = _alpha(counts.sum(0), _coincidences(counts).sum(0), level)
    if units < 2 or not samples or np.isnan(point):
        return Alpha(point, float("nan"), float("nan"), units, level)
    drawn = _bootstrap(counts, level, rng or np.random.default_rng(0), samples)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(drawn, [tail, 1 - tail]) if not np.isnan(drawn).all() else (np.nan, np.nan)
    return Alpha(point, float(low), float(high), units, level)


def _counts(candidate: IntArray, value: FloatArray) -> FloatArray:
    """Return votes per candidate and value, without candidates that have a single vote."""
    values, code = np.unique(value, return_inverse=True)
    row = np.unique(candidate, return_inverse=True)[1]
    size = len(values)
    flat = np.bincount(row * size + code, minlength=(int(row.max(initial=-1)) + 1) * size)
    counts = flat.reshape(-1, max(size, 1)).astype(np.float64)
    compared: FloatArray = counts[counts.sum(1) >= 2]
    return compared


def _coincidences(counts: FloatArray) -> FloatArray:
    """Return each candidate's share of the coincidence matrix, shape (units, values, values)."""
    pairs = counts[:, :, None] * counts[:, None, :]
    size = counts.shape[1]
    pairs[:, np.arange(size), np.arange(size)] -= counts
    matrix: FloatArray = pairs / (counts.sum(1) - 1)[:, None, None]
    return matrix


def _alpha(totals: FloatArray, coincidence: FloatArray, level: Level) -> float:
    votes = totals.sum()
    if votes < 2:
        return float("nan")
    distance = _distances(totals, level)
    expected = (np.outer(totals, totals) * distance).sum() / (votes - 1)
    return float("nan") if expected == 0 else float(1 - (coincidence * distance).sum() / expected)


def _distances(totals: FloatArray, level: Level) -> FloatArray:
    """Return squared differences between values; ordinal ones count the votes from one to the other."""
    if level == "nominal":
        nominal: FloatArray = 1.0 - np.eye(len(totals))
        return nominal
    middle = np.cumsum(totals) - totals / 2
    ordinal: FloatArray = (middle[:, None] - middle[None, :]) ** 2
    return ordinal


def _bootstrap(counts: FloatArray, level: Level, rng: np.random.Generator, samples: int) -> FloatArray:
    size = counts.shape[1]
    flat = _coincidences(counts).reshape(len(counts), -1)
    drawn = np.empty(samples)
    for sample in range(samples):
        times = np.bincount(rng.integers(0, len(counts), len(counts)), minlength=len(counts)).astype(float)
        drawn[sample] = _alpha(times @ counts, (times @ flat).reshape(size, size), level)
    return drawn
