"""Read single image files the way an import reads them, for a network that is waiting for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.flux_units import UnitKind, unit_of_scales
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput, UnitMismatch
from lensapp.core.train.normalisation import FittedNormalisation
from lensapp.ingest.cutout import prepare
from lensapp.ingest.gate.guards import reading
from lensapp.ingest.gate.subprocesses import isolated
from lensapp.ingest.plan import make_plan
from lensapp.ingest.refusals import Refused
from lensapp.storage.runs import unit_refusal


@dataclass(frozen=True, eq=False)
class SingleImage:
    """One cutout of a file as the network reads it, (y, x, band), NaN where masked.

    `warnings` say what of its unit and pixel scale could not be compared with the network's.
    """

    file: str
    candidate_id: str
    pixels: NDArray[np.float32]
    pixel_scale_arcsec: float | None = None
    warnings: tuple[str, ...] = ()


def read_single_images(
    files: Sequence[Path],
    expected: FittedNormalisation,
    *,
    stated: Mapping[str, Any] | None = None,
    allow_unknown_units: bool = False,
    crop: bool = False,
) -> list[SingleImage]:
    """Read every cutout in `files`, cleaned and checked as on import.

    Parameters
    ----------
    files
        Files of any format that an import reads, or folders with one file per band.
    expected
        The normalisation of the network, which names bands, size, pixel scale and unit.
    stated
        What the user says of the files: `zero_point` and `pixel_scale_arcsec` as in an import.
    allow_unknown_units
        Whether images are taken whose unit or pixel scale cannot be compared with the network's.
    crop
        Whether the middle is taken of images that are larger than the network's.

    Raises
    ------
    InvalidInput
        When a file cannot be read.
    BandMismatch
        When bands, size or pixel scale differ from the network's.
    UnitMismatch
        When the unit differs, or it or the pixel scale cannot be compared.
    """
    return isolated(_read_files, list(files), expected, dict(stated or {}), allow_unknown_units, crop)


def _read_files(
    files: Sequence[Path],
    expected: FittedNormalisation,
    stated: dict[str, Any],
    allow_unknown_units: bool,  # noqa: FBT001
    crop: bool,  # noqa: FBT001
) -> list[SingleImage]:
    images = []
    for file in files:
        plan = make_plan(IngestSpec.parse({"path": str(file), "bands": expected.bands} | stated))
        if plan.rejections:
            raise _unreadable(file, plan.rejections[0].reason)
        recipe, scale = plan.recipe, plan.pixel_scale_arcsec
        size = (recipe.height, recipe.width)
        expected.check(bands=recipe.bands, size=size, pixel_scale_arcsec=scale, crop=crop)
        seen = expected.seen_of(size)
        factor = expected.reading_factor(scale)
        for candidate in plan.candidates:
            pixels = np.empty((*size, len(recipe.bands)), np.float32)
            try:
                with reading("it cannot be decoded"):
                    prepared = prepare(recipe, candidate, pixels, np.empty(size, np.float32))
            except Refused as refused:
                raise _unreadable(file, refused.reason) from refused
            scales = np.array(prepared.flux_scale or (np.nan,) * len(recipe.bands), np.float32)
            kind: UnitKind = "picture" if plan.are_pictures else unit_of_scales(scales[None]).kind
            warnings = expected.unit_warnings(kind, scale)
            if warnings and expected.unit is not None and not allow_unknown_units:
                raise UnitMismatch(f"{file}: {unit_refusal(warnings)}")
            if factor is not None:
                pixels *= np.where(np.isfinite(scales), scales * factor, 1).astype(np.float32)
            if seen is not None:
                warnings = [seen, *warnings]
            images.append(SingleImage(str(file), candidate.candidate_id, pixels, scale, tuple(warnings)))
    return images


def _unreadable(file: Path, reason: str) -> InvalidInput:
    return InvalidInput(f"{file} cannot be read as a cutout: {reason}. Give another file.")
