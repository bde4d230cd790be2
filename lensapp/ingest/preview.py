"""A dry run: what an import would accept and reject, and some of its images, before anything is written."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.flux_units import SourceUnit, unit_of_scales
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.ingest.catalogue_match import Joiner, refuse_known
from lensapp.ingest.cutout import Outcome, Prepared, read_blocks
from lensapp.ingest.gate.subprocesses import isolated
from lensapp.ingest.journal import ChunkNote
from lensapp.ingest.plan import ImportPlan, make_plan
from lensapp.ingest.quality import count_warnings
from lensapp.ingest.recipe import Candidate
from lensapp.ingest.refusals import Refused
from lensapp.storage.records import Rejection

ALL_READ = 256
FIRST_READ = 64
IMAGES = 24
IDS_SHOWN = 5
LARGEST_SIDE = 256
REJECTIONS_LISTED = 5000
TILE_SIDE = 512  # pixels from which an image may be a tile


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
    matched, shared_ids
        How many of them have a row in the catalogue; with an ID pattern, some IDs and what it takes of each.
    ids, catalogue_ids
        Some IDs of candidates, and of the rows of the catalogue.
    labels
        "lens", "nonlens" and "none" among those accepted.
    images : shape (n, y, x, band)
        Float32, y upwards, thinned to at most 256 pixels a side; `image_ids` are their candidates.
    in_one_unit
        Whether the unit of flux of all that were read is known; the images are then in that unit.
    unit
        That unit in words.
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
    shared_ids: dict[str, str]
    warnings: list[str]
    image_ids: list[str] = field(repr=False)
    images: NDArray[np.float32] = field(repr=False)
    ids: tuple[str, ...] = ()
    catalogue_ids: tuple[str, ...] = ()
    in_one_unit: bool = False
    unit: str = "unknown"

    @property
    def complete(self) -> bool:
        """Whether every candidate was read."""
        return self.sampled == self.candidates


def preview_import(spec: IngestSpec) -> ImportPreview:
    """Read a sample of what `spec` would import; nothing is written.

    Up to 256 candidates are all read; of more, the first 64 and 192 at random.

    Raises
    ------
    InvalidInput
        When the settings do not fit the files, as the import itself would say.
    """
    return isolated(make_preview, spec)


def make_preview(spec: IngestSpec) -> ImportPreview:
    """Make a dry run in this process; see `preview_import`."""
    plan = make_plan(spec)
    sample = _sample(plan.candidates)
    outcomes, image_ids, images = _read_images(plan, sample)
    none = (np.nan,) * len(plan.recipe.bands)
    of_prepared = [outcome.flux_scale or none for outcome in outcomes if isinstance(outcome, Prepared)]
    scales = np.array(of_prepared, np.float32).reshape(-1, len(plan.recipe.bands))
    unit = SourceUnit("picture") if plan.are_pictures else unit_of_scales(scales)
    if unit.kind == "flux":
        images = images * scales[: len(images), None, None, :]
    joiner, note = Joiner(plan, spec), ChunkNote(0)
    rejected = list(plan.rejections)
    digests: dict[str, str] = {}
    for candidate, outcome in zip(sample, outcomes, strict=True):
        try:
            joiner.columns(0, candidate, refuse_known(candidate, outcome, digests), note)
            note.accepted += 1
        except Refused as refused:
            rejected.append(Rejection(candidate.files[0], refused.code, refused.reason))
    warnings = plan.warnings + count_warnings(Counter(note.counts), note.accepted) + _hint_of_tiles(plan)
    if len(rejected) > REJECTIONS_LISTED:
        warnings.append(f"Only the first {REJECTIONS_LISTED} of {len(rejected)} rejections are listed.")

    def counted(kind: str, *values: str) -> dict[str, int]:
        return {value.lower(): note.counts.get(f"{kind}:{value}", 0) for value in values}

    return ImportPreview(
        candidates=len(plan.candidates),
        sampled=len(sample),
        accepted=note.accepted,
        rejected=rejected[:REJECTIONS_LISTED],
        layout=plan.recipe.layout,
        bands=plan.recipe.bands,
        shape=(plan.recipe.height, plan.recipe.width),
        pixel_scale_arcsec=plan.pixel_scale_arcsec,
        labels=counted("label", "lens", "nonlens", "None"),
        positions=counted("position", "catalogue", "wcs", "None"),
        matched=note.counts.get("catalogue", 0) if plan.catalogue is not None else None,
        shared_ids={one.candidate_id: spec.shared_id(one.candidate_id) for one in sample[:IDS_SHOWN]}
        if spec.id_pattern
        else {},
        ids=tuple(one.candidate_id for one in sample[:IDS_SHOWN]),
        catalogue_ids=() if plan.catalogue is None else tuple(filter(None, plan.catalogue.ids[:IDS_SHOWN])),
        warnings=warnings,
        image_ids=image_ids,
        images=images,
        in_one_unit=unit.kind == "flux",
        unit=unit.in_words(plan.recipe.bands),
    )


def _hint_of_tiles(plan: ImportPlan) -> list[str]:
    """Say so where large images and a catalogue of more positions than images look like tiles."""
    recipe, catalogue = plan.recipe, plan.catalogue
    if catalogue is None or recipe.format != "fits" or recipe.layout == "tiles":
        return []
    positions = np.count_nonzero(np.isfinite(catalogue.ra_deg + catalogue.dec_deg))
    if min(recipe.height, recipe.width) < TILE_SIDE or positions <= len(plan.candidates):
        return []
    return [
        "The images are large, and the catalogue has more positions than there are images. To cut these out "
        "of them choose the layout of tiles and a catalogue (--layout tiles)."
    ]


def _sample(candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Return the candidates that a dry run reads: all of few, of many the first and some at random."""
    if len(candidates) <= ALL_READ:
        return candidates
    later = np.arange(FIRST_READ, len(candidates))
    drawn = np.random.default_rng(0).choice(later, ALL_READ - FIRST_READ, replace=False)
    return [candidates[index] for index in (*range(FIRST_READ), *np.sort(drawn).tolist())]


def _read_images(
    plan: ImportPlan, sample: Sequence[Candidate]
) -> tuple[list[Outcome], list[str], NDArray[np.float32]]:
    """Read candidates; return what became of each, and IDs and thinned images of the first good ones."""
    recipe = plan.recipe
    step = -(-max(recipe.height, recipe.width) // LARGEST_SIDE)
    outcomes: list[Outcome] = []
    image_ids: list[str] = []
    images: list[NDArray[np.float32]] = []
    for block, pixels in read_blocks(recipe, sample):
        for outcome, image in zip(block, pixels, strict=True):
            if isinstance(outcome, Prepared) and len(images) < IMAGES:
                image_ids.append(sample[len(outcomes)].candidate_id)
                images.append(image[::step, ::step].copy())
            outcomes.append(outcome)
    thinned = (-(-recipe.height // step), -(-recipe.width // step), len(recipe.bands))
    return outcomes, image_ids, np.array(images, np.float32).reshape(len(images), *thinned)
