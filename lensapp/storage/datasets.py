"""Frozen dataset versions and their members."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, insert, select

from lensapp.core.once import once
from lensapp.core.split.folds import DEVELOPMENT, Fold, assign_folds, in_part
from lensapp.core.split.splits import HELD_OUT, SECOND_TEST
from lensapp.storage import tables
from lensapp.storage.database import Database
from lensapp.storage.queries import (
    Columns,
    count_rows,
    fetch_columns,
    find_by_id,
    find_named,
    new_name,
    newest_first,
    not_in_trash,
)
from lensapp.storage.records import Dataset, Source

CLASS_COLUMN = "object_class"
MEMBER_COLUMNS = ("cutout_id", "part", "label", "group_id", "fold", "label_from")
MIDDLE_OF = "middle_of"  # in the specification: names of sources whose cutouts are larger than the version's
MEMBER_TYPES = {
    "cutout_id": "int64",
    "group_id": "int64",
    "source_id": "int64",
    "row": "int64",
    "ra_deg": "float64",
    "dec_deg": "float64",
}


def create_dataset(
    database: Database,
    *,
    name: str,
    source_ids: Sequence[int],
    bands: Sequence[str],
    spec: dict[str, Any],
    counts: dict[str, dict[str, int]],
    checksum: str,
    members: Sequence[dict[str, Any]],
    parent_id: int | None = None,
    note: str = "",
) -> Dataset:
    """Freeze a dataset version with its members in one transaction.

    `members` holds cutout_id, part, label, group_id, fold and label_from for each.
    """
    with new_name(database, tables.datasets, name, what="dataset") as connection:
        key = connection.scalars(
            insert(tables.datasets)
            .values(
                name=name,
                parent_id=parent_id,
                spec=spec,
                source_ids=list(source_ids),
                bands=list(bands),
                counts=counts,
                checksum=checksum,
                note=note,
                created_at=time.time(),
            )
            .returning(tables.datasets.c.id)
        ).one()
        database.insert_new(
            connection, tables.dataset_members, [{**row, "dataset_id": key} for row in members]
        )
    return get_dataset(database, name)


def takes_middle_of(dataset: Dataset, source: Source) -> bool:
    """Whether the version holds only the middle of the larger cutouts of a source, in its own size."""
    return source.name in dataset.spec.get(MIDDLE_OF, ())


def create_elsewhere(
    database: Database, *, name: str, bands: Sequence[str], note: str | None = None
) -> Dataset:
    """Make the version without cutouts on which the run `name` stands, whose training part is in none."""
    taken = {one.name for one in list_datasets(database, without_sources=True)}
    return create_dataset(
        database,
        name=name if name not in taken else f"{name}-elsewhere",
        source_ids=(),
        bands=bands,
        spec={"trained": "elsewhere"},
        counts={},
        checksum="",
        members=(),
        note=note or f"{name} was made elsewhere.",
    )


@once
def get_dataset(database: Database, name: str) -> Dataset:
    """Return the dataset version called `name`, or raise NotFound."""
    return find_named(database, tables.datasets, Dataset, name, what="dataset")


@once
def dataset_by_id(database: Database, dataset_id: int) -> Dataset:
    """Return the dataset version with the key `dataset_id`, or raise NotFound."""
    return find_by_id(database, tables.datasets, Dataset, dataset_id, what="dataset")


def earlier_versions(database: Database, dataset: Dataset) -> list[Dataset]:
    """Return the versions that one came from, the nearest first."""
    line: list[Dataset] = []
    before = dataset.parent_id
    while before is not None:
        line.append(dataset_by_id(database, before))
        before = line[-1].parent_id
    return line


def list_datasets(database: Database, *, without_sources: bool = False) -> list[Dataset]:
    """Return every dataset version, newest first.

    Those `without_sources` here, of networks that were trained elsewhere, are left out unless asked for.
    """
    return [dataset for dataset in _every(database) if dataset.source_ids or without_sources]


@once
def _every(database: Database) -> list[Dataset]:
    return newest_first(database, tables.datasets, Dataset)


def count_members(database: Database, dataset_id: int) -> int:
    """Return the number of members of a dataset version."""
    return count_rows(database, tables.dataset_members, tables.dataset_members.c.dataset_id == dataset_id)


def count_folds(database: Database, dataset_id: int) -> int:
    """Return how many folds a dataset version was split with, 0 where a member to train on has none."""
    members = tables.dataset_members
    statement = select(
        func.count(), func.count(members.c.fold), func.min(members.c.fold), func.max(members.c.fold)
    )
    statement = statement.where(members.c.dataset_id == dataset_id, members.c.part.in_(DEVELOPMENT))
    with database.read() as connection:
        number, dealt, first, last = connection.execute(statement).one()
    return int(last) + 1 if number and number == dealt and first >= 0 else 0


def _learned_from(what: Any, dataset_ids: Sequence[int], source_id: int) -> Any:
    """Return the query for `what` of the cutouts of a source in training and validation parts of versions."""
    members, cutouts = tables.dataset_members, tables.cutouts
    return (
        select(what)
        .select_from(members.join(cutouts, cutouts.c.id == members.c.cutout_id))
        .where(
            members.c.dataset_id.in_(list(dataset_ids)),
            members.c.part.in_(("train", "validation")),
            cutouts.c.source_id == source_id,
        )
    )


def count_learned_from(database: Database, dataset_ids: Sequence[int], source_id: int) -> int:
    """Return how many cutouts of a source the training and validation parts of versions hold."""
    distinct = func.count(tables.dataset_members.c.cutout_id.distinct())
    with database.read() as connection:
        return int(connection.scalar(_learned_from(distinct, dataset_ids, source_id)) or 0)


def learned_from(database: Database, dataset_ids: Sequence[int], source_id: int) -> NDArray[np.int64]:
    """Return the cutouts of a source that training and validation parts of versions hold, ascending."""
    statement = _learned_from(tables.dataset_members.c.cutout_id, dataset_ids, source_id)
    with database.read() as connection:
        ids = connection.scalars(statement.distinct()).all()
    return np.sort(np.asarray(ids, np.int64))


def member_columns(
    database: Database, dataset_id: int, *, part: str | None = None, extra: Sequence[str] = ()
) -> Columns:
    """Return the members as arrays, ordered by cutout.

    Columns: cutout_id, part, label, group_id, fold, label_from, and the cutout's source_id, row,
    candidate_id and what `extra` names.
    """
    members, cutouts = tables.dataset_members, tables.cutouts
    statement = (
        select(
            *[members.c[name] for name in MEMBER_COLUMNS],
            *[cutouts.c[name] for name in ("source_id", "row", "candidate_id", *extra)],
        )
        .join(cutouts, cutouts.c.id == members.c.cutout_id)
        .where(members.c.dataset_id == dataset_id)
        .order_by(members.c.cutout_id)
    )
    if part is not None:
        statement = statement.where(members.c.part == part)
    with database.read() as connection:
        return fetch_columns(connection, statement, MEMBER_TYPES)


def label_origins(database: Database, dataset_id: int) -> frozenset[str]:
    """Return where labels of the members come from, each once, as they are stored in `label_from`."""
    members = tables.dataset_members
    asked = select(members.c.label_from).distinct().where(members.c.dataset_id == dataset_id)
    with database.read() as connection:
        return frozenset(connection.scalars(asked))


def memberships_of(database: Database, cutout_id: int) -> list[dict[str, Any]]:
    """Return the dataset versions that hold a cutout, oldest first: dataset, part, label, label_from."""
    members, versions = tables.dataset_members, tables.datasets
    statement = (
        select(versions.c.name.label("dataset"), members.c.part, members.c.label, members.c.label_from)
        .join(versions, versions.c.id == members.c.dataset_id)
        .where(members.c.cutout_id == cutout_id, not_in_trash(versions))
        .order_by(versions.c.id)
    )
    with database.read() as connection:
        return [dict(row._mapping) for row in connection.execute(statement)]


def part_members(
    database: Database, dataset_id: int, part: str, *, fold: Fold | None = None, extra: Sequence[str] = ()
) -> Columns:
    """Return the members of a part as `member_columns` does.

    Parameters
    ----------
    part
        "train", "validation", "test" or "second-test".
    fold
        Makes this fold of the development members (training and validation parts) the validation part,
        and the others the training part; the test part is the same for all folds.
    extra
        Further columns of the cutouts.
    """
    if fold is None or part in HELD_OUT:
        return member_columns(database, dataset_id, part=part, extra=extra)
    members, assigned = members_by_fold(database, dataset_id, folds=fold.of, seed=fold.seed, extra=extra)
    members_of_part = in_part(assigned, part=part, fold=fold)
    return {
        name: column[members_of_part]
        for name, column in members.items()
        if name != CLASS_COLUMN or CLASS_COLUMN in extra
    }


def members_by_fold(
    database: Database, dataset_id: int, *, folds: int, seed: int, extra: Sequence[str] = ()
) -> tuple[Columns, NDArray[np.int64]]:
    """Return the members of a version and the fold of each, as a cross-validation deals them.

    Raises
    ------
    InvalidInput
        When they cannot be dealt to so many folds.
    """
    members = member_columns(database, dataset_id, extra=sorted({*extra, CLASS_COLUMN}))
    kinds = [f"{label}/{kind}" for label, kind in zip(members["label"], members[CLASS_COLUMN], strict=True)]
    assigned = assign_folds(
        members["part"],
        members["label"],
        members["group_id"],
        members["fold"],
        kinds=np.array(kinds, object),
        folds=folds,
        seed=seed,
    )
    return members, assigned


def held_out_cutouts(database: Database, dataset: Dataset, *, fold: Fold | None = None) -> NDArray[np.int64]:
    """Return the keys of a version's validation and test cutouts, and of those of all second test parts."""
    parts = [
        part_members(database, dataset.id, part, fold=fold)["cutout_id"] for part in ("validation", *HELD_OUT)
    ]
    parts += [
        part_members(database, version.id, SECOND_TEST)["cutout_id"]
        for version in list_datasets(database)
        if version.id != dataset.id and any(version.counts.get(SECOND_TEST, {}).values())
    ]
    return np.concatenate(parts).astype(np.int64)
