"""Fingerprints of pixels: one that finds exact copies, one that finds images that look alike."""

import hashlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]

GRID = (8, 9)  # rows, columns: 8 differences in each of 8 rows make 64 bits
FINE = 4  # the image is averaged to a grid this many times finer before it is stretched
BELOW_ONE_SIGMA = 0.1587  # share of a Gaussian more than one standard deviation below its median


def pixel_digest(pixels: Pixels) -> str:
    """Return 64 hexadecimal digits that are equal for equal pixels only.

    Parameters
    ----------
    pixels : shape (y, x, band)
        Masked pixels are NaN; all NaN count as equal.

    Notes
    -----
    SHA-256 of the shape and of a 128-bit fold of all pixels. Hashing 3 × 101 × 101 pixels with SHA-256
    itself takes longer than reading them where the processor has no instruction for it; the fold (a
    multiply–xorshift mix of each word with its place, after the finaliser of MurmurHash3) does not.
    """
    values = np.array(pixels, np.float32).ravel()
    if np.isnan(values.sum()):
        values[np.isnan(values)] = np.nan
    if values.size % 2:
        values = np.append(values, np.float32(0.0))
    mixed = values.view(np.uint64)
    mixed ^= _places(mixed.size)
    mixed *= np.uint64(0xFF51AFD7ED558CCD)
    mixed ^= mixed >> np.uint64(32)
    mixed *= np.uint64(0xC4CEB9FE1A85EC53)
    fold = np.array([mixed.sum(dtype=np.uint64), np.bitwise_xor.reduce(mixed)], "<u8")
    return hashlib.sha256(np.array(pixels.shape, "<i8").tobytes() + fold.tobytes()).hexdigest()


@lru_cache(maxsize=8)
def _places(count: int) -> NDArray[np.uint64]:
    """Return a different, well mixed word for each place."""
    place = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    place ^= place >> np.uint64(31)
    return place * np.uint64(0xBF58476D1CE4E5B9)


def perceptual_hash(pixels: Pixels) -> str:
    """Return 64 bits as 16 hexadecimal digits that differ little between images that look alike.

    The sum over the bands is averaged to a coarse grid, stretched by asinh with the noise as scale,
    averaged to 8 × 9 cells, and each bit tells whether a cell is brighter than its left neighbour.

    Parameters
    ----------
    pixels : shape (y, x, band)
        At least 9 × 9 pixels differ usefully; masked pixels are NaN and count as the median.

    References
    ----------
    N. Krawetz 2013, "Kind of like that" (difference hash).
    """
    image = pixels @ np.ones(pixels.shape[-1], np.float32)
    if np.isnan(image.sum()):
        masked = ~np.isfinite(image)
        image[masked] = np.median(image[~masked]) if not masked.all() else 0.0
    fine = _average(image, (GRID[0] * FINE, GRID[1] * FINE))
    ranked = np.sort(fine, axis=None)
    level, low = ranked[ranked.size // 2], ranked[int(ranked.size * BELOW_ONE_SIGMA)]
    coarse = _average(np.arcsinh((fine - level) / (level - low or np.float32(1.0))), GRID)
    return np.packbits(coarse[:, 1:] > coarse[:, :-1]).tobytes().hex()


def _average(image: Pixels, grid: tuple[int, int]) -> Pixels:
    """Average `image` over a grid of equal cells; pixels on a boundary are shared between cells."""
    rows = _cells(image.shape[0], grid[0])
    columns = _cells(image.shape[1], grid[1])
    averaged: Pixels = rows @ image.astype(np.float32, copy=False) @ columns.T
    return averaged


@lru_cache(maxsize=32)
def _cells(pixels: int, cells: int) -> Pixels:
    """Return weights, shape (cells, pixels), that average `pixels` into `cells`; each row sums to 1."""
    edges = np.linspace(0, pixels, cells + 1)
    starts = np.arange(pixels)
    overlap = np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts)
    weights = np.clip(overlap, 0.0, None)
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)
