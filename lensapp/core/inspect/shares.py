"""Who grades which candidates of a review, where each candidate needs the votes of some inspectors only.

Shares are as large as each other and spread evenly along the queue, and each two inspectors share some
candidates, so that all can be compared. A common set that everybody grades measures how far all agree.

References
----------
Marshall et al. 2016, MNRAS 455, 1171, section 2: classifications per subject, training subjects for all.
"""

from collections.abc import Mapping, Sequence, Set

import numpy as np
from numpy.typing import NDArray

LONGEST_PATTERN = 5000  # blocks, after which they come again

Ids = NDArray[np.int64]
Shares = dict[str, Ids]


def deal(queue: Ids, inspectors: Sequence[str], *, overlap: int, common: float = 0.0) -> Shares:
    """Return the share of each inspector: candidates in the order of the queue.

    Parameters
    ----------
    queue : int64, shape (n,)
    overlap
        Inspectors per candidate; all where there are no more.
    common
        Fraction of the candidates, at equal distances along the queue, that everybody grades.
    """
    everybody = round(common * len(queue))
    shared = np.zeros(len(queue), bool)
    if everybody:
        shared[((np.arange(everybody) + 0.5) * len(queue) / everybody).astype(np.int64)] = True
    rest = np.flatnonzero(~shared)
    pattern = balanced_blocks(len(inspectors), min(overlap, len(inspectors)))
    blocks = pattern[np.arange(len(rest)) % len(pattern)]
    shares = {}
    for number, name in enumerate(inspectors):
        mine = shared.copy()
        mine[rest[(blocks == number).any(1)]] = True
        shares[name] = queue[mine]
    return shares


def balanced_blocks(people: int, size: int) -> NDArray[np.int64]:
    """Return groups of `size` people, shape (m, size), in which all, and about all pairs, are as often.

    Each group takes those who were taken least, of these those who have met the others of it least. The first
    groups are balanced as well, within one: a queue may end anywhere.
    """
    count = people * min(max(1, people - 1), max(1, LONGEST_PATTERN // people))
    taken, met = np.zeros(people, np.int64), np.zeros((people, people), np.int64)
    blocks = np.empty((count, size), np.int64)
    for block in blocks:
        for place in range(size):
            chosen = block[:place]
            rank = np.lexsort((np.arange(people), met[chosen].sum(0), taken))
            block[place] = next(one for one in rank.tolist() if one not in chosen)
        taken[block] += 1
        met[np.ix_(block, block)] += 1
    return blocks


def hand_over(
    shares: Mapping[str, Ids], leaver: str, to: Sequence[str], graded: Mapping[str, Set[int]]
) -> Shares:
    """Return shares in which others have what somebody left ungraded; what is graded stays where it is.

    Each candidate goes to whoever of `to` has least left to grade and does not have it yet. What they all
    have goes to nobody.
    """
    own, done = shares[leaver], graded.get(leaver, frozenset())
    holds = {name: {*shares.get(name, np.empty(0, np.int64)).tolist()} for name in to}
    left = {name: len(holds[name] - graded.get(name, frozenset())) for name in to}
    given: dict[str, list[int]] = {name: [] for name in to}
    for candidate in (key for key in own.tolist() if key not in done):
        takers = [name for name in to if candidate not in holds[name]]
        if takers:
            taker = min(takers, key=left.__getitem__)
            given[taker].append(candidate)
            left[taker] += 1
    kept = np.array([key for key in own.tolist() if key in done], np.int64)
    return {**shares, leaver: kept} | {
        name: np.append(shares.get(name, np.empty(0, np.int64)), np.array(more, np.int64))
        for name, more in given.items()
    }


def let_join(shares: Mapping[str, Ids], name: str, graded: Mapping[str, Set[int]]) -> Shares:
    """Return shares in which somebody new has as much left to grade as the others, taken from their ends.

    Whoever has most left gives first. What everybody has, the new one grades as well.
    """
    everybody = set.intersection(*({*one.tolist()} for one in shares.values())) if shares else set()
    left = {
        one: [
            key for key in share.tolist() if key not in everybody and key not in graded.get(one, frozenset())
        ]
        for one, share in shares.items()
    }
    fair = sum(map(len, left.values())) // (len(shares) + 1)
    moved: dict[str, set[int]] = {one: set() for one in shares}
    taken: set[int] = set()
    while len(taken) < fair:
        giver = max(left, key=lambda one: len(left[one]))
        if not left[giver]:
            break
        candidate = left[giver].pop()
        if candidate not in taken:
            moved[giver].add(candidate)
            taken.add(candidate)
    given = {
        one: np.array([key for key in share.tolist() if key not in moved[one]], np.int64)
        for one, share in shares.items()
    }
    return given | {name: np.array(sorted(everybody | taken), np.int64)}
