"""Similarity of cutouts: the cosine of the angle between their features.

Features are read once, in chunks, so that a memory map is never loaded whole.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Rows = NDArray[np.int64]

CHUNK_ROWS = 65_536


def unit_rows(features: Floats) -> NDArray[np.float32]:
    """Return rows scaled to length 1, float32; rows of zeros stay zero."""
    rows = np.asarray(features, np.float32)
    length = np.sqrt(np.einsum("ij,ij->i", rows, rows))[:, None]
    return np.asarray(np.divide(rows, length, out=np.zeros_like(rows), where=length > 0))


def nearest(features: Floats, queries: Floats, count: int) -> tuple[Rows, NDArray[np.float32]]:
    """Return the rows most similar to each query by the cosine of their angle, most similar first.

    Parameters
    ----------
    features : shape (n, d)
    queries : shape (q, d)
    count
        How many per query; at most n are returned.

    Returns
    -------
    rows : int64, shape (q, min(count, n))
    cosines : float32, of the same shape
    """
    directions = unit_rows(queries)
    rows = np.empty((len(directions), 0), np.int64)
    cosines = np.empty((len(directions), 0), np.float32)
    for start in range(0, len(features), CHUNK_ROWS):
        of_chunk = directions @ unit_rows(features[start : start + CHUNK_ROWS]).T
        chunk_rows = np.broadcast_to(np.arange(start, start + of_chunk.shape[1]), of_chunk.shape)
        if of_chunk.shape[1] > count:
            best = np.argpartition(-of_chunk, count - 1, axis=1)[:, :count]
            of_chunk, chunk_rows = (np.take_along_axis(part, best, 1) for part in (of_chunk, chunk_rows))
        cosines = np.concatenate([cosines, of_chunk], axis=1)
        rows = np.concatenate([rows, chunk_rows], axis=1)
        order = np.lexsort((rows, -cosines), axis=1)[:, :count]
        rows, cosines = np.take_along_axis(rows, order, 1), np.take_along_axis(cosines, order, 1)
    return rows, cosines


def similarity(features: Floats, examples: Floats) -> NDArray[np.float32]:
    """Return the cosine between each row and the example most similar to it, shape (n,).

    Parameters
    ----------
    features : shape (n, d)
    examples : shape (m, d), m ≥ 1
    """
    directions = unit_rows(examples).T
    cosines = np.empty(len(features), np.float32)
    for start in range(0, len(features), CHUNK_ROWS):
        chunk = unit_rows(features[start : start + CHUNK_ROWS])
        cosines[start : start + CHUNK_ROWS] = (chunk @ directions).max(1)
    return cosines
