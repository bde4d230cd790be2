"""Which of many things to look at, where some tell enough of all."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def evenly_spread(count: int, most: int) -> NDArray[np.int64]:
    """Return the positions of `most` of `count` things or fewer, evenly spread from the first to the last."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))


def alike_first(
    rng: np.random.Generator, values: FloatArray, like: FloatArray, *, count: int, step: float
) -> NDArray[np.int64]:
    """Return all positions of `values` in random order, first about `count` distributed like others.

    Parameters
    ----------
    like
        Whose distribution these follow, in steps of `step`, as far as there are enough in each.
    """
    order, known = rng.permutation(len(values)), like[np.isfinite(like)]
    if not len(known) or not count:
        return order
    wanted, quota = np.unique(np.floor(rng.choice(known, count) / step), return_counts=True)
    steps = np.floor(values[order] / step)
    by_step = np.argsort(steps, kind="stable")
    _, first, in_step = np.unique(steps[by_step], return_index=True, return_counts=True)
    place = np.empty(len(values), np.int64)  # of each among those of its step
    place[by_step] = np.arange(len(values)) - np.repeat(first, in_step)
    at = np.minimum(np.searchsorted(wanted, steps), len(wanted) - 1)
    taken = (wanted[at] == steps) & (place < quota[at])
    return order[np.argsort(~taken, kind="stable")]
