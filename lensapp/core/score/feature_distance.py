"""How far the features of a source lie from those of what a network learned from."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.score.quantile_distance import ERROR_OF_MEAN, LEVELS, spread_of

Floats = NDArray[np.float64]
LEAST_OF_CLASS = 50  # lenses, and non-lenses, to tell what a mix of them in another share looks like


def feature_distance(
    ours: NDArray[np.floating[Any]],
    source: NDArray[np.floating[Any]],
    *,
    are_lenses: NDArray[np.bool_] | None = None,
) -> tuple[float, float]:
    """Return the median over features of the distance of their quantiles, and its sampling error.

    Lenses are many in a dataset and rare in a survey, which alone does not make the survey another: where it
    is said which of ours are lenses, and there are enough of either, the mix of both that is nearest counts.

    Parameters
    ----------
    ours : shape (n, d)
        Features of cutouts of the dataset that the network learned from.
    source : shape (m, d)
    are_lenses : shape (n,)
        Which of ours are lenses.
    """
    theirs = np.quantile(source.astype(np.float64), LEVELS, axis=0)
    order = np.argsort(ours, axis=0)
    ranked = np.take_along_axis(ours.astype(np.float64), order, axis=0)
    own = np.quantile(ranked, LEVELS, axis=0)
    spread = spread_of(own)
    varied = spread > 0
    if not varied.any():
        return 0.0, 0.0
    outcomes = []
    for weights in _mixes(len(ours), are_lenses):
        reached = np.cumsum(weights[order], axis=0)
        rows = np.array([(reached < level - 1e-9).sum(axis=0) for level in LEVELS])
        apart = np.abs(theirs - np.take_along_axis(ranked, rows, axis=0)).mean(axis=0)
        error = ERROR_OF_MEAN * np.sqrt((weights**2).sum() + 1 / len(source))
        outcomes.append((float(np.median(apart[varied] / spread[varied])), float(error)))
    return min(outcomes)


def _mixes(count: int, are_lenses: NDArray[np.bool_] | None) -> list[Floats]:
    """Return the weights of cutouts in each mix of lenses and non-lenses, (n,); the same of all where few."""
    lenses = 0 if are_lenses is None else int(are_lenses.sum())
    if are_lenses is None or min(lenses, count - lenses) < LEAST_OF_CLASS:
        return [np.full(count, 1 / count)]
    return [
        np.where(are_lenses, share / lenses, (1 - share) / (count - lenses))
        for share in np.linspace(0, 1, 21)
    ]
