"""Which galaxies and stars there are: magnitudes, sizes, shapes, colours.

Numbers are rounded from wide ground-based surveys; they make a plausible sky, not a model of one.
"""

import numpy as np

from lensapp.simulation.observing import flux_of
from lensapp.simulation.profiles import Array, Sersic

Sequence = dict[str, tuple[float, ...]]

# Colours are magnitudes minus the i-band magnitude along a sequence of one parameter.
# Red sequence against redshift (Bruzual & Charlot 2003, old passive population).
RED_REDSHIFTS = (0.1, 0.25, 0.4, 0.55, 0.7)
RED_COLOURS: Sequence = {
    "u": (2.9, 3.5, 4.1, 4.4, 4.5),
    "g": (1.15, 1.65, 2.2, 2.5, 2.7),
    "r": (0.40, 0.48, 0.62, 0.90, 1.10),
    "i": (0.0, 0.0, 0.0, 0.0, 0.0),
    "z": (-0.28, -0.30, -0.36, -0.42, -0.50),
    "y": (-0.42, -0.45, -0.50, -0.60, -0.75),
}
# The same for the published surveys, over more redshifts and bands. Luminous red galaxies of Eisenstein et
# al. 2001, AJ 122, 2267 (g - r and r - i, in Pan-STARRS bands by Tonry et al. 2012, ApJ 750, 99: g - r is
# 0.87 of SDSS's), and from u to H the template of an old galaxy shifted in redshift, to 0.1 mag.
PASSIVE_REDSHIFTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0)
PASSIVE_COLOURS: Sequence = {
    "u": (3.0, 3.4, 3.7, 3.9, 4.1, 4.3, 4.4, 4.5, 4.6),
    "g": (1.22, 1.57, 1.87, 2.10, 2.34, 2.49, 2.62, 2.75, 2.95),
    "r": (0.40, 0.47, 0.55, 0.65, 0.86, 1.02, 1.10, 1.17, 1.30),
    "i": (0.0,) * 9,
    "z": (-0.25, -0.28, -0.32, -0.35, -0.38, -0.45, -0.55, -0.65, -0.85),
    "y": (-0.40, -0.45, -0.50, -0.54, -0.60, -0.68, -0.80, -0.95, -1.25),
    "VIS": (0.08, 0.11, 0.14, 0.17, 0.25, 0.30, 0.30, 0.31, 0.33),
    "Y": (-0.55, -0.60, -0.65, -0.72, -0.80, -0.90, -1.05, -1.20, -1.55),
    "J": (-0.80, -0.85, -0.92, -1.00, -1.10, -1.22, -1.40, -1.55, -1.95),
    "H": (-1.10, -1.15, -1.25, -1.35, -1.45, -1.58, -1.75, -1.90, -2.30),
}
# Observed i minus rest-frame r of the same template.
PASSIVE_I_CORRECTION = (-0.30, -0.20, -0.10, 0.02, 0.14, 0.27, 0.40, 0.61, 1.15)
# Star-forming galaxies from the bluest (0) to the reddest (1).
BLUE_COLOURS: Sequence = {
    "u": (0.3, 1.1, 2.1),
    "g": (0.15, 0.6, 1.15),
    "r": (0.05, 0.2, 0.42),
    "i": (0.0, 0.0, 0.0),
    "z": (-0.04, -0.12, -0.22),
    "y": (-0.06, -0.18, -0.32),
    "VIS": (0.02, 0.07, 0.14),
    "Y": (-0.08, -0.22, -0.40),
    "J": (-0.10, -0.30, -0.60),
    "H": (-0.10, -0.40, -0.80),
}
# Stellar locus from F (0) to M (1) stars (Covey et al. 2007, AJ 134, 2398).
STAR_COLOURS: Sequence = {
    "u": (1.3, 2.4, 4.0, 5.3),
    "g": (0.35, 0.9, 1.6, 2.7),
    "r": (0.08, 0.2, 0.45, 1.3),
    "i": (0.0, 0.0, 0.0, 0.0),
    "z": (-0.02, -0.10, -0.20, -0.65),
    "y": (-0.03, -0.13, -0.30, -0.90),
    "VIS": (0.02, 0.07, 0.15, 0.45),
    "Y": (-0.03, -0.15, -0.33, -1.00),
    "J": (0.05, -0.10, -0.35, -1.30),
    "H": (0.25, 0.10, -0.20, -1.20),
}
TYPICAL_MAG = 18.9
POINT_RADIUS_ARCSEC = 0.08


def total_magnitudes(rng: np.random.Generator, count: int) -> Array:
    """Draw total i magnitudes of survey targets, the same for every class of object."""
    return np.clip(rng.normal(TYPICAL_MAG, 0.65, count), 17.3, 20.5)


def red_fluxes(
    rng: np.random.Generator, magnitude_i: Array, redshift: Array, bands: tuple[str, ...]
) -> Array:
    """Return fluxes (n, bands) of early-type galaxies with the scatter of the red sequence."""
    return _fluxes(
        rng, magnitude_i, bands, sequence=RED_COLOURS, position=redshift, knots=np.array(RED_REDSHIFTS)
    )


def passive_fluxes(
    rng: np.random.Generator, magnitude_i: Array, redshift: Array, bands: tuple[str, ...]
) -> Array:
    """Return fluxes (n, bands) of early-type galaxies in the published surveys, with the same scatter."""
    return _fluxes(
        rng,
        magnitude_i,
        bands,
        sequence=PASSIVE_COLOURS,
        position=redshift,
        knots=np.array(PASSIVE_REDSHIFTS),
    )


def blue_fluxes(
    rng: np.random.Generator, magnitude_i: Array, redness: Array, bands: tuple[str, ...]
) -> Array:
    """Return fluxes (n, bands) of star-forming galaxies; `redness` runs from 0 to 1."""
    return _fluxes(
        rng, magnitude_i, bands, sequence=BLUE_COLOURS, position=redness, knots=np.linspace(0, 1, 3)
    )


def star_fluxes(rng: np.random.Generator, magnitude_i: Array, bands: tuple[str, ...]) -> Array:
    """Return fluxes (n, bands) of stars, most of them K and M dwarfs."""
    position = rng.beta(1.6, 1.1, len(magnitude_i))
    return _fluxes(
        rng, magnitude_i, bands, sequence=STAR_COLOURS, position=position, knots=np.linspace(0, 1, 4)
    )


def _fluxes(
    rng: np.random.Generator,
    magnitude_i: Array,
    bands: tuple[str, ...],
    *,
    sequence: Sequence,
    position: Array,
    knots: Array,
) -> Array:
    """Return fluxes (n, bands) at `position` along a colour sequence given at `knots`, with scatter."""
    offsets = np.stack([np.interp(position, knots, sequence[band]) for band in bands], axis=-1)
    scatter = rng.normal(0, 0.04, offsets.shape) * np.array([band != "i" for band in bands])
    return flux_of(np.asarray(magnitude_i)[:, None] + offsets + scatter)


def disc_ellipticities(rng: np.random.Generator, axis_ratio: Array) -> tuple[Array, Array]:
    """Return e1, e2 of discs with the given axis ratios at random position angles."""
    angle = rng.uniform(0, np.pi, len(axis_ratio))
    ellipticity = (1 - axis_ratio) / (1 + axis_ratio)
    return ellipticity * np.cos(2 * angle), ellipticity * np.sin(2 * angle)


def draw_ellipticals(rng: np.random.Generator, magnitude_i: Array) -> tuple[Sersic, Array]:
    """Draw shapes and redshifts of early-type galaxies: the population of deflectors and of negatives alike.

    References
    ----------
    Hyde & Bernardi 2009, MNRAS 394, 1978 (size-luminosity relation, its scatter).
    """
    count = len(magnitude_i)
    relative = magnitude_i - TYPICAL_MAG
    redshift = np.clip(0.36 + 0.1 * relative + rng.normal(0, 0.09, count), 0.12, 0.68)
    radius = 1.05 * 10 ** (-0.17 * relative + rng.normal(0, 0.15, count))
    return draw_shapes(rng, np.clip(radius, 0.35, 3.5)), redshift


def draw_shapes(rng: np.random.Generator, radius_arcsec: Array) -> Sersic:
    """Draw the profiles of early-type galaxies of the given half-light radii."""
    count = len(radius_arcsec)
    e1, e2 = rng.normal(0, 0.10, (2, count))
    limit = np.minimum(1, 0.45 / np.maximum(np.hypot(e1, e2), 1e-9))
    index = np.clip(rng.normal(4, 0.7, count), 2, 6)
    return Sersic.centred(radius_arcsec, index, e1 * limit, e2 * limit)


def points(x_arcsec: Array, y_arcsec: Array) -> Sersic:
    """Return Gaussian specks much smaller than the PSF: stars and other unresolved sources."""
    radius, index = (np.full(len(x_arcsec), value) for value in (POINT_RADIUS_ARCSEC, 0.5))
    zero = np.zeros(len(x_arcsec))
    return Sersic(x_arcsec, y_arcsec, radius, index, zero, zero)


def polar_positions(rng: np.random.Generator, radius_arcsec: Array) -> tuple[Array, Array]:
    """Return x, y at the given distances from the centre in random directions."""
    angle = rng.uniform(0, 2 * np.pi, len(radius_arcsec))
    return radius_arcsec * np.cos(angle), radius_arcsec * np.sin(angle)
