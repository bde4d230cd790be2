"""Lensed arcs painted on real images: simulated lenses that share sky, noise and host with a survey.

Images are in the survey's own units. Nothing is assumed of them but that bands are linear in flux: the
host's light in each band calibrates the arcs', and its sky tells their signal-to-noise ratio.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.simulation.lens_scenes import draw_shear, draw_sources
from lensapp.simulation.lenses import Deflector, geometry, lensed_images
from lensapp.simulation.populations import BLUE_COLOURS, RED_COLOURS, disc_ellipticities
from lensapp.simulation.profiles import Grid, Sersic
from lensapp.simulation.psf import (
    convolved,
    fourier_length,
    kernel_radius_pixels,
    kernel_spectra,
    moffat_kernels,
)

Pixels = NDArray[np.float32]
FloatArray = NDArray[np.float64]

USUAL_PIXEL_SCALE_ARCSEC = 0.25  # where a survey does not tell
LEAST_PSF_PIXELS, UNKNOWN_PSF_PIXELS, COMPACT_FRACTION = 2.0, 3.0, 0.1
MOST_PSF_ARCSEC = 2.0
APERTURE_ARCSEC = 1.5
MAD_TO_SIGMA = 1.4826
LIT_SIGMA, DARK_SIGMA, FEWEST_PIXELS = (5.0, 25.0), (-2.0, 2.0), 50
TYPICAL_SNR, SNR_SCATTER, SNR_RANGE = 80.0, 0.55, (30.0, 300.0)
MOST_OF_HOST = 2.0
EINSTEIN_RANGE_ARCSEC = (0.9, 2.6)
RADIUS_OF_STAMP = 0.3
TYPICAL_RED, BLUE_RANGE = 2, (0.0, 0.8)  # positions in the colour tables


@dataclass(frozen=True, eq=False)
class SkyModel:
    """What is measured on images of a survey, per band.

    Attributes
    ----------
    sigma : float64, shape (bands,)
        Noise per pixel of the sky.
    psf_fwhm_arcsec : float64, shape (bands,)
        Of the most compact objects: an upper bound.
    shot : float64, shape (bands,)
        Variance that a unit of flux adds to a pixel (one over the gain); 0 where none is seen.
    """

    sigma: FloatArray
    psf_fwhm_arcsec: FloatArray
    shot: FloatArray


def measure_sky(pixels: Pixels, *, pixel_scale_arcsec: float) -> SkyModel:
    """Measure noise, PSF and gain on images (n, y, x, band) of single objects in their middle.

    The noise comes from differences of neighbouring pixels, as galaxies are smooth. The PSF is that of the
    tenth of the objects which are most compact in a band, as they resemble stars: full widths at half
    maximum by the area above half the peak, where that is bright enough.
    """
    light = above_sky(pixels)
    spread = np.nanmedian(np.abs(np.diff(light, axis=2)), axis=(0, 1, 2)) * MAD_TO_SIGMA / np.sqrt(2)
    sigma = np.where(np.isfinite(spread) & (spread > 0), spread, 1e-12)
    height, width = light.shape[1:3]
    middle = light[:, height // 4 : height - height // 4, width // 4 : width - width // 4]
    peak = np.nanmax(np.nan_to_num(middle, nan=-np.inf), axis=(1, 2))
    area = (middle > peak[:, None, None, :] / 2).sum((1, 2))
    widths = np.where(peak > 10 * sigma, 2 * np.sqrt(area / np.pi), np.nan)
    widths = np.where(np.isfinite(widths).any(0), widths, UNKNOWN_PSF_PIXELS)
    compact = np.nanquantile(widths, COMPACT_FRACTION, axis=0) * pixel_scale_arcsec
    fwhm = np.clip(compact, LEAST_PSF_PIXELS * pixel_scale_arcsec, MOST_PSF_ARCSEC)
    return SkyModel(sigma, fwhm, shot_variance(light, sigma))


def above_sky(pixels: Pixels) -> FloatArray:
    """Return images without their sky, the median of their border."""
    edge = max(1, min(pixels.shape[1:3]) // 8)
    border = np.ones(pixels.shape[1:3], bool)
    border[edge:-edge, edge:-edge] = False
    outer = pixels[:, border].astype(np.float64)
    filled = np.where(np.isfinite(outer).any(1, keepdims=True), outer, 0.0)
    light: FloatArray = pixels - np.nanmedian(filled, axis=1)[:, None, None, :]
    return light


def shot_variance(light: FloatArray, sigma: FloatArray) -> FloatArray:
    """Return the variance per unit of flux (bands,), from how much rougher faint light is than the sky.

    Roughness is the difference of a pixel from the mean of its neighbours in a row, which smooth light
    hardly has. Structure of galaxies adds to it: this is an upper bound.
    """
    rough = light[:, :, 1:-1] - (light[:, :, :-2] + light[:, :, 2:]) / 2
    level = (light[:, :, :-2] + light[:, :, 2:]) / 2 / sigma
    shot = np.zeros(len(sigma))
    for band in range(len(sigma)):
        lit, dark = [
            (level[..., band] > low) & (level[..., band] < high) & np.isfinite(rough[..., band])
            for low, high in (LIT_SIGMA, DARK_SIGMA)
        ]
        if min(lit.sum(), dark.sum()) >= FEWEST_PIXELS:
            variance, sky = (
                float(np.median(np.abs(rough[..., band][part])) * MAD_TO_SIGMA) ** 2 for part in (lit, dark)
            )
            excess = (variance - sky) * sigma[band] ** 2 / sky
            shot[band] = max(0.0, excess / (level[..., band][lit].mean() * sigma[band]))
    return shot


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
    seen = through_psf(arcs, sky, pixel_scale_arcsec)[:, :height, :width]
    flux = host_flux(hosts, pixel_scale_arcsec) * relative_colours(rng, count, bands)
    # The S/N in the best band of arcs as bright as their host, and how much brighter they are to be.
    snr = np.sqrt(((seen * flux[:, None, None, :] / sky.sigma) ** 2).sum((1, 2))).max(1)
    target = np.clip(TYPICAL_SNR * np.exp(rng.normal(0, SNR_SCATTER, count)), *SNR_RANGE)
    scale = np.minimum(target / np.maximum(snr, 1e-12), MOST_OF_HOST)
    light = seen * (flux * scale[:, None])[:, None, None, :]
    noise = rng.standard_normal(light.shape) * np.sqrt(np.maximum(light, 0) * sky.shot)
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


def through_psf(arcs: NDArray[Any], sky: SkyModel, pixel_scale_arcsec: float) -> FloatArray:
    """Convolve unit-flux arcs with each band's PSF: (n, size, size, bands)."""
    size = arcs.shape[-1]
    kernel_size = 2 * kernel_radius_pixels(float(sky.psf_fwhm_arcsec.max()), pixel_scale_arcsec) + 1
    length = fourier_length(size, kernel_size)
    images = []
    for fwhm in sky.psf_fwhm_arcsec:
        kernel = moffat_kernels(
            kernel_size, pixel_scale_arcsec, fwhm_arcsec=np.array([fwhm]), e1=np.zeros(1), e2=np.zeros(1)
        )
        images.append(convolved(arcs, kernel_spectra(kernel, length), length))
    return np.stack(images, axis=-1).astype(np.float64)


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
