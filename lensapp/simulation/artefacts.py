"""Marks that detector and sky leave on single bands after the exposure: no light of the object."""

from collections.abc import Callable

import numpy as np

from lensapp.simulation.profiles import Array

Mark = Callable[[np.random.Generator, Array, float], None]


def add_cosmic_rays(rng: np.random.Generator, image: Array, sigma: float) -> None:
    """Add short, sharp tracks of a few pixels at random angles."""
    for _ in range(rng.integers(2, 6)):
        y, x = rng.uniform(0, image.shape[0], 2)
        angle, length = rng.uniform(0, 2 * np.pi), rng.integers(2, 18)
        steps = np.arange(length)
        rows = np.floor(y + steps * np.sin(angle)).astype(int)
        columns = np.floor(x + steps * np.cos(angle)).astype(int)
        inside = (rows >= 0) & (rows < image.shape[0]) & (columns >= 0) & (columns < image.shape[1])
        charge = sigma * rng.uniform(15, 120) * rng.uniform(0.5, 1, length)
        image[rows[inside], columns[inside]] += charge[inside]


def add_satellite_trail(rng: np.random.Generator, image: Array, sigma: float) -> None:
    """Add a straight, blurred trail across the whole image."""
    half = image.shape[0] / 2
    angle, offset = rng.uniform(0, np.pi), rng.uniform(-0.5, 0.5) * half
    y, x = np.indices(image.shape) - half
    distance = x * np.sin(angle) - y * np.cos(angle) - offset
    image += (sigma * rng.uniform(4, 30) * np.exp(-0.5 * (distance / rng.uniform(1.3, 2.5)) ** 2)).astype(
        image.dtype
    )


def add_bad_columns(rng: np.random.Generator, image: Array, sigma: float) -> None:
    """Offset one to three adjacent columns, or rows, by a constant."""
    target = image if rng.random() < 0.7 else image.T
    start = rng.integers(0, image.shape[0] - 3)
    target[:, start : start + rng.integers(1, 4)] += sigma * rng.uniform(6, 40) * rng.choice([-1, 1])


def add_bleed_trail(rng: np.random.Generator, image: Array, sigma: float) -> None:
    """Add a saturated star off the centre, its charge spilt along the column."""
    size = image.shape[0]
    row, column = rng.uniform(0.1, 0.9, 2) * size
    y, x = np.indices(image.shape)
    level = sigma * rng.uniform(150, 500)
    halo = level * (1 + ((y - row) ** 2 + (x - column) ** 2) / 9) ** -1.8
    spill = level * np.exp(-0.5 * (x - column) ** 2) * np.exp(-np.abs(y - row) / rng.uniform(6, 25))
    image += np.minimum(halo + spill, 0.8 * level).astype(image.dtype)


def add_ghost(rng: np.random.Generator, image: Array, sigma: float) -> None:
    """Add an out-of-focus reflection: a faint bright-rimmed disc with a hole."""
    size = image.shape[0]
    row, column = rng.uniform(0.1, 0.9, 2) * size
    y, x = np.indices(image.shape)
    radius, outer = np.hypot(y - row, x - column), rng.uniform(0.15, 0.4) * size
    disc = 1 / (1 + np.exp(radius - outer)) - 1 / (1 + np.exp(radius - rng.uniform(0.2, 0.5) * outer))
    image += (sigma * rng.uniform(2, 8) * disc).astype(image.dtype)


def mask_edge(rng: np.random.Generator, image: Array, _sigma: float) -> None:
    """Mask (NaN) the part of the image that lies outside the detector."""
    depth = rng.integers(4, max(5, image.shape[0] // 3))
    rotated = np.rot90(image, int(rng.integers(0, 4)))
    rotated[:depth] = np.nan


MARKS: dict[str, Mark] = {
    "cosmic_rays": add_cosmic_rays,
    "satellite_trail": add_satellite_trail,
    "bad_columns": add_bad_columns,
    "bleed_trail": add_bleed_trail,
    "ghost": add_ghost,
    "masked_edge": mask_edge,
}
# These reach all bands alike; the others belong to the exposures of one band.
IN_ALL_BANDS = ("bleed_trail", "masked_edge")


def add_artefact(rng: np.random.Generator, views: Array, sigmas: Array) -> str:
    """Damage one object's views (bands, size, size) in place; return the kind of damage.

    Parameters
    ----------
    sigmas
        Background noise per band, shape (bands,).
    """
    kind = str(rng.choice(list(MARKS)))
    state = rng.bit_generator.state
    hit = range(len(views)) if kind in IN_ALL_BANDS else [int(rng.integers(len(views)))]
    for band in hit:
        if kind in IN_ALL_BANDS:
            rng.bit_generator.state = state
        MARKS[kind](rng, views[band], float(sigmas[band]))
    return kind
