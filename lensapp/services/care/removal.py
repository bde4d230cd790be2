"""Delete sources, dataset versions, runs and reviews with what depends on them, and take them back."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lensapp.core.acting import needs
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.services.care.dependents import Dependent, dependents, find_item, jobs_about, losses
from lensapp.services.inspect.tokens import HOUR, VALID_HOURS
from lensapp.storage.care import trash
from lensapp.storage.care.inventory import ORPHANS, bytes_at, paths_of, sizes_at, uploads_of
from lensapp.storage.care.trash import Item, Trashed
from lensapp.storage.workspace import Workspace

DAYS_KEPT = 30
DAY = 86_400.0
TOKENS_LIVE = (VALID_HOURS + 1) * HOUR  # seconds for which a page may go on voting in a deleted review


@dataclass(frozen=True)
class Deletion:
    """What a deletion would do.

    Attributes
    ----------
    goes
        What it takes along, the item itself among it.
    losses
        What stays and loses something, a sentence each.
    bytes
        Of the files that emptying the trash will free.
    """

    item: Item
    goes: tuple[Dependent, ...]
    losses: tuple[str, ...]
    bytes: int

    @property
    def name(self) -> str:
        """What it is called in the trash."""
        return f"{self.item.kind} {self.item.name}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "deletes": [
                {"kind": one.item.kind, "name": one.item.name, "holds": one.holds} for one in self.goes
            ],
            "losses": list(self.losses),
            "bytes": self.bytes,
        }


def plan_deletion(ws: Workspace, kind: str, name: str) -> Deletion:
    """Return what deleting an item would take along; nothing changes.

    Raises
    ------
    NotFound
        When there is none of that kind and name.
    """
    item = find_item(ws, kind, name)
    goes = dependents(ws, item)
    items = [one.item for one in goes]
    sent, size = uploads_of(ws, items), bytes_at(ws, _files_of(ws, items))
    along = [f"What it was read from in {path.relative_to(ws.folder)} goes with it." for path in sent]
    return Deletion(item, tuple(goes), (*losses(ws, goes), *along), size)


def _files_of(ws: Workspace, items: Sequence[Item]) -> list[Path]:
    """Return every folder and file of some items, with what was sent for them alone."""
    return [*uploads_of(ws, items), *(path for item in items for path in paths_of(ws, item))]


@needs("keep")
def delete(ws: Workspace, kind: str, name: str) -> Deletion:
    """Put an item and what depends on it into the trash, from which it can be taken back for 30 days.

    Raises
    ------
    InvalidInput
        When a job that waits, runs or is paused works on one of them.
    """
    deletion = plan_deletion(ws, kind, name)
    items = [one.item for one in deletion.goes]
    refuse_busy(ws, items)
    trash.put_in_trash(ws.database, items, deletion=deletion.name)
    return deletion


def refuse_busy(ws: Workspace, items: list[Item]) -> None:
    """Refuse to touch items that a job works on.

    Raises
    ------
    InvalidInput
        With the job's title.
    """
    busy = jobs_about(ws, items, active=True)
    if busy:
        raise InvalidInput(
            f"Job {busy[0].id} ({busy[0].title}) works on it. Wait for its end, or stop it first."
        )


def deletions(ws: Workspace) -> list[dict[str, Any]]:
    """Return the deletions in the trash, newest first: name, what went, by whom, when, days left."""
    return [
        {
            "deletion": deletion,
            "items": [f"{one.item.kind} {one.item.name}" for one in gone],
            "deleted_by": gone[0].deleted_by,
            "deleted_at": gone[0].deleted_at,
            "days_left": max(0.0, round(DAYS_KEPT - (time.time() - gone[0].deleted_at) / DAY, 1)),
        }
        for deletion, gone in _by_deletion(ws).items()
    ]


def measured_trash(ws: Workspace) -> tuple[list[dict[str, Any]], int]:
    """Return the deletions with the bytes of the files of each, and those that emptying the trash frees.

    What was sent for several deletions is freed with the last of them only. All files of the workspace are
    listed for it, once.
    """
    groups = [[one.item for one in gone] for gone in _by_deletion(ws).values()]
    every = [item for group in groups for item in group]
    whole, *sizes = sizes_at(ws, [_files_of(ws, items) for items in (every, *groups)])
    return [entry | {"bytes": size} for entry, size in zip(deletions(ws), sizes, strict=True)], whole


def list_trash(ws: Workspace) -> list[dict[str, Any]]:
    """Return the deletions in the trash with their bytes, newest first."""
    return measured_trash(ws)[0]


def _by_deletion(ws: Workspace) -> dict[str, list[Trashed]]:
    by_name: dict[str, list[Trashed]] = {}
    for one in trash.list_trash(ws.database):
        by_name.setdefault(one.deletion, []).append(one)
    return by_name


@needs("keep")
def undelete(ws: Workspace, kind: str, name: str) -> list[str]:
    """Bring back what a deletion took along; return what, as "kind name".

    What needs something that was deleted by itself earlier or later is brought back without it being there:
    that is refused.

    Raises
    ------
    NotFound
        When the trash holds no such deletion.
    InvalidInput
        When what it needs is still in the trash.
    """
    every = trash.list_trash(ws.database)
    wanted = [one for one in every if one.deletion == f"{kind} {name}"]
    if not wanted:
        held = ", ".join(dict.fromkeys(one.deletion for one in every)) or "nothing"
        raise NotFound(f"The trash holds no deletion of {kind} {name}. It holds: {held}.")
    items = [one.item for one in wanted]
    needed = [one for one in trash.needs_of(ws.database, items) if one not in items]
    if needed:
        missing = next(one for one in every if one.item == needed[0])
        raise InvalidInput(
            f"It needs {needed[0].kind} {needed[0].name}, which is in the trash too. Bring that back first: "
            f"'untrash {missing.deletion}'."
        )
    trash.take_back(ws.database, wanted)
    return [f"{one.kind} {one.name}" for one in items]


@needs("keep")
def empty_trash(ws: Workspace, *, overdue: bool = True) -> dict[str, Any]:
    """Remove for good what has been in the trash for 30 days or, unless `overdue`, everything.

    A review stays for a day after its deletion: pages that were open may still send votes under its number.
    """
    now, age = time.time(), DAYS_KEPT * DAY if overdue else 0.0
    listed = trash.list_trash(ws.database)
    young = [one.item for one in listed if one.item.kind == "review" and now - one.deleted_at <= TOKENS_LIVE]
    kept = {*young, *(() if overdue else trash.needs_of(ws.database, young))}
    gone = [one.item for one in listed if now - one.deleted_at > age and one.item not in kept]
    paths = _files_of(ws, gone)
    about = [job.id for job in jobs_about(ws, gone, active=False)] if gone else []
    trash.empty(ws.database, gone, job_ids=about)  # also what earlier calls had to leave
    paths += [one for one in (ws.folder / ORPHANS).glob("*") if now - one.stat().st_mtime > age]
    freed = bytes_at(ws, paths)
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return {"removed": [f"{one.kind} {one.name}" for one in gone], "bytes": freed}
