"""Groups of near-duplicate images, by perceptual hashes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.groups import components
from lensapp.core.errors import InvalidInput

IntArray = NDArray[np.int64]
HASH_BITS = 64
MAX_COMPARISONS = 3_000_000_000
KEPT_PAIRS = 2_000_000


def near_duplicate_groups(hashes: Sequence[str | None], *, bits: int) -> IntArray:
    """Number groups of images any two of which have perceptual hashes that differ in at most `bits` bits.

    Each image being like the next is not enough: smooth small cutouts would chain into one group that
    holds most of a survey. Where a chain is longer than that, the nearest are joined first.

    Two hashes that differ in at most k bits agree wholly in one of k + 1 bands of bits, so only hashes
    of equal bands are compared. Every band gets its share of the bits that vary most, which keeps the
    buckets small although images of galaxies are much alike.

    Parameters
    ----------
    hashes : length n
        64 bits in hexadecimal; an absent one is a group of its own.
    bits
        Largest Hamming distance within a group; 0 joins equal hashes only.

    Returns
    -------
    int64, shape (n,)

    References
    ----------
    Manku, Jain & Das Sarma 2007, "Detecting near-duplicates for web crawling", WWW 2007, section 3.
    """
    values = np.array([int(text, 16) if text else 0 for text in hashes], np.uint64)
    present = np.array([bool(text) for text in hashes], bool)
    groups = np.arange(len(values))
    distinct, of_distinct = np.unique(values[present], return_inverse=True)
    linked = link_alike(distinct, bits) if bits else np.arange(len(distinct))
    linked = unchained(distinct, linked, bits)
    groups[present] = linked[of_distinct] + len(values)
    return np.unique(groups, return_inverse=True)[1].astype(np.int64)


def looks_like_any(
    hashes: Sequence[str | None], others: Sequence[str | None], *, bits: int
) -> NDArray[np.bool_]:
    """Return which images differ in at most `bits` bits of their hash from one of some others, shape (n,).

    Parameters
    ----------
    hashes, others : lengths n and m
        64 bits in hexadecimal; an absent one is like none.
    """
    values = np.array([int(text, 16) if text else 0 for text in hashes], np.uint64)
    alike = np.zeros(len(values), bool)
    for other in {int(text, 16) for text in others if text}:
        alike |= np.bitwise_count(values ^ np.uint64(other)) <= bits
    return np.asarray(alike & np.array([bool(text) for text in hashes], bool))


def link_alike(distinct: NDArray[np.uint64], bits: int) -> IntArray:
    """Number the groups of distinct hashes linked by at most `bits` bits."""
    bands = bands_of_bits(distinct, bits + 1)
    sizes = [np.unique(band, return_counts=True)[1].astype(np.float64) for band in bands]
    comparisons = sum(float(np.sum(size * (size - 1.0) / 2.0)) for size in sizes)
    if comparisons > MAX_COMPARISONS:
        raise InvalidInput(
            f"The images are so alike that {comparisons:.1e} pairs would have to be compared at {bits} bits. "
            "Lower the near-duplicate tolerance, or set it to 0."
        )
    left, right, kept = [], [], 0
    for band in bands:
        order = np.argsort(band, kind="stable")
        ranked, values = band[order], distinct[order]
        start = np.arange(len(order))
        for step in range(1, len(order)):
            start = start[start < len(order) - step]
            start = start[ranked[start] == ranked[start + step]]
            if not start.size:
                break
            near = start[np.bitwise_count(values[start] ^ values[start + step]) <= bits]
            left.append(order[near])
            right.append(order[near + step])
            kept += len(near)
            if kept > KEPT_PAIRS:  # one link of each image to the first of its group says as much
                linked = components(len(distinct), _joined(left), _joined(right))
                first = np.unique(linked, return_index=True)[1]
                left, right, kept = [np.arange(len(distinct))], [first[linked]], 0
    return components(len(distinct), _joined(left), _joined(right))


def unchained(distinct: NDArray[np.uint64], linked: IntArray, bits: int) -> IntArray:
    """Divide groups of linked hashes into groups of which any two members differ in at most `bits` bits.

    Complete linkage, level by level: groups join at the least number of bits at which all their members
    agree, and no two groups that remain could be one.

    References
    ----------
    Defays 1977, "An efficient algorithm for a complete link method", The Computer Journal 20, 364.
    """
    order = np.argsort(linked, kind="stable")
    _, first, of_each, counts = np.unique(
        linked[order], return_index=True, return_inverse=True, return_counts=True
    )
    groups = np.empty(len(distinct), np.int64)
    groups[order] = order[first][of_each]
    for start, count in zip(first[counts > 2].tolist(), counts[counts > 2].tolist(), strict=True):
        rows = order[start : start + count]
        if len(rows) ** 2 * bits > MAX_COMPARISONS:
            raise InvalidInput(
                f"{len(rows)} images are each like another at {bits} bits. Lower the near-duplicate "
                "tolerance, or set it to 0."
            )
        groups[rows] = rows[_agreeing(distinct[rows], bits)]
    return groups


def _agreeing(values: NDArray[np.uint64], bits: int) -> IntArray:
    """Return the place of the first member of each value's group, by complete linkage; shape (n,)."""
    group = np.arange(len(values))
    for limit in range(1, bits + 1):
        sizes = np.bincount(group, minlength=len(values))
        for number in np.flatnonzero(sizes).tolist():
            members = np.flatnonzero(group == number)
            near = (np.bitwise_count(values[:, None] ^ values[members]) <= limit).all(axis=1)
            whole = np.flatnonzero((np.bincount(group[near], minlength=len(values)) == sizes) & (sizes > 0))
            whole = whole[whole < number]
            if len(whole):
                largest = whole[np.argmax(sizes[whole])]
                group[members] = largest
                sizes[largest] += sizes[number]
                sizes[number] = 0
    return group


def _joined(parts: list[IntArray]) -> IntArray:
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def bands_of_bits(values: NDArray[np.uint64], count: int) -> list[NDArray[np.uint64]]:
    """Return `count` bands of the hashes' bits; those that vary most are dealt to them in turn."""
    shifts = np.arange(HASH_BITS, dtype=np.uint64)
    share = np.array([np.mean((values >> shift) & np.uint64(1)) if len(values) else 0.0 for shift in shifts])
    order = shifts[np.argsort(np.abs(share - 0.5), kind="stable")]
    bands = [np.zeros_like(values) for _ in range(count)]
    for index, shift in enumerate(order):
        bands[index % count] |= ((values >> shift) & np.uint64(1)) << np.uint64(index // count)
    return bands
