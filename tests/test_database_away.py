"""A database that is locked or away for a while ends no job, no worker and no vote."""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from lensapp import jobs, worker
from lensapp.core.errors import DatabaseAway, StorageError
from lensapp.services.workers import ensure_worker
from lensapp.storage import database as module
from lensapp.storage import queue, sources, tables
from lensapp.storage.database import Database
from lensapp.storage.workspace import Workspace
from support.database_servers import BACKENDS, empty_database, postgresql_folder, restart_postgresql

DEMO = {"name": "small", "spec": {"count": 256, "size": 32, "bands": ["r"]}}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let SQLite itself give up at once, as it does after 30 seconds."""
    monkeypatch.setattr(module, "BUSY_SECONDS", 0)


@contextmanager
def locked(path: Path, *, seconds: float) -> Iterator[None]:
    """Lock an SQLite file for a while from another connection."""
    holder = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN EXCLUSIVE")
    timer = threading.Timer(seconds, holder.execute, ["ROLLBACK"])
    timer.start()
    yield
    timer.join()
    holder.close()


@pytest.mark.usefixtures("impatient")
def test_a_transaction_waits_for_a_locked_database(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'test.db'}")
    database.migrate()
    with locked(tmp_path / "test.db", seconds=1):
        queue.beat(database, worker="w", host="h")
    assert queue.living_workers(database) == ["w"]
    database.patience_seconds = 0
    with locked(tmp_path / "test.db", seconds=0.1), pytest.raises(DatabaseAway, match="locked"):
        queue.beat(database, worker="v", host="h")
    database.close()


@pytest.mark.usefixtures("impatient")
def test_a_job_outlives_a_lock_that_comes_while_it_works(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path / "w")
    job = jobs.enqueue(workspace.database, kind="demo", title="small", payload=DEMO)
    held: list[threading.Thread] = []

    def lock_once(_progress: object) -> None:
        if not held:
            held.append(threading.Thread(target=hold))
            held[0].start()
            time.sleep(0.2)

    def hold() -> None:
        with locked(workspace.folder / "workspace.db", seconds=1):
            pass

    claimed = queue.claim_job(workspace.database, worker="here")
    ended = worker.run_job(workspace, claimed, watch=lock_once)
    held[0].join()
    assert (ended.id, ended.state, ended.attempt) == (job.id, "done", 1)
    assert sources.get_source(workspace.database, "small").state == "ready"


@pytest.mark.usefixtures("impatient")
def test_a_worker_outlives_a_lock_and_goes_on_claiming(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path / "w")
    serving = threading.Thread(target=worker.serve, args=[workspace], kwargs={"idle_seconds": 4})
    with locked(workspace.folder / "workspace.db", seconds=2):
        serving.start()
    job = jobs.enqueue(workspace.database, kind="demo", title="small", payload=DEMO)
    serving.join()
    assert queue.get_job(workspace.database, job.id).state == "done"


def test_a_server_that_restarts_in_the_midst_of_a_job_does_not_end_it(tmp_path: Path) -> None:
    with empty_database("postgresql", tmp_path) as url:
        workspace = Workspace.open(tmp_path / "w", database_url=url)
        jobs.enqueue(workspace.database, kind="demo", title="small", payload=DEMO)
        restarts: list[threading.Thread] = []

        def restart_once(_progress: object) -> None:
            if not restarts:
                server = postgresql_folder()
                restarts.append(
                    threading.Thread(target=restart_postgresql, args=[server], kwargs={"seconds_away": 4})
                )
                restarts[0].start()

        ended = worker.run_job(
            workspace, queue.claim_job(workspace.database, worker="here"), watch=restart_once
        )
        restarts[0].join()
        assert (ended.state, ended.error) == ("done", None)
        source = sources.get_source(workspace.database, "small")
        assert sources.count_cutouts(workspace.database, source.id) == 256
        workspace.database.close()


def write_and_be_cut_off(database: Database, other: Connection) -> None:
    with database.write() as connection:
        number = connection.scalar(text("SELECT pg_backend_pid()"))
        other.execute(text("SELECT pg_terminate_backend(:number)"), {"number": number})
        connection.execute(text("SELECT 1"))


def test_a_transaction_cut_off_on_its_way_is_told_from_a_wrong_statement(tmp_path: Path) -> None:
    with empty_database("postgresql", tmp_path) as url:
        database = Database(url)
        with database.read() as other:
            with pytest.raises(DatabaseAway):
                write_and_be_cut_off(database, other)
            with database.read() as connection:  # the next one is whole again
                assert connection.scalar(text("SELECT 1")) == 1
        database.close()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_worker_whose_clock_is_ahead_steals_no_healthy_job(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with empty_database(backend, tmp_path) as url:
        database = Database(url)
        database.migrate()
        jobs.enqueue(database, kind="train", title="t", payload={"run": "r"})
        healthy = queue.claim_job(database, worker="healthy")
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 120)
        assert queue.claim_job(database, worker="ahead") is None
        queue.beat(database, worker="ahead", host="h")
        monkeypatch.setattr(time, "time", lambda: now)
        assert queue.living_workers(database) == ["ahead"]
        stored = queue.get_job(database, healthy.id)
        assert abs(stored.heartbeat_at - now) < 60
        assert stored.silent_seconds < 60
        database.close()


def test_an_sqlite_disk_that_is_full_is_told_in_one_line(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'test.db'}")
    database.migrate()
    with database.read() as connection:
        pages = connection.scalar(text("PRAGMA page_count"))
    with pytest.raises(StorageError, match="disk of the database is full"):
        fill(database, most_pages=pages)
    database.close()


def fill(database: Database, *, most_pages: int) -> None:
    row = {"kind": "k", "title": "t" * 4000, "payload": {}, "state": "done", "progress": {}, "created_at": 1}
    with database.write() as connection:
        connection.execute(text(f"PRAGMA max_page_count={most_pages}"))
        connection.execute(tables.jobs.insert(), [row] * 100)


@pytest.mark.parametrize("name", ["a%41b", "what?", "one#two", "100 %"])
def test_a_workspace_lies_where_its_path_says(name: str, tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path / name)
    queue.beat(workspace.database, worker="w", host="h")
    assert (tmp_path / name / "workspace.db").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    again = Database(workspace.database.url)  # as a worker's process gets it
    assert queue.living_workers(again) == ["w"]
    again.close()
    workspace.database.close()


@contextmanager
def as_nobody(folder: Path) -> Iterator[None]:
    """Act without the right to write in `folder`."""
    everything = [folder, *folder.rglob("*")]
    modes = {path: path.stat().st_mode for path in everything}
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    superuser = os.geteuid() == 0
    parents = [path for path in folder.parents if superuser and path.stat().st_mode & 0o011 != 0o011]
    for path in parents:
        modes[path] = path.stat().st_mode
        path.chmod(path.stat().st_mode | 0o011)
    if superuser:
        os.seteuid(65534)
    try:
        yield
    finally:
        if superuser:
            os.seteuid(0)
        for path, mode in modes.items():
            path.chmod(mode)


@pytest.mark.parametrize("log_left", [False, True])
def test_a_workspace_that_cannot_be_written_opens_for_reading(tmp_path: Path, *, log_left: bool) -> None:
    workspace = Workspace.open(tmp_path / "w?")
    sources.create_source(
        workspace.database, name="sky", kind="import", bands=["r"], height=8, width=8, slots=1,
        pixel_scale_arcsec=None, spec={},
    )  # fmt: skip
    if not log_left:  # as when the last program that used it has ended
        workspace.database.close()
    with as_nobody(tmp_path / "w?"):
        reading = Workspace.open(tmp_path / "w?")
        assert [source.name for source in sources.list_sources(reading.database)] == ["sky"]
        with pytest.raises(StorageError, match="for reading only"):
            queue.beat(reading.database, worker="w", host="h")
        assert not ensure_worker(reading)
        reading.database.close()
    workspace.database.close()
