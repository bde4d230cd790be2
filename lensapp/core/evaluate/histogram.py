"""Scores of any number of objects kept in 65 536 counters per class, which add up across machines."""

from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.curves import (
    FloatArray,
    IntArray,
    ThresholdCounts,
    binary_labels,
    checked,
    count_thresholds,
)

BINS = 65_536
HALF = BINS // 2
EXACT_UP_TO = 1_000_000
# Octaves of distance from 0 and from 1; a float64 just below 1 has no finer distances than 2^-53.
OCTAVES_FROM_ZERO = 64
OCTAVES_FROM_ONE = 32


@dataclass(frozen=True, eq=False)
class ScoreHistogram:
    """Numbers of lenses and non-lenses per score bin, and their summed squared error.

    Bins are fine near 0 and near 1, where networks put almost everything: their width is at most
    1/512 of the distance to the nearer end. Counts at bin edges are exact; within a bin scores count as tied.

    Attributes
    ----------
    positives, negatives : int64, shape (65536,)
    squared_error : float
        Σ (score - truth)², for the Brier score.
    """

    positives: IntArray
    negatives: IntArray
    squared_error: float

    @classmethod
    def empty(cls) -> Self:
        """Return a histogram of nothing."""
        return cls(np.zeros(BINS, np.int64), np.zeros(BINS, np.int64), 0.0)

    @classmethod
    def of(cls, labels: ArrayLike, scores: ArrayLike) -> Self:
        """Count labelled scores between 0 and 1; a chunk may hold one class only."""
        truth, bins = binary_labels(labels), bin_of(scores)
        if truth.size != bins.size:
            raise InvalidInput(
                f"There are {truth.size} labels but {bins.size} scores. Take both from the same rows."
            )
        squares = (np.asarray(scores, dtype=np.float64).ravel() - truth) ** 2
        return cls(
            np.bincount(bins[truth], minlength=BINS),
            np.bincount(bins[~truth], minlength=BINS),
            float(squares.sum()),
        )

    def __add__(self, other: "ScoreHistogram") -> "ScoreHistogram":
        """Return the histogram of both sets together."""
        return ScoreHistogram(
            self.positives + other.positives,
            self.negatives + other.negatives,
            self.squared_error + other.squared_error,
        )

    @property
    def brier(self) -> float:
        """Mean squared difference of score and truth."""
        return self.squared_error / int(self.positives.sum() + self.negatives.sum())

    def counts(self) -> ThresholdCounts:
        """Return the counts at the lower edge of every occupied bin."""
        if not self.positives.any() or not self.negatives.any():
            raise InvalidInput(
                f"There are {self.positives.sum()} lenses and {self.negatives.sum()} non-lenses. "
                "Add objects of the class that is missing."
            )
        used = np.flatnonzero(self.positives + self.negatives)[::-1]
        return ThresholdCounts(
            lower_edges()[used],
            np.cumsum(self.positives[used]),
            np.cumsum(self.negatives[used]),
            binned=True,
        )


def bin_of(scores: ArrayLike) -> IntArray:
    """Return the bin of each score, shape (N,), higher for higher scores."""
    values = np.asarray(scores, dtype=np.float64).ravel()
    outside = int(np.count_nonzero(~((values >= 0) & (values <= 1))))
    if outside:
        raise InvalidInput(
            f"{outside} of {values.size} scores are NaN or not between 0 and 1. "
            "Leave those rows out, or convert the scores to probabilities."
        )
    upper = values >= 0.5
    rising = _bin_from_end(values, octaves=OCTAVES_FROM_ZERO)
    falling = BINS - 1 - _bin_from_end(1.0 - values, octaves=OCTAVES_FROM_ONE)
    return np.asarray(np.where(upper, falling, rising), dtype=np.int64)


@cache
def lower_edges() -> FloatArray:
    """Return the smallest score of each bin, shape (65536,), strictly increasing."""
    lower = _distances(octaves=OCTAVES_FROM_ZERO)[:-1]
    lower[0] = 0.0
    # A bin of the upper half holds 1 - far < score ≤ 1 - near, but for the one that starts at 0.5.
    upper = np.nextafter(1.0 - _distances(octaves=OCTAVES_FROM_ONE)[1:], 2.0)
    upper[-1] = 0.5
    return np.concatenate((lower, upper[::-1]))


def _bin_from_end(distance: FloatArray, *, octaves: int) -> IntArray:
    """Return the bin of a distance from the nearer end: the leading bits of a float64 are its logarithm."""
    shift, first = _leading_bits(octaves)
    bits = np.ascontiguousarray(distance, dtype=np.float64).view(np.int64)
    return np.asarray(np.clip((bits >> shift) - first, 0, HALF - 1), dtype=np.int64)


def _distances(*, octaves: int) -> FloatArray:
    shift, first = _leading_bits(octaves)
    return np.asarray(((np.arange(HALF + 1) + first) << shift).view(np.float64))


def _leading_bits(octaves: int) -> tuple[np.int64, np.int64]:
    mantissa_bits = (HALF // octaves).bit_length() - 1
    shift = np.int64(52 - mantissa_bits)
    return shift, np.float64(2.0 ** -(octaves + 1)).view(np.int64) >> shift


def counts_of_many(labels: ArrayLike, scores: ArrayLike) -> ThresholdCounts:
    """Count true and false positives: exactly up to a million objects, in 65 536 bins above.

    Scores outside 0–1 are always counted exactly.
    """
    truth, values = checked(labels, scores)
    if values.size <= EXACT_UP_TO or values.min() < 0 or values.max() > 1:
        return count_thresholds(truth, values)
    return ScoreHistogram.of(truth, values).counts()
