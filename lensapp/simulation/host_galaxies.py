"""What a galaxy shows, and what follows for its mass: photometry, redshift, velocity dispersion."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from lensapp.core.data.flux_units import REFERENCE_ZERO_POINT_MAG
from lensapp.core.train.own_noise import FEWEST_COMPARED, noise_outliers, sky_sigma
from lensapp.simulation.deflectors import (
    DISPERSION_RANGE_KM_S,
    EVOLUTION_MAG_PER_REDSHIFT,
    MAG_SCATTER,
    MAG_STAR,
)
from lensapp.simulation.lens_population import distance_moduli, distances
from lensapp.simulation.populations import PASSIVE_COLOURS, PASSIVE_I_CORRECTION, PASSIVE_REDSHIFTS
from lensapp.simulation.sky_model import MAD_TO_SIGMA, SkyModel, middle_of
from lensapp.simulation.star_psf import windowed_moments

Pixels = NDArray[np.float32]
FloatArray = NDArray[np.float64]

APERTURE_ARCSEC, TOTAL_ARCSEC = 1.5, 4.0
MARK_SIGMA, DARK_MARK_SIGMA, MARK_PIXELS = 5.0, 8.0, 12
OUTSHINING, OUTSHINING_ARCSEC = 10.0, 2.5  # times the light of a host's brightest pixel; from its middle
FLAT_SHARE = 0.05  # of the pixels that are just like their neighbour: beyond the edge of the data
LACKING = 0.1  # of the light that a galaxy's colour lets expect in another band: 2.5 mag bluer or redder
SHAPE_WINDOW_ARCSEC, MOST_ELLIPTICITY, MOST_OFF_CENTRE_ARCSEC = 1.0, 0.35, 0.5
REDSHIFT_STEPS, FARTHEST_HOST, COLOUR_SCATTER, REDSHIFT_SCATTER = 121, 0.8, 0.1, 0.12
POSTERIOR_REDSHIFTS = np.linspace(PASSIVE_REDSHIFTS[0], PASSIVE_REDSHIFTS[-1], 181)
OFF_SEQUENCE = 0.0027  # chance of colours as far off the red sequence, for an early-type galaxy: 3 σ
HOSTS_AT_ONCE = 2000
RELATION_SCATTER_DEX, MEASURED_SCATTER_DEX = 0.07, 0.02
RED_MARGIN_MAG, NEAREST_REDSHIFT, RED_SHARE = 0.2, 0.2, 1 / 3
BAND_NM = {"u": 355.0, "g": 480.0, "r": 623.0, "i": 760.0, "z": 870.0, "y": 960.0}


@dataclass(frozen=True, eq=False)
class _OfGalaxies:
    """Arrays that begin with the galaxies, (n, …)."""

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return what holds of the galaxies of several parts, one after another."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


@dataclass(frozen=True, eq=False)
class HostShapes(_OfGalaxies):
    """Galaxies in the middle of cutouts, each field (n,) or per band (n, bands).

    Attributes
    ----------
    flux, core
        Within twice the half-light radius and 1.5 arcsec; the latter is for colours.
    half_light_radius_arcsec
        In the reference band, with the PSF.
    e1, e2, x_arcsec, y_arcsec
        Ellipticity as in `profiles.Sersic`, corrected for the window but not for the PSF, and centre.
    """

    flux: FloatArray
    core: FloatArray
    half_light_radius_arcsec: FloatArray
    e1: FloatArray
    e2: FloatArray
    x_arcsec: FloatArray
    y_arcsec: FloatArray


@dataclass(frozen=True, eq=False)
class Artefacts(_OfGalaxies):
    """What spoils cutouts as hosts, each field (n,) or per band (n, bands).

    Attributes
    ----------
    marked
        Whether trails, bad columns or cosmic rays run across them (`marked_in_one_band`).
    outshone
        Whether a far brighter star stands beside the galaxy.
    flat
        Share of pixels just like the next one, many of which there are beyond the edge of the data.
    noise
        Of a pixel at the border.
    """

    marked: NDArray[np.bool_]
    outshone: NDArray[np.bool_]
    flat: FloatArray
    noise: FloatArray

    @property
    def unclean(self) -> NDArray[np.bool_]:
        """Which have a star, an edge, or a noise that stands out from that of the others."""
        flat = self.flat > np.median(self.flat) + FLAT_SHARE  # whole numbers are often flat
        spoilt = self.outshone | flat
        return spoilt | noise_outliers(self.noise) if len(self.noise) >= FEWEST_COMPARED else spoilt


def reference_band(bands: Sequence[str]) -> int:
    """Return the index of the band in which magnitudes are limited: i, or else the last."""
    return list(bands).index("i") if "i" in bands else len(bands) - 1


def measure_hosts(light: FloatArray, *, reference: int, pixel_scale_arcsec: float) -> HostShapes:
    """Measure the galaxies in the middle of images (n, y, x, band) above their sky, masked pixels dark."""
    count, height, width, _ = light.shape
    dark = np.nan_to_num(light)
    y, x = np.mgrid[:height, :width]
    distance = np.hypot(y - (height - 1) / 2, x - (width - 1) / 2) * pixel_scale_arcsec
    order = np.argsort(distance, axis=None, kind="stable")
    order = order[distance.ravel()[order] <= min(TOTAL_ARCSEC, distance[height // 2].max())]
    radii = distance.ravel()[order]
    growth = np.cumsum(dark.reshape(count, -1, light.shape[3])[:, order], axis=1)
    total = growth[:, -1, reference]
    reached = growth[..., reference] >= total[:, None] / 2
    half = np.where(total > 0, radii[np.argmax(reached, axis=1)], 0.0)
    # Twice the half-light radius holds nearly all; what lies farther out is sky and neighbours.
    last = np.searchsorted(radii, np.clip(2.5 * half, APERTURE_ARCSEC, radii[-1]), side="right") - 1
    side = min(height, width)
    middle = dark[:, (height - side) // 2 :, (width - side) // 2 :, reference][:, :side, :side]
    _, e1, e2, dx, dy, _ = windowed_moments(middle, window=SHAPE_WINDOW_ARCSEC / pixel_scale_arcsec)
    limit = np.minimum(1, MOST_ELLIPTICITY / np.maximum(np.hypot(e1, e2), 1e-9))
    centred = np.hypot(dx, dy) * pixel_scale_arcsec <= MOST_OFF_CENTRE_ARCSEC
    return HostShapes(
        flux=growth[np.arange(count), last],
        core=growth[:, np.searchsorted(radii, APERTURE_ARCSEC, side="right") - 1],
        half_light_radius_arcsec=half,
        e1=np.nan_to_num(e1 * limit),
        e2=np.nan_to_num(e2 * limit),
        x_arcsec=np.where(centred, dx, 0.0) * pixel_scale_arcsec,
        y_arcsec=np.where(centred, dy, 0.0) * pixel_scale_arcsec,
    )


def find_artefacts(
    pixels: Pixels,
    light: FloatArray,
    shapes: HostShapes,
    *,
    survey_noise: FloatArray,
    reference: int,
    pixel_scale_arcsec: float,
) -> Artefacts:
    """Look for artefacts in whole images and in `light`, their middle above the sky, (n, y, x, band) each."""
    return Artefacts(
        marked=marked_in_one_band(light, survey_noise, shapes.core),
        outshone=outshone(light, reference=reference, pixel_scale_arcsec=pixel_scale_arcsec),
        flat=flat_share(middle_of(pixels, max(light.shape[1:3]))),
        noise=np.asarray(sky_sigma(pixels), np.float64),
    )


def marked_in_one_band(light: FloatArray, sigma: FloatArray, core: FloatArray) -> NDArray[np.bool_]:
    """Return which images (n, y, x, band) above their sky show what no light of the sky leaves: (n,).

    That is many pixels that shine in one band and in no other, however noisy the others are, or that are
    far below the sky: trails of satellites, bad columns, cosmic rays. Images of one band tell nothing.

    Parameters
    ----------
    sigma
        Noise per pixel of the sky (bands,); an image that scatters more has its own.
    core
        Light of the galaxies (n, bands), whose usual colour tells what to expect in another band.
    """
    bands = light.shape[3]
    if bands < 2 or not len(light):
        return np.zeros(len(light), np.bool_)
    scatter = MAD_TO_SIGMA * np.nanmedian(np.abs(light), axis=(1, 2))
    noise = np.maximum(np.nan_to_num(scatter), sigma)[:, None, None, :]
    usual = np.maximum(np.median(core, axis=0), 1e-30)
    marked = np.zeros(light.shape[:3], np.bool_)
    with np.errstate(invalid="ignore"):
        for band in range(bands):
            own, own_noise = light[..., band : band + 1], noise[..., band : band + 1]
            others = [one for one in range(bands) if one != band]
            expected = np.maximum(own, 0) * (usual[others] / usual[band])
            lacking = (expected > MARK_SIGMA * noise[..., others]) & (light[..., others] < LACKING * expected)
            shines = (own > MARK_SIGMA * own_noise) & lacking.all(3, keepdims=True)
            marked |= (shines | (own < -DARK_MARK_SIGMA * own_noise))[..., 0]
    return np.asarray(marked.sum((1, 2)) >= MARK_PIXELS, np.bool_)


def outshone(light: FloatArray, *, reference: int, pixel_scale_arcsec: float) -> NDArray[np.bool_]:
    """Return in which images (n, y, x, band) above their sky a far brighter star outshines the middle: (n,).

    Its halo, spikes and saturated core are not what a galaxy has beside it.
    """
    height, width = light.shape[1:3]
    y, x = np.mgrid[:height, :width]
    distance = np.hypot(y - (height - 1) / 2, x - (width - 1) / 2) * pixel_scale_arcsec
    dark = np.nan_to_num(light[..., reference])
    around, own = dark[:, distance > OUTSHINING_ARCSEC], dark[:, distance <= APERTURE_ARCSEC]
    brightest = around.max(1, initial=0.0)
    return np.asarray(brightest > OUTSHINING * np.maximum(own.max(1, initial=0.0), 1e-30), np.bool_)


def flat_share(pixels: Pixels) -> FloatArray:
    """Return the share of pixels of images (n, y, x, band) that are just like the next one: (n,).

    It is that of the band with most: noise leaves hardly any, what was filled in beyond the data is flat.
    """
    alike = (pixels[:, :, 1:] == pixels[:, :, :-1]).mean((1, 2))
    return np.asarray(alike.max(1), np.float64)


def magnitudes_of(flux: FloatArray) -> FloatArray:
    """Return AB magnitudes of calibrated flux, NaN where it is not positive."""
    with np.errstate(invalid="ignore", divide="ignore"):
        magnitudes: FloatArray = REFERENCE_ZERO_POINT_MAG - 2.5 * np.log10(flux)
    return np.where(flux > 0, magnitudes, np.nan)


def red_sequence(bands: Sequence[str], redshift: FloatArray) -> FloatArray:
    """Return magnitudes less that in i of early-type galaxies (n, bands), NaN in bands without a table."""
    return np.stack(
        [
            np.interp(redshift, PASSIVE_REDSHIFTS, PASSIVE_COLOURS[band])
            if band in PASSIVE_COLOURS
            else np.full(len(redshift), np.nan)
            for band in bands
        ],
        axis=-1,
    )


def colour_errors(core: FloatArray, sky: SkyModel, *, pixel_scale_arcsec: float) -> FloatArray:
    """Return errors in mag (n, bands) of what is measured within 1.5 arcsec; infinite without light."""
    pixels = np.pi * (APERTURE_ARCSEC / pixel_scale_arcsec) ** 2
    alike = np.maximum(sky.correlation.sum((1, 2)), 1)  # neighbours share their noise
    noise = sky.sigma * np.sqrt(pixels * alike)
    return np.asarray(2.5 / np.log(10) * np.where(core > 0, noise / np.where(core > 0, core, 1), np.inf))


def sequence_redshifts(
    magnitudes: FloatArray, bands: Sequence[str], errors: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return redshifts (n,) of early-type galaxies by colours and light, and which lie off the red sequence.

    A redshift is as probable as the colours there, with the scatter of the red sequence and their errors,
    times the number of galaxies of such a luminosity in comoving volume; given is the median. Where colours
    tell little, the luminosity function decides. Galaxies whose colours are too far from those at any
    redshift are not early-type: colours do not tell theirs. NaN from fewer than two bands.

    Parameters
    ----------
    magnitudes, errors : shape (n, bands)
        AB magnitudes, NaN where unknown, and their errors.

    References
    ----------
    Benitez 2000, ApJ 536, 571 (a prior by magnitude); Gladders & Yee 2000, AJ 120, 2148 (the red sequence);
    Bernardi et al. 2003, AJ 125, 1849 (luminosity function, a Gaussian, and its passive evolution).
    """
    parts = [slice(start, start + HOSTS_AT_ONCE) for start in range(0, len(magnitudes), HOSTS_AT_ONCE)]
    found = [_sequence_redshifts(magnitudes[part], bands, errors[part]) for part in parts]
    if not found:
        return np.empty(0), np.empty(0, np.bool_)
    return np.concatenate([one for one, _ in found]), np.concatenate([one for _, one in found])


def _sequence_redshifts(
    magnitudes: FloatArray, bands: Sequence[str], errors: FloatArray
) -> tuple[FloatArray, NDArray[np.bool_]]:
    grid = POSTERIOR_REDSHIFTS
    residual = magnitudes[:, None, :] - red_sequence(bands, grid)
    known = np.isfinite(residual) & np.isfinite(errors)[:, None, :]
    weight = np.where(known, 1 / (COLOUR_SCATTER**2 + errors[:, None, :] ** 2), 0.0)
    residual = np.where(known, residual, 0.0)
    magnitude_i = (weight * residual).sum(2) / np.maximum(weight.sum(2), 1e-30)
    misfit = (weight * (residual - magnitude_i[..., None]) ** 2).sum(2)
    rest_r = magnitude_i - np.interp(grid, PASSIVE_REDSHIFTS, PASSIVE_I_CORRECTION)
    luminosity = rest_r - distance_moduli(grid) + EVOLUTION_MAG_PER_REDSHIFT * grid
    logarithm = np.log(distances().volume_weight(grid)) - misfit / 2
    logarithm -= ((luminosity - MAG_STAR) / MAG_SCATTER) ** 2 / 2
    probability = np.exp(logarithm - logarithm.max(1, keepdims=True))
    below = np.cumsum(probability, axis=1) - probability / 2
    half = probability.sum(1) / 2
    median = np.array([np.interp(*pair, grid) for pair in zip(half, below, strict=True)])
    colours = known[:, 0].sum(1) - 1
    limit = chdtri(np.maximum(colours - 1, 1), OFF_SEQUENCE)  # one of them tells the redshift
    told = colours >= 1
    return np.where(told, median, np.nan), told & (misfit.min(1) > limit)


def colour_redshifts(magnitudes: FloatArray, bands: Sequence[str]) -> FloatArray:
    """Estimate redshifts (n,) as earlier paintings had them, best fits; NaN from fewer than two bands.

    Galaxies off the red sequence pile up at its end. The best fit
    of magnitudes (n, bands) but for a common offset, with the magnitude itself as a weak hint:
    faint early-type galaxies are farther.

    References
    ----------
    Gladders & Yee 2000, AJ 120, 2148 (the red sequence as a measure of redshift); colours of Eisenstein et
    al. 2001, in `populations.PASSIVE_COLOURS`.
    """
    grid = np.linspace(PASSIVE_REDSHIFTS[0], FARTHEST_HOST, REDSHIFT_STEPS)
    residual = magnitudes[:, None, :] - red_sequence(bands, grid)
    known = np.isfinite(residual)
    counted = np.maximum(known.sum(2), 1)
    offset = np.where(known, residual, 0.0).sum(2) / counted
    misfit = (np.where(known, residual - offset[..., None], 0.0) ** 2).sum(2) / COLOUR_SCATTER**2
    usual = 0.36 + 0.1 * (offset - 18.9)  # as `populations.draw_ellipticals`
    best = np.argmin(misfit + ((grid - usual) / REDSHIFT_SCATTER) ** 2, axis=1)
    return np.where(known.any(1).sum(1) >= 2, grid[best], np.nan)


def absolute_magnitudes(
    magnitudes: FloatArray, bands: Sequence[str], redshift: FloatArray, distance_modulus: FloatArray
) -> FloatArray:
    """Return absolute magnitudes in r today (n,), from the observed light that was emitted in r.

    The magnitude at 623 nm × (1 + z) is interpolated between bands, those that are missing filled from the
    red sequence; so no K-correction of a template is needed but that of the narrower frequencies.

    References
    ----------
    Hogg et al. 2002, astro-ph/0210394, equation 13; Bernardi et al. 2003, AJ 125, 1849 (evolution).
    """
    names = list(BAND_NM)
    usual = red_sequence(names, redshift)
    observed = np.full(usual.shape, np.nan)
    for index, band in enumerate(bands):
        if band in BAND_NM:
            observed[:, names.index(band)] = magnitudes[:, index]
    known = np.isfinite(observed)
    offset = np.where(known, observed - usual, 0.0).sum(1) / np.maximum(known.sum(1), 1)
    filled = np.where(known, observed, usual + offset[:, None])
    wanted = np.log(BAND_NM["r"] * (1 + redshift))
    nodes = np.log(list(BAND_NM.values()))
    apparent = np.array(
        [np.interp(*pair) for pair in zip(wanted, [nodes] * len(wanted), filled, strict=True)]
    )
    absolute = (
        apparent - distance_modulus + 2.5 * np.log10(1 + redshift) + EVOLUTION_MAG_PER_REDSHIFT * redshift
    )
    return np.where(known.any(1), absolute, np.nan)


def velocity_dispersions(absolute_magnitude_r: FloatArray) -> FloatArray:
    """Return the typical velocity dispersion (km/s) of early-type galaxies of absolute magnitudes in r.

    References
    ----------
    Hyde & Bernardi 2009, MNRAS 394, 1978 (log σ = -2.97 - 0.37 M - 0.006 M², H0 = 70 km/s/Mpc).
    """
    magnitude = np.clip(absolute_magnitude_r, -25.5, -18.0)
    dispersion = 10 ** (-2.97 - 0.37 * magnitude - 0.006 * magnitude**2)
    return np.clip(dispersion, *DISPERSION_RANGE_KM_S)


def red_galaxies(
    magnitudes: FloatArray,
    shapes: HostShapes,
    among: NDArray[np.bool_],
    *,
    bands: Sequence[str],
    bluest_colour: float | None,
) -> NDArray[np.bool_]:
    """Return which galaxies are red, first less last band; the reddest third where colours have no zero."""
    if len(bands) < 2:
        return np.ones(len(magnitudes), np.bool_)
    colour = magnitudes[:, 0] - magnitudes[:, -1]
    typical = red_sequence((bands[0], bands[-1]), np.array([NEAREST_REDSHIFT]))[0]
    bluest = typical[0] - typical[1] - RED_MARGIN_MAG if bluest_colour is None else bluest_colour
    if np.isfinite(colour).any() and np.isfinite(bluest):
        return np.asarray(colour >= bluest, np.bool_)
    first, last = np.maximum(shapes.core[:, [0, -1]], 1e-30).T
    ratio = last / first
    return np.asarray(ratio >= np.quantile(ratio[among], 1 - RED_SHARE), np.bool_) if among.any() else among


@dataclass(frozen=True, eq=False)
class Masses:
    """What hosts lens with, each field (n,): NaN where unknown.

    Attributes
    ----------
    scatter_dex
        Of log10 of the velocity dispersions (km/s) about what is given.
    off_sequence
        Which lie off the red sequence, so that colours do not tell their redshift.
    by_colour
        Whether colours tell that of any.
    """

    redshift: FloatArray
    velocity_dispersion: FloatArray
    scatter_dex: FloatArray
    off_sequence: NDArray[np.bool_]
    by_colour: bool


def masses_of(
    magnitudes: FloatArray,
    bands: Sequence[str],
    *,
    errors: FloatArray,
    redshift: FloatArray,
    dispersion: FloatArray,
    best_fit: bool = False,
) -> Masses:
    """Return how far and how massive galaxies are: as measured, else by their colours and light.

    Parameters
    ----------
    magnitudes, errors : shape (n, bands)
        AB magnitudes and their errors.
    redshift, dispersion : shape (n,)
        As measured (km/s), NaN where they are not.
    best_fit
        Whether redshifts are those of `colour_redshifts`.
    """
    stated, measured = np.isfinite(redshift), np.isfinite(dispersion)
    off = np.zeros(len(redshift), np.bool_)
    if best_fit:
        by_colour = colour_redshifts(magnitudes, bands)
    else:
        by_colour, off = sequence_redshifts(magnitudes, bands, errors)
    redshift = np.where(stated, redshift, by_colour)
    known = np.nan_to_num(redshift, nan=0.3)
    absolute = absolute_magnitudes(magnitudes, bands, known, distance_moduli(known))
    by_light = np.where(np.isfinite(redshift), velocity_dispersions(absolute), np.nan)
    return Masses(
        redshift,
        np.where(measured, dispersion, by_light),
        np.where(measured, MEASURED_SCATTER_DEX, RELATION_SCATTER_DEX),
        off & ~stated,
        by_colour=not best_fit and bool((np.isfinite(by_colour) & ~stated).any()),
    )
