"""Spread the runs of a study over workers: each becomes a job of its own, which any worker may take up.

The job of the study queues them and then takes part, or hands them to the workers of a Dask cluster. A worker
that is lost gives its run back like any other job, and the next one goes on from the checkpoint.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from lensapp import worker
from lensapp.core.errors import InvalidInput, JobCancelled, LensAppError
from lensapp.core.progress import Progress, Report, ShouldStop
from lensapp.jobs import worker_name
from lensapp.services.train.studies import WORKERS, queue_members
from lensapp.storage import queue, studies
from lensapp.storage.records import Job, Study
from lensapp.storage.workspace import Workspace

IN_TURN = {
    "kfold": "lensapp.learning.studies.crossval.cross_validate",
    "search": "lensapp.learning.studies.tuning.search",
    "comparison": "lensapp.learning.studies.comparing.compare",
}
"""What trains those runs of a study that are not done, one after another, and gathers what they say."""
DATABASE_VARIABLE = "LENSAPP_DATABASE_URL"
LOOK_SECONDS = 1.0


def work_on_study(
    workspace: Workspace,
    *,
    study_name: str,
    spread: str | None = None,
    report: Report,
    should_stop: ShouldStop,
) -> dict[str, Any]:
    """Train and measure the runs of a study that are not done, and gather what they say together.

    Parameters
    ----------
    spread
        None: one after another, in this process. "workers": workers of the workspace take part. An address:
        the workers of this Dask cluster do it.

    Raises
    ------
    NotFound
        When the study does not exist.
    InvalidInput
        When no Dask scheduler answers, or one of its workers does not see the workspace or its database.
    JobCancelled
        When `should_stop` says so; what was learned is kept.
    LensAppError
        As the training of a run, or when the cluster is lost.
    """
    study = studies.get_study(workspace.database, study_name)
    if spread is not None:
        studies.update_study(workspace.database, study.id, state="running", finished_at=None)
        settle_members(workspace, study, spread=spread, report=report, should_stop=should_stop)
    gather = resolve_name(IN_TURN[study.kind])
    result: dict[str, Any] = gather(workspace, study_name=study_name, report=report, should_stop=should_stop)
    return result


@dataclass
class Members:
    """The jobs of the runs of a study, as the job of the study follows them."""

    workspace: Workspace
    study: Study
    job_ids: list[int]
    total: int
    report: Report
    should_stop: ShouldStop
    wish: str | None = None
    looked_at: float = field(default=-LOOK_SECONDS)

    def listed(self) -> list[Job]:
        """Return the jobs as they stand."""
        return [queue.get_job(self.workspace.database, job_id) for job_id in self.job_ids]

    def look(self, _of_one: Progress | None = None) -> None:
        """Report how far the study is, and pass a wish to pause or stop on; once a second at most."""
        if time.monotonic() - self.looked_at < LOOK_SECONDS:
            return
        self.looked_at = time.monotonic()
        self.wish = self.wish or self.should_stop()
        if self.wish:
            self.stop()
        listed = self.listed()
        working = [job for job in listed if job.state == "running"]
        before = self.total - len(listed)
        done = before + sum(job.state == "done" for job in listed)
        parts = sum(float(job.progress.get("fraction") or 0.0) for job in working)
        message = f"{done} of {self.total} done, {len(working)} under way"
        self.report({"fraction": min((done + parts) / self.total, 1.0), "message": message})

    def stop(self) -> None:
        """Ask those that wait or run to end; what they have learned is stored."""
        for job_id in self.job_ids:
            queue.command_job(self.workspace.database, job_id, "stop")

    def stop_and_wait(self) -> None:
        """Let no run be under way any more; those whose workers are not heard of are given up."""
        self.stop()
        database = self.workspace.database
        while working := [job for job in self.listed() if job.state == "running"]:
            for job in working:
                abandoned = queue.claim_job(database, worker=worker_name(), job_id=job.id)
                if abandoned is not None:
                    end = {"state": "cancelled", "command": None, "finished_at": time.time()}
                    queue.update_job(database, abandoned, **end)
            time.sleep(worker.POLL_SECONDS)

    def take_part(self) -> bool:
        """Claim a run that waits or was given up, and bring it to its end here; return whether there was."""
        for job_id in self.job_ids:
            claimed = queue.claim_job(self.workspace.database, worker=worker_name(), job_id=job_id)
            if claimed is not None:
                worker.run_job(self.workspace, claimed, watch=self.look)
                return True
        return False


def settle_members(
    workspace: Workspace, study: Study, *, spread: str, report: Report, should_stop: ShouldStop
) -> None:
    """Queue the runs of a study that are not done and follow them to their ends; one failure ends all."""
    queued, total = queue_members(workspace, study)
    members = Members(workspace, study, [job.id for job in queued], total, report, should_stop)
    try:
        if spread == WORKERS:
            follow(members, work=members.take_part)
        else:
            with hired(spread, workspace, members.job_ids) as require_workers:
                follow(members, work=require_workers)
    finally:
        members.stop_and_wait()
    for job in members.listed():
        if job.state == "failed":
            raise LensAppError(f"{job.title}: {job.error}")
        if job.state != "done":
            raise JobCancelled(f"{study.name} was asked to {members.wish or 'stop'}.")


def follow(members: Members, *, work: Callable[[], bool]) -> None:
    """Follow jobs until all are done or one has ended otherwise; `work` returns whether it did some."""
    while True:
        members.look()
        states = {job.state for job in members.listed()}
        if states <= {"done"} or states & {"failed", "cancelled"}:
            return
        if not work():
            time.sleep(worker.POLL_SECONDS)


@dataclass(frozen=True)
class Shared:
    """What a Dask worker must see.

    Attributes
    ----------
    folder
        Of the workspace.
    database_url
        Of a database in a file; None stands for the server that LENSAPP_DATABASE_URL names where the worker
        runs, so that no password travels.
    host
        The machine that the study is followed on.
    """

    folder: Path
    database_url: str | None
    host: str

    def open(self) -> Workspace:
        """Open the workspace on the machine of a worker, or raise InvalidInput where it is not seen."""
        here = socket.gethostname()
        if not self.folder.is_dir():
            raise InvalidInput(
                f"The Dask worker on {here} does not see the workspace folder {self.folder}. Put the "
                "workspace where every machine mounts it under the same path."
            )
        if self.database_url is not None and here != self.host:
            raise InvalidInput(
                f"The Dask worker runs on {here}, the study on {self.host}: machines cannot share a database "
                f"in a file. Let {DATABASE_VARIABLE} name a PostgreSQL server for both."
            )
        if self.database_url is None and not os.environ.get(DATABASE_VARIABLE):
            raise InvalidInput(
                f"The Dask worker on {here} does not know the database. Set {DATABASE_VARIABLE} where it "
                "starts, as it is set where the study was started."
            )
        return Workspace.open(self.folder, database_url=self.database_url)


@contextmanager
def hired(url: str, workspace: Workspace, job_ids: list[int]) -> Iterator[Callable[[], bool]]:
    """Hand jobs to the workers of a Dask cluster; yield what raises when they cannot do them."""
    from distributed import KilledWorker

    from lensapp.learning.score.dask_cluster import dask_client

    database_url = workspace.database.url
    in_file = database_url.startswith("sqlite")
    shared = Shared(workspace.folder, database_url if in_file else None, socket.gethostname())
    with dask_client(url) as client:
        futures = [client.submit(finish_job, shared, job_id, pure=False) for job_id in job_ids]

        def require_workers() -> bool:
            for future in futures:
                if future.status == "error":
                    try:
                        future.result()
                    except KilledWorker as error:
                        raise LensAppError(
                            f"Workers of the Dask cluster at {url} are lost again and again ({error}). Give "
                            "them more memory, or make the batches smaller, and resume."
                        ) from error
            if client.status != "running" or any(future.status == "cancelled" for future in futures):
                raise LensAppError(
                    f"The Dask scheduler at {url} does not answer any more. Start it and its workers again "
                    "and resume; what was learned is kept."
                )
            return False

        yield require_workers


def finish_job(shared: Shared, job_id: int) -> None:
    """Bring a job to its end in a process of its own, unless somebody else does; this is a Dask task."""
    workspace, name = shared.open(), worker_name()
    try:
        while queue.get_job(workspace.database, job_id).state in ("queued", "running"):
            claimed = queue.claim_job(workspace.database, worker=name, job_id=job_id)
            if claimed is None:
                time.sleep(worker.POLL_SECONDS)
            else:
                worker.run_apart(workspace, claimed, worker=name)
        queue.retire(workspace.database, worker=name)
    finally:
        workspace.database.close()
