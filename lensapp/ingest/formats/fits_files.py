"""Open a FITS file, plain or compressed: the fast reader first, astropy for what it refuses."""

import io
import math
import os
import warnings
from abc import ABC, abstractmethod
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lensapp.ingest.formats.fits_plain import (
    Buffer,
    Cards,
    NotPlain,
    PlainHdu,
    Value,
    drop_degenerate,
    parse_plain,
)
from lensapp.ingest.formats.fits_structure import check_structure
from lensapp.ingest.formats.packed import unpack
from lensapp.ingest.gate.guards import allow, reading, regular_size
from lensapp.ingest.gate.limits import refuse_large
from lensapp.ingest.refusals import decoder_errors

MAPPED_FROM_BYTES = 16 * 2**20
Pixels = NDArray[np.float32]


class Header(Protocol):
    """What the import asks of a FITS header."""

    def get(self, keyword: str) -> Value:
        """Return the value of `keyword` or None."""

    def comment(self, keyword: str) -> str:
        """Return what is written behind the value of `keyword`, or an empty text."""

    def has_any(self, keywords: frozenset[str]) -> bool:
        """Return whether one of `keywords` is there."""


class FitsFile(ABC):
    """An open FITS file."""

    _hdus: Any

    def __len__(self) -> int:
        return len(self._hdus)

    def name(self, index: int) -> str:
        """Return EXTNAME, or an empty text."""
        return str(self.header(index).get("EXTNAME") or "").strip()

    @abstractmethod
    def shape(self, index: int) -> tuple[int, ...] | None:
        """Return the NumPy shape of an image with pixels; None for any other HDU."""

    @abstractmethod
    def kind(self, index: int) -> str:
        """Say in words what an HDU is."""

    @abstractmethod
    def header(self, index: int) -> Header:
        """Return the header of an HDU."""

    @abstractmethod
    def pixels(self, index: int, row: int | None = None) -> Pixels:
        """Return the scaled pixels of an image, or of one row of its first axis."""


class PlainFits(FitsFile):
    """A FITS file that keeps to the standard, read without any other library."""

    def __init__(self, data: Buffer) -> None:
        self._data = data
        self._hdus: list[PlainHdu] = parse_plain(data)

    def shape(self, index: int) -> tuple[int, ...] | None:
        """Return the NumPy shape of an image with pixels."""
        shape = self._hdus[index].shape
        return shape if math.prod(shape) else None

    def kind(self, index: int) -> str:
        """Say in words what an HDU is."""
        shape = self._hdus[index].shape
        return "an empty header" if shape == (0,) else f"an image of {_sides(shape)} pixels"

    def header(self, index: int) -> Cards:
        """Return the header of an HDU."""
        return self._hdus[index].cards

    def pixels(self, index: int, row: int | None = None) -> Pixels:
        """Return the scaled pixels of an image, or of one row of its first axis."""
        return self._hdus[index].pixels(self._data, row)


class LenientHeader:
    """An astropy header whose broken cards read as None."""

    def __init__(self, header: Any) -> None:
        self.astropy = header

    def get(self, keyword: str) -> Value:
        """Return the value of `keyword` or None."""
        try:
            value = self.astropy.get(keyword)
        except decoder_errors():
            return None
        return value if isinstance(value, str | int | float | bool) else None

    def comment(self, keyword: str) -> str:
        """Return what is written behind the value of `keyword`, or an empty text."""
        try:
            return str(self.astropy.comments[keyword])
        except decoder_errors():
            return ""

    def has_any(self, keywords: frozenset[str]) -> bool:
        """Return whether one of `keywords` is there."""
        return any(keyword in self.astropy for keyword in keywords)


class LenientFits(FitsFile):
    """A FITS file that astropy reads: compressed images, odd headers, scaled integers."""

    def __init__(self, data: Buffer) -> None:
        from astropy.io import fits
        from astropy.io.fits.verify import VerifyWarning

        check_structure(data)
        with warnings.catch_warnings():
            # Truncated data must not be padded; bad cards that astropy can mend may pass.
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", VerifyWarning)
            warnings.filterwarnings("ignore", message=".*non-ASCII|.*not a standard|.*null bytes.*")
            # All data are there, as was just checked: only the fill after them is absent, or more follows.
            warnings.filterwarnings("ignore", message="File may have been truncated|Unexpected extra padding")
            self._hdus = fits.open(io.BytesIO(data), memmap=False, lazy_load_hdus=False)

    def shape(self, index: int) -> tuple[int, ...] | None:
        """Return the NumPy shape of an image with pixels."""
        hdu = self._hdus[index]
        if not getattr(hdu, "is_image", False) or type(hdu).__name__ == "GroupsHDU":
            return None
        shape = tuple(int(side) for side in hdu.shape)
        return drop_degenerate(shape) if math.prod(shape) and shape else None

    def kind(self, index: int) -> str:
        """Say in words what an HDU is."""
        hdu = self._hdus[index]
        name = type(hdu).__name__
        if name == "GroupsHDU":
            return "random groups (visibilities)"
        if "Table" in name:
            return "a table"
        if not getattr(hdu, "is_image", False):
            return "an HDU outside the standard"
        return f"an image of {_sides(hdu.shape)} pixels" if hdu.shape else "an empty header"

    def header(self, index: int) -> LenientHeader:
        """Return the header of an HDU."""
        return LenientHeader(self._hdus[index].header)

    def pixels(self, index: int, row: int | None = None) -> Pixels:
        """Return the scaled pixels of an image, or of one row of its first axis."""
        hdu = self._hdus[index]
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error")
            data = np.asarray(hdu.data)
            if data.shape != tuple(hdu.shape) or data.dtype.kind not in "iuf":
                raise ValueError(f"{data.dtype} data of shape {data.shape}")
            data = data.reshape(drop_degenerate(data.shape))
            return (data if row is None else data[row]).astype(np.float32)


def open_fits(path: Path | str) -> FitsFile:
    """Open the FITS file at `path`, compressed by gzip, bzip2 or compress or not at all."""
    with reading("not a readable FITS file"):
        data = load_bytes(path)
        try:
            return PlainFits(data)
        except NotPlain:
            return LenientFits(data)


def read_pixels(file: FitsFile, index: int, *, row: int | None = None) -> Pixels:
    """Return the pixels of HDU `index`, or refuse them when they cannot be decoded."""
    with reading(f"pixels of HDU {index} are damaged"):
        shape = file.shape(index) or ()
        refuse_large(shape if row is None else shape[1:])
        return file.pixels(index, row)


def load_bytes(path: Path | str) -> Buffer:
    """Return the content of a regular file, unpacked where it is packed; large files are mapped."""
    # Half the time of Path.open; and opening a pipe must not wait for someone to write to it.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        size = regular_size(os.fstat(descriptor))
        mapped = size > MAPPED_FROM_BYTES
        data: Buffer = mmap(descriptor, 0, access=ACCESS_READ) if mapped else os.read(descriptor, size)
    finally:
        os.close(descriptor)
    if mapped:
        allow(size)
    return unpack(data)


def _sides(shape: tuple[int, ...]) -> str:
    """Return a NumPy shape as "width × height × planes"."""
    return " × ".join(str(side) for side in reversed(shape))


def number(header: Header, keyword: str) -> float | None:
    """Return a finite number of a header, or None."""
    value = header.get(keyword)
    if value is None or isinstance(value, bool | str) or not math.isfinite(value):
        return None
    return float(value)
