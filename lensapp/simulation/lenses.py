"""Gravitational lenses: singular isothermal ellipsoid, external shear, Sersic sources.

Angles, signs and normalisations are those of lenstronomy (Birrer & Amara 2018), against which
the tests compare images pixel by pixel.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from lensapp.simulation.profiles import (
    Array,
    Grid,
    Sersic,
    axis_ratio_and_angle,
    column,
    rotated,
    sersic_brightness,
    sersic_total,
)

ROUNDEST_AXIS_RATIO = 0.9999


@dataclass(frozen=True)
class Deflector:
    """Mass models: each field has shape (n,).

    `einstein_radius_arcsec` is that of the geometric-mean axis; ellipticity and shear follow
    the convention of `Sersic`.
    """

    einstein_radius_arcsec: Array
    e1: Array
    e2: Array
    shear_g1: Array
    shear_g2: Array
    x_arcsec: Array
    y_arcsec: Array


def geometry(deflector: Deflector, source: Sersic) -> dict[str, Array]:
    """Return what is true of lenses and their sources by the names of properties, each of shape (n,)."""
    return {
        "einstein_radius_arcsec": deflector.einstein_radius_arcsec,
        "ellipticity_e1": deflector.e1,
        "ellipticity_e2": deflector.e2,
        "shear_g1": deflector.shear_g1,
        "shear_g2": deflector.shear_g2,
        "source_x_arcsec": source.x_arcsec,
        "source_y_arcsec": source.y_arcsec,
        "source_radius_arcsec": source.radius_arcsec,
    }


def sie_deflection(x: Array, y: Array, deflector: Deflector) -> tuple[Array, Array]:
    """Return the deflection (arcsec) by singular isothermal ellipsoids at points x, y: two (n, m, m).

    References
    ----------
    Kormann, Schneider & Bartelmann 1994, A&A 284, 285; Keeton 2001, astro-ph/0102341, section 3.
    """
    dtype: type[np.floating[Any]] = np.result_type(x, y).type
    ratio, direction = axis_ratio_and_angle(deflector.e1, deflector.e2)
    ratio = np.minimum(ratio, ROUNDEST_AXIS_RATIO)
    flattening = np.sqrt(1 - ratio**2)
    angle = column(direction, dtype)
    along, across = rotated(
        x - column(deflector.x_arcsec, dtype), y - column(deflector.y_arcsec, dtype), angle
    )
    inverse = along * along * column(ratio**2, dtype)
    inverse += across * across
    np.sqrt(inverse, out=inverse)
    np.maximum(inverse, dtype(1e-7), out=inverse)
    np.divide(column(flattening, dtype), inverse, out=inverse)
    strength = column(deflector.einstein_radius_arcsec * np.sqrt(ratio) / flattening, dtype)
    along *= inverse
    across *= inverse
    np.arctan(along, out=along)
    np.arctanh(np.clip(across, -0.999999, 0.999999, out=across), out=across)
    along *= strength
    across *= strength
    return rotated(along, across, -angle)


def source_plane(x: Array, y: Array, deflector: Deflector) -> tuple[Array, Array]:
    """Trace points x, y of the image plane back to the source plane (arcsec): two (n, m, m)."""
    dtype: type[np.floating[Any]] = np.result_type(x, y).type
    g1, g2 = column(deflector.shear_g1, dtype), column(deflector.shear_g2, dtype)
    deflection_x, deflection_y = sie_deflection(x, y, deflector)
    return x - deflection_x - (g1 * x + g2 * y), y - deflection_y - (g2 * x - g1 * y)


def lensed_images(grid: Grid, deflector: Deflector, *sources: tuple[Sersic, Array]) -> Array:
    """Draw lensed sources that would have the given fluxes unlensed: (n, size, size), flux per pixel.

    Parameters
    ----------
    sources
        Pairs of a profile in the source plane and its unlensed fluxes, shape (n,). Several
        pairs draw one source with knots.
    """
    x, y = grid.axes()
    source_x, source_y = source_plane(x, y, deflector)
    brightness = np.zeros_like(source_x)
    for shape, flux in sources:
        amplitude = flux * grid.pixel_area_arcsec2 / sersic_total(shape)
        brightness += sersic_brightness(source_x, source_y, shape) * column(amplitude, grid.dtype)
    return grid.binned(brightness)
