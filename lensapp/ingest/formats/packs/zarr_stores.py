"""Zarr stores (version 2 and 3) on this machine, and the metadata table that Cutana writes beside one.

References
----------
Zarr specifications 2 and 3 (zarr-specs.readthedocs.io); ESA Cutana and images_to_zarr for the table.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput
from lensapp.ingest.formats.table_files import TableFile, read_table
from lensapp.ingest.gate.limits import MIB
from lensapp.ingest.refusals import Refused

METADATA = (".zarray", ".zgroup", "zarr.json")
SIDECARS = ("{stem}_metadata.parquet", "metadata.parquet")
LONGEST_METADATA = 16 * MIB
SAFE_CODECS = frozenset(
    {
        "adler32", "astype", "bitround", "blosc", "bytes", "bz2", "categorize", "crc32", "crc32c", "delta",
        "endian", "fixedscaleoffset", "fletcher32", "gzip", "lz4", "lzma", "packbits", "quantize",
        "sharding_indexed", "shuffle", "transpose", "vlen-array", "vlen-bytes", "vlen-utf8", "zlib", "zstd",
    }
)  # fmt: skip
"""Codecs that decode to numbers and texts; others, such as pickle, may run what a file says."""


def is_zarr(folder: Path | str) -> bool:
    """Return whether a folder is a Zarr store: an array or a group of arrays."""
    return any(os.path.exists(os.path.join(folder, name)) for name in METADATA)  # noqa: PTH110, PTH118 - fast


@dataclass(frozen=True)
class Holder:
    """A group or an array of a store with its attributes, and the group that holds it."""

    name: str
    attrs: Mapping[str, Any]
    parent: "Holder | None"


@dataclass(frozen=True)
class ZarrArray(Holder):
    """An array of a store, read by slices of its first axis."""

    array: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return tuple(self.array.shape)

    @property
    def dtype(self) -> Any:
        """The type of its values."""
        return self.array.dtype

    @property
    def chunks(self) -> tuple[int, ...]:
        """The shape of what is unpacked at once."""
        return tuple(self.array.chunks)

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        return np.asarray(self.array[rows])


def open_store(path: Path) -> tuple[dict[str, ZarrArray], int]:
    """Open a store for reading; return its arrays by name and the bytes of its files.

    Raises
    ------
    Refused
        When a file of it is a link out of the store, or a codec could run code.
    """
    import zarr

    file_bytes = _check_files(path)
    # What is consolidated may differ from the metadata that were checked.
    store = zarr.storage.LocalStore(path, read_only=True)
    consolidated = {} if (path / ".zarray").exists() else {"use_consolidated": False}
    root = zarr.open(store=store, mode="r", **consolidated)
    if isinstance(root, zarr.Array):
        return {"": ZarrArray("/", dict(root.attrs), None, root)}, file_bytes
    return dict(_arrays_of(root, "", None)), file_bytes


def _arrays_of(group: Any, prefix: str, parent: Holder | None) -> Iterator[tuple[str, ZarrArray]]:
    import zarr

    here = Holder(f"/{prefix}" if parent else "/", dict(group.attrs), parent)
    for name, member in sorted(group.members(), key=lambda item: item[0]):
        if isinstance(member, zarr.Array):
            yield prefix + name, ZarrArray(f"/{prefix}{name}", dict(member.attrs), here, member)
        else:
            yield from _arrays_of(member, f"{prefix}{name}/", here)


def _check_files(path: Path) -> int:
    """Return the bytes of all files of a store; refuse links out of it and codecs that are not known."""
    inside = str(path.resolve()) + os.sep
    total = 0
    for folder, folders, files in os.walk(path):
        for name in folders + files:
            item = Path(folder, name)
            if item.is_symlink() and not str(item.resolve()).startswith(inside):
                raise Refused("elsewhere", f"{item.relative_to(path)} is a link out of the store")
        for name in files:
            size = Path(folder, name).stat().st_size
            total += size
            if name in (".zarray", "zarr.json"):
                if size > LONGEST_METADATA:
                    raise Refused("too_large", f"its {name} has {size // MIB} MiB")
                for codec in _codecs(json.loads(Path(folder, name).read_text("utf-8"))):
                    if codec.removeprefix("numcodecs.") not in SAFE_CODECS:
                        raise Refused("unreadable", f"it is packed by {codec!r}, which is not read")
    return total


def _codecs(metadata: Any) -> Iterator[str]:
    """Yield the names of the codecs in the metadata of an array, those within others too."""
    if not isinstance(metadata, dict):
        return
    listed = [metadata.get("compressor"), *(metadata.get("filters") or ())]
    yield from (str(codec.get("id")) for codec in listed if isinstance(codec, dict))
    for key in ("codecs", "index_codecs"):
        for codec in metadata.get(key) or ():
            yield str(codec.get("name") if isinstance(codec, dict) else codec)
            yield from _codecs(codec.get("configuration") if isinstance(codec, dict) else None)


def sidecar_of(path: Path) -> Path | None:
    """Return the table beside a store that has a row for each of its images, None without one."""
    for pattern in SIDECARS:
        sidecar = path.with_name(pattern.format(stem=path.stem))
        if sidecar.is_file():
            return sidecar
    return None


def read_sidecar(path: Path) -> TableFile | None:
    """Read the table beside a store; None without one.

    Raises
    ------
    Refused
        When it cannot be read.
    """
    sidecar = sidecar_of(path)
    if sidecar is None:
        return None
    try:
        return read_table(sidecar)
    except InvalidInput as error:
        raise Refused("unreadable", f"its table {sidecar.name} cannot be read: {error}") from error
