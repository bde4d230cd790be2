"""The queue of jobs and the heartbeats of the workers, as single SQL statements.

Heartbeats are told and judged by the database's clock: those of workers on other machines may be wrong.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import Select, and_, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from lensapp.core.errors import NotFound, StorageError
from lensapp.core.once import once
from lensapp.storage import tables
from lensapp.storage.care.trail import actor, note
from lensapp.storage.database import Database, DatabaseTime
from lensapp.storage.files import reserve
from lensapp.storage.queries import to_record
from lensapp.storage.records import Job
from lensapp.storage.workspace import Workspace

STALE_SECONDS = 20.0
ACTIVE = ("queued", "running", "paused")
ONE_PER_PAYLOAD = 7412582  # number of a lock that nothing else takes
STARTING = "starting"  # stands for a worker that was started but has not reported yet
REPORTED = tables.workers.c.name != STARTING
ALIVE = and_(REPORTED, tables.workers.c.heartbeat_at > DatabaseTime() - STALE_SECONDS)
"""Conditions of a worker: it has reported once, and lately."""
CLAIMED_IN_ORDER = (
    tables.jobs.c.put_first_at.is_(None),
    tables.jobs.c.put_first_at.desc(),
    tables.jobs.c.id,
)
"""The order in which jobs are claimed: those put first, the latest of them before others, then the oldest."""
ABANDONED = and_(
    tables.jobs.c.state == "running", tables.jobs.c.heartbeat_at < DatabaseTime() - STALE_SECONDS
)
"""Condition of a job: it runs, and its worker has not been heard of lately."""


def claim_key(job: Job) -> tuple[float, int]:
    """Return what sorts jobs that are read already as CLAIMED_IN_ORDER does those in the database."""
    return -(job.put_first_at or 0.0), job.id


def add_job(database: Database, *, kind: str, title: str, payload: dict[str, Any], once: bool = False) -> Job:
    """Queue a job; with `once`, return the one with the same payload that waits, runs or is paused."""
    table = tables.jobs
    with database.write() as connection:
        if once:
            if connection.dialect.name == "postgresql":  # SQLite lets one transaction write at a time anyway
                connection.execute(select(func.pg_advisory_xact_lock(ONE_PER_PAYLOAD)))
            live = select(table).where(table.c.kind == kind, table.c.state.in_(ACTIVE)).order_by(table.c.id)
            for row in connection.execute(live):
                if row.payload == payload:
                    return to_record(Job, row)
        key = connection.scalars(
            insert(tables.jobs)
            .values(
                kind=kind,
                title=title,
                payload=payload,
                state="queued",
                progress={},
                created_at=time.time(),
                enqueued_by=actor(),
            )
            .returning(tables.jobs.c.id)
        ).one()
        note(connection, "queued", kind="job", name=title, detail=f"{kind} {key}")
    return get_job(database, key)


def get_job(database: Database, job_id: int) -> Job:
    """Return one job; NotFound when there is none."""
    with database.read() as connection:
        row = connection.execute(_select_jobs().where(tables.jobs.c.id == job_id)).first()
    if row is None:
        raise NotFound(f"There is no job with the number {job_id}. 'jobs' lists them.")
    return to_record(Job, row)


def _select_jobs() -> Select[Any]:
    silent = DatabaseTime() - tables.jobs.c.heartbeat_at
    return select(*tables.jobs.c, silent.label("silent_seconds"))


@once
def list_jobs(database: Database, *, active: bool | None = None, limit: int = 100) -> list[Job]:
    """Return jobs, newest first; `active` keeps those that are queued, running or paused."""
    table = tables.jobs
    statement = _select_jobs().order_by(table.c.id.desc()).limit(limit)
    if active is not None:
        live = table.c.state.in_(ACTIVE)
        statement = statement.where(live if active else ~live)
    with database.read() as connection:
        return [to_record(Job, row) for row in connection.execute(statement)]


@once
def active_states(database: Database) -> list[tuple[int, str, str | None]]:
    """Return number, state and command of the jobs that are queued, running or paused, first to last."""
    table = tables.jobs
    statement = select(table.c.id, table.c.state, table.c.command).where(table.c.state.in_(ACTIVE))
    with database.read() as connection:
        return [
            (row.id, row.state, row.command)
            for row in connection.execute(statement.order_by(*CLAIMED_IN_ORDER))
        ]


def claim_job(database: Database, *, worker: str, job_id: int | None = None) -> Job | None:
    """Take the first job that waits, or that runs without a heartbeat, in one statement."""
    table = tables.jobs
    waiting = select(table.c.id).where(or_(table.c.state == "queued", ABANDONED))
    if job_id is not None:
        waiting = waiting.where(table.c.id == job_id)
    waiting = waiting.order_by(*CLAIMED_IN_ORDER).limit(1).with_for_update(skip_locked=True)
    with database.write() as connection:
        row = connection.execute(
            update(table)
            .where(table.c.id == waiting.scalar_subquery())
            .values(
                state="running",
                worker=worker,
                attempt=table.c.attempt + 1,
                heartbeat_at=DatabaseTime(),
                started_at=DatabaseTime(),
            )
            .returning(*table.c)
        ).first()
    return to_record(Job, row) if row is not None else None


def update_job(database: Database, job: Job, **changes: Any) -> bool:
    """Change columns of a job and note that it is alive, unless another attempt has taken it over.

    Return whether it is still ours.
    """
    table = tables.jobs
    values = {"heartbeat_at": DatabaseTime()} | changes
    with database.write() as connection:
        done = connection.execute(
            update(table).where(table.c.id == job.id, table.c.attempt == job.attempt).values(values)
        )
        return done.rowcount == 1


def keep_alive(database: Database, job: Job) -> None:
    """Note that a job is alive."""
    try:
        update_job(database, job)
    except SQLAlchemyError as error:
        reason = " ".join(str(error).split())[:200]
        raise StorageError(f"The database does not answer, job {job.id} cannot report: {reason}.") from error


def command_job(database: Database, job_id: int, command: str) -> bool:
    """Ask a running job to pause or stop; one that waits, is paused or lost its worker is stopped at once.

    Return whether it was in a state in which that can be asked. A stop stays one when a pause comes after it.
    """
    table, heard = tables.jobs, 0
    hears = table.c.state == "running"
    if command == "pause":
        hears &= or_(table.c.command.is_(None), table.c.command == "pause")
    with database.write() as connection:
        if command == "stop":
            idle = table.c.state.in_(["queued", "paused"])
            heard += connection.execute(
                update(table)
                .where(table.c.id == job_id, or_(idle, ABANDONED))
                .values(state="cancelled", finished_at=time.time(), attempt=table.c.attempt + 1)
            ).rowcount
        heard += connection.execute(
            update(table).where(table.c.id == job_id, hears).values(command=command)
        ).rowcount
        if not heard:
            return False
        title = connection.scalar(select(table.c.title).where(table.c.id == job_id)) or ""
        note(connection, f"asked to {command}", kind="job", name=title, detail=str(job_id))
    return True


def put_job_first(database: Database, job_id: int) -> bool:
    """Let a job that waits be claimed before all others; return whether it waits."""
    table = tables.jobs
    with database.write() as connection:
        title = connection.scalar(
            update(table)
            .where(table.c.id == job_id, table.c.state == "queued")
            .values(put_first_at=time.time())
            .returning(table.c.title)
        )
        if title is not None:
            note(connection, "put first", kind="job", name=title, detail=str(job_id))
        return title is not None


def requeue_job(database: Database, job_id: int) -> bool:
    """Put a paused, failed or cancelled job back into the queue; return whether it was."""
    table = tables.jobs
    with database.write() as connection:
        done = connection.execute(
            update(table)
            .where(table.c.id == job_id, table.c.state.in_(["paused", "failed", "cancelled"]))
            .values(state="queued", command=None, error=None, traceback=None, finished_at=None, result=None)
        )
        return done.rowcount == 1


def beat(database: Database, *, worker: str, host: str) -> None:
    """Record that a worker is alive."""
    table, now = tables.workers, DatabaseTime()
    with database.write() as connection:
        done = connection.execute(update(table).where(table.c.name == worker).values(heartbeat_at=now))
        if done.rowcount == 0:
            connection.execute(insert(table).values(name=worker, host=host, started_at=now, heartbeat_at=now))
        connection.execute(
            delete(table).where(or_(table.c.heartbeat_at < now - 86400, table.c.name == STARTING))
        )


def retire(database: Database, *, worker: str) -> None:
    """Forget a worker that ends."""
    with database.write() as connection:
        connection.execute(delete(tables.workers).where(tables.workers.c.name == worker))


@once
def living_workers(database: Database) -> list[str]:
    """Return the names of the workers whose heartbeat is recent."""
    with database.read() as connection:
        return list(connection.scalars(select(tables.workers.c.name).where(ALIVE)))


def announce(database: Database) -> bool:
    """Book the start of a worker, so that two web pages at once start only one; return whether it is ours."""
    table, now = tables.workers, DatabaseTime()
    row = {"name": STARTING, "host": "", "started_at": now, "heartbeat_at": now}
    try:
        with database.write() as connection:
            connection.execute(delete(table).where(table.c.name == STARTING, table.c.heartbeat_at < now - 10))
            alive = connection.scalar(select(table.c.name).where(table.c.heartbeat_at > now - STALE_SECONDS))
            if alive is not None:
                return False
            connection.execute(insert(table).values(row))
    except IntegrityError:  # PostgreSQL: another page booked it meanwhile
        return False
    return True


LOG_LINES = 20
LOGS_KEPT = 40
END_BYTES = 2**18
LOG_BYTES_READ = 16_384


@contextmanager
def room_for_the_end(ws: Workspace, job_id: int) -> Iterator[None]:
    """Keep some room on the disk while a job works, so that its end can be stored when the disk is full."""
    path = _log_path(ws, job_id).with_suffix(".room")
    try:
        with suppress(OSError):  # no room now: the job itself will say so
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            reserve(path, size=END_BYTES)
        yield
    finally:
        path.unlink(missing_ok=True)


def open_log(ws: Workspace, job_id: int) -> BinaryIO:
    """Return the emptied log of a job, open for writing."""
    path = _log_path(ws, job_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("wb")


def last_lines(ws: Workspace, job_id: int) -> list[str]:
    """Return the last lines of a job's log, oldest first; none where it is not on this machine."""
    try:
        with _log_path(ws, job_id).open("rb") as log:
            log.seek(max(log.seek(0, 2) - LOG_BYTES_READ, 0))
            lines = log.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return [line.rstrip() for line in lines if line.strip()][-LOG_LINES:]


def forget_old_logs(ws: Workspace) -> None:
    """Remove all logs but those of the latest jobs, LOGS_KEPT of them."""
    logs = [path for path in (ws.folder / "jobs").glob("*.log") if path.stem.isdecimal()]
    for path in sorted(logs, key=lambda path: int(path.stem))[:-LOGS_KEPT]:
        path.unlink(missing_ok=True)


def _log_path(ws: Workspace, job_id: int) -> Path:
    return ws.folder / "jobs" / f"{job_id}.log"
