"""SWAP: how likely a candidate is a lens, given votes and how each inspector fared on known images.

An inspector is a confusion matrix of two numbers: how often lenses are called lenses, and how often the
others are called not. Both are counted on blind tests, where the truth is known. A vote then multiplies
the odds that its candidate is a lens by Bayes' rule.

All votes are taken together ("offline"), so the result does not depend on the order in which they came.

References
----------
Marshall et al. 2016, MNRAS 455, 1171 (Space Warps: the analysis pipeline), sections 3 and 4.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

PRIOR = 2e-4
DETECT_ABOVE = 0.95
REJECT_BELOW = 1e-7  # with the prior of a whole survey; see `rejection_threshold`
INITIAL_SKILL = 0.5
PSEUDO_COUNT = 2.0
DETECTED, REJECTED, OPEN = "detected", "rejected", "open"


@dataclass(frozen=True, eq=False)
class Skills:
    """The 2 × 2 confusion matrices of n inspectors.

    Attributes
    ----------
    lens : float64, shape (n,)
        Probability of saying "lens" to a lens.
    nonlens : float64, shape (n,)
        Probability of saying "not a lens" to what is none.
    lenses_seen, nonlenses_seen : int64, shape (n,)
        Blind tests that they were counted on.
    """

    lens: FloatArray
    nonlens: FloatArray
    lenses_seen: IntArray
    nonlenses_seen: IntArray


def learn_skills(
    inspector: IntArray,
    said_lens: BoolArray,
    is_lens: BoolArray,
    *,
    inspectors: int,
    initial_lens: float = INITIAL_SKILL,
    initial_nonlens: float = INITIAL_SKILL,
    pseudo_count: float = PSEUDO_COUNT,
) -> Skills:
    """Count each inspector's confusion matrix on blind tests.

    Parameters
    ----------
    inspector : int64, shape (m,)
        Who cast each vote on a blind test, 0 … `inspectors` − 1.
    said_lens, is_lens : bool, shape (m,)
        The vote and the truth.
    inspectors
        Number of inspectors; those without votes keep the initial values, with which a vote says nothing.
    initial_lens, initial_nonlens
        The matrix before the first blind test.
    pseudo_count
        Number of imagined blind tests of each kind that the initial values weigh; it keeps estimates off
        0 and 1.

    References
    ----------
    Marshall et al. 2016, section 3.2 (agents start at 0.5 and learn from training subjects).
    """
    votes_on_lenses = np.bincount(inspector[is_lens], minlength=inspectors)
    hits = np.bincount(inspector[is_lens & said_lens], minlength=inspectors)
    votes_on_others = np.bincount(inspector[~is_lens], minlength=inspectors)
    dismissals = np.bincount(inspector[~is_lens & ~said_lens], minlength=inspectors)
    return Skills(
        lens=(hits + initial_lens * pseudo_count) / (votes_on_lenses + pseudo_count),
        nonlens=(dismissals + initial_nonlens * pseudo_count) / (votes_on_others + pseudo_count),
        lenses_seen=votes_on_lenses.astype(np.int64),
        nonlenses_seen=votes_on_others.astype(np.int64),
    )


def swap_posteriors(
    candidate: IntArray,
    inspector: IntArray,
    said_lens: BoolArray,
    skills: Skills,
    *,
    candidates: int,
    prior: float = PRIOR,
) -> FloatArray:
    """Return the probability that each candidate is a lens, shape (candidates,).

    Parameters
    ----------
    candidate, inspector : int64, shape (m,)
        What was voted on, 0 … `candidates` − 1, and by whom.
    said_lens : bool, shape (m,)
        The votes.
    skills
        The inspectors' confusion matrices.
    candidates
        Number of candidates; one without votes has the prior probability.
    prior
        Share of lenses among all candidates.

    References
    ----------
    Marshall et al. 2016, equations 4 and 5: a vote "lens" multiplies the odds by P("lens"|lens) /
    P("lens"|not), a vote "not" by P("not"|lens) / P("not"|not).
    """
    values = np.concatenate([[prior], skills.lens, skills.nonlens])
    certain = values[~((values > 0) & (values < 1))]
    if len(certain):
        raise InvalidInput(
            f"The prior and the skills must be above 0 and below 1, but one is {certain[0]:g}. "
            "Use a pseudo-count above 0 and initial values within these bounds."
        )
    yes = np.log(skills.lens) - np.log1p(-skills.nonlens)
    no = np.log1p(-skills.lens) - np.log(skills.nonlens)
    factor = np.where(said_lens, yes[inspector], no[inspector])
    # Sums of floats depend on their order in the last bit: votes are added up in a fixed one.
    order = np.lexsort((factor, candidate))
    odds = np.log(prior) - np.log1p(-prior)
    odds = odds + np.bincount(candidate[order], weights=factor[order], minlength=candidates)
    posterior: FloatArray = np.exp(-np.logaddexp(0.0, -odds))
    return posterior


def rejection_threshold(prior: float) -> float:
    """Return the probability below which a candidate is no lens: votes divided its prior odds by 2000.

    That is what the published 1e-7 asks for at the published prior of 2e-4. With 1e-7 itself candidates of a
    review with many lenses would need more votes against them than they are ever given.

    References
    ----------
    Marshall et al. 2016, section 4.2.
    """
    odds = REJECT_BELOW / (1.0 - REJECT_BELOW) * (prior / PRIOR) * ((1.0 - PRIOR) / (1.0 - prior))
    return odds / (1.0 + odds)


def retirement(
    posterior: FloatArray, *, detect_above: float = DETECT_ABOVE, reject_below: float = REJECT_BELOW
) -> NDArray[np.object_]:
    """Return "detected", "rejected" or "open" for each posterior: the first two need no more votes.

    References
    ----------
    Marshall et al. 2016, section 4.2 (detection above 0.95, retirement below 1e-7 for a prior of 2e-4).
    """
    if not 0 <= reject_below < detect_above <= 1:
        raise InvalidInput(
            f"reject_below is {reject_below:g} and detect_above {detect_above:g}: set them so that "
            "0 <= reject_below < detect_above <= 1."
        )
    state = np.full(np.shape(posterior), OPEN, object)
    state[posterior > detect_above] = DETECTED
    state[posterior < reject_below] = REJECTED
    return state
