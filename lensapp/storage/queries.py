"""Shared by the repositories: rows to records, and columns for many rows at once."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Row, Select, Table, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.item_names import impossible_name, is_possible_name
from lensapp.storage.care.trail import note
from lensapp.storage.database import Database
from lensapp.storage.tables import trash

Record = TypeVar("Record")
Columns = dict[str, NDArray[Any]]

ROWS_AT_ONCE = 10_000


def to_record(kind: type[Record], row: Row[Any]) -> Record:
    """Return `row` as a record; JSON lists become tuples where the record holds one."""
    values = dict(row._mapping)
    values.pop("queue", None)
    for key in ("bands", "source_ids"):
        if key in values:
            values[key] = tuple(values[key])
    return kind(**values)


def find_named(
    database: Database,
    table: Table,
    kind: type[Record],
    name: str,
    *,
    what: str,
    among: Sequence[ColumnElement[bool]] = (),
) -> Record:
    """Return the row of `table` called `name` that meets the conditions `among`."""
    here = [not_in_trash(table), *among]
    with database.read() as connection:
        row = connection.execute(_select_light(table).where(table.c.name == name, *here)).first()
        if row is not None:
            return to_record(kind, row)
        newest = select(table.c.name).where(*here).order_by(table.c.id.desc()).limit(10)
        names = connection.scalars(newest).all()
    raise NotFound(f"There is no {what} called {name!r}. Known: {', '.join(names) or 'none yet'}.")


def not_in_trash(table: Table, key: ColumnElement[int] | None = None) -> ColumnElement[bool]:
    """Return the condition that a row of `table`, or the one that `key` refers to, was not deleted."""
    own: ColumnElement[int] = table.c.id
    deleted = select(trash.c.item_id).where(trash.c.kind == table.name)
    return (own if key is None else key).not_in(deleted)


def find_by_id(database: Database, table: Table, kind: type[Record], key: int, *, what: str) -> Record:
    """Return the row of `table` with the key `key`, deleted or not."""
    with database.read() as connection:
        row = connection.execute(_select_light(table).where(table.c.id == key)).first()
    if row is None:
        raise NotFound(f"There is no {what} with the number {key}.")
    return to_record(kind, row)


def _select_light(table: Table) -> Select[Any]:
    """Select all of a row but a review's queue, which may be megabytes."""
    return select(*(column for column in table.c if column.name != "queue"))


@contextmanager
def new_name(
    database: Database,
    table: Table,
    name: str,
    *,
    what: str,
    did: str | None = "made",
    detail: str = "",
    durable: bool = False,
) -> Iterator[Connection]:
    """Open a transaction that stores a row called `name` in `table`, and what was done in the trail."""
    _refuse_impossible(name)
    try:
        with database.write(durable=durable) as connection:
            _refuse_taken(connection, table, name, what=what)
            if did is not None:
                note(connection, did, kind=what, name=name, detail=detail)
            yield connection
    except IntegrityError:
        with database.read() as connection:
            _refuse_taken(connection, table, name, what=what)
        raise


def check_free(database: Database, table: Table, name: str, *, what: str) -> None:
    """Raise InvalidInput, as `new_name` would, where no row of `table` can be called `name`."""
    _refuse_impossible(name)
    with database.read() as connection:
        _refuse_taken(connection, table, name, what=what)


def _refuse_impossible(name: str) -> None:
    if not is_possible_name(name):
        raise InvalidInput(impossible_name(name))


def _refuse_taken(connection: Connection, table: Table, name: str, *, what: str) -> None:
    key = connection.scalar(select(table.c.id).where(table.c.name == name))
    if key is None:
        return
    deleted = select(trash.c.deletion).where(trash.c.kind == table.name, trash.c.item_id == key)
    deletion = connection.scalar(deleted)
    if deletion is None:
        raise InvalidInput(f"There is a {what} called {name!r} already. Choose another name.")
    raise InvalidInput(
        f"A {what} called {name!r} is in the trash. Choose another name, bring it back with 'untrash "
        f"{deletion}', or empty the trash."
    )


def create_named(
    database: Database, table: Table, kind: type[Record], /, *, name: str, what: str, **values: Any
) -> Record:
    """Store a row under a name that no other has, and return it."""
    with new_name(database, table, name, what=what) as connection:
        connection.execute(insert(table).values(name=name, created_at=time.time(), **values))
    return find_named(database, table, kind, name, what=what)


def newest_first(
    database: Database, table: Table, kind: type[Record], *conditions: ColumnElement[bool]
) -> list[Record]:
    """Return the rows of `table` that meet the conditions as records, newest first."""
    with database.read() as connection:
        wanted = _select_light(table).where(not_in_trash(table), *conditions)
        rows = connection.execute(wanted.order_by(table.c.id.desc()))
        return [to_record(kind, row) for row in rows]


def count_rows(database: Database, table: Table, *conditions: ColumnElement[bool]) -> int:
    """Return how many rows of `table` meet the conditions."""
    with database.read() as connection:
        return connection.scalar(select(func.count()).select_from(table).where(*conditions)) or 0


def change_row(database: Database, table: Table, key: int, **changes: Any) -> None:
    """Change columns of the row of `table` with the key `key`."""
    with database.write() as connection:
        connection.execute(update(table).where(table.c.id == key).values(**changes))


def put_row(database: Database, table: Table, *, keys: dict[str, int | str], **values: Any) -> None:
    """Store a row in place of the one with the same primary key, if there is one."""
    with database.write() as connection:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(table).values(**keys, **values)
        connection.execute(statement.on_conflict_do_update(index_elements=list(keys), set_=values))


def fetch_columns(
    connection: Connection, statement: Select[Any], dtypes: dict[str, str] | None = None
) -> Columns:
    """Return the result of `statement` as one array per column; text columns are object arrays.

    Rows become arrays a part at a time, so that many rows never exist as Python objects at once.
    """
    result = connection.execute(statement, execution_options={"yield_per": ROWS_AT_ONCE})
    names = list(result.keys())
    kinds = [(dtypes or {}).get(name) for name in names]
    parts = [[_array((), kind) for kind in kinds]]
    for rows in result.partitions():
        parts.append([*as_columns(rows, names, dtypes).values()])
    return {
        name: np.concatenate(pieces) for name, pieces in zip(names, zip(*parts, strict=True), strict=True)
    }


def as_columns(rows: Sequence[Any], names: Sequence[str], dtypes: dict[str, str] | None = None) -> Columns:
    """Return some rows of a result as one array per column, as `fetch_columns` does."""
    kinds = [(dtypes or {}).get(name) for name in names]
    columns = zip(*rows, strict=True)
    return {name: _array(values, kind) for name, values, kind in zip(names, columns, kinds, strict=True)}


def _array(values: tuple[Any, ...], dtype: str | None) -> NDArray[Any]:
    if dtype == "float64":  # SQL NULL becomes NaN
        return np.array([np.nan if value is None else value for value in values], np.float64)
    if dtype is not None:
        return np.array(values, dtype)
    array = np.empty(len(values), object)
    array[:] = values
    return array


def chunks(values: list[int], size: int = 900) -> list[list[int]]:
    """Cut `values` into parts that fit into one IN (…) clause."""
    return [values[start : start + size] for start in range(0, len(values), size)]


def matches(column: ColumnElement[Any], value: Any) -> list[ColumnElement[bool]]:
    """Return the condition `column == value`, or none when `value` is None."""
    return [] if value is None else [column == value]
