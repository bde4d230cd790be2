"""Commands that messages and pages name can be copied as they are."""

import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from lensapp import jobs as queue
from lensapp.cli import running
from lensapp.core.errors import JobCancelled
from lensapp.core.typed_commands import as_typed_here, interpreter
from lensapp.storage.workspace import Workspace

PROJECT = Path(__file__).parents[2]


def test_a_command_that_is_named_can_be_typed(tmp_path: Path) -> None:
    Workspace.open(tmp_path / "a survey").database.close()
    typed = as_typed_here("sources --json", workspace=tmp_path / "a survey")
    done = subprocess.run(shlex.split(typed), cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


@pytest.mark.parametrize(
    ("executable", "active", "typed"),
    [
        (".venv/bin/python", False, ".venv/bin/python"),
        (".venv/bin/python3", True, "python"),
        ("/opt/my env/bin/python", False, "'/opt/my env/bin/python'"),
    ],
)
def test_the_interpreter_is_named_as_it_is_reached_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, executable: str, *, active: bool, typed: str
) -> None:
    path = tmp_path / executable
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(path))
    monkeypatch.setattr("shutil.which", lambda _: str(path.with_name("python")) if active else None)
    interpreter.cache_clear()
    assert as_typed_here("worker", workspace=tmp_path / "workspace") == f"{typed} -m lensapp worker"
    elsewhere = as_typed_here("worker", workspace=Path("/data/survey"))
    assert elsewhere == f"{typed} -m lensapp worker --workspace /data/survey"
    interpreter.cache_clear()


def test_a_job_that_was_paused_names_the_command_that_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ws = Workspace.open(tmp_path / "w")
    job = queue.enqueue(ws.database, kind="demo", title="Simulate sky", payload={})
    monkeypatch.setattr(running, "_run_or_follow", lambda _, one: replace(one, state="paused"))
    with pytest.raises(JobCancelled, match=f"go on with: .* -m lensapp resume {job.id} --workspace"):
        running.finish_here(ws, job)
