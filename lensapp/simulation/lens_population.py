"""Which lenses are painted: hosts and sources paired, and how strongly the one lenses the other."""

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from lensapp.core.data.paint_spec import BEST_FIT, LensedSourceSpec, MassSpec
from lensapp.core.errors import InvalidInput
from lensapp.simulation.deflectors import DISPERSION_RANGE_KM_S, Distances, einstein_radius

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]

BEHIND = 0.1  # in redshift, at least
PAIRS_PER_LENS, FEWEST_PAIRS, MOST_PAIRS = 20, 20_000, 4_000_000
MOST_OF_ALL, MOST_OF_A_SHARE = 0.02, 3.0
BINS = 12


@dataclass(frozen=True, eq=False)
class Lenses:
    """Lenses to paint, each field of shape (n,); redshifts and dispersions are NaN where unknown.

    Attributes
    ----------
    host
        Number of the host among those offered.
    second_redshift, second_radius_arcsec
        Of a second source behind the lens, NaN where there is none, and its Einstein radius.
    quasar
        Whether the source has one.
    """

    host: Rows
    redshift: FloatArray
    velocity_dispersion: FloatArray
    einstein_radius_arcsec: FloatArray
    source_redshift: FloatArray
    second_redshift: FloatArray
    second_radius_arcsec: FloatArray
    quasar: NDArray[np.bool_]

    def of(self, rows: Rows | slice) -> "Lenses":
        """Return some of the lenses."""
        return Lenses(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


@lru_cache(maxsize=1)
def distances() -> Distances:
    """Return comoving distances, computed once in a process."""
    return Distances.table()


def distance_moduli(redshift: FloatArray) -> FloatArray:
    """Return distance moduli (mag) in a flat universe with H0 70 km/s/Mpc and a matter density of 0.3."""
    luminosity_mpc = distances().comoving_mpc(redshift) * (1 + redshift)
    return np.asarray(5 * np.log10(np.maximum(luminosity_mpc, 1e-6)) + 25, np.float64)


def einstein_radii(
    velocity_dispersion: FloatArray, redshift: FloatArray, source_redshift: FloatArray
) -> FloatArray:
    """Return Einstein radii (arcsec) of singular isothermal spheres, 4π (σ/c)² D_ls/D_s; 0 if in front.

    References
    ----------
    Narayan & Bartelmann 1996, astro-ph/9606001, equation 44; in a flat universe D_ls/D_s is one less the
    ratio of comoving distances.
    """
    nearer, farther = (distances().comoving_mpc(one) for one in (redshift, source_redshift))
    ratio = np.maximum(1 - nearer / np.maximum(farther, 1e-9), 0)
    return np.asarray(einstein_radius(velocity_dispersion, ratio), np.float64)


def draw_lenses(
    rng: np.random.Generator,
    count: int,
    *,
    redshift: FloatArray,
    velocity_dispersion: FloatArray,
    scatter_dex: FloatArray,
    mass: MassSpec,
    source: LensedSourceSpec,
) -> Lenses:
    """Pair hosts with sources so that Einstein radii lie within the limits, equally often if so asked.

    Parameters
    ----------
    redshift, velocity_dispersion
        Of the hosts, NaN where unknown: these get radii that are drawn evenly between the limits.
    scatter_dex
        Of log10 of the dispersions about what is given.

    Raises
    ------
    InvalidInput
        When no host is massive enough.
    """
    low, high = mass.smallest_radius_arcsec, mass.largest_radius_arcsec
    pairs = int(np.clip(PAIRS_PER_LENS * count, FEWEST_PAIRS, MOST_PAIRS))
    host = rng.permutation(np.arange(pairs) % len(redshift))
    lens_redshift = redshift[host]
    dispersion = _dispersions(rng, velocity_dispersion[host], scatter_dex[host], method=mass.redshift_method)
    at_least = np.nan_to_num(lens_redshift, nan=0.0) + BEHIND
    source_redshift = source.redshift.draw(rng, pairs, at_least=at_least)
    known = np.isfinite(lens_redshift) & np.isfinite(dispersion)
    radius = np.where(
        known,
        einstein_radii(np.nan_to_num(dispersion), np.nan_to_num(lens_redshift), source_redshift),
        rng.uniform(low, high, pairs),
    )
    fitting = np.flatnonzero((radius >= low) & (radius <= high))
    if not len(fitting):
        raise InvalidInput(
            f"No host gives an Einstein radius of {low:g} to {high:g} arcsec; the largest is "
            f"{radius.max():.2g} arcsec. Lower the smallest Einstein radius, or choose brighter hosts."
        )
    chosen = fitting[_evened(rng, radius[fitting], host[fitting], count, even=mass.even_radii)]
    double = rng.random(count) < source.second_share
    second = source.redshift.draw(rng, count, at_least=at_least[chosen])
    of_second = einstein_radii(
        np.nan_to_num(dispersion[chosen], nan=200.0), np.nan_to_num(lens_redshift[chosen], nan=0.4), second
    )
    return Lenses(
        host=host[chosen],
        redshift=lens_redshift[chosen],
        velocity_dispersion=dispersion[chosen],
        einstein_radius_arcsec=radius[chosen],
        source_redshift=source_redshift[chosen],
        second_redshift=np.where(double, second, np.nan),
        second_radius_arcsec=np.where(known[chosen], of_second, radius[chosen]),
        quasar=rng.random(count) < source.quasar_share,
    )


def _dispersions(
    rng: np.random.Generator, usual: FloatArray, scatter_dex: FloatArray, *, method: str
) -> FloatArray:
    """Draw velocity dispersions (km/s) about the usual ones, in their range, not heaped at its ends."""
    if method == BEST_FIT:  # as paintings of earlier versions have them
        return np.clip(usual * 10 ** (scatter_dex * rng.normal(size=len(usual))), *DISPERSION_RANGE_KM_S)
    mean, scatter = np.log10(np.clip(usual, *DISPERSION_RANGE_KM_S)), np.maximum(scatter_dex, 1e-9)
    low, high = (ndtr((np.log10(limit) - mean) / scatter) for limit in DISPERSION_RANGE_KM_S)
    drawn = mean + scatter * ndtri(low + rng.random(len(usual)) * (high - low))
    return np.asarray(np.clip(10**drawn, *DISPERSION_RANGE_KM_S), np.float64)


def _occurrence(values: Rows) -> Rows:
    """Return for each value how many equal ones stand before it."""
    by_value = np.argsort(values, kind="stable")
    place = np.arange(len(values))
    begins = np.append(True, np.diff(values[by_value]) != 0)
    occurrence = np.empty(len(values), np.int64)
    occurrence[by_value] = place - np.maximum.accumulate(np.where(begins, place, 0))
    return occurrence


def _evened(rng: np.random.Generator, radius: FloatArray, host: Rows, count: int, *, even: bool) -> Rows:
    """Choose `count` of the radii, equally many from each bin where `even`; all once before any twice.

    Large radii are those of a few hosts: none carries more than a fiftieth of the lenses, or three times its
    share where hosts are few, as long as the others suffice.
    """
    order = rng.permutation(len(radius))
    if even and radius.max() > radius.min():
        edges = np.linspace(radius.min(), radius.max(), BINS + 1)[1:-1]
        # The first of every bin come before the second of any.
        turn = _occurrence(np.digitize(radius[order], edges))
        order = order[np.argsort(turn + rng.random(len(order)), kind="stable")]
        most = int(np.ceil(count * max(MOST_OF_ALL, MOST_OF_A_SHARE / len(np.unique(host)))))
        often = _occurrence(host[order]) >= most
        order = np.concatenate([order[~often], order[often]])
    return np.asarray(rng.permutation(np.resize(order[: max(count, 1)], count)), np.int64)
