"""What one count of each cutout is worth in each band, beside its packed pixels: for pictures only.

Networks read the pixels as they are stored. Pictures of one source share their levels, so that colours
are only true where files of other exposures or zero points are brought to one unit first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from lensapp.storage.arrays import PackedCutouts, Packing, Pixels, Rows

NAME = "flux-scale.npy"


@dataclass
class CalibratedCutouts:
    """The cutouts of a source as pictures show them: in one unit of flux, where the unit is known."""

    packed: PackedCutouts

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open a finished source; raises what `PackedCutouts.open` does."""
        return cls(PackedCutouts.open(folder))

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(rows, y, x, bands)."""
        return self.packed.shape

    @cached_property
    def scales(self) -> NDArray[np.float32] | None:
        """Factor from stored pixels to flux, shape (rows, band); None where the unit is not known."""
        path = self.packed.folder / NAME
        return np.load(path) if path.exists() else None

    def read(self, rows: Rows) -> Pixels:
        """Return the cutouts at `rows`, float32 (n, y, x, band), NaN where masked."""
        pixels = self.packed.read(rows)
        if self.scales is not None:
            pixels *= self.scales[rows][:, None, None, :]
        return pixels


def write_flux_scales(
    folder: Path, packing: Packing, first_row: int, scales: Sequence[Sequence[float]]
) -> None:
    """Store factors (n, band) of consecutive rows; all others are unknown until they are written."""
    path = folder / NAME
    if not path.exists():
        partial = path.with_suffix(".partial")
        made = open_memmap(partial, mode="w+", dtype="float32", shape=(packing.slots, len(packing.bands)))
        made[...] = np.nan
        made.flush()
        partial.replace(path)
    stored = np.load(path, mmap_mode="r+")
    stored[first_row : first_row + len(scales)] = scales
    stored.flush()


def settle_flux_scales(folder: Path, rows: Rows) -> None:
    """Forget the factors unless they are known of all of `rows`: half of them would falsify colours."""
    path = folder / NAME
    if path.exists() and not np.isfinite(np.load(path)[rows]).all():
        path.unlink()
