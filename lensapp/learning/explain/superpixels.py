"""Cut an image into regions of similar colour, and find its sky."""

import numpy as np
from numpy.typing import NDArray

from lensapp.core.train.normalisation import MAD_TO_SIGMA

Pixels = NDArray[np.float32]
Labels = NDArray[np.int64]

SOFTENING = 3.0  # units of the sky's noise
CLIP = 3.0
LEAST_SKY = 16  # pixels; with fewer the median must do
SMOOTHING = 1.0  # pixels


def superpixels(cutout: Pixels, *, count: int) -> Labels:
    """Return the region of each pixel of a cutout (y, x, band), numbered from 0, about `count` of them.

    Pixels are grouped by k-means on position and colour from a regular grid of centres; colours are in units
    of the sky's noise, stretched by asinh and smoothed by one pixel. Every region is connected: pieces that
    lie apart go to their neighbours. Nothing is random.

    References
    ----------
    Achanta et al. 2012, IEEE TPAMI 34, 2274 (SLIC), with k-means over the whole image, which is small.
    """
    from scipy.ndimage import gaussian_filter
    from sklearn.cluster import KMeans

    height, width = cutout.shape[:2]
    sky, noise = sky_levels(cutout)
    filled = np.where(np.isfinite(cutout), cutout, sky)
    colours = gaussian_filter(np.arcsinh((filled - sky) / (SOFTENING * noise)), (SMOOTHING, SMOOTHING, 0))
    step = np.sqrt(height * width / count)
    positions = np.indices((height, width)).transpose(1, 2, 0) / step
    features = np.concatenate([positions, colours], axis=2).reshape(height * width, -1)
    rows, columns = _middles(height, step), _middles(width, step)
    starts = np.asarray((rows[:, None] * width + columns).ravel(), np.int64)  # of a regular grid
    clusters = KMeans(len(starts), init=features[starts], n_init=1, max_iter=20).fit_predict(features)
    return connected_pixels(clusters.reshape(height, width))


def _middles(length: int, step: float) -> Labels:
    count = min(max(round(length / step), 1), length)
    return np.asarray((np.arange(count) + 0.5) * length / count, np.int64)


def connected_pixels(clusters: NDArray[np.int32]) -> Labels:
    """Return clusters of which only the largest piece is kept; other pixels join the nearest piece."""
    from scipy.ndimage import distance_transform_edt, label

    largest = np.full(clusters.shape, -1, np.int64)
    for cluster in np.unique(clusters):
        pieces, _ = label(clusters == cluster)
        largest[pieces == np.bincount(pieces.ravel())[1:].argmax() + 1] = cluster
    rows, columns = distance_transform_edt(largest < 0, return_distances=False, return_indices=True)
    numbers = np.unique(largest[rows, columns], return_inverse=True)[1]
    return np.asarray(numbers.reshape(clusters.shape), np.int64)


def sky_levels(cutout: Pixels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the median and the noise of each band at the border of a cutout (y, x, band)."""
    inner = np.zeros(cutout.shape[:2], bool)
    edge = max(1, min(inner.shape) // 8)
    inner[edge:-edge, edge:-edge] = True
    bands = cutout.shape[2]
    sky, noise = np.zeros(bands), np.ones(bands)
    for band, values in enumerate(np.moveaxis(cutout, -1, 0)):
        finite = np.isfinite(values)
        if not finite.any():
            continue
        usable = values[finite & ~inner] if (finite & ~inner).any() else values[finite]
        sky[band] = np.median(usable)
        scatter = MAD_TO_SIGMA * np.median(np.abs(usable - sky[band]))
        noise[band] = scatter if scatter > 0 else np.ptp(values[finite]) or 1.0
    return sky, noise


def sky_pixels(cutout: Pixels, *, median: bool = False) -> Pixels:
    """Return pixels (n, band) of a cutout that show nothing but sky; its median alone if asked or few."""
    sky, noise = sky_levels(cutout)
    within = (np.abs(cutout - sky) <= CLIP * noise).all(axis=2)
    if median or np.count_nonzero(within) < LEAST_SKY:
        return sky[None].astype(np.float32)
    return np.asarray(cutout[within], np.float32)
