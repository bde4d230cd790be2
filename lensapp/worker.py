"""The worker: claims jobs and runs each in a process of its own, so that GPU memory is really released."""

import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

from lensapp import handlers, jobs
from lensapp.core.errors import JobCancelled, LensAppError
from lensapp.core.progress import Report, ignore_progress
from lensapp.storage import queue
from lensapp.storage.records import Job
from lensapp.storage.workspace import Workspace

POLL_SECONDS = 0.5
WORDS_SHOWN = 300
STOPPED = {"stop": "cancelled", "pause": "paused"}


def serve(workspace: Workspace, *, idle_seconds: float | None = None) -> None:
    """Claim and run jobs until the process is ended, or nothing came for `idle_seconds`."""
    name = jobs.worker_name()
    quiet_since = time.monotonic()
    try:
        while idle_seconds is None or time.monotonic() - quiet_since < idle_seconds:
            queue.beat(workspace.database, worker=name, host=name.rsplit("-", 1)[0])
            job = queue.claim_job(workspace.database, worker=name)
            if job is None:
                time.sleep(POLL_SECONDS)
                continue
            _run_apart(workspace, job, worker=name)
            quiet_since = time.monotonic()
    finally:
        queue.retire(workspace.database, worker=name)


def _run_apart(workspace: Workspace, job: Job, *, worker: str) -> None:
    """Run one job in a fresh process and keep the worker's own heartbeat going meanwhile."""
    command = [sys.executable, "-m", "lensapp", "--workspace", str(workspace.folder), "run-job"]
    command += [str(job.id), "--attempt", str(job.attempt)]
    environment = os.environ | {"LENSAPP_DATABASE_URL": workspace.database.url}
    with queue.open_log(workspace, job.id) as log:
        child = subprocess.Popen(command, env=environment, cwd=Path(__file__).parents[1], stderr=log)  # noqa: S603 - our own command
    try:
        while child.poll() is None:
            queue.beat(workspace.database, worker=worker, host=worker.rsplit("-", 1)[0])
            try:
                child.wait(jobs.HEARTBEAT_SECONDS)
            except subprocess.TimeoutExpired:
                continue
    except BaseException:
        child.terminate()
        raise
    words = queue.last_lines(workspace, job.id)
    if words:
        sys.stderr.write("\n".join([f"job {job.id}, {job.title}:", *words, ""]))
    if queue.get_job(workspace.database, job.id).state == "running":
        _record_death(workspace, job, child.returncode, words)
    queue.remove_log(workspace, job.id)


def _record_death(workspace: Workspace, job: Job, status: int, words: list[str]) -> None:
    heard = f" and at last: {words[-1][:WORDS_SHOWN]}" if words else " and no word"
    message = (
        f"Expected the job's process to report its end, received {_end_in_words(status)}{heard}. "
        "Resume it: it goes on from what it had stored."
    )
    end = {"state": "failed", "command": None, "error": message, "finished_at": time.time()}
    if queue.update_job(workspace.database, job, **end, traceback="\n".join(words) or None):
        handlers.ended(workspace, job, "failed")


def _end_in_words(status: int) -> str:
    if status == -signal.SIGKILL:
        return "signal 9 (often too little memory)"
    return f"signal {-status}" if status < 0 else f"exit status {status}"


def run_job(workspace: Workspace, job: Job, *, watch: Report = ignore_progress) -> Job:
    """Run a claimed job in this process and store how it ended.

    Returns
    -------
    Job
        The job as stored: `state` is done, paused, cancelled or failed.
    """
    with jobs.RunningJob(workspace.database, job, watch=watch) as running:
        state, outcome = _outcome(workspace, running)
        ours = running.finish(state, **outcome)
    if ours:
        handlers.ended(workspace, job, state)
    return queue.get_job(workspace.database, job.id)


def _outcome(workspace: Workspace, running: jobs.RunningJob) -> tuple[str, dict[str, object]]:
    try:
        result = handlers.handle(workspace, running)
    except (JobCancelled, KeyboardInterrupt):
        return STOPPED.get(running.should_stop() or "stop", "cancelled"), {}
    except LensAppError as error:
        return "failed", {"error": str(error)}
    except Exception as error:  # noqa: BLE001 - the outer loop of a job stores what nobody foresaw
        return "failed", {"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
    return "done", {"result": result}
