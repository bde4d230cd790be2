"""Which cutouts several runs accept together, each run at a threshold of its own."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput

FEWEST_TOP, TOP_SHARE = 10, 0.01


@dataclass(frozen=True, eq=False)
class Overlap:
    """Cutouts of one class that runs accept.

    Attributes
    ----------
    accepted : bool, shape (runs, n)
        Of each cutout of the class.
    """

    accepted: NDArray[np.bool_]

    @cached_property
    def number(self) -> NDArray[np.int64]:
        """How many each run accepts, shape (runs,)."""
        return np.asarray(self.accepted.sum(axis=1), np.int64)

    @cached_property
    def shared(self) -> NDArray[np.int64]:
        """How many two runs both accept, shape (runs, runs)."""
        accepted = self.accepted.astype(np.float64)  # whole numbers below 2^53, by BLAS
        return np.rint(accepted @ accepted.T).astype(np.int64)

    @cached_property
    def jaccard(self) -> NDArray[np.float64]:
        """Share of what either of two runs accepts that both accept; NaN where neither accepts any.

        References
        ----------
        Jaccard 1912, New Phytologist 11, 37.
        """
        number = self.number
        either = number[:, None] + number[None, :] - self.shared
        share = np.divide(self.shared, either, out=np.full(either.shape, np.nan), where=either > 0)
        return np.asarray(share, np.float64)

    @property
    def by_chance(self) -> NDArray[np.float64]:
        """How many two runs would both accept if their choices had nothing to do with each other."""
        number = self.number.astype(np.float64)
        return np.asarray(np.outer(number, number) / max(self.accepted.shape[1], 1))

    @cached_property
    def accepting(self) -> NDArray[np.int64]:
        """How many runs accept each cutout, shape (n,)."""
        return np.asarray(self.accepted.sum(axis=0), np.int64)

    @property
    def by_all(self) -> NDArray[np.bool_]:
        """Which cutouts all runs accept, shape (n,)."""
        return np.asarray(self.accepted.all(axis=0))

    @property
    def by_none(self) -> NDArray[np.bool_]:
        """Which cutouts no run accepts, shape (n,)."""
        return np.asarray(~self.accepted.any(axis=0))

    def by_only(self, run: int) -> NDArray[np.bool_]:
        """Return which cutouts no other run accepts, shape (n,)."""
        return np.asarray(self.accepted[run] & (self.accepting == 1))

    def by_all_but(self, run: int) -> NDArray[np.bool_]:
        """Return which cutouts all other runs accept and this one refuses, shape (n,)."""
        return np.asarray(~self.accepted[run] & (self.accepting == len(self.accepted) - 1))


def usual_top(count: int) -> int:
    """Return how many of the highest scores to look at: 1 % of them, at least ten where there are."""
    return max(min(max(round(TOP_SHARE * count), FEWEST_TOP), count), 1)


def thresholds_of_top(
    labels: NDArray[np.bool_], scores: NDArray[np.floating], *, top: int
) -> NDArray[np.float64]:
    """Return for each run the highest threshold that accepts at least `top` non-lenses, shape (runs,).

    Non-lenses that tie with the last one are accepted too: a run may accept more.

    Parameters
    ----------
    labels, scores : shapes (n,) and (runs, n)
        Truth, and the scores of each run on the same cutouts.

    Raises
    ------
    InvalidInput
        When there are fewer non-lenses.
    """
    others = scores[:, ~labels].astype(np.float64)
    if not 1 <= top <= others.shape[1]:
        raise InvalidInput(
            f"The {top} highest non-lenses cannot be compared: the cutouts hold {others.shape[1]} "
            f"non-lenses. Choose a number from 1 to {others.shape[1]}."
        )
    return np.partition(others, others.shape[1] - top, axis=1)[:, others.shape[1] - top]
