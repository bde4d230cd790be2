"""Join columns by ID: which row of one table holds an ID of another, whatever the order of either."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

ABSENT = -1
MANY = 10_000  # IDs wanted at once, from which on a table of numbers is worth it,
DENSE = 4  # where it has at most so many numbers for each ID


def rows_of(wanted: ArrayLike, ids: ArrayLike) -> NDArray[np.int64]:
    """Return the row of each wanted ID among `ids`.

    Parameters
    ----------
    wanted : shape (m,)
        IDs to look for, in any order; one may occur more than once.
    ids : shape (n,)
        Distinct IDs, in any order.

    Returns
    -------
    int64, shape (m,)
        `ABSENT` (-1) where an ID is not among `ids`.
    """
    wanted, ids = np.asarray(wanted), np.asarray(ids)
    if not ids.size:
        return np.full(wanted.shape, ABSENT, np.int64)
    if ids.dtype.kind == wanted.dtype.kind == "i" and wanted.size > MANY:
        low, high = int(ids.min()), int(ids.max())
        if high - low < DENSE * (ids.size + wanted.size):
            return _rows_of_dense(wanted, ids, low, high)
    order = np.argsort(ids, kind="stable")
    rows = order[np.minimum(np.searchsorted(ids, wanted, sorter=order), ids.size - 1)]
    return np.where(ids[rows] == wanted, rows, ABSENT).astype(np.int64)


def _rows_of_dense(wanted: NDArray[Any], ids: NDArray[Any], low: int, high: int) -> NDArray[np.int64]:
    """Do so through a table of all numbers from the lowest to the highest ID: IDs in any order cost alike."""
    row_of = np.full(high - low + 1, ABSENT, np.int64)
    row_of[ids[::-1] - low] = np.arange(ids.size - 1, -1, -1)  # of one that occurs twice the first row stays
    within = (wanted >= low) & (wanted <= high)
    rows = np.full(wanted.shape, ABSENT, np.int64)
    rows[within] = row_of[wanted[within] - low]
    return rows


def aligned(wanted: ArrayLike, ids: ArrayLike, values: ArrayLike, *, absent: Any) -> NDArray[Any]:
    """Return the values of `ids` in the order of `wanted`; `absent` where an ID has none.

    Parameters
    ----------
    wanted : shape (m,)
        IDs in the order asked for.
    ids, values : shape (n,), (n, …)
        Distinct IDs and what belongs to each.
    absent
        Stands where an ID is not among `ids`; the result takes a type that holds it.

    Returns
    -------
    shape (m, …)
    """
    return values_at(rows_of(wanted, ids), values, absent=absent)


def values_at(rows: NDArray[np.int64], values: ArrayLike, *, absent: Any) -> NDArray[Any]:
    """Return the values at rows that `rows_of` found, `absent` where it found none; see `aligned`."""
    values, present = np.asarray(values), rows != ABSENT
    out = np.full((rows.size, *values.shape[1:]), absent, np.result_type(values.dtype, np.asarray(absent)))
    out[present] = values[rows[present]]
    return out
