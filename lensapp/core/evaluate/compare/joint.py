"""Paired comparison of two runs on any number of objects, from counters that add up across machines.

A pair of histograms, one of each run, cannot say which run is better on the same objects: how much the runs
agree object by object is lost. Counts of both scores together can.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.curves import FloatArray, IntArray, binary_labels
from lensapp.core.evaluate.delong import normal_test
from lensapp.core.evaluate.histogram import BINS, ScoreHistogram, bin_of
from lensapp.core.evaluate.resampling import (
    CONFIDENCE,
    FIGURES,
    REPEATS,
    Difference,
    counts_of_bins,
    differences_of,
)

CELLS = 1024  # of each run's scores: 64 neighbouring bins of its own histogram make one
BINS_PER_CELL = BINS // CELLS


@dataclass(frozen=True, eq=False)
class JointHistogram:
    """Numbers of lenses and non-lenses by the scores of two runs together.

    Attributes
    ----------
    lenses, others : int64, shape (1024, 1024)
        By the cells of the first and of the second run's score, the lowest first. A cell near 0 or 1 is at
        most an eighth as wide as its distance from there.
    first, second
        The finer histogram of each run alone.
    """

    lenses: IntArray
    others: IntArray
    first: ScoreHistogram
    second: ScoreHistogram

    @classmethod
    def empty(cls) -> Self:
        """Return a histogram of nothing."""
        nothing = np.zeros((CELLS, CELLS), np.int64)
        return cls(nothing, nothing, ScoreHistogram.empty(), ScoreHistogram.empty())

    @classmethod
    def of(cls, labels: ArrayLike, first: ArrayLike, second: ArrayLike) -> Self:
        """Count labelled pairs of scores between 0 and 1; a chunk may hold one class only."""
        truth = binary_labels(labels)
        alone = ScoreHistogram.of(truth, first), ScoreHistogram.of(truth, second)
        cell = bin_of(first) // BINS_PER_CELL * CELLS + bin_of(second) // BINS_PER_CELL
        lenses, others = (
            np.bincount(cell[members], minlength=CELLS**2).reshape(CELLS, CELLS)
            for members in (truth, ~truth)
        )
        return cls(lenses, others, *alone)

    def __add__(self, other: "JointHistogram") -> "JointHistogram":
        """Return the histogram of both sets together."""
        return JointHistogram(
            self.lenses + other.lenses,
            self.others + other.others,
            self.first + other.first,
            self.second + other.second,
        )

    @property
    def n(self) -> int:
        """Number of objects."""
        return int(self.lenses.sum() + self.others.sum())

    def as_lenses(self) -> "JointHistogram":
        """Return the same objects as lenses, of counts that hold what was taken for non-lenses alone."""
        nothing = np.zeros(BINS, np.int64)
        first, second = (
            ScoreHistogram(alone.negatives, nothing, np.nan) for alone in (self.first, self.second)
        )
        return JointHistogram(self.others, np.zeros_like(self.others), first, second)

    def compare(self, *, rng: np.random.Generator, repeats: int = REPEATS) -> list[Difference]:
        """Compare the figures of both runs; see `lensapp.core.evaluate.resampling.compare_figures`.

        The figures are those of the finer histograms. Limits and p-values are those of the counts together:
        DeLong's test of the AUROC, and resamples of them for the others.
        """
        return differences_of(
            (self.first.counts(), self.second.counts()),
            self._resampled_figures(rng, repeats),
            auroc_test=self._auroc_test(),
        )

    def _auroc_test(self) -> tuple[tuple[float, float], float]:
        """Return limits of the difference of the AUROCs and its p-value.

        References
        ----------
        DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44, 837.
        """
        variance, difference = 0.0, 0.0
        for members, against in ((self.lenses, self.others), (self.others, self.lenses)):
            total = int(members.sum())
            gap = _share_below(against.sum(axis=1))[:, None] - _share_below(against.sum(axis=0))[None, :]
            if members is self.others:
                gap = -gap  # the share above, by which a non-lens counts
            mean = float((members * gap).sum() / total)
            variance += float((members * (gap - mean) ** 2).sum()) / (total * max(total - 1, 1))
            difference = mean
        return normal_test(difference, variance, confidence=CONFIDENCE)

    def _resampled_figures(self, rng: np.random.Generator, repeats: int) -> FloatArray:
        """Return the figures of both runs in resamples of lenses and non-lenses, (repeats, 2, figures)."""
        figures = np.empty((repeats, 2, len(FIGURES)))
        cells = [np.nonzero(table) for table in (self.lenses, self.others)]
        numbers = [table[cell] for table, cell in zip((self.lenses, self.others), cells, strict=True)]
        for repeat in range(repeats):
            drawn = [rng.multinomial(number.sum(), number / number.sum()) for number in numbers]
            for run in range(2):
                hits, misses = (
                    np.bincount(cell[run], weights=draw, minlength=CELLS).astype(np.int64)
                    for cell, draw in zip(cells, drawn, strict=True)
                )
                counts = counts_of_bins(hits[::-1], misses[::-1], binned=True)
                figures[repeat, run] = [figure(counts) for figure in FIGURES.values()]
        return figures


def _share_below(number: IntArray) -> FloatArray:
    """Return for each cell the share of some objects that score lower, ties counting half."""
    total = int(number.sum())
    if not total:
        raise InvalidInput("There are no lenses or no non-lenses. Add objects of the class that is missing.")
    return np.asarray((np.cumsum(number) - number / 2) / total, np.float64)
