"""Make the next version of a dataset: its members, new cutouts in their parts, and what it takes over."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.catalogue import feedback_rules
from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.errors import BandMismatch
from lensapp.core.split.splits import group_cutouts
from lensapp.services.split.middle_of_larger import spec_of_middle, with_prints_of_middle
from lensapp.services.split.second_test import reserved_cutouts, showing_same_object
from lensapp.services.split.split_tables import TABLE_COLUMNS, as_table, refuse_mismatch
from lensapp.services.split.versions import (
    count_parts,
    members_checksum,
    next_name,
    require_both_classes,
    split_spec_of,
    stem_of,
    stored_checksum,
)
from lensapp.storage import datasets, sources
from lensapp.storage.queries import Columns
from lensapp.storage.records import Dataset, Source
from lensapp.storage.workspace import Workspace

MEMBER_EXTRA = ("parent", "ra_deg", "dec_deg", "perceptual_hash", "pixels_digest")
Row = dict[str, Any]


def members_as_rows(members: Columns) -> list[Row]:
    """Return the members of a version as rows to store."""
    names = datasets.MEMBER_COLUMNS
    cells = zip(*[members[name].tolist() for name in names], strict=True)
    return [dict(zip(names, row, strict=True)) for row in cells]


def placed_rows(
    placement: feedback_rules.Placement,
    *,
    cutout_id: NDArray[Any],
    label: NDArray[Any],
    label_from: NDArray[Any],
) -> list[Row]:
    """Return cutouts in the parts found for them as rows to store, without those that no part takes."""
    return [
        {
            "cutout_id": int(cutout_id[row]),
            "part": placement.part[row],
            "label": label[row],
            "group_id": int(placement.group[row]),
            "fold": int(placement.fold[row]) if placement.fold[row] >= 0 else None,
            "label_from": label_from[row],
        }
        for row in np.flatnonzero(placement.accepted).tolist()
    ]


def place_new_cutouts(
    ws: Workspace,
    parent: Dataset,
    members: Columns,
    *,
    columns: Columns,
    label: NDArray[Any],
    rules: FeedbackRules,
) -> feedback_rules.Placement:
    """Find the parts of new cutouts (TABLE_COLUMNS) with their labels, grouped together with all members.

    Of a source with more bands than the version has, networks read those of the version.
    """
    own = [sources.source_by_id(ws.database, key) for key in parent.source_ids]
    source_ids = {int(key) for key in columns["source_id"]}
    others = [sources.source_by_id(ws.database, key) for key in sorted(source_ids - set(parent.source_ids))]
    for other in others:
        _refuse_lack_of_bands(parent, other)
        refuse_mismatch(own[0], other, crop=rules.crop, of_bands=True)
    names = {source.id: source.name for source in (*own, *others)}
    both: Columns = {
        name: np.concatenate([members["cutout_id" if name == "id" else name], columns[name]])
        for name in TABLE_COLUMNS
    }
    both = with_prints_of_middle(ws, both, (*own, *others))
    linked = group_cutouts(as_table(both, names), split_spec_of(parent)).group
    folds = np.array([-1 if fold is None else fold for fold in members["fold"]], np.int64)
    size = len(members["cutout_id"])
    placement = feedback_rules.place_new(
        linked=linked[size:],
        label=label,
        member_linked=linked[:size],
        member_part=members["part"],
        member_fold=folds,
        member_group=members["group_id"],
        folds=int(folds.max(initial=-1)) + 1,
        rules=rules,
    )
    new = {name: values[size:] for name, values in both.items()}
    kept_apart = showing_same_object(ws, new, reserved_cutouts(ws), split_spec_of(parent))
    placement.refusal[kept_apart] = feedback_rules.OBJECT_IN_SECOND_TEST
    return placement


def _refuse_lack_of_bands(parent: Dataset, other: Source) -> None:
    """Raise BandMismatch where a source lacks a band that networks read of a version."""
    absent = [band for band in parent.bands if band not in other.bands]
    if absent:
        raise BandMismatch(
            f"{parent.name} reads {', '.join(parent.bands)}, and {other.name} has no {' or '.join(absent)}; "
            f"it has {', '.join(other.bands)}. Import {other.name} again with these bands, or make a version "
            "of its own."
        )


def freeze_next(
    ws: Workspace,
    parent: Dataset,
    rows: Sequence[Row],
    *,
    of_sources: Collection[int],
    spec: dict[str, Any],
    name: str | None,
) -> Dataset:
    """Freeze members (rows to store) as the version after `parent`, whose test part they hold unchanged.

    Parameters
    ----------
    of_sources
        Keys of the sources of what is new.
    spec
        What made it: its `kind` and settings. How the parent was split, its second test part and the sources
        of which the middle is taken are added.

    Raises
    ------
    InvalidInput
        When a part would lack a class, or the name is taken.
    """
    counts = count_parts(*(np.array([row[key] for row in rows], object) for key in ("part", "label")))
    require_both_classes(counts, split_spec_of(parent))
    source_ids = (*parent.source_ids, *sorted(set(of_sources) - set(parent.source_ids)))
    second = {"second_test": parent.spec["second_test"]} if "second_test" in parent.spec else {}
    return datasets.create_dataset(
        ws.database,
        name=name or next_name(ws, stem_of(parent.name)),
        parent_id=parent.id,
        source_ids=source_ids,
        bands=parent.bands,
        spec={
            **spec,
            "parent": parent.name,
            "split": parent.spec.get("split"),
            **second,
            **spec_of_middle([sources.source_by_id(ws.database, key) for key in source_ids]),
            "test_checksum": stored_checksum(ws, parent, part="test"),
        },
        counts=counts,
        checksum=members_checksum(ws, rows),
        members=rows,
    )
