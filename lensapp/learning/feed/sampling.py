"""How often the cutouts of each class are shown in an epoch."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def shown_counts(counts: NDArray[np.int64], ratio: float) -> NDArray[np.int64]:
    """Return how often cutouts of each class are shown, for classes with `counts` cutouts.

    None is shown less often than it is there, and each class that is there at least `ratio` times as often
    as the most frequent one.
    """
    wanted = math.ceil(round(ratio * int(counts.max()), 9))
    return np.where(counts > 0, np.maximum(counts, wanted), 0)


def repeated_indices(labels: NDArray[Any], ratio: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return indices of the cutouts to be shown again, so that rare classes reach `ratio`.

    Each cutout of a class is repeated equally often, but for a random rest.

    Parameters
    ----------
    labels : shape (n,)
        Indices of classes.
    """
    classes, counts = np.unique(labels, return_counts=True)
    again = []
    for label, count, shown in zip(classes, counts, shown_counts(counts, ratio), strict=True):
        members = np.flatnonzero(labels == label)
        rounds, rest = divmod(int(shown - count), int(count))
        again += [np.tile(members, rounds), rng.choice(members, rest, replace=False)]
    return np.concatenate(again)
