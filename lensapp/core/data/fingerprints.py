"""Fingerprints of pixels: one that finds exact copies, one that finds images that look alike."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_128_hexdigest

Pixels = NDArray[np.float32]

GRID = (8, 9)  # rows, columns: 8 differences in each of 8 rows make 64 bits
FINE = 2  # the image is averaged to a grid this many times finer before it is stretched
BELOW_ONE_SIGMA = 0.1587  # share of a Gaussian more than one standard deviation below its median


def pixel_digest(pixels: Pixels) -> str:
    """Return 32 hexadecimal digits that are equal for equal pixels only.

    Parameters
    ----------
    pixels : shape (y, x, band)
        Masked pixels are NumPy's own NaN: others have other bits, and so another digest.

    Notes
    -----
    XXH3 of 128 bits over all pixels, seeded by the shape. Two different images out of a million share it
    with a probability of 1e-27. SHA-256 takes longer than reading the pixels, where the processor has no
    instruction for it.
    """
    height, width, bands = pixels.shape
    seed = (height << 40) ^ (width << 16) ^ bands
    return xxh3_128_hexdigest(np.ascontiguousarray(pixels, "<f4").data, seed)


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
        valid = np.isfinite(images)
        medians = [
            np.median(image[mask]) if mask.any() else 0.0 for image, mask in zip(images, valid, strict=True)
        ]
        images = np.where(valid, images, np.asarray(medians, np.float32)[:, None, None])
    fine = _average(images, (GRID[0] * FINE, GRID[1] * FINE))
    ranked = np.sort(fine.reshape(len(fine), -1), axis=1)
    level, low = ranked[:, ranked.shape[1] // 2], ranked[:, int(ranked.shape[1] * BELOW_ONE_SIGMA)]
    noise = np.where(level > low, level - low, np.float32(1.0))
    coarse = _average(np.arcsinh((fine - level[:, None, None]) / noise[:, None, None]), GRID)
    bits = np.packbits((coarse[..., 1:] > coarse[..., :-1]).reshape(len(coarse), -1), axis=1)
    return [row.tobytes().hex() for row in bits]


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
