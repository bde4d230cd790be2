"""What telescope and sky do to light: seeing, depth, background, shot noise."""

from dataclasses import dataclass

import numpy as np

from lensapp.simulation.profiles import Array, Indices, column
from lensapp.simulation.psf import (
    MOFFAT_BETA,
    convolved,
    fourier_length,
    kernel_radius_pixels,
    kernel_spectra,
    moffat_kernels,
    noise_equivalent_area,
    shift_phases,
)
from lensapp.simulation.resampling import stack_noise
from lensapp.simulation.surveys import PLAIN, ZERO_POINT_MAG, SurveyProperties


@dataclass(frozen=True)
class Conditions:
    """How each of n views was taken: per band (n, bands), or per view (n,)."""

    seeing_arcsec: Array
    depth_mag: Array
    psf_e1: Array
    psf_e2: Array
    psf_beta: Array
    shift_x_pixels: Array
    shift_y_pixels: Array
    resampling: Array

    def of(self, views: Indices) -> "Conditions":
        """Return the conditions of some of the views."""
        return Conditions(**{name: values[views] for name, values in vars(self).items()})


def typical_conditions(count: int, bands: tuple[str, ...], survey: SurveyProperties = PLAIN) -> Conditions:
    """Return the median conditions of a survey for `count` views, perfectly centred."""
    typical, zero = [survey.bands[band] for band in bands], np.zeros(count)
    return Conditions(
        seeing_arcsec=np.tile([band.seeing_arcsec for band in typical], (count, 1)),
        depth_mag=np.tile([band.depth_mag for band in typical], (count, 1)),
        psf_e1=np.zeros((count, len(bands))),
        psf_e2=np.zeros((count, len(bands))),
        psf_beta=np.full((count, len(bands)), np.mean(survey.moffat_beta)),
        shift_x_pixels=zero,
        shift_y_pixels=zero,
        resampling=zero,
    )


def draw_conditions(
    rng: np.random.Generator, count: int, bands: tuple[str, ...], survey: SurveyProperties = PLAIN
) -> Conditions:
    """Draw seeing, depth, PSF shape, pointing offsets and resampling phases of `count` views."""
    typical = [survey.bands[band] for band in bands]
    shape = (count, len(bands))
    spread = rng.normal(0, survey.seeing_scatter, shape) + rng.normal(0, survey.seeing_scatter, (count, 1))
    depth = np.array([band.depth_mag for band in typical]) + rng.normal(0, survey.depth_scatter_mag, shape)
    # Bands of a published survey are taken in different nights, and each has its own PSF.
    own = shape if survey.published else (count, 1)
    return Conditions(
        seeing_arcsec=np.array([band.seeing_arcsec for band in typical]) * np.exp(spread),
        depth_mag=depth,
        psf_e1=np.broadcast_to(rng.normal(0, survey.psf_ellipticity, own), shape),
        psf_e2=np.broadcast_to(rng.normal(0, survey.psf_ellipticity, own), shape),
        shift_x_pixels=rng.normal(0, 0.5, count),
        shift_y_pixels=rng.normal(0, 0.5, count),
        resampling=rng.uniform(0.1, 0.4, count),
        psf_beta=(
            rng.uniform(*survey.moffat_beta, shape) if survey.published else np.full(shape, MOFFAT_BETA)
        ),
    )


def flux_of(magnitude: Array) -> Array:
    """Convert AB magnitudes to counts at the zero point of the survey."""
    flux: Array = 10 ** (-0.4 * (np.asarray(magnitude) - ZERO_POINT_MAG))
    return flux


def magnitude_of(flux: Array) -> Array:
    """Convert counts to AB magnitudes."""
    magnitude: Array = ZERO_POINT_MAG - 2.5 * np.log10(np.maximum(flux, 1e-6))
    return magnitude


def sky_variance(depth_mag: Array, seeing_arcsec: Array, pixel_scale_arcsec: float) -> Array:
    """Return the background variance per pixel for which a point source of `depth_mag` has S/N 5."""
    pixels = noise_equivalent_area(seeing_arcsec) / pixel_scale_arcsec**2
    variance: Array = (flux_of(depth_mag) / 5) ** 2 / pixels
    return variance


def electrons_per_count(sky_mag_per_arcsec2: float, variance: Array, pixel_scale_arcsec: float) -> Array:
    """Return the gain for which sky of the given brightness has the given variance per pixel."""
    sky = flux_of(np.array(sky_mag_per_arcsec2)) * pixel_scale_arcsec**2
    gain: Array = sky / variance
    return gain


def correlated_noise(rng: np.random.Generator, shape: tuple[int, int, int], resampling: Array) -> Array:
    """Draw unit-variance noise (n, size, size), correlated as bilinear resampling leaves it."""
    count, height, width = shape
    white = rng.standard_normal((count, height + 1, width + 1), dtype=np.float32)
    near, far = column(1 - resampling, np.float32), column(resampling, np.float32)
    rows = near * white[:, 1:] + far * white[:, :-1]
    noise: Array = near * rows[:, :, 1:] + far * rows[:, :, :-1]
    return noise / (near**2 + far**2)


def background(
    rng: np.random.Generator,
    shape: tuple[int, int, int],
    sigma: Array,
    residual_sigmas: tuple[float, float],
) -> Array:
    """Draw what sky subtraction leaves: an offset and gradients, of fractions of `sigma` (n,)."""
    count, height, width = shape
    level, slope = residual_sigmas
    offset, slope_x, slope_y = rng.normal(0, [[level], [slope], [slope]], (3, count)) * sigma
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[None, :, None]
    residual: Array = column(offset, np.float32) + column(slope_x, np.float32) * x
    return residual + column(slope_y, np.float32) * y


@dataclass(frozen=True)
class Camera:
    """Turns light on a canvas of `canvas` pixels into cutouts without its margin."""

    canvas: int
    margin: int
    bands: tuple[str, ...]
    pixel_scale_arcsec: float
    survey: SurveyProperties = PLAIN

    def exposed(self, light: Array, conditions: Conditions) -> Array:
        """Convolve light (n, bands, canvas, canvas) with the PSF of each view and cut the margin off."""
        size = self.canvas - 2 * self.margin
        image = np.empty((len(light), len(self.bands), size, size), np.float32)
        worst = max(self.survey.bands[band].seeing_arcsec for band in self.bands)
        kernel_size = 2 * kernel_radius_pixels(1.2 * worst, self.pixel_scale_arcsec) + 1
        length = fourier_length(self.canvas, kernel_size)
        phases = shift_phases(length, conditions.shift_x_pixels, conditions.shift_y_pixels)
        inner = slice(self.margin, self.margin + size)
        for band in range(len(self.bands)):
            kernels = moffat_kernels(
                kernel_size,
                self.pixel_scale_arcsec,
                fwhm_arcsec=conditions.seeing_arcsec[:, band],
                e1=conditions.psf_e1[:, band],
                e2=conditions.psf_e2[:, band],
                beta=conditions.psf_beta[:, band],
            )
            spectra = kernel_spectra(kernels, length) * phases
            image[:, band] = convolved(light[:, band], spectra, length)[:, inner, inner]
        return image

    def sky_sigma(self, conditions: Conditions) -> Array:
        """Return the background noise per pixel of each view, shape (n, bands)."""
        return np.sqrt(sky_variance(conditions.depth_mag, conditions.seeing_arcsec, self.pixel_scale_arcsec))

    def sigma(self, image: Array, conditions: Conditions) -> Array:
        """Return the noise per pixel of sky and light: same shape as `image` (n, bands, size, size)."""
        sky = self.sky_sigma(conditions) ** 2
        gains = [
            electrons_per_count(
                self.survey.bands[band].sky_mag_per_arcsec2, sky[:, index], self.pixel_scale_arcsec
            )
            for index, band in enumerate(self.bands)
        ]
        shot = np.maximum(image, 0) / np.stack(gains, -1)[:, :, None, None]
        noise: Array = np.sqrt(shot + sky[:, :, None, None], dtype=np.float32)
        return noise

    def signal_to_noise(self, arcs: Array, image: Array, conditions: Conditions) -> Array:
        """Return the S/N of `arcs` in `image`, both (n, bands, size, size), per view and band.

        It is that of a matched filter: the root of the summed squares of pixel S/N.
        """
        ratio = arcs / self.sigma(image, conditions)
        result: Array = np.sqrt((ratio * ratio).sum((2, 3), dtype=np.float64))
        return result

    def add_noise(self, rng: np.random.Generator, image: Array, conditions: Conditions) -> None:
        """Add background residuals, sky and shot noise to `image` (n, bands, size, size) in place."""
        count, _, height, width = image.shape
        shape = (count, height, width)
        sigma, sky = self.sigma(image, conditions), self.sky_sigma(conditions)
        for index, band in enumerate(self.bands):
            if self.survey.published:
                pixels = self.survey.bands[band].detector_pixel_arcsec / self.pixel_scale_arcsec
                turning = self.survey.turning_camera
                noise = stack_noise(rng, count, height, detector_pixels=pixels, turning=turning)
            else:
                noise = correlated_noise(rng, shape, conditions.resampling)
            image[:, index] += noise * sigma[:, index]
            image[:, index] += background(rng, shape, sky[:, index], self.survey.sky_residual)
