"""Pause, stop and resume jobs, and carry what becomes of them over to the runs and the study they work on."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from lensapp import jobs
from lensapp.core.acting import needs
from lensapp.core.errors import InvalidInput
from lensapp.storage import queue, runs, studies
from lensapp.storage.queue import STALE_SECONDS
from lensapp.storage.records import Job, Run, Study
from lensapp.storage.workspace import Workspace

ACTIVE_STATES = ("queued", "running", "pausing", "stopping", "stalled", "paused")
WAITING_STATES = ("queued", "running", "paused")
MOVING_STATES = ("queued", "running")
STATE_AFTER_JOB = {"done": "finished", "paused": "paused", "cancelled": "stopped", "failed": "failed"}
"""State of a run or a study whose job has ended so."""
STANDS_BY_NOW = {
    "queued": "waits in the queue",
    "running": "is running",
    "paused": "is paused",
    "done": "is finished",
    "failed": "has failed",
    "cancelled": "is stopped",
}
RECENT_SECONDS = 3600.0


@dataclass(frozen=True)
class JobStanding(ABC):
    """A run or a study with the job that works on it.

    Attributes
    ----------
    job
        The newest job that works on it.
    state
        queued, running, pausing, stopping, stalled (its worker stopped responding), paused, stopped,
        finished or failed.
    what
        The word for it: run or study.
    """

    job: Job | None
    state: str
    what: ClassVar[str]

    @property
    @abstractmethod
    def name(self) -> str:
        """Its name."""

    @property
    def has_own_job(self) -> bool:
        """Whether it is paused, stopped and resumed by itself, not as a part of a study."""
        return self.job is not None

    @property
    def active(self) -> bool:
        """Whether it waits, runs or is paused."""
        return self.state in ACTIVE_STATES

    @property
    def moving(self) -> bool:
        """Whether it changes by itself: it waits or runs, and is not paused."""
        return self.active and self.state != "paused"

    @property
    def can_pause(self) -> bool:
        """Whether a pause would be obeyed."""
        return self.has_own_job and self.state == "running"

    @property
    def can_stop(self) -> bool:
        """Whether there is something to stop."""
        return self.has_own_job and self.state in ("queued", "running", "paused", "pausing", "stalled")

    @property
    def can_resume(self) -> bool:
        """Whether it can go on where it was interrupted."""
        return self.has_own_job and self.state in ("paused", "stopped", "failed")

    @property
    def command_too_late(self) -> str | None:
        """The pause or stop of the last hour that came when the work was all but done, if any."""
        job = self.job
        if job is None or job.state != "done" or time.time() - (job.finished_at or 0.0) > RECENT_SECONDS:
            return None
        return job.command


def state_with_job(job: Job | None, stored: str) -> str:
    """Return the state of a run or a study from its job and the state in its own row."""
    if job is None:
        return stored
    if job.state == "running":
        if job.silent_seconds is not None and job.silent_seconds > STALE_SECONDS:
            return "stalled"
        return {"pause": "pausing", "stop": "stopping"}.get(job.command or "", "running")
    if job.state == "done":  # a later job may have changed it since
        return "finished" if stored in WAITING_STATES else stored
    return STATE_AFTER_JOB.get(job.state, job.state)


@needs("work")
def pause(ws: Workspace, standing: JobStanding) -> None:
    """Ask for the state to be stored and the place to be given up.

    Raises
    ------
    InvalidInput
        When it is not running, or runs no more.
    """
    if standing.job is None or not standing.can_pause:
        raise _wrong_state(standing, f"only a running {standing.what} can be paused")
    pause_job(ws, standing.job.id)


@needs("work")
def stop(ws: Workspace, standing: JobStanding) -> None:
    """End the work; what has been learned stays.

    Raises
    ------
    InvalidInput
        When there is nothing to stop, or no more.
    """
    if standing.job is None or not standing.can_stop:
        raise _wrong_state(standing, "there is nothing to stop")
    stop_job(ws, standing.job.id)


@needs("work")
def resume(ws: Workspace, standing: JobStanding) -> Job:
    """Queue the work again and return its job; it goes on where it was interrupted.

    Raises
    ------
    InvalidInput
        When it is neither paused, stopped nor failed, or no more.
    """
    if standing.job is None or not standing.can_resume:
        raise _wrong_state(standing, f"there is nothing to resume; start a new {standing.what}")
    resume_job(ws, standing.job.id)
    return queue.get_job(ws.database, standing.job.id)


def _wrong_state(standing: JobStanding, consequence: str) -> InvalidInput:
    return InvalidInput(f"The {standing.what} {standing.name} is {standing.state}: {consequence}.")


def _too_late(ws: Workspace, job_id: int, consequence: str) -> InvalidInput:
    """Return how a job stands by now, where whoever asks something of it has seen it otherwise."""
    job = queue.get_job(ws.database, job_id)
    stopping = job.state == "running" and job.command == "stop"
    stands = "is stopping" if stopping else STANDS_BY_NOW[job.state]
    return InvalidInput(f"{job.title} {stands} by now: {consequence}.")


def state_of_queue(ws: Workspace) -> str:
    """Return a text that changes whenever a job is queued, begins, is asked to pause or stop, or ends."""
    return " ".join(
        f"{key}{state[0]}{command or ''}" for key, state, command in queue.active_states(ws.database)
    )


def recent_jobs(ws: Workspace, *, limit: int) -> list[Job]:
    """Return the newest jobs, whatever their state, newest first."""
    return jobs.recent(ws.database, limit=limit)


def ended_jobs(ws: Workspace, job_ids: Iterable[int]) -> list[Job]:
    """Return those of some jobs that are done, failed or cancelled, in their order."""
    every = (queue.get_job(ws.database, key) for key in sorted(job_ids))
    return [job for job in every if job.state not in WAITING_STATES]


def active_jobs(ws: Workspace) -> list[Job]:
    """Return the jobs that are queued, running or paused, newest first."""
    return jobs.active(ws.database)


def waiting_in_order(live: Iterable[Job]) -> list[Job]:
    """Return those of some jobs that wait in the queue, in the order in which they are done."""
    return sorted((job for job in live if job.state == "queued"), key=queue.claim_key)


def latest_job(ws: Workspace, kind: str, **payload: Any) -> Job | None:
    """Return the newest job of a kind whose payload holds `payload`, whatever its state."""
    return jobs.latest_job(ws.database, kind, **payload)


@needs("work")
def pause_job(ws: Workspace, job_id: int) -> None:
    """Ask a running job of any kind to store its state and give up its place.

    Raises
    ------
    InvalidInput
        When it does not run, or no more.
    """
    if not jobs.pause(ws.database, job_id):
        raise _too_late(ws, job_id, "there is nothing to pause")


@needs("work")
def stop_job(ws: Workspace, job_id: int) -> None:
    """Ask a job of any kind to end; one that waits, is paused or whose worker is gone ends at once.

    Raises
    ------
    InvalidInput
        When it has ended.
    """
    if not jobs.stop(ws.database, job_id):
        raise _too_late(ws, job_id, "there is nothing to stop")
    job = queue.get_job(ws.database, job_id)
    if job.state == "cancelled":
        settle(ws, job, job.state)


@needs("work")
def run_first(ws: Workspace, job_id: int) -> None:
    """Let a job that waits be done before all others that wait.

    Raises
    ------
    InvalidInput
        When it does not wait, or no more.
    """
    if not jobs.put_first(ws.database, job_id):
        raise _too_late(ws, job_id, "only what waits can be put first")


@needs("work")
def resume_job(ws: Workspace, job_id: int) -> None:
    """Queue a paused, failed or cancelled job of any kind again.

    Raises
    ------
    InvalidInput
        When it waits, runs or is done.
    """
    if not jobs.resume(ws.database, job_id):
        raise _too_late(ws, job_id, "there is nothing to resume")
    job, study = queue.get_job(ws.database, job_id), None
    if "study" in job.payload:
        study = studies.get_study(ws.database, job.payload["study"])
        studies.update_study(ws.database, study.id, state="queued", finished_at=None)
    for run in _unfinished_runs(ws, job, study):
        if run.state in ("paused", "stopped", "failed"):
            runs.update_run(ws.database, run.id, state="queued", finished_at=None)


def settle(ws: Workspace, job: Job, job_state: str) -> None:
    """Carry the end of a job over to its study and to the runs that it leaves unfinished.

    Parameters
    ----------
    job_state
        done, paused, cancelled or failed.
    """
    state = STATE_AFTER_JOB[job_state]
    end: dict[str, Any] = {"state": state, "finished_at": None if state == "paused" else time.time()}
    study = None
    if "study" in job.payload:
        study = studies.get_study(ws.database, job.payload["study"])
        studies.update_study(ws.database, study.id, **end)
    for run in _unfinished_runs(ws, job, study):
        if run.state == "running" or job.kind == "train":
            runs.update_run(ws.database, run.id, **end)
        elif run.state == "queued" and state in ("stopped", "failed"):
            runs.update_run(ws.database, run.id, **end | {"state": "stopped"})


def _unfinished_runs(ws: Workspace, job: Job, study: Study | None) -> list[Run]:
    """Return the runs that a job trains and has not finished."""
    if study is not None:
        entries = studies.runs_of(ws.database, study.id)
        if study.kind == "kfold":
            return [entry.run for entry in entries if "figures" not in entry.info]
        if study.kind == "search":
            return [entry.run for entry in entries if entry.info.get("state") == "running"]
        made = [entry.run for entry in entries if entry.run.name not in study.spec["runs"]]
        return [run for run in made if run.evaluation is None]
    if job.kind == "train":
        return [runs.get_run(ws.database, job.payload["run"])]
    if job.kind == "baselines":
        made = [runs.get_run(ws.database, name) for name in job.payload["runs"]]
        return [run for run in made if run.evaluation is None]
    return []
