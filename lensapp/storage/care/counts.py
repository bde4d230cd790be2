"""How many jobs, votes and workers a database holds, counted in one transaction for a monitor."""

from dataclasses import dataclass

from sqlalchemy import func, select

from lensapp.storage import tables
from lensapp.storage.database import Database, DatabaseTime
from lensapp.storage.queue import ALIVE, REPORTED


@dataclass(frozen=True)
class Counts:
    """What a monitor counts.

    Attributes
    ----------
    jobs
        Number of jobs by state.
    votes
        Number of votes ever cast, undone and replaced ones included.
    workers
        Workers with a recent heartbeat.
    heartbeat_age_seconds
        Since the last heartbeat of any worker, by the database's clock; None where none is known.
    """

    jobs: dict[str, int]
    votes: int
    workers: int
    heartbeat_age_seconds: float | None


def count_for_monitor(database: Database) -> Counts:
    """Count jobs, votes and workers."""
    jobs, workers = tables.jobs, tables.workers
    with database.read() as connection:
        states = connection.execute(select(jobs.c.state, func.count()).group_by(jobs.c.state)).all()
        age = connection.scalar(select(DatabaseTime() - func.max(workers.c.heartbeat_at)).where(REPORTED))
        return Counts(
            dict(tuple(row) for row in states),
            connection.scalar(select(func.count()).select_from(tables.votes)) or 0,
            connection.scalar(select(func.count()).select_from(workers).where(ALIVE)) or 0,
            None if age is None else max(float(age), 0.0),
        )
