"""The noise of stacks: white on the detector, correlated by resampling to the pixels of the stack."""

from functools import lru_cache

import numpy as np
from scipy import fft

from lensapp.simulation.profiles import Array, rotated

LANCZOS_ORDER = 3
PHASES, ANGLES = 6, 12
FAINTEST_AMPLITUDE = 0.01


def lanczos(x: Array) -> Array:
    """Return the Lanczos kernel of order 3.

    References
    ----------
    Duchon 1979, Journal of Applied Meteorology 18, 1016.
    """
    return np.where(np.abs(x) < LANCZOS_ORDER, np.sinc(x) * np.sinc(x / LANCZOS_ORDER), 0.0)


def noise_power(length: int, *, detector_pixels: float, turning: bool) -> Array:
    """Return the power spectrum (length, length) of a stack's noise, one where the detector's is.

    Exposures are resampled by Lanczos kernels of order 3 as wide as the detector's pixels, `detector_pixels`
    of the stack's. They lie at all phases to those and, where the camera is `turning`, at all angles; their
    power spectra are averaged. Noise of anything larger than the kernel, as depths are measured, stays what
    it was on the detector.
    """
    # What is finer than the stack's pixels is sampled, not smoothed.
    width = max(detector_pixels, 1.0)
    axis = np.arange(length) - length // 2
    phases = (np.arange(PHASES) + 0.5) / PHASES - 0.5
    angles = (np.arange(ANGLES) + 0.5) / ANGLES * np.pi / 2 if turning else np.zeros(1)
    power = np.zeros((length, length))
    for angle in angles:
        for phase_y in phases:
            for phase_x in phases:
                along, across = rotated((axis + phase_x)[None, :], (axis + phase_y)[:, None], angle)
                kernel = lanczos(along / width) * lanczos(across / width)
                power += np.abs(fft.fft2(kernel / kernel.sum())) ** 2
    return power / (len(angles) * PHASES**2)


@lru_cache(maxsize=32)
def noise_amplitude(size: int, *, detector_pixels: float, turning: bool) -> Array:
    """Return the amplitudes of noise in images of `size` pixels, by frequency: (length, length // 2 + 1).

    They are those of normal numbers in each real and imaginary part.
    """
    reach = int(np.ceil(np.sqrt(2) * LANCZOS_ORDER * max(detector_pixels, 1.0)))
    length = fft.next_fast_len(size + reach, real=True)
    power = noise_power(length, detector_pixels=detector_pixels, turning=turning)
    amplitude = np.sqrt(power[:, : length // 2 + 1] / 2) * length
    # Of frequencies that stand alone, not for a pair, the transform keeps the real part only.
    amplitude[:, [0, -1] if length % 2 == 0 else [0]] *= np.sqrt(2)
    scaled: Array = amplitude.astype(np.float32)
    return scaled


def stack_noise(
    rng: np.random.Generator, count: int, size: int, *, detector_pixels: float, turning: bool
) -> Array:
    """Draw noise (count, size, size) as a stack shows what is white with unit variance on the detector."""
    amplitude = noise_amplitude(size, detector_pixels=detector_pixels, turning=turning)
    length = len(amplitude)
    # Large detector pixels leave nothing at high frequencies: nothing is drawn there.
    lasting = 1 + int(np.flatnonzero((amplitude > FAINTEST_AMPLITUDE * amplitude.max()).any(0))[-1])
    rows = np.flatnonzero(np.abs(fft.fftfreq(length, 1 / length)) < lasting)
    drawn = rng.standard_normal((count, len(rows), lasting, 2), dtype=np.float32).view(np.complex64)[..., 0]
    spectrum = np.zeros((count, *amplitude.shape), np.complex64)
    spectrum[:, rows, :lasting] = drawn * amplitude[rows, :lasting]
    noise: Array = fft.irfft2(spectrum, s=(length, length), overwrite_x=True)
    return noise[:, :size, :size]
