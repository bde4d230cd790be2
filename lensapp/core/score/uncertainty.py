"""How unsure predictions are, and how far the members of a committee or passes with dropout disagree.

All functions take arrays of all candidates at once.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lensapp.core.errors import InvalidInput

Floats = NDArray[np.floating[Any]]

SMALLEST = 1e-12  # probabilities are kept this far from 0, whose logarithm is infinite


def entropy(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Return the entropy of predictions in nats; NaN where a probability is.

    Parameters
    ----------
    probabilities : shape (n,) of lenses, or (..., n, k) of k ≥ 2 classes

    References
    ----------
    Shannon 1948; for choosing examples Settles 2009, Active Learning Literature Survey, eq. 3.
    """
    shares = np.clip(as_classes(probabilities), SMALLEST, 1.0)
    return np.asarray(-(shares * np.log(shares)).sum(axis=-1), np.float64)


def margin(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Return by how much the likeliest class leads the second, shape (n,); small is uncertain.

    References
    ----------
    Scheffer, Decomain & Wrobel 2001, IDA, LNCS 2189, 309.
    """
    shares = np.sort(as_classes(probabilities), axis=-1)
    return np.asarray(shares[..., -1] - shares[..., -2], np.float64)


def as_classes(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Return probabilities of classes (n, k); scores (n,) become those of non-lens and lens (n, 2)."""
    values = np.asarray(probabilities, np.float64)
    return values if values.ndim > 1 else np.stack([1.0 - values, values], axis=-1)


def committee_scatter(scores: Floats) -> NDArray[np.float64]:
    """Return the standard deviation of the members' scores of each candidate.

    Parameters
    ----------
    scores : shape (members, n)
        NaN where a member has not scored a candidate, which gives NaN.
    """
    _require_members(scores)
    return np.asarray(np.std(np.asarray(scores, np.float64), axis=0))


def mutual_information(probabilities: Floats) -> NDArray[np.float64]:
    """Return what the true class would reveal about the network: BALD, in nats, never negative.

    It is the entropy of the mean prediction less the mean entropy, which is also the mean
    Kullback-Leibler divergence of the members of a committee to their mean.

    Parameters
    ----------
    probabilities : shape (passes, n) of lenses, or (passes, n, k) of k classes
        From Monte-Carlo dropout, or from the members of a committee.

    References
    ----------
    Houlsby et al. 2011, arXiv:1112.5745; with dropout Gal, Islam & Ghahramani 2017, ICML; for committees
    McCallum & Nigam 1998, ICML.
    """
    _require_members(probabilities)
    of_classes = np.asarray(probabilities, np.float64)
    if of_classes.ndim == 2:
        of_classes = np.stack([1.0 - of_classes, of_classes], axis=-1)
    shared = entropy(of_classes.mean(axis=0)) - entropy(of_classes).mean(axis=0)
    return np.asarray(np.maximum(shared, 0.0))


def _require_members(scores: Floats) -> None:
    if scores.ndim < 2 or len(scores) < 2:
        raise InvalidInput(
            f"Scores of shape {scores.shape} are of one member: disagreement takes at least two members "
            "or passes. Score the source with another run."
        )
