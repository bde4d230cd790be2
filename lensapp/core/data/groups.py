"""Groups of rows that belong together: connected components, unions of groupings, equal names."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


def components(n: int, left: IntArray, right: IntArray) -> IntArray:
    """Number the connected components of `n` nodes joined by the edges left[i]-right[i]; shape (n,)."""
    # As in `sky.tree_of`: processes that start often read positions but group none.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    edges = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(n, n))
    return np.asarray(connected_components(edges, directed=False)[1], np.int64)


def unite(groupings: Sequence[IntArray]) -> IntArray:
    """Merge groupings of the same rows: rows that share a group in any of them share one in the result.

    Parameters
    ----------
    groupings
        One array of group numbers, shape (n,), per reason to belong together.
    """
    rows = len(groupings[0])
    left, right, nodes = [], [], rows
    for grouping in groupings:
        codes = np.unique(grouping, return_inverse=True)[1]
        left.append(np.arange(rows))
        right.append(codes + nodes)
        nodes += int(codes.max(initial=-1)) + 1
    linked = components(nodes, np.concatenate(left), np.concatenate(right))[:rows]
    return np.unique(linked, return_inverse=True)[1].astype(np.int64)


def name_groups(names: Sequence[str | None]) -> IntArray:
    """Number the groups of equal names; an empty or absent name is a group of its own."""
    codes: dict[str | int, int] = {}
    groups = [codes.setdefault(name or row, len(codes)) for row, name in enumerate(names)]
    return np.array(groups, np.int64)
