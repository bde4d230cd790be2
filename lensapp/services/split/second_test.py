"""A second test part: known or real lenses that no training of the workspace may see.

Once a version holds one, no later version of the workspace takes its cutouts, or others that show the same
objects, into a part that networks learn from.
"""

from collections.abc import Collection, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.split.duplicates import looks_like_any
from lensapp.core.split.folds import DEVELOPMENT
from lensapp.core.split.splits import LABELS, SECOND_TEST, SplitSpec, group_cutouts, groupings_by_reason
from lensapp.services.split.middle_of_larger import with_prints_of_middle
from lensapp.services.split.split_tables import (
    TABLE_COLUMNS,
    LabelledTable,
    as_table,
    fitting_sources,
    refuse_mismatch,
)
from lensapp.services.split.versions import split_spec_of
from lensapp.storage import datasets, sources
from lensapp.storage.queries import Columns
from lensapp.storage.records import Dataset, Source
from lensapp.storage.workspace import Workspace

OF_SECOND_TEST = "object of a second test part"


def has_second_test(dataset: Dataset) -> bool:
    """Return whether a version has a second test part."""
    return bool(sum(dataset.counts.get(SECOND_TEST, {}).values()))


def second_sources(
    ws: Workspace,
    source_names: Sequence[str],
    second: Sequence[str],
    *,
    crop: bool = False,
    bands: Sequence[str] = (),
) -> list[Source]:
    """Return the sources of a second test part, which fit those of the other parts; none for no names.

    Raises
    ------
    NotFound, InvalidInput, BandMismatch
        As `fitting_sources`; also when a source is named for both.
    """
    both = sorted(set(source_names) & set(second))
    if both:
        raise InvalidInput(
            f"{', '.join(both)} cannot be training and second test part at once. Name other sources for one."
        )
    if not second:
        return []
    first = fitting_sources(ws, source_names, crop=crop, bands=bands)[0]
    apart = fitting_sources(ws, second, crop=crop, bands=bands)
    for source in apart:
        refuse_mismatch(first, source, crop=crop, of_bands=bool(bands))
    return apart


def second_members(ws: Workspace, second: Sequence[Source]) -> Columns:
    """Return the cutouts of the sources of a second test part, as TABLE_COLUMNS.

    Those labelled lens or non-lens, and all as lenses of a source that has no labels at all: a set of known
    lenses has no need of any.

    Raises
    ------
    InvalidInput
        When no cutout is a lens.
    """
    parts = []
    for source in second:
        columns = sources.cutout_columns(ws.database, [source.id], columns=TABLE_COLUMNS)
        if all(label is None for label in columns["label"].tolist()):
            columns["label"] = np.full(len(columns["id"]), LABELS[0], object)
        chosen = np.isin(columns["label"].astype(str), LABELS)
        parts.append({name: column[chosen] for name, column in columns.items()})
    together = {name: np.concatenate([part[name] for part in parts]) for name in TABLE_COLUMNS}
    if not (together["label"] == LABELS[0]).any():
        raise InvalidInput(
            f"No cutout of {', '.join(source.name for source in second)} is labelled lens, and a second test "
            "part tells how many lenses are found. Name a source of lenses."
        )
    return together


def second_columns(
    columns: Columns, second: Sequence[Source], rules: SplitSpec, *, first_group: int
) -> Columns:
    """Return what a version stores of the cutouts of its second test part.

    Groups keep cutouts of one object together; they are numbered from `first_group` on.
    """
    table = as_table(columns, {source.id: source.name for source in second})
    return {
        "cutout_id": columns["id"].astype(np.int64),
        "source": table.source,
        "candidate_id": table.candidate_id,
        "part": np.full(len(table), SECOND_TEST, object),
        "fold": np.full(len(table), None, object),
        "label": table.label,
        "group": group_cutouts(table, rules).group + first_group,
    }


def reserved_cutouts(ws: Workspace) -> Columns:
    """Return the cutouts of every second test part of the workspace, as TABLE_COLUMNS; mostly none."""
    holding = [version for version in datasets.list_datasets(ws.database) if has_second_test(version)]
    extra = tuple(name for name in TABLE_COLUMNS if name not in ("id", "source_id", "candidate_id", "label"))
    parts = [
        datasets.member_columns(ws.database, version.id, part=SECOND_TEST, extra=extra) for version in holding
    ]
    if not parts:
        return {name: np.empty(0, object) for name in TABLE_COLUMNS}
    joined = {
        name: np.concatenate([part["cutout_id" if name == "id" else name] for part in parts])
        for name in TABLE_COLUMNS
    }
    _, first = np.unique(joined["id"], return_index=True)
    return {name: column[first] for name, column in joined.items()}


def joined(first: Columns, other: Columns) -> Columns:
    """Return the rows of both, the second without those that the first holds."""
    new = ~np.isin(other["id"].astype(np.int64), first["id"].astype(np.int64))
    return {name: np.concatenate([first[name], other[name][new]]) for name in TABLE_COLUMNS}


def showing_same_object(
    ws: Workspace, columns: Columns, reserved: Columns, rules: SplitSpec
) -> NDArray[np.bool_]:
    """Return which cutouts are, or show the same object as, some others, by the rules of a split.

    Same cutout, ID, parent or pixels, neighbours within the group radius, and images that look like one of
    the others itself: what only looks like a look-alike, of which a survey has long chains, does not count.

    Parameters
    ----------
    columns, reserved
        Cutouts to judge and to keep away from, as TABLE_COLUMNS.
    """
    count = len(columns["id"])
    if not len(reserved["id"]) or not count:
        return np.zeros(count, bool)
    names = {source.id: source.name for source in sources.list_sources(ws.database)}
    keys = {int(key) for key in np.concatenate([columns["source_id"], reserved["source_id"]])}
    names |= {key: sources.source_by_id(ws.database, key).name for key in keys - names.keys()}
    both = {name: np.concatenate([columns[name], reserved[name]]) for name in TABLE_COLUMNS}
    same = np.isin(columns["id"].astype(np.int64), reserved["id"].astype(np.int64))
    for group in groupings_by_reason(as_table(both, names), rules.replaced(near_duplicate_bits=0)).values():
        same |= np.isin(group[:count], group[count:])
    if rules.near_duplicate_bits:
        hashes = list(columns["perceptual_hash"]), list(reserved["perceptual_hash"])
        same |= looks_like_any(*hashes, bits=rules.near_duplicate_bits)
    return same


def without_reserved(
    ws: Workspace, used: Sequence[Source], labelled: LabelledTable, reserved: Columns, rules: SplitSpec
) -> LabelledTable:
    """Return the table with another label, which no part takes, for objects of a second test part."""
    if not len(reserved["id"]):
        return labelled
    hit = _hits(
        ws,
        tuple((source.id, source.name, source.created_at) for source in used),
        tuple(reserved["id"].astype(np.int64).tolist()),
        SplitSpec(
            group_radius_arcsec=rules.group_radius_arcsec,
            near_duplicate_bits=rules.near_duplicate_bits,
            same_id_is_same_object=rules.same_id_is_same_object,
        ),
    )
    return labelled.relabelled(hit, OF_SECOND_TEST) if hit.any() else labelled


@lru_cache(maxsize=8)  # ready sources never change
def _hits(
    ws: Workspace, used: tuple[tuple[int, str, float], ...], reserved: tuple[int, ...], rules: SplitSpec
) -> NDArray[np.bool_]:
    keys = [key for key, _, _ in used]
    columns = sources.cutout_columns(ws.database, keys, columns=TABLE_COLUMNS, labelled_only=True)
    kept = columns_of(ws, reserved)
    keys += sorted({int(key) for key in kept["source_id"]}.difference(keys))
    of_version = [sources.source_by_id(ws.database, key) for key in keys]
    columns, kept = (with_prints_of_middle(ws, one, of_version) for one in (columns, kept))
    return showing_same_object(ws, columns, kept, rules)


def columns_of(ws: Workspace, cutout_ids: Collection[int]) -> Columns:
    """Return cutouts by their keys, as TABLE_COLUMNS."""
    cutouts = sources.get_cutouts(ws.database, list(cutout_ids))
    table: Columns = {}
    for name in TABLE_COLUMNS:
        values = [getattr(cutout, name) for cutout in cutouts]
        if name in ("ra_deg", "dec_deg"):
            table[name] = np.array([np.nan if value is None else value for value in values], np.float64)
        else:
            table[name] = np.array(values, np.int64 if name in ("id", "source_id") else object)
    return table


def require_trainable(ws: Workspace, dataset: Dataset) -> None:
    """Refuse a version whose training or validation part shows objects of a second test part.

    Such a version was frozen before these were kept from trainings.

    Raises
    ------
    InvalidInput
        Saying how many.
    """
    seen = _learned_of(ws, dataset.id, reserved_cutouts(ws), split_spec_of(dataset))
    if seen:
        raise InvalidInput(
            f"{seen} cutouts in the training and validation parts of {dataset.name} show objects of a second "
            "test part, which no training of this workspace may see. Split their sources again: they are "
            "left out then."
        )


def require_second_test_unseen(ws: Workspace, dataset: Dataset, other_id: int, *, name: str) -> None:
    """Refuse what was trained on another version that shows objects of a version's second test part.

    Raises
    ------
    InvalidInput
        Naming `name`, which learned from them.
    """
    if not has_second_test(dataset) or other_id == dataset.id:
        return
    keys = datasets.member_columns(ws.database, dataset.id, part=SECOND_TEST)["cutout_id"]
    seen = _learned_of(ws, other_id, columns_of(ws, keys.tolist()), split_spec_of(dataset))
    if seen:
        raise InvalidInput(
            f"{name} has learned from {seen} cutouts that show objects of the second test part of "
            f"{dataset.name}. Train from scratch, or start from a run that has not seen them."
        )


def _learned_of(ws: Workspace, dataset_id: int, kept: Columns, rules: SplitSpec) -> int:
    """Return how many cutouts that a version trains on show the objects of some others."""
    if not len(kept["id"]):
        return 0
    members = datasets.member_columns(ws.database, dataset_id)
    learned = members["cutout_id"][np.isin(members["part"], DEVELOPMENT)]
    return int(showing_same_object(ws, columns_of(ws, learned.tolist()), kept, rules).sum())
