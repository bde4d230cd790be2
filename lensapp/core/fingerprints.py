"""Fingerprints of pixels: one that finds exact copies, one that finds images that look alike."""

import hashlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]

GRID = (8, 9)  # rows, columns: 8 differences in each of 8 rows make 64 bits
FINE = 2  # the image is averaged to a grid this many times finer before it is stretched
BELOW_ONE_SIGMA = 0.1587  # share of a Gaussian more than one standard deviation below its median


def pixel_digest(pixels: Pixels) -> str:
    """Return 64 hexadecimal digits that are equal for equal pixels only.

    Parameters
    ----------
    pixels : shape (y, x, band)
        Masked pixels are NumPy's own NaN: others have other bits, and so another digest.

    Notes
    -----
    SHA-256 of the shape and of a 64-bit multilinear hash of all pixels: the sum of each 64-bit word,
    its upper bits folded into the lower ones, times a random odd number of its own. Two different
    images out of a million share it with a probability of 3e-8. SHA-256 of all pixels itself takes
    longer than reading them, where the processor has no instruction for it.

    References
    ----------
    Lemire & Kaser 2014, "Strongly universal string hashing is fast", Computer Journal 57, 1624.
    """
    # A copy, as rows of a block may lie across the borders of words, which costs more than copying.
    words = np.empty(pixels.size // 2 + 1, np.uint64)
    values = words.view(np.float32)[: pixels.size]
    values[:] = pixels.ravel()
    even = values.size - values.size % 2
    mixed = words[: even // 2]
    last = values[even:].astype("<f4")
    mixed ^= mixed >> np.uint64(29)
    total = np.dot(mixed, _odd_numbers(mixed.size))
    parts = (np.array(pixels.shape, "<i8"), np.array(total, "<u8"), last)
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


@lru_cache(maxsize=8)
def _odd_numbers(count: int) -> NDArray[np.uint64]:
    """Return a random odd number for each place (the generator SplitMix64, so that they never change)."""
    number = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    number = (number ^ (number >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    number = (number ^ (number >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (number ^ (number >> np.uint64(31))) | np.uint64(1)


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
    total = np.asarray(np.sum(pixels, axis=-1, dtype=np.float32))
    return hash_images(total[np.newaxis])[0]


def hash_images(images: Pixels) -> list[str]:
    """Return the perceptual hashes of images, shape (n, y, x), each the sum of its bands.

    See `perceptual_hash`; all at once costs a third of one by one.
    """
    if np.isnan(images.sum()):
        images = np.array([_without_masks(image) for image in images], np.float32)
    fine = _average(images, (GRID[0] * FINE, GRID[1] * FINE))
    ranked = np.sort(fine.reshape(len(fine), -1), axis=1)
    level, low = ranked[:, ranked.shape[1] // 2], ranked[:, int(ranked.shape[1] * BELOW_ONE_SIGMA)]
    noise = np.where(level > low, level - low, np.float32(1.0))
    coarse = _average(np.arcsinh((fine - level[:, None, None]) / noise[:, None, None]), GRID)
    bits = np.packbits((coarse[..., 1:] > coarse[..., :-1]).reshape(len(coarse), -1), axis=1)
    return [row.tobytes().hex() for row in bits]


def _without_masks(image: Pixels) -> Pixels:
    masked = ~np.isfinite(image)
    filled = np.array(image, np.float32)
    filled[masked] = np.median(image[~masked]) if not masked.all() else 0.0
    return filled


def _average(images: Pixels, grid: tuple[int, int]) -> Pixels:
    """Average each image over a grid of equal cells; pixels on a boundary are shared between cells."""
    rows = _cells(images.shape[1], grid[0])
    columns = _cells(images.shape[2], grid[1])
    return np.asarray((rows @ images) @ columns.T, np.float32)


@lru_cache(maxsize=32)
def _cells(pixels: int, cells: int) -> Pixels:
    """Return weights, shape (cells, pixels), that average `pixels` into `cells`; each row sums to 1."""
    edges = np.linspace(0, pixels, cells + 1)
    starts = np.arange(pixels)
    overlap = np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts)
    weights = np.clip(overlap, 0.0, None)
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)
