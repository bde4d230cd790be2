"""What a job's process writes to its error output, kept while it runs: a death has no other witness."""

from pathlib import Path
from typing import BinaryIO

from lensapp.storage.workspace import Workspace

LINES = 20
BYTES_READ = 16_384


def open_log(workspace: Workspace, job_id: int) -> BinaryIO:
    """Return the emptied log of a job, open for writing."""
    path = _path(workspace, job_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("wb")


def last_lines(workspace: Workspace, job_id: int) -> list[str]:
    """Return the last lines of a job's log, oldest first; none where it is not on this machine."""
    try:
        with _path(workspace, job_id).open("rb") as log:
            log.seek(max(log.seek(0, 2) - BYTES_READ, 0))
            lines = log.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return [line.rstrip() for line in lines if line.strip()][-LINES:]


def remove_log(workspace: Workspace, job_id: int) -> None:
    """Forget the log of a job whose end is stored."""
    _path(workspace, job_id).unlink(missing_ok=True)


def _path(workspace: Workspace, job_id: int) -> Path:
    return workspace.folder / "jobs" / f"{job_id}.log"
