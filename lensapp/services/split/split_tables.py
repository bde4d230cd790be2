"""Read what decides a split from the database: labelled cutouts of sources that fit together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lensapp.core.brightness import where_known
from lensapp.core.errors import BandMismatch, InvalidInput, SizeMismatch
from lensapp.core.split.splits import CutoutTable, Grouping, SplitSpec, group_cutouts
from lensapp.services.data.magnitudes import magnitude_name
from lensapp.services.split.middle_of_larger import with_prints_of_middle
from lensapp.services.split.shared_sky import SkyTree
from lensapp.storage import sources
from lensapp.storage.queries import Columns
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace

TABLE_COLUMNS = (
    "id",
    "source_id",
    "candidate_id",
    "parent",
    "label",
    "ra_deg",
    "dec_deg",
    "perceptual_hash",
    "pixels_digest",
)
PIXEL_SCALE_TOLERANCE = 0.01


@dataclass(frozen=True, eq=False)
class LabelledTable:
    """Labelled cutouts with their database keys and magnitudes (NaN where unknown); `kinds` counts labels.

    Fingerprints in `table` are of what networks see, the middle of larger cutouts; `stored_digest` is of the
    whole ones, as the checksum of a version has it.
    """

    cutout_id: NDArray[np.int64]
    table: CutoutTable
    stored_digest: NDArray[Any]
    magnitude: NDArray[np.float64]
    magnitude_name: str | None
    kinds: Counter[str]

    def relabelled(self, rows: NDArray[np.bool_], label: str) -> Self:
        """Return the table with a label for some rows that no part takes."""
        labels, kinds = self.table.label.copy(), self.kinds.copy()
        kinds.subtract(Counter(labels[rows].tolist()))
        kinds[label] += int(np.count_nonzero(rows))
        labels[rows] = label
        return replace(self, table=replace(self.table, label=labels), kinds=kinds)


def fitting_sources(
    ws: Workspace, source_names: Sequence[str], *, crop: bool | None = None, bands: Sequence[str] = ()
) -> list[Source]:
    """Return sources that are complete and fit together, in the order of their names.

    With `crop` (see `refuse_mismatch`) those of the smallest cutouts come first. Where `bands` are chosen,
    sources may differ in others.

    Raises
    ------
    NotFound
        When a source does not exist.
    InvalidInput
        When none is given or one is still being imported.
    BandMismatch
        When bands, their order, the size or the pixel scale differ, or a source lacks one of `bands`.
    """
    names = sorted(set(source_names))
    if not names:
        raise InvalidInput("Name at least one source to split.")
    complete = [sources.get_source(ws.database, name) for name in names]
    unfinished = [source.name for source in complete if source.state != sources.READY]
    if unfinished:
        raise InvalidInput(
            f"{', '.join(unfinished)} is still being imported. Wait for the import or resume it."
        )
    if crop is not None:
        complete.sort(key=lambda source: source.height * source.width)
    for source in complete:
        absent = [band for band in bands if band not in source.bands]
        if absent:
            raise BandMismatch(
                f"{source.name} has no band {' or '.join(absent)}; it has {', '.join(source.bands)}. Choose "
                "among the bands that all sources have."
            )
        if source is not complete[0]:
            refuse_mismatch(complete[0], source, crop=crop, of_bands=bool(bands))
    return complete


def refuse_mismatch(
    first: Source, other: Source, *, crop: bool | None = None, of_bands: bool = False
) -> None:
    """Raise BandMismatch, saying what differs, unless cutouts of both fit one network.

    Parameters
    ----------
    crop
        Whether the middle is taken where those of `other` are larger; where it is not, a SizeMismatch says
        that it can be. None: it cannot.
    of_bands
        Whether some bands were chosen that both have, so that the others may differ.
    """
    scales = first.pixel_scale_arcsec, other.pixel_scale_arcsec
    size, their_size = (f"{one.height}×{one.width} pixels" for one in (first, other))
    differences = {} if of_bands else {"bands": (", ".join(first.bands), ", ".join(other.bands))}
    if crop is None or other.height < first.height or other.width < first.width:
        differences["size"] = (size, their_size)
    if None not in scales and abs((scales[1] or 0.0) / (scales[0] or 1.0) - 1.0) > PIXEL_SCALE_TOLERANCE:
        differences["pixel scale"] = (f"{scales[0]:.4g} arcsec", f"{scales[1]:.4g} arcsec")
    for what, (mine, theirs) in differences.items():
        if mine != theirs:
            small, large = sorted((first, other), key=lambda one: one.height * one.width)
            remedy = (
                f"Import {large.name} again with --size {small.height}"
                if what == "size" and small.height == small.width
                else "Import one of them again to match"
            )
            raise BandMismatch(
                f"The sources differ in {what}: {mine} in {first.name} and {theirs} in {other.name}. "
                f"{remedy}, or split them apart."
            )
    if crop is False and size != their_size:
        raise SizeMismatch(
            f"The cutouts of {other.name} have {their_size}, those of {first.name} {size}. Their middle can "
            f"be taken (--crop true); else import {other.name} again with --size {first.height}."
        )


def labelled_table(ws: Workspace, used: Sequence[Source]) -> LabelledTable:
    """Return the labelled cutouts of ready sources; they never change, so the last few are kept."""
    return _labelled_table(ws, tuple((source.id, source.name, source.created_at) for source in used))


def grouping_of(ws: Workspace, used: Sequence[Source], spec: SplitSpec) -> Grouping:
    """Return the groups of `labelled_table` by the grouping rules of `spec`."""
    rules = SplitSpec(
        group_radius_arcsec=spec.group_radius_arcsec,
        near_duplicate_bits=spec.near_duplicate_bits,
        same_id_is_same_object=spec.same_id_is_same_object,
    )
    return _grouping(ws, tuple((source.id, source.name, source.created_at) for source in used), rules)


def sky_of(ws: Workspace, used: Sequence[Source]) -> SkyTree:
    """Return where the cutouts of `labelled_table` lie on the sky, as a tree that finds neighbours."""
    return _sky(ws, tuple((source.id, source.name, source.created_at) for source in used))


@lru_cache(maxsize=2)
def _sky(ws: Workspace, used: tuple[tuple[int, str, float], ...]) -> SkyTree:
    return SkyTree.of(_labelled_table(ws, used).table)


@lru_cache(maxsize=2)
def _labelled_table(ws: Workspace, used: tuple[tuple[int, str, float], ...]) -> LabelledTable:
    names = {key: name for key, name, _ in used}
    columns = sources.cutout_columns(ws.database, list(names), columns=TABLE_COLUMNS, labelled_only=True)
    named = magnitude_name(ws, list(names), labelled_only=True)
    magnitude = np.full(len(columns["id"]), np.nan)
    if named is not None:
        magnitude = where_known(sources.property_column(ws.database, list(names), named, labelled_only=True))
    kinds = Counter(columns["label"].tolist())
    of_version = [sources.source_by_id(ws.database, key) for key, _, _ in used]
    table = as_table(with_prints_of_middle(ws, columns, of_version), names)
    return LabelledTable(columns["id"], table, columns["pixels_digest"], magnitude, named, kinds)


@lru_cache(maxsize=8)
def _grouping(ws: Workspace, used: tuple[tuple[int, str, float], ...], rules: SplitSpec) -> Grouping:
    return group_cutouts(_labelled_table(ws, used).table, rules)


def as_table(columns: Columns, source_names: dict[int, str]) -> CutoutTable:
    """Return columns of the database (TABLE_COLUMNS) as a table to group and split."""
    source = np.empty(len(columns["id"]), object)
    source[:] = [source_names[int(key)] for key in columns["source_id"]]
    rest = {name: columns[name] for name in TABLE_COLUMNS if name not in ("id", "source_id")}
    return CutoutTable(source=source, **rest)
