"""What a worker process does: read some candidates, write their pixels, return small records.

Nothing here loads the database, so that a worker starts in a fraction of a second.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lensapp.ingest.preparing import Prepared, prepare
from lensapp.ingest.recipe import Candidate, Recipe
from lensapp.ingest.refusals import Refused, decoder_errors
from lensapp.storage.arrays import Packing, ShardWriter

BLOCK_BYTES = 2 * 2**20


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
    shape = (recipe.height, recipe.width, len(recipe.bands))
    block = np.empty(
        (max(1, min(BLOCK_BYTES // (4 * math.prod(shape)), len(candidates))), *shape), np.float32
    )
    outcomes: list[Outcome] = []
    for start in range(0, len(candidates), len(block)):
        part = candidates[start : start + len(block)]
        outcomes += [_fill(recipe, candidate, pixels) for candidate, pixels in zip(part, block, strict=False)]
        writer.write_rows(first_row + start, block[: len(part)])
    return outcomes


def _fill(recipe: Recipe, candidate: Candidate, pixels: NDArray[np.float32]) -> Outcome:
    outcome = attempt(recipe, candidate, pixels)
    if isinstance(outcome, Refusal):
        pixels[...] = 0.0  # its row stays unused
    return outcome


def attempt(recipe: Recipe, candidate: Candidate, pixels: NDArray[np.float32]) -> Outcome:
    """Read one candidate into `pixels`; whatever its files make a decoder raise becomes a refusal."""
    try:
        return prepare(recipe, candidate, pixels)
    except Refused as refused:
        return Refusal(refused.code, refused.reason)
    except decoder_errors() as error:
        text = " ".join(str(error).split())[:160] or type(error).__name__
        return Refusal("unreadable", f"its files cannot be decoded: {text}")
