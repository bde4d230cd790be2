"""The ways to combine votes: mean grade, SWAP posterior, Dawid-Skene probability."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lensapp.core.config import Spec
from lensapp.core.inspect.consensus import (
    A_ABOVE,
    B_FROM,
    C_FROM,
    CastVote,
    Consensus,
    FloatArray,
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
    REJECT_BELOW,
    Skills,
    learn_skills,
    swap_posteriors,
)

Method = Literal["mean", "swap", "dawid_skene"]
EVEN = 0.5
THRESHOLDS = ("detect_above", "reject_below")
SETTINGS: dict[str, tuple[str, ...]] = {
    "mean": (),
    "swap": ("prior", *THRESHOLDS, "initial_skill", "pseudo_count"),
    "dawid_skene": THRESHOLDS,
}


class ConsensusSpec(Spec):
    """How the votes of a team are combined."""

    method: Method = Field(
        "mean",
        description="Mean grade; swap weighs each inspector by calibrators; dawid_skene finds weights from "
        "the votes.",
    )
    prior: float = Field(PRIOR, gt=0, lt=1, description="swap: share of lenses among all candidates.")
    detect_above: float = Field(
        DETECT_ABOVE, gt=0.5, lt=1, description="swap, dawid_skene: grade A above this probability."
    )
    reject_below: float | None = Field(
        None,
        gt=0,
        lt=0.5,
        description=f"Grade X below this probability; empty takes {REJECT_BELOW:g} for swap and 1 − "
        "detect_above for dawid_skene.",
    )
    initial_skill: float = Field(
        INITIAL_SKILL, gt=0, lt=1, description="swap: how often an unknown inspector is right."
    )
    pseudo_count: float = Field(
        PSEUDO_COUNT, gt=0, le=1000, description="swap: calibrators that this initial skill weighs."
    )

    @property
    def rejected_below(self) -> float:
        """The threshold of grade X."""
        if self.reject_below is not None:
            return self.reject_below
        return REJECT_BELOW if self.method == "swap" else 1 - self.detect_above

    def settings(self) -> dict[str, float]:
        """Return the numbers that the method uses, by name; the mean uses none."""
        names = SETTINGS[self.method]
        given = {name: getattr(self, name) for name in names} | {"reject_below": self.rejected_below}
        return {name: float(given[name]) for name in names}

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
    """Votes on calibrators, and whether each of these is a lens, by cutout id."""

    votes: Sequence[CastVote] = ()
    is_lens: Mapping[int, bool] = field(default_factory=dict)

    def counted(self) -> list[CastVote]:
        """Return the votes on calibrators that count."""
        known = [vote for vote in self.votes if vote.cutout_id in self.is_lens]
        return [known[place] for place in last_votes(known).tolist()]


def combine_votes(votes: Sequence[CastVote], spec: ConsensusSpec, training: Training) -> Consensus:
    """Combine the votes on candidates by the method of `spec`, whatever the order they came in.

    Grades by probability are A above `detect_above`, B from one half, X below the threshold of rejection,
    else C.
    """
    consensus = find_consensus(votes)
    if spec.method == "mean" or not len(consensus):
        return consensus
    cast = [votes[place] for place in consensus.counted.tolist()]
    if spec.method == "swap":
        probability = _swap(cast, consensus, spec, training)
    else:
        probability = _dawid_skene(cast, consensus, training)
    grade = grades_of_probabilities(probability, spec)
    return replace(consensus, probability=probability, grade=grade)


def grades_of_probabilities(probability: FloatArray, spec: ConsensusSpec) -> NDArray[Any]:
    """Return the consensus grade of each probability, as letters."""
    grades = np.full(probability.shape, "C", object)
    grades[probability >= EVEN] = "B"
    grades[probability > spec.detect_above] = "A"
    grades[probability < spec.rejected_below] = "X"
    return grades


def skills_of(names: Sequence[str], spec: ConsensusSpec, training: Training) -> Skills:
    """Return the confusion matrices of inspectors, in the order of their names."""
    rank = {name: place for place, name in enumerate(names)}
    cast = [vote for vote in training.counted() if vote.inspector in rank]
    return learn_skills(
        np.array([rank[vote.inspector] for vote in cast], np.int64),
        says_lens(cast),
        np.array([training.is_lens[vote.cutout_id] for vote in cast], bool),
        inspectors=len(names),
        initial_lens=spec.initial_skill,
        initial_nonlens=spec.initial_skill,
        pseudo_count=spec.pseudo_count,
    )


def says_lens(votes: Sequence[CastVote]) -> NDArray[np.bool_]:
    """Return for each vote whether it says "lens": it is worth a B or more."""
    return vote_values(votes) >= LENS_FROM


def _swap(
    cast: Sequence[CastVote], consensus: Consensus, spec: ConsensusSpec, training: Training
) -> FloatArray:
    names = sorted({vote.inspector for vote in cast})
    rank = {name: place for place, name in enumerate(names)}
    return swap_posteriors(
        _places(cast, consensus),
        np.array([rank[vote.inspector] for vote in cast], np.int64),
        says_lens(cast),
        skills_of(names, spec, training),
        candidates=len(consensus),
        prior=spec.prior,
    )


def _dawid_skene(cast: Sequence[CastVote], consensus: Consensus, training: Training) -> FloatArray:
    """Return the probability of the class "lens"; calibrators are further candidates of known truth."""
    trained = training.counted()
    tests = sorted({vote.cutout_id for vote in trained})
    place = {key: len(consensus) + number for number, key in enumerate(tests)}
    both = [*cast, *trained]
    rank = {name: number for number, name in enumerate(sorted({vote.inspector for vote in both}))}
    known = np.full(len(consensus) + len(tests), UNKNOWN, np.int64)
    known[len(consensus) :] = [int(training.is_lens[key]) for key in tests]
    candidate = np.append(_places(cast, consensus), [place[vote.cutout_id] for vote in trained])
    found = dawid_skene(
        candidate.astype(np.int64),
        np.array([rank[vote.inspector] for vote in both], np.int64),
        says_lens(both).astype(np.int64),
        classes=2,
        known=known,
        candidates=len(known),
    )
    lens: FloatArray = found.probability[: len(consensus), 1]
    return lens


def _places(cast: Sequence[CastVote], consensus: Consensus) -> NDArray[np.int64]:
    ids = np.array([vote.cutout_id for vote in cast], np.int64)
    return np.asarray(np.searchsorted(consensus.cutout_id, ids), np.int64)
