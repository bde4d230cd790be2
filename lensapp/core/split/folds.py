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
    folds
        How many; 0 takes those the dataset was split with.
    seed
        Start of the random numbers; not used where the dataset has these folds.

    Returns
    -------
    int64, shape (n,)
        Fold of each member from 0, -1 for the test part.
    """
    inner = np.flatnonzero(np.isin(parts, DEVELOPMENT))
    kept = _kept_folds(stored[inner])
    wanted = folds or (int(kept.max()) + 1 if kept is not None else 0)
    if wanted < 2:
        raise InvalidInput(
            f"Expected at least 2 folds, received {wanted} and a dataset without folds of its own. "
            "Set --folds 5."
        )
    _, classes = np.unique((labels if kinds is None else kinds)[inner].astype(str), return_inverse=True)
    if kept is not None and int(kept.max(initial=-1)) + 1 == wanted:
        dealt = kept
    else:
        rng = np.random.default_rng([seed, FOLD_STREAM])
        dealt = allot_groups(groups[inner], classes.astype(np.int64), [1.0 / wanted] * wanted, rng=rng)
    _require_filled(dealt, labels[inner], folds=wanted)
    assigned = np.full(len(parts), OUTSIDE, np.int64)
    assigned[inner] = dealt
    return assigned


def in_part(assigned: NDArray[np.int64], *, part: str, fold: Fold) -> NDArray[np.bool_]:
    """Return which members are the "train" or the "validation" part of a fold, shape (n,)."""
    count = int(assigned.max(initial=OUTSIDE)) + 1
    if not 1 <= fold.number <= count:
        raise InvalidInput(f"Expected a fold from 1 to {count}, received {fold.number}. Choose one of them.")
    held_out = assigned == fold.number - 1
    return np.asarray(held_out if part == "validation" else (assigned != OUTSIDE) & ~held_out)


def _kept_folds(stored: NDArray[Any]) -> NDArray[np.int64] | None:
    if not len(stored) or any(fold is None or fold < 0 for fold in stored):
        return None
    return stored.astype(np.int64)


def _require_filled(dealt: NDArray[np.int64], labels: NDArray[Any], *, folds: int) -> None:
    for label in sorted(set(labels.tolist())):
        held = np.bincount(dealt[labels == label], minlength=folds)
        if (held == 0).any():
            raise InvalidInput(
                f"Expected cutouts labelled {label} in each of {folds} folds, received none in fold "
                f"{int(np.argmin(held)) + 1}: {int(held.sum())} of them are in too few groups. "
                "Take fewer folds or a larger dataset."
            )
