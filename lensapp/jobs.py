"""Long tasks: queue them, claim them, report from inside them, pause and stop them.

A job runs in a process of its own. It is alive as long as its heartbeat is recent; a job whose
process died is claimed again by any worker and resumes from what it had stored.
"""

import socket
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from lensapp.core.errors import JobCancelled, StorageError
from lensapp.core.progress import Progress, Report, ignore_progress
from lensapp.job_kinds import Payload, find_kind
from lensapp.storage import queue
from lensapp.storage.database import Database
from lensapp.storage.records import Job

JOBS_SEARCHED = 2000
HEARTBEAT_SECONDS = 3.0
POLL_SECONDS = 0.5


def enqueue(database: Database, *, kind: str, title: str, payload: Payload, once: bool = False) -> Job:
    """Queue a job of a kind out of `lensapp.job_kinds`.

    With `once`, a job with the same payload that waits, runs or is paused is returned in its place.

    Raises
    ------
    InvalidInput
        When `kind` is unknown.
    """
    find_kind(kind)
    return queue.add_job(database, kind=kind, title=title, payload=dict(payload), once=once)


def active_job(database: Database, kind: str, **payload: Any) -> Job | None:
    """Return the queued, running or paused job of a kind whose payload holds `payload`, if any."""
    return _first_matching(active(database), kind, payload)


def latest_job(database: Database, kind: str, **payload: Any) -> Job | None:
    """Return the newest job of a kind whose payload holds `payload`, whatever its state."""
    return _first_matching(recent(database, limit=JOBS_SEARCHED), kind, payload)


def _first_matching(newest_first: list[Job], kind: str, payload: dict[str, Any]) -> Job | None:
    for job in newest_first:
        if job.kind == kind and payload.items() <= job.payload.items():
            return job
    return None


def active(database: Database) -> list[Job]:
    """Return the jobs that are queued, running or paused, newest first."""
    return queue.list_jobs(database, active=True)


def recent(database: Database, *, limit: int = 20) -> list[Job]:
    """Return the newest jobs, whatever their state."""
    return queue.list_jobs(database, limit=limit)


def pause(database: Database, job_id: int) -> bool:
    """Ask a running job to store its state and give up its place; return whether it runs."""
    return queue.command_job(database, job_id, "pause")


def stop(database: Database, job_id: int) -> bool:
    """Ask a job to end, one that waits, is paused or lost its worker at once; return whether it had not."""
    return queue.command_job(database, job_id, "stop")


def put_first(database: Database, job_id: int) -> bool:
    """Let a job that waits be done before all others that wait; return whether it waits."""
    return queue.put_job_first(database, job_id)


def resume(database: Database, job_id: int) -> bool:
    """Queue a paused, failed or cancelled job again; return whether it was."""
    return queue.requeue_job(database, job_id)


def worker_name() -> str:
    """Return a new worker's name: host and a random part."""
    return f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"


@dataclass
class RunningJob:
    """The inside of a job that was claimed: heartbeats, progress and commands.

    Use it as a context; pass `report` and `should_stop` to the work.
    """

    database: Database
    job: Job
    watch: Report = ignore_progress
    _ended: threading.Event = field(default_factory=threading.Event)
    _asked_at: float = 0.0
    _command: str | None = None

    def __enter__(self) -> "RunningJob":
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT_SECONDS):
            # A passing fault of the database is mended by the next beat; a lasting one is met by `report`.
            with suppress(StorageError):
                queue.keep_alive(self.database, self.job)

    def report(self, progress: Progress) -> None:
        """Store progress: `fraction` 0…1, `message`, `rate`, `seconds_left` and what the kind adds.

        Raises
        ------
        JobCancelled
            When another worker has taken the job over.
        """
        if not queue.update_job(self.database, self.job, progress=progress):
            raise JobCancelled(f"Job {self.job.id} was taken over by another worker; this process ends.")
        self.watch(progress)

    def should_stop(self) -> str | None:
        """Return "pause", "stop" or None; asks the database twice a second at most."""
        now = time.monotonic()
        if now - self._asked_at >= POLL_SECONDS:
            self._asked_at = now
            current = queue.get_job(self.database, self.job.id)
            self._command = "stop" if current.attempt != self.job.attempt else current.command
        return self._command

    def finish(self, state: str, **outcome: Any) -> bool:
        """Store how the job ended (done, paused, cancelled or failed, with result, error, traceback).

        A command that came too late to be obeyed stays with a job that is done, so that pages can say so.
        Return whether the job was still ours.
        """
        changes = outcome | {"state": state, "finished_at": None if state == "paused" else time.time()}
        if state != "done":
            changes["command"] = None
        return queue.update_job(self.database, self.job, **changes)
