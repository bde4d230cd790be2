"""Run queued jobs: one inside the command that queued it, or those of a worker."""

import signal
import sys
from typing import Any

from lensapp import worker
from lensapp.cli.commands import Arguments, command, option
from lensapp.core.errors import InvalidInput, JobCancelled, LensAppError
from lensapp.core.progress import Progress
from lensapp.jobs import worker_name
from lensapp.storage import queue
from lensapp.storage.database import PATIENCE_SECONDS
from lensapp.storage.records import Job
from lensapp.storage.workspace import Workspace


class JobFailedUnforeseen(RuntimeError):
    """A job ended in an error that is ours; its traceback is the message."""


def finish_here(workspace: Workspace, job: Job) -> dict[str, Any]:
    """Run `job` in this process, with its progress on the terminal, and return its result.

    Raises
    ------
    LensAppError
        With the job's own message when it failed in a way the user can mend.
    JobCancelled
        When it was stopped or paused from elsewhere.
    """
    claimed = queue.claim_job(workspace.database, worker=worker_name(), job_id=job.id)
    if claimed is None:
        raise JobCancelled(f"Job {job.id} was taken by a worker that is running; watch it in the app.")
    ended = worker.run_job(workspace, claimed, watch=show_progress)
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")
    if ended.state == "failed" and ended.traceback:
        raise JobFailedUnforeseen(ended.traceback)
    if ended.state == "failed":
        raise LensAppError(ended.error or "The job failed without a message.")
    if ended.state != "done":
        raise JobCancelled(
            f"The job ended {ended.state}. What it stored is kept; run the same command to go on."
        )
    return ended.result or {}


def show_progress(progress: Progress) -> None:
    """Write progress over the last line of the terminal."""
    if sys.stderr.isatty():
        fraction, left = progress.get("fraction"), progress.get("seconds_left")
        share = "" if fraction is None else f"{100 * fraction:5.1f} % "
        rest = "" if left is None else f", {left:.0f} s left"
        sys.stderr.write(f"\r\033[K{share}{progress.get('message', '')}{rest}")
        sys.stderr.flush()


@command(
    "worker",
    option("--idle-seconds", type=float, help="End after so long without a job."),
)
def work(arguments: Arguments) -> None:
    """Run queued jobs until stopped."""
    signal.signal(signal.SIGTERM, _exit)
    worker.serve(Workspace.open(arguments.workspace), idle_seconds=arguments.idle_seconds)


def _exit(_signal: int, _frame: object) -> None:
    sys.exit(0)


@command(
    "run-job",
    option("job", metavar="JOB", type=int, help="Number of the job."),
    option("--attempt", type=int, required=True, help="Attempt that the worker claimed."),
)
def run_one_job(arguments: Arguments) -> None:
    """Run one claimed job (used by the worker)."""
    workspace = Workspace.open(arguments.workspace, patience_seconds=PATIENCE_SECONDS)
    job = queue.get_job(workspace.database, arguments.job)
    if job.attempt != arguments.attempt or job.state != "running":
        raise InvalidInput(
            f"Attempt {arguments.attempt} of job {job.id} is over: it is {job.state} at attempt "
            f"{job.attempt}. Only the worker that claimed it runs it."
        )
    worker.run_job(workspace, job)
