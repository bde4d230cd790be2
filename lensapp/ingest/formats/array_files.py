"""Read arrays of HDF5, npy and npz files and of Zarr stores; pickled objects are never loaded."""

import math
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lensapp.ingest.formats.hdf5_links import local_datasets, refuse_elsewhere
from lensapp.ingest.formats.packs.blocks import RowBlocks
from lensapp.ingest.formats.packs.npz_members import NpzMember
from lensapp.ingest.formats.packs.zarr_stores import ZarrArray, open_store, read_sidecar
from lensapp.ingest.formats.table_files import TableFile
from lensapp.ingest.gate.guards import check_regular, reading
from lensapp.ingest.gate.limits import limits, refuse_large, refuse_wide, too_much_unpacked
from lensapp.ingest.refusals import Refused

Pixels = NDArray[np.float32]

PIXEL_KEYS = (
    "image_data", "images", "image", "cutouts", "cutout", "data", "pixels", "flux", "x", "img", "sci",
    "arr_0",
)  # fmt: skip
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
BAND_KEYS = ("filters", "bands", "filter", "band", "channels")
ID_KEYS = ("object_id", "ids", "id", "id_str", "names", "name", "candidate_id", "source_id", "sourceid")
UNIT_ATTRIBUTES = ("unit", "units", "bunit")
ZERO_POINTS = ("zero_point", "zero_points", "zeropoint", "zero_point_mag", "magzero", "zp")
PIXEL_SCALES = ("pixel_scale_arcsec", "pixel_scale", "pixscale", "pixel_scale_arcsec_per_pixel")


class PackedArray(NamedTuple):
    """What the header of an array in an npz file says, and whether its rows lie one after another."""

    shape: tuple[int, ...]
    dtype: Any
    in_rows: bool
    member: zipfile.ZipInfo


class ArrayFile:
    """The named arrays of one HDF5, npy or npz file or Zarr store, opened once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        is_store = path.is_dir()
        self._bytes = 0 if is_store else check_regular(path)
        self._unpacked: dict[str, NDArray[Any] | NpzMember] = {}
        self._blocks: dict[str, RowBlocks] = {}
        self._beside: TableFile | None = None
        self._elsewhere: dict[str, str] = {}
        self._stated: dict[tuple[str, tuple[str, ...]], NDArray[Any] | None] = {}
        self._arrays: Any = {}
        with reading("not a readable file of arrays", file_bytes=self._bytes):
            if is_store:
                self._arrays, self._bytes = open_store(path)
                self._beside = read_sidecar(path)
            elif path.suffix.lower() in (".npy", ".npz"):
                loaded = np.load(path, mmap_mode="r", allow_pickle=False)
                self._arrays = {"": loaded} if isinstance(loaded, np.ndarray) else loaded
            else:
                import h5py

                self._file = h5py.File(path, "r")
                self._arrays, self._elsewhere = local_datasets(self._file)

    def _by_short_name(self) -> dict[str, str]:
        """Return the full name of each array by the last part of it, in lower case."""
        return {name.rsplit("/", 1)[-1].lower(): name for name in self._arrays}

    def pixel_key(self, key: str | None) -> str:
        """Return the array that holds the pixels: `key`, or the one with a usual name; else refuse."""
        names = list(self._arrays)
        listed = ", ".join(names[:8])
        if self._elsewhere and (key in self._elsewhere or (key is None and not names)):
            name = key or next(iter(self._elsewhere))
            raise Refused("elsewhere", f"array {name} is a link to {self._elsewhere[name]}, another file")
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
        with reading(f"array {key or 'of the file'} is damaged", file_bytes=self._bytes):
            return tuple(int(side) for side in self._array(key).shape)

    def is_eight_bit(self, key: str) -> bool:
        """Return whether the values of an array have 8 bits, as those of a picture for the eye."""
        with reading(f"array {key or 'of the file'} is damaged", file_bytes=self._bytes):
            return bool(self._array(key).dtype == np.uint8)

    def pixels(self, key: str, index: int | None) -> Pixels:
        """Return one array, or its row `index`, as float32."""
        name = key or "of the file"
        with reading(f"array {name} is damaged", file_bytes=self._bytes):
            array = self._array(key)
            refuse_large(array.shape if index is None else array.shape[1:])
            data = np.asarray(array[...] if index is None else self._row(key, array, index))
        if data.dtype.kind not in "iufb":
            raise Refused("no_image", f"array {name} holds {data.dtype}, not numbers")
        with np.errstate(all="ignore"):
            return data.astype(np.float32)

    def _row(self, key: str, array: Any, index: int) -> NDArray[Any]:
        """Return one row, of the block of chunks that holds it where the array is stored in chunks."""
        if not getattr(array, "chunks", None):
            row: NDArray[Any] = array[index]
            return row
        if key not in self._blocks:
            self._blocks[key] = RowBlocks(array)
        return self._blocks[key].row(index)

    def bands(self) -> tuple[str, ...]:
        """Return the names of the bands: an array of them, or an attribute."""
        if listed := self.names(BAND_KEYS):
            return listed
        is_packed = isinstance(self._arrays, np.lib.npyio.NpzFile)
        for key, word in product(() if is_packed else self._arrays, BAND_KEYS):
            stated = _attribute(self._arrays[key], (word,))
            if stated is not None and np.ndim(stated) == 1:
                return tuple(str(_decoded(name)) for name in np.asarray(stated).tolist())
        return ()

    def names(self, keys: Sequence[str], count: int | None = None) -> tuple[str, ...]:
        """Return the first array of `keys` with `count` words or integers, as texts; else nothing.

        Of a Zarr store a column of the table beside it counts, too.
        """
        short = self._by_short_name()
        beside = {} if self._beside is None else {name.lower(): name for name in self._beside.columns}
        for key in keys:
            if self._beside is not None and key in beside and count in (None, len(self._beside)):
                cells = self._beside.columns[beside[key]]
                if all(isinstance(cell, str | int) for cell in cells):
                    return tuple(str(cell).strip() for cell in cells)
            if key in short:
                with suppress(Refused), reading("its names are damaged", file_bytes=self._bytes):
                    array = self._array(short[key])
                    refuse_wide(1, array.size)
                    values = np.asarray(array[...])
                if values.ndim == 1 and values.dtype.kind in "iuUSObT" and count in (None, len(values)):
                    texts = [
                        v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in values.tolist()
                    ]
                    return tuple(str(text).strip() for text in texts)
        return ()

    def stated(self, key: str, names: tuple[str, ...]) -> NDArray[Any] | None:
        """Return what the file states of the array `key` under one of `names`, None where it states nothing.

        That is an attribute of the array, of a group that holds it or of the file (HDF5), or an array of that
        name beside it (HDF5, npz).
        """
        asked = (key, names)
        if asked not in self._stated:
            self._stated[asked] = self._find_stated(key, names)
        return self._stated[asked]

    def _find_stated(self, key: str, names: tuple[str, ...]) -> NDArray[Any] | None:
        short = {name: full for name, full in self._by_short_name().items() if full != key}
        found = next((short[name] for name in names if name in short), None)
        with reading("what it states of its unit is damaged", file_bytes=self._bytes):
            is_packed = isinstance(self._arrays, np.lib.npyio.NpzFile)
            stated = None if is_packed else _attribute(self._arrays[key], names)
            if stated is not None:
                return np.asarray(stated)
            beside = {} if self._beside is None else {name.lower(): name for name in self._beside.columns}
            if self._beside is not None and (name := next(filter(beside.__contains__, names), None)):
                return np.asarray(self._beside.columns[beside[name]])
            if found is None:
                return None
            array = self._array(found)
            refuse_wide(1, math.prod(array.shape))
            return np.asarray(array[...])

    def columns(self, count: int, pixel_key: str) -> tuple[dict[str, list[Any]], dict[str, str], list[str]]:
        """Return what the file says of each of its `count` cutouts: arrays of one value per cutout.

        The fields of a compound array are columns too. Arrays of pixels, and of the names of bands, are none.

        Returns
        -------
        columns, units
            Values, each list of length `count`, and declared units by name.
        unread
            Names of arrays that could not be read.
        """
        columns: dict[str, list[Any]] = {}
        units: dict[str, str] = {}
        unread: list[str] = []
        if self._beside is not None and len(self._beside) == count:
            columns |= self._beside.columns
            units |= self._beside.units
        elif self._beside is not None:
            unread.append(f"of the table beside it, which has {len(self._beside)} rows for {count} cutouts")
        for name in self._arrays:
            short = name.rsplit("/", 1)[-1]
            if name == pixel_key or short.lower() in BAND_KEYS:
                continue
            try:
                with reading(f"array {name} is damaged", file_bytes=self._bytes):
                    is_packed = isinstance(self._arrays, np.lib.npyio.NpzFile)
                    shape = self._check_packed(name).shape if is_packed else self._arrays[name].shape
                    if shape not in ((count,), (count, 1)):
                        continue
                    array = self._array(name)
                    refuse_wide(len(columns) + len(array.dtype.names or (name,)), count)
                    values = np.asarray(array[...]).reshape(count)
                    unit = _unit_of(array)
            except Refused:
                unread.append(name)
                continue
            for field in values.dtype.names or ("",):
                cells = values[field] if field else values
                if cells.ndim == 1 and cells.dtype.kind in "biufSUOT":
                    column = field or short
                    column = column if column not in columns else f"{name}/{field}".strip("/")
                    columns[column] = [_decoded(cell) for cell in cells.tolist()]
                    if unit and not field:
                        units[column] = unit
        return columns, units, unread

    def _array(self, key: str) -> Any:
        if not isinstance(self._arrays, np.lib.npyio.NpzFile):
            array = self._arrays[key]
            if not isinstance(array, np.ndarray):
                if not isinstance(array, ZarrArray):
                    refuse_elsewhere(array, self._path.parent)
                self._refuse_unpacked(array.dtype.itemsize * math.prod(array.chunks or ()))
            return array
        if key not in self._unpacked:
            shape, dtype, in_rows, member = self._check_packed(key)
            archive: Any = self._arrays.zip
            by_rows = in_rows and len(shape) > 1 and math.prod(shape) > 0
            self._unpacked[key] = (
                NpzMember(archive, member, shape=shape, dtype=dtype) if by_rows else self._arrays[key]
            )
        return self._unpacked[key]

    def _check_packed(self, key: str) -> PackedArray:
        """Return the shape of an array of an npz file; refuse one not of the size that the file says."""
        archive = self._arrays.zip
        members = [info for info in archive.infolist() if info.filename in (key, f"{key}.npy")]
        if len(members) != 1:
            raise Refused("unreadable", f"array {key} is there {len(members)} times")
        (member,) = members
        if member.compress_type == zipfile.ZIP_STORED and member.file_size > self._bytes:
            raise Refused("unreadable", f"array {key} claims more bytes than the file has")
        if member.compress_type != zipfile.ZIP_STORED:
            self._refuse_unpacked(member.file_size)
        with archive.open(member) as stream:
            version = np.lib.format.read_magic(stream)
            read_header = HEADERS.get(version)
            if read_header is None:
                raise Refused("unreadable", f"array {key} is of the unknown npy version {version}")
            shape, columns_first, dtype = read_header(stream)
            if dtype.hasobject:
                raise Refused("unreadable", f"array {key} holds pickled objects, which are never loaded")
            claimed = dtype.itemsize * math.prod(shape)
            if claimed != member.file_size - stream.tell():
                raise Refused("unreadable", f"array {key} claims {claimed} bytes, which are not there")
        return PackedArray(tuple(shape), dtype, not columns_first, member)

    def _refuse_unpacked(self, size: int) -> None:
        if size > (limit := limits().unpacked_bytes(self._bytes)):
            raise too_much_unpacked(limit)


def _decoded(cell: Any) -> Any:
    return cell.decode("utf-8", "replace").strip() if isinstance(cell, bytes) else cell


def _attribute(holder: Any, names: Sequence[str]) -> Any:
    """Return the first attribute of `names` of an array, a group that holds it or the file; else None."""
    while getattr(holder, "attrs", None) is not None:
        attributes = {name.lower(): name for name in holder.attrs}
        if name := next((attributes[name] for name in names if name in attributes), None):
            return holder.attrs[name]
        holder = holder.parent if holder.name != "/" else None
    return None


def _unit_of(array: Any) -> str | None:
    """Return the unit that the attributes of an HDF5 dataset declare."""
    attributes = {name.lower(): value for name, value in getattr(array, "attrs", {}).items()}
    unit = next((attributes[name] for name in UNIT_ATTRIBUTES if name in attributes), None)
    return None if unit is None else str(_decoded(np.asarray(unit).reshape(-1)[0])).strip() or None


def open_arrays(path: Path) -> ArrayFile:
    """Open a file of arrays; the few opened last stay open, as stacks are read row by row."""
    if not path.is_dir():
        check_regular(path)
    opened = _open_mapped if path.suffix.lower() == ".npy" else _open_packed
    return opened(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _open_mapped(path: Path, _changed: int) -> ArrayFile:
    return ArrayFile(path)


@lru_cache(maxsize=2)
def _open_packed(path: Path, _changed: int) -> ArrayFile:
    return ArrayFile(path)


def forget_mapped_arrays() -> None:
    """Close files of which the pages read so far count as this process's memory."""
    _open_mapped.cache_clear()
