"""A scene: the light of some objects before the atmosphere, and what is known about them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from lensapp.simulation.populations import (
    blue_fluxes,
    disc_ellipticities,
    draw_ellipticals,
    red_fluxes,
    star_fluxes,
)
from lensapp.simulation.profiles import Array, Grid, Sersic, column, sersic_images

FAINTEST_NEIGHBOUR_MAG = 24.8
BRIGHTEST_NEIGHBOUR_MAG = 18.5
COUNT_SLOPE = 0.36
NEIGHBOURS_PER_ARCMIN2 = 62.0


@dataclass(frozen=True)
class Survey:
    """What every drawing function needs to know: the grid of the canvas and the bands."""

    grid: Grid
    bands: tuple[str, ...]

    def dark(self, count: int) -> Array:
        """Return an empty canvas of shape (count, bands, size, size)."""
        return np.zeros((count, len(self.bands), self.grid.size, self.grid.size), self.grid.dtype)

    @property
    def half_width_arcsec(self) -> float:
        """Half the width of the canvas."""
        return self.grid.size * self.grid.pixel_scale_arcsec / 2


@dataclass(frozen=True)
class Scene:
    """Light of n objects (n, bands, size, size) in counts per pixel, and named values of shape (n,).

    `arcs` holds lensed sources of unit i flux, kept apart until their brightness is chosen.
    """

    light: Array
    properties: Mapping[str, Array] = field(default_factory=dict)
    arcs: Array | None = None


class Canvas:
    """The light of objects of given total i magnitudes (n,) while it is drawn, part by part.

    The `fraction` of a part is its share of the total i flux, of shape (n,) or one for all.
    """

    def __init__(self, rng: np.random.Generator, magnitude_i: Array, survey: Survey) -> None:
        self.rng = rng
        self.magnitude_i = magnitude_i
        self.survey = survey
        self.count = len(magnitude_i)
        self.light = survey.dark(self.count)

    def magnitudes(self, fraction: Array | float) -> Array:
        """Return the i magnitudes of parts that carry `fraction` of the total light."""
        return self.magnitude_i - 2.5 * np.log10(fraction)

    def paint(self, shape: Sersic | Array, fluxes: Array) -> None:
        """Add Sersic profiles, or images of unit flux, times fluxes (n, bands)."""
        images = sersic_images(self.survey.grid, shape) if isinstance(shape, Sersic) else shape
        for band in range(self.light.shape[1]):
            self.light[:, band] += images * column(fluxes[:, band], self.light.dtype.type)

    def paint_blue(self, shape: Sersic | Array, *, fraction: Array, redness: Array) -> None:
        """Add a star-forming part; `redness` runs from 0 to 1."""
        self.paint(shape, blue_fluxes(self.rng, self.magnitudes(fraction), redness, self.survey.bands))

    def paint_core(self, *, fraction: Array | float, shrink: float) -> Array:
        """Add red cores, `shrink` times the size of ellipticals of their magnitude; return redshifts."""
        magnitude = self.magnitudes(fraction)
        shape, redshift = draw_ellipticals(self.rng, magnitude)
        shape = replace(shape, radius_arcsec=np.maximum(shrink * shape.radius_arcsec, 0.2))
        self.paint(shape, red_fluxes(self.rng, magnitude, redshift, self.survey.bands))
        return redshift

    def paint_companion(self, x_arcsec: Array, y_arcsec: Array, *, fraction: Array) -> None:
        """Add one more galaxy to each at x, y, blue in most cases."""
        rng, magnitude, bands = self.rng, self.magnitudes(fraction), self.survey.bands
        e1, e2 = disc_ellipticities(rng, rng.uniform(0.25, 1, self.count))
        radius, index = rng.uniform(0.15, 0.6, self.count), rng.uniform(0.8, 2.5, self.count)
        blue = blue_fluxes(rng, magnitude, rng.beta(1.3, 2.2, self.count), bands)
        red = red_fluxes(rng, magnitude, rng.uniform(0.2, 0.6, self.count), bands)
        fluxes = np.where((rng.random(self.count) < 0.2)[:, None], red, blue)
        self.paint(Sersic(x_arcsec, y_arcsec, radius, index, e1, e2), fluxes)


def elliptical_scene(canvas: Canvas) -> Scene:
    """Draw early-type galaxies."""
    shape, redshift = draw_ellipticals(canvas.rng, canvas.magnitude_i)
    canvas.paint(shape, red_fluxes(canvas.rng, canvas.magnitude_i, redshift, canvas.survey.bands))
    return Scene(canvas.light, deflector_light(shape, redshift))


def deflector_light(shape: Sersic, redshift: Array) -> dict[str, Array]:
    """Return what is true of early-type galaxies by the names of properties."""
    return {
        "redshift": redshift,
        "effective_radius_arcsec": shape.radius_arcsec,
        "sersic_index": shape.index,
        "light_e1": shape.e1,
        "light_e2": shape.e2,
    }


def add_neighbours(rng: np.random.Generator, light: Array, survey: Survey) -> None:
    """Add field galaxies and stars at random positions of each canvas; counts grow as 10^(0.36 m)."""
    width, bands = 2 * survey.half_width_arcsec, survey.bands
    numbers = rng.poisson(NEIGHBOURS_PER_ARCMIN2 * (width / 60) ** 2, len(light))
    owners = np.repeat(np.arange(len(light)), numbers)
    count = len(owners)
    low, high = 10 ** (COUNT_SLOPE * BRIGHTEST_NEIGHBOUR_MAG), 10 ** (COUNT_SLOPE * FAINTEST_NEIGHBOUR_MAG)
    magnitude: Array = np.log10(rng.uniform(low, high, count)) / COUNT_SLOPE
    stellar = rng.random(count) < 0.08
    stars = star_fluxes(rng, magnitude, bands)
    blue = blue_fluxes(rng, magnitude, rng.uniform(0, 1, count), bands)
    red = red_fluxes(rng, magnitude, rng.uniform(0.2, 0.7, count), bands)
    galaxies = np.where((rng.random(count) < 0.35)[:, None], red, blue)
    fluxes = np.where(stellar[:, None], stars, galaxies).astype(np.float32)
    radius = 0.42 * 10 ** (-0.10 * (magnitude - 22) + rng.normal(0, 0.12, count))
    # One sample per pixel cannot carry structure below about half a pixel.
    floor = 0.5 * survey.grid.pixel_scale_arcsec
    e1, e2 = disc_ellipticities(rng, np.where(stellar, 1.0, rng.uniform(0.3, 1, count)))
    x, y = rng.uniform(-1, 1, (2, count)) * survey.half_width_arcsec
    index = np.where(stellar, 0.5, rng.uniform(0.7, 2, count))
    shapes = Sersic(x, y, np.where(stellar, floor, np.hypot(radius, floor)), index, e1, e2)
    coarse = replace(survey.grid, supersampling=1)
    for start in range(0, count, 32):
        part = slice(start, start + 32)
        images = sersic_images(coarse, shapes.of(part))
        for image, flux, owner in zip(images, fluxes[part], owners[part], strict=True):
            light[owner] += image * flux[:, None, None]
