"""The light of what is lensed: galaxies with clumps, images of real galaxies, quasars."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lensapp.core.data.paint_spec import LensedSourceSpec
from lensapp.simulation.lenses import Deflector, source_plane
from lensapp.simulation.populations import disc_ellipticities, polar_positions
from lensapp.simulation.profiles import Array, Grid, Sersic, rotated, sersic_brightness, sersic_total

FloatArray = NDArray[np.float64]
Pixels = NDArray[np.float32]

CLUMP_SIZE = 0.25  # of its galaxy
SEARCH_STEPS, SEARCH_REACH = 61, 2.6  # in Einstein radii
NEWTON_STEPS, STEP_ARCSEC, SAME_IMAGE_ARCSEC, ARRIVED_ARCSEC = 12, 1e-3, 0.02, 1e-4
MOST_MAGNIFICATION = 100.0
STAMP_SIGMA = 2.0


@dataclass(frozen=True, eq=False)
class Stamps:
    """Images of real galaxies to be lensed.

    Attributes
    ----------
    images : float32, shape (n, size, size)
        Of unit flux, dark but for the galaxy in the middle.
    half_light_radius_pixels : float64, shape (n,)
    colours : float64, shape (n, bands)
        Flux in each band over that in the reference band.
    """

    images: Pixels
    half_light_radius_pixels: FloatArray
    colours: FloatArray


@dataclass(frozen=True, eq=False)
class DrawnGalaxies:
    """Galaxies behind lenses: smooth profiles, and the clumps on each with their shares of the light.

    Attributes
    ----------
    clumps
        Pairs of profiles and shares (n,).
    stamp
        Which of some stamps each is, or None; its image is turned by `angle` and as large as the profile.
    """

    smooth: Sersic
    clumps: tuple[tuple[Sersic, FloatArray], ...]
    stamp: NDArray[np.int64] | None
    angle: FloatArray


def draw_galaxies(
    rng: np.random.Generator, spec: LensedSourceSpec, einstein_radius_arcsec: Array, *, stamps: int = 0
) -> DrawnGalaxies:
    """Draw galaxies about the line of sight of lenses, evenly in area within the farthest offset."""
    count = len(einstein_radius_arcsec)
    x, y = polar_positions(rng, spec.offset * einstein_radius_arcsec * np.sqrt(rng.random(count)))
    e1, e2 = disc_ellipticities(rng, spec.axis_ratio.draw(rng, count))
    smooth = Sersic(x, y, spec.radius_arcsec.draw(rng, count), spec.sersic_index.draw(rng, count), e1, e2)
    share, number = spec.clump_light.draw(rng, count), rng.integers(0, spec.clumps + 1, count)
    clumps = []
    for place in range(spec.clumps if not stamps else 0):
        dx, dy = polar_positions(rng, smooth.radius_arcsec * rng.uniform(0.2, 1.3, count))
        size, zero = CLUMP_SIZE * smooth.radius_arcsec * rng.uniform(0.6, 1.4, count), np.zeros(count)
        light = np.where(place < number, share / np.maximum(number, 1), 0.0)
        clumps.append((Sersic(x + dx, y + dy, size, np.ones(count), zero, zero), light))
    stamp = rng.integers(0, stamps, count) if stamps else None
    return DrawnGalaxies(smooth, tuple(clumps), stamp, rng.uniform(0, 2 * np.pi, count))


def lensed_galaxies(
    grid: Grid, deflector: Deflector, galaxies: DrawnGalaxies, stamps: Stamps | None = None
) -> Array:
    """Draw lensed galaxies of unit flux unlensed: (n, size, size), flux per pixel."""
    x, y = source_plane(*grid.axes(), deflector)
    if galaxies.stamp is not None and stamps is not None:
        # Stamps scaled to the radii drawn, and turned.
        brightness = np.empty_like(x)
        for row, which in enumerate(galaxies.stamp):
            scale = galaxies.smooth.radius_arcsec[row] / stamps.half_light_radius_pixels[which]
            along, across = rotated(
                x[row] - galaxies.smooth.x_arcsec[row],
                y[row] - galaxies.smooth.y_arcsec[row],
                galaxies.angle[row],
            )
            middle = (stamps.images.shape[-1] - 1) / 2
            points = np.stack([across / scale + middle, along / scale + middle])
            values = ndimage.map_coordinates(stamps.images[which], points, order=1, cval=0.0)
            brightness[row] = values / scale**2
    else:
        share = 1 - sum((light for _, light in galaxies.clumps), np.zeros(len(galaxies.angle)))
        brightness = _brightness(x, y, galaxies.smooth, share)
        for clump, light in galaxies.clumps:
            lit = np.flatnonzero(light)
            part = Sersic(**{name: values[lit] for name, values in vars(clump).items()})
            brightness[lit] += _brightness(x[lit], y[lit], part, light[lit])
    image: Array = grid.binned(brightness) * grid.dtype(grid.pixel_area_arcsec2)
    return image


def _brightness(x: Array, y: Array, shape: Sersic, flux: FloatArray) -> Array:
    """Return the surface brightness (per square arcsec) of profiles with fluxes (n,) at points."""
    amplitude = np.asarray(flux / sersic_total(shape), x.dtype)
    brightness: Array = sersic_brightness(x, y, shape) * amplitude[:, None, None]
    return brightness


def make_stamps(light: FloatArray, sigma: FloatArray, *, reference: int) -> Stamps:
    """Make stamps of galaxies in the middle of images (n, y, x, band) above their sky.

    What is fainter than two sigma, or not joined with the middle, is dark. Galaxies that are too faint are
    left out.

    Parameters
    ----------
    sigma
        Noise of each image (n, bands).
    """
    size = min(light.shape[1:3])
    top, left = (light.shape[1] - size) // 2, (light.shape[2] - size) // 2
    square = np.nan_to_num(light[:, top : top + size, left : left + size])
    images, radii, colours = [], [], []
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    distance = np.hypot(x, y)
    for image, noise in zip(square, sigma, strict=True):
        regions, _ = ndimage.label(image[..., reference] > STAMP_SIGMA * noise[reference])
        own = regions[size // 2, size // 2]
        fluxes = image[regions == own].sum(0) if own else np.zeros(image.shape[2])
        if not own or fluxes[reference] <= 0:
            continue
        galaxy = np.where(regions == own, image[..., reference], 0.0) / fluxes[reference]
        order = np.argsort(distance, axis=None, kind="stable")
        half = np.searchsorted(np.cumsum(galaxy.ravel()[order]), 0.5)
        images.append(galaxy)
        radii.append(max(distance.ravel()[order][half], 1.0))
        colours.append(np.maximum(fluxes, 0) / fluxes[reference])
    return Stamps(
        np.array(images, np.float32).reshape(-1, size, size),
        np.array(radii, np.float64),
        np.array(colours, np.float64).reshape(-1, light.shape[3]),
    )


def point_images(deflector: Deflector, x_arcsec: float, y_arcsec: float) -> tuple[FloatArray, FloatArray]:
    """Find the images of a point behind one lens: their positions (k, 2) in arcsec and magnifications (k,).

    Cells of a grid whose triangles, traced to the source plane, hold the point are where Newton's method
    starts.

    References
    ----------
    Keeton 2001, astro-ph/0102340, section 4 (tiling of the image plane).
    """
    reach = SEARCH_REACH * max(float(deflector.einstein_radius_arcsec[0]), 0.1)
    axis = np.linspace(-reach, reach, SEARCH_STEPS)
    x, y = np.meshgrid(axis + deflector.x_arcsec[0], axis + deflector.y_arcsec[0])
    source = np.stack(_traced(deflector, x, y), axis=-1) - [x_arcsec, y_arcsec]
    corners = source[:-1, :-1], source[:-1, 1:], source[1:, 1:], source[1:, :-1]
    holds = _around_origin(corners[0], corners[1], corners[2]) | _around_origin(
        corners[0], corners[2], corners[3]
    )
    half = (axis[1] - axis[0]) / 2
    points = np.stack([x[:-1, :-1][holds] + half, y[:-1, :-1][holds] + half], axis=-1)
    target = np.array([x_arcsec, y_arcsec])
    for _ in range(NEWTON_STEPS):
        missed, jacobian = _missed(deflector, points, target)
        determinant = np.linalg.det(jacobian)
        good = np.abs(determinant) > 1e-6
        step = np.zeros_like(points)
        step[good] = np.linalg.solve(jacobian[good], missed[good][..., None])[..., 0]
        points = points - np.clip(step, -half, half)
    missed, jacobian = _missed(deflector, points, target)
    arrived = np.hypot(*missed.T) < ARRIVED_ARCSEC
    points, jacobian = points[arrived], jacobian[arrived]
    distance = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
    first = np.array([not (row[:k] < SAME_IMAGE_ARCSEC).any() for k, row in enumerate(distance)], bool)
    magnification = 1 / np.maximum(np.abs(np.linalg.det(jacobian[first])), 1 / MOST_MAGNIFICATION)
    return points[first], magnification


def _traced(deflector: Deflector, x: NDArray[Any], y: NDArray[Any]) -> tuple[FloatArray, FloatArray]:
    """Trace points of any shape behind one lens."""
    traced = source_plane(x.reshape(1, 1, -1), y.reshape(1, 1, -1), deflector)
    source_x, source_y = (np.asarray(one, np.float64).reshape(x.shape) for one in traced)
    return source_x, source_y


def _missed(deflector: Deflector, points: FloatArray, target: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return by how much traced points (k, 2) miss the target, and the Jacobian (k, 2, 2) of the tracing."""
    offsets = np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]]) * STEP_ARCSEC
    around = points[:, None] + offsets
    traced = np.stack(_traced(deflector, around[..., 0], around[..., 1]), axis=-1)
    by_x = (traced[:, 1] - traced[:, 2]) / (2 * STEP_ARCSEC)
    by_y = (traced[:, 3] - traced[:, 4]) / (2 * STEP_ARCSEC)
    return traced[:, 0] - target, np.stack([by_x, by_y], axis=-1)


def _around_origin(a: FloatArray, b: FloatArray, c: FloatArray) -> NDArray[np.bool_]:
    """Return whether triangles hold the origin: it lies on one side of all edges."""
    sides = [p[..., 0] * q[..., 1] - p[..., 1] * q[..., 0] for p, q in ((a, b), (b, c), (c, a))]
    positive = np.stack([side > 0 for side in sides])
    return np.asarray(positive.all(0) | ~positive.any(0), np.bool_)
