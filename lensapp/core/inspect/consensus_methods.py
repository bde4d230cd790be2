"""The ways to combine votes: mean grade, SWAP posterior, Dawid-Skene probability."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lensapp.core.align import rows_of
from lensapp.core.config import Spec
from lensapp.core.inspect.consensus import (
    A_ABOVE,
    B_FROM,
    C_FROM,
    CastVote,
    Consensus,
    FloatArray,
    alphabetical_ranks,
    find_consensus,
    last_votes,
    vote_values,
)
from lensapp.core.inspect.dawid_skene import UNKNOWN, dawid_skene
from lensapp.core.inspect.grades import LENS_FROM
from lensapp.core.inspect.swap import (
    DETECT_ABOVE,
    INITIAL_SKILL,
    PRIOR,
    PSEUDO_COUNT,
    learn_skills,
    rejection_threshold,
    swap_posteriors,
)

Method = Literal["mean", "swap", "dawid_skene"]
EVEN = 0.5
FEWEST_TESTS = 10  # votes on simulated lenses, and as many on duds
LEAST_DIFFERENCE = 0.2
THRESHOLDS = ("detect_above", "reject_below")
METHODS = {"mean": "Mean grade", "swap": "SWAP", "dawid_skene": "Dawid–Skene"}
SETTINGS: dict[str, tuple[str, ...]] = {
    "mean": (),
    "swap": ("prior", *THRESHOLDS, "initial_skill", "pseudo_count"),
    "dawid_skene": THRESHOLDS,
}


class ConsensusSpec(Spec):
    """How the votes of a team are combined."""

    method: Method = Field(
        "mean",
        title="Method",
        description="Mean grade; swap weighs inspectors by their blind tests; dawid_skene estimates weights "
        "from the votes.",
        json_schema_extra={"words": dict(METHODS)},
    )
    prior: float | None = Field(
        None,
        gt=0,
        lt=1,
        title="Prior",
        description="Expected fraction of lenses (swap); empty: the fraction that blind tests, or else "
        f"scores, of the review suggest. A whole survey has about {PRIOR:g}.",
        json_schema_extra={"empty": "automatic"},
    )
    detect_above: float = Field(
        DETECT_ABOVE,
        gt=0.5,
        lt=1,
        title="Grade A above",
        description="Grade A above this probability (swap, dawid_skene).",
    )
    reject_below: float | None = Field(
        None,
        gt=0,
        lt=0.5,
        title="Grade X below",
        description="Grade X below this probability; empty: 1/2000 of the prior's odds for swap, "
        "1 − detect_above for dawid_skene.",
        json_schema_extra={"empty": "automatic"},
    )
    initial_skill: float = Field(
        INITIAL_SKILL,
        gt=0,
        lt=1,
        title="Initial skill",
        description="How often an inspector without blind tests is right (swap).",
    )
    pseudo_count: float = Field(
        PSEUDO_COUNT,
        gt=0,
        le=1000,
        title="Weight of the initial skill",
        description="Number of blind tests that the initial skill is worth (swap).",
    )

    @property
    def rejected_below(self) -> float:
        """The threshold of grade X."""
        if self.reject_below is not None:
            return self.reject_below
        return rejection_threshold(self.prior or PRIOR) if self.method == "swap" else 1 - self.detect_above

    def settings(self) -> dict[str, float]:
        """Return the numbers that the method uses, by name; the mean uses none."""
        values = self.model_dump() | {"reject_below": self.rejected_below, "prior": self.prior or PRIOR}
        return {name: float(values[name]) for name in SETTINGS[self.method]}

    def grading(self) -> str:
        """Return in words what decides the consensus grade."""
        if self.method == "mean":
            return f"A for a mean above {A_ABOVE:g}, B from {B_FROM:g}, C from {C_FROM:g}"
        return (
            f"A for a probability above {self.detect_above:g}, B from {EVEN:g}, "
            f"X below {self.rejected_below:g}, else C"
        )


@dataclass(frozen=True, eq=False)
class Training:
    """Votes on blind tests, and whether each of these is a lens, by cutout id."""

    votes: Sequence[CastVote] = ()
    is_lens: Mapping[int, bool] = field(default_factory=dict)

    def counted(self) -> list[CastVote]:
        """Return the votes on blind tests that count."""
        on_tests = [vote for vote in self.votes if vote.cutout_id in self.is_lens]
        return [on_tests[row] for row in last_votes(on_tests).tolist()]


def combine_votes(votes: Sequence[CastVote], spec: ConsensusSpec, training: Training) -> Consensus:
    """Combine the votes on candidates by the method of `spec`, whatever the order they came in.

    Grades by probability are A above `detect_above`, B from one half, X below the threshold of rejection,
    else C.
    """
    consensus = find_consensus(votes)
    if spec.method == "mean" or not len(consensus):
        return consensus
    cast = [votes[row] for row in consensus.counted.tolist()]
    estimate = swap_probability if spec.method == "swap" else dawid_skene_probability
    probability = estimate(cast, consensus, spec, training)
    return replace(consensus, probability=probability, grade=grades_of_probabilities(probability, spec))


def grades_of_probabilities(probability: FloatArray, spec: ConsensusSpec) -> NDArray[Any]:
    """Return the consensus grade of each probability, as letters."""
    grades = np.full(probability.shape, "C", object)
    grades[probability >= EVEN] = "B"
    grades[probability > spec.detect_above] = "A"
    grades[probability < spec.rejected_below] = "X"
    return grades


def share_of_lenses(cast: Sequence[CastVote], training: Training) -> float | None:
    """Return the fraction of lenses among candidates that votes and blind tests suggest, or None.

    The fraction of votes that say "lens" is corrected for how often these inspectors together say it of
    simulated lenses and of duds. None with fewer than 10
    votes on either, or where they hardly tell them apart.

    References
    ----------
    Rogan & Gladen 1978, American Journal of Epidemiology 107, 71.
    """
    people = {vote.inspector for vote in cast}
    on_tests = [vote for vote in training.counted() if vote.inspector in people]
    is_lens = np.array([training.is_lens[vote.cutout_id] for vote in on_tests], bool)
    if not len(cast) or min(np.count_nonzero(is_lens), np.count_nonzero(~is_lens)) < FEWEST_TESTS:
        return None
    said = says_lens(on_tests)
    completeness, false_positives = said[is_lens].mean(), said[~is_lens].mean()
    if completeness - false_positives < LEAST_DIFFERENCE:
        return None
    return float((says_lens(cast).mean() - false_positives) / (completeness - false_positives))


def says_lens(votes: Sequence[CastVote]) -> NDArray[np.bool_]:
    """Return for each vote whether it says "lens": it is worth a B or more."""
    return vote_values(votes) >= LENS_FROM


def swap_probability(
    cast: Sequence[CastVote], consensus: Consensus, spec: ConsensusSpec, training: Training
) -> FloatArray:
    """Return the probability of a lens by SWAP, with skills learnt from the blind tests."""
    names = sorted({vote.inspector for vote in cast})
    number = {name: row for row, name in enumerate(names)}
    on_tests = [vote for vote in training.counted() if vote.inspector in number]
    skills = learn_skills(
        np.array([number[vote.inspector] for vote in on_tests], np.int64),
        says_lens(on_tests),
        np.array([training.is_lens[vote.cutout_id] for vote in on_tests], bool),
        inspectors=len(names),
        initial_lens=spec.initial_skill,
        initial_nonlens=spec.initial_skill,
        pseudo_count=spec.pseudo_count,
    )
    return swap_posteriors(
        rows_of([vote.cutout_id for vote in cast], consensus.cutout_id),
        np.array([number[vote.inspector] for vote in cast], np.int64),
        says_lens(cast),
        skills,
        candidates=len(consensus),
        prior=spec.prior or PRIOR,
    )


def dawid_skene_probability(
    cast: Sequence[CastVote], consensus: Consensus, _spec: ConsensusSpec, training: Training
) -> FloatArray:
    """Return the probability of the class "lens"; blind tests are further candidates of known truth."""
    on_tests = training.counted()
    test_ids = sorted({vote.cutout_id for vote in on_tests})
    every = [*cast, *on_tests]
    truth = np.full(len(consensus) + len(test_ids), UNKNOWN, np.int64)
    truth[len(consensus) :] = [int(training.is_lens[key]) for key in test_ids]
    of_candidates = rows_of([vote.cutout_id for vote in cast], consensus.cutout_id)
    of_tests = rows_of([vote.cutout_id for vote in on_tests], test_ids)
    estimate = dawid_skene(
        np.append(of_candidates, len(consensus) + of_tests),
        alphabetical_ranks([vote.inspector for vote in every]),
        says_lens(every).astype(np.int64),
        classes=2,
        known=truth,
        candidates=len(truth),
    )
    lens: FloatArray = estimate.probability[: len(consensus), 1]
    return lens
