"""What takes the room of a workspace, and what of it can be cleared."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from lensapp.core.acting import needs
from lensapp.core.errors import InvalidInput
from lensapp.services.care.dependents import refuse_unknown
from lensapp.storage import runs, sources
from lensapp.storage.care import trash
from lensapp.storage.care.health import database_bytes
from lensapp.storage.care.inventory import HOMES, StoredFile, is_old, stored_files
from lensapp.storage.care.trail import note_change
from lensapp.storage.workspace import Workspace

CLEARED = {
    "checkpoints": "States of trainings that have ended; those that may go on keep theirs.",
    "events": "Event files for TensorBoard; the curves on Train stay.",
    "explanations": "Explanations of scores; they are computed again when asked for.",
    "exports": "Exported catalogues and figures; export them again, or keep copies first.",
    "leftovers": "Temporary files of programs that were killed.",
}
"""Kinds of files that can go without loss, and what that means."""

OTHER_WAYS = {"trash": "Empty the trash; what is in it is gone for good then."}


@dataclass(frozen=True)
class Usage:
    """The room that one kind of files takes.

    Attributes
    ----------
    clearable
        Bytes that can be cleared.
    advice
        What clearing means; empty where nothing can be.
    """

    kind: str
    files: int
    bytes: int
    clearable: int
    advice: str


@dataclass(frozen=True)
class DiskUse:
    """The room that a workspace takes: by kind and by source or run, the largest first."""

    kinds: tuple[Usage, ...]
    largest: tuple[tuple[str, int], ...]

    @property
    def bytes(self) -> int:
        """All of it."""
        return sum(usage.bytes for usage in self.kinds)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "bytes": self.bytes,
            "kinds": [vars(usage) for usage in self.kinds],
            "largest": [{"name": name, "bytes": size} for name, size in self.largest],
        }


def disk_use(ws: Workspace, *, most: int = 20) -> DiskUse:
    """Return what takes the room of a workspace, with the `most` largest sources and runs."""
    files, sizes, clearable = Counter[str](), Counter[str](), Counter[str]()
    owners = Counter[str]()
    deleted = _deleted_folders(ws)
    ending = _files_to_clear(ws, deleted)
    for file in stored_files(ws):
        owner = "/".join(file.path.split("/")[:2])
        kind = "trash" if owner in deleted else file.kind
        files[kind] += 1
        sizes[kind] += file.size
        clearable[kind] += file.size if kind == "trash" or ending(file) else 0
        if file.path.startswith(("cutouts/", "runs/")) and kind != "trash":
            owners[owner] += file.size
    server = database_bytes(ws.database)
    if server is not None:
        files["database"], sizes["database"] = 1, server
    advice = CLEARED | OTHER_WAYS
    kinds = [
        Usage(kind, files[kind], size, clearable[kind], advice.get(kind, "") if clearable[kind] else "")
        for kind, size in sizes.most_common()
    ]
    visible = {source.name for source in sources.list_sources(ws.database)}
    largest = Counter[str]()  # by what readers call it
    for owner, size in owners.items():
        room, _, name = owner.partition("/")
        hidden = room == "cutouts" and name not in visible
        largest["blind tests" if hidden else f"{'source' if room == 'cutouts' else 'run'} {name}"] += size
    return DiskUse(tuple(kinds), tuple(largest.most_common(most)))


def _deleted_folders(ws: Workspace) -> set[str]:
    items = [one.item for one in trash.list_trash(ws.database)]
    return {f"{HOMES[item.kind]}/{item.name}" for item in items if item.kind in HOMES}


def _files_to_clear(ws: Workspace, deleted: set[str]) -> Any:
    """Return whether a file can be cleared: what a job may still need is left out."""
    going_on = {f"runs/{run.name}" for run in runs.list_runs(ws.database) if run.state != "finished"}

    def can_go(file: StoredFile) -> bool:
        owner = "/".join(file.path.split("/")[:2])
        if file.kind not in CLEARED or owner in deleted:
            return False
        if file.kind == "leftovers":
            return is_old(file)
        return file.kind == "exports" or owner not in going_on

    return can_go


@needs("keep")
def clear(ws: Workspace, kind: str) -> int:
    """Remove the files of a kind that can go; return the bytes that are free now.

    Raises
    ------
    InvalidInput
        When files of that kind cannot be cleared.
    """
    refuse_unknown(kind, CLEARED, "cleared")
    can_go, freed = _files_to_clear(ws, _deleted_folders(ws)), 0
    if ws.database.read_only:
        raise InvalidInput("The workspace is open for reading only: nothing can be cleared.")
    for file in list(stored_files(ws)):
        if file.kind == kind and can_go(file):
            (ws.folder / file.path).unlink(missing_ok=True)
            freed += file.size
    note_change(ws.database, "cleared", kind="files", name=kind, detail=f"{freed} bytes")
    return freed
