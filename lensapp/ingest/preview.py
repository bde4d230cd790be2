"""A dry run: what an import would accept and reject, and some of its images, before anything is written."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.flux_units import SourceUnit, unit_of_scales
from lensapp.core.data.imaging import Levels, level_rows, levels_of_sample
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.plurals import imported_of
from lensapp.ingest.catalogue_match import Joiner, refuse_known
from lensapp.ingest.cutout import read_blocks
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
        In the common unit of flux where that is known, as the source will be shown.
    levels
        Sky, noise and brightness of what was read; None where there are no images.
    source_unit
        What is known of the unit of flux; `unit` is the same in words.
    survey
        Whose images the headers say that they are, such as "PS1 stacks"; empty where they do not.
    offers
        Those of the warnings that offer what lies beside the images.
    position_keywords, shared_keywords
        The keywords of the headers that positions are read from where there is no WCS; and those that are
        left out, as many cutouts share what they say.
    rejected_count
        How many would be rejected, also where not all are listed.
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
    source_unit: SourceUnit
    ids: tuple[str, ...] = ()
    catalogue_ids: tuple[str, ...] = ()
    levels: Levels | None = field(default=None, repr=False)
    survey: str = ""
    rejected_count: int = 0
    offers: tuple[str, ...] = ()
    position_keywords: tuple[str, ...] = ()
    shared_keywords: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every candidate was read."""
        return self.sampled == self.candidates

    @property
    def unit(self) -> str:
        """The unit of flux in words."""
        return self.source_unit.in_words(self.bands)

    @property
    def total(self) -> int:
        """All that were found, with those rejected by name."""
        return self.accepted + self.rejected_count + self.candidates - self.sampled

    def in_words(self, write: Callable[[int], str] = str) -> str:
        """Return how many are imported of how many, such as "7 (5 of 12 rejected)"; see `imported_of`."""
        unread = self.candidates - self.sampled
        return imported_of(self.accepted, self.rejected_count, unread=unread, write=write)


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
    read = _read(plan, spec, sample)
    note = read.note
    scales = np.array(read.scales, np.float32).reshape(-1, len(plan.recipe.bands))
    rejected = [*plan.rejections, *read.rejected]
    warnings = plan.warnings + count_warnings(Counter(note.counts), note.accepted) + _hint_of_tiles(plan)
    if len(rejected) > REJECTIONS_LISTED:
        warnings.append(f"Only the first {REJECTIONS_LISTED} of {len(rejected)} rejections are listed.")
    in_flux = bool(len(scales) and np.isfinite(scales).all())
    factors = scales if in_flux else np.ones_like(scales)
    of_levels = _as_shown(read.of_levels, factors)

    def counted(kind: str, *values: str) -> dict[str, int]:
        return {value.lower(): note.counts.get(f"{kind}:{value}", 0) for value in values}

    return ImportPreview(
        candidates=len(plan.candidates),
        sampled=len(sample),
        accepted=note.accepted,
        rejected=rejected[:REJECTIONS_LISTED],
        rejected_count=len(rejected),
        layout=plan.recipe.layout,
        bands=plan.recipe.bands,
        shape=(plan.recipe.height, plan.recipe.width),
        pixel_scale_arcsec=plan.pixel_scale_arcsec,
        labels=counted("label", "lens", "nonlens", "None"),
        positions=counted("position", "catalogue", "wcs", "keyword", "None"),
        position_keywords=plan.recipe.position_keywords,
        shared_keywords=tuple(plan.shared_keywords),
        matched=note.counts.get("catalogue", 0) if plan.catalogue is not None else None,
        shared_ids={one.candidate_id: spec.shared_id(one.candidate_id) for one in sample[:IDS_SHOWN]}
        if spec.id_pattern
        else {},
        ids=tuple(one.candidate_id for one in sample[:IDS_SHOWN]),
        catalogue_ids=() if plan.catalogue is None else tuple(filter(None, plan.catalogue.ids[:IDS_SHOWN])),
        warnings=warnings,
        image_ids=read.image_ids,
        images=_as_shown(read.images, factors),
        levels=levels_of_sample(of_levels, in_flux=in_flux, of_pictures=plan.are_pictures)
        if len(of_levels)
        else None,
        source_unit=SourceUnit("picture") if plan.are_pictures else unit_of_scales(scales),
        survey=plan.survey,
        offers=tuple(plan.offers),
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


@dataclass
class _Read:
    """What a dry run has read: what became of the sample, and accepted images as stored, by their place."""

    note: ChunkNote = field(default_factory=lambda: ChunkNote(0))
    rejected: list[Rejection] = field(default_factory=list)
    scales: list[tuple[float, ...]] = field(default_factory=list)
    image_ids: list[str] = field(default_factory=list)
    images: dict[int, NDArray[np.float32]] = field(default_factory=dict)  # the first accepted, thinned
    of_levels: dict[int, NDArray[np.float32]] = field(default_factory=dict)  # that tell the levels of all


def _read(plan: ImportPlan, spec: IngestSpec, sample: Sequence[Candidate]) -> _Read:
    """Read the sample and join it with the catalogue, as the import would."""
    recipe, read, joiner = plan.recipe, _Read(), Joiner(plan, spec)
    step = -(-max(recipe.height, recipe.width) // LARGEST_SIDE)
    telling = set(level_rows((len(sample), recipe.height, recipe.width, len(recipe.bands))).tolist())
    digests: dict[str, str] = {}
    unknown = (np.nan,) * len(recipe.bands)
    row = 0
    for outcomes, pixels in read_blocks(recipe, sample):
        for outcome, image in zip(outcomes, pixels, strict=True):
            candidate, telling_row = sample[row], row in telling
            row += 1
            try:
                prepared = refuse_known(candidate, outcome, digests)
                joiner.columns(0, candidate, prepared, read.note)
            except Refused as refused:
                read.rejected.append(Rejection(candidate.files[0], refused.code, refused.reason))
                continue
            read.note.accepted += 1
            read.scales.append(prepared.flux_scale or unknown)
            accepted = len(read.scales) - 1
            if len(read.images) < IMAGES:
                read.image_ids.append(candidate.candidate_id)
                read.images[accepted] = image[::step, ::step].copy()
            if telling_row:
                read.of_levels[accepted] = image.copy()
    return read


def _as_shown(images: Mapping[int, NDArray[Any]], factors: NDArray[np.float32]) -> NDArray[np.float32]:
    shown = np.array(list(images.values()), np.float32)
    return shown * factors[list(images), None, None] if len(shown) else shown
