"""The PSF of images, measured on the stars among what they show."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, optimize

from lensapp.simulation.profiles import axis_ratio_and_angle, rotated
from lensapp.simulation.psf import KERNEL_RADIUS_FWHM, MOFFAT_BETA, shift_phases

Pixels = NDArray[np.float32]
FloatArray = NDArray[np.float64]

PEAK_SIGMA, MOST_PEAKS, FEWEST_STARS = 15.0, 3000, 5
STAMP_RADIUS, LEAST_STAMP_RADIUS, WINDOW_SIGMA, CENTRINGS = 12, 4, 2.0, 4
SPIKE = 0.3  # neighbours of a star's peak are brighter than this share of it, those of a cosmic ray are not
LOCUS_WIDTH, LOCUS_SHARE, ROUNDNESS = 0.25, 0.03, 0.1
CORE_FWHM, STARS_FOR_CORE = 1.2, 10
LEAST_PSF_PIXELS, UNKNOWN_PSF_PIXELS, COMPACT_FRACTION, MOST_PSF_ARCSEC = 1.5, 3.0, 0.1, 2.0


@dataclass(frozen=True, eq=False)
class MeasuredPsf:
    """PSFs (bands, k, k) of unit sum, their widths (bands,) and on how many stars each was measured."""

    kernels: Pixels
    fwhm_arcsec: FloatArray
    stars: NDArray[np.int64]


@dataclass(frozen=True)
class Moffat:
    """An elliptical Moffat profile in pixels; ellipticity as in `profiles.Sersic`."""

    fwhm: float
    beta: float = MOFFAT_BETA
    e1: float = 0.0
    e2: float = 0.0
    x: float = 0.0
    y: float = 0.0

    def image(self, radius: int) -> FloatArray:
        """Return its values on (2 radius + 1)² pixels, one at the peak."""
        axis = np.arange(-radius, radius + 1, dtype=np.float64)
        q, angle = axis_ratio_and_angle(np.array([self.e1]), np.array([self.e2]))
        along, across = rotated(axis[None, :] - self.x, axis[:, None] - self.y, angle[0])
        width = self.fwhm / (2 * np.sqrt(2 ** (1 / self.beta) - 1))
        squared = (along**2 * q[0] + across**2 / q[0]) / width**2
        values: FloatArray = (1 + squared) ** -self.beta
        return values


def measure_psf(light: FloatArray, sigma: FloatArray, *, pixel_scale_arcsec: float) -> MeasuredPsf:
    """Measure the PSF of each band on images (n, y, x, band) above their sky.

    Stars are the bright round peaks at the compact end of all sizes, stacked by their median. Where there
    are too few the width is that of the most compact objects in the middles of the images, an upper bound.
    """
    profiles, stacks, counts = [], [], []
    for band in range(len(sigma)):
        image = np.nan_to_num(light[..., band], nan=-np.inf)
        stamps = star_stamps(image, float(sigma[band]))
        stack = np.median(stamps, axis=0) if len(stamps) >= FEWEST_STARS else None
        fitted = None if stack is None else fit_moffat(stack)
        if fitted is None or fitted.fwhm * pixel_scale_arcsec > MOST_PSF_ARCSEC * 1.5:
            stack, stamps = None, stamps[:0]
            fitted = Moffat(compact_width(image, float(sigma[band]), pixel_scale_arcsec))
        profiles.append(fitted)
        stacks.append(stack)
        counts.append(len(stamps))
    fwhm = np.array([profile.fwhm for profile in profiles])
    radius = int(np.ceil(KERNEL_RADIUS_FWHM * fwhm.max()))
    kernels = [kernel_of(*parts, radius) for parts in zip(profiles, stacks, counts, strict=True)]
    return MeasuredPsf(
        np.stack(kernels).astype(np.float32), fwhm * pixel_scale_arcsec, np.array(counts, np.int64)
    )


def known_psf(kernels: Pixels, *, pixel_scale_arcsec: float) -> MeasuredPsf:
    """Return given PSFs (bands, k, k) with the widths of Moffat profiles fitted to them, each of one star."""
    profiles = [fit_moffat(np.asarray(kernel, np.float64)) for kernel in kernels]
    fwhm = [profile.fwhm if profile is not None else UNKNOWN_PSF_PIXELS for profile in profiles]
    stars = np.ones(len(kernels), np.int64)
    return MeasuredPsf(kernels.astype(np.float32), np.array(fwhm) * pixel_scale_arcsec, stars)


def unit_kernels(images: Sequence[NDArray[Any]]) -> Pixels:
    """Return images (y, x) of stars as PSFs (n, k, k) of unit sum with the star in the middle; k is odd.

    An image without light gives a PSF that is not finite.
    """
    side = min(min(image.shape) for image in images)
    side -= 1 - side % 2  # odd, so that the star is in the middle of a pixel
    kernels = []
    for image in images:
        y, x = np.unravel_index(np.argmax(np.nan_to_num(image, nan=-np.inf)), image.shape)
        half = min(side // 2, y, x, image.shape[0] - 1 - y, image.shape[1] - 1 - x)
        star = np.nan_to_num(image[y - half : y + half + 1, x - half : x + half + 1])
        kernels.append(np.pad(star, side // 2 - half))
    stack = np.array(kernels, np.float64)
    total = stack.sum((1, 2), keepdims=True)
    kernels_of_unit_sum: Pixels = (stack / np.where(total > 0, total, np.nan)).astype(np.float32)
    return kernels_of_unit_sum


def star_stamps(image: FloatArray, sigma: float) -> FloatArray:
    """Cut the stars out of images (n, y, x): (stars, size, size), each centred and of one brightness."""
    radius = min(STAMP_RADIUS, (min(image.shape[1:]) - 1) // 2 - 2)
    if radius < LEAST_STAMP_RADIUS:
        return np.empty((0, 1, 1))
    highest = ndimage.maximum_filter(image, (0, 7, 7)) == image
    inner = np.zeros(image.shape[1:], bool)
    inner[radius:-radius, radius:-radius] = True
    which, y, x = np.nonzero(highest & inner & (image > PEAK_SIGMA * sigma))
    order = np.argsort(-image[which, y, x], kind="stable")[:MOST_PEAKS]
    which, y, x = which[order], y[order], x[order]
    offset = np.arange(-radius, radius + 1)
    stamps = image[which[:, None, None], (y[:, None] + offset)[:, :, None], (x[:, None] + offset)[:, None]]
    stamps = stamps[np.isfinite(stamps).all((1, 2))]
    edge = np.ones(stamps.shape[1:], bool)
    edge[1:-1, 1:-1] = False
    stamps = stamps - np.median(stamps[:, edge], axis=1)[:, None, None]
    peak = stamps[:, radius, radius]
    beside = (stamps[:, radius - 1 : radius + 2, radius - 1 : radius + 2].sum((1, 2)) - peak) / 8
    stamps = stamps[(peak > 0) & (beside > SPIKE * peak)]
    if not len(stamps):
        return np.asarray(stamps, np.float64)
    size, e1, e2, dx, dy, flux = windowed_moments(stamps)
    # Brightest first, as the stamps are; centres of faint stars are uncertain and would widen the stack.
    stars = np.sort(stellar(size, e1, e2))
    stars = stars[: max(STARS_FOR_CORE, len(stars) // 2)]
    length = stamps.shape[-1]
    phases = shift_phases(length, -dx[stars], -dy[stars])
    centred: FloatArray = fft.irfft2(fft.rfft2(stamps[stars]) * phases, s=(length, length))
    normalised: FloatArray = centred / flux[stars, None, None]
    return normalised


def windowed_moments(images: FloatArray, *, window: float = WINDOW_SIGMA) -> tuple[FloatArray, ...]:
    """Measure what lies in the middle of square images under a Gaussian window.

    Returns
    -------
    size, e1, e2, x, y, flux : each of shape (n,)
        Size in pixels²; (a² - b²)/(a² + b²) of the weighted light, for a window as wide as the light about
        (1 - q)/(1 + q) of the light itself; centre in pixels from the middle; flux under the window.
    """
    side = images.shape[-1]
    axis = np.arange(side) - (side - 1) / 2
    x0, y0 = np.zeros((2, len(images), 1, 1))
    for _ in range(CENTRINGS):
        x, y = axis[None, None, :] - x0, axis[None, :, None] - y0
        weighted = images * np.exp(-(x * x + y * y) / (2 * window**2))
        total = weighted.sum((1, 2), keepdims=True)
        total = np.where(total > 0, total, np.inf)
        # Under a window as wide as the light a centre moves by half of what is missing.
        x0 = np.clip(x0 + 2 * (weighted * x).sum((1, 2), keepdims=True) / total, -window, window)
        y0 = np.clip(y0 + 2 * (weighted * y).sum((1, 2), keepdims=True) / total, -window, window)
    xx, yy, xy = ((weighted * one).sum((1, 2)) / total[:, 0, 0] for one in (x * x, y * y, x * y))
    spread = np.maximum(xx + yy, 1e-9)
    return xx + yy, (xx - yy) / spread, 2 * xy / spread, x0[:, 0, 0], y0[:, 0, 0], total[:, 0, 0]


def stellar(size: FloatArray, e1: FloatArray, e2: FloatArray) -> NDArray[np.int64]:
    """Return which objects crowd at the compact end of all sizes and share one shape: the stars.

    The end is where so many objects are nearly of one size that they are no chance; most objects may be
    galaxies, of all sizes above.
    """
    order = np.argsort(size)
    ranked = size[order]
    members = np.searchsorted(ranked, ranked * (1 + LOCUS_WIDTH)) - np.arange(len(ranked))
    crowded = np.flatnonzero(members >= max(FEWEST_STARS, LOCUS_SHARE * len(size)))
    if not len(crowded):
        return np.empty(0, np.int64)
    middle = np.median(ranked[crowded[0] : crowded[0] + members[crowded[0]]])
    chosen = order[np.abs(ranked / middle - 1) <= LOCUS_WIDTH / 2]
    alike = np.hypot(e1[chosen] - np.median(e1[chosen]), e2[chosen] - np.median(e2[chosen])) < ROUNDNESS
    return np.asarray(chosen[alike], np.int64)


def fit_moffat(stack: FloatArray) -> Moffat | None:
    """Fit an elliptical Moffat profile on a constant to an image of a star; None where it does not fit."""
    radius = len(stack) // 2
    peak = float(stack[radius, radius])

    def model(values: FloatArray) -> FloatArray:
        image: FloatArray = values[0] * Moffat(*values[2:]).image(radius) + values[1]
        return image

    start = np.array([peak, 0.0, 3.0, MOFFAT_BETA, 0.0, 0.0, 0.0, 0.0])
    low = np.array([0.2 * peak, -peak, 0.8, 1.5, -0.5, -0.5, -1, -1])
    high = np.array([5 * peak, peak, max(4.0, 1.5 * radius), 30.0, 0.5, 0.5, 1, 1])
    fit = optimize.least_squares(
        lambda values: (model(values) - stack).ravel() / peak,
        start,
        bounds=(low, high),
        x_scale=0.1 * start + 0.1,
    )
    fwhm, beta, e1, e2 = fit.x[2:6]
    return Moffat(fwhm, beta, e1, e2) if fit.success else None


def kernel_of(profile: Moffat, stack: FloatArray | None, stars: int, radius: int) -> FloatArray:
    """Return the PSF (k, k) of unit sum: the profile, and in its core what many stars add to it."""
    kernel = profile.image(radius)
    if stack is not None and stars >= STARS_FOR_CORE:
        half = min(radius, len(stack) // 2)
        inner = slice(radius - half, radius + half + 1)
        middle = slice(len(stack) // 2 - half, len(stack) // 2 + half + 1)
        stamp, model = stack[middle, middle], kernel[inner, inner]
        scale = (stamp * model).sum() / (model * model).sum()
        y, x = np.mgrid[-half : half + 1, -half : half + 1]
        core = 1 / (1 + (np.hypot(x, y) / (CORE_FWHM * profile.fwhm)) ** 8)
        kernel[inner, inner] += core * (stamp / scale - model)
    normalised: FloatArray = kernel / kernel.sum()
    return normalised


def compact_width(image: FloatArray, sigma: float, pixel_scale_arcsec: float) -> float:
    """Return the width (pixels) of the most compact objects in the middles of images (n, y, x).

    It is the full width at half maximum by the area above half the peak, where that is bright enough.
    """
    height, width = image.shape[1:]
    middle = image[:, height // 4 : height - height // 4, width // 4 : width - width // 4]
    peak = middle.max((1, 2))
    area = (middle > peak[:, None, None] / 2).sum((1, 2))
    widths = 2 * np.sqrt(area / np.pi)[peak > 10 * sigma]
    compact = float(np.quantile(widths, COMPACT_FRACTION)) if len(widths) else UNKNOWN_PSF_PIXELS
    return float(np.clip(compact, LEAST_PSF_PIXELS, MOST_PSF_ARCSEC / pixel_scale_arcsec))
