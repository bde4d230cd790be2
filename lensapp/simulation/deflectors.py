"""Which early-type galaxies act as lenses: dispersion, redshift, brightness, size, Einstein radius, linked.

Galaxies are drawn from the local velocity dispersion function in comoving volume. Each gets the luminosity
and size that go with its dispersion, a source behind it, and the Einstein radius that dispersion and the
two redshifts give; it counts as often as its cross-section for lensing says.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lensapp.simulation.populations import PASSIVE_I_CORRECTION, PASSIVE_REDSHIFTS
from lensapp.simulation.profiles import Array, Indices

# Choi, Park & Vogeley 2007, ApJ 658, 884: velocity dispersion function of early-type galaxies.
DISPERSION_STAR_KM_S, DISPERSION_ALPHA, DISPERSION_BETA = 161.0, 2.32, 2.67
DISPERSION_RANGE_KM_S = (100.0, 400.0)
# Bernardi et al. 2003, AJ 125, 1849, table 1: Gaussians of r luminosity, dispersion and size; evolution in r.
MAG_STAR, MAG_SCATTER, MAG_CORRELATION = -21.15, 0.841, -0.536
LOG_DISPERSION_STAR, LOG_DISPERSION_SCATTER = 2.200, 0.111
LOG_RADIUS_STAR_KPC, LOG_RADIUS_PER_MAG, LOG_RADIUS_SCATTER = 0.45, -0.252, 0.14
EVOLUTION_MAG_PER_REDSHIFT = 0.85
REDSHIFT_RANGE = (0.08, 1.0)
# Galaxies to i = 25: LSST Science Book, arXiv:0912.0201, equation 3.8, with z0 = 0.0417 i - 0.744.
SOURCE_SCALE_REDSHIFT, FURTHEST_SOURCE = 0.30, 5.0
LARGEST_EINSTEIN_ARCSEC = 3.0
HUBBLE_KM_S_MPC, MATTER_DENSITY = 70.0, 0.3  # those of the papers above
SPEED_OF_LIGHT_KM_S = 299792.458
DRAWN, KEPT = 300_000, 2**15
NEAR_MAG = 0.03


@dataclass(frozen=True)
class Deflectors:
    """Early-type galaxies and the sources behind them, sorted by magnitude: each field has shape (n,)."""

    magnitude_i: Array
    redshift: Array
    velocity_dispersion_km_s: Array
    radius_arcsec: Array
    source_redshift: Array
    einstein_radius_arcsec: Array

    def of(self, rows: Indices) -> "Deflectors":
        """Return some of the galaxies."""
        return Deflectors(**{name: values[rows] for name, values in vars(self).items()})

    def like(self, rng: np.random.Generator, magnitude_i: Array) -> "Deflectors":
        """Draw galaxies of about the given magnitudes (n,)."""
        wanted = np.asarray(magnitude_i) + NEAR_MAG * rng.normal(size=len(magnitude_i))
        rows = np.searchsorted(self.magnitude_i, wanted)
        return self.of(np.minimum(rows, len(self.magnitude_i) - 1))


def einstein_radius(velocity_dispersion_km_s: Array, distance_ratio: Array) -> Array:
    """Return Einstein radii (arcsec) of singular isothermal spheres; the ratio is D_ls / D_s.

    References
    ----------
    Schneider, Ehlers & Falco 1992, Gravitational Lenses, equation 8.34a: 4π (σ / c)² D_ls / D_s.
    """
    radius: Array = 4 * np.pi * (velocity_dispersion_km_s / SPEED_OF_LIGHT_KM_S) ** 2 * distance_ratio
    return np.degrees(radius) * 3600


@lru_cache(maxsize=8)
def lens_population(*, faintest_mag: float, least_einstein_arcsec: float) -> Deflectors:
    """Return deflectors to a magnitude that split images by so much, as often as they act as lenses.

    The number of lenses is that of galaxies in comoving volume, times the cross-section π θ_E². It is one
    table for all seeds.

    References
    ----------
    Turner, Ostriker & Gott 1984, ApJ 284, 1; Collett 2015, ApJ 811, 20 (the same ingredients).
    """
    rng = np.random.default_rng(0)
    distance = Distances.table()
    redshift = rng.uniform(*REDSHIFT_RANGE, DRAWN)
    dispersion = rng.uniform(*DISPERSION_RANGE_KM_S, DRAWN)
    source = rng.gamma(3, SOURCE_SCALE_REDSHIFT, DRAWN)
    comoving, source_comoving = distance.comoving_mpc(redshift), distance.comoving_mpc(source)
    ratio = np.clip(1 - comoving / source_comoving, 0, None)
    radius = einstein_radius(dispersion, ratio)
    luminosity = draw_luminosities(rng, dispersion)
    observed = np.interp(redshift, PASSIVE_REDSHIFTS, PASSIVE_I_CORRECTION)
    modulus = 5 * np.log10(comoving * (1 + redshift)) + 25
    magnitude = luminosity - EVOLUTION_MAG_PER_REDSHIFT * redshift + observed + modulus
    size = LOG_RADIUS_STAR_KPC + LOG_RADIUS_PER_MAG * (luminosity - MAG_STAR)
    kpc = 10 ** (size + rng.normal(0, LOG_RADIUS_SCATTER, DRAWN))
    galaxies = Deflectors(
        magnitude_i=magnitude,
        redshift=redshift,
        velocity_dispersion_km_s=dispersion,
        radius_arcsec=np.degrees(kpc * (1 + redshift) / (1000 * comoving)) * 3600,
        source_redshift=source,
        einstein_radius_arcsec=radius,
    )
    scaled = dispersion / DISPERSION_STAR_KM_S
    number = scaled ** (DISPERSION_ALPHA - 1) * np.exp(-(scaled**DISPERSION_BETA))
    weight = number * distance.volume_weight(redshift) * radius**2
    weight *= (radius > least_einstein_arcsec) & (radius < LARGEST_EINSTEIN_ARCSEC)
    weight *= (magnitude < faintest_mag) & (source < FURTHEST_SOURCE)
    rows = rng.choice(DRAWN, KEPT, p=weight / weight.sum())
    return galaxies.of(rows[np.argsort(magnitude[rows])])


def draw_luminosities(rng: np.random.Generator, velocity_dispersion_km_s: Array) -> Array:
    """Draw absolute r magnitudes (AB, today) of galaxies of given dispersions: Faber-Jackson with scatter."""
    offset = (np.log10(velocity_dispersion_km_s) - LOG_DISPERSION_STAR) / LOG_DISPERSION_SCATTER
    scatter = MAG_SCATTER * np.sqrt(1 - MAG_CORRELATION**2)
    mean = MAG_STAR + MAG_CORRELATION * MAG_SCATTER * offset
    luminosity: Array = mean + rng.normal(0, scatter, len(velocity_dispersion_km_s))
    return luminosity


@dataclass(frozen=True)
class Distances:
    """Comoving distances (Mpc) in a flat universe, tabulated at redshifts."""

    redshifts: Array
    comoving: Array

    @classmethod
    def table(cls) -> "Distances":
        """Compute them by astropy."""
        from astropy.cosmology import FlatLambdaCDM  # not needed for the plain survey, and slow to import

        redshifts = np.linspace(0.001, 3 * FURTHEST_SOURCE, 3000)
        cosmology = FlatLambdaCDM(H0=HUBBLE_KM_S_MPC, Om0=MATTER_DENSITY)
        return cls(redshifts, cosmology.comoving_distance(redshifts).value)

    def comoving_mpc(self, redshift: Array) -> Array:
        """Return the comoving distance to a redshift."""
        distance: Array = np.interp(redshift, self.redshifts, self.comoving)
        return distance

    def volume_weight(self, redshift: Array) -> Array:
        """Return the comoving volume per unit of redshift, up to a factor."""
        gradient = np.gradient(self.comoving, self.redshifts)
        weight: Array = self.comoving_mpc(redshift) ** 2 * np.interp(redshift, self.redshifts, gradient)
        return weight
