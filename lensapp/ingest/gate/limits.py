"""What a file of others may cost: bytes, pixels, columns, seconds and memory, all in this one place.

Each limit can be changed by an environment variable: `pixels` by `LENSAPP_LIMIT_PIXELS`, and so on.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import Any

from lensapp.core.errors import InvalidInput
from lensapp.ingest.refusals import Refused

PREFIX = "LENSAPP_LIMIT_"
MIB = 2**20


def _limit(default: int, meaning: str) -> Any:
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True)
class Limits:
    """How much one file may ask for; the text of each says of what."""

    pixels: int = _limit(2**24, "pixels of one plane of a cutout (4096 × 4096)")
    planes: int = _limit(256, "planes of one cutout")
    unpacked_mib: int = _limit(
        128, "MiB that a packed file (gzip, bzip2, compress, npz, HDF5 chunk) unpacks to"
    )
    unpacked_ratio: int = _limit(8, "times its own size that a packed file may unpack to, where that is more")
    columns: int = _limit(4096, "columns of a table")
    cells: int = _limit(200_000_000, "cells of a table, rows times columns")
    hdus: int = _limit(4096, "HDUs of one FITS file")
    memory_mib: int = _limit(384, "MiB of memory of a process that reads")
    memory_ratio: int = _limit(24, "bytes of memory more for each byte of the file that is read")
    seconds: int = _limit(4, "processor-seconds for one candidate or table, and one more for each MiB of it")
    wait_seconds: int = _limit(120, "seconds by the clock for the same, on a slow disk too")

    def unpacked_bytes(self, packed_bytes: int) -> int:
        """Return how many bytes a packed file of a size may unpack to."""
        return max(self.unpacked_mib * MIB, self.unpacked_ratio * packed_bytes)

    def memory_bytes(self, file_bytes: int) -> int:
        """Return how much memory a process may take that reads a file of a size."""
        return self.memory_mib * MIB + self.memory_ratio * file_bytes

    def processor_seconds(self, file_bytes: int) -> float:
        """Return how long a processor may be busy with a file of a size."""
        return self.seconds + file_bytes / MIB


@lru_cache(maxsize=1)
def limits() -> Limits:
    """Return the limits of this process, as its environment sets them.

    Raises
    ------
    InvalidInput
        When an environment variable is no whole number above zero.
    """
    values = {}
    for item in fields(Limits):
        name = PREFIX + item.name.upper()
        text = os.environ.get(name, "").strip()
        if text and not (text.isdecimal() and int(text) > 0):
            raise InvalidInput(f"{name} is {text!r}, no whole number above zero. Correct or unset it.")
        if text:
            values[item.name] = int(text)
    return Limits(**values)


def variable(name: str) -> str:
    """Return the environment variable of a limit, for a message that says how to raise it."""
    return PREFIX + name.upper()


def refuse_large(shape: Sequence[int]) -> None:
    """Refuse an array too large for one cutout, before a pixel of it is decoded.

    Its two longest axes are taken for those of a plane.
    """
    allowed = limits()
    *others, height, width = sorted((1, 1, *map(int, shape)))
    if height * width > allowed.pixels:
        raise Refused(
            "too_large",
            f"it claims planes of {width} × {height} pixels, more than {allowed.pixels} for a cutout; cut "
            f"out smaller images, or raise {variable('pixels')}",
        )
    if math.prod(others) > allowed.planes:
        raise Refused(
            "too_large",
            f"it claims {math.prod(others)} planes for one cutout, more than {allowed.planes}; name the "
            f"bands, or raise {variable('planes')}",
        )


def refuse_wide(columns: int, rows: int = 0) -> None:
    """Refuse a table of more columns or cells than a catalogue has."""
    allowed = limits()
    if columns > allowed.columns:
        raise Refused(
            "too_large",
            f"it has {columns} columns, more than {allowed.columns}; leave some out, or raise "
            f"{variable('columns')}",
        )
    if columns * rows > allowed.cells:
        raise Refused(
            "too_large",
            f"it claims {rows} rows of {columns} columns, more than {allowed.cells} cells; leave some out, "
            f"or raise {variable('cells')}",
        )


def too_much_unpacked(limit: int) -> Refused:
    """Return the refusal of a packed file that unpacks to more than `limit` bytes."""
    return Refused(
        "too_large",
        f"it unpacks to more than {limit // MIB} MiB; unpack it first, or raise {variable('unpacked_mib')}",
    )
