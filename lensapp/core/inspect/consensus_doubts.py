"""When votes are too few, or agree too little, for the way they are to be combined.

SWAP knows inspectors by their blind tests alone. Dawid and Skene's model finds how often each inspector errs
from what inspectors say of the same candidates: of the votes of two inspectors (three independent
frequencies) it cannot find five unknowns, and of votes that agree no better than chance it finds nothing.
"""

from collections.abc import Sequence

import numpy as np

from lensapp.core.inspect.agreement import krippendorff_alpha
from lensapp.core.inspect.consensus import CastVote, last_votes, vote_values
from lensapp.core.inspect.consensus_methods import EVEN, FEWEST_TESTS, ConsensusSpec, Training
from lensapp.core.numerals import fixed
from lensapp.core.plurals import counted

FEWEST_SHARED = 30
LEAST_ALPHA = 0.2
FEWEST_INSPECTORS = 3


def why_doubtful(votes: Sequence[CastVote], spec: ConsensusSpec, training: Training) -> str:
    """Return in words why the method of `spec` says little of these votes; empty where it can be used.

    References
    ----------
    Landis & Koch 1977, Biometrics 33, 159 (agreement beyond chance of up to 0.2 is slight); Hui & Walter
    1980, Biometrics 36, 167 (two tests in one population have more unknowns than frequencies).
    """
    if spec.method == "mean" or not len(votes):
        return ""
    cast = [votes[row] for row in last_votes(votes).tolist()]
    people = {vote.inspector for vote in cast}
    truths = [training.is_lens[vote.cutout_id] for vote in training.counted() if vote.inspector in people]
    if spec.method == "swap":
        return "" if truths else _untested(spec)
    if min(sum(truths), len(truths) - sum(truths)) >= FEWEST_TESTS:
        return ""
    return _hardly_shared(cast, inspectors=len(people))


def _untested(spec: ConsensusSpec) -> str:
    nobody = "SWAP weighs inspectors by how they grade blind tests, and nobody who voted has graded any"
    if spec.initial_skill != EVEN:
        return f"{nobody}: all count as right in {100 * spec.initial_skill:.3g} % of cases, as set."
    return (
        f"{nobody}: the votes move nothing, and each candidate keeps the prior. Take the mean grade, or open "
        "a review with blind tests."
    )


def _hardly_shared(cast: Sequence[CastVote], *, inspectors: int) -> str:
    """Return why Dawid and Skene's model cannot tell the inspectors' errors from votes alone, if so."""
    cutouts = np.array([vote.cutout_id for vote in cast], np.int64)
    alpha = krippendorff_alpha(cutouts, vote_values(cast), samples=0)
    reasons = []
    if inspectors < FEWEST_INSPECTORS:
        reasons.append(f"{counted(inspectors, 'inspector')} voted (it takes {FEWEST_INSPECTORS})")
    if alpha.units < FEWEST_SHARED:
        reasons.append(f"two or more graded {counted(alpha.units, 'candidate')} (it takes {FEWEST_SHARED})")
    if alpha.value <= LEAST_ALPHA:
        reasons.append(f"Krippendorff's α is {fixed(alpha.value)} (it takes more than {LEAST_ALPHA:g})")
    if not reasons:
        return ""
    listed = " and ".join(filter(None, [", ".join(reasons[:-1]), reasons[-1]]))
    return (
        f"Dawid–Skene cannot tell from these votes how often each inspector errs: {listed}. Take the mean "
        "grade instead."
    )
