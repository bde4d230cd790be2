"""Read PNG, JPEG and TIFF images as planes, y upwards."""

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lensapp.ingest.gate import check_regular, reading
from lensapp.ingest.limits import refuse_large

Pixels = NDArray[np.float32]
WHITE = 255
WIDEST_LINE = 3
COLOUR_TOLERANCE = 8
SHARE_OF_LINE = 0.95
# Never by content alone: Pillow also starts Ghostscript for what begins as PostScript.
DECODERS = ("PNG", "JPEG", "TIFF")


def read_image(path: Path, *, trim_frame: bool) -> Pixels:
    """Return an image as float32 (channel, y, x), y upwards; transparent pixels are NaN."""
    with reading("not a readable image", file_bytes=check_regular(path)):
        array, transparent = _decode(path)
    if trim_frame and array.dtype == np.uint8:
        rows, columns = inside_frame(array)
        array, transparent = array[rows, columns], transparent[rows, columns]
    pixels = array.astype(np.float32)
    pixels[transparent] = np.nan
    return np.ascontiguousarray(np.moveaxis(pixels, -1, 0)[:, ::-1])


def _decode(path: Path) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Return values (y, x, channel) as stored, and which pixels are transparent."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Image.open(path, formats=DECODERS) as image:
            refuse_large((image.height, image.width))
            mode = image.mode
            if mode == "P":
                mode = "RGBA" if "transparency" in image.info else "RGB"
            if mode in ("CMYK", "YCbCr", "HSV", "LAB"):
                mode = "RGB"
            array = np.asarray(image if mode == image.mode else image.convert(mode))
            alpha = mode in ("RGBA", "LA")
    array = array.astype(np.uint8) * WHITE if array.dtype == bool else array
    array = array[..., None] if array.ndim == 2 else array
    if not alpha:
        return array, np.zeros(array.shape[:2], bool)
    return array[..., :-1], array[..., -1] == 0


def inside_frame(array: NDArray[np.generic]) -> tuple[slice, slice]:
    """Return the rows and columns inside a plot's white frame and the lines drawn around its image.

    An image without a white border on all four sides is left whole.
    """
    ink = (array != WHITE).any(-1)
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    if not rows.size or min(rows[0], columns[0]) == 0:
        return slice(None), slice(None)
    if rows[-1] == array.shape[0] - 1 or columns[-1] == array.shape[1] - 1:
        return slice(None), slice(None)
    top, bottom, left, right = int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])
    for _ in range(WIDEST_LINE):
        if min(bottom - top, right - left) > 2 and _is_line(array[top : bottom + 1, left : right + 1]):
            top, bottom, left, right = top + 1, bottom - 1, left + 1, right - 1
    return slice(top, bottom + 1), slice(left, right + 1)


def _is_line(array: NDArray[np.generic]) -> bool:
    """Return whether each edge of `array` is of one colour, but for blurred corners."""
    for edge in (array[0], array[-1], array[:, 0], array[:, -1]):
        values = edge.astype(np.int16)
        same = (np.abs(values - np.median(values, axis=0)) <= COLOUR_TOLERANCE).all(-1)
        if np.mean(same) < SHARE_OF_LINE:
            return False
    return True
