"""Shape of galaxies in numbers that do not depend on the unit of the flux, for many cutouts at once.

All are measured about the middle of the cutout inside its inscribed circle, after the median of the pixels
outside 0.9 of that circle, the sky, is taken off. They follow the published CAS, Gini and M20 statistics in
spirit, but are not those and must not be compared with published values: those are measured within a
Petrosian radius or segment of each galaxy, about the centre that minimises the asymmetry, less what the
sky adds.

References
----------
Conselice 2003, ApJS 147, 1 (concentration, asymmetry, smoothness); Lotz, Primack & Madau 2004, AJ 128, 163
(Gini, M20); Rodriguez-Gomez et al. 2019, MNRAS 483, 4140 (statmorph, which measures the published ones).
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lensapp.core.errors import InvalidInput

Planes = NDArray[np.float64]
"""One band of each cutout, shape (n, height, width)."""
Values = NDArray[np.float64]

SKY_RADIUS = 0.9
SMOOTHING = 5
CORE = 0.25
BRIGHTEST = 0.2
SMALLEST = 1e-6
PER_BAND = (
    "light_ratio", "turn_difference", "clumpiness", "inequality", "bright_moment", "ellipticity",
    "size", "signal_to_noise",
)  # fmt: skip


def morphology(pixels: NDArray[Any], *, bands: tuple[str, ...]) -> Values:
    """Measure cutouts of at least 5 pixels a side.

    Parameters
    ----------
    pixels : shape (n, height, width, bands)
        Flux in any unit; masked pixels (NaN) count as sky.

    Returns
    -------
    float64, shape (n, columns)
        The measures of PER_BAND for each band in turn; then for each pair of neighbouring bands the colour,
        and for each the gradient of the colour. All finite.
    """
    if pixels.ndim != 4 or pixels.shape[3] != len(bands) or min(pixels.shape[1:3]) < SMOOTHING:
        raise InvalidInput(
            f"Cutouts of shape {pixels.shape} cannot be measured: they need at least {SMOOTHING}×{SMOOTHING} "
            f"pixels in the bands {', '.join(bands)}. Choose other cutouts."
        )
    aperture = Aperture.of(pixels.shape[1], pixels.shape[2])
    planes = [subtract_sky(pixels[..., k].astype(np.float64), aperture) for k in range(len(bands))]
    columns = [column for plane, noise in planes for column in _of_band(plane, noise, aperture)]
    pairs = [(blue, red) for (blue, _), (red, _) in pairwise(planes)]
    columns += [_colour(blue, red, aperture.inside) for blue, red in pairs]
    # The outskirts less the core: blue arcs around a red lens are negative.
    core = aperture.radius <= CORE * aperture.largest
    outskirts = aperture.inside & ~core
    columns += [_colour(blue, red, outskirts) - _colour(blue, red, core) for blue, red in pairs]
    return np.nan_to_num(np.stack(columns, axis=1), posinf=0.0, neginf=0.0)


@dataclass(frozen=True, eq=False)
class Aperture:
    """Distances of the pixels from the middle of a cutout, in pixels, and the circle that fits in it.

    Attributes
    ----------
    x, y, radius : shape (height, width)
        Offsets from the middle and their length.
    largest
        Radius of the inscribed circle.
    inside, sky : bool, shape (height, width)
        Pixels within the circle, and those that measure the sky.
    """

    x: Values
    y: Values
    radius: Values
    largest: float
    inside: NDArray[np.bool_]
    sky: NDArray[np.bool_]

    @classmethod
    def of(cls, height: int, width: int) -> "Aperture":
        """Return the aperture of cutouts of this size."""
        y, x = np.indices((height, width), np.float64)
        y, x = y - (height - 1) / 2, x - (width - 1) / 2
        radius, largest = np.hypot(x, y), min(height, width) / 2
        return cls(x, y, radius, largest, radius <= largest, radius > SKY_RADIUS * largest)


def subtract_sky(planes: Planes, aperture: Aperture) -> tuple[Planes, Values]:
    """Return planes without their sky, masked pixels 0, and the noise of a pixel, shape (n,)."""
    finite = np.isfinite(planes)
    planes = np.where(finite, planes, np.nan)
    border = planes[:, aperture.sky]
    empty = ~np.isfinite(border).any(axis=1)
    border[empty] = 0.0
    level = np.nanmedian(border, axis=1)
    noise = 1.4826 * np.nanmedian(np.abs(border - level[:, None]), axis=1)
    return np.nan_to_num(planes - level[:, None, None]), noise


def _of_band(planes: Planes, noise: Values, aperture: Aperture) -> list[Values]:
    ellipticity, size = shape(planes, aperture)
    flux = planes[:, aperture.inside]
    uncertainty = np.maximum(noise * np.sqrt(flux.shape[1]), np.abs(flux).max(axis=1) * SMALLEST + 1e-300)
    return [
        light_ratio(planes, aperture),
        turn_difference(planes, aperture),
        clumpiness(planes, aperture),
        inequality(planes, aperture),
        bright_moment(planes, aperture),
        ellipticity,
        size,
        np.arcsinh(flux.sum(axis=1) / uncertainty),
    ]


def light_ratio(planes: Planes, aperture: Aperture) -> Values:
    """Return 5 log10(r80 / r20) of the circles that hold 80 and 20 % of the flux, shape (n,).

    The flux grows ring by ring of pixels at one distance, linearly with the area within a ring.
    """
    order = np.argsort(aperture.radius[aperture.inside], kind="stable")
    radii = aperture.radius[aperture.inside][order].round(6)
    starts = np.flatnonzero(np.diff(radii, prepend=-1.0))
    rings = np.add.reduceat(planes[:, aperture.inside][:, order], starts, axis=1)
    growth = np.maximum.accumulate(np.cumsum(rings, axis=1), axis=1)
    growth = np.concatenate([np.zeros((len(growth), 1)), growth], axis=1)
    area = np.append(starts, len(radii)).astype(np.float64)
    rows = np.arange(len(growth))
    areas = []
    for fraction in (0.2, 0.8):
        target = fraction * np.maximum(growth[:, -1:], 1e-300)
        above = np.argmax(growth >= target, axis=1)
        before = np.maximum(above - 1, 0)
        low, high = growth[rows, before], growth[rows, above]
        part = (target[:, 0] - low) / _positive(high - low)
        areas.append(np.maximum(area[before] + part * (area[above] - area[before]), SMALLEST))
    return np.asarray(2.5 * np.log10(areas[1] / areas[0]), np.float64)


def turn_difference(planes: Planes, aperture: Aperture) -> Values:
    """Return Σ|I − I₁₈₀| / Σ|I|, from 0 (symmetric) to 2, shape (n,); that of the noise is not taken off."""
    rotated = planes[:, ::-1, ::-1]
    difference = np.abs(planes - rotated)[:, aperture.inside].sum(axis=1)
    whole = _positive(np.abs(planes)[:, aperture.inside].sum(axis=1))
    return np.asarray(difference / whole, np.float64)


def clumpiness(planes: Planes, aperture: Aperture) -> Values:
    """Return 10 Σ max(I − I_smooth, 0) / Σ|I| outside the core, shape (n,); 0 for a smooth galaxy.

    The image is smoothed by a box of 5 pixels; the inner quarter of the radius, unresolved, is left out.
    """
    smooth = ndimage.uniform_filter(planes, size=(0, SMOOTHING, SMOOTHING), mode="nearest")
    ring = aperture.inside & (aperture.radius > CORE * aperture.largest)
    clumps = np.maximum(planes - smooth, 0.0)[:, ring].sum(axis=1)
    whole = _positive(np.abs(planes)[:, ring].sum(axis=1))
    return np.asarray(10.0 * clumps / whole, np.float64)


def inequality(planes: Planes, aperture: Aperture) -> Values:
    """Return the Gini coefficient of the pixels: 0 when all are equal, 1 when one has all flux, shape (n,).

    Lotz et al. 2004, equation 6.
    """
    flux = np.sort(np.abs(planes[:, aperture.inside]), axis=1)
    n = flux.shape[1]
    weights = 2.0 * np.arange(1, n + 1) - n - 1
    return np.asarray((flux @ weights) / (_positive(flux.mean(axis=1)) * n * (n - 1)), np.float64)


def bright_moment(planes: Planes, aperture: Aperture) -> Values:
    """Return log10 of the second moment of the brightest 20 % of the flux over the whole one's, shape (n,).

    Lotz et al. 2004, equation 8, about the middle of the cutout.
    """
    flux = np.maximum(planes[:, aperture.inside], 0.0)
    moments = flux * aperture.radius[aperture.inside] ** 2
    order = np.argsort(-flux, axis=1, kind="stable")
    ranked, ranked_moments = (np.take_along_axis(values, order, axis=1) for values in (flux, moments))
    before = np.cumsum(ranked, axis=1) - ranked
    bright = before < BRIGHTEST * flux.sum(axis=1, keepdims=True)
    fraction = (ranked_moments * bright).sum(axis=1) / _positive(moments.sum(axis=1))
    return np.asarray(np.log10(np.maximum(fraction, SMALLEST)), np.float64)


def shape(planes: Planes, aperture: Aperture) -> tuple[Values, Values]:
    """Return the ellipticity √(e₁² + e₂²) from second moments, 0 for round and 1 for a line, and the size.

    The size is the root of the mean squared radius over that of the circle. Each has shape (n,).
    """
    flux = np.maximum(planes[:, aperture.inside], 0.0)
    x, y = aperture.x[aperture.inside], aperture.y[aperture.inside]
    total = _positive(flux.sum(axis=1))
    xx, yy, xy = (flux @ product / total for product in (x * x, y * y, x * y))
    spread = _positive(xx + yy)
    return np.hypot(xx - yy, 2 * xy) / spread, np.sqrt(spread) / aperture.largest


def _colour(blue: Planes, red: Planes, where: NDArray[np.bool_]) -> Values:
    """Return the magnitude of blue − red within `where`, kept within ±10, shape (n,)."""
    fluxes = [np.maximum(plane[:, where].sum(axis=1), 0.0) for plane in (blue, red)]
    floor = SMALLEST * _positive(np.maximum(*fluxes))
    ratio = np.maximum(fluxes[0], floor) / np.maximum(fluxes[1], floor)
    return np.asarray(np.clip(-2.5 * np.log10(ratio), -10.0, 10.0), np.float64)


def _positive(values: Values) -> Values:
    return np.asarray(np.where(values > 0.0, values, 1.0), np.float64)
