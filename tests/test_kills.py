"""A command that is killed, however often, goes on when it is given again, and ends as if nothing had been.

`make torture` kills each 50 times (LENSAPP_KILLS).
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lensapp import jobs
from lensapp.storage import queue, sources, tables
from lensapp.storage.arrays import PackedCutouts
from lensapp.storage.workspace import Workspace

KILLS = int(os.environ.get("LENSAPP_KILLS", "5"))
PROJECT = Path(__file__).parents[1]
DEMO = ["demo", "--name", "sky", "--count", "600", "--size", "32", "--bands", "r"]
COMMANDS = {
    "demo": DEMO,
    "ingest": ["ingest", "FILES", "--name", "sky", "--bands", "r"],
    "train": ["train", "parts", "--model", "elu_cnn", "--name", "net", "--epochs", "3", "--batch-size", "16"],
}
PREPARATION = {
    "demo": [],
    "ingest": [],
    "train": [DEMO, ["split", "sky", "--name", "parts", "--seed", "0"]],
}  # fmt: skip


def start(folder: Path, words: list[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "lensapp", "--workspace", str(folder), *words, "--json"]
    return subprocess.Popen(
        command,
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(folder: Path, words: list[str]) -> dict[str, Any]:
    process = start(folder, words)
    said, complaint = process.communicate(timeout=1000)
    assert process.returncode == 0, complaint
    return json.loads(said)


def kill_at_some_moment(folder: Path, words: list[str], *, after: float) -> None:
    """Kill a command with all its processes some time after it has taken its job."""
    process = start(folder, words)
    workspace = Workspace.open(folder)
    deadline = time.monotonic() + 120
    while process.poll() is None and not _is_under_way(workspace):
        assert time.monotonic() < deadline, "the command took no job"
        time.sleep(0.02)
    time.sleep(after)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    silence(workspace)
    workspace.database.close()


def _is_under_way(workspace: Workspace) -> bool:
    newest = jobs.recent(workspace.database, limit=1)
    return bool(newest) and (newest[0].silent_seconds or 1e9) < 100


def silence(workspace: Workspace) -> None:
    """Let the lease of whoever was killed be over, as it is 20 seconds later."""
    with workspace.database.write() as connection:
        connection.execute(tables.jobs.update().values(heartbeat_at=0.0))


def outcome(folder: Path) -> dict[str, Any]:
    """What a workspace holds in the end, without times."""
    workspace = Workspace.open(folder)
    source = sources.get_source(workspace.database, "sky")
    columns = sources.cutout_columns(
        workspace.database, [source.id], columns=("row", "candidate_id", "pixels_digest")
    )
    held: dict[str, Any] = {name: values.tolist() for name, values in columns.items()}
    held["pixels"] = np.asarray(PackedCutouts.open(workspace.cutouts_folder("sky")).read(columns["row"]))
    states = {(job.kind, job.state) for job in queue.list_jobs(workspace.database)}
    workspace.database.close()
    return held | {"states": states}


def files_of_survey(folder: Path) -> str:
    stack = np.random.default_rng(3).normal(size=(600, 24, 24)).astype(np.float32)
    folder.mkdir()
    for number, image in enumerate(stack):
        np.save(folder / f"g{number:04d}.npy", image)
    return str(folder)


@pytest.mark.slow
@pytest.mark.parametrize("kind", COMMANDS)
def test_a_command_killed_again_and_again_ends_as_one_that_was_left_alone(kind: str, tmp_path: Path) -> None:
    files = files_of_survey(tmp_path / "files") if kind == "ingest" else ""
    words = [files if word == "FILES" else word for word in COMMANDS[kind]]
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    for folder in (alone, killed):
        for preparation in PREPARATION[kind]:
            finish(folder, preparation)
    undisturbed = finish(alone, words)
    moments = random.Random(7)  # noqa: S311 - moments of kills
    for _ in range(KILLS):
        kill_at_some_moment(killed, words, after=moments.uniform(0, 1.5))
        if _is_done(killed, kind):
            break
    resumed = finish(killed, words) if not _is_done(killed, kind) else {}
    left_alone, held = outcome(alone), outcome(killed)
    np.testing.assert_array_equal(held.pop("pixels"), left_alone.pop("pixels"))
    assert held == left_alone
    for figure in ("run", "epochs", "accepted", "lenses"):
        if resumed and figure in undisturbed:
            assert resumed[figure] == undisturbed[figure]


def _is_done(folder: Path, kind: str) -> bool:
    workspace = Workspace.open(folder)
    job = jobs.latest_job(workspace.database, kind)
    workspace.database.close()
    return job is not None and job.state == "done"


def test_the_same_import_started_twice_at_once_runs_once(tmp_path: Path) -> None:
    files = files_of_survey(tmp_path / "files")
    words = ["ingest", files, "--name", "sky", "--bands", "r"]
    both = [start(tmp_path / "w", words) for _ in range(2)]
    said = [process.communicate(timeout=1000) for process in both]
    # One that comes when the other is done finds the name taken; else both tell the same result.
    assert {process.returncode for process in both} <= {0, 2}
    workspace = Workspace.open(tmp_path / "w")
    assert len(jobs.recent(workspace.database)) == 1, said
    source = sources.get_source(workspace.database, "sky")
    assert sources.count_cutouts(workspace.database, source.id) == 600
    workspace.database.close()


def test_an_interrupted_job_is_listed_and_resumed_by_its_number(tmp_path: Path) -> None:
    folder = tmp_path / "w"
    kill_at_some_moment(folder, DEMO, after=0.3)
    command = [sys.executable, "-m", "lensapp", "--workspace", str(folder), "--json", "jobs"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    [listed] = json.loads(done.stdout)
    assert (listed["kind"], listed["state"]) == ("demo", "stalled")
    assert finish(folder, ["resume", str(listed["job"])])["accepted"] == 600
    assert json.loads(
        subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    ) == []  # fmt: skip


def test_a_disk_that_is_full_ends_an_import_in_one_line_and_a_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lensapp import worker
    from lensapp.core.data.ingest_spec import IngestSpec
    from lensapp.services.data.sources import start_import
    from lensapp.storage import arrays

    def no_room(path: Path) -> None:
        raise OSError(28, "No space left on device", str(path))

    workspace = Workspace.open(tmp_path / "w")
    spec = IngestSpec.parse({"path": files_of_survey(tmp_path / "files"), "bands": ["r"]})
    job = start_import(workspace, name="sky", spec=spec)
    monkeypatch.setattr(arrays, "reserve", no_room)
    ended = worker.run_job(workspace, queue.claim_job(workspace.database, worker="w", job_id=job.id))
    assert (ended.state, ended.traceback) == ("failed", None)
    assert "no room for 600 cutouts (No space left on device): they need 1 MB" in ended.error
    assert not list((tmp_path / "w" / "cutouts" / "sky").glob("shard*"))
    monkeypatch.undo()
    again = start_import(workspace, name="sky", spec=spec)
    done = worker.run_job(workspace, queue.claim_job(workspace.database, worker="w", job_id=again.id))
    assert done.state == "done"
    workspace.database.close()
