"""How what a job works on stands, what that allows, and the orders that pause, stop and resume it."""

import time

from lensapp import jobs
from lensapp.core.errors import InvalidInput
from lensapp.storage.database import Database
from lensapp.storage.queue import STALE_SECONDS
from lensapp.storage.records import Job

ACTIVE_STATES = ("queued", "running", "pausing", "stopping", "stalled", "paused")
STATE_OF_JOB = {
    "queued": "queued",
    "running": "running",
    "paused": "paused",
    "cancelled": "stopped",
    "failed": "failed",
}
RECENT_SECONDS = 3600.0


class JobStanding:
    """What its state and its job allow a run or a study.

    Attributes
    ----------
    what
        The word for it: run or study.
    job
        The job that works on it.
    state
        queued, running, pausing, stopping, stalled (its worker went silent), paused, stopped, finished or
        failed.
    """

    what: str
    job: Job | None
    state: str

    @property
    def name(self) -> str:
        """Its name."""
        raise NotImplementedError

    @property
    def active(self) -> bool:
        """Whether it waits, runs or is paused."""
        return self.state in ACTIVE_STATES

    @property
    def can_pause(self) -> bool:
        """Whether a pause would be obeyed."""
        return self._steered and self.state == "running"

    @property
    def can_stop(self) -> bool:
        """Whether there is something to stop."""
        return self._steered and self.state in ("queued", "running", "paused", "pausing", "stalled")

    @property
    def can_resume(self) -> bool:
        """Whether it can go on where it was interrupted."""
        return self._steered and self.state in ("paused", "stopped", "failed")

    @property
    def command_too_late(self) -> str | None:
        """The pause or stop of the last hour that came when the work was all but done, if any."""
        job = self.job
        if job is None or job.state != "done" or time.time() - (job.finished_at or 0.0) > RECENT_SECONDS:
            return None
        return job.command

    @property
    def _steered(self) -> bool:
        """Whether it has a job of its own."""
        return self.job is not None


def state_of_job(job: Job, stored: str) -> str:
    """Return the state of what a job works on: the job's own, unless that is over or says more."""
    state = STATE_OF_JOB.get(job.state, stored)
    if job.state == "done" and stored in ("queued", "running", "paused"):
        state = "finished"
    if job.state == "running":
        state = {"pause": "pausing", "stop": "stopping"}.get(job.command or "", "running")
        if job.heartbeat_at is not None and time.time() - job.heartbeat_at > STALE_SECONDS:
            state = "stalled"
    return state


def pause(database: Database, standing: JobStanding) -> None:
    """Ask for the state to be stored and the place to be given up, or raise InvalidInput unless it runs."""
    if standing.job is None or not standing.can_pause:
        raise _wrong_state(standing, "running", f"Only a running {standing.what} can be paused.")
    jobs.pause(database, standing.job.id)


def stop(database: Database, standing: JobStanding) -> bool:
    """End the work, or raise InvalidInput when there is none; return whether it is over at once."""
    if standing.job is None or not standing.can_stop:
        raise _wrong_state(standing, "queued, running or paused", "There is nothing to stop.")
    jobs.stop(database, standing.job.id)
    return standing.job.state in ("queued", "paused")


def resume(database: Database, standing: JobStanding) -> Job:
    """Queue the job again and return it, or raise InvalidInput unless it was interrupted."""
    job = standing.job
    if job is None or not standing.can_resume or not jobs.resume(database, job.id):
        raise _wrong_state(standing, "paused, stopped or failed", f"Start a new {standing.what} instead.")
    return job


def _wrong_state(standing: JobStanding, expected: str, remedy: str) -> InvalidInput:
    return InvalidInput(
        f"Expected a {standing.what} that is {expected}, received {standing.name}, which is "
        f"{standing.state}. {remedy}"
    )
