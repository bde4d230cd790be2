"""Run queued jobs: one inside the command that queued it, or those of a worker."""

import os
import signal
import sys
import time
from contextlib import suppress
from typing import Any, cast

from lensapp import worker
from lensapp.cli.commands import Arguments, command, option
from lensapp.core.errors import InvalidInput, JobCancelled, LensAppError
from lensapp.core.progress import Progress
from lensapp.core.typed_commands import as_typed_here
from lensapp.jobs import worker_name
from lensapp.services.train.job_control import WAITING_STATES, pause_job, resume_job, state_with_job, stop_job
from lensapp.storage import queue
from lensapp.storage.database import PATIENCE_SECONDS
from lensapp.storage.records import Job
from lensapp.storage.workspace import Workspace


class JobFailedUnforeseen(RuntimeError):
    """A job ended in an error that is ours; its traceback is the message."""


def finish_here(workspace: Workspace, job: Job, *, claimed: Job | None = None) -> dict[str, Any]:
    """Bring `job` to its end, with its progress on the terminal, and return its result.

    It runs in this process, unless another runs it: then that one is followed, and its place taken when it is
    not heard of any more. A job that was paused, stopped or failed goes on. One that is `claimed`
    already runs here.

    Raises
    ------
    LensAppError
        With the job's own message when it failed in a way the user can mend.
    JobCancelled
        When it was stopped or paused from elsewhere.
    """
    with suppress(InvalidInput):  # it waits or runs
        resume_job(workspace, job.id)
    if claimed is not None:
        ended = worker.run_job(workspace, claimed, watch=show_progress)
    else:
        ended = _run_or_follow(workspace, job)
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")
    if ended.state == "failed" and ended.traceback:
        raise JobFailedUnforeseen(ended.traceback)
    if ended.state == "failed":
        raise LensAppError(ended.error or "The job failed without a message.")
    if ended.state != "done":
        raise JobCancelled(
            f"The job ended {ended.state}. What it stored is kept; go on with: "
            f"{as_typed_here(f'resume {job.id}', workspace=workspace.folder)}"
        )
    return ended.result or {}


def _run_or_follow(workspace: Workspace, job: Job) -> Job:
    while True:
        claimed = queue.claim_job(workspace.database, worker=worker_name(), job_id=job.id)
        if claimed is not None:
            return worker.run_job(workspace, claimed, watch=show_progress)
        current = queue.get_job(workspace.database, job.id)
        if current.state not in ("queued", "running"):
            return current
        show_progress(cast("Progress", current.progress))
        try:
            time.sleep(worker.POLL_SECONDS)
        except KeyboardInterrupt:
            raise JobCancelled(
                f"Job {job.id} goes on: {current.worker} runs it. 'jobs' lists it, the app can stop it."
            ) from None


def show_progress(progress: Progress) -> None:
    """Write progress over the last line of the terminal."""
    if sys.stderr.isatty():
        fraction, left = progress.get("fraction"), progress.get("seconds_left")
        share = "" if fraction is None else f"{100 * fraction:5.1f} % "
        rest = "" if left is None else f", {left:.0f} s left"
        sys.stderr.write(f"\r\033[K{share}{progress.get('message', '')}{rest}")
        sys.stderr.flush()


@command(
    "jobs",
    option("--all", action="store_true", help="Those that have ended too."),
)
def list_jobs(arguments: Arguments) -> list[dict[str, Any]]:
    """List the jobs that wait, run or were interrupted."""
    recent = queue.list_jobs(Workspace.open(arguments.workspace).database)
    return [
        {
            "job": job.id,
            "kind": job.kind,
            "title": job.title,
            "state": state_with_job(job, "") if job.state == "running" else job.state,
            "progress": job.progress.get("fraction"),
            "worker": job.worker,
            "error": job.error,
        }
        for job in recent
        if arguments.all or job.state not in ("done", "cancelled")
    ]


JOB = option("job", metavar="JOB", type=int, help="Number of the job, as 'jobs' lists it.")


@command("pause", JOB)
def pause(arguments: Arguments) -> dict[str, Any]:
    """Ask a running job to store its state and give up its place; 'resume' goes on with it."""
    workspace = Workspace.open(arguments.workspace)
    job = queue.get_job(workspace.database, arguments.job)
    if job.state != "running":
        raise InvalidInput(f"Job {job.id} ({job.title}) is {job.state}: only a running job can be paused.")
    pause_job(workspace, job.id)
    return {"job": job.id, "title": job.title, "asked": "to pause"}


@command("stop", JOB)
def stop(arguments: Arguments) -> dict[str, Any]:
    """End a job; what it has stored stays. One that waits, is paused or has lost its worker ends at once."""
    workspace = Workspace.open(arguments.workspace)
    job = queue.get_job(workspace.database, arguments.job)
    if job.state not in WAITING_STATES:
        raise InvalidInput(f"Job {job.id} ({job.title}) is {job.state}: there is nothing to stop.")
    stop_job(workspace, job.id)
    after = queue.get_job(workspace.database, job.id)
    return {"job": job.id, "title": job.title, "asked": "to stop", "state": after.state}


@command("resume", JOB)
def resume(arguments: Arguments) -> dict[str, Any]:
    """Go on with a job that was paused, stopped, killed or failed."""
    workspace = Workspace.open(arguments.workspace)
    job = queue.get_job(workspace.database, arguments.job)
    if job.state == "done":
        raise InvalidInput(f"Job {job.id} ({job.title}) is done: there is nothing to resume.")
    return {"job": job.id} | finish_here(workspace, job)


@command(
    "web",
    option("--port", type=int, default=8501, help="Port of this machine; default 8501."),
    option("--address", default="127.0.0.1", help="Address to listen on; 0.0.0.0: every interface."),
)
def web(arguments: Arguments) -> None:
    """Open the web app in place of this command, as 'streamlit run app.py' does in the project's folder."""
    from lensapp.services.workers import web_folder

    if arguments.workspace is not None:
        os.environ["LENSAPP_WORKSPACE"] = str(arguments.workspace.absolute())
    where = ["--server.port", str(arguments.port), "--server.address", arguments.address]
    command = [sys.executable, "-m", "streamlit", "run", str(web_folder() / "app.py"), *where]
    os.execv(sys.executable, command)  # noqa: S606 - our own command


@command(
    "worker",
    option("--idle-seconds", type=float, help="End after so long without a job."),
)
def work(arguments: Arguments) -> None:
    """Run queued jobs until stopped."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    worker.serve(Workspace.open(arguments.workspace), idle_seconds=arguments.idle_seconds)


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
