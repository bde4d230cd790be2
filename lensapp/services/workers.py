"""Keep a worker process alive beside the web app."""

import asyncio
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lensapp.core.acting import acting_as, this_program
from lensapp.core.errors import LensAppError
from lensapp.core.logs import turn_over
from lensapp.storage import queue
from lensapp.storage.records import Job
from lensapp.storage.workspace import Workspace

SUPERVISION_SECONDS = 10.0
PROJECT = Path(__file__).parents[2]
PACKED = Path(__file__).parents[1] / "web"  # where the wheel keeps what lies in the project's root
STARTING_SECONDS = 300.0


@dataclass(frozen=True)
class Started:
    """A worker that this process has started; kept, so that it is reaped when it ends."""

    process: subprocess.Popen[bytes]
    folder: Path
    at: float


STARTED: list[Started] = []


def web_folder() -> Path:
    """Return the folder of `app.py`, its pages and its settings: the project's, or that of the wheel."""
    return PACKED if PACKED.is_dir() else PROJECT


def ensure_worker(workspace: Workspace) -> bool:
    """Start a worker unless one has a recent heartbeat; return whether one was started.

    The worker is a session of its own and outlives the web server. LENSAPP_WORKER=0 leaves it to the user.
    One that was started from here and has not ended is given five minutes to be heard of: it begins slowly on
    a busy machine, and another in its place would make that busier still.
    """
    STARTED[:] = [one for one in STARTED if one.process.poll() is None]
    waiting = (one for one in STARTED if one.folder == workspace.folder)
    if os.environ.get("LENSAPP_WORKER") == "0" or workspace.database.read_only:
        return False
    if queue.living_workers(workspace.database):
        return False
    if any(time.monotonic() - one.at < STARTING_SECONDS for one in waiting):
        return False
    if not queue.announce(workspace.database):
        return False
    turn_over(workspace.folder / "worker.log")
    log = (workspace.folder / "worker.log").open("ab")
    with log:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "lensapp", "--workspace", str(workspace.folder), "worker"],
            cwd=PROJECT,
            env=os.environ | {"LENSAPP_DATABASE_URL": workspace.database.url},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    STARTED.append(Started(process, workspace.folder, time.monotonic()))
    return True


async def keep_worker(workspace: Workspace) -> None:
    """Start a worker whenever none is alive, for as long as the web server runs."""
    while True:
        with suppress(LensAppError), acting_as(this_program()):  # the database is away: ask again
            await asyncio.to_thread(ensure_worker, workspace)
        await asyncio.sleep(SUPERVISION_SECONDS)


def last_log_lines(workspace: Workspace, job: Job) -> list[str]:
    """Return the last lines of a job's log, oldest first; none where it is gone or not on this machine."""
    return queue.last_lines(workspace, job.id)


def count_workers(workspace: Workspace) -> int:
    """Return how many workers have a recent heartbeat."""
    return len(queue.living_workers(workspace.database))


def worker_alive(workspace: Workspace) -> bool:
    """Return whether a worker has a recent heartbeat."""
    return bool(queue.living_workers(workspace.database))
