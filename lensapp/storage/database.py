"""The connection to SQLite or PostgreSQL, its transactions and its migrations."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, Table, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url

from lensapp.core.errors import StorageError
from lensapp.storage.group_commit import GroupCommit

BUSY_SECONDS = 30
ROWS_PER_STATEMENT = 2000
STRICT_JSON = json.JSONEncoder(allow_nan=False)
MIGRATIONS = Path(__file__).parent / "migrations"
SYNC_POSTGRESQL = sqlalchemy.text(
    "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'"
)

Result = TypeVar("Result")


class Database:
    """One database of one workspace; open it once per process and share it between threads."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._group = GroupCommit(partial(self.write, durable=True))

    @cached_property
    def engine(self) -> Engine:
        """The SQLAlchemy engine, made on first use."""
        address = self._address()
        if address.get_backend_name() == "postgresql":
            return sqlalchemy.create_engine(
                address.set(drivername="postgresql+psycopg"), pool_pre_ping=True, json_serializer=to_json
            )
        if address.get_backend_name() != "sqlite":
            raise StorageError(
                f"{address.drivername!r} databases are not supported. Give LENSAPP_DATABASE_URL a sqlite or "
                "postgresql URL, or leave it empty."
            )
        engine = sqlalchemy.create_engine(
            address, connect_args={"timeout": BUSY_SECONDS}, json_serializer=to_json
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _address(self) -> URL:
        try:
            return make_url(self.url)
        except sqlalchemy.exc.ArgumentError as error:
            raise StorageError(
                "LENSAPP_DATABASE_URL is not a database URL such as postgresql://user@host/name. Correct it, "
                "or leave it empty."
            ) from error

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that only reads."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[Connection]:
        """Open a transaction that writes; it is committed whole or not at all.

        A `durable` one is on the disk when it ends: no power cut takes it back, nor any before it. Others
        may be taken back by a power cut, in their order; by a killed program none is.
        """
        options = {"immediate": True, "durable": durable}
        with self.engine.connect().execution_options(**options) as connection, connection.begin():
            if durable and connection.dialect.name == "postgresql":
                connection.execute(SYNC_POSTGRESQL)
            yield connection

    def write_together(self, work: Callable[[Connection], Result]) -> Result:
        """Return what `work` does with a connection, once it is on the disk.

        What other threads write so meanwhile shares the transaction; a part that fails is rolled back alone.
        """
        result: Result = self._group.run(work)
        return result

    def insert_new(self, connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> int:
        """Insert `rows`; those whose key is there already are left. Return how many were new."""
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(table).on_conflict_do_nothing()
        return sum(
            connection.execute(statement, rows[start : start + ROWS_PER_STATEMENT]).rowcount
            for start in range(0, len(rows), ROWS_PER_STATEMENT)
        )

    def migrate(self) -> None:
        """Bring the tables to this program's version."""
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        try:
            with self.write() as connection:
                self._upgrade(connection, config)
        except sqlalchemy.exc.DBAPIError as error:
            reason = " ".join(str(error.orig).split())
            raise StorageError(
                f"The database {self._address().render_as_string()} cannot be opened: {reason}. "
                "Check the folder's permissions, or LENSAPP_DATABASE_URL."
            ) from error

    def _upgrade(self, connection: Connection, config: Config) -> None:
        if connection.dialect.name == "postgresql":
            connection.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock(7412581)"))
        current = MigrationContext.configure(connection).get_current_revision()
        script = ScriptDirectory.from_config(config)
        versions = {revision.revision for revision in script.walk_revisions()}
        if current is not None and current not in versions:
            raise StorageError(
                f"The workspace has version {current}, this program only knows up to "
                f"{script.get_current_head()}: it was made by a newer program. Update the program, or choose "
                "another workspace."
            )
        if current != script.get_current_head():
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def close(self) -> None:
        """Close every pooled connection."""
        if "engine" in self.__dict__:
            self.engine.dispose()


def to_json(value: Any) -> str:
    """Return `value` as JSON; NaN and infinity, which JSON lacks and PostgreSQL refuses, become null."""
    try:
        return STRICT_JSON.encode(value)
    except ValueError:
        return STRICT_JSON.encode(_finite(value))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by _begin_sqlite
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    synchronous = "FULL" if options.get("durable") else "NORMAL"
    if connection.info.get("synchronous") != synchronous:  # cannot be changed inside a transaction
        connection.exec_driver_sql(f"PRAGMA synchronous={synchronous}")
        connection.info["synchronous"] = synchronous
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("immediate") else "BEGIN")
