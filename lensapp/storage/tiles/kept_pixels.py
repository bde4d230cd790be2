"""Pixels that are kept of a source in tiles: those of the best by a run, and of some at random."""

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lensapp.storage.files import whole_file

FOLDER = "kept"

Pixels = NDArray[np.float32]
Rows = NDArray[np.int64]


def keep_pixels(folder: Path, name: str, rows: Rows, pixels: Pixels) -> None:
    """Keep the pixels of some cutouts of a source, in place of what was kept under this name before.

    Parameters
    ----------
    folder
        Of the source.
    rows : shape (n,)
        Distinct rows of the source.
    pixels : shape (n, y, x, band)
        As they are cut out of the tiles, without factors of flux.
    """
    kept = folder / FOLDER
    kept.mkdir(exist_ok=True)
    order = np.argsort(rows)
    with whole_file(kept / f"{name}.npy") as partial:
        # One file holds both, so that neither is ever without the other.
        kind = np.dtype([("row", np.int64), ("pixels", np.float32, pixels.shape[1:])])
        both = np.empty(len(rows), kind)
        both["row"], both["pixels"] = rows[order], pixels[order]
        np.save(partial, both)


def kept_pixels(folder: Path, rows: Rows) -> Pixels | None:
    """Return the kept pixels of some rows; None unless all of them are kept under one name."""
    kept = folder / FOLDER
    if not len(rows) or not kept.is_dir():
        return None
    for path in sorted(kept.glob("[!.]*.npy")):
        both, held = _open(path, path.stat().st_mtime_ns)
        places = np.minimum(np.searchsorted(held, rows), len(held) - 1)
        if len(held) and np.array_equal(held[places], rows):
            return np.array(both["pixels"][places])
    return None


@lru_cache(maxsize=16)
def _open(path: Path, _changed_at: int) -> tuple[NDArray[np.void], Rows]:
    both = np.load(path, mmap_mode="r")
    return both, np.array(both["row"])
