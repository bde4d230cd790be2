"""Run a queued job inside the command, with its progress on the terminal."""

import sys
from typing import Any

from lensapp import worker
from lensapp.core.errors import JobCancelled, LensAppError
from lensapp.core.progress import Progress
from lensapp.jobs import worker_name
from lensapp.storage import queue
from lensapp.storage.records import Job
from lensapp.storage.workspace import Workspace


class JobFailedUnforeseen(RuntimeError):
    """A job ended in an error that is ours; its traceback is the message."""


def finish_here(workspace: Workspace, job: Job) -> dict[str, Any]:
    """Run `job` in this process and return its result.

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
    ended = worker.run_job(workspace, claimed, watch=_show)
    _clear()
    if ended.state == "failed" and ended.traceback:
        raise JobFailedUnforeseen(ended.traceback)
    if ended.state == "failed":
        raise LensAppError(ended.error or "The job failed without a message.")
    if ended.state != "done":
        raise JobCancelled(
            f"The job ended {ended.state}. What it stored is kept; run the same command to go on."
        )
    return ended.result or {}


def _show(progress: Progress) -> None:
    if sys.stderr.isatty():
        fraction, left = progress.get("fraction"), progress.get("seconds_left")
        share = "" if fraction is None else f"{100 * fraction:5.1f} % "
        rest = "" if left is None else f", {left:.0f} s left"
        sys.stderr.write(f"\r\033[K{share}{progress.get('message', '')}{rest}")
        sys.stderr.flush()


def _clear() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")
