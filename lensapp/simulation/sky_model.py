"""What images of a survey tell about its sky: noise and how neighbouring pixels share it, PSF, gain."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from lensapp.core.sampling import evenly_spread
from lensapp.core.train.own_noise import MOST_OFF
from lensapp.simulation.star_psf import known_psf, measure_psf

Pixels = NDArray[np.float32]
FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]

MAD_TO_SIGMA = 1.4826
SMALLEST_SIGMA = 1e-12
LIT_SIGMA, DARK_SIGMA, FEWEST_PIXELS = (5.0, 25.0), (-2.0, 2.0), 50
SMOOTHING_PIXELS, SOURCE_SIGMA, SOURCE_MARGIN = 3, 2.5, 3
FEWEST_IMAGES = 8
MOST_LAG, FAR_LAG = 3, 6  # resampling correlates neighbours, hardly pixels six apart
CORRELATION_IMAGES, CORRELATION_PIXELS = 64, 64 * 128**2


@dataclass(frozen=True, eq=False)
class SkyModel:
    """What is measured on images of a survey, per band.

    Attributes
    ----------
    sigma : float64, shape (bands,)
        Noise per pixel of the sky.
    psf : float32, shape (bands, k, k)
        A star as pixels show it: unit sum, centred on pixel (k // 2, k // 2).
    psf_fwhm_arcsec : float64, shape (bands,)
        Full width at half maximum.
    shot : float64, shape (bands,)
        Variance that a unit of flux adds to a pixel (one over the gain); 0 where none is seen.
    correlation : float64, shape (bands, 2 MOST_LAG + 1, 2 MOST_LAG + 1)
        Correlation coefficients of the noise of pixels so far apart; one in the middle.
    stars : int64, shape (bands,)
        On how many stars the PSF was measured; 0 where it is that of the most compact objects, an upper
        bound.
    """

    sigma: FloatArray
    psf: Pixels
    psf_fwhm_arcsec: FloatArray
    shot: FloatArray
    correlation: FloatArray
    stars: NDArray[np.int64]


def measure_sky(
    pixels: Pixels,
    *,
    pixel_scale_arcsec: float,
    psf: Pixels | None = None,
    noise: FloatArray | None = None,
) -> SkyModel:
    """Measure noise, PSF and gain on images (n, y, x, band) of objects on a sky.

    Known PSFs (bands, k, k) of unit sum are taken as they are, and known noise as `noise_of_images` takes it.
    """
    light = above_sky(pixels)
    images = noise_of_images(light, known=noise)
    sigma = np.nanmedian(images, axis=0)
    measured = (
        measure_psf(light, sigma, pixel_scale_arcsec=pixel_scale_arcsec)
        if psf is None
        else known_psf(psf, pixel_scale_arcsec=pixel_scale_arcsec)
    )
    part = evenly_taken(
        len(light), light[0, ..., 0].size, most=CORRELATION_IMAGES, most_pixels=CORRELATION_PIXELS
    )
    return SkyModel(
        sigma=sigma,
        psf=measured.kernels,
        psf_fwhm_arcsec=measured.fwhm_arcsec,
        shot=shot_variance(light, sigma),
        correlation=noise_correlation(light[part], images[part]),
        stars=measured.stars,
    )


def evenly_taken(count: int, pixels: int, *, most: int, most_pixels: int) -> NDArray[np.int64]:
    """Return which of `count` images of so many `pixels` each to measure on, evenly spread.

    Large images show more sky each: fewer of them tell as much, in the time that small ones take.
    """
    return evenly_spread(count, min(most, max(FEWEST_IMAGES, most_pixels // max(pixels, 1))))


def middle_of(images: NDArray[Any], side: int) -> NDArray[Any]:
    """Return the middle of images (n, y, x, ...) where they are larger than `side` pixels: a view.

    It is a pixel larger where the middle of the images would not be that of the view.
    """
    top, left = (max(0, (length - side) // 2) for length in images.shape[1:3])
    return images[:, top : images.shape[1] - top, left : images.shape[2] - left]


def above_sky(pixels: Pixels) -> FloatArray:
    """Return images without their sky, the median of their border."""
    edge = max(1, min(pixels.shape[1:3]) // 8)
    border = np.ones(pixels.shape[1:3], bool)
    border[edge:-edge, edge:-edge] = False
    outer = pixels[:, border].astype(np.float64)
    filled = np.where(np.isfinite(outer).any(1, keepdims=True), outer, 0.0)
    light: FloatArray = pixels - np.nanmedian(filled, axis=1)[:, None, None, :]
    return light


def sky_pixels(light: FloatArray) -> Mask:
    """Return where images (n, y, x, band) show sky in every band, away from anything that shines: (n, y, x).

    What shines is found on smoothed images, where noise is weak. Their deep holes are left out as well, so
    that the noise is not cut on one side.
    """
    finite = np.isfinite(light)
    smooth = ndimage.uniform_filter(np.where(finite, light, 0.0), (0, SMOOTHING_PIXELS, SMOOTHING_PIXELS, 0))
    centre = np.median(smooth, axis=(1, 2), keepdims=True)
    spread = MAD_TO_SIGMA * np.median(np.abs(smooth - centre), axis=(1, 2), keepdims=True)
    shining = (np.abs(smooth - centre) > SOURCE_SIGMA * spread).any(3)
    # Specks of one or two pixels are noise: sources are as large as the PSF.
    shining = ndimage.binary_opening(shining, np.ones((1, 2, 2), bool))
    reach = np.ones((1, 2 * SOURCE_MARGIN + 1, 2 * SOURCE_MARGIN + 1), bool)
    return np.asarray(finite.all(3) & ~ndimage.binary_dilation(shining, reach), np.bool_)


def noise_of_images(light: FloatArray, *, known: FloatArray | None = None) -> FloatArray:
    """Return the noise per pixel of the sky of each image: (n, bands).

    What is `known` of it, by noise maps of the survey, is taken where it is near what is measured; a map
    that is not is in another unit or says something else.
    """
    measured = measured_noise(light)
    if known is None:
        return measured
    with np.errstate(divide="ignore", invalid="ignore"):
        near = np.abs(np.log(known / measured)) < np.log(MOST_OFF)
    return np.where(near, known, measured)


def measured_noise(light: FloatArray) -> FloatArray:
    """Return the noise per pixel of the sky of each image (n, bands), as it is measured.

    It is the scatter of differences of sky pixels from the mean of two on either side, too far apart to share
    noise: neighbours are correlated by resampling, so that their differences are too small, and slopes, of
    the sky or of a galaxy's outskirts, do not count.
    An image without enough sky gets the noise of the others.
    """
    sky = sky_pixels(light)
    lag = min(FAR_LAG, max(1, (min(light.shape[1:3]) - 1) // 3))
    spread = [_spread_of_differences(light, sky, dy, dx, bent=True) for dy, dx in ((0, lag), (lag, 0))]
    with np.errstate(all="ignore"):
        counted = np.isfinite(spread)
        sigma = np.sqrt(np.where(counted, np.square(spread), 0).sum(0) / counted.sum(0) / 1.5)
    if not np.isfinite(sigma).any():  # no sky anywhere: galaxies are smooth on the scale of a pixel
        everywhere = np.asarray(np.isfinite(light).all(3), np.bool_)
        sigma = _spread_of_differences(light, everywhere, 0, 1) / np.sqrt(2)
    usual = np.array(
        [np.median(band[np.isfinite(band)]) if np.isfinite(band).any() else 0 for band in sigma.T]
    )
    return np.maximum(np.where(np.isfinite(sigma), sigma, usual), SMALLEST_SIGMA)


def _spread_of_differences(
    light: FloatArray, sky: Mask, dy: int, dx: int, *, bent: bool = False
) -> FloatArray:
    """Return the robust scatter (n, bands) of differences of sky pixels (dy, dx) apart; NaN of too few.

    `bent` takes those of pixels from the mean of two on either side, in which no slope is left.
    """
    height, width = sky.shape[1:]
    steps = 2 if bent else 1
    sides = [
        (
            slice(None),
            slice(step * dy, height - (steps - step) * dy),
            slice(max(0, step * dx, (step - steps) * dx), width + min(0, step * dx, (step - steps) * dx)),
        )
        for step in range(steps + 1)
    ]
    joint = np.logical_and.reduce([sky[side] for side in sides])
    first, last = light[sides[0]], light[sides[-1]]
    differences = np.abs(light[sides[1]] - (first + last) / 2 if bent else last - first)
    spread = np.full((len(light), light.shape[3]), np.nan)
    for row in np.flatnonzero(joint.sum((1, 2)) >= FEWEST_PIXELS):
        spread[row] = MAD_TO_SIGMA * np.median(differences[row][joint[row]], axis=0)
    return spread


def noise_correlation(light: FloatArray, sigma: FloatArray) -> FloatArray:
    """Return the autocorrelation of the sky's noise at small lags: (bands, 2 MOST_LAG + 1, 2 MOST_LAG + 1).

    Differences of pixels at a lag scatter by 2 σ² (1 − ρ), the structure function.

    Parameters
    ----------
    sigma
        Noise of each image (n, bands), from `noise_of_images`.
    """
    sky, size, bands = sky_pixels(light), 2 * MOST_LAG + 1, light.shape[3]
    correlation = np.zeros((bands, size, size))
    correlation[:, MOST_LAG, MOST_LAG] = 1
    if min(light.shape[1:3]) <= 2 * MOST_LAG:
        return correlation
    for dy in range(MOST_LAG + 1):
        for dx in range(-MOST_LAG, MOST_LAG + 1):
            if (dy, dx) > (0, 0):
                spread = _spread_of_differences(light, sky, dy, dx)
                known = np.isfinite(spread).all(1)
                # The ratio of means: a mean of ratios would be too large by what each σ is uncertain.
                variance = (spread[known] ** 2).sum(0) / np.maximum((sigma[known] ** 2).sum(0), 1e-300)
                shared = 1 - variance / 2 if known.any() else np.zeros(bands)
                correlation[:, MOST_LAG + dy, MOST_LAG + dx] = shared
                correlation[:, MOST_LAG - dy, MOST_LAG - dx] = shared
    return correlation


def correlated_normals(
    rng: np.random.Generator, shape: tuple[int, int, int], correlation: FloatArray
) -> Pixels:
    """Draw noise (n, height, width) of unit variance, correlated as given for one band."""
    reach = len(correlation) // 2
    height, width = (fft.next_fast_len(side + reach, real=True) for side in shape[1:])
    covariance = np.zeros((height, width))
    covariance[: 2 * reach + 1, : 2 * reach + 1] = correlation
    power = np.maximum(fft.rfft2(np.roll(covariance, (-reach, -reach), (0, 1))).real, 0)
    white = rng.standard_normal((shape[0], height, width), dtype=np.float32)
    noise = fft.irfft2(fft.rfft2(white) * np.sqrt(power).astype(np.float32), s=(height, width))
    # What measurement errors made negative was cut off: the variance is brought back to one.
    variance = fft.irfft2(power, s=(height, width))[0, 0]
    drawn: Pixels = (noise[:, : shape[1], : shape[2]] / np.sqrt(variance)).astype(np.float32)
    return drawn


def shot_variance(light: FloatArray, sigma: FloatArray) -> FloatArray:
    """Return the variance per unit of flux (bands,), from how much rougher faint light is than the sky.

    Roughness is the difference of a pixel from the mean of its neighbours in a row, which smooth light
    hardly has; correlation lowers that of light and of sky alike. Structure of galaxies adds to it: this is
    an upper bound.
    """
    rough = light[:, :, 1:-1] - (light[:, :, :-2] + light[:, :, 2:]) / 2
    level = (light[:, :, :-2] + light[:, :, 2:]) / 2 / sigma
    shot = np.zeros(len(sigma))
    for band in range(len(sigma)):
        lit, dark = [
            (level[..., band] > low) & (level[..., band] < high) & np.isfinite(rough[..., band])
            for low, high in (LIT_SIGMA, DARK_SIGMA)
        ]
        if min(lit.sum(), dark.sum()) >= FEWEST_PIXELS:
            variance, sky = (
                float(np.median(np.abs(rough[..., band][part])) * MAD_TO_SIGMA) ** 2 for part in (lit, dark)
            )
            excess = (variance - sky) * sigma[band] ** 2 / max(sky, SMALLEST_SIGMA**2)
            shot[band] = max(0.0, excess / (level[..., band][lit].mean() * sigma[band]))
    return shot


def through_psf(light: NDArray[Any], psf: Pixels) -> FloatArray:
    """Convolve light per pixel (n, size, size, bands) with each band's PSF: same shape.

    The PSF as stars show it holds the pixel's own width, and so does light summed over pixels: the spectrum
    is divided by that of a pixel.
    """
    size = light.shape[1]
    spectra, length = psf_spectra(psf, size)
    pixel = np.sinc(fft.fftfreq(length))[:, None] * np.sinc(fft.rfftfreq(length))
    spectra /= pixel.astype(np.float32)
    seen = np.empty(light.shape, np.float64)
    for band, spectrum in enumerate(spectra):
        transformed = fft.rfft2(light[..., band].astype(np.float32), s=(length, length))
        seen[..., band] = fft.irfft2(transformed * spectrum, s=(length, length))[:, :size, :size]
    return seen


def psf_spectra(psf: Pixels, size: int) -> tuple[Any, int]:
    """Return the spectra (bands, length, length // 2 + 1) of PSFs, and a length that `size` pixels fit in."""
    kernel_size = psf.shape[-1]
    length = int(fft.next_fast_len(max(size + kernel_size // 2, kernel_size), real=True))
    padded = np.zeros((len(psf), length, length), np.float32)
    padded[:, :kernel_size, :kernel_size] = psf
    return fft.rfft2(np.roll(padded, (-(kernel_size // 2), -(kernel_size // 2)), axis=(1, 2))), length
