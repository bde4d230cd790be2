"""Committees: several networks whose scores are combined into one, usable wherever a run is."""

from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, model_validator

from lensapp.core.config import Spec
from lensapp.core.errors import InvalidInput
from lensapp.core.log_odds import log_odds_terms, probability
from lensapp.core.train.tasks import BinaryTask, TaskSpec

MODEL = "committee"
"""What stands in the place of the network's name in the run of a committee."""

Combination = Literal["mean", "median", "rank", "weighted", "bayes", "stacking"]
COMBINATIONS: tuple[Combination, ...] = get_args(Combination)
LearnedWay = Literal["weighted", "bayes", "stacking"]
LEARNED: tuple[LearnedWay, ...] = get_args(LearnedWay)
"""Ways that are fitted on the validation part, where members give scores of lens or not."""


class LearnedCombination(Spec):
    """What was fitted to combine scores.

    The scores are averaged with `weights`, which add up to 1; where there are `weights_of_complement`, the
    logit of the combined score is Σ weight · ln s - Σ weight_of_complement · ln(1 - s) + intercept.
    """

    part: Literal["validation"] = Field("validation", title="Part", description="Part that it was fitted on.")
    n_positive: int = Field(ge=1, title="Lenses", description="Lenses in that part.")
    n_negative: int = Field(ge=1, title="Non-lenses", description="Non-lenses in that part.")
    networks: tuple[str, ...] = Field(
        title="Networks", description="SHA-256 of each member's network, in the order of the members."
    )
    weights: tuple[float, ...] = Field(title="Weights", description="Weight of each member.")
    weights_of_complement: tuple[float, ...] = Field(
        (), title="Weights of 1 - s", description="Weight of ln(1 - s) of each member; none for a mean."
    )
    intercept: float = Field(0.0, title="Intercept", description="Logit where all sums are zero.")

    def __call__(self, scores: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Return one score per cutout from those of each member, shape (members, n) → (n,)."""
        if not self.weights_of_complement:
            return np.asarray(self.weights @ scores.astype(np.float64), np.float32)
        rising, falling = log_odds_terms(scores)
        logit = self.weights @ rising - self.weights_of_complement @ falling + self.intercept
        return np.asarray(probability(logit), np.float32)


class CommitteeSpec(Spec):
    """Which runs score together, and how their scores become one: saved as `committee.json`."""

    version: Literal[1] = Field(1, description="Version of this format.")
    members: tuple[str, ...] = Field(
        min_length=2, max_length=64, title="Members", description="Runs whose networks score together."
    )
    combine: Combination = Field(
        "mean",
        title="Combine by",
        description="Mean or median of the scores; rank averages the rank of each score among those that the "
        "member gave to a part of its dataset, so that calibrations need not agree. Three are fitted on the "
        "validation part: weighted is the mean with the weights that come closest to the truth, bayes "
        "multiplies the likelihood ratios of calibrated scores as if members were independent, stacking is "
        "a logistic regression on all. Estimated values are weighted by their inverse variance.",
    )
    learned: LearnedCombination | None = Field(
        None, title="Learned", description="What was fitted on the validation part."
    )
    reference: Literal["validation", "test"] | None = Field(
        None, title="Reference part", description="Part whose stored scores are the reference of the ranks."
    )
    task: TaskSpec = Field(default_factory=BinaryTask, title="Task", description="What all members predict.")

    @model_validator(mode="after")
    def check_members(self) -> Self:
        """Refuse a member named twice, and a reference part where none is used."""
        if len(set(self.members)) < len(self.members):
            raise ValueError("name each member once")
        if (self.combine == "rank") != (self.reference is not None):
            raise ValueError("ranks need a reference part, and nothing else has one")
        if (self.combine in LEARNED and self.task.kind == "binary") != (self.learned is not None):
            raise ValueError("what is learned needs its fit, and nothing else has one")
        if self.learned is not None and len(self.learned.weights) != len(self.members):
            raise ValueError("give each member a weight")
        return self


def combined(scores: NDArray[np.floating[Any]], how: Combination) -> NDArray[np.float32]:
    """Return one value per object from those of each member, shape (members, n, …) → (n, …).

    Ranks (see `rank_fractions`) are averaged.
    """
    take = np.median if how == "median" else np.mean
    return np.asarray(take(scores.astype(np.float64), axis=0), np.float32)


def require_combination(how: Combination, kind: str) -> None:
    """Raise InvalidInput unless members with a task of this kind can be combined so."""
    if how in ("mean", "median") or kind == "binary" or (how == "weighted" and kind == "regression"):
        return
    reason = "weights need single scores or uncertainties" if how == "weighted" else "it is for single scores"
    raise InvalidInput(
        f"Members with a {kind} task cannot be combined by {how}: {reason}. Set combine to mean."
    )


def rank_fractions(scores: ArrayLike, reference: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the share of the sorted `reference` scores below each score, ties counting half.

    This is the empirical distribution function of the reference, so that a single image can be ranked;
    the order of a member's scores is kept, but scores between two neighbours of the reference tie.

    Parameters
    ----------
    scores : shape (n,)
        Scores of one member.
    reference : shape (m,)
        Its stored scores of a labelled part, in rising order.
    """
    values = np.asarray(scores, np.float32)
    below = np.searchsorted(reference, values, side="left")
    upto = np.searchsorted(reference, values, side="right")
    return np.asarray((below + upto) / (2 * len(reference)), np.float32)
