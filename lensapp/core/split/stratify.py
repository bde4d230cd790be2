"""Deal groups of classified rows to parts of given shares, whole groups at a time."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


def allot_groups(
    group: IntArray, classes: IntArray, fractions: Sequence[float], *, rng: np.random.Generator
) -> IntArray:
    """Deal whole groups to parts so that each class is shared out by `fractions`.

    Groups of several rows come first, the largest before the smaller, each to the part where its classes
    lag furthest behind; single rows then fill what is missing exactly. Where groups allow it, no part
    stays without a class.

    Parameters
    ----------
    group : shape (n,)
        Group numbers; equal numbers stay together.
    classes : shape (n,)
        Class numbers from 0.
    fractions : length P
        Shares of the parts, with sum 1.
    rng
        Source of the random order; the result depends on the group numbers, not on the order of rows.

    Returns
    -------
    int64, shape (n,)
        Part of each row, 0 … P - 1.
    """
    wanted = np.flatnonzero(np.asarray(fractions) > 0)
    if len(wanted) < len(fractions):  # the others stay empty
        return wanted[allot_groups(group, classes, [fractions[int(k)] for k in wanted], rng=rng)]
    groups, group_of_row = np.unique(group, return_inverse=True)
    counts = np.zeros((len(groups), int(classes.max(initial=0)) + 1), np.int64)
    np.add.at(counts, (group_of_row, classes), 1)
    target = np.outer(np.asarray(fractions, np.float64), counts.sum(0))
    order = rng.permutation(len(groups))
    size = counts.sum(1)
    part = np.full(len(groups), -1, np.int64)
    filled = np.zeros_like(target)
    several = order[size[order] > 1]
    several = several[np.argsort(-size[several], kind="stable")]
    part[several] = deal_in_step(counts[several], target, filled)
    for number in range(counts.shape[1]):
        singles = order[(size[order] == 1) & (counts[order, number] == 1)]
        quota = largest_remainders(len(singles), target[:, number], filled[:, number])
        part[singles] = np.repeat(np.arange(len(quota)), quota)
    fill_empty_parts(part, counts, order, parts=len(target))
    return np.asarray(part[group_of_row], np.int64)


def deal_in_step(counts: IntArray, target: FloatArray, filled: FloatArray) -> list[int]:
    """Return the part of each group in turn; `filled` is brought up to date.

    A group goes where it raises Σ (filled - target)² / (target · total) least: all parts fill at the same
    pace, and a rare class counts as much as a common one.
    """
    total = np.maximum(target.sum(0), 1.0)
    weight = (1.0 / (np.maximum(target, 1e-12) * total)).tolist()
    content: list[list[float]] = filled.tolist()
    parts = []
    for row in counts.tolist():
        held = [(number, count) for number, count in enumerate(row) if count]
        costs = [
            sum(count * (2.0 * mine[number] + count) * scale[number] for number, count in held)
            for mine, scale in zip(content, weight, strict=True)
        ]
        best = costs.index(min(costs))
        parts.append(best)
        for number, count in held:
            content[best][number] += count
    filled[:] = content
    return parts


def largest_remainders(count: int, target: FloatArray, filled: FloatArray) -> IntArray:
    """Share `count` single rows out to what each part still lacks, by largest remainders."""
    lack = np.maximum(target - filled, 0.0)
    lack = lack if lack.sum() > 0.0 else target
    if not count or lack.sum() <= 0.0:
        return np.zeros(len(target), np.int64)
    exact = count * lack / lack.sum()
    quota: IntArray = np.floor(exact + 1e-9).astype(np.int64)
    largest = np.argsort(-(exact - quota), kind="stable")
    quota[largest[: count - int(quota.sum())]] += 1
    return quota


def fill_empty_parts(part: IntArray, counts: IntArray, order: IntArray, *, parts: int) -> None:
    """Give a part that has nothing of a class the smallest group of the part that has most of them."""
    size = counts.sum(1)
    for number in range(counts.shape[1]):
        holders = order[counts[order, number] > 0]
        for empty in range(parts):
            held = np.bincount(part[holders], minlength=parts)
            if held[empty] or held.max(initial=0) < 2:
                continue
            spare = []  # groups without which their part keeps some of each of their classes
            for donor in holders[part[holders] == int(held.argmax())].tolist():
                others = part == part[donor]
                others[donor] = False
                if (counts[others].sum(0)[counts[donor] > 0] > 0).all():
                    spare.append(donor)
            if spare:
                part[min(spare, key=size.__getitem__)] = empty
