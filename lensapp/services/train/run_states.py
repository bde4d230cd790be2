"""What is known about runs: the job that trains each, its state, and its figures epoch by epoch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp import jobs
from lensapp.core.errors import InvalidInput
from lensapp.core.train.committees import MODEL as COMMITTEE
from lensapp.services.train.job_control import JobStanding, state_of_job
from lensapp.storage import runs
from lensapp.storage.records import Job, Run
from lensapp.storage.workspace import Workspace

BEST_NETWORK = "best.keras"
MAX_POINTS = 500
JOBS_LOOKED_AT = 2000


@dataclass(frozen=True)
class RunStatus(JobStanding):
    """A run with the job that trains it.

    Attributes
    ----------
    study
        The study whose job is training the run now, which is paused and stopped as a whole.
    """

    run: Run
    job: Job | None
    state: str
    study: str | None = None
    what = "run"

    @property
    def name(self) -> str:
        """The run's name."""
        return self.run.name

    @property
    def _steered(self) -> bool:
        return self.job is not None and self.study is None


def run_status(ws: Workspace, run_name: str) -> RunStatus:
    """Return a run with its job and the state that follows from both, or raise NotFound."""
    run = runs.get_run(ws.database, run_name)
    job = latest_job(ws, "train", run=run.name)
    working = _jobs_in_studies(ws).get(run.name) if job is None else None
    return _status(run, job) if working is None else _status_in_study(run, working)


def list_statuses(ws: Workspace) -> list[RunStatus]:
    """Return every run with its job and state, newest first."""
    newest: dict[str, Job] = {}
    for job in jobs.recent(ws.database, limit=JOBS_LOOKED_AT):
        if job.kind == "train":
            newest.setdefault(job.payload["run"], job)
    working = {name: job for name, job in _jobs_in_studies(ws).items() if name not in newest}
    return [
        _status_in_study(run, working[run.name])
        if run.name in working
        else _status(run, newest.get(run.name))
        for run in runs.list_runs(ws.database)
    ]


def _jobs_in_studies(ws: Workspace) -> dict[str, Job]:
    """Return the jobs of studies under way by the run that each trains now."""
    return {
        job.progress["run"]: job
        for job in jobs.active(ws.database)
        if "study" in job.payload and job.progress.get("run") and job.state != "queued"
    }


def _status(run: Run, job: Job | None) -> RunStatus:
    if job is None:
        return RunStatus(run, None, run.state)
    return RunStatus(run, job, state_of_job(job, run.state))


def _status_in_study(run: Run, job: Job) -> RunStatus:
    """Return a run that the job of a study is training now; the study is what can be paused or stopped."""
    return RunStatus(run, job, state_of_job(job, run.state), study=str(job.payload["study"]))


def network_files(ws: Workspace, run: Run) -> list[Path]:
    """Return the file of the run's network, or those of its members for a committee; they may be absent."""
    names = run.spec["members"] if run.model == COMMITTEE else [run.name]
    return [ws.run_folder(name) / BEST_NETWORK for name in names]


def has_network(ws: Workspace, run: Run) -> bool:
    """Return whether the run has stored a network that can be used; a classical baseline has none."""
    return all(path.is_file() for path in network_files(ws, run))


def has_recipe(run: Run) -> bool:
    """Return whether the run was trained from a recipe that another training can take."""
    return "network" in run.spec


def require_network(ws: Workspace, run: Run) -> None:
    """Raise InvalidInput unless the run has stored a network."""
    if run.spec.get("baseline"):
        raise InvalidInput(
            f"Expected a run with a trained network, received the classical baseline {run.name}, which keeps "
            "its evaluation only. Choose a network or a committee."
        )
    if not has_network(ws, run):
        raise InvalidInput(
            f"Expected a run with a trained network, received {run.name}, which is "
            f"{run_status(ws, run.name).state} and has stored none. Let it finish at least one epoch."
        )


def history(ws: Workspace, run_name: str) -> list[dict[str, Any]]:
    """Return the figures of each epoch of a run in order, each with its `epoch`."""
    return runs.metrics_of(ws.database, runs.get_run(ws.database, run_name).id)


def history_columns(
    ws: Workspace, run_name: str, *, limit: int = MAX_POINTS
) -> dict[str, NDArray[np.float64]]:
    """Return the figures of a run as columns with at most `limit` epochs, for drawing.

    Epochs are left out evenly; the first and the last always stay. A figure that an epoch lacks is NaN.

    Returns
    -------
    dict
        `epoch` and each numeric figure, all of shape (≤ limit,).
    """
    rows = history(ws, run_name)
    if len(rows) > limit:
        places = np.unique(np.linspace(0, len(rows) - 1, limit).round().astype(int))
        rows = [rows[place] for place in places]
    names = list(dict.fromkeys(key for row in rows for key, value in row.items() if _is_number(value)))
    return {name: np.array([_number(row.get(name)) for row in rows], np.float64) for name in names}


def overlay_columns(
    ws: Workspace, run_names: list[str], *, limit: int = MAX_POINTS
) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Return `history_columns` of several runs by name."""
    return {name: history_columns(ws, name, limit=limit) for name in run_names}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: Any) -> float:
    return float(value) if _is_number(value) else float("nan")


def active_job(ws: Workspace, kind: str, **payload: Any) -> Job | None:
    """Return the queued, running or paused job of a kind whose payload holds `payload`, if any."""
    for job in jobs.active(ws.database):
        if job.kind == kind and payload.items() <= job.payload.items():
            return job
    return None


def latest_job(ws: Workspace, kind: str, **payload: Any) -> Job | None:
    """Return the newest job of a kind whose payload holds `payload`, whatever its state."""
    for job in jobs.recent(ws.database, limit=JOBS_LOOKED_AT):
        if job.kind == kind and payload.items() <= job.payload.items():
            return job
    return None
