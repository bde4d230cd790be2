"""What a worker process does: read some candidates, write their pixels, return small records.

Nothing here loads the database, so that a worker starts in a fraction of a second.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.fingerprints import hash_images
from lensapp.ingest.cutout import Prepared, prepare
from lensapp.ingest.formats.readers import forget_stacks
from lensapp.ingest.recipe import Candidate, Recipe
from lensapp.ingest.refusals import Refused, decoder_errors
from lensapp.storage.arrays import Packing, ShardWriter

BLOCK_BYTES = 4 * 2**20


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
    for found, pixels in read_blocks(recipe, candidates):
        writer.write_rows(first_row + len(outcomes), pixels)
        outcomes += found
    forget_stacks()
    return outcomes


def read_blocks(
    recipe: Recipe, candidates: Sequence[Candidate]
) -> Iterator[tuple[list[Outcome], NDArray[np.float32]]]:
    """Yield the outcomes and pixels (n, y, x, band) of some candidates at a time.

    Pixels of refused candidates are zero. The next block overwrites the pixels.
    """
    shape = (recipe.height, recipe.width, len(recipe.bands))
    size = max(1, min(BLOCK_BYTES // (4 * math.prod(shape)), len(candidates)))
    pixels, totals = np.empty((size, *shape), np.float32), np.zeros((size, *shape[:2]), np.float32)
    for start in range(0, len(candidates), size):
        part = candidates[start : start + size]
        found = [_attempt(recipe, part[i], pixels[i], totals[i]) for i in range(len(part))]
        hashes = hash_images(totals[: len(part)])
        yield (
            [
                outcome._replace(perceptual_hash=text) if isinstance(outcome, Prepared) else outcome
                for outcome, text in zip(found, hashes, strict=True)
            ],
            pixels[: len(part)],
        )


def _attempt(
    recipe: Recipe, candidate: Candidate, pixels: NDArray[np.float32], total: NDArray[np.float32]
) -> Outcome:
    """Read one candidate; whatever its files make a decoder raise becomes a refusal."""
    try:
        return prepare(recipe, candidate, pixels, total)
    except Refused as refused:
        refusal = Refusal(refused.code, refused.reason)
    except decoder_errors() as error:
        text = " ".join(str(error).split())[:160] or type(error).__name__
        refusal = Refusal("unreadable", f"its files cannot be decoded: {text}")
    pixels[...] = 0.0
    total[...] = 0.0
    return refusal
