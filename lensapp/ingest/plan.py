"""Decide, before anything is written, what an import will read and what its source will look like."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.candidate_ids import flaw_of_id
from lensapp.core.data.column_names import label_of_word
from lensapp.core.data.flux_units import factor_of_zero_point
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput
from lensapp.ingest.astrometry import Pointing
from lensapp.ingest.catalogues import Catalogue, load_catalogue_of, other_spelling
from lensapp.ingest.companions import Companions
from lensapp.ingest.formats.array_files import ID_KEYS, open_arrays
from lensapp.ingest.formats.file_types import TABLES, stem_of
from lensapp.ingest.formats.fits_choice import single_image
from lensapp.ingest.formats.fits_files import open_fits
from lensapp.ingest.formats.image_files import is_eight_bit
from lensapp.ingest.formats.planes import SHORTEST_SIDE
from lensapp.ingest.formats.readers import Reading, find_axes, of_arrays, of_cube, read_candidate
from lensapp.ingest.gate.guards import reading
from lensapp.ingest.layouts import Layout, find_layout
from lensapp.ingest.listing import Listing, list_files
from lensapp.ingest.pack_tables import PackTable, pack_catalogue, refuse_columns_of_none
from lensapp.ingest.planes_beside import with_companions, with_planes, words_of_left_out
from lensapp.ingest.recipe import Candidate, Recipe
from lensapp.ingest.recognition.header_positions import pointing_of, trust_positions
from lensapp.ingest.recognition.surveys import survey_of
from lensapp.ingest.refusals import Refused
from lensapp.ingest.tiles.tile_plan import TilePlan, make_tile_plan
from lensapp.storage.records import Rejection

NAMES_LISTED = 3
PAPERS = {"LICENSE", "LICENCE", "README", "COPYING", "CITATION", "NOTICE", "AUTHORS", "CHANGELOG"}
SAMPLED = 16
TRIED = 64


@dataclass(frozen=True)
class ImportPlan:
    """What an import will read: the recipe for its workers, its candidates in order, the catalogue.

    `are_pictures` tells that the files hold 8-bit pictures, whose values are no flux: PNG and JPEG, and
    arrays or FITS images of 8 bits without a unit.
    """

    recipe: Recipe
    candidates: Sequence[Candidate]
    rejections: list[Rejection]
    warnings: list[str]
    pixel_scale_arcsec: float | None
    are_pictures: bool = False
    catalogue: Catalogue | None = field(default=None, repr=False)
    companions: Companions = field(default_factory=Companions, repr=False)
    survey: str = ""  # whose images the headers say that they are
    offers: Sequence[str] = ()  # those of the warnings that offer what lies beside the images
    shared_keywords: Sequence[str] = ()  # of a position that many cutouts share, and so of none of them


def make_plan(spec: IngestSpec) -> ImportPlan:
    """Plan an import; nothing is written.

    Raises
    ------
    InvalidInput
        When the path, the bands, the catalogue or the labels cannot be used, or nothing can be read.
    """
    listing = list_files(spec)
    if spec.layout == "tiles":
        return _of_tiles(make_tile_plan(spec, listing), listing)
    layout = find_layout(listing, spec)
    rejections = list(listing.refused)
    carries_columns = layout.stacked and layout.recipe.layout != "cube" and not spec.catalogue
    if not spec.catalogue and not carries_columns:
        refuse_columns_of_none(spec)
    packs: dict[str, PackTable] | None = {} if carries_columns else None
    candidates = _candidates(listing, layout, spec, rejections, packs)
    if spec.labels_from_folders:
        for candidate in candidates:
            folder_label(candidate.files[0])
    catalogue, of_packs = _catalogue_of(spec, candidates), list[str]()
    if packs is not None:
        catalogue, of_packs = pack_catalogue(listing.root, packs, candidates, spec)
    sample, sampled_ids = _read_sample(layout.recipe, candidates, rejections)
    warnings = [*filter(None, [listing.companions.warning()]), *layout.warnings, *of_packs]
    warnings += catalogue.warnings if catalogue is not None else ()
    warnings += _of_other_bands(layout)
    read_first = next(one for one in candidates if one.candidate_id == sampled_ids[0])
    are_pictures = _is_picture(layout.recipe, listing.root / read_first.files[0], sample[0])
    recipe = replace(
        _shaped(layout.recipe, spec, sample, warnings),
        flux_scales=_stated_scales(spec, layout.recipe.bands, are_pictures=are_pictures),
    )
    pointings = [pointing for reading in sample if (pointing := pointing_of(reading)) is not None]
    scale = spec.pixel_scale_arcsec or _pixel_scale(sample, pointings)
    recipe, shared = trust_positions(recipe, spec, sample, sampled_ids, warnings)
    if spec.keep_planes and recipe.format == "fits":
        candidates = with_companions(recipe, candidates, listing.companions)
        of_sample = set(sampled_ids)
        read = [one for one in candidates if one.candidate_id in of_sample]
        recipe = with_planes(recipe, read, warnings, no_flux=layout.no_flux)
    elif layout.no_flux:
        warnings.append(words_of_left_out(layout.no_flux))
    by_wcs = bool(pointings) and recipe.use_header_positions
    if spec.join == "position" and not (by_wcs or recipe.position_keywords):
        raise InvalidInput(
            "The headers give no positions by which the catalogue could be joined. Join by ID instead."
        )
    offers, left_out = _of_those_beside(listing.left_out, spec) if Path(spec.path).is_dir() else ([], [])
    warnings += [*offers, *left_out]
    survey = survey_of(reading.header for reading in sample if reading.header is not None)
    known = (recipe, candidates, rejections, warnings, scale, are_pictures)
    return ImportPlan(*known, catalogue, listing.companions, survey, offers, shared)


def _pixel_scale(sample: Sequence[Reading], pointings: Sequence[Pointing]) -> float | None:
    """Return the median pixel scale (arcsec) of what a sample of files says, by its WCS before others."""
    scales = [pointing.pixel_scale_arcsec for pointing in pointings] or [
        reading.pixel_scale_arcsec for reading in sample if reading.pixel_scale_arcsec is not None
    ]
    return float(np.median(scales)) if scales else None


def _of_other_bands(layout: Layout) -> list[str]:
    """Say how many files are of other bands than those asked for."""
    if layout.groups is None or not layout.groups.of_other_bands:
        return []
    count = len(layout.groups.of_other_bands)
    return [f"{count} files of other bands than {', '.join(layout.recipe.bands)} are left out."]


def _of_those_beside(left_out: Sequence[str], spec: IngestSpec) -> tuple[list[str], list[str]]:
    """Return the offer of tables that lie beside the images, and what to say of other files left out.

    That a licence is left out needs no word.
    """
    others = [name for name in left_out if PurePosixPath(name).name.split(".")[0].upper() not in PAPERS]
    tables = [] if spec.catalogue else [name for name in others if name.lower().endswith(TABLES)]
    others = [name for name in others if name not in set(tables)]
    offers, said = [], []
    if tables:
        lie, one = ("lies", "it") if len(tables) == 1 else ("lie", "one of them")
        offers.append(
            f"{_listed(tables)} {lie} beside the images, not used yet: {one} can be the --catalogue."
        )
    if others:
        count = len(others)
        what = "1 other file is no image" if count == 1 else f"{count} other files are no images"
        said.append(f"{what} of this kind and left out: {_listed(others)}.")
    return offers, said


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMES_LISTED]) + (", …" if len(names) > NAMES_LISTED else "")


def _of_tiles(plan: TilePlan, listing: Listing) -> ImportPlan:
    return ImportPlan(
        plan.recipe,
        plan.candidates,
        plan.rejections,
        plan.warnings,
        plan.pixel_scale_arcsec,
        catalogue=plan.catalogue,
        companions=listing.companions,
    )


def _is_picture(recipe: Recipe, file: Path, read: Reading) -> bool:
    """Return whether a file holds a picture for the eye: values of 8 bits of which no unit is stated."""
    if recipe.format == "images":
        return is_eight_bit(file)
    if read.flux_scale is not None:
        return False
    if recipe.format != "fits":
        arrays = open_arrays(file)
        return arrays.is_eight_bit(arrays.pixel_key(recipe.key))
    header = read.header
    if header is None or header.get("BUNIT"):
        return False
    return header.get("BITPIX") == 8 and header.get("BSCALE") in (None, 1) and not header.get("BZERO")


def _stated_scales(spec: IngestSpec, bands: tuple[str, ...], *, are_pictures: bool) -> tuple[float, ...]:
    """Return the factor per band of the zero points that the user states, NaN where not; empty for none."""
    if not spec.zero_point:
        return ()
    if are_pictures:
        raise InvalidInput(
            "A zero point was given, but values of 8-bit pictures are brightness on a screen, not flux. "
            "Leave the zero point out, or import the FITS files."
        )
    return tuple(map(factor_of_zero_point, spec.zero_points(bands)))


def _catalogue_of(spec: IngestSpec, candidates: Sequence[Candidate]) -> Catalogue | None:
    """Read the catalogue; of a large one that is joined by ID the rows of the candidates."""
    if not spec.catalogue:
        return None

    @cache  # only a large catalogue asks for them
    def wanted_names() -> tuple[set[str], set[str]]:
        names = {spec.shared_id(one.candidate_id) for one in candidates}
        names |= {name.rsplit("/", 1)[-1] for name in names}
        files = {PurePosixPath(file).name for one in candidates for file in one.files}
        return names | {other_spelling(name) for name in names}, files

    def of_candidates(part: Catalogue) -> NDArray[np.bool_]:
        wanted, files = wanted_names()
        ids = [None if name is None else spec.shared_id(name) for name in part.ids]
        named = [name is not None and not wanted.isdisjoint((name, other_spelling(name))) for name in ids]
        filed = [file is not None and PurePosixPath(file).name in files for file in part.files]
        kept: NDArray[np.bool_] = np.any([named, filed], axis=0)
        return kept

    by_id = spec.join == "id"
    catalogue = load_catalogue_of(
        spec, spec.catalogue, needs_ids=by_id, keep=of_candidates if by_id else None
    )
    if spec.id_pattern:
        shared = [None if name is None else spec.shared_id(name) for name in catalogue.ids]
        catalogue = replace(catalogue, ids=shared)
    return catalogue


def folder_label(file: str) -> str:
    """Return the label that the folders of a relative path name, the innermost first.

    Raises
    ------
    InvalidInput
        When no folder is called lens, nonlens or alike.
    """
    for folder in reversed(PurePosixPath(file).parts[:-1]):
        if label := label_of_word(folder):
            return label
    raise InvalidInput(
        f"Labels come from folders named lens and nonlens, but {file} lies in neither. Rename the folders, "
        "or take labels from a catalogue."
    )


def _candidates(
    listing: Listing,
    layout: Layout,
    spec: IngestSpec,
    rejections: list[Rejection],
    packs: dict[str, PackTable] | None,
) -> list[Candidate]:
    """Return candidates with an ID of their own; the others are added to the rejections.

    What files of many cutouts say of them is added to `packs`, unless that is None.
    """
    if layout.groups is not None:
        for name in layout.groups.bandless:
            reason = f"no band of {', '.join(layout.groups.bands)} in its name"
            rejections.append(Rejection(name, "missing_band", reason))
        for name, other in layout.groups.doubles:
            rejections.append(Rejection(name, "id_collision", f"the same candidate and band as {other}"))
        candidates = []
        for (folder, name), files in layout.groups.files.items():
            missing = [band for band in layout.groups.bands if band not in files]
            if missing:
                reason = f"band {', '.join(missing)} is absent; there is {', '.join(files)}"
                rejections.append(Rejection(next(iter(files.values())), "missing_band", reason))
                continue
            candidate_id = f"{folder}/{name}" if spec.ids == "path" and folder else name
            candidates.append(Candidate(candidate_id, tuple(files[band] for band in layout.groups.bands)))
    else:
        candidates = _from_files(listing, layout, spec, rejections, packs)
    first_file: dict[str, str] = {}
    distinct = []
    for candidate in candidates:
        file, name = candidate.files[0], candidate.candidate_id
        if flaw := flaw_of_id(name):
            where = "" if candidate.row is None else f" in row {candidate.row}"
            rejections.append(Rejection(file, "bad_id", f"{flaw}{where}"))
            continue
        other = first_file.setdefault(name, file)
        if other == file:
            distinct.append(candidate)
        else:
            reason = f"the ID {name} belongs to {other} too; make IDs from paths, or import apart"
            rejections.append(Rejection(file, "id_collision", reason))
    return distinct


def _from_files(
    listing: Listing,
    layout: Layout,
    spec: IngestSpec,
    rejections: list[Rejection],
    packs: dict[str, PackTable] | None,
) -> list[Candidate]:
    candidates: list[Candidate] = []
    id_column = None if spec.catalogue else spec.id_column
    for name in listing.names:
        stem = stem_of(name)
        candidate_id = str(PurePosixPath(name).with_name(stem)) if spec.ids == "path" else stem
        if not layout.stacked:
            candidates.append(Candidate(candidate_id, (name,)))
            continue
        try:
            with reading("it cannot be decoded"):
                found = _rows_of(listing.root / name, candidate_id, name, layout.recipe, id_column)
                if packs is not None:
                    packs[name] = PackTable.read(listing.root / name, layout.recipe.key, len(found))
            candidates += found
        except Refused as refused:
            rejections.append(Rejection(name, refused.code, refused.reason))
    return candidates


def _rows_of(
    path: Path, candidate_id: str, name: str, recipe: Recipe, id_column: str | None
) -> list[Candidate]:
    """Return the candidates in one file: a cube is one, a stack of cutouts is many.

    `id_column` names the array of their IDs, where it is not to be recognised.
    """
    if recipe.layout == "cube":
        fits = open_fits(path)
        index = single_image(fits, recipe.hdus)
        recipe, shape = of_cube(recipe, fits, index), fits.shape(index) or ()
    else:
        arrays = open_arrays(path)
        key = arrays.pixel_key(recipe.key)
        recipe, shape = of_arrays(recipe, arrays, key), arrays.shape(key)
    axes = find_axes(recipe, shape, name)
    if not axes.stacked:
        return [Candidate(candidate_id, (name,))]
    keys = (id_column.lower(),) if id_column else ID_KEYS
    ids = open_arrays(path).names(keys, axes.count) if recipe.layout != "cube" else ()
    if id_column and not ids and recipe.layout != "cube":
        raise Refused("bad_id", f"it holds no array {id_column} of one ID per cutout")
    width = len(str(axes.count - 1))
    ids = ids or tuple(f"{candidate_id}-{row:0{width}d}" for row in range(axes.count))
    return [Candidate(row_id, (name,), row) for row, row_id in enumerate(ids)]


def _read_sample(
    recipe: Recipe, candidates: Sequence[Candidate], rejections: Sequence[Rejection]
) -> tuple[list[Reading], list[str]]:
    """Read some candidates spread over all, with their IDs; at least one must be readable."""
    if not candidates:
        first = f"{rejections[0].file}: {rejections[0].reason}" if rejections else "no files"
        raise InvalidInput(f"No candidate can be used: {len(rejections)} were refused ({first}).")
    readings: list[Reading] = []
    ids: list[str] = []
    reason = ""
    for index in np.unique(np.linspace(0, len(candidates) - 1, TRIED).astype(int)).tolist():
        try:
            with reading("its files cannot be decoded"):
                readings.append(read_candidate(recipe, candidates[index]))
            ids.append(candidates[index].candidate_id)
        except Refused as refused:
            reason = reason or f"{candidates[index].files[0]}: {refused.reason}"
        if len(readings) == SAMPLED:
            break
    if not readings:
        raise InvalidInput(f"No candidate can be read ({reason}). Choose another layout.")
    return readings, ids


def _shaped(recipe: Recipe, spec: IngestSpec, sample: Sequence[Reading], warnings: list[str]) -> Recipe:
    """Add the shape: the size asked for, or the most common one."""
    if spec.size is not None:
        return replace(recipe, height=spec.size, width=spec.size, crop=True)
    shapes = Counter(reading.planes[0].shape for reading in sample)
    (height, width), _ = shapes.most_common(1)[0]
    if len(shapes) > 1:
        sizes = ", ".join(f"{w} × {h}" for h, w in sorted(shapes))
        warnings.append(
            f"Sizes differ ({sizes} pixels); others than {width} × {height} are rejected. "
            "Set a size to crop and pad all to one."
        )
    if min(height, width) < SHORTEST_SIDE:
        raise InvalidInput(
            f"The cutouts have {width} × {height} pixels, fewer than {SHORTEST_SIDE} on a side. "
            "Choose larger cutouts."
        )
    return replace(recipe, height=height, width=width)
