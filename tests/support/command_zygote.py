"""Commands in processes that are forked with all libraries loaded, and killed at chosen moments.

A process that imports TensorFlow takes seconds to start. One that has imported everything and run nothing
forks a child for each command; the child is a session of its own, as a command of a user is.

This module is the main module of the processes that a command starts in turn: it imports nothing heavy.
"""

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

PROJECT = Path(__file__).parents[2]
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "shutil.rmtree")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
PRELOADED = (
    "tensorflow",
    "keras",
    "sklearn.ensemble",
    "optuna",
    "onnxruntime",
    "tf2onnx",
    "models.registry",
    "lensapp.handlers",
    "lensapp.worker",
    "lensapp.learning.studies.baselines",
    "lensapp.learning.studies.comparing",
    "lensapp.learning.studies.crossval",
    "lensapp.learning.studies.tuning",
    "lensapp.learning.score.scoring",
    "lensapp.learning.score.features",
    "lensapp.services.data.demo",
    "lensapp.services.data.painting",
    "lensapp.services.catalogue.feedback",
)


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit status (or minus the signal), what it wrote, how often it changed a store."""

    status: int
    said: str
    complaint: str
    changes: int

    def result(self) -> Any:
        assert self.status == 0, self.complaint
        return json.loads(self.said)


class Zygote:
    """The client's side: runs commands one after another."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._folder = folder

    def run(self, workspace: Path, words: list[str], *, kill_at: int = 0, delay: float = 0.0) -> Ended:
        """Run a command; with `kill_at`, kill it `delay` seconds after it is about to make that change.

        A change is a commit to the database, or a file that is opened for writing, renamed or removed in the
        workspace. Nothing of the command's session is left.
        """
        order = {"workspace": str(workspace), "words": words, "kill_at": kill_at, "delay": delay}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order | {"folder": str(self._folder)}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the process that forks commands has ended"
        said, complaint, changes = (self._folder / name for name in ("stdout", "stderr", "changes"))
        count = int(changes.read_text()) if changes.exists() else 0
        return Ended(int(answer), said.read_text(), complaint.read_text(), count)


@contextmanager
def zygote(folder: Path) -> Iterator[Zygote]:
    """Start the process that forks; it ends with the context."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(PROJECT), str(PROJECT / "tests")]),
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "CUDA_VISIBLE_DEVICES": "",
    }
    with (folder / "zygote.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "support.command_zygote"],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        yield Zygote(process, folder)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()


def serve(orders: IO[str]) -> None:
    """Fork a child for each order and answer with its end."""
    from importlib import import_module

    from lensapp.cli.commands import make_parser

    for name in PRELOADED:
        import_module(name)
    make_parser()  # imports the commands
    assert len(threading.enumerate()) == 1, "threads do not survive a fork"
    for line in iter(orders.readline, ""):
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _be_a_command(order)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _be_a_command(order: dict[str, Any]) -> None:
    from lensapp.cli import main

    os.setsid()
    folder = Path(order["folder"])
    (folder / "changes").unlink(missing_ok=True)
    for name, number in (("/dev/null", 0), ("stdout", 1), ("stderr", 2)):
        opened = os.open(folder / name, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(opened, number)
        os.close(opened)
    changes = count_changes(order["workspace"], kill_at=order["kill_at"], delay=order["delay"])
    status = main(["--workspace", order["workspace"], *order["words"], "--json"])
    (folder / "changes").write_text(str(next(changes) - 1))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # the libraries' ends would wait for threads that did not come along


def count_changes(workspace: str, *, kill_at: int, delay: float) -> Iterator[int]:
    """Number the changes from 1 on, and end this session `delay` seconds after the change `kill_at`."""
    from sqlalchemy import Engine, event

    numbers = itertools.count(1)

    def change(*_: object) -> None:
        if next(numbers) == kill_at:
            if delay:
                threading.Timer(delay, os.killpg, [0, signal.SIGKILL]).start()
            else:
                os.killpg(0, signal.SIGKILL)

    def audit(name: str, arguments: tuple[Any, ...]) -> None:
        if name == "open":
            path, _, flags = arguments
            if flags & WRITING and str(path).startswith(workspace):
                change()
        elif name in CHANGES and str(arguments[0]).startswith(workspace):
            change()

    event.listen(Engine, "commit", change)
    sys.addaudithook(audit)
    return numbers


if __name__ == "__main__":
    serve(sys.stdin)
