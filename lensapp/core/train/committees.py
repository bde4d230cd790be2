"""Committees: several networks whose scores are combined into one, usable wherever a run is."""

from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, model_validator

from lensapp.core.config import Spec
from lensapp.core.errors import InvalidInput
from lensapp.core.train.tasks import BinaryTask, TaskSpec

MODEL = "committee"
"""What stands in the place of the network's name in the run of a committee."""

Combination = Literal["mean", "median", "rank", "weighted"]
COMBINATIONS: tuple[Combination, ...] = get_args(Combination)


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
        "member gave to a part of its dataset, so that calibrations need not agree; weighted is for values "
        "and weights each member by its inverse variance.",
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
        return self


def combined(scores: NDArray[np.floating[Any]], how: Combination) -> NDArray[np.float32]:
    """Return one value per object from those of each member, shape (members, n, …) → (n, …).

    Ranks (see `rank_fractions`) are averaged.
    """
    take = np.median if how == "median" else np.mean
    return np.asarray(take(scores.astype(np.float64), axis=0), np.float32)


def require_combination(how: Combination, kind: str) -> None:
    """Raise InvalidInput unless members with a task of this kind can be combined so."""
    only = {"rank": "binary", "weighted": "regression"}.get(how, kind)
    if kind != only:
        reason = "ranks belong to one score" if how == "rank" else "weights need uncertainties of values"
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
