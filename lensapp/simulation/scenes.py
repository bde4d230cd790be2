"""A scene: the light of some objects before the atmosphere, and what is known about them."""

from dataclasses import dataclass, field

import numpy as np

from lensapp.simulation.populations import (
    blue_fluxes,
    disc_ellipticities,
    draw_ellipticals,
    red_fluxes,
    star_fluxes,
)
from lensapp.simulation.profiles import Array, Flags, Grid, Sersic, painted, sersic_images

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
    properties: dict[str, Array] = field(default_factory=dict)
    arcs: Array | None = None


def elliptical_scene(rng: np.random.Generator, magnitude_i: Array, survey: Survey) -> Scene:
    """Draw early-type galaxies."""
    galaxies = draw_ellipticals(rng, magnitude_i)
    light = survey.dark(len(magnitude_i))
    fluxes = red_fluxes(rng, magnitude_i, galaxies.redshift, survey.bands)
    painted(light, sersic_images(survey.grid, galaxies.shape), fluxes)
    return Scene(
        light,
        {
            "redshift": galaxies.redshift,
            "effective_radius_arcsec": galaxies.shape.radius_arcsec,
            "sersic_index": galaxies.shape.index,
            "light_e1": galaxies.shape.e1,
            "light_e2": galaxies.shape.e2,
        },
    )


def draw_neighbour_magnitudes(rng: np.random.Generator, count: int) -> Array:
    """Draw i magnitudes of field objects from counts that grow as 10^(0.36 m)."""
    low = 10 ** (COUNT_SLOPE * BRIGHTEST_NEIGHBOUR_MAG)
    high = 10 ** (COUNT_SLOPE * FAINTEST_NEIGHBOUR_MAG)
    magnitude: Array = np.log10(rng.uniform(low, high, count)) / COUNT_SLOPE
    return magnitude


def draw_neighbour_fluxes(rng: np.random.Generator, magnitude_i: Array, bands: tuple[str, ...]) -> Array:
    """Draw fluxes (n, bands) of field galaxies: two thirds star-forming, one third passive."""
    count = len(magnitude_i)
    blue = blue_fluxes(rng, magnitude_i, rng.uniform(0, 1, count), bands)
    red = red_fluxes(rng, magnitude_i, rng.uniform(0.2, 0.7, count), bands)
    passive = rng.random(count) < 0.35
    return np.where(passive[:, None], red, blue)


def add_neighbours(rng: np.random.Generator, light: Array, survey: Survey) -> None:
    """Add field galaxies and stars at random places of each canvas."""
    width = 2 * survey.half_width_arcsec
    expected = NEIGHBOURS_PER_ARCMIN2 * (width / 60) ** 2
    numbers = rng.poisson(expected, len(light))
    owners = np.repeat(np.arange(len(light)), numbers)
    count = len(owners)
    magnitude = draw_neighbour_magnitudes(rng, count)
    stellar = rng.random(count) < 0.08
    fluxes = np.where(
        stellar[:, None],
        star_fluxes(rng, magnitude, survey.bands),
        draw_neighbour_fluxes(rng, magnitude, survey.bands),
    )
    shapes = _neighbour_shapes(rng, magnitude, stellar, survey)
    coarse = Grid(survey.grid.size, survey.grid.pixel_scale_arcsec, supersampling=1)
    for start in range(0, count, 32):
        part = slice(start, start + 32)
        images = sersic_images(coarse, _part(shapes, part))
        for image, flux, owner in zip(images, fluxes[part], owners[part], strict=True):
            light[owner] += image * flux[:, None, None].astype(np.float32)


def _neighbour_shapes(rng: np.random.Generator, magnitude: Array, stellar: Flags, survey: Survey) -> Sersic:
    count = len(magnitude)
    radius = 0.42 * 10 ** (-0.10 * (magnitude - 22) + rng.normal(0, 0.12, count))
    # One sample per pixel cannot carry structure below about half a pixel.
    floor = 0.5 * survey.grid.pixel_scale_arcsec
    e1, e2 = disc_ellipticities(rng, np.where(stellar, 1.0, rng.uniform(0.3, 1, count)))
    x, y = rng.uniform(-1, 1, (2, count)) * survey.half_width_arcsec
    return Sersic(
        x_arcsec=x,
        y_arcsec=y,
        radius_arcsec=np.where(stellar, floor, np.hypot(radius, floor)),
        index=np.where(stellar, 0.5, rng.uniform(0.7, 2, count)),
        e1=e1,
        e2=e2,
    )


def _part(shapes: Sersic, part: slice) -> Sersic:
    return Sersic(**{name: values[part] for name, values in vars(shapes).items()})


def fraction_magnitudes(magnitude_i: Array, fraction: Array) -> Array:
    """Return the magnitudes of parts that carry `fraction` of the total light."""
    return magnitude_i - 2.5 * np.log10(fraction)
