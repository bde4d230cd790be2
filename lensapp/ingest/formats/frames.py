"""Find the white frame that plots have around their image: the same in all files, whatever they show."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WHITE = 255
WIDEST_LINE = 3
COLOUR_TOLERANCE = 8
SHARE_OF_LINE = 0.95
UNEVEN = 2  # pixels by which opposite margins of a plot may differ


class Frame(NamedTuple):
    """Images of one size and the box inside their frame: rows from `top` to before `bottom`, and columns."""

    height: int
    width: int
    top: int
    bottom: int
    left: int
    right: int

    @property
    def box(self) -> tuple[slice, slice]:
        """The rows and columns inside."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def around(self, other: "Frame") -> "Frame":
        """Return the smallest box around both."""
        return self._replace(
            top=min(self.top, other.top),
            bottom=max(self.bottom, other.bottom),
            left=min(self.left, other.left),
            right=max(self.right, other.right),
        )

    @property
    def is_even(self) -> bool:
        """Whether the image lies in the middle, so that the frame is not the white sky around an object."""
        rows = abs(self.top - (self.height - self.bottom))
        return max(rows, abs(self.left - (self.width - self.right))) <= UNEVEN


def common_frames(images: Iterable[NDArray[np.generic]]) -> tuple[Frame, ...]:
    """Return the frame of each size of image (y, x, channel) of 8 bits in which most agree.

    A border that differs from image to image is part of what they show: sky that is white, not a frame. To
    cut it off would move the object. A single image has a frame where lines are drawn around it, or where
    it lies in the middle of white.
    """
    by_size: dict[tuple[int, ...], list[tuple[Frame, bool]]] = {}
    for image in images:
        if image.dtype == np.uint8:
            by_size.setdefault(image.shape[:2], []).append(frame_of(image))
    frames = []
    for (height, width), found in by_size.items():
        widest = found[0][0]
        for frame, _ in found:
            widest = widest.around(frame)
        drawn = [with_lines for frame, with_lines in found if frame == widest]
        certain = len(found) > 1 or any(drawn) or widest.is_even
        if certain and 2 * len(drawn) > len(found) and widest != Frame(height, width, 0, height, 0, width):
            frames.append(widest)
    return tuple(frames)


def frame_of(image: NDArray[np.generic]) -> tuple[Frame, bool]:
    """Return the box inside an image's white border and the lines drawn in it, and whether there are lines.

    An image without a white border on all four sides is left whole.
    """
    height, width = image.shape[:2]
    whole = Frame(height, width, 0, height, 0, width)
    ink = (image != WHITE).any(-1)
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    if not rows.size or min(rows[0], columns[0]) == 0:
        return whole, False
    if rows[-1] == height - 1 or columns[-1] == width - 1:
        return whole, False
    top, bottom, left, right = int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])
    lines = 0
    for _ in range(WIDEST_LINE):
        if min(bottom - top, right - left) > 2 and _is_line(image[top : bottom + 1, left : right + 1]):
            top, bottom, left, right = top + 1, bottom - 1, left + 1, right - 1
            lines += 1
    return Frame(height, width, top, bottom + 1, left, right + 1), lines > 0


def _is_line(array: NDArray[np.generic]) -> bool:
    """Return whether each edge is of one colour, but for blurred corners, and not that of the sky inside."""
    inside = array[WIDEST_LINE:-WIDEST_LINE, WIDEST_LINE:-WIDEST_LINE]
    flat = inside.reshape(-1, array.shape[-1]).astype(np.int16)
    sky = np.median(flat, axis=0) if flat.size else np.inf
    for edge in (array[0], array[-1], array[:, 0], array[:, -1]):
        values = edge.astype(np.int16)
        colour = np.median(values, axis=0)
        same = (np.abs(values - colour) <= COLOUR_TOLERANCE).all(-1)
        if np.mean(same) < SHARE_OF_LINE or (np.abs(colour - sky) <= COLOUR_TOLERANCE).all():
            return False
    return True
