"""A command that is killed, however often, goes on when it is given again, and ends as if nothing had been.

`make torture` kills each 50 times (LENSAPP_KILLS).
"""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest

from lensapp import jobs
from lensapp.storage import datasets, queue, reviews, sources, tables
from lensapp.storage.workspace import Workspace
from support.command_zygote import Zygote, zygote
from support.small_surveys import add_votes
from support.workspace_contents import contents, without_times

KILLS = int(os.environ.get("LENSAPP_KILLS", "5"))
PROJECT = Path(__file__).parents[1]
ALONE = ["--unlabelled", "0"]
DEMO = ["demo", "--name", "sky", "--count", "600", "--size", "32", "--bands", "r", *ALONE]
PREPARED_JOBS = 2  # a survey and a network
QUICK = ["--epochs", "2", "--batch-size", "16", "--device", "cpu"]
TINY = ["--network-options", '{"filters": 1, "dense_units": 2}', *QUICK]
SIMPLE = ["--model", "simple_cnn", *TINY]
OPTIONS = ["--models", "simple_cnn", "--options", '{"simple_cnn": {"filters": 1, "dense_units": 2}}']
COMMANDS = {
    "demo": ["demo", "--name", "new", "--count", "300", "--size", "24", "--bands", "r", *ALONE],
    "paint": ["paint", "sky", "--name", "new", "--count", "8"],
    "ingest": ["ingest", "FILES", "--name", "new", "--bands", "r"],
    "train": ["train", "parts", "--name", "new", *SIMPLE],
    "evaluate": ["evaluate", "net"],
    "kfold": ["kfold", "parts", "--name", "new", "--folds", "2", *SIMPLE],
    "search": ["search", "parts", "--name", "new", "--trials", "2", "--search", "learning_rate", *SIMPLE],
    "compare": ["compare", "parts", "--name", "new", *OPTIONS, *QUICK],
    "baselines": ["baselines", "parts", "--name", "new", "--kinds", "tree,logistic", "--on", "pixels"],
    "score": ["score", "net", "sky"],
    "features": ["features", "net", "sky"],
    "label": ["label", "look", "--as", "new"],
}

ORDINARY = ("demo", "ingest", "train", "score", "label")
"""Those that every `make test` kills; `make torture` kills all."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Zygote, Path]]:
    """A workspace with a survey, a dataset version, a network and votes, and what runs commands on copies."""
    folder = tmp_path_factory.mktemp("prepared")
    with zygote(folder) as commands:
        base = folder / "workspace"
        for words in (
            ["demo", "--name", "sky", "--count", "80", "--size", "24", "--bands", "r", *ALONE],
            ["split", "sky", "--name", "parts", "--seed", "0"],
            ["train", "parts", "--name", "net", *SIMPLE],
            ["review", "look", "sky"],
        ):
            commands.run(base, words).result()
        workspace = Workspace.open(base)
        review = reviews.get_review(workspace.database, "look")
        add_votes(workspace, review, "Ada", dict(zip(range(1, 41), "AX" * 20, strict=True)))
        workspace.database.close()
        files_of_survey(folder / "files", count=300)
        yield commands, base


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


def files_of_survey(folder: Path, *, count: int = 600) -> str:
    stack = np.random.default_rng(3).normal(size=(count, 24, 24)).astype(np.float32)
    folder.mkdir()
    for number, image in enumerate(stack):
        np.save(folder / f"g{number:04d}.npy", image)
    return str(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    [kind if kind in ORDINARY else pytest.param(kind, marks=pytest.mark.long) for kind in COMMANDS],
)
def test_a_command_killed_again_and_again_ends_as_one_that_was_left_alone(
    kind: str, prepared: tuple[Zygote, Path], tmp_path: Path
) -> None:
    commands, base = prepared
    words = [str(base.parent / "files") if word == "FILES" else word for word in COMMANDS[kind]]
    undisturbed = commands.run(copytree(base, tmp_path / "alone"), words)
    said, left_alone = without_times(undisturbed.result()), contents(tmp_path / "alone")
    moments = random.Random(kind)  # noqa: S311 - moments of kills
    kills = 0
    for copy in itertools.count():
        folder = copytree(base, tmp_path / f"killed-{copy}")
        killed, last = kill_to_the_end(
            commands, folder, words, moments, most=KILLS - kills, changes=undisturbed.changes
        )
        kills += killed
        assert last is None or without_times(last) == said
        assert contents(folder) ^ left_alone == set()
        if kills >= KILLS:
            return


def kill_to_the_end(
    commands: Zygote, folder: Path, words: list[str], moments: random.Random, *, most: int, changes: int
) -> tuple[int, Any]:
    """Kill a command at moments spread over its changes, and give it or resume its job, until it has ended.

    Returns
    -------
    tuple
        How many kills it took, `most` at the most, and what the same command said in the end; None where the
        job was resumed by its number, or its end was stored before the last kill.
    """
    killed, given = 0, words
    while True:
        latest = changes if not killed else changes // 2  # it goes on where it was
        kill_at = moments.randint(1, latest) if killed < most else 0
        ended = commands.run(folder, given, kill_at=kill_at, delay=max(moments.uniform(-0.05, 0.05), 0))
        if ended.status != -signal.SIGKILL:
            return killed, ended.result() if given == words else ended.result() and None
        killed += 1
        workspace = Workspace.open(folder)
        silence(workspace)
        is_done = _is_done(workspace, words)
        workspace.database.close()
        if is_done:
            return killed, None
        listed = commands.run(folder, ["jobs"]).result()
        assert [job["state"] for job in listed] in ([], ["queued"], ["stalled"])
        given = ["resume", str(listed[0]["job"])] if listed and killed % 2 else words


def _is_done(workspace: Workspace, words: list[str]) -> bool:
    """Return whether a command was killed after all that it does was stored."""
    if words[0] == "label":
        return words[-1] in [dataset.name for dataset in datasets.list_datasets(workspace.database)]
    newest = jobs.recent(workspace.database, limit=1)[0]
    return newest.id > PREPARED_JOBS and newest.state == "done"


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
