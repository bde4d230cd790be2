"""Objects that are no lenses but may look like one, drawn from the same magnitudes as the lenses.

Spirals, mergers, rings and blends have a red core of the population that deflectors come from
and blue light around it, so that neither colour nor brightness alone tells them from lenses.
"""

import numpy as np

from lensapp.simulation.populations import (
    blue_fluxes,
    disc_ellipticities,
    draw_ellipticals,
    points,
    polar_positions,
    red_fluxes,
    star_fluxes,
)
from lensapp.simulation.profiles import (
    Array,
    Sersic,
    painted,
    ring_images,
    sersic_images,
    spiral_arm_images,
    tail_images,
)
from lensapp.simulation.scenes import Scene, Survey, fraction_magnitudes


def _paint_core(
    rng: np.random.Generator, light: Array, survey: Survey, *, magnitude_i: Array, shrink: float
) -> Array:
    """Paint red cores, `shrink` times the size of ellipticals of their magnitude; return redshifts."""
    galaxies = draw_ellipticals(rng, magnitude_i)
    shape = Sersic(
        **{**vars(galaxies.shape), "radius_arcsec": np.maximum(shrink * galaxies.shape.radius_arcsec, 0.2)}
    )
    fluxes = red_fluxes(rng, magnitude_i, galaxies.redshift, survey.bands)
    painted(light, sersic_images(survey.grid, shape), fluxes)
    return galaxies.redshift


def spiral_scene(rng: np.random.Generator, magnitude_i: Array, survey: Survey) -> Scene:
    """Draw disc galaxies with a red bulge, a disc and two to four bluer logarithmic arms."""
    count = len(magnitude_i)
    light = survey.dark(count)
    bulge = rng.uniform(0.25, 0.65, count)
    redshift = _paint_core(
        rng, light, survey, magnitude_i=fraction_magnitudes(magnitude_i, bulge), shrink=0.8
    )
    axis_ratio = rng.uniform(0.4, 1, count)
    e1, e2 = disc_ellipticities(rng, axis_ratio)
    radius = rng.uniform(0.6, 1.5, count)
    arm = rng.uniform(0.4, 0.75, count)
    disc = Sersic(
        x_arcsec=np.zeros(count),
        y_arcsec=np.zeros(count),
        radius_arcsec=1.678 * radius * np.sqrt(axis_ratio),
        index=np.ones(count),
        e1=e1,
        e2=e2,
    )
    arms = spiral_arm_images(
        survey.grid,
        radius_arcsec=radius,
        e1=e1,
        e2=e2,
        arms=rng.choice([2.0, 2.0, 2.0, 3.0, 4.0], count),
        pitch_rad=np.radians(rng.uniform(12, 30, count)) * rng.choice([-1, 1], count),
        phase_rad=rng.uniform(0, 2 * np.pi, count),
        sharpness=rng.uniform(1.5, 5, count),
    )
    disc_mag = fraction_magnitudes(magnitude_i, (1 - bulge) * (1 - arm))
    arms_mag = fraction_magnitudes(magnitude_i, (1 - bulge) * arm)
    painted(
        light,
        sersic_images(survey.grid, disc),
        blue_fluxes(rng, disc_mag, rng.beta(4, 2, count), survey.bands),
    )
    painted(light, arms, blue_fluxes(rng, arms_mag, rng.beta(1.5, 2, count), survey.bands))
    return Scene(light, {"redshift": redshift, "bulge_fraction": bulge, "disc_scale_radius_arcsec": radius})


def edge_on_scene(rng: np.random.Generator, magnitude_i: Array, survey: Survey) -> Scene:
    """Draw thin discs seen from the side, with a red bulge."""
    count = len(magnitude_i)
    light = survey.dark(count)
    bulge = rng.uniform(0.15, 0.6, count)
    redshift = _paint_core(
        rng, light, survey, magnitude_i=fraction_magnitudes(magnitude_i, bulge), shrink=0.6
    )
    axis_ratio = rng.uniform(0.1, 0.25, count)
    e1, e2 = disc_ellipticities(rng, axis_ratio)
    radius = rng.uniform(1.2, 2.6, count)
    disc = Sersic(
        x_arcsec=np.zeros(count),
        y_arcsec=np.zeros(count),
        radius_arcsec=radius * np.sqrt(axis_ratio),
        index=rng.uniform(0.8, 1.1, count),
        e1=e1,
        e2=e2,
    )
    disc_mag = fraction_magnitudes(magnitude_i, 1 - bulge)
    painted(
        light,
        sersic_images(survey.grid, disc),
        blue_fluxes(rng, disc_mag, rng.beta(2.5, 2, count), survey.bands),
    )
    return Scene(light, {"redshift": redshift, "bulge_fraction": bulge, "axis_ratio": axis_ratio})


def ring_scene(rng: np.random.Generator, magnitude_i: Array, survey: Survey) -> Scene:
    """Draw ring galaxies: a red core inside a complete, broad, blue ring.

    References
    ----------
    Hoag 1950, AJ 55, 170; Brosch 1985, A&A 153, 199.
    """
    count = len(magnitude_i)
    light = survey.dark(count)
    ring = rng.uniform(0.12, 0.45, count)
    redshift = _paint_core(
        rng, light, survey, magnitude_i=fraction_magnitudes(magnitude_i, 1 - ring), shrink=0.9
    )
    e1, e2 = disc_ellipticities(rng, rng.uniform(0.45, 0.95, count))
    radius = rng.uniform(1.4, 3.2, count)
    images = ring_images(
        survey.grid,
        radius_arcsec=radius,
        width_arcsec=radius * rng.uniform(0.12, 0.3, count),
        e1=e1,
        e2=e2,
        unevenness=rng.uniform(0, 0.5, count),
        phase_rad=rng.uniform(0, 2 * np.pi, count),
    )
    ring_mag = fraction_magnitudes(magnitude_i, ring)
    painted(light, images, blue_fluxes(rng, ring_mag, rng.beta(1.5, 2.5, count), survey.bands))
    return Scene(light, {"redshift": redshift, "ring_radius_arcsec": radius, "ring_fraction": ring})


def merger_scene(rng: np.random.Generator, magnitude_i: Array, survey: Survey) -> Scene:
    """Draw two galaxies about to merge, with one or two tidal tails."""
    count = len(magnitude_i)
    light = survey.dark(count)
    tails = rng.uniform(0.08, 0.3, count)
    second = rng.uniform(0.15, 0.45, count) * (1 - tails)
    first_mag = fraction_magnitudes(magnitude_i, 1 - tails - second)
    redshift = _paint_core(rng, light, survey, magnitude_i=first_mag, shrink=0.9)
    separation = rng.uniform(0.7, 2.5, count)
    x, y = polar_positions(rng, separation)
    _paint_companion(rng, light, survey, magnitude_i=fraction_magnitudes(magnitude_i, second), x=x, y=y)
    start = np.arctan2(y, x)
    for turn in (0.0, np.pi):
        share = tails * (0.65 if turn == 0 else 0.35)
        images = tail_images(
            survey.grid,
            radius_arcsec=rng.uniform(0.9, 2, count),
            growth=rng.uniform(0.1, 0.5, count),
            start_rad=start + turn,
            length_rad=rng.uniform(1, 3, count),
            width=rng.uniform(0.12, 0.25, count),
        )
        tail_mag = fraction_magnitudes(magnitude_i, share)
        painted(light, images, blue_fluxes(rng, tail_mag, rng.beta(1.5, 2, count), survey.bands))
    return Scene(light, {"redshift": redshift, "companion_separation_arcsec": separation})


def _paint_companion(
    rng: np.random.Generator, light: Array, survey: Survey, *, magnitude_i: Array, x: Array, y: Array
) -> None:
    """Paint one galaxy per canvas at x, y, blue in most cases."""
    count = len(magnitude_i)
    e1, e2 = disc_ellipticities(rng, rng.uniform(0.25, 1, count))
    shape = Sersic(
        x_arcsec=x,
        y_arcsec=y,
        radius_arcsec=rng.uniform(0.15, 0.6, count),
        index=rng.uniform(0.8, 2.5, count),
        e1=e1,
        e2=e2,
    )
    blue = blue_fluxes(rng, magnitude_i, rng.beta(1.3, 2.2, count), survey.bands)
    red = red_fluxes(rng, magnitude_i, rng.uniform(0.2, 0.6, count), survey.bands)
    fluxes = np.where((rng.random(count) < 0.2)[:, None], red, blue)
    painted(light, sersic_images(survey.grid, shape), fluxes)


def blend_scene(rng: np.random.Generator, magnitude_i: Array, survey: Survey) -> Scene:
    """Draw early-type galaxies with one to three unrelated galaxies or stars close by."""
    count = len(magnitude_i)
    light = survey.dark(count)
    share = rng.uniform(0.06, 0.2, (3, count)) * (rng.random((3, count)) < [[1.0], [0.7], [0.35]])
    core_mag = fraction_magnitudes(magnitude_i, 1 - share.sum(0))
    redshift = _paint_core(rng, light, survey, magnitude_i=core_mag, shrink=1.0)
    for fraction in share:
        x, y = polar_positions(rng, rng.uniform(0.8, 2.4, count))
        magnitude = fraction_magnitudes(magnitude_i, np.maximum(fraction, 1e-6))
        _paint_companion(rng, light, survey, magnitude_i=magnitude, x=x, y=y)
    return Scene(light, {"redshift": redshift, "companions": (share > 0).sum(0)})


def star_scene(rng: np.random.Generator, magnitude_i: Array, survey: Survey) -> Scene:
    """Draw single and double stars."""
    count = len(magnitude_i)
    light = survey.dark(count)
    share = rng.uniform(0.1, 0.5, count) * (rng.random(count) < 0.5)
    separation = rng.uniform(0.6, 2.5, count)
    places = (np.zeros(count), np.zeros(count)), polar_positions(rng, separation)
    for (x, y), fraction in zip(places, (1 - share, share), strict=True):
        magnitude = fraction_magnitudes(magnitude_i, np.maximum(fraction, 1e-6))
        fluxes = star_fluxes(rng, magnitude, survey.bands)
        painted(light, sersic_images(survey.grid, points(x, y)), fluxes)
    return Scene(
        light, {"companion_fraction": share, "companion_separation_arcsec": separation * (share > 0)}
    )
