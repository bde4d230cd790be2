"""The worker, its children and their ends."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lensapp import jobs, worker
from lensapp.services import workers
from lensapp.services.workers import ensure_worker, worker_alive
from lensapp.storage import queue, sources, tables
from lensapp.storage.workspace import Workspace

PROJECT = Path(__file__).parents[1]
SLOW_DEMO = {"name": "slow", "spec": {"count": 500, "size": 32, "bands": ["r"]}}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.open(tmp_path / "workspace")


@pytest.fixture
def start_worker(workspace: Workspace) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "lensapp", "--workspace", str(workspace.folder), "worker"]
        started.append(subprocess.Popen(command, cwd=PROJECT, start_new_session=True))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        time.sleep(0.1)


def test_a_job_runs_in_a_process_of_its_own_and_its_end_is_stored(workspace, start_worker):
    payload = {"name": "small", "spec": {"count": 8, "size": 32, "bands": ["r"]}}
    job = jobs.enqueue(workspace.database, kind="demo", title="small demo", payload=payload)
    start_worker()
    wait_for(lambda: queue.get_job(workspace.database, job.id).state == "done")
    assert sources.get_source(workspace.database, "small").state == "ready"


def test_a_job_whose_processes_were_killed_is_taken_up_again(workspace, start_worker):
    job = jobs.enqueue(workspace.database, kind="demo", title="slow demo", payload=SLOW_DEMO)
    first = start_worker()
    wait_for(lambda: bool(queue.get_job(workspace.database, job.id).progress.get("fraction")))
    os.killpg(first.pid, signal.SIGKILL)
    _let_20_seconds_pass(workspace)
    start_worker()
    wait_for(lambda: queue.get_job(workspace.database, job.id).state == "done", seconds=120)
    ended = queue.get_job(workspace.database, job.id)
    assert ended.attempt == 2
    assert (
        sources.count_cutouts(workspace.database, sources.get_source(workspace.database, "slow").id)
        == SLOW_DEMO["spec"]["count"]
    )


def _let_20_seconds_pass(workspace: Workspace) -> None:
    """Have what works be silent for longer than is waited for it."""
    with workspace.database.write() as connection:
        connection.execute(tables.jobs.update().values(heartbeat_at=0.0))
        connection.execute(tables.workers.update().values(heartbeat_at=0.0))


def test_a_job_whose_process_dies_keeps_its_last_words(workspace, start_worker):
    job = jobs.enqueue(workspace.database, kind="demo", title="slow demo", payload=SLOW_DEMO)
    serving = start_worker()
    wait_for(lambda: bool(queue.get_job(workspace.database, job.id).progress.get("fraction")))
    log = workspace.folder / "jobs" / f"{job.id}.log"
    log.write_text("loading\nno memory left\n")
    [child] = Path(f"/proc/{serving.pid}/task/{serving.pid}/children").read_text().split()
    os.kill(int(child), signal.SIGKILL)
    wait_for(lambda: queue.get_job(workspace.database, job.id).state == "failed")
    ended = queue.get_job(workspace.database, job.id)
    assert "was killed (signal 9, often too little memory). Last log line: no memory left." in ended.error
    assert ended.traceback == "loading\nno memory left"
    assert queue.last_lines(workspace, job.id) == ["loading", "no memory left"]  # the drawer shows it


def test_logs_of_the_latest_jobs_are_kept(workspace):
    for number in range(1, queue.LOGS_KEPT + 6):
        with queue.open_log(workspace, number) as log:
            log.write(b"said\n")
    queue.forget_old_logs(workspace)
    kept = {number for number in range(1, queue.LOGS_KEPT + 6) if queue.last_lines(workspace, number)}
    assert kept == set(range(6, queue.LOGS_KEPT + 6))


def test_a_stopped_job_ends_cancelled_and_the_source_is_not_readable(workspace, start_worker):
    longer = SLOW_DEMO | {"spec": SLOW_DEMO["spec"] | {"count": 20_000}}  # or it could end before it hears
    job = jobs.enqueue(workspace.database, kind="demo", title="slow demo", payload=longer)
    start_worker()
    wait_for(lambda: bool(queue.get_job(workspace.database, job.id).progress.get("fraction")))
    jobs.stop(workspace.database, job.id)
    wait_for(lambda: queue.get_job(workspace.database, job.id).state == "cancelled")
    assert sources.get_source(workspace.database, "slow").state == "importing"


def test_a_job_that_fails_in_a_way_the_user_can_mend_keeps_one_line_and_no_traceback(workspace):
    jobs.enqueue(workspace.database, kind="train", title="no such run", payload={"run": "nothing"})
    claimed = queue.claim_job(workspace.database, worker="here")
    queue.update_job(workspace.database, claimed, kind="score", payload={"run": "nothing", "source": "none"})
    ended = worker.run_job(workspace, queue.get_job(workspace.database, claimed.id))
    assert ended.state == "failed"
    assert ended.traceback is None
    assert "called 'nothing'" in ended.error


def test_an_unforeseen_error_is_stored_with_its_traceback(workspace):
    jobs.enqueue(workspace.database, kind="demo", title="broken payload", payload={"name": "x"})
    ended = worker.run_job(workspace, queue.claim_job(workspace.database, worker="here"))
    assert ended.state == "failed"
    assert "KeyError" in ended.traceback


def test_two_web_pages_at_once_start_one_worker_which_outlives_them(workspace):
    started = [ensure_worker(workspace), ensure_worker(workspace)]
    try:
        assert started == [True, False]
        wait_for(lambda: worker_alive(workspace))
    finally:
        subprocess.run(["pkill", "-f", f"{workspace.folder} worker"], check=False)


def test_the_keeper_replaces_a_killed_worker_and_its_job_goes_on(workspace, monkeypatch):
    monkeypatch.setattr(workers, "SUPERVISION_SECONDS", 0.2)
    job = jobs.enqueue(workspace.database, kind="demo", title="slow demo", payload=SLOW_DEMO)

    async def serve_pages() -> list[int]:
        keeping = asyncio.create_task(workers.keep_worker(workspace))
        await asyncio.to_thread(
            wait_for, lambda: bool(queue.get_job(workspace.database, job.id).progress.get("fraction"))
        )
        first = workers.STARTED[-1].process.pid
        os.killpg(first, signal.SIGKILL)
        _let_20_seconds_pass(workspace)
        await asyncio.to_thread(
            wait_for, lambda: queue.get_job(workspace.database, job.id).state == "done", seconds=120
        )
        keeping.cancel()
        return [first, workers.STARTED[-1].process.pid]

    try:
        first, second = asyncio.run(serve_pages())
    finally:
        os.killpg(workers.STARTED[-1].process.pid, signal.SIGKILL)
    assert first != second
    assert queue.get_job(workspace.database, job.id).attempt == 2
    source = sources.get_source(workspace.database, "slow")
    assert sources.count_cutouts(workspace.database, source.id) == SLOW_DEMO["spec"]["count"]


def test_a_worker_that_is_slow_to_begin_is_not_joined_by_others(workspace, tmp_path, monkeypatch):
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nexec sleep 600\n")
    slow.chmod(0o700)
    monkeypatch.setattr(workers.sys, "executable", str(slow))

    def later() -> bool:
        """Whether another is started when the booking of the last is over."""
        with workspace.database.write() as connection:
            connection.execute(tables.workers.update().values(heartbeat_at=0.0))
        return ensure_worker(workspace)

    try:
        assert (ensure_worker(workspace), later(), later()) == (True, False, False)
        first = workers.STARTED[-1].process
        first.kill()
        first.wait()
        assert later()
        monkeypatch.setattr(workers, "STARTING_SECONDS", 0.0)  # as it is five minutes later
        assert later()
    finally:
        for one in workers.STARTED:
            if one.folder == workspace.folder:
                one.process.kill()


def test_no_worker_is_started_where_the_user_starts_them(workspace, monkeypatch):
    monkeypatch.setenv("LENSAPP_WORKER", "0")
    assert ensure_worker(workspace) is False
    assert queue.living_workers(workspace.database) == []
