"""Read single image files the way an import reads them, for a network that is waiting for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput
from lensapp.core.train.normalisation import FittedNormalisation
from lensapp.ingest.cutout import prepare
from lensapp.ingest.plan import ImportPlan, make_plan
from lensapp.ingest.refusals import Refused


@dataclass(frozen=True, eq=False)
class SingleImage:
    """One cutout of a file, flux (y, x, band), NaN where masked."""

    file: str
    candidate_id: str
    pixels: NDArray[np.float32]


def read_single_images(files: Sequence[Path], expected: FittedNormalisation) -> list[SingleImage]:
    """Read every cutout in `files`, cleaned and checked as on import.

    Parameters
    ----------
    files
        Files of any format that an import reads, or folders with one file per band.
    expected
        The normalisation of the network, which names bands, size and pixel scale.

    Raises
    ------
    InvalidInput
        When a file cannot be read.
    BandMismatch
        When bands, size or pixel scale differ from the network's.
    """
    return [image for file in files for image in _read_file(file, expected)]


def _read_file(file: Path, expected: FittedNormalisation) -> list[SingleImage]:
    plan = make_plan(IngestSpec.parse({"path": str(file), "bands": expected.bands}))
    if plan.rejections:
        raise _unreadable(file, plan.rejections[0].reason)
    expected.check(
        bands=plan.recipe.bands,
        size=(plan.recipe.height, plan.recipe.width),
        pixel_scale_arcsec=plan.pixel_scale_arcsec,
    )
    try:
        return [_read_candidate(file, plan, place) for place in range(len(plan.candidates))]
    except Refused as refused:
        raise _unreadable(file, refused.reason) from refused


def _read_candidate(file: Path, plan: ImportPlan, place: int) -> SingleImage:
    candidate, recipe = plan.candidates[place], plan.recipe
    pixels = np.empty((recipe.height, recipe.width, len(recipe.bands)), np.float32)
    prepare(recipe, candidate, pixels, np.empty(pixels.shape[:2], np.float32))
    return SingleImage(str(file), candidate.candidate_id, pixels)


def _unreadable(file: Path, reason: str) -> InvalidInput:
    return InvalidInput(f"Expected a cutout in {file}, received: {reason}. Give another file.")
