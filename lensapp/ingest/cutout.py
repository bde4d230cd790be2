"""Turn one candidate into the pixels that are stored: read, brought to one shape, masked, checked."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.fingerprints import pixel_digest
from lensapp.ingest.astrometry import Pointing, point
from lensapp.ingest.formats.fits_files import Header
from lensapp.ingest.formats.planes import Cleaned, centre, clean, refuse_copies
from lensapp.ingest.formats.readers import Reading, read_candidate
from lensapp.ingest.recipe import Candidate, Recipe
from lensapp.ingest.refusals import Refused

Pixels = NDArray[np.float32]


class Prepared(NamedTuple):
    """What is known of one accepted candidate, without its pixels.

    Attributes
    ----------
    masked
        Per band: pixels that were NaN, and pixels that held a sentinel.
    masked_fraction
        Share of all stored pixels that are NaN, those padded included.
    flux_scale
        Per band: factor from stored pixels to a common unit of flux, where headers tell.
    """

    digest: str
    masked_fraction: float
    masked: tuple[tuple[int, int], ...]
    pointing: Pointing | None
    flux_scale: tuple[float, ...] | None = None
    perceptual_hash: str = ""


def prepare(recipe: Recipe, candidate: Candidate, out: Pixels, total: Pixels) -> Prepared:
    """Read a candidate into `out`, shape (y, x, band), and describe it but for its perceptual hash.

    The sum of the bands, shape (y, x), is left in `total`.

    Raises
    ------
    Refused
        With the code and the reason.
    """
    reading = read_candidate(recipe, candidate)
    _refuse_magnitudes(reading.header)
    cleaned = [_plane(recipe, band, plane) for band, plane in zip(recipe.bands, reading.planes, strict=True)]
    refuse_copies(cleaned, recipe.bands)
    total[...] = 0.0
    for place, plane in enumerate(cleaned):
        out[..., place] = plane.pixels
        total += plane.pixels
    masked = sum(plane.nan + plane.sentinel for plane in cleaned)
    if recipe.crop:
        masked = int(np.count_nonzero(np.isnan(out)))
    return Prepared(
        digest=pixel_digest(out),
        masked_fraction=masked / out.size,
        masked=tuple((plane.nan, plane.sentinel) for plane in cleaned),
        pointing=_pointing(recipe, reading),
        flux_scale=reading.flux_scale,
    )


def _plane(recipe: Recipe, band: str, plane: Pixels) -> Cleaned:
    shape = (recipe.height, recipe.width)
    padded = 0
    if plane.shape != shape:
        if not recipe.crop:
            raise Refused(
                "wrong_shape",
                f"band {band}: {recipe.width} × {recipe.height} pixels expected as in the others, received "
                f"{plane.shape[1]} × {plane.shape[0]}; a size crops and pads all to one",
            )
        inside = min(plane.shape[0], shape[0]) * min(plane.shape[1], shape[1])
        padded = shape[0] * shape[1] - inside
        plane = centre(plane, recipe.height)
    found = clean(plane, band=band, sentinels=recipe.sentinels, detect=recipe.detect_sentinels)
    return (
        Cleaned(found.pixels, found.low, found.high, found.nan - padded, found.sentinel) if padded else found
    )


def _refuse_magnitudes(header: Header | None) -> None:
    unit = header.get("BUNIT") if header is not None else None
    if isinstance(unit, str) and unit.strip().lower().startswith("mag"):
        raise Refused("magnitudes", f"pixels are in {unit.strip()}, flux expected")


def _pointing(recipe: Recipe, reading: Reading) -> Pointing | None:
    if not recipe.use_header_positions or reading.header is None:
        return None
    height, width = reading.planes[0].shape
    return point(reading.header, width=width, height=height)
