"""Learn from a validation part how the scores of several networks become one."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.calibration import fit_calibration, require_enough
from lensapp.core.evaluate.curves import FloatArray
from lensapp.core.log_odds import log_odds_terms
from lensapp.core.train.committees import LearnedCombination, LearnedWay


def learn_combination(
    labels: NDArray[np.bool_],
    scores: FloatArray,
    how: LearnedWay,
    *,
    networks: Sequence[str] = (),
    prior: float | None = None,
) -> LearnedCombination:
    """Fit how scores between 0 and 1 are combined.

    "weighted": the weights, none below zero, whose sum of scores has the least squared error, scaled to add
    up to 1. "bayes": each member's score becomes a likelihood ratio by its own beta calibration; the ratios
    are multiplied as if members were independent given the truth. "stacking": logistic regression on the
    logits of all members, with the ridge penalty of scikit-learn's stacking.

    Parameters
    ----------
    labels, scores : shapes (n,) and (members, n)
        Truth and scores of the validation part.
    networks
        SHA-256 of each member's network.
    prior
        For "bayes": share of lenses among what will be scored; that of the part unless given. It moves
        all scores, and leaves their order.

    References
    ----------
    Holloway et al. 2024, MNRAS 530, 1297, arXiv:2311.07455 (independent Bayes); Breiman 1996, Machine
    Learning 24, 49 (weights); Wolpert 1992, Neural Networks 5, 241 (stacking).
    """
    from scipy.optimize import nnls  # slow to import, and pages mostly show what was fitted
    from sklearn.linear_model import LogisticRegression

    positive, negative = require_enough(labels, part="validation", what=f"combining by {how}")
    if scores.min() < 0 or scores.max() > 1:
        raise InvalidInput("Scores outside 0–1 are no probabilities. Combine by mean, median or rank.")
    if prior is not None and how != "bayes":
        raise InvalidInput(f"Combining by {how} has no prior. Leave out the prior or combine by bayes.")
    if how == "weighted":
        weights, _ = nnls(scores.T.astype(np.float64), labels.astype(np.float64))
        weights = weights if weights.any() else np.ones(len(scores))
        fitted = {"weights": (weights / weights.sum()).tolist()}
    elif how == "bayes":
        maps = [fit_calibration(labels, member, method="beta") for member in scores]
        log_odds = float(np.log(positive / negative))
        chosen = log_odds if prior is None else float(np.log(prior / (1 - prior)))
        fitted = {
            "weights": [one.slope for one in maps],
            "weights_of_complement": [one.slope_of_complement for one in maps],
            "intercept": sum(one.intercept - log_odds for one in maps) + chosen,
        }
    else:
        rising, falling = log_odds_terms(scores)
        line = LogisticRegression().fit((rising - falling).T, labels)
        weights = line.coef_[0].tolist()
        fitted = {
            "weights": weights, "weights_of_complement": weights, "intercept": float(line.intercept_[0]),
        }  # fmt: skip
    return LearnedCombination.parse(
        {"n_positive": positive, "n_negative": negative, "networks": list(networks), **fitted}
    )
