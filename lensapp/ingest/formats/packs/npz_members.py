"""An array in an npz file, unpacked from its start to its end by blocks of rows."""

import math
import zipfile
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES = 16 * 2**20


class NpzMember:
    """An array in C order in a zip archive, read by slices of rows, the later the better.

    A slice before the last one begins again at the start of the member, which unpacks from there.
    """

    def __init__(
        self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, *, shape: tuple[int, ...], dtype: Any
    ) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        self._row_bytes = self.dtype.itemsize * math.prod(shape[1:])
        self._header_bytes = member.file_size - self._row_bytes * (shape[0] if shape else 1)
        self._archive, self._member = archive, member
        self._stream: IO[bytes] | None = None
        rows = BLOCK_BYTES // max(self._row_bytes, 1)
        self.chunks = (max(1, min(rows, shape[0])), *shape[1:]) if shape else ()

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        if rows is Ellipsis or not self.shape:
            return self._read(0, math.prod(self.shape)).reshape(self.shape)
        start, stop, _ = rows.indices(self.shape[0])
        row_size = math.prod(self.shape[1:])
        values = self._read(start * self._row_bytes, (stop - start) * row_size)
        return values.reshape(stop - start, *self.shape[1:])

    def _read(self, offset: int, count: int) -> NDArray[Any]:
        """Read `count` values from `offset` bytes after the header on."""
        if self._stream is None:
            self._stream = self._archive.open(self._member)
        self._stream.seek(self._header_bytes + offset)
        values = np.empty(count, self.dtype)
        buffer: Any = memoryview(values.view(np.uint8).data)
        filled = 0
        while filled < len(buffer):
            piece = self._stream.read(min(len(buffer) - filled, 2**20))
            if not piece:
                raise EOFError("the array ends too early")
            buffer[filled : filled + len(piece)] = piece
            filled += len(piece)
        return values
