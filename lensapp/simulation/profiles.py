"""Surface brightness profiles on a supersampled grid, drawn for many images at once.

Every profile returns an unnormalised or a unit-flux stack of shape (n, size, size). Shape
parameters are arrays of shape (n,), so that one call draws a whole batch.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gamma

Array = NDArray[np.floating[Any]]
Indices = NDArray[np.integer[Any]]

SMALLEST_RADIUS_ARCSEC = 1e-5


@dataclass(frozen=True)
class Grid:
    """Square pixels centred on the origin, each cut into `supersampling`² points.

    The origin lies in the middle of the image: on a pixel corner where `size` is even.
    """

    size: int
    pixel_scale_arcsec: float
    supersampling: int = 3
    dtype: type[np.floating[Any]] = np.float32

    def axes(self) -> tuple[Array, Array]:
        """Return x of shape (1, 1, m) and y of shape (1, m, 1) in arcsec, m = size × supersampling."""
        points = self.size * self.supersampling
        step = self.pixel_scale_arcsec / self.supersampling
        axis = ((np.arange(points) - (points - 1) / 2) * step).astype(self.dtype)
        return axis[None, None, :], axis[None, :, None]

    def binned(self, brightness: Array) -> Array:
        """Average points (n, m, m) into pixels (n, size, size)."""
        fine = self.supersampling
        if fine == 1:
            return brightness
        rows = brightness.reshape(-1, self.size, fine, brightness.shape[-1]).sum(2)
        columns: Array = rows[..., ::fine].copy()
        for offset in range(1, fine):
            columns += rows[..., offset::fine]
        columns /= self.dtype(fine**2)
        return columns

    @property
    def pixel_area_arcsec2(self) -> float:
        """Area of one pixel in square arcsec."""
        return self.pixel_scale_arcsec**2


@dataclass(frozen=True)
class Sersic:
    """Elliptical Sersic profiles: each field has shape (n,).

    `radius_arcsec` is the half-light radius of the geometric-mean axis. Ellipticity follows
    e = (1 − q) / (1 + q), e1 = e cos 2φ, e2 = e sin 2φ, with φ from x towards y.
    """

    x_arcsec: Array
    y_arcsec: Array
    radius_arcsec: Array
    index: Array
    e1: Array
    e2: Array

    @classmethod
    def centred(cls, radius_arcsec: Array, index: Array, e1: Array, e2: Array) -> "Sersic":
        """Return profiles about the origin."""
        zero = np.zeros(len(radius_arcsec))
        return cls(zero, zero, radius_arcsec, index, e1, e2)

    def of(self, part: slice) -> "Sersic":
        """Return some of the profiles."""
        return Sersic(**{name: values[part] for name, values in vars(self).items()})


def column(values: Array, dtype: type[np.floating[Any]]) -> Array:
    """Reshape (n,) to (n, 1, 1) in the precision of the grid."""
    return np.asarray(values, dtype)[:, None, None]


def axis_ratio_and_angle(e1: Array, e2: Array) -> tuple[Array, Array]:
    """Return axis ratio q and position angle φ (radians) of ellipticities of shape (n,)."""
    ellipticity = np.minimum(np.hypot(e1, e2), 0.9999)
    return (1 - ellipticity) / (1 + ellipticity), np.arctan2(e2, e1) / 2


def rotated(x: Array, y: Array, angle: Array) -> tuple[Array, Array]:
    """Return coordinates along and across the direction `angle` (radians, broadcast)."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return cosine * x + sine * y, cosine * y - sine * x


def sersic_b(index: Array) -> Array:
    """Return b_n ≈ 1.9992 n − 0.3271, valid for 0.5 < n < 10.

    References
    ----------
    Capaccioli 1989, in The World of Galaxies, p. 208.
    """
    return 1.9992 * index - 0.3271


def sersic_brightness(x: Array, y: Array, shape: Sersic) -> Array:
    """Evaluate Sersic profiles, one at the half-light radius, at points x, y (n, m, m) in arcsec.

    References
    ----------
    Sersic 1963; Graham & Driver 2005, PASA 22, 118, equation 1.
    """
    dtype = np.result_type(x, y).type
    q, angle = axis_ratio_and_angle(shape.e1, shape.e2)
    along, across = rotated(
        x - column(shape.x_arcsec, dtype), y - column(shape.y_arcsec, dtype), column(angle, dtype)
    )
    scale = shape.radius_arcsec**2
    squared = along * along * column(q / scale, dtype)
    squared += across * across * column(1 / (q * scale), dtype)
    np.maximum(squared, column(SMALLEST_RADIUS_ARCSEC**2 / scale, dtype), out=squared)
    np.log(squared, out=squared)
    squared *= column(0.5 / shape.index, dtype)
    np.exp(squared, out=squared)
    squared -= 1
    squared *= column(-sersic_b(shape.index), dtype)
    np.exp(squared, out=squared)
    return squared


def sersic_total(shape: Sersic) -> Array:
    """Return the total flux (n,) of profiles with unit brightness at the half-light radius.

    References
    ----------
    Graham & Driver 2005, PASA 22, 118, equation 4.
    """
    b, n = sersic_b(shape.index), shape.index
    total: Array = 2 * np.pi * n * shape.radius_arcsec**2 * np.exp(b) * b ** (-2 * n) * gamma(2 * n)
    return total


def sersic_images(grid: Grid, shape: Sersic) -> Array:
    """Draw unit-flux Sersic galaxies: (n, size, size), flux per pixel."""
    x, y = grid.axes()
    image = grid.binned(sersic_brightness(x, y, shape))
    image *= column(grid.pixel_area_arcsec2 / sersic_total(shape), grid.dtype)
    return image


def unit_flux(image: Array) -> Array:
    """Scale each image of a stack to a sum of one."""
    total = image.sum((1, 2), keepdims=True)
    scaled: Array = image / np.maximum(total, np.finfo(image.dtype).tiny)
    return scaled


def disc_polar(grid: Grid, *, e1: Array, e2: Array) -> tuple[Array, Array]:
    """Return radius (arcsec) and azimuth (radians) in the plane of inclined discs: two (n, m, m)."""
    x, y = grid.axes()
    q, angle = axis_ratio_and_angle(e1, e2)
    along, across = rotated(x, y, column(angle, grid.dtype))
    across = across / column(q, grid.dtype)
    return np.hypot(along, across) + grid.dtype(SMALLEST_RADIUS_ARCSEC), np.arctan2(across, along)


def spiral_arm_images(
    grid: Grid,
    *,
    radius_arcsec: Array,
    e1: Array,
    e2: Array,
    arms: Array,
    pitch_rad: Array,
    phase_rad: Array,
    sharpness: Array,
) -> Array:
    """Draw unit-flux logarithmic spiral arms on an exponential disc: (n, size, size).

    References
    ----------
    Ringermacher & Mead 2009, MNRAS 397, 164 (spiral as a curve of constant pitch).
    """
    radius, azimuth = disc_polar(grid, e1=e1, e2=e2)
    scaled = radius / column(radius_arcsec, grid.dtype)
    winding = np.log(scaled) / column(np.tan(pitch_rad), grid.dtype)
    wave = np.cos(column(arms, grid.dtype) * (azimuth - winding) + column(phase_rad, grid.dtype))
    clumps = 1 + 0.35 * np.sin(3 * winding + 5 * column(phase_rad, grid.dtype) - azimuth)
    ridge = np.exp(column(sharpness, grid.dtype) * (wave - 1))
    return unit_flux(grid.binned(ridge * clumps * np.exp(-scaled) * (1 - np.exp(-((2 * scaled) ** 2)))))


def ring_images(
    grid: Grid,
    *,
    radius_arcsec: Array,
    width_arcsec: Array,
    e1: Array,
    e2: Array,
    unevenness: Array,
    phase_rad: Array,
) -> Array:
    """Draw unit-flux Gaussian rings, brighter on one side by `unevenness` (0 to 1)."""
    radius, azimuth = disc_polar(grid, e1=e1, e2=e2)
    offset = (radius - column(radius_arcsec, grid.dtype)) / column(width_arcsec, grid.dtype)
    side = 1 + column(unevenness, grid.dtype) * np.cos(azimuth - column(phase_rad, grid.dtype))
    return unit_flux(grid.binned(np.exp(-0.5 * offset**2) * side))


def tail_images(
    grid: Grid,
    *,
    radius_arcsec: Array,
    growth: Array,
    start_rad: Array,
    length_rad: Array,
    width: Array,
) -> Array:
    """Draw unit-flux tidal tails: ribbons along r = radius × exp(growth × angle), fading outwards."""
    x, y = grid.axes()
    radius = np.hypot(x, y) + grid.dtype(SMALLEST_RADIUS_ARCSEC)
    angle = np.mod(np.arctan2(y, x) - column(start_rad, grid.dtype), 2 * np.pi)
    ridge = np.log(radius / column(radius_arcsec, grid.dtype)) - column(growth, grid.dtype) * angle
    across = np.exp(-0.5 * (ridge / column(width, grid.dtype)) ** 2)
    ends = 1 / (1 + np.exp(8 * (angle - column(length_rad, grid.dtype))))
    return unit_flux(grid.binned(across * ends * np.exp(-angle / 2)))
