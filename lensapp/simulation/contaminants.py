"""Objects that are no lenses but may look like one, drawn from the same magnitudes as the lenses.

Spirals, mergers, rings and blends have a red core of the population that deflectors come from
and blue light around it, so that neither colour nor brightness alone tells them from lenses.
"""

import numpy as np

from lensapp.simulation.populations import disc_ellipticities, points, polar_positions, star_fluxes
from lensapp.simulation.profiles import Sersic, ring_images, spiral_arm_images, tail_images
from lensapp.simulation.scenes import Canvas, Scene


def spiral_scene(canvas: Canvas) -> Scene:
    """Draw disc galaxies with a red bulge, a disc and two to four bluer logarithmic arms."""
    rng, count = canvas.rng, canvas.count
    bulge = rng.uniform(0.25, 0.65, count)
    redshift = canvas.paint_core(fraction=bulge, shrink=0.8)
    axis_ratio = rng.uniform(0.4, 1, count)
    e1, e2 = disc_ellipticities(rng, axis_ratio)
    radius = rng.uniform(0.6, 1.5, count)
    arm = rng.uniform(0.4, 0.75, count)
    disc = Sersic.centred(1.678 * radius * np.sqrt(axis_ratio), np.ones(count), e1, e2)
    arms = spiral_arm_images(
        canvas.survey.grid,
        radius_arcsec=radius,
        e1=e1,
        e2=e2,
        arms=rng.choice([2.0, 2.0, 2.0, 3.0, 4.0], count),
        pitch_rad=np.radians(rng.uniform(12, 30, count)) * rng.choice([-1, 1], count),
        phase_rad=rng.uniform(0, 2 * np.pi, count),
        sharpness=rng.uniform(1.5, 5, count),
    )
    canvas.paint_blue(disc, fraction=(1 - bulge) * (1 - arm), redness=rng.beta(4, 2, count))
    canvas.paint_blue(arms, fraction=(1 - bulge) * arm, redness=rng.beta(1.5, 2, count))
    truth = {"redshift": redshift, "bulge_fraction": bulge, "disc_scale_radius_arcsec": radius}
    return Scene(canvas.light, truth)


def edge_on_scene(canvas: Canvas) -> Scene:
    """Draw thin discs seen from the side, with a red bulge."""
    rng, count = canvas.rng, canvas.count
    bulge = rng.uniform(0.15, 0.6, count)
    redshift = canvas.paint_core(fraction=bulge, shrink=0.6)
    axis_ratio = rng.uniform(0.1, 0.25, count)
    e1, e2 = disc_ellipticities(rng, axis_ratio)
    radius = rng.uniform(1.2, 2.6, count)
    disc = Sersic.centred(radius * np.sqrt(axis_ratio), rng.uniform(0.8, 1.1, count), e1, e2)
    canvas.paint_blue(disc, fraction=1 - bulge, redness=rng.beta(2.5, 2, count))
    return Scene(canvas.light, {"redshift": redshift, "bulge_fraction": bulge, "axis_ratio": axis_ratio})


def ring_scene(canvas: Canvas) -> Scene:
    """Draw ring galaxies: a red core inside a complete, broad, blue ring.

    References
    ----------
    Hoag 1950, AJ 55, 170; Brosch 1985, A&A 153, 199.
    """
    rng, count = canvas.rng, canvas.count
    ring = rng.uniform(0.12, 0.45, count)
    redshift = canvas.paint_core(fraction=1 - ring, shrink=0.9)
    e1, e2 = disc_ellipticities(rng, rng.uniform(0.45, 0.95, count))
    radius = rng.uniform(1.4, 3.2, count)
    images = ring_images(
        canvas.survey.grid,
        radius_arcsec=radius,
        width_arcsec=radius * rng.uniform(0.12, 0.3, count),
        e1=e1,
        e2=e2,
        unevenness=rng.uniform(0, 0.5, count),
        phase_rad=rng.uniform(0, 2 * np.pi, count),
    )
    canvas.paint_blue(images, fraction=ring, redness=rng.beta(1.5, 2.5, count))
    truth = {"redshift": redshift, "ring_radius_arcsec": radius, "ring_fraction": ring}
    return Scene(canvas.light, truth)


def merger_scene(canvas: Canvas) -> Scene:
    """Draw two galaxies about to merge, with one or two tidal tails."""
    rng, count = canvas.rng, canvas.count
    tails = rng.uniform(0.08, 0.3, count)
    second = rng.uniform(0.15, 0.45, count) * (1 - tails)
    redshift = canvas.paint_core(fraction=1 - tails - second, shrink=0.9)
    separation = rng.uniform(0.7, 2.5, count)
    x, y = polar_positions(rng, separation)
    canvas.paint_companion(x, y, fraction=second)
    for angle, share in ((0.0, 0.65), (np.pi, 0.35)):
        images = tail_images(
            canvas.survey.grid,
            radius_arcsec=rng.uniform(0.9, 2, count),
            growth=rng.uniform(0.1, 0.5, count),
            start_rad=np.arctan2(y, x) + angle,
            length_rad=rng.uniform(1, 3, count),
            width=rng.uniform(0.12, 0.25, count),
        )
        canvas.paint_blue(images, fraction=tails * share, redness=rng.beta(1.5, 2, count))
    return Scene(canvas.light, {"redshift": redshift, "companion_separation_arcsec": separation})


def blend_scene(canvas: Canvas) -> Scene:
    """Draw early-type galaxies with one to three unrelated galaxies or stars close by."""
    rng, count = canvas.rng, canvas.count
    fractions = rng.uniform(0.06, 0.2, (3, count)) * (rng.random((3, count)) < [[1.0], [0.7], [0.35]])
    redshift = canvas.paint_core(fraction=1 - fractions.sum(0), shrink=1.0)
    for fraction in fractions:
        x, y = polar_positions(rng, rng.uniform(0.8, 2.4, count))
        canvas.paint_companion(x, y, fraction=np.maximum(fraction, 1e-6))
    return Scene(canvas.light, {"redshift": redshift, "companions": (fractions > 0).sum(0)})


def star_scene(canvas: Canvas) -> Scene:
    """Draw single and double stars."""
    rng, count = canvas.rng, canvas.count
    second = rng.uniform(0.1, 0.5, count) * (rng.random(count) < 0.5)
    separation = rng.uniform(0.6, 2.5, count)
    positions = (np.zeros(count), np.zeros(count)), polar_positions(rng, separation)
    for (x, y), fraction in zip(positions, (1 - second, second), strict=True):
        magnitude = canvas.magnitudes(np.maximum(fraction, 1e-6))
        canvas.paint(points(x, y), star_fluxes(rng, magnitude, canvas.survey.bands))
    truth = {"companion_fraction": second, "companion_separation_arcsec": separation * (second > 0)}
    return Scene(canvas.light, truth)
