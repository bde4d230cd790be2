"""Which fold of a cross-validation each development cutout belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.split.splits import FOLD_STREAM
from lensapp.core.split.stratify import allot_groups

DEVELOPMENT = ("train", "validation")
OUTSIDE = -1


@dataclass(frozen=True)
class Fold:
    """One fold: its number from 1, of how many (0: those of the dataset), and the seed of the dealing."""

    number: int
    of: int
    seed: int = 0


def fold_of(spec: Mapping[str, Any]) -> Fold | None:
    """Return the fold that a run's saved specification holds out, or None."""
    number = spec.get("fold")
    return None if number is None else Fold(number, spec.get("folds", 0), spec.get("fold_seed", 0))


def assign_folds(
    parts: NDArray[Any],
    labels: NDArray[Any],
    groups: NDArray[np.int64],
    stored: NDArray[Any],
    *,
    kinds: NDArray[Any] | None = None,
    folds: int,
    seed: int,
) -> NDArray[np.int64]:
    """Deal the development members (training and validation parts) of a dataset version to folds.

    A dataset that was split with as many folds keeps them; otherwise whole groups are dealt so that every
    fold has the same share of each kind. The same members, folds and seed always give the same answer.

    Parameters
    ----------
    parts, labels, groups, stored : shape (n,)
        Part, label, group and fold (None where there is none) of each member.
    kinds : shape (n,)
        Classes that each fold gets its share of; default: the labels.
    folds, seed
        How many (0: those the dataset was split with), and the random seed for other ones.

    Returns
    -------
    int64, shape (n,)
        Fold of each member from 0, -1 for the test part.
    """
    inner = np.flatnonzero(np.isin(parts, DEVELOPMENT))
    own = stored[inner]
    has_folds = len(own) > 0 and all(fold is not None and fold >= 0 for fold in own)
    own_count = int(own.max()) + 1 if has_folds else 0
    count = folds or own_count
    if count < 2:
        raise InvalidInput(
            f"Cross-validation needs at least 2 folds, not {count}, and the dataset has none of its own. "
            "Set --folds 5."
        )
    if own_count == count:
        dealt = own.astype(np.int64)
    else:
        _, classes = np.unique((labels if kinds is None else kinds)[inner].astype(str), return_inverse=True)
        rng = np.random.default_rng([seed, FOLD_STREAM])
        dealt = allot_groups(groups[inner], classes.astype(np.int64), [1.0 / count] * count, rng=rng)
    require_every_label(dealt, labels[inner], folds=count)
    assigned = np.full(len(parts), OUTSIDE, np.int64)
    assigned[inner] = dealt
    return assigned


def require_every_label(dealt: NDArray[np.int64], labels: NDArray[Any], *, folds: int) -> None:
    """Refuse a fold without a cutout of one of the labels."""
    for label in sorted(set(labels.tolist())):
        held = np.bincount(dealt[labels == label], minlength=folds)
        if (held == 0).any():
            raise InvalidInput(
                f"Fold {int(np.argmin(held)) + 1} of {folds} has no cutout labelled {label}: all "
                f"{int(held.sum())} of them are in too few groups. Take fewer folds or a larger dataset."
            )


def in_part(assigned: NDArray[np.int64], *, part: str, fold: Fold) -> NDArray[np.bool_]:
    """Return which members are the "train" or the "validation" part of a fold, shape (n,)."""
    count = int(assigned.max(initial=OUTSIDE)) + 1
    if not 1 <= fold.number <= count:
        raise InvalidInput(f"There is no fold {fold.number}; choose a fold from 1 to {count}.")
    held_out = assigned == fold.number - 1
    return np.asarray(held_out if part == "validation" else (assigned != OUTSIDE) & ~held_out)
