"""Find the white frame that plots have around their image: the same in all files, whatever they show."""

from collections.abc import Iterable, Sequence
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

    def inside(self, rings: int) -> "Frame":
        """Return the box so many pixels further in."""
        return self._replace(
            top=self.top + rings,
            bottom=self.bottom - rings,
            left=self.left + rings,
            right=self.right - rings,
        )

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


class Border(NamedTuple):
    """The white border of one image, and what the rings of pixels inside it look like, the outermost first.

    `colours` has NaN where a ring is not of one colour; `stands_out` tells which differ from the sky inside.
    """

    frame: Frame
    colours: NDArray[np.float64]
    stands_out: NDArray[np.bool_]


class CommonFrames(NamedTuple):
    """The frame of each size of image, and how many images keep a white border as theirs differ."""

    frames: tuple[Frame, ...]
    kept: int


def common_frames(images: Iterable[NDArray[np.generic]]) -> CommonFrames:
    """Return the frame of each size of image (y, x, channel) of 8 bits in which most agree.

    A border that differs from image to image is part of what they show: sky that is white, not a frame. To
    cut it off would move the object. A single image has a frame where lines are drawn around it, or where
    it lies in the middle of white. A line is of one colour in all images, and differs from the sky in most:
    where the sky is as dark as the line, the other images tell them apart.
    """
    by_size: dict[tuple[int, ...], list[Border]] = {}
    for image in images:
        if image.dtype == np.uint8:
            by_size.setdefault(image.shape[:2], []).append(border_of(image))
    frames, kept = [], 0
    for (height, width), borders in by_size.items():
        widest = borders[0].frame
        for border in borders:
            widest = widest.around(border.frame)
        alike = [border for border in borders if border.frame == widest]
        whole = Frame(height, width, 0, height, 0, width)
        if widest != whole and 2 * len(alike) > len(borders):
            lines = _lines_of(alike)
            if len(borders) > 1 or lines or widest.is_even:
                frames.append(widest.inside(lines))
                continue
        kept += sum(border.frame != whole for border in borders)
    return CommonFrames(tuple(frames), kept)


def border_of(image: NDArray[np.generic]) -> Border:
    """Return the box inside an image's white border, and the rings in which lines may be drawn.

    An image without a white border on all four sides is left whole.
    """
    height, width = image.shape[:2]
    frame = Frame(height, width, 0, height, 0, width)
    colours = np.full((WIDEST_LINE, image.shape[-1]), np.nan)
    stands_out = np.zeros(WIDEST_LINE, bool)
    ink = (image != WHITE).any(-1)
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    if not rows.size or min(rows[0], columns[0]) == 0:
        return Border(frame, colours, stands_out)
    if rows[-1] == height - 1 or columns[-1] == width - 1:
        return Border(frame, colours, stands_out)
    frame = Frame(height, width, int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)
    for ring in range(WIDEST_LINE):
        inside = image[frame.inside(ring).box]
        if min(inside.shape[:2]) > 3:
            colours[ring], stands_out[ring] = _ring_of(inside)
    return Border(frame, colours, stands_out)


def _lines_of(borders: Sequence[Border]) -> int:
    """Return how many of the outer rings are lines: of one colour in all, not that of the sky in most."""
    colours = np.stack([border.colours for border in borders])
    same = (np.abs(colours - np.median(colours, axis=0)) <= COLOUR_TOLERANCE).all((0, 2))
    lines = same & (2 * np.sum([border.stands_out for border in borders], axis=0) > len(borders))
    return int(np.cumprod(lines).sum())


def _ring_of(array: NDArray[np.generic]) -> tuple[NDArray[np.float64], bool]:
    """Return the colour of the outermost pixels, and whether each edge differs from the sky inside.

    The colour is NaN where an edge has several, but for blurred corners, or where edges differ.
    """
    inside = array[WIDEST_LINE:-WIDEST_LINE, WIDEST_LINE:-WIDEST_LINE]
    flat = inside.reshape(-1, array.shape[-1]).astype(np.int16)
    sky = np.median(flat, axis=0) if flat.size else np.inf
    colours, stands_out = [], True
    for edge in (array[0], array[-1], array[:, 0], array[:, -1]):
        values = edge.astype(np.int16)
        colour = np.median(values, axis=0)
        same = (np.abs(values - colour) <= COLOUR_TOLERANCE).all(-1)
        colours.append(colour if np.mean(same) >= SHARE_OF_LINE else np.full(array.shape[-1], np.nan))
        stands_out &= bool((np.abs(colour - sky) > COLOUR_TOLERANCE).any())
    return np.mean(colours, axis=0), stands_out
