"""Read arrays of HDF5, npy and npz files; pickled objects are never loaded."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.ingest.refusals import Refused, decoder_errors, one_line

Pixels = NDArray[np.float32]

PIXEL_KEYS = (
    "image_data", "images", "image", "cutouts", "cutout", "data", "pixels", "flux", "x", "img", "sci",
    "arr_0",
)  # fmt: skip
BAND_KEYS = ("filters", "bands", "filter", "band", "channels")
ID_KEYS = ("object_id", "ids", "id", "id_str", "names", "name", "candidate_id")
MAX_UNPACKED_BYTES = 2**31


class ArrayFile:
    """The named arrays of one HDF5, npy or npz file, opened once."""

    def __init__(self, path: Path) -> None:
        self._unpacked: dict[str, NDArray[Any]] = {}
        self._arrays: Any = {}
        try:
            if path.suffix.lower() in (".npy", ".npz"):
                loaded = np.load(path, mmap_mode="r", allow_pickle=False)
                self._arrays = {"": loaded} if isinstance(loaded, np.ndarray) else loaded
            else:
                import h5py

                self._file = h5py.File(path, "r")
                self._file.visititems(
                    lambda name, item: (
                        self._arrays.update({name: item}) if isinstance(item, h5py.Dataset) else None
                    )
                )
        except decoder_errors() as error:
            raise Refused("unreadable", f"not a readable file of arrays: {one_line(error)}") from error

    def _by_short_name(self) -> dict[str, str]:
        """Return the full name of each array by the last part of it, in lower case."""
        return {name.rsplit("/", 1)[-1].lower(): name for name in self._arrays}

    def pixel_key(self, key: str | None) -> str:
        """Return the array that holds the pixels: `key`, or the one with a usual name; else refuse."""
        names = list(self._arrays)
        listed = ", ".join(names[:8])
        if key is not None:
            if key not in names:
                raise Refused("no_image", f"holds no array {key}, only {listed}")
            return key
        if names == [""]:
            return ""
        short = self._by_short_name()
        for usual in PIXEL_KEYS:
            if usual in short and len(self.shape(short[usual])) >= 2:
                return short[usual]
        raise Refused(
            "no_image", f"holds no array with a usual name for pixels, only {listed}; name one as key"
        )

    def shape(self, key: str) -> tuple[int, ...]:
        """Return the shape of one array."""
        return tuple(int(side) for side in self._array(key).shape)

    def pixels(self, key: str, index: int | None) -> Pixels:
        """Return one array, or its row `index`, as float32."""
        name = key or "of the file"
        try:
            array = self._array(key)
            data = np.asarray(array[...] if index is None else array[index])
        except decoder_errors() as error:
            raise Refused("unreadable", f"array {name} is damaged: {one_line(error)}") from error
        if data.dtype.kind not in "iufb":
            raise Refused("no_image", f"array {name} holds {data.dtype}, not numbers")
        with np.errstate(all="ignore"):
            return data.astype(np.float32)

    def names(self, keys: Sequence[str], count: int | None = None) -> tuple[str, ...]:
        """Return the first array of `keys` with `count` words or integers, as texts; else nothing."""
        short = self._by_short_name()
        for key in keys:
            if key in short:
                try:
                    values = np.asarray(self._array(short[key])[...])
                except decoder_errors():
                    continue
                if values.ndim == 1 and values.dtype.kind in "iuUSOb" and count in (None, len(values)):
                    texts = [
                        v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in values.tolist()
                    ]
                    return tuple(str(text).strip() for text in texts)
        return ()

    def _array(self, key: str) -> Any:
        if not isinstance(self._arrays, np.lib.npyio.NpzFile):
            return self._arrays[key]
        if key not in self._unpacked:
            size = self._arrays.zip.getinfo(f"{key}.npy").file_size if self._arrays.zip else 0
            if size > MAX_UNPACKED_BYTES:
                raise Refused("unreadable", f"array {key} unpacks to {size} bytes; save it as npy instead")
            self._unpacked[key] = self._arrays[key]
        return self._unpacked[key]


def open_arrays(path: Path) -> ArrayFile:
    """Open a file of arrays; the few opened last stay open, as stacks are read row by row."""
    opened = _open_packed if path.suffix.lower() == ".npz" else _open_mapped
    return opened(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _open_mapped(path: Path, _changed: int) -> ArrayFile:
    return ArrayFile(path)


@lru_cache(maxsize=1)
def _open_packed(path: Path, _changed: int) -> ArrayFile:
    return ArrayFile(path)


def forget_mapped_arrays() -> None:
    """Close files of which the pages read so far count as this process's memory."""
    _open_mapped.cache_clear()
