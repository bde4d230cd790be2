"""Lens systems of a survey: an early-type deflector and the arcs of a star-forming galaxy behind it."""

import numpy as np

from lensapp.simulation.lenses import Deflector, geometry, lensed_images
from lensapp.simulation.observing import Camera, flux_of, magnitude_of, typical_conditions
from lensapp.simulation.populations import (
    TYPICAL_MAG,
    blue_fluxes,
    disc_ellipticities,
    draw_ellipticals,
    draw_shapes,
    polar_positions,
    red_fluxes,
)
from lensapp.simulation.profiles import Array, Sersic
from lensapp.simulation.scenes import Canvas, Scene, deflector_light

KNOT_LIGHT_FRACTION = 0.25
TYPICAL_ARC_SNR = 80.0
ARC_SNR_SCATTER = 0.55
ARC_SNR_RANGE = (25.0, 300.0)
LEAST_ARC_SNR = 5.0
# Counts of galaxies of 23 < i < 26 grow as 10^(0.31 m): Williams et al. 1996, AJ 112, 1335, section 4.3.
SOURCE_COUNT_SLOPE = 0.31
BRIGHTEST_SOURCE_MAG = 20.5
CLUMPS = 3
FAINTEST_DEFLECTOR_FRACTION = 0.4
DEFLECTOR_LOSS = 0.5


def lens_scene(canvas: Canvas) -> Scene:
    """Draw deflectors of given i magnitudes and, apart, the arcs of a source of unit i flux."""
    rng, bands = canvas.rng, canvas.survey.bands
    galaxy, redshift = draw_ellipticals(rng, canvas.magnitude_i)
    deflector = draw_deflectors(rng, galaxy, canvas.magnitude_i)
    source = draw_sources(rng, deflector.einstein_radius_arcsec, reach=0.55)
    knot = draw_knots(rng, source)
    canvas.paint(galaxy, red_fluxes(rng, canvas.magnitude_i, redshift, bands))
    one = np.ones(canvas.count)
    arcs = lensed_images(
        canvas.survey.grid, deflector, (source, one - KNOT_LIGHT_FRACTION), (knot, one * KNOT_LIGHT_FRACTION)
    )
    coloured = coloured_arcs(canvas, arcs, redness=rng.beta(1.2, 2.5, canvas.count))
    source_redshift = np.clip(redshift + 0.3 + rng.gamma(3, 0.4, canvas.count), None, 4.5)
    truth = lens_truth(
        light=galaxy,
        redshift=redshift,
        deflector=deflector,
        source=source,
        source_redshift=source_redshift,
        arcs=arcs,
    )
    return Scene(canvas.light, truth, coloured)


def linked_lens_scene(canvas: Canvas) -> Scene:
    """Draw deflectors as `lens_scene` does, their Einstein radii from velocity dispersion and redshifts.

    Sources are discs with clumps of star formation that hold a tenth to a half of the light.
    """
    rng, count = canvas.rng, canvas.count
    galaxies = canvas.survey.deflectors.like(rng, canvas.magnitude_i)
    light = draw_shapes(rng, galaxies.radius_arcsec)
    canvas.paint(light, canvas.survey.red_fluxes(rng, canvas.magnitude_i, galaxies.redshift))
    deflector = draw_mass(rng, light, galaxies.einstein_radius_arcsec)
    source = draw_sources(rng, deflector.einstein_radius_arcsec, reach=0.55)
    clumps = [draw_knots(rng, source) for _ in range(CLUMPS)]
    shares = rng.dirichlet(np.ones(CLUMPS), count).T * rng.uniform(0.1, 0.5, count)
    arcs = lensed_images(
        canvas.survey.grid, deflector, (source, 1 - shares.sum(0)), *zip(clumps, shares, strict=True)
    )
    truth = {
        **lens_truth(
            light=light,
            redshift=galaxies.redshift,
            deflector=deflector,
            source=source,
            source_redshift=galaxies.source_redshift,
            arcs=arcs,
        ),
        "velocity_dispersion_km_s": galaxies.velocity_dispersion_km_s,
    }
    return Scene(canvas.light, truth, coloured_arcs(canvas, arcs, redness=rng.beta(2, 2, count)))


def coloured_arcs(canvas: Canvas, arcs: Array, *, redness: Array) -> Array:
    """Return arcs (n, size, size) of unit i flux in each band, of the colours of star-forming galaxies."""
    fluxes = blue_fluxes(canvas.rng, np.zeros(canvas.count), redness, canvas.survey.bands)
    relative = fluxes / flux_of(np.zeros(1))
    coloured: Array = arcs[:, None] * relative[:, :, None, None].astype(np.float32)
    return coloured


def lens_truth(
    *,
    light: Sersic,
    redshift: Array,
    deflector: Deflector,
    source: Sersic,
    source_redshift: Array,
    arcs: Array,
) -> dict[str, Array]:
    """Return what is true of lens systems by the names of properties; `arcs` are of unit source flux."""
    return {
        **deflector_light(light, redshift),
        **geometry(deflector, source),
        "source_sersic_index": source.index,
        "source_e1": source.e1,
        "source_e2": source.e2,
        "source_redshift": source_redshift,
        "magnification": arcs.sum((1, 2)),
    }


def draw_arc_snr(rng: np.random.Generator, snr_of_brightest: Array) -> Array:
    """Draw the S/N of arcs behind sources that grow in number with magnitude, down to S/N 5.

    Flux follows the counts, N(> F) ∝ F^(-2.5 × slope), between what is just seen and the brightest source.
    """
    exponent = -2.5 * SOURCE_COUNT_SLOPE
    rarest = (np.maximum(snr_of_brightest, 1.01 * LEAST_ARC_SNR) / LEAST_ARC_SNR) ** exponent
    snr: Array = LEAST_ARC_SNR * rng.uniform(rarest, 1) ** (1 / exponent)
    return snr


def brighten_arcs(rng: np.random.Generator, scene: Scene, camera: Camera) -> Scene:
    """Make sources as bright as the S/N drawn for their arcs asks, deflectors fainter by as much.

    The S/N is that in the best band under typical conditions. Total light stays as it was (the
    deflector keeps 40 % at least), so that brightness does not tell a lens from other targets.
    """
    if scene.arcs is None:
        raise ValueError("a scene without arcs")
    count = len(scene.light)
    typical = typical_conditions(count, camera.bands, camera.survey)
    ratios = camera.signal_to_noise(
        camera.exposed(scene.arcs, typical), camera.exposed(scene.light, typical), typical
    )
    best = ratios.max(1)
    if camera.survey.published:
        target = draw_arc_snr(rng, best * flux_of(np.array(BRIGHTEST_SOURCE_MAG)))
    else:
        target = np.clip(TYPICAL_ARC_SNR * np.exp(rng.normal(0, ARC_SNR_SCATTER, count)), *ARC_SNR_RANGE)
    flux = target / best
    arcs = scene.arcs * flux[:, None, None, None].astype(np.float32)
    arc_flux, total = arcs.mean(1).sum((1, 2)), scene.light.mean(1).sum((1, 2))
    fraction = np.clip(1 - DEFLECTOR_LOSS * arc_flux / total, FAINTEST_DEFLECTOR_FRACTION, 1)
    light = scene.light * fraction[:, None, None, None].astype(np.float32)
    return Scene(light, {**scene.properties, "source_magnitude_i": magnitude_of(flux)}, arcs)


def draw_deflectors(rng: np.random.Generator, light: Sersic, magnitude_i: Array) -> Deflector:
    """Give galaxies a mass that follows their light: size by luminosity, shape with some scatter."""
    radius = 1.45 * 10 ** (-0.08 * (magnitude_i - TYPICAL_MAG) + rng.normal(0, 0.12, len(magnitude_i)))
    return draw_mass(rng, light, np.clip(radius, 0.8, 2.8))


def draw_mass(rng: np.random.Generator, light: Sersic, einstein_radius_arcsec: Array) -> Deflector:
    """Give galaxies a mass of the shape of their light, with some scatter, and external shear."""
    count = len(einstein_radius_arcsec)
    g1, g2 = draw_shear(rng, count)
    e1, e2 = light.e1 + rng.normal(0, 0.04, count), light.e2 + rng.normal(0, 0.04, count)
    return Deflector(einstein_radius_arcsec, e1, e2, g1, g2, np.zeros(count), np.zeros(count))


def draw_shear(rng: np.random.Generator, count: int) -> tuple[Array, Array]:
    """Draw the components of external shear."""
    strength, angle = np.abs(rng.normal(0, 0.045, count)), rng.uniform(0, 2 * np.pi, count)
    return strength * np.cos(angle), strength * np.sin(angle)


def draw_sources(rng: np.random.Generator, einstein_radius_arcsec: Array, *, reach: float) -> Sersic:
    """Place discs within `reach` Einstein radii, the region of strong magnification, uniform in area."""
    count = len(einstein_radius_arcsec)
    x, y = polar_positions(rng, reach * einstein_radius_arcsec * np.sqrt(rng.random(count)))
    e1, e2 = disc_ellipticities(rng, rng.uniform(0.4, 1, count))
    radius = np.clip(0.22 * 10 ** rng.normal(0, 0.18, count), 0.08, 0.6)
    return Sersic(x, y, radius, rng.uniform(0.7, 1.8, count), e1, e2)


def draw_knots(rng: np.random.Generator, source: Sersic) -> Sersic:
    """Place one star-forming knot on each source."""
    count = len(source.index)
    x, y = polar_positions(rng, source.radius_arcsec * rng.uniform(0.2, 1.2, count))
    x, y, zero = source.x_arcsec + x, source.y_arcsec + y, np.zeros(count)
    return Sersic(x, y, 0.3 * source.radius_arcsec, np.ones(count), zero, zero)
