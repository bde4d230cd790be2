"""Lensed arcs painted on real images: simulated lenses that share sky, noise and host with a survey.

One painter for training sets and blind tests. Images are linear in flux. Where its unit is known (AB zero
point 25) sources have magnitudes; elsewhere the host's light in each band calibrates the arcs', and its sky
tells their signal-to-noise ratio.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lensapp.core.data.flux_units import REFERENCE_ZERO_POINT_MAG
from lensapp.core.data.paint_spec import LensedSourceSpec, MassSpec
from lensapp.simulation.host_galaxies import HostShapes, magnitudes_of, measure_hosts, reference_band
from lensapp.simulation.lens_population import Lenses
from lensapp.simulation.lenses import Deflector, geometry
from lensapp.simulation.populations import BLUE_COLOURS, PASSIVE_COLOURS
from lensapp.simulation.profiles import Array, Grid
from lensapp.simulation.psf import shift_phases
from lensapp.simulation.sky_model import (
    SkyModel,
    above_sky,
    correlated_normals,
    noise_of_images,
    psf_spectra,
    through_psf,
)
from lensapp.simulation.source_light import (
    DrawnGalaxies,
    Stamps,
    draw_galaxies,
    lensed_galaxies,
    point_images,
)

Pixels = NDArray[np.float32]
FloatArray = NDArray[np.float64]

USUAL_PIXEL_SCALE_ARCSEC = 0.25  # where a survey does not tell
LEAST_SHARED = 1e-3
MOST_OF_HOST = 2.0
FITTING_SHARE = 0.6  # of half a cutout, so that arcs and their surroundings are seen
LEAST_SIDE, LEAST_SIDE_ARCSEC = 128, 16.0
MOST_ELLIPTICITY = 0.45
COLOUR_SCATTER, SECOND_SCATTER_DEX = 0.05, 0.3
TYPICAL_RED = 3  # position in the colour tables


@dataclass(frozen=True, eq=False)
class Survey:
    """What is known of the images that are painted on.

    Attributes
    ----------
    calibrated
        Whether their flux is that of AB zero point 25.
    """

    bands: tuple[str, ...]
    pixel_scale_arcsec: float
    sky: SkyModel
    calibrated: bool

    @property
    def reference(self) -> int:
        """Index of the band of magnitudes."""
        return reference_band(self.bands)


@dataclass(frozen=True, eq=False)
class Painting:
    """What is added to images, and the truth about each.

    Attributes
    ----------
    light : float64, shape (n, y, x, bands)
        Arcs through the PSF, without noise.
    noise : float64, shape (n, y, x, bands)
        Of the arcs' own photons.
    truth
        Named values of each image.
    """

    light: FloatArray
    noise: FloatArray
    truth: list[dict[str, Any]]


def largest_fitting_radius(shape: tuple[int, ...], pixel_scale_arcsec: float) -> float:
    """Return the largest Einstein radius (arcsec) whose arcs fit into cutouts of shape (y, x)."""
    return FITTING_SHARE * min(shape[:2]) / 2 * pixel_scale_arcsec


def painted_side(pixel_scale_arcsec: float, *, largest_radius_arcsec: float = 0.0) -> int:
    """Return the side (pixels) of the middle of an image that arcs are drawn and hosts are measured in.

    Arcs of so large an Einstein radius fit into it, as `largest_fitting_radius` has it. Of larger images
    the rest takes time and shows nothing of the lens.
    """
    fitting = 2 * largest_radius_arcsec / FITTING_SHARE
    return max(LEAST_SIDE, 2 * int(np.ceil(max(fitting, LEAST_SIDE_ARCSEC) / pixel_scale_arcsec / 2)))


def paint_lenses(
    rng: np.random.Generator,
    hosts: Pixels,
    lenses: Lenses,
    *,
    survey: Survey,
    mass: MassSpec,
    source: LensedSourceSpec,
    stamps: Stamps | None = None,
    noise: FloatArray | None = None,
) -> Painting:
    """Paint the arcs of lensed sources on hosts.

    Parameters
    ----------
    hosts
        Shape (n, y, x, bands), NaN where masked; the galaxies are in the middle.
    lenses
        How strongly each lenses what is behind it.
    stamps
        Real galaxies instead of Sersic profiles.
    noise
        Noise per pixel of sky of each host (n, bands), NaN where it is to be measured.

    References
    ----------
    Marshall et al. 2016, MNRAS 455, 1171, section 2.3; Schuldt et al. 2021, A&A 646, A126 (arcs on real
    galaxies as training sets).
    """
    count, height, width, _ = hosts.shape
    own_light = above_sky(hosts)
    sigma = noise_of_images(own_light, known=noise)
    shapes = measure_hosts(
        own_light, reference=survey.reference, pixel_scale_arcsec=survey.pixel_scale_arcsec
    )
    deflector = draw_deflectors(rng, lenses, shapes, mass)
    grid = Grid(max(height, width), survey.pixel_scale_arcsec)
    galaxies = draw_galaxies(
        rng, source, lenses.einstein_radius_arcsec, stamps=0 if stamps is None else len(stamps.images)
    )
    # An image of other sides is cut out of the square grid: its middle may lie half a pixel off.
    half = grid.pixel_scale_arcsec / 2
    within_grid = replace(
        deflector,
        x_arcsec=deflector.x_arcsec - (grid.size - width) % 2 * half,
        y_arcsec=deflector.y_arcsec - (grid.size - height) % 2 * half,
    )
    scene = Scene(grid, within_grid, lenses, source, survey, shapes)
    unit, columns = scene.unit_arcs(rng, galaxies, stamps)
    top, left = (grid.size - height) // 2, (grid.size - width) // 2
    unit = unit[:, top : top + height, left : left + width]
    ratios = signal_to_noise(unit, sigma, survey.sky.correlation)
    flux = source_flux(rng, ratios.max(1), unit, shapes, survey=survey, source=source)
    light = np.asarray(unit * flux[:, None, None, None], np.float64)
    shot = survey.sky.shot * (sigma / survey.sky.sigma) ** 2  # noise and gain both follow the exposure
    grain = [correlated_normals(rng, (count, height, width), one) for one in survey.sky.correlation]
    grain_of_arcs = np.stack(grain, axis=-1).astype(np.float64) * np.sqrt(
        np.maximum(light, 0) * shot[:, None, None, :]
    )
    columns |= truth_columns(lenses, deflector, galaxies, flux=flux, survey=survey)
    columns |= brightness_columns(light, ratios * flux[:, None], shapes, survey)
    return Painting(light, grain_of_arcs.astype(np.float64), as_records(columns, count))


def draw_deflectors(
    rng: np.random.Generator, lenses: Lenses, shapes: HostShapes, mass: MassSpec
) -> Deflector:
    """Give lenses the centre of their host's light, and its shape with some scatter."""
    count = len(lenses.host)
    e1, e2 = (one + rng.normal(0, mass.shape_scatter, count) for one in (shapes.e1, shapes.e2))
    limit = np.minimum(1, MOST_ELLIPTICITY / np.maximum(np.hypot(e1, e2), 1e-9))
    strength, angle = mass.shear.draw(rng, count), rng.uniform(0, 2 * np.pi, count)
    return Deflector(
        lenses.einstein_radius_arcsec,
        e1 * limit,
        e2 * limit,
        strength * np.cos(angle),
        strength * np.sin(angle),
        shapes.x_arcsec,
        shapes.y_arcsec,
    )


def behind(galaxies: DrawnGalaxies, deflector: Deflector) -> DrawnGalaxies:
    """Return galaxies drawn about a line of sight with that through their lens."""
    shifted = [
        replace(one, x_arcsec=one.x_arcsec + deflector.x_arcsec, y_arcsec=one.y_arcsec + deflector.y_arcsec)
        for one in (galaxies.smooth, *(clump for clump, _ in galaxies.clumps))
    ]
    lights = [light for _, light in galaxies.clumps]
    return replace(galaxies, smooth=shifted[0], clumps=tuple(zip(shifted[1:], lights, strict=True)))


@dataclass(frozen=True, eq=False)
class Scene:
    """Lenses on the grid of their images, and what is needed to draw what is behind them."""

    grid: Grid
    deflector: Deflector
    lenses: Lenses
    source: LensedSourceSpec
    survey: Survey
    shapes: HostShapes

    def unit_arcs(
        self, rng: np.random.Generator, galaxies: DrawnGalaxies, stamps: Stamps | None
    ) -> tuple[FloatArray, dict[str, Array]]:
        """Draw all that is lensed through the PSF, galaxies with unit flux in the reference band unlensed.

        Returns
        -------
        light, columns
            Shape (n, size, size, bands); magnification of the galaxies and the quasars' flux over theirs.
        """
        count, placed = len(galaxies.angle), behind(galaxies, self.deflector)
        arcs = lensed_galaxies(self.grid, self.deflector, placed, stamps)
        colours = source_colours(rng, self.source.redness.draw(rng, count), self.survey, self.shapes)
        if stamps is not None and galaxies.stamp is not None and self.survey.calibrated:
            colours = stamps.colours[galaxies.stamp]
        light = arcs[..., None] * colours[:, None, None].astype(np.float32)
        self.add_second_galaxies(rng, light)
        seen = through_psf(light, self.survey.sky.psf)
        quasars = np.where(self.lenses.quasar, self.source.quasar_light.draw(rng, count), 0.0)
        bluest = source_colours(rng, np.zeros(count), self.survey, self.shapes)
        self.add_quasars(seen, placed, flux=quasars[:, None] * bluest)
        return seen, {"magnification": arcs.sum((1, 2)), "quasar_flux_ratio": quasars}

    def add_second_galaxies(self, rng: np.random.Generator, light: Pixels) -> None:
        """Add a second galaxy to the light (n, size, size, bands) of lenses that have one.

        The first source's own mass is left out.
        """
        colours = source_colours(rng, self.source.redness.draw(rng, len(light)), self.survey, self.shapes)
        lenses = self.lenses
        rows = np.flatnonzero(np.isfinite(lenses.second_redshift) & (lenses.second_radius_arcsec > 0))
        if not len(rows):
            return
        own = Deflector(**{name: values[rows] for name, values in vars(self.deflector).items()})
        own = replace(own, einstein_radius_arcsec=lenses.second_radius_arcsec[rows])
        galaxies = behind(draw_galaxies(rng, self.source, own.einstein_radius_arcsec), own)
        brightness = 10 ** rng.normal(0, SECOND_SCATTER_DEX, (len(rows), 1)) * colours[rows]
        arcs = lensed_galaxies(self.grid, own, galaxies)
        light[rows] += arcs[..., None] * brightness[:, None, None].astype(np.float32)

    def add_quasars(self, image: FloatArray, galaxies: DrawnGalaxies, *, flux: FloatArray) -> None:
        """Add the images of quasars of unlensed fluxes (n, bands) amid galaxies, as stars are seen."""
        size, scale = self.grid.size, self.grid.pixel_scale_arcsec
        spectra, length = psf_spectra(self.survey.sky.psf, size)
        for row in np.flatnonzero(flux.max(1) > 0):
            own = Deflector(**{name: values[row : row + 1] for name, values in vars(self.deflector).items()})
            points, magnification = point_images(
                own, float(galaxies.smooth.x_arcsec[row]), float(galaxies.smooth.y_arcsec[row])
            )
            phases = shift_phases(length, *(points.T / scale + (size - 1) / 2))
            lit = (phases * magnification[:, None, None]).sum(0)
            seen = np.fft.irfft2(spectra * lit, s=(length, length))[:, :size, :size]
            image[row] += np.moveaxis(seen, 0, -1) * flux[row]


def source_colours(
    rng: np.random.Generator, redness: FloatArray, survey: Survey, shapes: HostShapes
) -> FloatArray:
    """Return fluxes of star-forming galaxies over that in the reference band: (n, bands).

    Without a known unit, or in bands without a table of colours, they are as much bluer than their host as
    such galaxies are than an early-type one.
    """
    host = np.where(shapes.core > 0, shapes.core, np.nan)
    usual = np.array([np.nanmedian(band) if np.isfinite(band).any() else 1.0 for band in host.T])
    host = np.where(np.isfinite(host), host, usual)
    relative = host / host[:, survey.reference : survey.reference + 1]
    in_tables = survey.calibrated and set(survey.bands) <= set(BLUE_COLOURS)
    magnitudes = np.zeros((len(redness), len(survey.bands)))
    for index, band in enumerate(survey.bands):
        if band in BLUE_COLOURS:
            magnitudes[:, index] = np.interp(redness, [0.0, 0.5, 1.0], BLUE_COLOURS[band])
            magnitudes[:, index] -= 0.0 if in_tables else PASSIVE_COLOURS[band][TYPICAL_RED]
    magnitudes += rng.normal(0, COLOUR_SCATTER, magnitudes.shape)
    magnitudes -= magnitudes[:, survey.reference : survey.reference + 1]
    colours: FloatArray = 10 ** (-0.4 * magnitudes) * (1.0 if in_tables else relative)
    return colours


def source_flux(
    rng: np.random.Generator,
    ratio: FloatArray,
    unit: FloatArray,
    shapes: HostShapes,
    *,
    survey: Survey,
    source: LensedSourceSpec,
) -> FloatArray:
    """Draw the unlensed flux (n,) of sources in the reference band, within the limits of S/N.

    Parameters
    ----------
    ratio
        S/N, in the best band, of arcs of sources of unit flux.
    unit
        These arcs, (n, y, x, bands).
    """
    count, ratio = len(ratio), np.maximum(ratio, 1e-30)
    low, high = source.arc_snr.lowest / ratio, source.arc_snr.highest / ratio
    if source.brightness == "magnitude" and survey.calibrated:
        faintest, brightest = (REFERENCE_ZERO_POINT_MAG - 2.5 * np.log10(one) for one in (low, high))
        magnitude = source.magnitude.draw(rng, count, at_least=brightest, at_most=faintest)
        return np.asarray(10 ** (-0.4 * (magnitude - REFERENCE_ZERO_POINT_MAG)), np.float64)
    in_reference = np.maximum(unit[..., survey.reference].sum((1, 2)), 1e-30)
    host = np.maximum(shapes.flux[:, survey.reference], 0)
    most = np.maximum(MOST_OF_HOST * host / in_reference, low)
    return source.arc_snr.draw(rng, count, at_most=most * ratio) / ratio


def signal_to_noise(light: FloatArray, sigma: FloatArray, correlation: FloatArray) -> FloatArray:
    """Return the S/N of light (n, y, x, band) on the sky, weighted by its own shape: (n, bands).

    Noise that pixels share counts: it does not average out over an arc as fast as white noise.

    Parameters
    ----------
    sigma
        Noise per pixel (n, bands).
    correlation
        Of the noise, (bands, k, k).

    References
    ----------
    Zackay & Ofek 2017, ApJ 836, 187, section 2 (the matched filter; here that of white noise).
    """
    signal = (light**2).sum((1, 2))
    shared = np.stack(
        [
            (light[..., band] * ndimage.convolve(light[..., band], kernel[None], mode="constant")).sum((1, 2))
            for band, kernel in enumerate(correlation)
        ],
        axis=-1,
    )
    noise = np.sqrt(np.maximum(shared, np.maximum(signal * LEAST_SHARED, 1e-60)))
    ratio: FloatArray = signal / noise / sigma
    return ratio


def truth_columns(
    lenses: Lenses, deflector: Deflector, galaxies: DrawnGalaxies, *, flux: FloatArray, survey: Survey
) -> dict[str, Array]:
    """Return what is true of lenses and sources by the names of properties, each of shape (n,)."""
    columns: dict[str, Array] = {
        **geometry(deflector, galaxies.smooth),
        "source_sersic_index": galaxies.smooth.index,
        "source_e1": galaxies.smooth.e1,
        "source_e2": galaxies.smooth.e2,
        "lens_x_arcsec": deflector.x_arcsec,
        "lens_y_arcsec": deflector.y_arcsec,
        "redshift": lenses.redshift,
        "velocity_dispersion_km_s": lenses.velocity_dispersion,
        "source_redshift": lenses.source_redshift,
        "second_source_redshift": lenses.second_redshift,
        "second_einstein_radius_arcsec": np.where(
            np.isfinite(lenses.second_redshift), lenses.second_radius_arcsec, np.nan
        ),
    }
    if survey.calibrated:
        columns[f"source_magnitude_{survey.bands[survey.reference]}"] = magnitudes_of(flux)
    return columns


def brightness_columns(
    light: FloatArray, ratios: FloatArray, shapes: HostShapes, survey: Survey
) -> dict[str, Array]:
    """Return S/N, magnitude and flux of the arcs (n, y, x, bands), each of shape (n,)."""
    total = light.sum((1, 2))
    columns: dict[str, Array] = {"arc_snr": ratios.max(1)}
    columns |= {f"arc_snr_{band}": ratios[:, index] for index, band in enumerate(survey.bands)}
    if survey.calibrated:
        magnitudes = magnitudes_of(total)
        columns |= {f"arc_magnitude_{band}": magnitudes[:, index] for index, band in enumerate(survey.bands)}
    host = shapes.flux[:, survey.reference]
    columns["arc_to_host_flux"] = np.where(
        host > 0, total[:, survey.reference] / np.maximum(host, 1e-30), np.nan
    )
    return columns


def as_records(columns: dict[str, Array], count: int) -> list[dict[str, Any]]:
    """Return named values (n,) as one record for each of `count`, five digits each, unknown ones left out."""
    return [
        {name: float(f"{values[row]:.5g}") for name, values in columns.items() if np.isfinite(values[row])}
        for row in range(count)
    ]
