"""What a worker process does: read candidates, bring them to one shape, mask, check and write their pixels.

Nothing here loads the database, so that a worker starts in a fraction of a second.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.fingerprints import hash_images, pixel_digest
from lensapp.ingest.astrometry import Pointing
from lensapp.ingest.formats.plane_kinds import header_kind
from lensapp.ingest.formats.planes import Cleaned, centre, clean, refuse_copies
from lensapp.ingest.formats.readers import forget_stacks, read_candidate
from lensapp.ingest.gate.guards import reading
from lensapp.ingest.planes_beside import read_planes
from lensapp.ingest.recipe import Candidate, Recipe
from lensapp.ingest.recognition.header_positions import pointing_of, stated_position
from lensapp.ingest.refusals import Refused
from lensapp.storage.arrays import Packing, ShardWriter, write_planes

Pixels = NDArray[np.float32]
BLOCK_BYTES = 4 * 2**20


class Prepared(NamedTuple):
    """What is known of one accepted candidate, without its pixels.

    Attributes
    ----------
    masked
        Per band: pixels that were NaN, and pixels that held a sentinel.
    masked_fraction
        Fraction of all stored pixels that are NaN, padded ones included.
    flux_scale
        Per band: factor from stored pixels to a common unit of flux, NaN where it is unknown; None where all
        are.
    stated
        The position that keywords of the header tell where there is no WCS: RA and Dec, ICRS degrees.
    """

    digest: str
    masked_fraction: float
    masked: tuple[tuple[int, int], ...]
    pointing: Pointing | None
    flux_scale: tuple[float, ...] | None = None
    perceptual_hash: str = ""
    stated: tuple[float, float] | None = None


@dataclass(frozen=True)
class Refusal:
    """Why one candidate was not accepted."""

    code: str
    reason: str


Outcome = Prepared | Refusal


def pack_chunk(
    recipe: Recipe, packing: Packing, folder: str, first_row: int, candidates: Sequence[Candidate]
) -> list[Outcome]:
    """Read `candidates` and write the accepted ones to the rows from `first_row` on."""
    # Opened anew for each chunk: pages of a memory map that is kept count as this process's memory.
    writer = ShardWriter(Path(folder), packing)
    outcomes: list[Outcome] = []
    for block, pixels in read_blocks(recipe, candidates):
        writer.write_rows(first_row + len(outcomes), pixels)
        if recipe.beside:
            part = candidates[len(outcomes) : len(outcomes) + len(block)]
            write_planes(Path(folder), first_row + len(outcomes), read_planes(recipe, part))
        outcomes += block
    forget_stacks()
    return outcomes


def read_blocks(recipe: Recipe, candidates: Sequence[Candidate]) -> Iterator[tuple[list[Outcome], Pixels]]:
    """Yield the outcomes and pixels (n, y, x, band) of some candidates at a time.

    Pixels of refused candidates are zero. The next block overwrites the pixels.
    """
    shape = (recipe.height, recipe.width, len(recipe.bands))
    size = max(1, min(BLOCK_BYTES // (4 * math.prod(shape)), len(candidates)))
    pixels, totals = np.empty((size, *shape), np.float32), np.zeros((size, *shape[:2]), np.float32)
    for start in range(0, len(candidates), size):
        part = candidates[start : start + size]
        outcomes: list[Outcome] = []
        for candidate, image, total in zip(part, pixels, totals, strict=False):
            try:
                with reading("its files cannot be decoded"):
                    outcomes.append(prepare(recipe, candidate, image, total))
            except Refused as refused:
                outcomes.append(Refusal(refused.code, refused.reason))
                image[...] = 0.0
                total[...] = 0.0
        hashes = hash_images(totals[: len(part)])
        yield (
            [
                outcome._replace(perceptual_hash=text) if isinstance(outcome, Prepared) else outcome
                for outcome, text in zip(outcomes, hashes, strict=True)
            ],
            pixels[: len(part)],
        )


def prepare(recipe: Recipe, candidate: Candidate, out: Pixels, total: Pixels) -> Prepared:
    """Read a candidate into `out`, shape (y, x, band), and describe it but for its perceptual hash.

    The sum of the bands, shape (y, x), is left in `total`.

    Raises
    ------
    Refused
        With the code and the reason.
    """
    reading = read_candidate(recipe, candidate)
    header = reading.header
    unit = header.get("BUNIT") if header is not None else None
    if isinstance(unit, str) and unit.strip().lower().startswith("mag"):
        raise Refused("magnitudes", f"pixels are in {unit.strip()}, not in a unit of flux")
    if header is not None and not recipe.hdus and (kind := header_kind(header)):
        raise Refused("error_plane", f"its header says that it is no image of flux ({kind})")
    cleaned = [_plane(recipe, band, plane) for band, plane in zip(recipe.bands, reading.planes, strict=True)]
    refuse_copies(cleaned, recipe.bands)
    total[...] = 0.0
    for number, plane in enumerate(cleaned):
        out[..., number] = plane.pixels
        total += plane.pixels
    masked = sum(plane.nan + plane.sentinel for plane in cleaned)
    if recipe.crop:
        masked = int(np.count_nonzero(np.isnan(out)))
    pointing = reading.pointing
    if recipe.use_header_positions and header is not None:
        pointing = pointing_of(reading)
    by_keywords = pointing is None and recipe.position_keywords
    stated = stated_position(reading, recipe.position_keywords) if by_keywords else None
    return Prepared(
        digest=pixel_digest(out),
        masked_fraction=masked / out.size,
        masked=tuple((plane.nan, plane.sentinel) for plane in cleaned),
        pointing=pointing,
        stated=stated,
        flux_scale=reading.flux_scale,
    )


def _plane(recipe: Recipe, band: str, plane: Pixels) -> Cleaned:
    shape = (recipe.height, recipe.width)
    padded = 0
    if plane.shape != shape:
        if not recipe.crop:
            raise Refused(
                "wrong_shape",
                f"band {band} has {plane.shape[1]} × {plane.shape[0]} pixels, the others {recipe.width} × "
                f"{recipe.height}; a size crops and pads all to one",
            )
        padded = math.prod(shape) - math.prod(map(min, plane.shape, shape))
        plane = centre(plane, recipe.height)
    cleaned = clean(plane, band=band, sentinels=recipe.sentinels, detect=recipe.detect_sentinels)
    return cleaned._replace(nan=cleaned.nan - padded) if padded else cleaned
