"""Decide, before anything is written, what an import will read and what its source will look like."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import numpy as np

from lensapp.core.data.column_names import LENS_WORDS, NONLENS_WORDS
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput
from lensapp.ingest.astrometry import Pointing, point
from lensapp.ingest.catalogues import Catalogue, load_catalogue
from lensapp.ingest.formats.array_files import ID_KEYS, open_arrays
from lensapp.ingest.formats.file_types import stem_of
from lensapp.ingest.formats.fits_choice import only_image, pick
from lensapp.ingest.formats.fits_files import open_fits
from lensapp.ingest.formats.planes import SHORTEST_SIDE, divide_axes
from lensapp.ingest.formats.readers import Reading, read_candidate
from lensapp.ingest.grouping import Groups
from lensapp.ingest.layouts import Layout, find_layout
from lensapp.ingest.listing import Listing, list_files
from lensapp.ingest.recipe import Candidate, Recipe
from lensapp.ingest.refusals import Refused
from lensapp.storage.records import Rejection

SHOWN_NAMES = 3
SAMPLED = 16
TRIED = 64
SAME_PLACE_DEG = 1e-7
DISTINCT_SHARE = 0.75


@dataclass(frozen=True)
class ImportPlan:
    """What an import will read: the recipe for its workers, its candidates in order, the catalogue."""

    recipe: Recipe
    candidates: list[Candidate]
    rejections: list[Rejection]
    warnings: list[str]
    pixel_scale_arcsec: float | None
    catalogue: Catalogue | None = field(default=None, repr=False)


def make_plan(spec: IngestSpec) -> ImportPlan:
    """Plan an import; nothing is written.

    Raises
    ------
    InvalidInput
        When the path, the bands, the catalogue or the labels cannot be used, or nothing can be read.
    """
    listing = list_files(spec)
    layout = find_layout(listing, spec)
    rejections: list[Rejection] = []
    candidates = _candidates(listing, layout, spec, rejections)
    if spec.labels_from_folders:
        for candidate in candidates:
            folder_label(candidate.files[0])
    catalogue = _catalogue(spec)
    sample = _read_sample(layout.recipe, candidates, rejections)
    warnings = list(layout.warnings)
    if layout.groups is not None and layout.groups.of_other_bands:
        count = len(layout.groups.of_other_bands)
        warnings.append(f"{count} files of other bands than {', '.join(layout.recipe.bands)} are left out.")
    recipe = _shaped(layout.recipe, spec, sample, warnings)
    scale = spec.pixel_scale_arcsec
    pointings = _pointings(sample)
    if pointings and scale is None:
        scale = float(np.median([found.pixel_scale_arcsec for found in pointings]))
    recipe = _trust_positions(recipe, pointings, warnings)
    if spec.join == "position" and (not pointings or not recipe.use_header_positions):
        raise InvalidInput(
            "Expected positions in the headers to join the catalogue by position, received none that can be "
            "used. Join by ID."
        )
    if listing.left_out and Path(spec.path).is_dir():
        warnings.append(_left_out(listing.left_out))
    return ImportPlan(recipe, candidates, rejections, warnings, scale, catalogue)


def _left_out(names: list[str]) -> str:
    shown = ", ".join(names[:SHOWN_NAMES]) + (", …" if len(names) > SHOWN_NAMES else "")
    what = "1 other file is no image" if len(names) == 1 else f"{len(names)} other files are no images"
    return f"{what} of this kind and left out: {shown}."


def folder_label(file: str) -> str:
    """Return the label that the folders of a relative path name, the innermost first.

    Raises
    ------
    InvalidInput
        When no folder is called lens, nonlens or alike.
    """
    for folder in reversed(PurePosixPath(file).parts[:-1]):
        word = "".join(letter for letter in folder.lower() if letter.isalnum())
        if word in LENS_WORDS:
            return "lens"
        if word in NONLENS_WORDS:
            return "nonlens"
    raise InvalidInput(
        f"Expected folders named lens and nonlens above each file, received {file}. Rename the folders, or "
        "take labels from a catalogue."
    )


def _catalogue(spec: IngestSpec) -> Catalogue | None:
    if not spec.catalogue:
        return None
    return load_catalogue(
        Path(spec.catalogue).expanduser(),
        id_column=spec.id_column,
        label_column=spec.label_column,
        label_threshold=spec.label_threshold,
    )


def _candidates(
    listing: Listing, layout: Layout, spec: IngestSpec, rejections: list[Rejection]
) -> list[Candidate]:
    if layout.groups is not None:
        found = _from_groups(layout.groups, spec, rejections)
    else:
        found = _from_files(listing, layout, spec, rejections)
    first: dict[str, str] = {}
    kept = []
    for candidate in found:
        file = candidate.files[0]
        other = first.setdefault(candidate.candidate_id, file)
        if other == file:
            kept.append(candidate)
            continue
        reason = (
            f"the ID {candidate.candidate_id} belongs to {other} too; make IDs from paths, or import apart"
        )
        rejections.append(Rejection(file, "id_collision", reason))
    return kept


def _from_groups(groups: Groups, spec: IngestSpec, rejections: list[Rejection]) -> list[Candidate]:
    wanted = ", ".join(groups.bands)
    for name in groups.bandless:
        rejections.append(Rejection(name, "missing_band", f"no band of {wanted} in its name"))
    for name, other in groups.doubles:
        rejections.append(Rejection(name, "id_collision", f"the same candidate and band as {other}"))
    found = []
    for (folder, name), files in groups.files.items():
        missing = [band for band in groups.bands if band not in files]
        if missing:
            reason = f"band {', '.join(missing)} is absent; there is {', '.join(files)}"
            rejections.append(Rejection(next(iter(files.values())), "missing_band", reason))
            continue
        own = f"{folder}/{name}" if spec.ids == "path" and folder else name
        found.append(Candidate(own, tuple(files[band] for band in groups.bands)))
    return found


def _from_files(
    listing: Listing, layout: Layout, spec: IngestSpec, rejections: list[Rejection]
) -> list[Candidate]:
    found: list[Candidate] = []
    for name in listing.names:
        stem = stem_of(name)
        own = str(PurePosixPath(name).with_name(stem)) if spec.ids == "path" else stem
        if not layout.stacked:
            found.append(Candidate(own, (name,)))
            continue
        try:
            found += _rows_of(listing.root / name, own, name, layout.recipe)
        except Refused as refused:
            rejections.append(Rejection(name, refused.code, refused.reason))
    return found


def _rows_of(path: Path, own: str, name: str, recipe: Recipe) -> list[Candidate]:
    """Return the candidates in one file: a cube is one, a stack of cutouts is many."""
    ids: tuple[str, ...] = ()
    if recipe.layout == "cube":
        fits = open_fits(path)
        shape = fits.shape(pick(fits, recipe.hdus[0]) if recipe.hdus else only_image(fits)) or ()
    else:
        arrays = open_arrays(path)
        shape = arrays.shape(arrays.pixel_key(recipe.key))
    bands = recipe.planes_in_file or len(recipe.bands)
    try:
        axes = divide_axes(shape, bands=bands, band_axis=recipe.band_axis, origin=name)
    except InvalidInput as error:
        raise Refused("wrong_shape", str(error)) from error
    if not axes.stacked:
        return [Candidate(own, (name,))]
    if recipe.layout != "cube":
        ids = open_arrays(path).names(ID_KEYS, axes.count)
    width = len(str(axes.count - 1))
    return [Candidate(ids[i] if ids else f"{own}-{i:0{width}d}", (name,), i) for i in range(axes.count)]


def _read_sample(
    recipe: Recipe, candidates: Sequence[Candidate], rejections: Sequence[Rejection]
) -> list[Reading]:
    """Read some candidates spread over all; at least one must be readable."""
    if not candidates:
        first = f"{rejections[0].file}: {rejections[0].reason}" if rejections else "no files"
        raise InvalidInput(
            f"Expected at least one candidate, received {len(rejections)} refused ones ({first})."
        )
    readings: list[Reading] = []
    reason = ""
    for place in np.unique(np.linspace(0, len(candidates) - 1, TRIED).astype(int)).tolist():
        try:
            readings.append(read_candidate(recipe, candidates[place]))
        except Refused as refused:
            reason = reason or f"{candidates[place].files[0]}: {refused.reason}"
        if len(readings) == SAMPLED:
            break
    if not readings:
        raise InvalidInput(
            f"Expected candidates that can be read, received none ({reason}). Mend the layout."
        )
    return readings


def _shaped(recipe: Recipe, spec: IngestSpec, sample: Sequence[Reading], warnings: list[str]) -> Recipe:
    """Add the shape: the size asked for, or the most common one."""
    if spec.size is not None:
        return replace(recipe, height=spec.size, width=spec.size, crop=True)
    shapes = Counter(reading.planes[0].shape for reading in sample)
    (height, width), _ = shapes.most_common(1)[0]
    if len(shapes) > 1:
        shown = ", ".join(f"{w} × {h}" for h, w in sorted(shapes))
        warnings.append(
            f"Sizes differ ({shown} pixels); others than {width} × {height} will be rejected. "
            "Set a size to crop and pad all to one."
        )
    if min(height, width) < SHORTEST_SIDE:
        raise InvalidInput(
            f"Expected cutouts of {SHORTEST_SIDE} pixels or more, received {width} × {height}."
        )
    return replace(recipe, height=height, width=width)


def _pointings(sample: Sequence[Reading]) -> list[Pointing]:
    found = []
    for reading in sample:
        if reading.header is not None:
            height, width = reading.planes[0].shape
            found.append(point(reading.header, width=width, height=height))
    return [pointing for pointing in found if pointing is not None]


def _trust_positions(recipe: Recipe, pointings: Sequence[Pointing], warnings: list[str]) -> Recipe:
    """Ignore header positions when different cutouts claim the same: that of the tile they were cut from.

    A few equal ones are let pass, as a lens may be there with and without its injected arcs.
    """
    places = {(round(p.ra_deg / SAME_PLACE_DEG), round(p.dec_deg / SAME_PLACE_DEG)) for p in pointings}
    if len(pointings) < 2 or len(places) > DISTINCT_SHARE * len(pointings):
        return recipe
    warnings.append(
        "Headers give many cutouts the same position, that of the tile they were cut from: positions come "
        "from the catalogue only."
    )
    return replace(recipe, use_header_positions=False)
