"""Scores between 0 and 1 as logarithms of odds, and back."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

SMALLEST = 1e-7  # of a probability, so that its logit is finite


def log_odds_terms(scores: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return ln s and ln(1 - s), each the shape of the scores; their difference is the logit."""
    values = np.asarray(scores, np.float64)
    return np.log(np.clip(values, SMALLEST, 1)), np.log(np.clip(1 - values, SMALLEST, 1))


def probability(log_odds: ArrayLike) -> NDArray[np.float64]:
    """Return the probability of each logit, the same shape."""
    return np.asarray(1 / (1 + np.exp(-np.asarray(log_odds, np.float64))))
