"""Bring an image to another grid of pixels and keep its flux."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]

UPRIGHT = 1e-3  # of a pixel per pixel: so little rotation is none over a cutout
STEPS_PER_PIXEL = 4  # samples per input pixel along an axis, where the grids are rotated
MOST_STEPS = 32


class Affine(NamedTuple):
    """How pixels of a cutout lie in an image: the cutout's middle, and the image pixels per cutout pixel.

    The cutout's pixel (i, j), counted from its middle, lies at (x + xx i + xy j, y + yx i + yy j); pixels are
    counted from 0 at their centres.
    """

    x: float
    y: float
    xx: float
    xy: float
    yx: float
    yy: float

    def box(self, size: int, shape: tuple[int, int]) -> tuple[int, int, int, int]:
        """Return (bottom, top, left, right) of the part of an image (y, x) that a cutout of `size` needs."""
        reach_x = (abs(self.xx) + abs(self.xy)) * size / 2 + 1.5
        reach_y = (abs(self.yx) + abs(self.yy)) * size / 2 + 1.5
        bottom, top = math.floor(self.y - reach_y), math.ceil(self.y + reach_y) + 1
        left, right = math.floor(self.x - reach_x), math.ceil(self.x + reach_x) + 1
        height, width = shape
        return (
            min(max(bottom, 0), height),
            min(max(top, 0), height),
            min(max(left, 0), width),
            min(max(right, 0), width),
        )

    def within(self, bottom: int, left: int) -> "Affine":
        """Return the same in an image of which the first rows and columns were cut off."""
        return self._replace(x=self.x - left, y=self.y - bottom)


def resample(image: Pixels, affine: Affine, size: int) -> Pixels:
    """Return a cutout of an image on another grid; flux is kept.

    Where the grids are parallel, each pixel of the image gives its flux to the cutout's pixels that it
    overlaps, in proportion to the area; else the image is taken as bilinear between the centres of its pixels
    and integrated over each of the cutout's.

    Parameters
    ----------
    image : shape (y, x)
        Flux per pixel, NaN where masked.
    affine
        Where the cutout lies in the image.
    size
        Side of the cutout in pixels.

    Returns
    -------
    float32, shape (size, size)
        Flux per pixel of the cutout, NaN where it reaches beyond the image or a masked pixel takes part.

    References
    ----------
    Fruchter & Hook 2002, PASP 114, 144 (the overlap of areas: "drizzle" with whole pixels).
    """
    from scipy.ndimage import map_coordinates

    if abs(affine.xy) < UPRIGHT and abs(affine.yx) < UPRIGHT:
        along_x = _overlaps(affine.x, affine.xx, size, image.shape[1])
        along_y = _overlaps(affine.y, affine.yy, size, image.shape[0])
        masked = ~np.isfinite(image)
        flux = along_y @ np.where(masked, 0.0, image).astype(np.float64) @ along_x.T
        out = flux.astype(np.float32)
        if masked.any():
            out[along_y @ masked.astype(np.float64) @ along_x.T > 0.0] = np.nan
        covered = np.outer(along_y.sum(1), along_x.sum(1)) > (1.0 - 1e-6) * abs(affine.xx * affine.yy)
        out[~covered] = np.nan
        return out
    longest = max(math.hypot(affine.xx, affine.yx), math.hypot(affine.xy, affine.yy))
    steps = min(max(math.ceil(STEPS_PER_PIXEL * longest), 2), MOST_STEPS)
    along = (np.arange(size * steps) + 0.5) / steps - size / 2
    i, j = along[None, :], along[:, None]
    x = affine.x + affine.xx * i + affine.xy * j
    y = affine.y + affine.yx * i + affine.yy * j
    samples = map_coordinates(image.astype(np.float64), [y, x], order=1, cval=np.nan)
    area = abs(affine.xx * affine.yy - affine.xy * affine.yx)
    flux = samples.reshape(size, steps, size, steps).mean((1, 3)) * area
    return np.asarray(flux, np.float32)


def _overlaps(middle: float, step: float, size: int, length: int) -> NDArray[np.float64]:
    """Return how much of each of `length` pixels lies in each of `size` pixels of another grid, one axis."""
    edges = middle + step * (np.arange(size + 1) - size / 2)
    low, high = np.minimum(edges[:-1], edges[1:]), np.maximum(edges[:-1], edges[1:])
    pixels = np.arange(length)
    overlap = np.minimum(high[:, None], pixels + 0.5) - np.maximum(low[:, None], pixels - 0.5)
    return np.asarray(np.maximum(overlap, 0.0))
