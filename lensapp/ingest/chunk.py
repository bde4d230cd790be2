"""What a worker process does: read some candidates, write their pixels, return small records.

Nothing here loads the database, so that a worker starts in a fraction of a second.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lensapp.ingest.preparing import Prepared, prepare
from lensapp.ingest.recipe import Candidate, Recipe
from lensapp.ingest.refusals import DECODER_ERRORS, Refused
from lensapp.storage.arrays import Packing, ShardWriter


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
    pixels = np.empty((recipe.height, recipe.width, len(recipe.bands)), np.float32)
    outcomes = []
    for row, candidate in enumerate(candidates, first_row):
        outcome = attempt(recipe, candidate, pixels)
        if isinstance(outcome, Prepared):
            writer.write(row, pixels)
        outcomes.append(outcome)
    return outcomes


def attempt(recipe: Recipe, candidate: Candidate, pixels: NDArray[np.float32]) -> Outcome:
    """Read one candidate into `pixels`; whatever its files make a decoder raise becomes a refusal."""
    try:
        return prepare(recipe, candidate, pixels)
    except Refused as refused:
        return Refusal(refused.code, refused.reason)
    except DECODER_ERRORS as error:
        text = " ".join(str(error).split())[:160] or type(error).__name__
        return Refusal("unreadable", f"its files cannot be decoded: {text}")
