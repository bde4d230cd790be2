"""Where blind tests stand in a queue, which images they show, and the scores that they pretend.

Neither order nor score nor the image may tell a test from the candidates around it. So tests stand at random,
as many in each tenth of the queue's scores; what they show has a score of that tenth itself; and the score
told is one that a candidate at that place could have.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from lensapp.core.align import ABSENT

TENTHS = 10
UNSCORED = TENTHS  # the stratum of candidates without a score, and of all where no run has scored them
MOST_LOOKED_AT = 200  # of a pool in random order, before a smaller gap is taken
GAPS = (0.1, 0.05, 0.0)  # of the queue: as far apart as possible are two that show the same

Ids = NDArray[np.int64]
Values = NDArray[np.float64]


def tenths_of(scores: Values) -> Ids:
    """Return in which tenth of the scores of a queue, by rank, each of its candidates is; shape (n,)."""
    tenths = np.full(len(scores), UNSCORED)
    known = np.flatnonzero(np.isfinite(scores))
    for tenth, members in enumerate(np.array_split(known[np.argsort(scores[known], kind="stable")], TENTHS)):
        tenths[members] = tenth
    return tenths


def tenths_among(scores: Values, queue_scores: Values) -> Ids:
    """Return in which tenth of a queue's scores others would be, ABSENT outside all, shape (m,).

    Those without a score are with the candidates that have none.
    """
    known = np.sort(queue_scores[np.isfinite(queue_scores)])
    if not len(known):
        return np.full(len(scores), UNSCORED)
    edges = np.array([part[0] for part in np.array_split(known, TENTHS) if len(part)])
    tenths = np.searchsorted(edges, scores, side="right") - 1
    inside = np.where((scores >= known[0]) & (scores <= known[-1]), tenths, ABSENT)
    return np.where(np.isnan(scores), UNSCORED, inside)


def draw_targets(rng: np.random.Generator, tenths: Ids, count: int) -> Ids:
    """Return beside which candidates `count` tests stand: as many in each tenth, at random within it."""
    strata = [np.flatnonzero(tenths == tenth) for tenth in np.unique(tenths)]
    share = np.array([len(stratum) for stratum in strata]) / len(tenths) * count
    quota = np.floor(share).astype(np.int64)
    rest = share - quota
    if missing := count - int(quota.sum()):
        weight = np.maximum(rest, 1e-9)
        more = rng.choice(len(strata), missing, replace=missing > len(strata), p=weight / weight.sum())
        np.add.at(quota, more, 1)
    drawn = [
        rng.choice(stratum, many, replace=many > len(stratum))
        for stratum, many in zip(strata, quota.tolist(), strict=True)
    ]
    return rng.permutation(np.concatenate(drawn)).astype(np.int64)


class HostPool:
    """Cutouts that tests can show, each once until all are used, by the tenth of the scores they are in.

    Parameters
    ----------
    tenths : int64, shape (m,)
        Of each cutout; ABSENT: none.
    places : int64, shape (m,)
        Where each stands in the queue itself; ABSENT: it is not shown there. Those come first.
    size
        Length of the queue.
    """

    def __init__(self, rng: np.random.Generator, tenths: Ids, places: Ids, *, size: int) -> None:
        self.rng, self.tenths, self.places, self.size = rng, tenths, places, size
        self._fill()

    def _fill(self) -> None:
        order = self.rng.permutation(len(self.tenths))
        order = order[np.argsort(self.places[order] != ABSENT, kind="stable")]
        self.pools = {
            tenth: deque(order[self.tenths[order] == tenth].tolist())
            for tenth in np.unique(self.tenths).tolist()
        }

    def take(self, tenth: int, target: int) -> tuple[int, bool]:
        """Return the row of a cutout for a test beside a candidate, and whether it is of its tenth.

        One that stands in the queue is taken as far from its other place as there is one; where the tenth
        has none left, of the next tenths.
        """
        if not any(self.pools.values()):
            self._fill()
        nearest = sorted(self.pools, key=lambda one: (one == ABSENT, abs(one - tenth)))
        for one in nearest:
            for gap in GAPS:
                row = self._taken(self.pools[one], target, max(1.0, gap * self.size))
                if row is not None:
                    return row, one == tenth
        row = next(pool for pool in self.pools.values() if pool).popleft()  # only the target itself is left
        return row, int(self.tenths[row]) == tenth

    def _taken(self, pool: deque[int], target: int, gap: float) -> int | None:
        for _ in range(min(len(pool), MOST_LOOKED_AT)):
            row = pool.popleft()
            place = int(self.places[row])
            if place == ABSENT or abs(place - target) >= gap:
                return row
            pool.append(row)
        return None


def pretended_scores(
    rng: np.random.Generator, scores: Values, places: Values, *, uncertain_score: float
) -> Values:
    """Return a score for each test that a candidate at its place could have, NaN beside one without.

    Where the queue is in the order of the scores, or of their distance from the uncertain score, it lies
    between the neighbours', so that the order holds; else between that of the candidate beside it and the
    next higher or lower one of the queue.

    Parameters
    ----------
    scores : float64, shape (n,)
        Of the queue.
    places : float64, shape (m,)
        Where tests stand among its candidates: 2.3 is after the third and before the fourth.
    """
    part = rng.uniform(size=len(places))
    beside = np.clip(np.rint(places), 0, max(0, len(scores) - 1)).astype(np.int64)
    if not len(places) or not np.isfinite(scores).any():
        return np.full(len(places), np.nan)
    if np.isfinite(scores).all():
        away = scores - uncertain_score
        if _in_order(scores):
            return _between(scores, places, part)
        if _in_order(np.abs(away)):
            side = np.where(away[beside] < 0, -1.0, 1.0)
            signed: Values = uncertain_score + side * _between(np.abs(away), places, part)
            return signed
    ranked = np.sort(scores[np.isfinite(scores)])
    rank = np.searchsorted(ranked, scores[beside])
    other = np.clip(rank + rng.choice((-1, 1), len(places)), 0, len(ranked) - 1)
    between: Values = scores[beside] + part * (ranked[other] - scores[beside])
    return between


def _in_order(values: Values) -> bool:
    steps = np.diff(values)
    return bool((steps <= 0).all() or (steps >= 0).all())


def _between(values: Values, places: Values, part: Values) -> Values:
    """Return values between neighbours; tests side by side share a gap and go through it in order."""
    gaps = np.ceil(places).astype(np.int64)  # the candidate after each
    out = np.empty(len(places))
    for gap in np.unique(gaps):
        members = np.flatnonzero(gaps == gap)
        first, last = values[max(0, gap - 1)], values[min(len(values) - 1, max(0, gap))]
        shares = np.sort(part[members])
        out[members[np.argsort(places[members], kind="stable")]] = first + shares * (last - first)
    return out
