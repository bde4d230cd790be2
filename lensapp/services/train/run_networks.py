"""The files of what a run computes with, and whether they are those that something was made with."""

from pathlib import Path

from lensapp.core.train.committees import MODEL as COMMITTEE
from lensapp.storage.files import network_checksum, network_file
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace


def network_files(ws: Workspace, run: Run) -> list[Path]:
    """Return the file of the run's network, or those of its members for a committee; they may be absent."""
    names = run.spec["members"] if run.model == COMMITTEE else [run.name]
    return [network_file(ws.run_folder(name)) for name in names]


def network_dated(ws: Workspace, run: Run) -> float:
    """Return when the network of a run was written, in seconds since 1970; 0 where there is none."""
    return max((file.stat().st_mtime for file in network_files(ws, run) if file.exists()), default=0.0)


def network_has_changed(ws: Workspace, run: Run, *, since: float, checksum: str | None) -> bool:
    """Return whether a run's network is another than the one that something was made with.

    Parameters
    ----------
    ws, run
        The workspace and the run.
    since
        When it was made, in seconds since 1970.
    checksum
        That of the network at the time, as `network_checksum` returns it; None where it was not kept.
    """
    return is_another_network(
        ws.run_folder(run.name), dated=network_dated(ws, run), since=since, checksum=checksum
    )


def is_another_network(folder: Path, *, dated: float, since: float, checksum: str | None) -> bool:
    """Return whether the network in a run's folder, with files of that date, is a later one.

    A later date alone does not tell: whoever copies a workspace may date all files anew.
    """
    return dated > since and (checksum is None or network_checksum(folder) != checksum)
