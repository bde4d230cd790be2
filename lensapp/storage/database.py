"""The connection to SQLite or PostgreSQL, its transactions and its migrations."""

import json
import math
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, Float, Table, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from lensapp.core.acting import refuse_ungranted
from lensapp.core.errors import DatabaseAway, StorageError
from lensapp.core.once import forget
from lensapp.storage.group_commit import GroupCommit

BUSY_SECONDS = 30
ROWS_PER_STATEMENT = 2000
STRICT_JSON = json.JSONEncoder(allow_nan=False)
PATIENCE_SECONDS = 600.0
OPENING_SECONDS = 10.0
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0
SQLITE_PASSING = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
SQLSTATES_PASSING = ("08", "40", "53", "55P03", "57P")
"""Beginnings of PostgreSQL's codes for faults that pass: lost connections, deadlocks, restarts, crowds."""

SQLSTATE_FULL = "53100"
READ_ONLY = (
    "The workspace is open for reading only, since its folder cannot be written. Copy it to a folder of your "
    "own to change it, or choose another with --workspace."
)
MIGRATIONS = Path(__file__).parent / "migrations"
SYNC_POSTGRESQL = sqlalchemy.text(
    "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'"
)

Result = TypeVar("Result")


class Database:
    """One database of one workspace; open it once per process and share it between threads.

    Attributes
    ----------
    patience_seconds
        How long a transaction waits for a database that is locked or away before it fails.
    """

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self.url = url
        self.read_only = read_only
        self.patience_seconds = PATIENCE_SECONDS
        self._whole = threading.local()
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
        if self.read_only:
            reading = partial(_open_for_reading, Path(address.database or ""))
            engine = sqlalchemy.create_engine(address, creator=reading, json_serializer=to_json)
        else:
            waiting = {"timeout": BUSY_SECONDS}
            engine = sqlalchemy.create_engine(address, connect_args=waiting, json_serializer=to_json)
            event.listen(engine, "connect", lambda one, _: one.execute("PRAGMA journal_mode=WAL").close())
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
        with self._transaction() as connection:
            yield connection

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[Connection]:
        """Open a transaction that writes; it is committed whole or not at all.

        A `durable` one is on the disk when it ends: no power cut takes it back, nor any before it. Others
        may be taken back by a power cut, in their order; by a killed program none is.

        Raises
        ------
        StorageError
            When the workspace is open for reading only, or its disk is full.
        NotAllowed
            In the name of an account, where no service has granted it.
        """
        if self.read_only:
            raise StorageError(READ_ONLY)
        refuse_ungranted()
        forget()
        try:
            with self._transaction(immediate=True, durable=durable) as connection:
                if durable and connection.dialect.name == "postgresql":
                    connection.execute(SYNC_POSTGRESQL)
                yield connection
        finally:
            forget()  # what was read inside and then rolled back, too

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Let all that this thread reads and writes inside be one transaction, stored whole or not at all.

        What belongs together, as a run and the job that trains it, is then never half there after a kill.

        Raises
        ------
        StorageError
            As `write`.
        """
        with self.write() as connection:
            self._whole.connection = connection
            try:
                yield
            finally:
                del self._whole.connection

    @contextmanager
    def _transaction(self, **options: bool) -> Iterator[Connection]:
        shared: Connection | None = getattr(self._whole, "connection", None)
        if shared is not None:
            yield shared
            return
        try:
            with self._begun(options) as connection:
                yield connection
                connection.commit()
        except sqlalchemy.exc.DBAPIError as error:
            explained = explain(error)
            if explained is None:
                raise
            raise explained from error

    def _begun(self, options: Mapping[str, bool]) -> Connection:
        """Return a connection in a transaction, waiting up to `patience_seconds` for one."""
        pause, deadline = FIRST_PAUSE, time.monotonic() + self.patience_seconds
        while True:
            connection = None
            try:
                connection = self.engine.connect().execution_options(**options)
                connection.begin()
            except sqlalchemy.exc.DBAPIError as error:
                if connection is not None:
                    connection.close()
                if time.monotonic() > deadline or not isinstance(explain(error), DatabaseAway):
                    raise
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                return connection

    def write_together(self, work: Callable[[Connection], Result]) -> Result:
        """Return what `work` does with a connection, once it is on the disk.

        What other threads write so meanwhile shares the transaction; a part that fails is rolled back alone.
        """
        refuse_ungranted()  # whoever commits for others may have been granted it
        result: Result = self._group.run(work)
        forget()
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
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        try:
            with self.read() as connection:
                current = self._is_current(connection, config)
            if not current and self.read_only:
                raise StorageError(
                    "The workspace was made by an older program and cannot be brought up to date, since it "
                    "cannot be written. Copy it to a folder of your own and open that."
                )
            if not current:
                with self._transaction(immediate=True, foreign_keys=False) as connection:
                    if connection.dialect.name == "postgresql":
                        connection.execute(sqlalchemy.text("SELECT pg_advisory_xact_lock(7412581)"))
                    if not self._is_current(connection, config):  # another process may have been faster
                        config.attributes["connection"] = connection
                        command.upgrade(config, "head")
                        self._refuse_lost_references(connection)
        except (sqlalchemy.exc.DBAPIError, DatabaseAway) as error:
            cause = error.__cause__ if isinstance(error, DatabaseAway) else error
            reason = " ".join(str(getattr(cause, "orig", error)).split())
            kind = DatabaseAway if isinstance(error, DatabaseAway) else StorageError
            raise kind(
                f"The database {self._address().render_as_string()} cannot be opened: {reason}. "
                "Check the folder's permissions, or LENSAPP_DATABASE_URL."
            ) from error

    def _refuse_lost_references(self, connection: Connection) -> None:
        """Raise StorageError where a row lost what it refers to since the transaction began (SQLite)."""
        check = "PRAGMA foreign_key_check"
        lost = (
            {tuple(row) for row in connection.exec_driver_sql(check)}
            if connection.dialect.name == "sqlite"
            else set()
        )
        if not lost:
            return
        with self.engine.connect() as before:  # which sees what is stored
            lost -= {tuple(row) for row in before.exec_driver_sql(check)}
        if lost:
            table, _, parent, _ = min(lost)
            raise StorageError(
                f"Bringing the workspace up to date would leave {len(lost)} rows (of {table}, …) without "
                f"their row of {parent}; nothing was changed. Go on with the older program, and report it."
            )

    def _is_current(self, connection: Connection, config: Config) -> bool:
        current = MigrationContext.configure(connection).get_current_revision()
        script = ScriptDirectory.from_config(config)
        versions = {revision.revision for revision in script.walk_revisions()}
        if current is not None and current not in versions:
            raise StorageError(
                f"The workspace has version {current}, this program only knows up to "
                f"{script.get_current_head()}: it was made by a newer program. Update the program, or choose "
                "another workspace."
            )
        return current == script.get_current_head()

    def close(self) -> None:
        """Close every pooled connection."""
        if "engine" in self.__dict__:
            self.engine.dispose()


class DatabaseTime(FunctionElement[float]):
    """Seconds since 1970 by the clock of the database."""

    type = Float()
    inherit_cache = True


@compiles(DatabaseTime, "sqlite")
def _time_in_sqlite(*_: Any, **__: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(DatabaseTime, "postgresql")
def _time_in_postgresql(*_: Any, **__: Any) -> str:
    return "extract(epoch FROM clock_timestamp())::double precision"


def file_address(path: Path) -> str:
    """Return the URL of an SQLite file, whose path may hold `?`, `#` and `%`."""
    return URL.create("sqlite", database=str(path)).render_as_string()


def explain(error: sqlalchemy.exc.DBAPIError) -> StorageError | None:
    """Return what the user is told of a fault of the database itself; None for a wrong statement."""
    cause = error.orig
    reason = " ".join(str(cause).split())[:200]
    code = getattr(cause, "sqlite_errorcode", None)
    state = getattr(cause, "sqlstate", None) or ""
    if code is not None:
        passing, full = code & 0xFF in SQLITE_PASSING, code & 0xFF == sqlite3.SQLITE_FULL
    else:
        full = state == SQLSTATE_FULL
        lost = isinstance(error, sqlalchemy.exc.OperationalError) and not state
        passing = error.connection_invalidated or lost or (state.startswith(SQLSTATES_PASSING) and not full)
    if full:
        return StorageError(f"The disk of the database is full ({reason}). Make room on it and try again.")
    if passing:
        return DatabaseAway(
            f"The database is locked or does not answer ({reason}). Try again when it is back; what was "
            "stored before is kept."
        )
    return None


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
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
    cursor.close()


def _open_for_reading(path: Path) -> sqlite3.Connection:
    """Open a file that cannot be written; where nobody writes it, no lock is needed."""
    address = f"file:{quote(str(path))}?mode=ro"
    try:
        connection = sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, check_same_thread=False)
        connection.execute("SELECT count(*) FROM sqlite_master").close()
    except sqlite3.OperationalError:
        log = path.with_name(path.name + "-wal")
        if log.exists() and log.stat().st_size:  # it holds what the file lacks
            raise
        return sqlite3.connect(f"{address}&immutable=1", uri=True, check_same_thread=False)
    return connection


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    synchronous = "FULL" if options.get("durable") else "NORMAL"
    if connection.info.get("synchronous") != synchronous:  # cannot be changed inside a transaction
        connection.exec_driver_sql(f"PRAGMA synchronous={synchronous}")
        connection.info["synchronous"] = synchronous
    foreign_keys = options.get("foreign_keys", True)  # off while tables that others refer to are made anew
    if connection.info.get("foreign_keys", True) != foreign_keys:
        connection.exec_driver_sql(f"PRAGMA foreign_keys={'ON' if foreign_keys else 'OFF'}")
        connection.info["foreign_keys"] = foreign_keys
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("immediate") else "BEGIN")
