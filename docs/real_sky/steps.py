"""Run commands of the command line once each, and keep what they answered and what they cost."""

import io
import json
import os
import shlex
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from lensapp.cli import main as run_command

RESULTS = "real-sky.json"


class Steps:
    """Commands of the command line, each of which runs once per workspace."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / RESULTS
        self.answers: dict[str, Any] = json.loads(self.path.read_text("utf-8")) if self.path.exists() else {}

    def run(self, command: str) -> Any:
        """Return what a command prints; that of an earlier run where there is one."""
        if command not in self.answers:
            began, busy, printed = time.monotonic(), _processor_seconds(), io.StringIO()
            with redirect_stdout(printed):  # in this process: a network library takes seconds to start
                status = run_command(["--workspace", str(self.folder), *shlex.split(command), "--json"])
            if status:
                raise SystemExit(f"{command} ended with {status}.")
            seconds, processor = time.monotonic() - began, _processor_seconds() - busy
            sys.stderr.write(f"{seconds:6.0f} s {processor:6.0f} s of processors  {command}\n")
            answer = json.loads(printed.getvalue().strip().splitlines()[-1])
            if self.path.exists():  # another process may train other seeds meanwhile
                self.answers |= json.loads(self.path.read_text("utf-8"))
            self.answers[command] = {"answer": answer, "seconds": seconds, "processor_seconds": processor}
            # Whole or not at all: what is interrupted here goes on from the step before.
            fresh = self.path.with_suffix(".new")
            fresh.write_text(json.dumps(self.answers, indent=1), "utf-8")
            fresh.replace(self.path)
        return self.answers[command]["answer"]

    def minutes(self, kind: str) -> float:
        """Return what all steps took: "seconds" by the clock, or "processor_seconds"."""
        return float(sum(step[kind] for step in self.answers.values())) / 60


def _processor_seconds() -> float:
    """Return the seconds that processors spent on this process and on those it started and saw end."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system
