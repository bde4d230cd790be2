"""More of a cutout's own noise: what its sky has, measured, and noise added to fluxes that are stretched."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.train.normalisation import MAD_TO_SIGMA, FittedNormalisation

MOST_OFF = 5.0
"""Factor by which a survey's noise maps may differ from what pixels show; resampling alone makes it two."""

FEWEST_PIXELS = 16
FEWEST_COMPARED = 8  # cutouts that tell which noise stands out
OUTSTANDING, LEAST_NOISIER = 4.0, 1.2  # scatters of the others; times the usual noise
FAR = 1e30


def sky_sigma(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the noise of a pixel of sky of each band of cutouts (n, y, x, band), shape (n, band).

    It is the scatter, from the median absolute deviation, of the outer eighth on each side; of all pixels
    where too few of these are unmasked, and 0 where nothing is.
    """
    edge = max(1, min(pixels.shape[1:3]) // 8)
    outer = np.ones(pixels.shape[1:3], bool)
    outer[edge:-edge, edge:-edge] = False
    border = np.ascontiguousarray(np.moveaxis(pixels[:, outer], 1, 2), np.float32)
    deviations = np.abs(border - np.median(border, axis=2, keepdims=True))
    sigma = np.asarray(MAD_TO_SIGMA * np.median(deviations, axis=2), np.float32)
    for row, band in np.argwhere(~np.isfinite(border).all(axis=2)).tolist():
        values = border[row, band][np.isfinite(border[row, band])]
        if len(values) < FEWEST_PIXELS:
            values = pixels[row, ..., band][np.isfinite(pixels[row, ..., band])]
        spread = np.median(np.abs(values - np.median(values))) if len(values) else 0.0
        sigma[row, band] = MAD_TO_SIGMA * spread
    return sigma


def noise_outliers(sigma: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which cutouts are noisier than these differ among each other, and by a fifth at least: (n,).

    Parameters
    ----------
    sigma : shape (n, band)
        Noise of a pixel in each cutout, not above 0 where unknown.
    """
    known = np.where(sigma > 0, sigma, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a band in which none is known
        logs = np.log(known / np.nanmedian(known, axis=0))
        scatter = MAD_TO_SIGMA * np.nanmedian(np.abs(logs), axis=0)
    limit = np.maximum(OUTSTANDING * scatter, np.log(LEAST_NOISIER))
    return np.asarray((np.nan_to_num(logs, nan=-np.inf) > limit).any(1), np.bool_)


def noisier(
    pixels: Any, levels: Any, deviates: Any, normalisation: FittedNormalisation, *, times: float, arrays: Any
) -> Any:
    """Return normalised cutouts as they were if the sky had had more noise before they were stretched.

    The stretch is undone, noise is added to what is proportional to flux, and stretched again: where a curve
    compresses bright pixels it compresses their noise too. What takes its zero or scale from each cutout
    itself takes it from the noisier one.

    Parameters
    ----------
    pixels : shape (n, y, x, band)
        What `normalisation` made of fluxes: arrays, or tensors where `arrays` is `keras.ops`.
    levels : shape (n, y, x, band)
        Noise of each pixel in units of `FittedNormalisation.flux_of_one`; a pixel of 0 stays as it is.
    deviates : shape (n, y, x, band)
        Normal deviates of variance 1.
    times
        Added noise in units of `levels`.
    arrays
        `numpy` or `keras.ops`.
    """
    kind, gain = normalisation.kind, np.asarray(normalisation.gain, np.float32)
    noisy = levels > 0
    linear = pixels / gain
    if kind in ("asinh", "cutout"):
        linear = arrays.sinh(linear)
    elif kind == "sqrt":
        linear = linear * arrays.abs(linear)
    linear = linear + times * levels * deviates
    if kind == "minmax":
        low = arrays.min(arrays.where(noisy, linear, FAR), axis=(1, 2, 3), keepdims=True)
        high = arrays.max(arrays.where(noisy, linear, -FAR), axis=(1, 2, 3), keepdims=True)
        linear = (linear - low) / arrays.maximum(high - low, 1e-30)
    elif kind == "cutout":  # in units of the cutout's noise, which has grown
        count = arrays.sum(arrays.where(noisy, np.float32(1.0), np.float32(0.0)), axis=(1, 2), keepdims=True)
        mean = arrays.sum(levels, axis=(1, 2), keepdims=True) / arrays.maximum(count, 1.0)
        own = mean * np.asarray(normalisation.scale, np.float32)
        linear = linear / arrays.sqrt(1.0 + (times * own) ** 2)
    if kind in ("asinh", "cutout"):
        linear = arrays.arcsinh(linear)
    elif kind == "sqrt":
        linear = arrays.sign(linear) * arrays.sqrt(arrays.abs(linear))
    return arrays.where(noisy, linear * gain, pixels)
