"""Objects in images: where they are, how bright, large and flattened, and how much they resemble stars.

Detection and photometry are those of SExtractor, by the library `sep`: objects stand out from a smooth sky in
one band, and the flux of every band is measured in the ellipse that this band gives, so that colours compare
the same part of a galaxy. Fluxes have the unit of the pixels.

References
----------
Bertin & Arnouts 1996, A&AS 117, 393 (SExtractor); Barbary 2016, JOSS 1, 58 (sep); Kron 1980, ApJS 43, 305.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

FloatArray = NDArray[np.float64]

DETECTION_SIGMA, LEAST_PIXELS = 1.5, 5
DEBLEND_CONTRAST = 0.005
KERNEL = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32)
SMALLEST_MESH, LARGEST_MESH = 16, 128  # pixels of the grid on which the sky is measured
FAINT_WINGS = 6  # pixels around detected light that do not tell the sky either
KRON_FACTOR, LEAST_KRON_PIXELS = 2.5, 3.5
SEARCH_FACTOR = 6.0
BLOCK = 8  # side of the blocks of sky that tell how far noise is correlated
FEWEST_BLOCKS = 20
FWHM_OF_RADIUS = 2.0  # of a Gaussian: its half-light radius is half of its full width at half maximum
COMPACT_QUANTILE, COMPACT_SNR = 0.1, 20.0
PSF_SCATTER, RADIUS_ERROR = 0.08, 1.0
FAILED = (
    64 | 128
)  # sep.APER_ALLMASKED, sep.APER_NONPOSITIVE: neighbours cut out of an aperture are no failure
FRESH_PIXELS, FRESH_OBJECTS = 300_000, 1024


@dataclass(frozen=True, eq=False)
class Objects:
    """Objects of an image, one entry each.

    Attributes
    ----------
    x, y : shape (n,)
        Pixels, the middle of the first one at 0.
    flux, flux_error : shape (n, bands)
        Within the Kron ellipse of the detection band; the error is that of the sky, its correlation included.
    half_light_radius : shape (n,)
        Pixels, of the circle that holds half of the flux in the detection band.
    ellipticity : shape (n,)
        1 - b / a from second moments in the detection band.
    flags : int64, shape (n,)
        Those of sep: 1 blended, 2 cut off at the edge, 64 and 128: a measurement that failed.
    """

    x: FloatArray
    y: FloatArray
    flux: FloatArray
    flux_error: FloatArray
    half_light_radius: FloatArray
    ellipticity: FloatArray
    flags: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.x)

    @classmethod
    def concatenated(cls, parts: Sequence["Objects"]) -> Self:
        """Return the objects of several images, at least one, one after another."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def detect(pixels: NDArray[np.floating[Any]], *, band: int) -> Objects:
    """Find the objects of one image of several bands.

    Parameters
    ----------
    pixels : shape (y, x, bands)
        Linear in flux, NaN where masked.
    band
        Index of the band in which they are detected.
    """
    import sep

    sep.set_extract_pixstack(max(FRESH_PIXELS, pixels[..., 0].size))
    sep.set_sub_object_limit(max(FRESH_OBJECTS, pixels[..., 0].size // 100))
    masked = ~np.isfinite(pixels)
    planes = np.ascontiguousarray(np.moveaxis(np.where(masked, 0.0, pixels), -1, 0), np.float64)
    masks = np.ascontiguousarray(np.moveaxis(masked, -1, 0))
    bands = len(planes)
    if masks[band].all() or not planes[band].any():
        return _nothing(bands)
    light, noise = _above_sky(planes[band], masks[band])
    if not noise > 0.0:
        return _nothing(bands)
    _, segments = _extract(light, noise, masks[band])
    lit = ndimage.binary_dilation(segments > 0, iterations=FAINT_WINGS)
    light, noise = _above_sky(planes[band], masks[band], lit)
    table, segments = _extract(light, noise, masks[band])
    usable = np.isfinite(table["theta"]) & (table["a"] > 0.0) & (table["b"] > 0.0)
    names = (np.flatnonzero(usable) + 1).astype(np.int32)
    table = table[usable]
    if not len(table):
        return _nothing(bands)
    x, y, a, b = (table[name] for name in ("x", "y", "a", "b"))
    others = {"segmap": segments, "seg_id": names}  # the light of neighbours is left out
    ellipse = (a, b, np.clip(table["theta"], -np.pi / 2, np.pi / 2))
    kron, kron_flags = sep.kron_radius(light, x, y, *ellipse, SEARCH_FACTOR, mask=masks[band], **others)
    kron = np.maximum(np.nan_to_num(kron) * KRON_FACTOR, LEAST_KRON_PIXELS / np.sqrt(a * b))
    flux, error = np.zeros((2, len(x), bands))
    for number in range(bands):
        if masks[number].all():
            flux[:, number] = error[:, number] = np.nan
            continue
        own, sigma = (light, noise) if number == band else _above_sky(planes[number], masks[number], lit)
        sky = sigma * noise_correlation(own, lit | masks[number])
        flux[:, number], error[:, number], _ = sep.sum_ellipse(
            own, x, y, *ellipse, kron, err=sky, mask=masks[number], subpix=5, **others
        )
    radius, radius_flags = sep.flux_radius(
        light, x, y, SEARCH_FACTOR * a, 0.5, normflux=flux[:, band], mask=masks[band], subpix=5, **others
    )
    flags = np.asarray(table["flag"] | (kron_flags | radius_flags) & FAILED, np.int64)
    return Objects(x, y, flux, error, np.asarray(radius, np.float64), 1.0 - b / a, flags)


def _nothing(bands: int) -> Objects:
    none, fluxes = np.zeros(0), np.zeros((0, bands))
    return Objects(none, none, fluxes, fluxes, none, none, np.zeros(0, np.int64))


def _above_sky(
    plane: FloatArray, masked: NDArray[np.bool_], lit: NDArray[np.bool_] | None = None
) -> tuple[FloatArray, float]:
    """Return a plane without its smooth sky, and the noise of a pixel; `lit` pixels do not tell the sky."""
    import sep

    mesh = int(np.clip(min(plane.shape) // 2, SMALLEST_MESH, LARGEST_MESH))
    hidden = masked if lit is None or (masked | lit).all() else masked | lit
    sky = sep.Background(plane, mask=hidden, bw=mesh, bh=mesh)
    return plane - sky.back(), float(sky.globalrms)


def _extract(
    light: FloatArray, noise: float, masked: NDArray[np.bool_]
) -> tuple[NDArray[Any], NDArray[np.int32]]:
    import sep

    table, segments = sep.extract(
        light,
        DETECTION_SIGMA,
        err=noise,
        mask=masked,
        minarea=LEAST_PIXELS,
        filter_kernel=KERNEL,
        deblend_cont=DEBLEND_CONTRAST,
        segmentation_map=True,
    )
    return table, segments


def noise_correlation(light: FloatArray, lit: NDArray[np.bool_]) -> float:
    """Return by how much the noise of apertures exceeds that of independent pixels; at least 1.

    Resampled stacks smooth their noise: pixels scatter less than sums of them tell. Blocks of sky are summed.
    """
    height, width = (side // BLOCK * BLOCK for side in light.shape)
    blocks = light[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK).sum((1, 3))
    dark = ~lit[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK).any((1, 3))
    pixels = light[~lit]
    if dark.sum() < FEWEST_BLOCKS:
        return 1.0
    of_blocks, of_pixels = (np.median(np.abs(v - np.median(v))) for v in (blocks[dark], pixels))
    return float(max(of_blocks / (BLOCK * of_pixels), 1.0)) if of_pixels > 0.0 else 1.0


def psf_radius(half_light_radius: FloatArray, snr: FloatArray, flags: NDArray[np.int64]) -> float:
    """Return the half-light radius of the point-spread function: that of the most compact bright objects.

    An upper bound where none of them is a star. NaN without bright objects.
    """
    bright = (snr >= COMPACT_SNR) & (flags == 0) & (half_light_radius > 0.0)
    return float(np.quantile(half_light_radius[bright], COMPACT_QUANTILE)) if bright.any() else float("nan")


def star_likeness(half_light_radius: FloatArray, snr: FloatArray, *, psf: float) -> FloatArray:
    """Return from 1, as compact as the point-spread function of radius `psf`, to 0, clearly larger.

    A Gaussian of the excess of the radius over what its error (1 / S/N) and the scatter of the seeing among
    images (8 %) allow for.
    """
    scatter = np.hypot(PSF_SCATTER, RADIUS_ERROR / np.maximum(snr, 1.0))
    excess = np.maximum(half_light_radius / psf - 1.0, 0.0) / scatter
    return np.asarray(np.exp(-0.5 * excess**2), np.float64)
