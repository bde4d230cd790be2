"""Every file of a workspace: what it is, and what it belongs to."""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sqlalchemy import select, true

from lensapp.core.config import LEFTOVER_SECONDS
from lensapp.core.score.score_table_spec import MODEL as EXTERNAL
from lensapp.storage import tables
from lensapp.storage.care.trash import Item
from lensapp.storage.estimates import BALD_FOLDER
from lensapp.storage.evaluations import injections_path
from lensapp.storage.files import CHECKPOINT, EVENTS
from lensapp.storage.workspace import DATABASE_FILE, SECRET_FILE, Workspace

LOGS = ("worker.log", "web.log")
VIEWS = "views"  # of pages, that were named
UPLOADS = "uploads"  # cutouts and tables of scores that came from a browser
RECENT_IMPORTS = "recent-imports.json"
ORPHANS = Path("trash") / "orphans"
HOMES = {"source": "cutouts", "run": "runs"}
"""Where each of a kind has a folder of its own, by its name."""

IN_RUNS = {
    "features": "features",
    "estimates": "scores",
    BALD_FOLDER: "scores",
    "scores": "scores",
    "explanations": "explanations",
    EVENTS: "events",
}


@dataclass(frozen=True)
class StoredFile:
    """A file of a workspace.

    Attributes
    ----------
    path
        From the workspace folder on, with "/" on every system.
    kind
        "pixels", "networks", "checkpoints", "features", "scores", "explanations", "events", "exports",
        "known lenses", "views", "uploads", "database", "logs", "leftovers", "trash" or "other".
    """

    path: str
    kind: str
    size: int
    mtime_ns: int

    @property
    def lasting(self) -> bool:
        """Whether a backup holds it: not what a program writes for itself, nor the database's own files."""
        return self.kind not in ("database", "logs", "leftovers")


def stored_files(ws: Workspace) -> Iterator[StoredFile]:
    """Yield every file of the workspace in the order of their paths; links are not followed."""
    for folder, inner, names in os.walk(ws.folder):
        inner.sort()
        for name in sorted(names):
            path = Path(folder, name)
            try:
                status = path.stat(follow_symlinks=False)
            except FileNotFoundError:  # a program that works meanwhile has removed it
                continue
            if not path.is_symlink():
                relative = path.relative_to(ws.folder).as_posix()
                yield StoredFile(relative, kind_of(relative), status.st_size, status.st_mtime_ns)


def kind_of(relative: str) -> str:
    """Return what the file at a path from the workspace folder on is."""
    parts = PurePosixPath(relative).parts
    name, room = parts[-1], parts[0]
    if is_leftover(name):
        return "leftovers"
    if room == "trash":
        return "trash"
    if room == "runs" and len(parts) > 2:
        within = "checkpoints" if name == CHECKPOINT else "networks"
        return IN_RUNS.get(parts[2], within) if len(parts) > 3 else within
    if name.startswith(DATABASE_FILE) and len(parts) == 1:
        return "database"
    if room in ("logs", "jobs") or name.startswith(LOGS):
        return "logs"
    kinds = {
        "cutouts": "pixels",
        "exports": "exports",
        "known-lenses": "known lenses",
        VIEWS: "views",
        UPLOADS: "uploads",
        RECENT_IMPORTS.removesuffix(".json"): "views",
    }
    return kinds.get(room.removesuffix(".json"), "other")


def is_leftover(name: str) -> bool:
    """Return whether a file is one that a program writes before it has its name."""
    hidden_partial = name.startswith(".") and ".partial" in name
    half_secret = name.startswith("token.") and name != SECRET_FILE
    return hidden_partial or half_secret or name.endswith(".room")


def is_old(file: StoredFile) -> bool:
    """Return whether nobody has written to a file for an hour: a younger leftover may be in use."""
    return file.mtime_ns / 1e9 < time.time() - LEFTOVER_SECONDS


def paths_of(ws: Workspace, item: Item) -> list[Path]:
    """Return every folder and file that is called after an item, there or not, in an order that stays."""
    paths = [ws.folder / HOMES[item.kind] / item.name] if item.kind in HOMES else []
    for run in sorted((ws.folder / "runs").iterdir()):
        if item.kind == "source":
            paths += [run / room / item.name for room in ("scores", "estimates", BALD_FOLDER)]
            paths += [run / "features" / f"source-{item.name}", injections_path(run, item.name)]
        elif item.kind == "dataset":
            paths.append(run / "features" / f"dataset-{item.name}")
    return paths


def uploads_of(ws: Workspace, items: Iterable[Item]) -> list[Path]:
    """Return the folders of what a browser sent, or of a demo's tiles, from which only these were read.

    Sources are read from files, runs without a network from tables of scores. What one in the trash was read
    from is still needed, as is what a job that waits or runs speaks of.
    """
    gone = {(item.kind, item.id) for item in items}
    trash = tables.trash
    with ws.database.read() as connection:
        read_from: list[tuple[tuple[str, int], object]] = []
        for kind, table, are_read in (
            ("source", tables.sources, true()),
            ("run", tables.runs, tables.runs.c.model == EXTERNAL),
        ):
            emptied = select(trash.c.item_id).where(
                trash.c.kind == table.name, trash.c.emptied_at.is_not(None)
            )
            kept = select(table.c.id, table.c.spec).where(table.c.id.not_in(emptied), are_read)
            read_from += [((kind, key), spec) for key, spec in connection.execute(kept)]
        under_way = connection.scalars(
            select(tables.jobs.c.payload).where(tables.jobs.c.finished_at.is_(None))
        )
        needed = [_uploads_in(ws, spec) for key, spec in read_from if key not in gone]
        needed += [_uploads_in(ws, payload) for payload in under_way]
    own = set().union(*(_uploads_in(ws, spec) for key, spec in read_from if key in gone))
    return sorted(own.difference(*needed))


def _uploads_in(ws: Workspace, values: object) -> set[Path]:
    """Return the folders below uploads that settings name, however deep, also within the workspace."""
    if isinstance(values, dict):
        return set().union(*(_uploads_in(ws, value) for value in values.values()))
    if isinstance(values, list):
        return set().union(*(_uploads_in(ws, value) for value in values))
    if not isinstance(values, str):
        return set()
    home, path = ws.folder / UPLOADS, ws.folder.absolute() / values
    within = [path.parts[len(one.parts) :] for one in (home.absolute(), home.resolve())
              if path.is_relative_to(one)]  # fmt: skip
    return {home / parts[0] for parts in within if parts}


def bytes_at(ws: Workspace, paths: Iterable[Path]) -> int:
    """Return the bytes of the files at some paths of a workspace and in the folders there, each once."""
    return sizes_at(ws, [paths])[0]


def sizes_at(ws: Workspace, groups: Sequence[Iterable[Path]]) -> list[int]:
    """Return the same of several groups of paths, whose files are listed once."""
    within = [
        tuple(f"{path.relative_to(ws.folder).as_posix()}/" for path in paths if path.exists())
        for paths in groups
    ]
    sizes = [0] * len(within)
    for file in stored_files(ws) if any(within) else ():
        for place, folders in enumerate(within):
            if folders and f"{file.path}/".startswith(folders):
                sizes[place] += file.size
    return sizes
