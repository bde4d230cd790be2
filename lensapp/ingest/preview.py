"""A dry run: what an import would accept and reject, and some of its images, before anything is written."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.ingest.catalogue_match import Joiner, refuse_known
from lensapp.ingest.chunk import Outcome, read_blocks
from lensapp.ingest.cutout import Prepared
from lensapp.ingest.isolated_call import isolated
from lensapp.ingest.journal import ChunkNote
from lensapp.ingest.plan import ImportPlan, make_plan
from lensapp.ingest.quality import count_warnings
from lensapp.ingest.recipe import Candidate
from lensapp.ingest.refusals import Refused
from lensapp.storage.records import Rejection

ALL_READ = 256
FIRST_READ = 64
IMAGES = 24
LARGEST_SIDE = 256
REJECTIONS_SHOWN = 5000


@dataclass(frozen=True)
class ImportPreview:
    """The outcome of a dry run.

    Attributes
    ----------
    candidates
        All that were found, without those rejected by name.
    sampled, accepted
        How many of them were read, and how many of these would be accepted.
    rejected
        What would be rejected, with code and reason; of the candidates only those that were read.
    shape
        (y, x) of every cutout.
    labels
        "lens", "nonlens" and "none" among those accepted.
    images : shape (n, y, x, band)
        Float32, y upwards, thinned to at most 256 pixels a side; `image_ids` are their candidates.
    """

    candidates: int
    sampled: int
    accepted: int
    rejected: list[Rejection]
    layout: str
    bands: tuple[str, ...]
    shape: tuple[int, int]
    pixel_scale_arcsec: float | None
    labels: dict[str, int]
    positions: dict[str, int]
    matched: int | None
    warnings: list[str]
    image_ids: list[str] = field(repr=False)
    images: NDArray[np.float32] = field(repr=False)

    @property
    def complete(self) -> bool:
        """Whether every candidate was read."""
        return self.sampled == self.candidates


def preview_import(spec: IngestSpec) -> ImportPreview:
    """Read a sample of what `spec` would import; nothing is written.

    All of 256 candidates or fewer are read; of more the first 64 and 192 at random.

    Raises
    ------
    InvalidInput
        When the settings do not fit the files, as the import itself would say.
    """
    return isolated(make_preview, spec)


def make_preview(spec: IngestSpec) -> ImportPreview:
    """Make a dry run in this process; see `preview_import`."""
    plan = make_plan(spec)
    chosen = _choose(plan.candidates)
    outcomes, images, places = _read(plan, chosen)
    note = ChunkNote(0)
    rejected = plan.rejections + _judge(chosen, outcomes, Joiner(plan, spec), note)
    return ImportPreview(
        candidates=len(plan.candidates),
        sampled=len(chosen),
        accepted=note.accepted,
        rejected=rejected[:REJECTIONS_SHOWN],
        layout=plan.recipe.layout,
        bands=plan.recipe.bands,
        shape=(plan.recipe.height, plan.recipe.width),
        pixel_scale_arcsec=plan.pixel_scale_arcsec,
        labels=_counted(note, "label", ("lens", "nonlens", "None")),
        positions=_counted(note, "position", ("catalogue", "wcs", "None")),
        matched=note.counts.get("catalogue", 0) if plan.catalogue is not None else None,
        warnings=_warnings(plan, note, rejected),
        image_ids=[chosen[place].candidate_id for place in places],
        images=images,
    )


def _choose(candidates: Sequence[Candidate]) -> list[Candidate]:
    if len(candidates) <= ALL_READ:
        return list(candidates)
    rng = np.random.default_rng(0)
    later = rng.choice(np.arange(FIRST_READ, len(candidates)), ALL_READ - FIRST_READ, replace=False)
    return [candidates[place] for place in (*range(FIRST_READ), *np.sort(later).tolist())]


def _read(
    plan: ImportPlan, chosen: Sequence[Candidate]
) -> tuple[list[Outcome], NDArray[np.float32], list[int]]:
    recipe = plan.recipe
    step = -(-max(recipe.height, recipe.width) // LARGEST_SIDE)
    outcomes: list[Outcome] = []
    kept: list[NDArray[np.float32]] = []
    places: list[int] = []
    for found, pixels in read_blocks(recipe, chosen):
        for outcome, image in zip(found, pixels, strict=True):
            if isinstance(outcome, Prepared) and len(kept) < IMAGES:
                kept.append(image[::step, ::step].copy())
                places.append(len(outcomes))
            outcomes.append(outcome)
    thinned = (-(-recipe.height // step), -(-recipe.width // step), len(recipe.bands))
    return outcomes, np.array(kept, np.float32).reshape(len(kept), *thinned), places


def _judge(
    chosen: Sequence[Candidate], outcomes: Sequence[Outcome], joiner: Joiner, note: ChunkNote
) -> list[Rejection]:
    """Count what would be accepted in `note`, and return what would not."""
    rejected = []
    digests: dict[str, str] = {}
    for candidate, outcome in zip(chosen, outcomes, strict=True):
        try:
            joiner.columns(0, candidate, refuse_known(candidate, outcome, digests), note)
            note.accepted += 1
        except Refused as refused:
            rejected.append(Rejection(candidate.files[0], refused.code, refused.reason))
    return rejected


def _counted(note: ChunkNote, kind: str, values: Sequence[str]) -> dict[str, int]:
    return {value.lower(): note.counts.get(f"{kind}:{value}", 0) for value in values}


def _warnings(plan: ImportPlan, note: ChunkNote, rejected: Sequence[Rejection]) -> list[str]:
    warnings = plan.warnings + count_warnings(Counter(note.counts), note.accepted)
    if len(rejected) > REJECTIONS_SHOWN:
        warnings.append(f"Only the first {REJECTIONS_SHOWN} of {len(rejected)} rejections are listed.")
    return warnings
