"""The scores of one run against those of another: every cutout where there are few, else their density."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lensapp.core.evaluate.score_axis import CLOSEST, ScoreAxis
from lensapp.services.evaluate.compare.side_by_side import SideBySide

MOST_MARKS = 3_000
CELLS = 64


@dataclass(frozen=True, eq=False)
class Scatter:
    """What is drawn of two runs.

    Attributes
    ----------
    axes
        On which the scores of each are drawn; the same for both.
    lenses, nonlenses : shape (k,)
        Rows of the cutouts drawn one by one.
    density : int64, shape (64, 64) or None
        Non-lenses per cell, by second and first run, where they are too many to draw.
    """

    axes: tuple[ScoreAxis, ScoreAxis]
    lenses: NDArray[np.int64]
    nonlenses: NDArray[np.int64]
    density: NDArray[np.int64] | None

    def edges(self, run: int) -> NDArray[np.float64]:
        """Return the limits of the cells as positions on an axis, shape (65,)."""
        low, high = self.axes[run].positions([self.axes[run].low, self.axes[run].high])
        return np.linspace(low, high, CELLS + 1)


def alike(first: ScoreAxis, second: ScoreAxis) -> tuple[ScoreAxis, ScoreAxis]:
    """Return one axis for both runs: equal scores lie on the diagonal. It is by logit where one has to be."""
    low, high = min(first.low, second.low), max(first.high, second.high)
    logit = first.logit or second.logit
    if logit:
        low, high = max(low, CLOSEST), min(high, 1 - CLOSEST)
    both = ScoreAxis(logit=logit, low=low, high=high)
    return both, both


def scatter(compared: SideBySide, first: int, second: int) -> Scatter:
    """Return what is drawn of the scores of two runs.

    Above 3 000 of a class every k-th lens is drawn, and the non-lenses as a density with those on which the
    runs disagree most.
    """
    axes = alike(compared.evaluations[first].score_axis, compared.evaluations[second].score_axis)
    lenses, others = np.flatnonzero(compared.labels), np.flatnonzero(~compared.labels)
    lenses = lenses[:: -(-len(lenses) // MOST_MARKS)]
    if len(others) <= MOST_MARKS:
        return Scatter(axes, lenses, others, None)
    drawn = Scatter(axes, lenses, disagreements(compared, first, second, rows=others)[:100], None)
    places = [
        axis.positions(axis.clipped(compared.scores[run, others]))
        for axis, run in zip(axes, (first, second), strict=True)
    ]
    density, _, _ = np.histogram2d(places[1], places[0], bins=(drawn.edges(1), drawn.edges(0)))
    return Scatter(axes, drawn.lenses, drawn.nonlenses, density.astype(np.int64))


def disagreements(
    compared: SideBySide, first: int, second: int, *, rows: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return rows in the order of how far two runs disagree, most first.

    That is by the ratio of the ranks which the runs give a cutout among all: the hundredth against the tenth
    is as far as the ten thousandth against the thousandth.
    """
    ratio = np.abs(np.log(compared.ranks[first, rows] / compared.ranks[second, rows]))
    return rows[np.argsort(-ratio, kind="stable")]
