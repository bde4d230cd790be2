"""The worker: claims jobs and runs each in a process of its own, so that GPU memory is really released."""

import errno
import logging
import os
import signal
import subprocess
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from lensapp import jobs
from lensapp.core.acting import acting_as, this_program
from lensapp.core.errors import (
    BandMismatch,
    DatabaseAway,
    InvalidInput,
    JobCancelled,
    LensAppError,
    NotFound,
    StorageError,
)
from lensapp.core.logs import LOGGER, keep_log
from lensapp.core.progress import Report, ignore_progress
from lensapp.job_kinds import PARAMETERS, find_kind
from lensapp.services.train.job_control import settle
from lensapp.storage import queue
from lensapp.storage.database import PATIENCE_SECONDS
from lensapp.storage.records import REFUSED, Job
from lensapp.storage.workspace import Workspace

LOG = logging.getLogger(f"{LOGGER}.worker")
POLL_SECONDS = 0.5
GRACE_SECONDS = 2 * jobs.HEARTBEAT_SECONDS
LONGEST_LOG_LINE = 300
LOADING = ("lensapp.learning.", "lensapp.handlers.", "lensapp.spread.")  # handlers that need Keras
LIBRARIES = {"jax": "JAX", "torch": "PyTorch"}
STATE_AFTER_COMMAND = {"stop": "cancelled", "pause": "paused"}


def serve(workspace: Workspace, *, idle_seconds: float | None = None) -> None:
    """Claim and run jobs until the process is ended, or nothing came for `idle_seconds`."""
    name = jobs.worker_name()
    keep_log(workspace.folder, f"worker-{name.rsplit('-', 1)[0]}")
    LOG.info("Worker %s has started", name)
    quiet_since = heard_at = time.monotonic()
    try:
        while idle_seconds is None or time.monotonic() - quiet_since < idle_seconds:
            _beat(workspace, name)
            if time.monotonic() - heard_at > jobs.HEARTBEAT_SECONDS:
                # The database was away for all: let those who work say so before their jobs are taken over.
                time.sleep(GRACE_SECONDS)
            heard_at = time.monotonic()
            job = queue.claim_job(workspace.database, worker=name)
            if job is None:
                time.sleep(POLL_SECONDS)
                continue
            began = time.monotonic()
            LOG.info("Job %d (%s) begins, attempt %d", job.id, job.title, job.attempt)
            run_apart(workspace, job, worker=name)
            quiet_since = heard_at = time.monotonic()
            ended = queue.get_job(workspace.database, job.id)
            level = logging.ERROR if ended.state == "failed" else logging.INFO
            seconds, why = heard_at - began, ended.error or ""
            LOG.log(level, "Job %d is %s after %.0f s. %s", job.id, ended.state, seconds, why)
    finally:
        LOG.info("Worker %s has ended", name)
        with suppress(StorageError):
            workspace.database.patience_seconds = 0.0
            queue.retire(workspace.database, worker=name)


def _beat(workspace: Workspace, worker: str) -> None:
    queue.beat(workspace.database, worker=worker, host=worker.rsplit("-", 1)[0])


def run_apart(workspace: Workspace, job: Job, *, worker: str) -> None:
    """Run one claimed job in a fresh process and keep the worker's own heartbeat going meanwhile."""
    command = [sys.executable, "-m", "lensapp", "--workspace", str(workspace.folder), "run-job"]
    command += [str(job.id), "--attempt", str(job.attempt)]
    environment = os.environ | {"LENSAPP_DATABASE_URL": workspace.database.url}
    with queue.open_log(workspace, job.id) as log:
        child = subprocess.Popen(command, env=environment, cwd=Path(__file__).parents[1], stderr=log)  # noqa: S603 - our own command
    try:
        while child.poll() is None:
            with suppress(StorageError):  # the child waits for the database too, and is left to its work
                _beat(workspace, worker)
            with suppress(subprocess.TimeoutExpired):
                child.wait(jobs.HEARTBEAT_SECONDS)
    except BaseException:
        child.terminate()
        raise
    log_lines = queue.last_lines(workspace, job.id)
    if log_lines:
        sys.stderr.write("\n".join([f"job {job.id}, {job.title}:", *log_lines, ""]))
    if queue.get_job(workspace.database, job.id).state == "running":
        record_death(workspace, job, status=child.returncode, log_lines=log_lines)
    queue.forget_old_logs(workspace)


def record_death(workspace: Workspace, job: Job, *, status: int, log_lines: list[str]) -> None:
    """Store the end of a job whose process died without a word, or queue it again where its kind says so.

    Parameters
    ----------
    status
        What the process returned; minus the number of the signal that killed it.
    log_lines
        The last lines of its log.
    """
    if (
        job.attempt < find_kind(job.kind).attempts
        and queue.get_job(workspace.database, job.id).command is None
    ):
        queue.update_job(workspace.database, job, state="queued")
        return
    if status == -signal.SIGKILL:
        cause = "was killed (signal 9, often too little memory)"
    else:
        cause = f"was killed (signal {-status})" if status < 0 else f"ended with exit status {status}"
    last_line = f" Last log line: {log_lines[-1][:LONGEST_LOG_LINE]}." if log_lines else ""
    message = f"The job's process {cause}.{last_line} Resume to continue from what it had stored."
    end = {"state": "failed", "command": None, "error": message, "finished_at": time.time()}
    if queue.update_job(workspace.database, job, **end, traceback="\n".join(log_lines) or None):
        settle(workspace, job, "failed")


def run_job(workspace: Workspace, job: Job, *, watch: Report = ignore_progress) -> Job:
    """Run a claimed job in this process, in the name of who queued it, and store how it ended.

    Returns
    -------
    Job
        The job as stored: `state` is done, paused, cancelled or failed.
    """
    program = this_program()
    queued_by = replace(program, name=job.enqueued_by or program.name)
    with acting_as(queued_by), jobs.RunningJob(workspace.database, job, watch=watch) as running:
        with queue.room_for_the_end(workspace, job.id):
            state, outcome = _outcome(workspace, running)
        ours = running.finish(state, **outcome)
    if ours:
        settle(workspace, job, state)
    return queue.get_job(workspace.database, job.id)


def _outcome(workspace: Workspace, running: jobs.RunningJob) -> tuple[str, dict[str, object]]:
    try:
        result = _handle_patiently(workspace, running)
    except (JobCancelled, KeyboardInterrupt):
        return STATE_AFTER_COMMAND.get(running.should_stop() or "stop", "cancelled"), {}
    except LensAppError as error:
        in_vain = isinstance(error, InvalidInput | NotFound | BandMismatch)
        return "failed", {"error": str(error)} | ({"result": {REFUSED: True}} if in_vain else {})
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            return _unforeseen(error)
        return "failed", {
            "error": f"The disk is full ({error.strerror}): {error.filename or workspace.folder} cannot be "
            "written. Make room on the disk, then run the same again."
        }
    except Exception as error:  # noqa: BLE001 - the outer loop of a job stores what nobody foresaw
        return _unforeseen(error)
    return "done", {"result": result}


def _unforeseen(error: Exception) -> tuple[str, dict[str, object]]:
    return "failed", {"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}


def _handle_patiently(workspace: Workspace, running: jobs.RunningJob) -> dict[str, Any]:
    """Do the work of a job, going on from what it stored when the database went away in the midst of it."""
    kind, payload = find_kind(running.job.kind), running.job.payload
    arguments = {PARAMETERS.get(key, key): value for key, value in payload.items()}
    if kind.spec and payload["spec"] is not None:
        arguments["spec"] = resolve_name(kind.spec).parse(payload["spec"])
    if kind.handler.startswith(LOADING) and "keras" not in sys.modules:  # for seconds, without another word
        name = LIBRARIES.get(os.environ.get("KERAS_BACKEND", ""), "TensorFlow")
        before = float(running.job.progress.get("fraction") or 0.0)  # of an earlier attempt
        running.report({"fraction": before, "message": f"loading {name}"})
    handle = partial(resolve_name(kind.handler), workspace, **arguments)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            result: dict[str, Any] = handle(report=running.report, should_stop=running.should_stop)
        except DatabaseAway:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)
        else:
            return result
