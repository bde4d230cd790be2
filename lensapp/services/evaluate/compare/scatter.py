"""The scores of one run against those of another: every cutout where there are few, else their density."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.evaluate.score_axis import CLOSEST, LEAST_WIDTH, ScoreAxis, axis_of
from lensapp.core.log_odds import probability
from lensapp.services.evaluate.compare.side_by_side import SideBySide

MOST_MARKS = 3_000
CELLS = 64
OWN_AXIS = 0.5  # share of a common axis, less of which the scores of a run are not drawn on it
MARGIN = 0.04


@dataclass(frozen=True, eq=False)
class Scatter:
    """What is drawn of two runs.

    Attributes
    ----------
    axes
        On which the scores of each are drawn; see `fitted_axes`.
    lenses, nonlenses : shape (k,)
        Rows of the cutouts drawn one by one.
    density : int64, shape (64, 64) or None
        Cutouts per cell, by second and first run, that are too many to draw; non-lenses where labels tell.
    """

    axes: tuple[ScoreAxis, ScoreAxis]
    lenses: NDArray[np.int64]
    nonlenses: NDArray[np.int64]
    density: NDArray[np.int64] | None

    def edges(self, run: int) -> NDArray[np.float64]:
        """Return the limits of the cells as positions on an axis, shape (65,)."""
        low, high = self.axes[run].positions([self.axes[run].low, self.axes[run].high])
        return np.linspace(low, high, CELLS + 1)

    def with_density(self, scores: NDArray[Any]) -> "Scatter":
        """Return the same with the density of many cutouts; `scores` (2, m) are by first and second run."""
        across, upwards = (
            axis.positions(axis.clipped(row)) for axis, row in zip(self.axes, scores, strict=True)
        )
        density, _, _ = np.histogram2d(upwards, across, bins=(self.edges(1), self.edges(0)))
        return replace(self, density=density.astype(np.int64))


def fitted_axes(first: NDArray[Any], second: NDArray[Any]) -> tuple[ScoreAxis, ScoreAxis]:
    """Return axes that the scores of two runs fill, with a margin; both by logit where one has to be.

    They are one axis, on which equal scores lie on the diagonal, unless the scores of a run would fill less
    than half of it.
    """
    logit = axis_of(first).logit or axis_of(second).logit
    whole = ScoreAxis(logit=logit, low=CLOSEST if logit else 0.0, high=1 - CLOSEST if logit else 1.0)
    ends = [whole.positions([np.min(scores), np.max(scores)]) for scores in (first, second)]
    both = np.array([min(low for low, _ in ends), max(high for _, high in ends)])
    if min(np.ptp(one) for one in ends) >= OWN_AXIS * np.ptp(both):
        ends = [both, both]
    across, upwards = (_with_margin(one, logit=logit) for one in ends)
    return across, upwards


def _with_margin(ends: NDArray[np.float64], *, logit: bool) -> ScoreAxis:
    margin = max(MARGIN * float(np.ptp(ends)), LEAST_WIDTH)
    low, high = (float(end) for end in ends + np.array([-margin, margin]))
    if logit:
        low, high = probability([low, high]).tolist()
        return ScoreAxis(logit=True, low=max(low, CLOSEST), high=min(high, 1 - CLOSEST))
    return ScoreAxis(logit=False, low=max(low, 0.0), high=min(high, 1.0))


def scatter(compared: SideBySide, first: int, second: int) -> Scatter:
    """Return what is drawn of the scores of two runs.

    Above 3 000 of a class every k-th lens is drawn, and the non-lenses as a density with those on which the
    runs disagree most.
    """
    axes = fitted_axes(compared.scores[first], compared.scores[second])
    lenses, others = np.flatnonzero(compared.labels), np.flatnonzero(~compared.labels)
    lenses = lenses[:: -(-len(lenses) // MOST_MARKS)]
    if len(others) <= MOST_MARKS:
        return Scatter(axes, lenses, others, None)
    drawn = Scatter(axes, lenses, disagreements(compared, first, second, rows=others)[:100], None)
    return drawn.with_density(compared.scores[[first, second]][:, others])


def disagreements(
    compared: SideBySide, first: int, second: int, *, rows: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return rows in the order of how far two runs disagree, most first.

    That is by the ratio of the ranks which the runs give a cutout among all: the hundredth against the tenth
    is as far as the ten thousandth against the thousandth.
    """
    ratio = np.abs(np.log(compared.ranks[first, rows] / compared.ranks[second, rows]))
    return rows[np.argsort(-ratio, kind="stable")]
