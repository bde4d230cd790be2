"""Read arrays of HDF5, npy and npz files; pickled objects are never loaded."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.ingest.refusals import Refused, decoder_errors

Pixels = NDArray[np.float32]

PIXEL_KEYS = (
    "image_data",
    "images",
    "image",
    "cutouts",
    "cutout",
    "data",
    "pixels",
    "flux",
    "x",
    "img",
    "sci",
    "arr_0",
)
BAND_KEYS = ("filters", "bands", "filter", "band", "channels")
ID_KEYS = ("object_id", "ids", "id", "id_str", "names", "name", "candidate_id")
MAX_UNPACKED_BYTES = 2**31


class ArrayFile:
    """The named arrays of one HDF5, npy or npz file, opened once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._unpacked: dict[str, NDArray[Any]] = {}
        try:
            self._arrays = self._open()
        except decoder_errors() as error:
            raise Refused("unreadable", f"not a readable file of arrays: {_one_line(error)}") from error

    def _open(self) -> Any:
        if self.path.suffix.lower() in (".npy", ".npz"):
            loaded = np.load(self.path, mmap_mode="r", allow_pickle=False)
            return {"": loaded} if isinstance(loaded, np.ndarray) else loaded
        import h5py

        file = h5py.File(self.path, "r")
        found: dict[str, Any] = {}
        file.visititems(lambda name, item: _keep(found, name, item))
        self.file = file
        return found

    def keys(self) -> list[str]:
        """Return the names of the arrays."""
        return list(self._arrays)

    def pixel_key(self, wanted: str | None) -> str:
        """Return the array that holds the pixels: `wanted`, or the one with a usual name.

        Raises
        ------
        Refused
            "no_image" when there is none, "ambiguous" when several arrays could be it.
        """
        names = self.keys()
        if wanted is not None:
            if wanted not in names:
                raise Refused("no_image", f"holds no array {wanted}, only {', '.join(names[:8])}")
            return wanted
        if names == [""]:
            return ""
        short = {name.rsplit("/", 1)[-1].lower(): name for name in names}
        for key in PIXEL_KEYS:
            if key in short and len(self.shape(short[key])) >= 2:
                return short[key]
        shown = ", ".join(names[:8])
        raise Refused(
            "no_image", f"holds no array with a usual name for pixels, only {shown}; name one as key"
        )

    def shape(self, key: str) -> tuple[int, ...]:
        """Return the shape of one array."""
        return tuple(int(side) for side in self._array(key).shape)

    def pixels(self, key: str, index: int | None) -> Pixels:
        """Return one array, or its row `index`, as float32."""
        try:
            array = self._array(key)
            data = np.asarray(array[...] if index is None else array[index])
        except decoder_errors() as error:
            raise Refused(
                "unreadable", f"array {key or 'of the file'} is damaged: {_one_line(error)}"
            ) from error
        if data.dtype.kind not in "iufb":
            raise Refused("no_image", f"array {key or 'of the file'} holds {data.dtype}, not numbers")
        with np.errstate(all="ignore"):
            return data.astype(np.float32)

    def names(self, keys: Sequence[str], count: int | None = None) -> tuple[str, ...]:
        """Return the first array of `keys` with `count` words or integers, as texts; else nothing."""
        short = {name.rsplit("/", 1)[-1].lower(): name for name in self.keys()}
        for key in keys:
            if key in short:
                try:
                    values = np.asarray(self._array(short[key])[...])
                except decoder_errors():
                    continue
                if values.ndim == 1 and values.dtype.kind in "iuUSOb" and count in (None, len(values)):
                    return tuple(_text(value) for value in values.tolist())
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


def _keep(found: dict[str, Any], name: str, item: Any) -> None:
    if hasattr(item, "shape") and hasattr(item, "dtype"):
        found[name] = item


def _text(value: object) -> str:
    return value.decode("utf-8", "replace").strip() if isinstance(value, bytes) else str(value).strip()


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:160] or type(error).__name__


def open_arrays(path: Path) -> ArrayFile:
    """Open a file of arrays; the few opened last stay open, as stacks are read row by row."""
    opened = _open_packed if path.suffix.lower() == ".npz" else _open_mapped
    return opened(path, path.stat().st_mtime_ns)


def forget_mapped_arrays() -> None:
    """Close files of which the pages read so far count as this process's memory."""
    _open_mapped.cache_clear()


@lru_cache(maxsize=2)
def _open_mapped(path: Path, _changed: int) -> ArrayFile:
    return ArrayFile(path)


@lru_cache(maxsize=1)
def _open_packed(path: Path, _changed: int) -> ArrayFile:
    return ArrayFile(path)
