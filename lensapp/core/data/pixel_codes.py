"""Pixels as 16-bit codes whose steps grow with flux, so that a browser can stretch them itself.

Code 0 is masked. Every other code stands for sinh((code - 32768) * STEP) times the noise above the sky:
a step is 0.0007 of the noise near the sky and 0.07 % of the flux far above it, from -3e9 to 3e9 noises.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.imaging import Levels

MASKED = 0
ZERO = 32768
STEP = 22.5 / 32767


def encode(pixels: NDArray[np.float32], levels: Levels) -> NDArray[np.uint16]:
    """Return codes of pixels (n, y, x, band), laid out (n, band, y, x) with the first row on top."""
    count, height, width, bands = pixels.shape
    encoded = np.empty((count, bands, height, width), "<u2")
    for index in range(count):  # one at a time stays in the cache
        codes = np.rint(np.arcsinh(levels.normalised(pixels[index, ::-1])) / STEP) + ZERO
        valid = np.isfinite(codes)
        encoded[index] = np.moveaxis(np.where(valid, np.clip(codes, 1, 65535), MASKED), -1, 0)
    return encoded


def decode(codes: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Return multiples of the noise above the sky, NaN where masked."""
    values = np.sinh((codes.astype(np.float64) - ZERO) * STEP)
    return np.where(codes == MASKED, np.nan, values)


def reduced(pixels: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Return cutouts (n, y, x, band) averaged over square blocks until about `size` pixels remain.

    Masked pixels do not count; a block without any other is masked. Edges that do not fill a block are cut
    off evenly.
    """
    height, width = pixels.shape[1:3]
    block = max(1, max(height, width) // size)
    if block == 1:
        return pixels
    rows, columns = max(1, height // block), max(1, width // block)
    high, wide = min(block, height), min(block, width)
    top, left = (height - rows * high) // 2, (width - columns * wide) // 2
    part = pixels[:, top : top + rows * high, left : left + columns * wide]
    valid = np.isfinite(part)
    if valid.all():
        return np.asarray(_block_sums(part, high, wide) / (high * wide), np.float32)
    total = _block_sums(np.where(valid, part, 0), high, wide)
    number = _block_sums(valid, high, wide)
    return np.asarray(np.where(number > 0, total / np.maximum(number, 1), np.nan), np.float32)


def _block_sums(values: NDArray[Any], high: int, wide: int) -> NDArray[np.float64]:
    """Return sums over blocks of `high` rows and `wide` columns; whole slices add up fastest."""
    by_row = values[:, ::high].astype(np.float64)
    for step in range(1, high):
        by_row += values[:, step::high]
    sums = by_row[:, :, ::wide].copy()
    for step in range(1, wide):
        sums += by_row[:, :, step::wide]
    return sums
