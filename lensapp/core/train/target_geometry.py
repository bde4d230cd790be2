"""How targets change when a cutout is rotated, shifted or magnified, so that augmentation keeps them true.

Positions count x along columns and y along rows; ellipticities are (1 - q) / (1 + q) times the cosine and
the sine of twice the angle from x towards y, and so rotate twice as fast as the image.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput

TRANSPOSE, FLIP_ROWS, FLIP_COLUMNS = 1, 2, 4
"""Bits of the eight symmetries of a square: exchange the axes, reflect rows, reflect columns."""

Targets = NDArray[np.float32]
LENGTH_UNITS = ("_arcsec", "_pixels")
SPINS = (("_e1", "_e2"), ("_g1", "_g2"))
VECTORS = tuple((f"_x{unit}", f"_y{unit}") for unit in LENGTH_UNITS)


@dataclass(frozen=True)
class TargetGeometry:
    """What kind of quantity each target is.

    Attributes
    ----------
    names
        The targets in order.
    spins, vectors
        Columns of both components of ellipticities (or shears) and of positions.
    lengths
        Columns that grow with the image.
    pixel_scale_arcsec
        Side of a pixel, for positions in arcsec.
    """

    names: tuple[str, ...]
    spins: tuple[tuple[int, int], ...]
    vectors: tuple[tuple[int, int], ...]
    lengths: tuple[int, ...]
    pixel_scale_arcsec: float | None = None

    def turned(self, targets: Targets, codes: NDArray[Any]) -> Targets:
        """Return targets (n, t) of cutouts under the symmetries `codes` of `learning.feed.augmentation`."""
        out = targets.copy()
        swapped = (codes & TRANSPOSE) > 0
        rows, columns = (codes & FLIP_ROWS) > 0, (codes & FLIP_COLUMNS) > 0
        for x, y in self.vectors:
            out[:, x] = np.where(swapped, targets[:, y], targets[:, x]) * np.where(columns, -1, 1)
            out[:, y] = np.where(swapped, targets[:, x], targets[:, y]) * np.where(rows, -1, 1)
        for first, second in self.spins:
            out[:, first] = targets[:, first] * np.where(swapped, -1, 1)
            out[:, second] = targets[:, second] * np.where(rows ^ columns, -1, 1)
        return out

    def moved(
        self,
        targets: Targets,
        *,
        angles: NDArray[np.float64],
        zooms: NDArray[np.float64],
        shifts: NDArray[np.float64],
    ) -> Targets:
        """Return targets (n, t) of cutouts rotated, magnified about their centre, then moved.

        Parameters
        ----------
        angles
            From x towards y, in radians, shape (n,).
        zooms
            Magnifications, shape (n,).
        shifts
            Rows and columns in pixels, shape (n, 2).
        """
        out = targets.copy()
        for x, y in self.vectors:
            angular = not self.names[x].endswith("_pixels")
            unit = 1.0 if not angular else self.pixel_scale_arcsec or float("nan")
            out[:, x], out[:, y] = _rotated(targets[:, x], targets[:, y], angles)
            out[:, x] = out[:, x] * zooms + unit * shifts[:, 1]
            out[:, y] = out[:, y] * zooms + unit * shifts[:, 0]
        for first, second in self.spins:
            out[:, first], out[:, second] = _rotated(targets[:, first], targets[:, second], 2 * angles)
        for column in self.lengths:
            out[:, column] = targets[:, column] * zooms
        return out


def geometry_of(targets: tuple[str, ...], *, pixel_scale_arcsec: float | None = None) -> TargetGeometry:
    """Read from the names of targets how each changes with the image.

    `…_e1` and `…_e2` (or `_g1`, `_g2`) are components of a shape, `…_x_arcsec` and `…_y_arcsec` (or
    `_pixels`) of a position, anything else in arcsec or pixels is a length; the rest does not change.
    """
    spins, vectors = _pairs(targets, SPINS), _pairs(targets, VECTORS)
    taken = {column for pair in vectors for column in pair}
    lengths = tuple(k for k, name in enumerate(targets) if name.endswith(LENGTH_UNITS) and k not in taken)
    return TargetGeometry(targets, spins, vectors, lengths, pixel_scale_arcsec)


def _pairs(targets: tuple[str, ...], endings: tuple[tuple[str, str], ...]) -> tuple[tuple[int, int], ...]:
    return tuple(
        (targets.index(name), targets.index(partner))
        for first, second in endings
        for name in targets
        if name.endswith(first) and (partner := name.removesuffix(first) + second) in targets
    )


def lone_components(targets: tuple[str, ...]) -> list[str]:
    """Return the components of shapes and positions whose partner is not a target."""
    geometry = geometry_of(targets)
    paired = {targets[k] for pair in (*geometry.spins, *geometry.vectors) for k in pair}
    endings = tuple(ending for pair in (*SPINS, *VECTORS) for ending in pair)
    return [name for name in targets if name.endswith(endings) and name not in paired]


def unscalable(targets: tuple[str, ...]) -> list[str]:
    """Return the targets of which nothing says how they change with the size of the image."""
    geometry = geometry_of(targets)
    scaling = {k for pair in (*geometry.spins, *geometry.vectors) for k in pair} | set(geometry.lengths)
    return [name for k, name in enumerate(targets) if k not in scaling]


def require_pixel_scale(geometry: TargetGeometry) -> None:
    """Raise InvalidInput when positions in arcsec are to be moved by pixels of unknown size."""
    angular = [geometry.names[x] for x, _ in geometry.vectors if geometry.names[x].endswith("_arcsec")]
    if angular and geometry.pixel_scale_arcsec is None:
        raise InvalidInput(
            f"{', '.join(angular)} cannot follow random shifts: the cutouts have no known pixel scale. Set "
            "augmentation.shift_pixels to 0."
        )


def _rotated(x: Targets, y: Targets, angles: NDArray[np.float64]) -> tuple[Any, Any]:
    cosine, sine = np.cos(angles), np.sin(angles)
    return cosine * x - sine * y, sine * x + cosine * y
