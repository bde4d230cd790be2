"""Jobs: claimed once, taken over when stale, fenced, paused, stopped, resumed."""

import multiprocessing
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update

from lensapp import jobs
from lensapp.core.errors import InvalidInput, JobCancelled, NotFound
from lensapp.core.progress import ProgressMeter
from lensapp.storage import queue, tables
from lensapp.storage.database import Database
from lensapp.storage.records import Job
from support.database_servers import BACKENDS, claim_all, empty_database


@pytest.fixture(params=BACKENDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with empty_database(request.param, tmp_path) as url:
        opened = Database(url)
        opened.migrate()
        yield opened
        opened.close()


def add(database: Database, title: str = "t") -> Job:
    return jobs.enqueue(database, kind="train", title=title, payload={"run": "r"})


def claim(database: Database, worker: str = "w") -> Job:
    job = queue.claim_job(database, worker=worker)
    assert job is not None
    return job


def silence(database: Database, job: Job) -> None:
    """Let a job's last heartbeat be long ago."""
    with database.write() as connection:
        table = tables.jobs
        long_ago = time.time() - 10 * queue.STALE_SECONDS
        connection.execute(update(table).where(table.c.id == job.id).values(heartbeat_at=long_ago))


def test_jobs_are_claimed_oldest_first_and_only_while_they_wait(database: Database) -> None:
    first, second = add(database, "1"), add(database, "2")
    claimed = claim(database)
    assert (claimed.id, claimed.state, claimed.worker, claimed.attempt) == (first.id, "running", "w", 1)
    assert claim(database).id == second.id
    assert queue.claim_job(database, worker="w") is None


def test_a_job_put_first_is_claimed_before_those_that_wait_longer(database: Database) -> None:
    first, second, third = (add(database, title) for title in "123")
    assert jobs.put_first(database, second.id)
    assert jobs.put_first(database, third.id)
    assert [key for key, *_ in queue.active_states(database)] == [third.id, second.id, first.id]
    assert [claim(database).id for _ in range(3)] == [third.id, second.id, first.id]
    assert not jobs.put_first(database, first.id), "it waits no more"


def test_one_job_can_be_claimed_by_number(database: Database) -> None:
    add(database)
    second = add(database)
    claimed = queue.claim_job(database, worker="w", job_id=second.id)
    assert claimed is not None
    assert claimed.id == second.id
    assert queue.claim_job(database, worker="w", job_id=second.id) is None


def test_two_processes_never_claim_the_same_job(database: Database) -> None:
    added = [add(database, str(k)).id for k in range(60)]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        taken = pool.starmap(claim_all, [(database.url, f"w{k}", 60) for k in range(2)], chunksize=1)
    assert sorted(taken[0] + taken[1]) == added
    for job_id in added:
        job = queue.get_job(database, job_id)
        assert (job.state, job.attempt) == ("done", 1)


def test_a_job_without_heartbeat_is_claimed_again_and_the_first_worker_is_fenced_off(
    database: Database,
) -> None:
    add(database)
    lost = jobs.RunningJob(database, claim(database, "slow"))
    lost.report({"fraction": 0.1})
    silence(database, lost.job)
    taken = claim(database, "fresh")
    assert (taken.id, taken.attempt, taken.worker) == (lost.job.id, 2, "fresh")
    assert lost.should_stop() == "stop"
    with pytest.raises(JobCancelled, match="taken over"):
        lost.report({"fraction": 0.9})
    assert not lost.finish("done", result={"wrong": True})
    current = queue.get_job(database, taken.id)
    assert (current.state, current.progress, current.result) == ("running", {"fraction": 0.1}, None)
    assert jobs.RunningJob(database, taken).finish("done", result={"right": True})
    assert queue.get_job(database, taken.id).result == {"right": True}


def test_a_job_with_a_recent_heartbeat_is_left_to_its_worker(database: Database) -> None:
    add(database)
    claim(database)
    assert queue.claim_job(database, worker="other") is None


def test_a_running_job_beats_without_reporting(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "HEARTBEAT_SECONDS", 0.02)
    add(database)
    job = claim(database)
    silence(database, job)
    with jobs.RunningJob(database, job):
        deadline = time.monotonic() + 10
        while (queue.get_job(database, job.id).heartbeat_at or 0) < job.heartbeat_at:  # type: ignore[operator]
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_a_heartbeat_survives_a_passing_fault_of_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "HEARTBEAT_SECONDS", 0.02)
    database = Database(f"sqlite:///{tmp_path / 'jobs.db'}")
    database.migrate()
    add(database)
    with jobs.RunningJob(database, claim(database)) as running:
        with database.write() as connection:
            connection.execute(text("ALTER TABLE jobs RENAME TO jobs_away"))
        time.sleep(0.2)
        with database.write() as connection:
            connection.execute(text("ALTER TABLE jobs_away RENAME TO jobs"))
        silence(database, running.job)
        deadline = time.monotonic() + 60
        while queue.get_job(database, running.job.id).silent_seconds > queue.STALE_SECONDS:
            assert time.monotonic() < deadline, "no heartbeat came"
            time.sleep(0.02)
    database.close()


def test_a_stopped_job_that_waits_ends_at_once(database: Database) -> None:
    job = add(database)
    jobs.stop(database, job.id)
    stopped = queue.get_job(database, job.id)
    assert stopped.state == "cancelled"
    assert stopped.finished_at is not None
    assert queue.claim_job(database, worker="w") is None


@pytest.mark.parametrize(("ask", "word"), [(jobs.pause, "pause"), (jobs.stop, "stop")])
def test_a_running_job_hears_the_command(database: Database, ask: Any, word: str) -> None:
    add(database)
    running = jobs.RunningJob(database, claim(database))
    assert running.should_stop() is None
    ask(database, running.job.id)
    running._asked_at = 0.0
    assert running.should_stop() == word
    assert queue.get_job(database, running.job.id).state == "running"


def test_a_stop_stays_one_when_a_pause_comes_after_it(database: Database) -> None:
    add(database)
    job = claim(database)
    assert jobs.pause(database, job.id)
    assert jobs.stop(database, job.id)  # what is pausing may still be stopped
    assert not jobs.pause(database, job.id)
    assert queue.get_job(database, job.id).command == "stop"


def test_a_paused_job_resumes_from_the_queue_and_forgets_the_command(database: Database) -> None:
    add(database)
    running = jobs.RunningJob(database, claim(database))
    jobs.pause(database, running.job.id)
    running.finish("paused")
    assert jobs.active(database)[0].state == "paused"
    assert queue.claim_job(database, worker="w") is None
    assert jobs.resume(database, running.job.id)
    again = claim(database)
    assert (again.id, again.command, again.attempt) == (running.job.id, None, 2)


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_job_that_ended_badly_can_be_resumed_without_its_old_error(database: Database, state: str) -> None:
    add(database)
    running = jobs.RunningJob(database, claim(database))
    running.finish(state, error="no", traceback="line 1")
    assert jobs.resume(database, running.job.id)
    again = queue.get_job(database, running.job.id)
    assert (again.state, again.error, again.traceback, again.finished_at) == ("queued", None, None, None)


def test_a_finished_or_running_job_cannot_be_resumed(database: Database) -> None:
    add(database)
    running = jobs.RunningJob(database, claim(database))
    assert not jobs.resume(database, running.job.id)
    running.finish("done")
    assert not jobs.resume(database, running.job.id)
    jobs.stop(database, running.job.id)
    assert queue.get_job(database, running.job.id).state == "done"


def test_listings_are_newest_first(database: Database) -> None:
    ids = [add(database, str(k)).id for k in range(4)]
    jobs.RunningJob(database, claim(database)).finish("done")
    assert [job.id for job in jobs.active(database)] == ids[:0:-1]
    assert [job.id for job in jobs.recent(database, limit=2)] == ids[:1:-1]


def test_an_unknown_kind_and_an_unknown_number_are_refused(database: Database) -> None:
    with pytest.raises(InvalidInput, match="no job of kind 'dance'"):
        jobs.enqueue(database, kind="dance", title="t", payload={})
    with pytest.raises(NotFound, match="no job with the number 999"):
        queue.get_job(database, 999)


def test_workers_live_by_their_heartbeat(database: Database) -> None:
    name = jobs.worker_name()
    queue.beat(database, worker=name, host="h")
    queue.beat(database, worker=name, host="h")
    assert queue.living_workers(database) == [name]
    with database.write() as connection:
        connection.execute(update(tables.workers).values(heartbeat_at=time.time() - 2 * queue.STALE_SECONDS))
    assert queue.living_workers(database) == []
    queue.beat(database, worker=name, host="h")
    queue.retire(database, worker=name)
    assert queue.living_workers(database) == []


def test_only_one_of_many_web_pages_starts_a_worker(database: Database) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(queue.announce, [database] * 8)) == 1
    queue.beat(database, worker="w", host="h")
    assert not queue.announce(database)


def test_a_text_of_progress_that_cannot_be_written_fails_before_the_work_begins() -> None:
    assert ProgressMeter(print, 12_345, "{done} of {total} objects").text == "0 of 12\u202f345 objects"
    with pytest.raises(ValueError, match="Cannot specify"):
        ProgressMeter(print, 12_345, "{done:,} of {total:,} objects")
