"""Which candidates are worth an inspector's next look together: those that lie far apart in features.

All functions take arrays of all candidates at once and work on them in chunks, so that a million
candidates need little memory beside their own arrays.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.score.similarity import unit_rows

Floats = NDArray[np.floating[Any]]
Rows = NDArray[np.int64]

FARTHEST = 2.0  # one less the cosine of opposite features


def k_centre(features: Floats, count: int) -> Rows:
    """Return `count` rows that lie far apart: the first one, then always the farthest from those before.

    The largest distance of any row to the nearest selected one is at most twice the smallest possible.

    Parameters
    ----------
    features : shape (n, d)

    References
    ----------
    Gonzalez 1985, Theor. Comput. Sci. 38, 293; for active learning Sener & Savarese 2018, ICLR.
    """
    directions = unit_rows(features)
    selected = np.zeros(min(count, len(directions)), np.int64)
    distance = np.full(len(directions), FARTHEST, np.float32)
    for number in range(len(selected)):
        row = int(distance.argmax())
        selected[number] = row
        np.minimum(distance, 1.0 - directions @ directions[row], out=distance)
        distance[selected[: number + 1]] = -1.0  # not again, though another may lie at the same point
    return selected


def diverse_order(
    features: Floats, scores: Floats, *, batch: int = 20, pool: int = 3, count: int | None = None
) -> Rows:
    """Return rows in batches, each spread over features within the best-scored of those left.

    Parameters
    ----------
    features : shape (n, d)
    scores : shape (n,)
    batch
        Candidates per batch, which starts with the best-scored one left.
    pool
        A batch is selected from `pool` times as many best-scored ones.
    count
        Stop after so many; the default is all.
    """
    waiting = np.argsort(-scores, kind="stable")
    count = len(waiting) if count is None else min(count, len(waiting))
    order = np.empty(0, np.int64)
    while len(order) < count:
        top = waiting[: batch * pool]
        ascending = np.sort(top)  # as a memory map is read fastest
        selected = k_centre(np.asarray(features[ascending])[np.searchsorted(ascending, top)], batch)
        order = np.append(order, top[selected])
        waiting = np.delete(waiting, selected)
    return order[:count]
