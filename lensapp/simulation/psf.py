"""Point spread functions: Moffat kernels and convolution in Fourier space."""

from typing import Any

import numpy as np
from scipy import fft

from lensapp.simulation.profiles import Array, axis_ratio_and_angle, column, rotated

MOFFAT_BETA = 3.5
KERNEL_RADIUS_FWHM = 4.0


def moffat_width(fwhm_arcsec: Array, beta: Array | float = MOFFAT_BETA) -> Array:
    """Return the scale radius α (arcsec) of Moffat profiles of the given full width at half maximum."""
    width: Array = fwhm_arcsec / (2 * np.sqrt(2 ** (1 / beta) - 1))
    return width


def noise_equivalent_area(fwhm_arcsec: Array) -> Array:
    """Return 1 / ∫P² of Moffat profiles P, in square arcsec.

    References
    ----------
    King 1983, PASP 95, 163 (what the area means); the integral is elementary.
    """
    return np.pi * moffat_width(fwhm_arcsec) ** 2 * (2 * MOFFAT_BETA - 1) / (MOFFAT_BETA - 1) ** 2


def moffat_kernels(
    size: int,
    pixel_scale_arcsec: float,
    *,
    fwhm_arcsec: Array,
    e1: Array,
    e2: Array,
    beta: Array | None = None,
) -> Array:
    """Draw Moffat point spread functions of unit sum, centred on pixel (size // 2, size // 2).

    `beta` (n,) is the exponent of the wings, 3.5 where none is given.

    Returns
    -------
    Array
        Shape (n, size, size), float32.

    References
    ----------
    Moffat 1969, A&A 3, 455; Trujillo et al. 2001, MNRAS 328, 977 (β of real seeing).
    """
    axis = (np.arange(size, dtype=np.float32) - size // 2) * np.float32(pixel_scale_arcsec)
    q, angle = axis_ratio_and_angle(e1, e2)
    along, across = rotated(axis[None, None, :], axis[None, :, None], column(angle, np.float32))
    width = moffat_width(fwhm_arcsec, MOFFAT_BETA if beta is None else beta)
    squared = along * along * column(q / width**2, np.float32)
    squared += across * across * column(1 / (q * width**2), np.float32)
    squared += 1
    exponent = np.float32(-MOFFAT_BETA) if beta is None else column(-beta, np.float32)
    kernel: Array = np.exp(exponent * np.log(squared))
    kernel /= kernel.sum((1, 2), keepdims=True)
    return kernel


def kernel_radius_pixels(fwhm_arcsec: float, pixel_scale_arcsec: float) -> int:
    """Return how many pixels a kernel must reach to hold all but a percent of the light."""
    return int(np.ceil(KERNEL_RADIUS_FWHM * fwhm_arcsec / pixel_scale_arcsec / 2)) + 1


def kernel_spectra(kernels: Array, length: int) -> Array:
    """Transform kernels (n, k, k) to spectra (n, length, length // 2 + 1) centred on the origin."""
    size = kernels.shape[-1]
    padded = np.zeros((len(kernels), length, length), np.float32)
    padded[:, :size, :size] = kernels
    padded = np.roll(padded, (-(size // 2), -(size // 2)), axis=(1, 2))
    spectra: Array = fft.rfft2(padded)
    return spectra


def fourier_length(size: int, kernel_size: int) -> int:
    """Return the fast transform length at which light does not wrap around within `size` pixels."""
    return int(fft.next_fast_len(size + kernel_size // 2, real=True))


def shift_phases(length: int, x_pixels: Array, y_pixels: Array) -> Any:
    """Return the spectra (n, length, length // 2 + 1) of shifts by fractions of a pixel."""
    kx = np.fft.rfftfreq(length)
    ky = np.fft.fftfreq(length)
    phase_x = np.exp(-2j * np.pi * x_pixels[:, None] * kx).astype(np.complex64)
    phase_y = np.exp(-2j * np.pi * y_pixels[:, None] * ky).astype(np.complex64)
    return phase_y[:, :, None] * phase_x[:, None, :]


def convolved(light: Array, spectra: Any, length: int) -> Array:
    """Convolve light (n, size, size) with PSFs given by their `spectra`; dark outside the image."""
    size = light.shape[-1]
    transformed = fft.rfft2(light, s=(length, length))
    transformed *= spectra
    image: Array = fft.irfft2(transformed, s=(length, length), overwrite_x=True)[:, :size, :size]
    return image
