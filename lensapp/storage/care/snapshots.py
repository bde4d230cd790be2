"""The database as it is at one moment, as an SQLite file; and such a file put back into a database.

Others read and write meanwhile. SQLite copies its own pages (its online backup); PostgreSQL gives the rows of
one snapshot, so that what it held can be restored where only SQLite is, and the other way about.
"""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import JSON, ColumnElement, Connection, MetaData, Table, cast, func, insert, select
from sqlalchemy.dialects.postgresql import REGCLASS

from lensapp.core.errors import InvalidInput, StorageError
from lensapp.storage import tables
from lensapp.storage.database import Database, file_address
from lensapp.storage.queries import ROWS_AT_ONCE

NUMBERED = [
    table.name for table in tables.metadata.sorted_tables if table.dialect_kwargs.get("sqlite_autoincrement")
]
"""Tables that give no number again."""


def save_snapshot(database: Database, file: Path) -> dict[str, int]:
    """Write the database as it is now to an SQLite file that does not exist; return the rows per table."""
    with database.read() as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        if is_sqlite:
            stored: Any = connection.connection.driver_connection
            with closing(sqlite3.connect(file)) as target:
                stored.backup(target)
                target.execute("PRAGMA journal_mode=DELETE").close()
    copied = Database(file_address(file))
    try:
        if not is_sqlite:
            copied.migrate()
            _copy_rows(database, copied)
        with copied.read() as connection:
            rows = {
                table.name: connection.scalar(select(func.count()).select_from(table)) or 0
                for table in tables.metadata.sorted_tables
            }
    finally:
        copied.close()
    if not is_sqlite:
        with closing(sqlite3.connect(file)) as target:
            target.execute("PRAGMA journal_mode=DELETE").close()
    return rows


def load_snapshot(file: Path, database: Database) -> None:
    """Put the rows of an SQLite file into the empty tables of a database.

    Raises
    ------
    InvalidInput
        When the database holds something already.
    """
    database.migrate()
    with database.read() as connection:
        held = [
            table.name
            for table in tables.metadata.sorted_tables
            if table is not tables.workers and connection.scalar(select(1).select_from(table).limit(1))
        ]
    if held:
        raise InvalidInput(
            f"The database that LENSAPP_DATABASE_URL names holds rows already ({', '.join(held[:4])}). "
            "Restore into an empty one, or leave the variable empty to restore into a file."
        )
    stored = Database(file_address(file))
    try:
        stored.migrate()  # it may be of an older program
        _copy_rows(stored, database)
    finally:
        stored.close()


def damage_of(file: Path) -> str | None:
    """Return what is wrong with an SQLite file, or None."""
    try:
        with closing(sqlite3.connect(file)) as connection:
            found = connection.execute("PRAGMA integrity_check(5)").fetchall()
            broken = connection.execute("PRAGMA foreign_key_check").fetchmany(1)
    except sqlite3.DatabaseError as error:
        return str(error)
    if [row[0] for row in found] != ["ok"]:
        return "; ".join(str(row[0]) for row in found)
    return f"a row of {broken[0][0]} refers to no row of {broken[0][2]}" if broken else None


def last_numbers(connection: Connection) -> dict[str, int]:
    """Return the last number that each table of NUMBERED gave, also to rows that are gone; 0 for none."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql("SELECT name, seq FROM sqlite_sequence")
        given = {row.name: row.seq for row in rows}
        return {name: given.get(name, 0) for name in NUMBERED}
    return {
        name: connection.scalar(select(func.pg_sequence_last_value(_sequence(name)))) or 0
        for name in NUMBERED
    }


def go_on_after(connection: Connection, numbers: Mapping[str, int]) -> None:
    """Let tables of NUMBERED give only numbers above those; none goes back."""
    given = last_numbers(connection)
    for name, number in numbers.items():
        if number <= given[name]:
            continue
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.setval(_sequence(name), number)))
        else:
            connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
            connection.exec_driver_sql("INSERT INTO sqlite_sequence VALUES (?, ?)", (name, number))


def _sequence(table: str) -> ColumnElement[Any]:
    return cast(func.pg_get_serial_sequence(table, "id"), REGCLASS)


def _copy_rows(source: Database, target: Database) -> None:
    """Copy every row of one snapshot of `source` into the tables of `target`, whole or not at all."""
    plain = MetaData()
    copies = [table.to_metadata(plain) for table in tables.metadata.sorted_tables]
    for table in copies:
        for column in table.c:
            if isinstance(column.type, JSON):
                column.type = JSON(none_as_null=True)  # what was empty stays empty
    try:
        with source.engine.connect() as held, target.write() as connection:
            if held.dialect.name == "postgresql":
                held.execution_options(isolation_level="REPEATABLE READ")
            for table in copies:
                _copy_table(held, connection, table)
            go_on_after(connection, last_numbers(held))
    except sqlalchemy.exc.IntegrityError as error:
        raise StorageError(
            f"The rows cannot be copied: {' '.join(str(error.orig).split())}. 'doctor' says what is broken."
        ) from error


def _copy_table(held: Connection, connection: Connection, table: Table) -> None:
    keys = list(table.primary_key.columns)
    result = held.execute(select(table).order_by(*keys), execution_options={"yield_per": ROWS_AT_ONCE})
    for rows in result.partitions():
        connection.execute(insert(table), [dict(row._mapping) for row in rows])
    if connection.dialect.name == "postgresql" and "id" in table.c:
        newest = connection.scalar(select(func.max(table.c.id)))
        if newest is not None:
            connection.execute(select(func.setval(_sequence(table.name), newest)))
