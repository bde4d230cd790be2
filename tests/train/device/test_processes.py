"""A training that is divided over processes learns what one process learns, and outlives each of them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lensapp.cli import main
from lensapp.core.errors import InvalidInput
from lensapp.learning.train.processes import Group
from lensapp.services.train import runs as run_service
from lensapp.storage import runs
from lensapp.storage.workspace import Workspace
from support.app_in_browser import free_port
from support.study_workspace import DATASET, study_workspace

PROJECT = Path(__file__).parents[3]
DIES = """
import os, signal, sys
from lensapp.learning.train.run_training import take_part
from lensapp.services.train.runs import wait_for_training
from lensapp.storage.workspace import Workspace
steps = 0
def die():
    global steps
    steps += 1
    if steps == 13:  # of the second epoch
        os.kill(os.getpid(), signal.SIGKILL)
ws = Workspace.open(sys.argv[1])
wait_for_training(ws, "both")
take_part(ws, run_name="both", should_stop=die)
"""


def recipe(name: str) -> list[str]:
    options = json.dumps({"filters": 2, "dense_units": 4})
    given = ["--model", "simple_cnn", "--network-options", options, "--epochs", "3", "--batch-size", "6"]
    return ["train", DATASET, "--name", name, *given, "--device", "cpu", "--learning-rate", "0.02"]


def epochs_of(ws: Workspace, name: str) -> list[tuple[Any, ...]]:
    rows = runs.metrics_of(ws.database, runs.get_run(ws.database, name).id)
    return [(row["epoch"], row["loss"], row["auc"], row["val_loss"], row["val_auc"]) for row in rows]


def train_here(ws: Workspace, name: str) -> None:
    assert main(["--workspace", str(ws.folder), *recipe(name)]) == 0


@pytest.mark.long
@pytest.mark.timeout(600)
def test_two_processes_learn_what_one_learns_and_when_one_is_killed_the_run_goes_on(tmp_path: Path) -> None:
    ws = study_workspace(tmp_path / "workspace")
    hosts = f"127.0.0.1:{free_port()},127.0.0.1:{free_port()}"
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "KERAS_BACKEND": "tensorflow"}
    member = subprocess.Popen(
        [sys.executable, "-c", DIES, str(ws.folder)],
        env=environment | {"LENSAPP_HOSTS": hosts, "LENSAPP_MEMBER": "1"},
    )
    first = subprocess.run(
        [sys.executable, "-m", "lensapp", "--workspace", ws.folder, *recipe("both"), "--hosts", hosts],
        cwd=PROJECT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert member.wait() == -signal.SIGKILL
    assert first.returncode == 2, first.stderr
    assert "Another process of this training was lost. Start all of them again" in first.stderr
    left = run_service.run_status(ws, "both")
    assert (left.state, left.can_resume) == ("failed", True)
    (together,) = epochs_of(ws, "both")
    train_here(ws, "alone")
    assert epochs_of(ws, "alone")[2][2] > 0.8  # it has learned something
    assert together == pytest.approx(epochs_of(ws, "alone")[0], abs=1e-5)
    train_here(ws, "both")
    for mine, theirs in zip(epochs_of(ws, "both"), epochs_of(ws, "alone"), strict=True):
        assert mine == pytest.approx(theirs, abs=1e-5)
    devices = [row["device"] for row in runs.metrics_of(ws.database, left.run.id)]
    assert devices == ["2 × cpu", "cpu:0", "cpu:0"]


def start(ws: Workspace, *arguments: str, hosts: str = "", member: int = 0) -> subprocess.Popen[str]:
    group = ["--hosts", hosts, "--member", str(member)] if hosts else []
    return subprocess.Popen(
        [sys.executable, "-m", "lensapp", "--workspace", ws.folder, *arguments, *group],
        cwd=PROJECT, env=os.environ | {"KERAS_BACKEND": "jax"}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.long
@pytest.mark.timeout(900)
def test_on_jax_two_processes_learn_what_one_learns_also_after_one_was_killed(tmp_path: Path) -> None:
    pytest.importorskip("jax", reason="needs jax")
    ws = study_workspace(tmp_path / "workspace")
    hosts = f"127.0.0.1:{free_port()},127.0.0.1:{free_port()}"
    first = start(ws, *recipe("both"), hosts=hosts)
    member = subprocess.Popen(
        [sys.executable, "-c", DIES, str(ws.folder)],
        env=os.environ
        | {"PYTHONPATH": str(PROJECT), "KERAS_BACKEND": "jax"}
        | {"LENSAPP_HOSTS": hosts, "LENSAPP_MEMBER": "1"},
    )
    said = first.communicate()[1]
    assert member.wait() == -signal.SIGKILL
    assert first.returncode == 2, said
    assert "Another process of this training was lost. Start all of them again" in said
    left = run_service.run_status(ws, "both")
    assert (left.state, left.can_resume) == ("failed", True)
    assert len(epochs_of(ws, "both")) in (1, 2)

    hosts = f"127.0.0.1:{free_port()},127.0.0.1:{free_port()}"
    again = [start(ws, *recipe("both"), hosts=hosts, member=number) for number in (0, 1)]
    alone = start(ws, *recipe("alone"))
    for process in (*again, alone):
        said = process.communicate()[1]
        assert process.returncode == 0, said
    for mine, theirs in zip(epochs_of(ws, "both"), epochs_of(ws, "alone"), strict=True):
        assert mine == pytest.approx(theirs, abs=1e-5)
    assert {row["device"] for row in runs.metrics_of(ws.database, left.run.id)} == {"2 × cpu"}


@pytest.mark.parametrize(
    ("hosts", "member"), [("a:1,b:1", "2"), ("a:1,b:1", ""), ("a:1,b", "0"), ("a:1,b:1", "first")]
)
def test_processes_that_do_not_fit_together_are_refused(monkeypatch, hosts: str, member: str) -> None:
    monkeypatch.setenv("LENSAPP_HOSTS", hosts)
    monkeypatch.setenv("LENSAPP_MEMBER", member)
    with pytest.raises(InvalidInput, match="Give HOST:PORT for each, and number them from 0"):
        Group.of_environment()
    monkeypatch.setenv("LENSAPP_HOSTS", " ")
    assert Group.of_environment() is None


def test_a_process_that_finds_no_training_to_take_part_in_says_what_to_start(tmp_path: Path, capsys) -> None:
    ws = study_workspace(tmp_path / "workspace")
    with pytest.raises(InvalidInput, match="No training called both has begun within 0 seconds"):
        run_service.wait_for_training(ws, "both", seconds=0.0)
    nameless = [part for part in recipe("both") if part not in ("--name", "both")]
    assert main(["--workspace", str(ws.folder), *nameless, "--hosts", "a:1,b:1", "--member", "1"]) == 2
    assert "must know the run that they train together" in capsys.readouterr().err
