"""Lensed arcs painted on real images: simulated lenses that share sky, noise and host with a survey.

Images are in the survey's own units. Nothing is assumed of them but that bands are linear in flux: the
host's light in each band calibrates the arcs', and its sky tells their signal-to-noise ratio.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import ndtr, ndtri

from lensapp.simulation.lens_scenes import draw_shear, draw_sources
from lensapp.simulation.lenses import Deflector, geometry, lensed_images
from lensapp.simulation.populations import BLUE_COLOURS, RED_COLOURS, disc_ellipticities
from lensapp.simulation.profiles import Grid, Sersic
from lensapp.simulation.sky_model import SkyModel, above_sky, correlated_normals, through_psf

Pixels = NDArray[np.float32]
FloatArray = NDArray[np.float64]

USUAL_PIXEL_SCALE_ARCSEC = 0.25  # where a survey does not tell
APERTURE_ARCSEC = 1.5
# As in surveys most arcs are faint: inspectors recover few below S/N 25 (Rojas et al. 2023).
TYPICAL_SNR, SNR_SCATTER, SNR_RANGE = 30.0, 0.9, (5.0, 300.0)
LEAST_SHARED = 1e-3
MOST_OF_HOST = 2.0
EINSTEIN_RANGE_ARCSEC = (0.9, 2.6)
RADIUS_OF_STAMP = 0.3
TYPICAL_RED, BLUE_RANGE = 2, (0.0, 0.8)  # positions in the colour tables


def inject_arcs(
    rng: np.random.Generator,
    hosts: Pixels,
    *,
    bands: tuple[str, ...],
    sky: SkyModel,
    pixel_scale_arcsec: float,
) -> tuple[Pixels, list[dict[str, Any]]]:
    """Paint the arcs of a lensed galaxy on each host.

    Parameters
    ----------
    hosts
        Shape (n, y, x, bands), NaN where masked; masked pixels stay so.
    bands
        Their names; colours of u, g, r, i, z, y are those of a star-forming source behind an early-type
        deflector, other bands get the host's own.
    sky
        Noise, PSF and gain, from `measure_sky` on many images.

    Returns
    -------
    pixels, truth
        Shape and units of `hosts`; per image Einstein radius, ellipticity, S/N of the arcs and the rest.

    References
    ----------
    Marshall et al. 2016, MNRAS 455, 1171, section 2.3 (simulated lenses on survey images as training
    subjects).
    """
    count, height, width, _ = hosts.shape
    grid = Grid(max(height, width), pixel_scale_arcsec)
    deflector, source = draw_lenses(rng, count, grid)
    arcs = lensed_images(grid, deflector, (source, np.ones(count)))
    arcs = arcs / np.maximum(arcs.sum((1, 2), keepdims=True), 1e-12)
    seen = through_psf(arcs, sky.psf)[:, :height, :width]
    flux = host_flux(hosts, pixel_scale_arcsec) * relative_colours(rng, count, bands)
    # The S/N in the best band of arcs as bright as their host, and how much brighter they are to be.
    snr = signal_to_noise(seen * flux[:, None, None, :], sky).max(1)
    low, high = (float(ndtr(np.log(end / TYPICAL_SNR) / SNR_SCATTER)) for end in SNR_RANGE)
    target = TYPICAL_SNR * np.exp(SNR_SCATTER * ndtri(rng.uniform(low, high, count)))
    scale = np.minimum(target, np.maximum(MOST_OF_HOST * snr, SNR_RANGE[0])) / np.maximum(snr, 1e-12)
    light = seen * (flux * scale[:, None])[:, None, None, :]
    grain = [correlated_normals(rng, (count, height, width), one) for one in sky.correlation]
    noise = np.stack(grain, axis=-1) * np.sqrt(np.maximum(light, 0) * sky.shot)
    columns = {**geometry(deflector, source), "arc_snr": snr * scale, "arc_to_host_flux": scale}
    truth = [{name: round(float(values[row]), 5) for name, values in columns.items()} for row in range(count)]
    return (hosts + light + noise).astype(np.float32), truth


def draw_lenses(rng: np.random.Generator, count: int, grid: Grid) -> tuple[Deflector, Sersic]:
    """Draw deflectors whose arcs fit into the stamp, and the sources behind them."""
    low, high = EINSTEIN_RANGE_ARCSEC
    half = grid.size * grid.pixel_scale_arcsec / 2
    largest = max(min(high, 2 * RADIUS_OF_STAMP * half), 2 * grid.pixel_scale_arcsec)
    radius = rng.uniform(min(low, largest), largest, count)
    e1, e2 = disc_ellipticities(rng, rng.uniform(0.6, 0.95, count))
    zero = np.zeros(count)
    deflector = Deflector(radius, e1, e2, *draw_shear(rng, count), zero, zero)
    return deflector, draw_sources(rng, radius, reach=0.5)


def signal_to_noise(light: FloatArray, sky: SkyModel) -> FloatArray:
    """Return the S/N of light (n, y, x, band) on the sky, weighted by its own shape: (n, bands).

    Noise that pixels share counts: it does not average out over an arc as fast as white noise.

    References
    ----------
    Zackay & Ofek 2017, ApJ 836, 187, section 2 (the matched filter; here that of white noise).
    """
    signal = (light**2).sum((1, 2))
    shared = np.stack(
        [
            (light[..., band] * ndimage.convolve(light[..., band], kernel[None], mode="constant")).sum((1, 2))
            for band, kernel in enumerate(sky.correlation)
        ],
        axis=-1,
    )
    ratio: FloatArray = signal / np.sqrt(np.maximum(shared, signal * LEAST_SHARED)) / sky.sigma
    return ratio


def host_flux(hosts: Pixels, pixel_scale_arcsec: float) -> FloatArray:
    """Return each host's flux within an aperture (n, bands); a band without light gets the others' median."""
    light = above_sky(hosts)
    height, width = hosts.shape[1:3]
    y, x = np.ogrid[:height, :width]
    distance = np.hypot(y - (height - 1) / 2, x - (width - 1) / 2)
    inside = distance * pixel_scale_arcsec <= max(APERTURE_ARCSEC, 2 * pixel_scale_arcsec)
    flux = np.nansum(light[:, inside], axis=1)
    lit = np.where(flux > 0, flux, np.nan)
    usual = np.array([np.nanmedian(band) if np.isfinite(band).any() else 1.0 for band in lit.T])
    filled: FloatArray = np.where(flux > 0, flux, usual)
    return filled


def relative_colours(rng: np.random.Generator, count: int, bands: tuple[str, ...]) -> FloatArray:
    """Return by how much a blue source outshines a red host in each band, one in the reddest: (n, bands)."""
    position = rng.uniform(*BLUE_RANGE, count)
    bluer = np.zeros((count, len(bands)))
    for number, band in enumerate(bands):
        if band in BLUE_COLOURS:
            blue = np.interp(position, [0.0, 0.5, 1.0], BLUE_COLOURS[band])
            bluer[:, number] = RED_COLOURS[band][TYPICAL_RED] - blue
    relative = 10 ** (0.4 * (bluer + rng.normal(0, 0.05, bluer.shape)))
    colours: FloatArray = relative / relative.min(1, keepdims=True)
    return colours
