"""Read what Pillow would cut short: 16 bits in colour, and TIFF files of several pages or other numbers."""

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.ingest.gate.limits import limits, refuse_large
from lensapp.ingest.refusals import Refused

Array = NDArray[np.generic]
ALPHA = (1, 2)  # kinds of extra samples of TIFF that are transparency
BITS = 258  # tag of TIFF
REDUCED = 1  # bit of a page's kind: a thumbnail


def is_cut_short(image: Any) -> bool:
    """Return whether Pillow would reduce an opened image to 8 bits, or leave all but its first page out."""
    colour = len(image.getbands()) > 1
    if image.format == "TIFF":
        return getattr(image, "n_frames", 1) > 1 or (colour and max(image.tag_v2.get(BITS, (8,))) > 8)
    return colour and any(";16" in str(tile) for tile in image.tile)


def decode_deep(path: Path) -> tuple[Array, bool]:
    """Return values (y, x, channel) as stored, and whether the last channel is transparency.

    Raises
    ------
    Refused
        When a TIFF file has pages that are not channels of one image.
    """
    if path.suffix.lower() == ".png":
        from imagecodecs import png_decode

        array = png_decode(path.read_bytes())
        array = array[..., None] if array.ndim == 2 else array
        return array, array.shape[-1] in (2, 4)
    from tifffile import TiffFile

    with TiffFile(path) as file:
        pages = [page.aspage() for page in islice(file.pages, limits().planes + 1)]
        pages = [page for page in pages if not page.subfiletype & REDUCED] or pages[:1]
        first = pages[0]
        refuse_large((len(pages), *first.shape))
        kinds = {(page.shape, str(page.dtype)) for page in pages}
        if (
            len(kinds) > 1
            or (len(pages) > 1 and first.axes != "YX")
            or first.axes not in ("YX", "YXS", "SYX")
        ):
            raise Refused(
                "ambiguous",
                f"holds {len(pages)} pages that are not the bands of one image; save each as a file",
            )
        if len(pages) > 1:
            return np.stack([page.asarray() for page in pages], axis=-1), False
        array = first.asarray()
        array = np.moveaxis(array, 0, -1) if first.axes == "SYX" else np.atleast_3d(array)
        return array, bool(first.extrasamples) and int(first.extrasamples[-1]) in ALPHA
