"""Read the rows of large arrays by blocks: as their chunks lie in the file, never the whole array at once."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES = 64 * 2**20


class RowBlocks:
    """The rows of an array of chunks (HDF5, Zarr, npz), read in order at the cost of reading each chunk once.

    Parameters
    ----------
    array
        With `shape`, `dtype`, slices of its first axis, and `chunks`: the shape of what is unpacked at once.
    """

    def __init__(self, array: Any) -> None:
        row_bytes = max(1, array.dtype.itemsize * math.prod(array.shape[1:]))
        chunk_bytes = array.dtype.itemsize * math.prod(array.chunks)
        # A chunk of whole rows costs its memory anyway; of chunks that are parts of rows only so many.
        self._rows = max(1, min(array.chunks[0], max(BLOCK_BYTES, chunk_bytes) // row_bytes))
        self._array = array
        self._start = 0
        self._block: NDArray[Any] = np.empty((0, *array.shape[1:]), array.dtype)

    def row(self, index: int) -> NDArray[Any]:
        """Return one row, of the block read last or of the one that holds it."""
        if not 0 <= index < self._array.shape[0]:
            raise IndexError(f"row {index} of {self._array.shape[0]}")
        if not self._start <= index < self._start + len(self._block):
            self._start = index // self._rows * self._rows
            self._block = self._block[:0].copy()  # its memory goes before the next block needs as much
            self._block = np.asarray(self._array[self._start : self._start + self._rows])
        row: NDArray[Any] = self._block[index - self._start]
        return row
