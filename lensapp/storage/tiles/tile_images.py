"""Open the images of a survey's tiles and cut squares out of them."""

from collections import OrderedDict
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from lensapp.core.config import Spec
from lensapp.core.data.flux_units import linear_from_asinh
from lensapp.core.errors import StorageError
from lensapp.storage.files import DAMAGED
from lensapp.storage.tiles.resampling import Affine, resample

Pixels = NDArray[np.float32]
Whole = NDArray[Any]

HELD_BYTES = 512 * 2**20  # of images that were unpacked whole
OPEN_FILES = 64
WHOLE_FROM = 0.25  # of a compressed tile: from this share on it is unpacked at once


class Tile(Spec):
    """One image of a survey's tiles: where it is and what its pixels are."""

    path: str = Field(min_length=1, description="The FITS file.")
    hdu: int = Field(0, ge=0, description="Number of the HDU.")
    height: int = Field(ge=1, description="Height in pixels.")
    width: int = Field(ge=1, description="Width in pixels.")
    file_bytes: int = Field(ge=0, description="Size of the file when it was registered.")
    softening: float | None = Field(None, description="BSOFTEN of pixels stored as asinh of the flux.")
    offset: float = Field(0.0, description="BOFFSET of such pixels.")


@dataclass
class TileImages:
    """The tiles of a source, opened when they are asked for; the last ones stay open.

    Plain images are mapped. Of compressed ones (`.fz`) the blocks that are needed are unpacked, or all where
    many cutouts are read at once; packed files (`.gz`) are unpacked whole. What is held of those stays below
    512 MiB.
    """

    tiles: tuple[Tile, ...]
    _open: "OrderedDict[int, Any]" = field(default_factory=OrderedDict, init=False, repr=False)
    _whole: "OrderedDict[int, Whole]" = field(default_factory=OrderedDict, init=False, repr=False)
    _lock: Any = field(default_factory=Lock, init=False, repr=False)

    def __reduce__(self) -> tuple[type["TileImages"], tuple[tuple[Tile, ...]]]:
        """Give another process the tiles alone: open files stay here."""
        return TileImages, (self.tiles,)

    def cut(
        self,
        number: int,
        *,
        left: NDArray[np.int32],
        bottom: NDArray[np.int32],
        out: Pixels,
        rows: NDArray[np.int64],
        affines: NDArray[np.float64] | None = None,
    ) -> None:
        """Cut squares out of one tile.

        Parameters
        ----------
        number
            Which tile.
        left, bottom : shape (n,)
            The pixel of the tile, counted from 0, at the lower left corner of each square.
        out : shape (rows, size, size)
            Whose `rows`, shape (n,), are filled with the pixels, y upwards; NaN beyond the edge of the tile.
        affines : shape (n, 6), optional
            Where squares on another grid lie, instead of `left` and `bottom`; see `Affine`.

        Raises
        ------
        StorageError
            When the tile is gone, was changed or cannot be read.
        """
        tile = self.tiles[number]
        try:
            with self._lock:
                pixels = self._pixels(number, wanted=len(rows) * out.shape[-1] ** 2)
            # A file that is read piece by piece has one place where it is read.
            with nullcontext() if isinstance(pixels, np.ndarray) else self._lock:
                if affines is None:
                    _squares(pixels, tile, left=left.tolist(), bottom=bottom.tolist(), out=out, rows=rows)
                else:
                    for row, affine in zip(rows.tolist(), affines.tolist(), strict=True):
                        _resampled(pixels, tile, Affine(*affine), out[row])
        except DAMAGED as error:
            raise StorageError(
                f"The tile {tile.path} cannot be read ({error}). Put it back as it was, or import again."
            ) from error

    def _pixels(self, number: int, *, wanted: int) -> Any:
        """Return what can be sliced [y, x] and gives scaled pixels."""
        tile = self.tiles[number]
        if number in self._whole:
            self._whole.move_to_end(number)
            return self._whole[number]
        if number not in self._open:
            self._open[number] = _opened(tile)
            if len(self._open) > OPEN_FILES:
                self._open.popitem(last=False)
        self._open.move_to_end(number)
        source = self._open[number]
        compressed = not isinstance(source, np.ndarray)
        if compressed and (source.packed or wanted > WHOLE_FROM * tile.height * tile.width):
            whole = source.whole()
            self._whole[number] = whole
            while len(self._whole) > 1 and sum(one.nbytes for one in self._whole.values()) > HELD_BYTES:
                self._whole.popitem(last=False)
            return whole
        return source


@dataclass(frozen=True)
class _Compressed:
    """An image whose pixels are decoded as they are asked for: compressed, scaled or packed."""

    tile: Tile
    packed: bool
    hdus: Any

    def __getitem__(self, key: tuple[slice, slice]) -> Whole:
        return np.asarray(self.hdus[self.tile.hdu].section[(*self._degenerate, *key)])

    @property
    def _degenerate(self) -> tuple[int, ...]:
        return (0,) * (len(self.hdus[self.tile.hdu].shape) - 2)

    def whole(self) -> Whole:
        from astropy.io import fits

        # Opened anew: an HDU keeps what it has once unpacked.
        with fits.open(self.tile.path, memmap=False) as hdus:
            return np.ascontiguousarray(hdus[self.tile.hdu].data[self._degenerate], np.float32)


def _opened(tile: Tile) -> Any:
    from astropy.io import fits

    path = Path(tile.path)
    if not path.is_file():
        raise StorageError(
            f"The tile {tile.path} is gone: its source keeps no pixels of its own. Put it back, or import "
            "again."
        )
    if path.stat().st_size != tile.file_bytes:
        raise StorageError(f"The tile {tile.path} has changed since its source was made. Import again.")
    with path.open("rb") as file:
        packed = file.read(2) in (b"\x1f\x8b", b"BZ")
    hdus = fits.open(tile.path, memmap=True, lazy_load_hdus=True)
    hdu = hdus[tile.hdu]
    plain = not packed and not isinstance(hdu, fits.CompImageHDU)
    header = hdu.header
    scaled = header.get("BSCALE", 1) != 1 or header.get("BZERO", 0) != 0 or "BLANK" in header
    if plain and not scaled and hdu.section.shape[-2:] == (tile.height, tile.width):
        place = hdu.fileinfo()["datLoc"]
        dtype = np.dtype({8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}[header["BITPIX"]])
        hdus.close()
        return np.memmap(tile.path, dtype, "r", place, (tile.height, tile.width)).view(np.ndarray)
    return _Compressed(tile, packed, hdus)


def _squares(
    pixels: Any, tile: Tile, *, left: list[int], bottom: list[int], out: Pixels, rows: NDArray[np.int64]
) -> None:
    size = out.shape[-1]
    height, width = tile.height, tile.width
    last_x, last_y = width - size, height - size
    for row, x, y in zip(rows.tolist(), left, bottom, strict=True):
        if 0 <= x <= last_x and 0 <= y <= last_y:
            out[row] = pixels[y : y + size, x : x + size]
            continue
        square = out[row]
        square[...] = np.nan
        y0, y1, x0, x1 = max(y, 0), min(y + size, height), max(x, 0), min(x + size, width)
        if y0 < y1 and x0 < x1:
            square[y0 - y : y1 - y, x0 - x : x1 - x] = pixels[y0:y1, x0:x1]
    if tile.softening is not None:
        out[rows] = linear_from_asinh(out[rows], softening=tile.softening, offset=tile.offset)


def _resampled(pixels: Any, tile: Tile, affine: Affine, out: Pixels) -> None:
    bottom, top, left, right = affine.box(len(out), (tile.height, tile.width))
    if bottom >= top or left >= right:
        out[...] = np.nan
        return
    section = np.asarray(pixels[bottom:top, left:right], np.float32)
    if tile.softening is not None:
        section = linear_from_asinh(section, softening=tile.softening, offset=tile.offset)
    out[...] = resample(section, affine.within(bottom, left), len(out))
