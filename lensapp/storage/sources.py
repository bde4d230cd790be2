"""Sources, their cutouts and what was rejected on import."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Select, delete, func, insert, select

from lensapp.core.errors import InvalidInput
from lensapp.core.once import once
from lensapp.storage import tables
from lensapp.storage.database import Database
from lensapp.storage.queries import (
    ROWS_AT_ONCE,
    Columns,
    as_columns,
    change_row,
    check_free,
    chunks,
    count_rows,
    create_named,
    fetch_columns,
    find_by_id,
    find_named,
    newest_first,
    not_in_trash,
    to_record,
)
from lensapp.storage.records import Cutout, Rejection, Source

READY = "ready"  # the state of a source once all of it is there
WORTH_READING = 4  # rows between those asked for, of each, that cost less than asking for single ones
OBJECTS = "objects"  # the kind of a source of objects found in larger images
PAINTED = "paint"  # the kind of a source of lenses painted on cutouts of others
SIMULATED = "demo"  # the kind of a simulated survey: nothing of it lies where its positions are on the sky
MADE = {SIMULATED: "simulated", PAINTED: "painted"}  # kinds of sources whose lenses were put there: in words
HIDDEN_KIND = "calibrators"  # cutouts that only their review shows
HIDDEN_PREFIX = "hidden-"  # how the names of such sources begin
VISIBLE = tables.sources.c.kind != HIDDEN_KIND

CUTOUT_TYPES: dict[str, str] = {
    "id": "int64",
    "source_id": "int64",
    "row": "int64",
    "ra_deg": "float64",
    "dec_deg": "float64",
    "masked_fraction": "float64",
}
TABLE_COLUMNS = (
    "id",
    "source_id",
    "row",
    "candidate_id",
    "ra_deg",
    "dec_deg",
    "label",
    "object_class",
    "parent",
)


def hosts_of(source: Source) -> tuple[str, ...]:
    """Return the names of the sources on whose cutouts lenses were painted; none where none were."""
    return tuple(source.spec.get("hosts", ())) if source.kind == PAINTED else ()


def is_painted_on(source: Source, host_name: str) -> bool:
    """Whether a source holds lenses painted on cutouts of another, and its non-lenses."""
    return host_name in hosts_of(source)


def create_source(
    database: Database,
    *,
    name: str,
    kind: str,
    bands: Sequence[str],
    height: int,
    width: int,
    slots: int,
    pixel_scale_arcsec: float | None,
    spec: dict[str, Any],
) -> Source:
    """Register a source in state "importing"."""
    return create_named(
        database,
        tables.sources,
        Source,
        name=name,
        what="source",
        kind=kind,
        state="importing",
        bands=list(bands),
        height=height,
        width=width,
        slots=slots,
        pixel_scale_arcsec=pixel_scale_arcsec,
        spec=spec,
        quality={},
    )


def check_free_name(database: Database, name: str) -> None:
    """Raise InvalidInput where no source can be called `name`: it is impossible, taken or in the trash."""
    check_free(database, tables.sources, name, what="source")


def taken_names(database: Database) -> set[str]:
    """Return the names of all sources, hidden and deleted ones as well."""
    with database.read() as connection:
        return set(connection.scalars(select(tables.sources.c.name)))


@once
def get_source(database: Database, name: str) -> Source:
    """Return the source called `name`, or raise NotFound; a hidden one is not found."""
    return find_named(database, tables.sources, Source, name, what="source", among=[VISIBLE])


def require_ready(source: Source) -> None:
    """Raise InvalidInput when the import of a source, or the job that makes it, has not ended."""
    if source.state != READY:
        raise InvalidInput(f"{source.name} is still {source.state}. Wait for its import to end.")


@once
def source_by_id(database: Database, source_id: int) -> Source:
    """Return the source with the key `source_id`, or raise NotFound."""
    return find_by_id(database, tables.sources, Source, source_id, what="source")


@once
def list_sources(database: Database) -> list[Source]:
    """Return every source but hidden and deleted ones, newest first."""
    return newest_first(database, tables.sources, Source, VISIBLE)


def finish_source(database: Database, source_id: int, *, quality: dict[str, Any], **changes: Any) -> None:
    """Mark a source as ready and store its quality report (and other columns, by name)."""
    change_row(database, tables.sources, source_id, state=READY, quality=quality, **changes)


def delete_source(database: Database, source_id: int) -> None:
    """Remove a source that no dataset, review or score refers to, with its cutouts and rejections."""
    with database.write() as connection:
        connection.execute(delete(tables.sources).where(tables.sources.c.id == source_id))


def add_rejections(database: Database, source_id: int, rejections: Sequence[Rejection]) -> None:
    """Store why files or candidates were not imported."""
    if not rejections:
        return
    rows = [{"source_id": source_id, "file": r.file, "code": r.code, "reason": r.reason} for r in rejections]
    with database.write() as connection:
        connection.execute(insert(tables.rejections), rows)


def list_rejections(database: Database, source_id: int, *, limit: int | None = None) -> list[Rejection]:
    """Return the rejections of a source in the order of the files."""
    table = tables.rejections
    statement = select(table.c.file, table.c.code, table.c.reason).where(table.c.source_id == source_id)
    with database.read() as connection:
        return [Rejection(*row) for row in connection.execute(statement.order_by(table.c.id).limit(limit))]


def add_cutouts(database: Database, source_id: int, rows: Sequence[dict[str, Any]]) -> None:
    """Insert cutouts given as values by column; those present already (same row or ID) are left.

    Columns left out of a row are empty; every row has the same effect whether given once or twice.
    """
    defaults: dict[str, Any] = {column.name: None for column in tables.cutouts.c if column.name != "id"}
    defaults |= {"source_id": source_id, "masked_fraction": 0.0, "properties": {}}
    with database.write() as connection:
        database.insert_new(connection, tables.cutouts, [defaults | row for row in rows])


def count_cutouts(database: Database, source_id: int) -> int:
    """Return the number of cutouts of a source."""
    return count_rows(database, tables.cutouts, tables.cutouts.c.source_id == source_id)


def labels_of(database: Database, source_id: int) -> frozenset[str]:
    """Return the labels that cutouts of a source have."""
    label = tables.cutouts.c.label
    statement = select(label).distinct().where(tables.cutouts.c.source_id == source_id, label.is_not(None))
    with database.read() as connection:
        return frozenset(connection.scalars(statement))


def label_counts(database: Database, source_id: int) -> dict[str, int]:
    """Return label -> number of the cutouts of a source that have it; those without a label do not count."""
    label = tables.cutouts.c.label
    asked = select(label, func.count()).where(tables.cutouts.c.source_id == source_id, label.is_not(None))
    with database.read() as connection:
        return {str(name): int(number) for name, number in connection.execute(asked.group_by(label))}


def cutout_columns(
    database: Database,
    source_ids: Sequence[int],
    *,
    columns: Sequence[str] = TABLE_COLUMNS,
    labelled_only: bool = False,
    limit: int | None = None,
) -> Columns:
    """Return `columns` of every (labelled) cutout of the sources as arrays, ordered by source and row.

    With `limit` only those of the first cutouts.
    """
    selected = [tables.cutouts.c[name] for name in columns]
    statement = _select_cutouts(source_ids, selected, labelled_only=labelled_only).limit(limit)
    with database.read() as connection:
        return fetch_columns(connection, statement, CUTOUT_TYPES)


def cutout_parts(database: Database, source_id: int, *, columns: Sequence[str]) -> Iterator[Columns]:
    """Return `columns` of the cutouts of a source in the order of their rows, some thousand at a time."""
    statement = _select_cutouts(
        [source_id], [tables.cutouts.c[name] for name in columns], labelled_only=False
    )
    with database.read() as connection:
        result = connection.execute(statement, execution_options={"yield_per": ROWS_AT_ONCE})
        for rows in result.partitions():
            yield as_columns(rows, columns, CUTOUT_TYPES)


def cutouts_in_rows(
    database: Database, source_id: int, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return ids and rows of the cutouts of a source that lie in some rows, in their order.

    Rejected files leave rows without a cutout.
    """
    table, found = tables.cutouts, [(np.empty(0, np.int64), np.empty(0, np.int64))]
    wanted = np.sort(np.asarray(rows, np.int64))
    together = len(wanted) and wanted[-1] - wanted[0] < WORTH_READING * len(wanted)
    ranges: list[ColumnElement[bool]] = (
        [table.c.row.between(int(wanted[0]), int(wanted[-1]))]
        if together
        else [table.c.row.in_(part) for part in chunks(wanted.tolist())]
    )
    with database.read() as connection:
        for condition in ranges:
            statement = select(table.c.id, table.c.row).where(table.c.source_id == source_id, condition)
            columns = fetch_columns(connection, statement, CUTOUT_TYPES)
            found.append((columns["id"], columns["row"]))
    ids, of_rows = (np.concatenate(columns) for columns in zip(*found, strict=True))
    held = np.isin(of_rows, wanted)
    order = np.argsort(of_rows[held], kind="stable")
    return ids[held][order], of_rows[held][order]


def property_column(
    database: Database, source_ids: Sequence[int], name: str, *, labelled_only: bool = False
) -> NDArray[np.float64]:
    """Return one property of every (labelled) cutout in the order of `cutout_columns`.

    NaN where a cutout lacks it or it is no number. The database picks it out, the others are not read.
    """
    column = tables.cutouts.c.properties[name]
    statement = _select_cutouts(source_ids, [column], labelled_only=labelled_only)
    with database.read() as connection:
        values = connection.scalars(statement, execution_options={"yield_per": ROWS_AT_ONCE})
        return np.fromiter((v if isinstance(v, int | float) else np.nan for v in values), np.float64)


def _select_cutouts(
    source_ids: Sequence[int], columns: Sequence[ColumnElement[Any]], *, labelled_only: bool
) -> Select[tuple[Any, ...]]:
    table = tables.cutouts
    statement = (
        select(*columns)
        .where(table.c.source_id.in_(list(source_ids)))
        .order_by(table.c.source_id, table.c.row)
    )
    return statement.where(table.c.label.is_not(None)) if labelled_only else statement


@once
def get_cutouts(database: Database, cutout_ids: Sequence[int]) -> list[Cutout]:
    """Return cutouts in the order of `cutout_ids`; unknown ones are left out."""
    cutouts: dict[int, Cutout] = {}
    table = tables.cutouts
    with database.read() as connection:
        for part in chunks([int(key) for key in cutout_ids]):
            for row in connection.execute(select(table).where(table.c.id.in_(part))):
                cutouts[row.id] = to_record(Cutout, row)
    return [cutouts[int(key)] for key in cutout_ids if int(key) in cutouts]


def candidate_ids_of(database: Database, cutout_ids: Sequence[int]) -> dict[int, str]:
    """Return the names of cutouts by their keys; unknown ones are left out."""
    names: dict[int, str] = {}
    table = tables.cutouts
    with database.read() as connection:
        for part in chunks([int(key) for key in cutout_ids]):
            rows = connection.execute(select(table.c.id, table.c.candidate_id).where(table.c.id.in_(part)))
            names.update((row.id, row.candidate_id) for row in rows)
    return names


def find_cutouts(database: Database, candidate_id: str, *, source_id: int | None = None) -> list[Cutout]:
    """Return the cutouts called `candidate_id`, in one source or in all but hidden ones."""
    table = tables.cutouts
    # Naming the sources lets the database look the candidate up in the key (source, candidate).
    visible = select(tables.sources.c.id).where(VISIBLE, not_in_trash(tables.sources))
    among = table.c.source_id.in_(visible) if source_id is None else table.c.source_id == source_id
    statement = select(table).where(among, table.c.candidate_id == candidate_id)
    with database.read() as connection:
        return [to_record(Cutout, row) for row in connection.execute(statement)]
