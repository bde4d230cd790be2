"""Dataset versions: preview a split, freeze it, list and compare versions, verify their checksums."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from lensapp.core.acting import needs
from lensapp.core.errors import InvalidInput, StorageError
from lensapp.core.split.splits import IGNORED, SplitSpec
from lensapp.services.split.contradictions import listing
from lensapp.services.split.known_lens_cut import AT_KNOWN_LENS, KnownCut
from lensapp.services.split.middle_of_larger import spec_of_middle, with_prints_of_middle
from lensapp.services.split.previews import preview_split
from lensapp.services.split.second_test import second_columns, second_sources
from lensapp.services.split.split_tables import fitting_sources, labelled_table
from lensapp.services.split.versions import (
    Changes,
    checksum_of_members,
    compare,
    count_parts,
    joined_name,
    next_name,
    require_both_classes,
    stored_checksum,
)
from lensapp.storage import datasets, sources
from lensapp.storage.records import Dataset, Source
from lensapp.storage.workspace import Workspace

IDENTITY = ("source", "candidate_id", "part", "label", "fold")
"""What the checksum of a version covers, besides the pixels."""


@dataclass(frozen=True)
class DatasetDescription:
    """A dataset version with its origin and what changed since its parent."""

    dataset: Dataset
    parent: str | None
    sources: tuple[str, ...]
    groups: int
    folds: int
    changes: Changes | None


@needs("work")
def freeze_split(
    ws: Workspace,
    *,
    source_names: Sequence[str],
    spec: SplitSpec,
    name: str | None = None,
    without: KnownCut | None = None,
    second_test: Sequence[str] = (),
) -> Dataset:
    """Divide the labelled cutouts of sources and store the result as a version that never changes.

    Parameters
    ----------
    ws
        The workspace.
    source_names
        Sources with equal bands, or all of those that `spec` chooses, and equal pixel scale; with
        `spec.crop` the middle of cutouts larger than the smallest is taken, else all have one size.
    spec
        The rules; stored with the version.
    name
        Default: the sources' names and the next version number.
    without
        Known lenses to leave out of the non-lenses; stored with the version.
    second_test
        Sources whose labelled cutouts become a second test part. No training of the workspace takes them, or
        others of the same objects, from then on.

    Raises
    ------
    NotFound, InvalidInput, BandMismatch
        As `preview_split`; also when a part would lack a label that others have, an object is labelled
        both ways, or the name is taken.
    """
    preview = preview_split(
        ws, source_names=source_names, spec=spec, without=without, second_test=second_test
    )
    if preview.contradictions and spec.contradictions == "refuse":
        raise InvalidInput(
            f"{listing(preview.contradictions)}. Correct their labels, or decide with --contradictions "
            "leave_out or keep (on Split: Objects labelled both ways)."
        )
    require_both_classes(preview.counts, spec, one_label=True)
    in_a_part = preview.columns["part"] != IGNORED
    columns = {name: column[in_a_part].tolist() for name, column in preview.columns.items()}
    columns["fold"] = [fold if fold >= 0 else None for fold in columns["fold"]]
    used = fitting_sources(ws, source_names, crop=spec.crop, bands=spec.bands)
    digests = labelled_table(ws, used).stored_digest[in_a_part]
    second = second_sources(ws, source_names, second_test, crop=spec.crop, bands=spec.bands)
    if preview.second is not None:
        shown = with_prints_of_middle(ws, preview.second, (*used, *second))
        own = second_columns(shown, second, spec, first_group=len(preview.columns["group"]))
        columns = {name: column + own[name].tolist() for name, column in columns.items() if name in own}
        digests = np.concatenate([digests, preview.second["pixels_digest"]])
    left_out = preview.left_out.get(f"labelled {AT_KNOWN_LENS!r}", 0)
    warnings = [*preview.warnings, *(() if without is None else without.known.warnings)]
    return datasets.create_dataset(
        ws.database,
        name=name or usual_name(ws, used),
        source_ids=[source.id for source in (*used, *second)],
        bands=spec.bands or used[0].bands,
        spec={
            "kind": "split",
            "sources": [source.name for source in used],
            "split": spec.saved(),
            **spec_of_middle((*used, *second)),
            **({"second_test": [source.name for source in second]} if second else {}),
            **({} if without is None else {"known_lenses": without.saved(left_out)}),
            **({"warnings": warnings} if warnings else {}),
        },
        counts=count_parts(*(np.array(columns[key], object) for key in ("part", "label"))),
        checksum=checksum_of_members(zip(*[columns[name] for name in IDENTITY], digests, strict=True)),
        members=_members(columns, {source.name: source.kind for source in (*used, *second)}),
    )


def usual_name(ws: Workspace, used: Sequence[Source]) -> str:
    """Return the name that a version of these sources gets unless it is given one."""
    return next_name(ws, joined_name([source.name for source in used]))


def name_to_come(ws: Workspace, source_names: Sequence[str], spec: SplitSpec) -> str:
    """Return the name that a version gets unless it is given one, as `freeze_split` would be asked for it."""
    return usual_name(ws, fitting_sources(ws, source_names, crop=spec.crop, bands=spec.bands))


def _members(columns: dict[str, list[Any]], kinds: dict[str, str]) -> list[dict[str, Any]]:
    names = ("cutout_id", "part", "label", "group", "fold", "source")
    return [
        {
            "cutout_id": cutout_id,
            "part": part,
            "label": label,
            "group_id": group,
            "fold": fold,
            "label_from": "demo" if kinds[source] == sources.SIMULATED else "import",
        }
        for cutout_id, part, label, group, fold, source in zip(
            *[columns[name] for name in names], strict=True
        )
    ]


def list_versions(ws: Workspace) -> list[Dataset]:
    """Return every dataset version, newest first."""
    return datasets.list_datasets(ws.database)


def describe_version(ws: Workspace, name: str) -> DatasetDescription:
    """Return a version's origin and what it adds, drops and relabels; NotFound when there is none."""
    dataset = datasets.get_dataset(ws.database, name)
    parent = None if dataset.parent_id is None else datasets.dataset_by_id(ws.database, dataset.parent_id)
    groups, folds, changes = _summary(ws, dataset.id, None if parent is None else parent.id)
    return DatasetDescription(
        dataset=dataset,
        parent=None if parent is None else parent.name,
        sources=tuple(sources.source_by_id(ws.database, key).name for key in dataset.source_ids),
        groups=groups,
        folds=folds,
        changes=changes,
    )


@lru_cache(maxsize=64)  # frozen versions never change
def _summary(ws: Workspace, dataset_id: int, parent_id: int | None) -> tuple[int, int, Changes | None]:
    """Return the numbers of groups and folds of a version, and what differs from its parent."""
    members = datasets.member_columns(ws.database, dataset_id)
    before = None if parent_id is None else datasets.member_columns(ws.database, parent_id)
    return (
        len(np.unique(members["group_id"])),
        len({fold for fold in members["fold"].tolist() if fold is not None}),
        None if before is None else compare(members, before),
    )


def describe_dataset(ws: Workspace, dataset: Dataset) -> dict[str, Any]:
    """Return a version as plain JSON values: its counts, sources, checksum, changes and warnings."""
    description = describe_version(ws, dataset.name)
    return {
        "dataset": dataset.name,
        "counts": dataset.counts,
        "groups": description.groups,
        "folds": description.folds,
        "sources": list(description.sources),
        "bands": list(dataset.bands),
        "checksum": dataset.checksum,
        "parent": description.parent,
        "changes": None if description.changes is None else asdict(description.changes),
        "second_test": dataset.spec.get("second_test", []),
        "warnings": dataset.spec.get("warnings", []),
    }


def verify_checksum(ws: Workspace, name: str) -> str:
    """Return the checksum of a version after computing it again from its members.

    Raises
    ------
    NotFound
        When the version does not exist.
    StorageError
        When its members are not those that were frozen.
    """
    dataset = datasets.get_dataset(ws.database, name)
    checksum = stored_checksum(ws, dataset)
    if checksum != dataset.checksum:
        raise StorageError(
            f"The checksum of {name} is {checksum[:12]}…, not {dataset.checksum[:12]}… as when frozen: its "
            "members were changed outside the program. Restore the database, or split again."
        )
    return checksum
