"""Shared by the repositories: rows to records, and columns for many rows at once."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Row, Select, Table, select
from sqlalchemy.exc import IntegrityError

from lensapp.core.errors import InvalidInput, NotFound
from lensapp.storage.database import Database

Record = TypeVar("Record")
Columns = dict[str, NDArray[Any]]

ROWS_AT_ONCE = 10_000
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"


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
    """Return the row of `table` called `name` that meets the conditions `among`.

    Raises
    ------
    NotFound
        Listing the names that exist.
    """
    with database.read() as connection:
        row = connection.execute(_select_light(table).where(table.c.name == name, *among)).first()
        if row is not None:
            return to_record(kind, row)
        newest = select(table.c.name).where(*among).order_by(table.c.id.desc()).limit(10)
        known = connection.scalars(newest).all()
    raise NotFound(
        f"Expected the name of a {what}, received {name!r}. Known: {', '.join(known) or 'none yet'}."
    )


def find_by_id(database: Database, table: Table, kind: type[Record], key: int, *, what: str) -> Record:
    """Return the row of `table` with the key `key`.

    Raises
    ------
    NotFound
        When there is none.
    """
    with database.read() as connection:
        row = connection.execute(_select_light(table).where(table.c.id == key)).first()
    if row is None:
        raise NotFound(f"Expected the number of a {what}, received {key}, which does not exist.")
    return to_record(kind, row)


def _select_light(table: Table) -> Select[Any]:
    """Select all of a row but a review's queue, which may be megabytes."""
    return select(*(column for column in table.c if column.name != "queue"))


@contextmanager
def new_name(database: Database, table: Table, name: str, *, what: str) -> Iterator[Connection]:
    """Open a transaction that stores a row called `name` in `table`.

    Raises
    ------
    InvalidInput
        When `name` is taken, be it in this very moment by another process, or is not fit for a file name.
    """
    if not re.match(NAME_PATTERN, name):
        raise InvalidInput(
            f"Expected a name of letters, digits, '.', '_' and '-' (100 at most), received {name!r}. "
            "Choose another."
        )
    try:
        with database.write() as connection:
            _refuse_taken(connection, table, name, what=what)
            yield connection
    except IntegrityError:
        with database.read() as connection:
            _refuse_taken(connection, table, name, what=what)
        raise


def _refuse_taken(connection: Connection, table: Table, name: str, *, what: str) -> None:
    if connection.scalar(select(table.c.id).where(table.c.name == name)) is not None:
        raise InvalidInput(
            f"Expected an unused name for the {what}, received {name!r}, which exists. Choose another."
        )


def fetch_columns(
    connection: Connection, statement: Select[Any], dtypes: dict[str, str] | None = None
) -> Columns:
    """Return the result of `statement` as one array per column; text columns are object arrays.

    Rows become arrays a part at a time, so that many rows never exist as Python objects at once.
    """
    result = connection.execute(statement, execution_options={"yield_per": ROWS_AT_ONCE})
    names, wanted = list(result.keys()), dtypes or {}
    kinds = [wanted.get(name) for name in names]
    parts = [[_array((), kind) for kind in kinds]]
    for rows in result.partitions():
        columns = zip(*rows, strict=True)
        parts.append([_array(values, kind) for values, kind in zip(columns, kinds, strict=True)])
    return {
        name: np.concatenate(pieces) for name, pieces in zip(names, zip(*parts, strict=True), strict=True)
    }


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
