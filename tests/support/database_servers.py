"""Databases for tests: SQLite files and a real PostgreSQL server, started once per test run."""

import atexit
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg

from lensapp.jobs import RunningJob
from lensapp.storage import queue
from lensapp.storage.database import Database
from support.requirements import lacking

BACKENDS = ("sqlite", "postgresql")
PROGRAMS = "/usr/lib/postgresql"


@cache
def postgresql_folder() -> Path:
    """The socket folder of a running server, or a skip where PostgreSQL is not installed."""
    programs = sorted(Path(PROGRAMS).glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
    found = str(programs[-1]) if programs else shutil.which("pg_ctl")
    if not found:
        lacking("postgres", "needs a PostgreSQL server (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="lensapp-pg-"))
    bin_folder, data = Path(found).parent, folder / "data"
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    as_server([bin_folder / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync"])
    options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
    start = [bin_folder / "pg_ctl", "-D", data, "-l", folder / "log", "-o", options, "-w", "start"]
    atexit.register(as_server, [bin_folder / "pg_ctl", "-D", data, "-m", "immediate", "stop"])
    as_server(start)
    return folder


def restart_postgresql(folder: Path, *, seconds_away: float) -> None:
    """Stop the server of this test run and start it again after a while."""
    programs = sorted(Path(PROGRAMS).glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
    data, options = (
        folder / "data",
        f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off",
    )
    as_server([programs[-1], "-D", data, "-m", "fast", "-w", "stop"])
    time.sleep(seconds_away)
    as_server([programs[-1], "-D", data, "-l", folder / "log", "-o", options, "-w", "start"])


def as_server(command: list[str | Path]) -> None:
    """Run a command of the server, which refuses to work as root."""
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    words = [*prefix, *map(str, command)]
    subprocess.run(
        words, check=True, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=60
    )


@contextmanager
def empty_database(backend: str, folder: Path) -> Iterator[str]:
    """Yield the URL of a database without tables."""
    if backend == "sqlite":
        yield f"sqlite:///{folder / 'test.db'}"
        return
    socket, name = postgresql_folder(), f"t{uuid.uuid4().hex}"
    tell_server(socket, f'CREATE DATABASE "{name}"')
    try:
        yield f"postgresql://postgres@/{name}?host={socket}"
    finally:
        tell_server(socket, f'DROP DATABASE "{name}" WITH (FORCE)')


def tell_server(socket: Path, statement: str) -> None:
    """Run one statement outside any database of a test."""
    with psycopg.connect(f"host={socket} user=postgres dbname=postgres", autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[call-overload]


def claim_all(url: str, worker: str, until: int) -> list[int]:
    """Claim and finish jobs until none waits; return their numbers (runs in a process of its own)."""
    database = Database(url)
    taken = []
    while len(taken) < until and (job := queue.claim_job(database, worker=worker)) is not None:
        taken.append(job.id)
        RunningJob(database, job).finish("done")
    database.close()
    return taken


def migrate(url: str) -> None:
    """Open and migrate a database (runs in a process of its own)."""
    database = Database(url)
    database.migrate()
    database.close()
