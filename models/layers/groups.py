"""The finite groups of rotations and reflections that kernels are repeated under.

Feature maps of a group hold `order` orientations of each field: channels are laid out as
(orientation, field), orientation first. Rotating the image rotates each map and permutes its orientations.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput

Indices = NDArray[np.int32]


@dataclass(frozen=True)
class Group:
    """A group of `rotations` equally spaced rotations, with their mirror images or without."""

    name: str
    rotations: int
    mirrors: bool

    @property
    def order(self) -> int:
        """Number of elements: orientations of each field."""
        return self.rotations * (2 if self.mirrors else 1)

    @property
    def exact(self) -> bool:
        """Whether each element maps pixels onto pixels."""
        return self.rotations == 4


GROUPS = {
    "c4": Group("c4", rotations=4, mirrors=False),
    "d4": Group("d4", rotations=4, mirrors=True),
    "c8": Group("c8", rotations=8, mirrors=False),
}


def find_group(name: str) -> Group:
    """Return the group called `name`."""
    if name not in GROUPS:
        raise InvalidInput(f"There is no group {name!r}. Choose one of {', '.join(GROUPS)}.")
    return GROUPS[name]


def move_pixels(array: NDArray[np.generic], element: int) -> NDArray[np.generic]:
    """Return an array (y, x) mirrored for elements from 4 on, then rotated by element mod 4 right angles."""
    return np.rot90(array[:, ::-1] if element >= 4 else array, element % 4)


@lru_cache
def pixel_indices(group: Group, side: int) -> Indices:
    """Return, for each element of an exact group, which pixel of a kernel comes to each position.

    Returns
    -------
    int32, shape (order, side²)
    """
    pixels = np.arange(side * side).reshape(side, side)
    return np.stack([move_pixels(pixels, g).ravel() for g in range(group.order)]).astype(np.int32)


@lru_cache
def relative_elements(group: Group) -> Indices:
    """Return the table of g⁻¹h, shape (order, order): the orientation h as an output g sees it."""
    if not group.exact:
        elements = np.arange(group.order)
        return ((elements[None, :] - elements[:, None]) % group.order).astype(np.int32)
    corners = np.arange(4).reshape(2, 2)
    products = [move_pixels(corners, g).tobytes() for g in range(group.order)]
    table = np.empty((group.order, group.order), np.int32)
    for g in range(group.order):
        for h in range(group.order):
            product = products.index(move_pixels(move_pixels(corners, h), g).tobytes())
            table[g, product] = h
    return table


@lru_cache
def kernel_indices(group: Group, side: int, *, lifting: bool) -> Indices:
    """Return where each weight of the expanded kernel comes from.

    Returns
    -------
    int32, shape (order, side²) into (side²), or (order, side² · order) into (side² · order)
        For a convolution of the image, and for one of feature maps.
    """
    pixels = pixel_indices(group, side)
    if lifting:
        return pixels
    moved = pixels[:, :, None] * group.order + relative_elements(group)[:, None, :]
    return moved.reshape(group.order, -1).astype(np.int32)
