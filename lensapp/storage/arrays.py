"""Packed cutouts: memory-mapped `.npy` shards of float32, or int16 with a scale per image and band.

Pixels are (row, y, x, band); y counts upwards as in FITS. Masked pixels are NaN. A folder without a
manifest is half-written and cannot be opened.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from pydantic import Field

from lensapp.core.config import Spec, read_json, write_json
from lensapp.core.errors import BandMismatch, NotFound, StorageError
from lensapp.storage.files import DAMAGED, reserve, whole_file

SHARD_BYTES = 512 * 2**20
MANIFEST = "manifest.json"
TILES = "tiles.json"  # beside it where pixels stay in the tiles of their survey
INT16_MASKED = -32768
INT16_STEPS = 65_000
FLUX_SCALES = "flux-scale.npy"
PLANES = "planes.json"
UNITY = 1e-6  # rounding of a factor of one

Pixels = NDArray[np.float32]
Rows = NDArray[np.int64]
Stored = NDArray[Any]  # float32 pixels, or int16 codes and their scales


class PlaneShape(Spec):
    """Planes of one word beside the pixels: noise maps, weights or PSFs."""

    word: str = Field(pattern="^[a-z0-9]+$", description="What the survey calls them, such as rms or invvar.")
    kind: str = Field(description="noise, weight or PSF.")
    height: int = Field(ge=1, description="Height in pixels.")
    width: int = Field(ge=1, description="Width in pixels.")


class Planes(Spec):
    """The planes that a source keeps beside its pixels, stored as their manifest."""

    planes: tuple[PlaneShape, ...] = Field(description="One for each word.")


class Packing(Spec):
    """The shape of a packed source, stored as its manifest."""

    version: int = Field(1, ge=1, le=1, description="Version of the shard format.")
    slots: int = Field(ge=0, description="Number of rows; rejected files leave unused ones.")
    height: int = Field(ge=1, description="Cutout height in pixels.")
    width: int = Field(ge=1, description="Cutout width in pixels.")
    bands: tuple[str, ...] = Field(min_length=1, description="Names of the bands, in order.")
    shard_rows: int = Field(ge=1, description="Rows per shard.")
    dtype: str = Field("float32", pattern="^(float32|int16)$", description="How a pixel is stored.")

    @classmethod
    def plan(
        cls, *, slots: int, height: int, width: int, bands: tuple[str, ...], dtype: str = "float32"
    ) -> Self:
        """Choose the rows per shard so that a shard stays below 512 MiB."""
        image_bytes = height * width * len(bands) * np.dtype(dtype).itemsize
        rows = max(1, min(SHARD_BYTES // image_bytes, max(slots, 1)))
        return cls(slots=slots, height=height, width=width, bands=bands, shard_rows=rows, dtype=dtype)

    @property
    def shards(self) -> int:
        """Number of shards."""
        return math.ceil(self.slots / self.shard_rows)

    @property
    def pixel_bytes(self) -> int:
        """Bytes of all pixels."""
        return self.slots * self.height * self.width * len(self.bands) * np.dtype(self.dtype).itemsize

    def rows_in(self, shard: int) -> int:
        """Return the number of rows in one shard."""
        return min(self.shard_rows, self.slots - shard * self.shard_rows)


@dataclass
class ShardWriter:
    """Writes rows of a source that is being packed; several processes may write different rows at once."""

    folder: Path
    packing: Packing

    @classmethod
    def create(cls, folder: Path, packing: Packing) -> Self:
        """Reserve the shards; shards of an interrupted import with the same shape are kept."""
        if (folder / MANIFEST).exists():
            raise StorageError(f"{folder.name!r} is packed already. Choose another name.")
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob(".*.partial.npy"):  # of an import that was killed
            leftover.unlink()
        plan = folder / (MANIFEST + ".plan")
        if plan.exists() and Packing.parse(read_json(plan)) != packing:
            for path in folder.iterdir():
                path.unlink()
        write_json(plan, packing.saved())
        made: list[Path] = []
        try:
            for shard in range(packing.shards):
                rows, bands = packing.rows_in(shard), len(packing.bands)
                files: list[tuple[str, str, tuple[int, ...]]] = [
                    ("shard", packing.dtype, (rows, packing.height, packing.width, bands))
                ]
                if packing.dtype == "int16":
                    files.append(("scale", "float32", (rows, 2, bands)))
                for stem, dtype, shape in files:
                    path = folder / f"{stem}-{shard:05d}.npy"
                    if not path.exists():
                        made.append(path)
                        with whole_file(path) as partial:
                            open_memmap(partial, mode="w+", dtype=dtype, shape=shape).flush()
                            reserve(partial)  # a full disk is met here, not in the midst of the work
        except OSError as error:
            for path in made:
                path.unlink(missing_ok=True)
            raise StorageError(
                f"There is no room for {packing.slots} cutouts ({error.strerror}): they need "
                f"{packing.pixel_bytes / 1e6:.0f} MB. Make room on the disk, then run the same again."
            ) from error
        return cls(folder, packing)

    def write(self, row: int, pixels: Pixels) -> None:
        """Store one cutout, shape (y, x, band), NaN where masked."""
        shard, index = divmod(row, self.packing.shard_rows)
        if self.packing.dtype == "float32":
            self._map("shard", shard)[index] = pixels
            return
        codes, scale = quantise(pixels)
        self._map("scale", shard)[index] = scale
        self._map("shard", shard)[index] = codes

    def write_rows(self, first: int, pixels: Pixels) -> None:
        """Store consecutive cutouts, shape (n, y, x, band), from row `first` on.

        Written to the file: a memory map costs a page fault for each 4 KiB of a new shard.
        """
        if self.packing.dtype != "float32":
            for row, image in enumerate(pixels, first):
                self.write(row, image)
            return
        written = 0
        while written < len(pixels):
            shard, index = divmod(first + written, self.packing.shard_rows)
            block = np.ascontiguousarray(pixels[written : written + self.packing.shard_rows - index])
            header_bytes = int(getattr(self._map("shard", shard), "offset", 0))
            with (self.folder / f"shard-{shard:05d}.npy").open("r+b") as file:
                file.seek(header_bytes + index * block[0].nbytes)
                file.write(block.data)
            written += len(block)

    def _map(self, stem: str, shard: int) -> Stored:
        key = (stem, shard)
        if key not in self._maps:
            self._maps[key] = np.load(self.folder / f"{stem}-{shard:05d}.npy", mmap_mode="r+")
        return self._maps[key]

    @cached_property
    def _maps(self) -> dict[tuple[str, int], Stored]:
        return {}

    def flush(self) -> None:
        """Hand written rows to the operating system's disk cache."""
        for array in self._maps.values():
            if isinstance(array, np.memmap):
                array.flush()

    def finish(self) -> "PackedCutouts":
        """Make the source readable."""
        self.flush()
        self._maps.clear()
        write_json(self.folder / MANIFEST, self.packing.saved())
        (self.folder / (MANIFEST + ".plan")).unlink(missing_ok=True)
        return PackedCutouts.open(self.folder)


@dataclass(eq=False)
class PackedCutouts:
    """A packed source, read by row numbers.

    Attributes
    ----------
    flux_scales : float32, shape (rows, band)
        Factor from stored pixels to flux, for a source opened as calibrated; None: as stored.
    """

    folder: Path
    packing: Packing
    flux_scales: NDArray[np.float32] | None = None

    @classmethod
    def open(
        cls, folder: Path, *, calibrated: bool = False, in_unit: float = 1.0, where_known: bool = False
    ) -> "PackedCutouts":
        """Open a finished source; with `calibrated` in one unit of flux, where its unit is known.

        Parameters
        ----------
        calibrated
            Whether pixels are read as flux in units of AB magnitude 25; default: as stored.
        in_unit
            Factor from these to another unit of flux.
        where_known
            Whether the known units count although some are not; default: only all of them together, since
            half of them would falsify colours. Pixels of unknown unit are read as stored.
        """
        if not (folder / MANIFEST).exists():
            raise NotFound(
                f"{folder} holds no packed cutouts, or an unfinished import. Bring its disk back, or import "
                "them again."
            )
        scales: NDArray[np.float32] | None = None
        if calibrated and (folder / FLUX_SCALES).exists():
            stored = np.load(folder / FLUX_SCALES)
            known = np.isfinite(stored)
            scales = np.where(known, stored * np.float64(in_unit), 1.0).astype(np.float32)
            as_stored = in_unit != 1.0 and bool(
                np.all(np.abs(scales - 1.0) < UNITY)
            )  # to the bit, at no cost
            if as_stored or not (known.all() or where_known):
                scales = None
        packing = Packing.parse(read_json(folder / MANIFEST))
        if (folder / TILES).exists():
            from lensapp.storage.tiles.tiled_cutouts import TiledCutouts

            return TiledCutouts(folder, packing, scales)
        return cls(folder, packing, scales)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(rows, y, x, bands)."""
        packing = self.packing
        return packing.slots, packing.height, packing.width, len(packing.bands)

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the bands, in the order of the last axis."""
        return self.packing.bands

    def of_bands(self, bands: Sequence[str]) -> "PackedCutouts":
        """Return the same cutouts with these bands only, picked by name, in this order.

        Raises
        ------
        BandMismatch
            When the source lacks one.
        """
        if tuple(bands) == self.bands:
            return self
        absent = [band for band in bands if band not in self.bands]
        if absent:
            raise BandMismatch(
                f"{self.folder.name} has no band {' or '.join(absent)}; it has {', '.join(self.bands)}. "
                "Choose among these, or import it again with the band."
            )
        channels = tuple(self.bands.index(band) for band in bands)
        packing = self.packing.replaced(bands=tuple(bands))
        scales = None if self.flux_scales is None else self.flux_scales[:, channels]
        return SelectedBands(self.folder, packing, scales, whole=self, channels=channels)

    def read(self, rows: Rows) -> Pixels:
        """Return the cutouts at `rows`, float32 (n, y, x, band), NaN where masked."""
        rows = np.asarray(rows, np.int64)
        if self.packing.shards == 1:
            return self._read_shard(0, rows)
        pixels = np.empty((len(rows), *self.shape[1:]), np.float32)
        shard = rows // self.packing.shard_rows
        for number in np.unique(shard).tolist():
            members = np.flatnonzero(shard == number)
            pixels[members] = self._read_shard(number, rows[members])
        return pixels

    def blocks(self, most: int) -> list[Rows]:
        """Return all rows in blocks of at most `most` that are best read together."""
        slots = self.packing.slots
        return [np.arange(first, min(first + most, slots)) for first in range(0, slots, most)]

    @cached_property
    def planes(self) -> dict[str, PlaneShape]:
        """The planes kept beside the pixels, by the word that the survey calls them by."""
        path = self.folder / PLANES
        kept = Planes.parse(read_json(path)).planes if path.exists() else ()
        return {plane.word: plane for plane in kept}

    def read_plane(self, word: str, rows: Rows) -> Pixels:
        """Return noise maps, weights or PSFs of the cutouts at `rows`, as their files have them.

        Parameters
        ----------
        word
            One of `planes`, such as "rms", "invvar" or "psf".

        Returns
        -------
        float32, shape (n, y, x, band)
            NaN where a candidate has none; y counts upwards. PSFs have a size of their own and lie in the
            middle.

        Raises
        ------
        NotFound
            When the source keeps no such planes.
        """
        if word not in self.planes:
            raise NotFound(
                f"{self.folder.name} keeps no planes called {word!r}, only: "
                f"{', '.join(self.planes) or 'none'}."
            )
        stored = np.load(self.folder / _plane_file(word), mmap_mode="r")
        return np.array(stored[np.asarray(rows, np.int64)], np.float32)

    def _read_shard(self, shard: int, rows: Rows) -> Pixels:
        """Return the cutouts at rows of the source that lie in one shard."""
        stored, places = self._shards[shard], rows - shard * self.packing.shard_rows
        # One copy per cutout: fancy indexing of a memory map is three times slower.
        pixels = np.empty((len(rows), *self.shape[1:]), stored.dtype)
        factors = None if self.flux_scales is None else self.flux_scales[rows]
        if self.packing.dtype != "float32":
            for index, place in enumerate(places.tolist()):
                pixels[index] = stored[place]
            scales = self._scales[shard][places]
            return dequantise(pixels, scales if factors is None else scales * factors[:, None, :])
        if factors is None:
            for index, place in enumerate(places.tolist()):
                pixels[index] = stored[place]
            return pixels
        # Multiplied instead of copied, each factor repeated along a row of pixels: as quick as the copy.
        _, height, width, bands = self.shape
        along_row = np.tile(factors, width)
        for index, place in enumerate(places.tolist()):
            target = pixels[index].reshape(height, width * bands)
            np.multiply(stored[place].reshape(target.shape), along_row[index], out=target)
        return pixels

    @cached_property
    def _shards(self) -> list[Stored]:
        return [self._open("shard", number) for number in range(self.packing.shards)]

    @cached_property
    def _scales(self) -> list[Stored]:
        return [self._open("scale", number) for number in range(self.packing.shards)]

    def _open(self, stem: str, shard: int) -> Stored:
        path = self.folder / f"{stem}-{shard:05d}.npy"
        try:
            # As a plain array: numpy's memmap subclass pays for its bookkeeping at every index.
            stored: Stored = np.load(path, mmap_mode="r").view(np.ndarray)
        except DAMAGED as error:
            raise StorageError(
                f"The shard {path} cannot be read ({error}). Import the source again."
            ) from error
        return stored


@dataclass(eq=False)
class SelectedBands(PackedCutouts):
    """Some bands of a source, picked by name; `whole` is the source with all of them.

    Attributes
    ----------
    channels
        Place of each band in `whole`.
    """

    whole: PackedCutouts = field(kw_only=True)
    channels: tuple[int, ...] = field(kw_only=True)

    def read(self, rows: Rows) -> Pixels:
        """Return the cutouts at `rows`, float32 (n, y, x, band), NaN where masked."""
        return np.ascontiguousarray(self.whole.read(rows)[..., self.channels])

    def blocks(self, most: int) -> list[Rows]:
        """Return all rows in blocks of at most `most` that are best read together."""
        return self.whole.blocks(most)

    @cached_property
    def planes(self) -> dict[str, PlaneShape]:
        """The planes kept beside the pixels, by the word that the survey calls them by."""
        return self.whole.planes

    def read_plane(self, word: str, rows: Rows) -> Pixels:
        """Return the planes of the cutouts at `rows`, those of these bands."""
        return np.ascontiguousarray(self.whole.read_plane(word, rows)[..., self.channels])


def create_planes(folder: Path, packing: Packing, planes: Sequence[PlaneShape]) -> None:
    """Reserve the planes beside the pixels of a source; those of an interrupted import are kept."""
    for plane in planes:
        path = folder / _plane_file(plane.word)
        if not path.exists():
            shape = (packing.slots, plane.height, plane.width, len(packing.bands))
            with whole_file(path) as partial:
                open_memmap(partial, mode="w+", dtype="float32", shape=shape).flush()
                reserve(partial)
    if planes:
        write_json(folder / PLANES, Planes(planes=tuple(planes)).saved())


def write_planes(folder: Path, first_row: int, planes: Mapping[str, Pixels]) -> None:
    """Store planes (n, y, x, band) of consecutive rows by their word."""
    for word, pixels in planes.items():
        stored = np.load(folder / _plane_file(word), mmap_mode="r+")
        stored[first_row : first_row + len(pixels)] = pixels
        stored.flush()


def _plane_file(word: str) -> str:
    return f"plane-{word}.npy"


def quantise(pixels: Pixels) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """Return `pixels` (y, x, band) as int16 codes and (2, band) step and offset; masked becomes -32768."""
    bands = pixels.shape[-1]
    flat = pixels.reshape(-1, bands)
    masked = ~np.isfinite(flat)
    low = np.where(masked, np.inf, flat).min(0, initial=np.inf)
    high = np.where(masked, -np.inf, flat).max(0, initial=-np.inf)
    low, high = np.where(np.isfinite(low), low, 0.0), np.where(np.isfinite(high), high, 0.0)
    smallest = np.finfo(np.float32).smallest_subnormal  # a tiny range would divide to a step of zero
    step = np.where(high > low, np.maximum((high - low) / INT16_STEPS, smallest), 1.0)
    offset = (low + high) / 2
    codes = np.rint((np.where(masked, offset, flat) - offset) / step).astype(np.int16)
    codes[masked] = INT16_MASKED
    return codes.reshape(pixels.shape), np.stack([step, offset]).astype(np.float32)


def dequantise(codes: Stored, scale: Stored) -> Pixels:
    """Return float32 pixels (n, y, x, band) of int16 `codes` and their (n, 2, band) scale."""
    step, offset = scale[:, 0, None, None, :], scale[:, 1, None, None, :]
    pixels: Pixels = codes.astype(np.float32) * step + offset
    pixels[codes == INT16_MASKED] = np.nan
    return pixels


def write_flux_scales(
    folder: Path, packing: Packing, first_row: int, scales: Sequence[Sequence[float]] | NDArray[Any]
) -> None:
    """Store factors (n, band) of consecutive rows; all others are unknown until they are written."""
    path = folder / FLUX_SCALES
    if not path.exists():
        with whole_file(path) as partial:
            np.save(partial, np.full((packing.slots, len(packing.bands)), np.nan, np.float32))
    stored = np.load(path, mmap_mode="r+")
    stored[first_row : first_row + len(scales)] = scales
    stored.flush()


def settle_flux_scales(folder: Path, rows: Rows) -> None:
    """End the writing of factors: only those of `rows`, the cutouts of the source, count from now on.

    Where nothing is known of any of them the file is removed.
    """
    path = folder / FLUX_SCALES
    if not path.exists():
        return
    scales = np.load(path)
    unused = np.ones(len(scales), bool)
    unused[rows] = False
    if not np.isfinite(scales[rows]).any():
        path.unlink()
    elif unused.any():
        scales[unused] = scales[rows[0]]  # those of a cutout: whatever holds of all rows holds of the cutouts
        with whole_file(path) as partial:
            np.save(partial, scales)
