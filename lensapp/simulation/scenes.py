"""A scene: the light of some objects before the atmosphere, and what is known about them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from lensapp.simulation.deflectors import Deflectors, lens_population
from lensapp.simulation.populations import (
    blue_fluxes,
    disc_ellipticities,
    draw_ellipticals,
    draw_shapes,
    passive_fluxes,
    red_fluxes,
    star_fluxes,
    total_magnitudes,
)
from lensapp.simulation.profiles import Array, Grid, Indices, Sersic, column, sersic_images
from lensapp.simulation.surveys import PLAIN, SurveyProperties

BRIGHTEST_NEIGHBOUR_MAG = 18.5
COUNT_SLOPE = 0.36
NEIGHBOURS_PER_ARCMIN2, COUNTED_TO_MAG = 62.0, 24.8
STELLAR_FRACTION = 0.08
# Stars at high galactic latitude in the published surveys: Robin et al. 2003, A&A 409, 523, rounded.
BRIGHTEST_STAR_MAG, FAINTEST_STAR_MAG = 15.5, 22.5
STAR_COUNT_SLOPE, STARS_PER_ARCMIN2 = 0.16, 2.5


@dataclass(frozen=True)
class Survey:
    """What every drawing function needs to know: the grid of the canvas, the bands and the survey."""

    grid: Grid
    bands: tuple[str, ...]
    properties: SurveyProperties = PLAIN

    def dark(self, count: int) -> Array:
        """Return an empty canvas of shape (count, bands, size, size)."""
        return np.zeros((count, len(self.bands), self.grid.size, self.grid.size), self.grid.dtype)

    @property
    def half_width_arcsec(self) -> float:
        """Half the width of the canvas."""
        return self.grid.size * self.grid.pixel_scale_arcsec / 2

    @property
    def deflectors(self) -> Deflectors:
        """The deflectors of a published survey: its targets are as bright, lenses or not."""
        return lens_population(
            faintest_mag=self.properties.faintest_target_mag,
            least_einstein_arcsec=self.properties.least_einstein_arcsec,
        )

    def target_magnitudes(self, rng: np.random.Generator, count: int) -> Array:
        """Draw total i magnitudes of objects, the same for every class."""
        if not self.properties.published:
            return total_magnitudes(rng, count)
        return rng.choice(self.deflectors.magnitude_i, count)

    def early_types(self, rng: np.random.Generator, magnitude_i: Array) -> tuple[Sersic, Array]:
        """Draw shapes and redshifts of early-type galaxies of given i magnitudes."""
        if not self.properties.published:
            return draw_ellipticals(rng, magnitude_i)
        galaxies = self.deflectors.like(rng, magnitude_i)
        return draw_shapes(rng, galaxies.radius_arcsec), galaxies.redshift

    def red_fluxes(self, rng: np.random.Generator, magnitude_i: Array, redshift: Array) -> Array:
        """Return fluxes (n, bands) of early-type galaxies."""
        fluxes = passive_fluxes if self.properties.published else red_fluxes
        return fluxes(rng, magnitude_i, redshift, self.bands)


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
        shape, redshift = self.survey.early_types(self.rng, magnitude)
        shape = replace(shape, radius_arcsec=np.maximum(shrink * shape.radius_arcsec, 0.2))
        self.paint(shape, self.survey.red_fluxes(self.rng, magnitude, redshift))
        return redshift

    def paint_companion(self, x_arcsec: Array, y_arcsec: Array, *, fraction: Array) -> None:
        """Add one more galaxy to each at x, y, blue in most cases."""
        rng, magnitude, bands = self.rng, self.magnitudes(fraction), self.survey.bands
        e1, e2 = disc_ellipticities(rng, rng.uniform(0.25, 1, self.count))
        radius, index = rng.uniform(0.15, 0.6, self.count), rng.uniform(0.8, 2.5, self.count)
        blue = blue_fluxes(rng, magnitude, rng.beta(1.3, 2.2, self.count), bands)
        red = self.survey.red_fluxes(rng, magnitude, rng.uniform(0.2, 0.6, self.count))
        fluxes = np.where((rng.random(self.count) < 0.2)[:, None], red, blue)
        self.paint(Sersic(x_arcsec, y_arcsec, radius, index, e1, e2), fluxes)


def elliptical_scene(canvas: Canvas) -> Scene:
    """Draw early-type galaxies."""
    shape, redshift = canvas.survey.early_types(canvas.rng, canvas.magnitude_i)
    canvas.paint(shape, canvas.survey.red_fluxes(canvas.rng, canvas.magnitude_i, redshift))
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
    faintest = survey.properties.faintest_neighbour_mag
    density = NEIGHBOURS_PER_ARCMIN2 * 10 ** (COUNT_SLOPE * (faintest - COUNTED_TO_MAG))
    numbers = rng.poisson(density * (width / 60) ** 2, len(light))
    owners = np.repeat(np.arange(len(light)), numbers)
    count = len(owners)
    magnitude = _counted_magnitudes(
        rng, count, slope=COUNT_SLOPE, brightest=BRIGHTEST_NEIGHBOUR_MAG, faintest=faintest
    )
    stellar = rng.random(count) < STELLAR_FRACTION
    stars = star_fluxes(rng, magnitude, bands)
    blue = blue_fluxes(rng, magnitude, rng.uniform(0, 1, count), bands)
    red = survey.red_fluxes(rng, magnitude, rng.uniform(0.2, 0.7, count))
    galaxies = np.where((rng.random(count) < 0.35)[:, None], red, blue)
    fluxes = np.where(stellar[:, None], stars, galaxies).astype(np.float32)
    radius = 0.42 * 10 ** (-0.10 * (magnitude - 22) + rng.normal(0, 0.12, count))
    # One sample per pixel cannot carry structure below about half a pixel.
    floor = 0.5 * survey.grid.pixel_scale_arcsec
    e1, e2 = disc_ellipticities(rng, np.where(stellar, 1.0, rng.uniform(0.3, 1, count)))
    x, y = rng.uniform(-1, 1, (2, count)) * survey.half_width_arcsec
    index = np.where(stellar, 0.5, rng.uniform(0.7, 2, count))
    shapes = Sersic(x, y, np.where(stellar, floor, np.hypot(radius, floor)), index, e1, e2)
    _add_profiles(light, survey, shapes, fluxes=fluxes, owners=owners)


def add_stars(rng: np.random.Generator, light: Array, survey: Survey) -> None:
    """Add stars at random positions of each canvas, many of them brighter than the galaxies around."""
    width = 2 * survey.half_width_arcsec
    numbers = rng.poisson(STARS_PER_ARCMIN2 * (width / 60) ** 2, len(light))
    owners = np.repeat(np.arange(len(light)), numbers)
    magnitude = _counted_magnitudes(
        rng,
        len(owners),
        slope=STAR_COUNT_SLOPE,
        brightest=BRIGHTEST_STAR_MAG,
        faintest=FAINTEST_STAR_MAG,
    )
    fluxes = star_fluxes(rng, magnitude, survey.bands).astype(np.float32)
    x, y = rng.uniform(-1, 1, (2, len(owners))) * survey.half_width_arcsec
    one, zero = np.ones(len(owners)), np.zeros(len(owners))
    shapes = Sersic(x, y, one * 0.5 * survey.grid.pixel_scale_arcsec, one * 0.5, zero, zero)
    _add_profiles(light, survey, shapes, fluxes=fluxes, owners=owners)


def _counted_magnitudes(
    rng: np.random.Generator, count: int, *, slope: float, brightest: float, faintest: float
) -> Array:
    """Draw magnitudes whose number grows as 10^(slope × m) between two limits."""
    low, high = 10 ** (slope * brightest), 10 ** (slope * faintest)
    magnitude: Array = np.log10(rng.uniform(low, high, count)) / slope
    return magnitude


def _add_profiles(light: Array, survey: Survey, shapes: Sersic, *, fluxes: Array, owners: Indices) -> None:
    """Add profiles of given fluxes (n, bands), each to the canvas that is its owner."""
    coarse = replace(survey.grid, supersampling=1)
    for start in range(0, len(owners), 32):
        part = slice(start, start + 32)
        images = sersic_images(coarse, shapes.of(part))
        for image, flux, owner in zip(images, fluxes[part], owners[part], strict=True):
            light[owner] += image * flux[:, None, None]
