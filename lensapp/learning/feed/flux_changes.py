"""Change the fluxes of training cutouts before they are normalised: worse seeing, other flux and colour."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lensapp.core.train.augmentation_spec import AugmentationSpec

Pixels = NDArray[np.float32]
POGSON = 0.4 * math.log(10.0)


def change_fluxes(
    pixels: Pixels, spec: AugmentationSpec, rng: np.random.Generator, *, sky: Sequence[float]
) -> Pixels:
    """Return changed copies of cutouts (n, y, x, band) in units of flux; masked pixels (NaN) stay masked.

    Parameters
    ----------
    sky
        Flux of the empty sky in each band, which a change of flux or colour leaves where it is.
    """
    count, bands = len(pixels), pixels.shape[3]
    changes = rng.normal(0.0, spec.flux_jitter_mag, (count, 1)) + rng.normal(
        0.0, spec.colour_jitter_mag, (count, bands)
    )
    factors = np.exp(POGSON * changes)[:, None, None, :].astype(np.float32)
    level = np.asarray(sky, np.float32)
    changed = level + factors * (pixels - level)
    if spec.blur_pixels:
        for image, sigma in zip(changed, rng.uniform(0.0, spec.blur_pixels, count), strict=True):
            image[...] = blurred(image, float(sigma), level)
    return changed


def blurred(image: Pixels, sigma: float, sky: Pixels) -> Pixels:
    """Return an image (y, x, band) blurred by a Gaussian of this σ in pixels; masked pixels count as sky."""
    masked = ~np.isfinite(image)
    smooth = ndimage.gaussian_filter(np.where(masked, sky, image), (sigma, sigma, 0.0), mode="nearest")
    return np.asarray(np.where(masked, np.nan, smooth), np.float32)
