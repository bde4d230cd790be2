"""Read PNG, JPEG and TIFF images as planes, y upwards."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lensapp.ingest.formats.deep_images import decode_deep, is_cut_short
from lensapp.ingest.formats.frames import Frame
from lensapp.ingest.gate.guards import check_regular, reading
from lensapp.ingest.gate.limits import refuse_large

Pixels = NDArray[np.float32]
WHITE = 255
# Never by content alone: Pillow also starts Ghostscript for what begins as PostScript.
DECODERS = ("PNG", "JPEG", "TIFF")
TIFF_SUFFIXES = (".tif", ".tiff")


def read_image(path: Path, *, frames: Sequence[Frame] = ()) -> Pixels:
    """Return an image as float32 (channel, y, x), y upwards; transparent pixels are NaN.

    An image of a size that has a frame is cut to what lies inside.
    """
    array, transparent = read_values(path)
    for frame in frames:
        if array.dtype == np.uint8 and array.shape[:2] == frame[:2]:
            array, transparent = array[frame.box], transparent[frame.box]
    pixels = array.astype(np.float32)
    pixels[transparent] = np.nan
    return np.ascontiguousarray(np.moveaxis(pixels, -1, 0)[:, ::-1])


def is_eight_bit(path: Path) -> bool:
    """Return whether the channels of an image have 8 bits, as those of a picture for the eye."""
    return read_values(path)[0].dtype == np.uint8


def is_grey(pixels: Pixels) -> bool:
    """Return whether an image (channel, y, x) has one channel, or the same one several times."""
    return all(np.array_equal(pixels[0], other, equal_nan=True) for other in pixels[1:])


def read_values(path: Path) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Return values (y, x, channel) as stored, first row on top, and which pixels are transparent."""
    with reading("not a readable image", file_bytes=check_regular(path)):
        array, alpha = _by_pillow(path) or decode_deep(path)
        array = array.astype(np.uint8) * WHITE if array.dtype == bool else array
        array = array[..., None] if array.ndim == 2 else array
        if not alpha:
            return array, np.zeros(array.shape[:2], bool)
        return array[..., :-1], array[..., -1] == 0


def _by_pillow(path: Path) -> tuple[NDArray[np.generic], bool] | None:
    """Return values and whether the last channel is transparency; None for what Pillow cannot read whole."""
    from PIL import Image, UnidentifiedImageError

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            image = Image.open(path, formats=DECODERS)
        except UnidentifiedImageError:
            if path.suffix.lower() in TIFF_SUFFIXES:
                return None
            raise
        with image:
            refuse_large((image.height, image.width))
            if is_cut_short(image):
                return None
            mode = image.mode
            if mode == "P":
                mode = "RGBA" if "transparency" in image.info else "RGB"
            if mode in ("CMYK", "YCbCr", "HSV", "LAB"):
                mode = "RGB"
            array = np.asarray(image if mode == image.mode else image.convert(mode))
            return array, mode in ("RGBA", "LA")
