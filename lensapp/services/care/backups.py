"""Put a workspace into one file while people work in it, take it out again, and move a workspace."""

import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lensapp import __version__
from lensapp.core.acting import needs
from lensapp.core.config import read_json, write_json
from lensapp.core.errors import InvalidInput, StorageError
from lensapp.storage.arrays import TILES
from lensapp.storage.care import occupants
from lensapp.storage.care.archive import ArchivedFile, Manifest, copy_out, open_archive, write_archive
from lensapp.storage.care.inventory import stored_files
from lensapp.storage.care.snapshots import (
    damage_of,
    go_on_after,
    last_numbers,
    load_snapshot,
    save_snapshot,
)
from lensapp.storage.care.sums import Sums, digest_of
from lensapp.storage.care.trail import WORKSPACE, note, note_change
from lensapp.storage.database import Database, file_address
from lensapp.storage.workspace import DATABASE_FILE, Workspace

NUMBERS_LEFT_OUT = 10_000
"""By which the numbers in a restored workspace go on: more than are given between two backups."""


@needs("keep")
def back_up(ws: Workspace, file: Path) -> dict[str, Any]:
    """Write the workspace to one file, whole or not at all; people and jobs work on meanwhile.

    The database is copied first and in one moment, so that all votes acknowledged before are in it, and every
    file that it speaks of exists when the files are copied after it.

    Returns
    -------
    Counts, and as `damaged` the files whose bytes have changed without having been written.

    Raises
    ------
    InvalidInput
        When the file exists, or would lie in the workspace.
    """
    file = file.expanduser().absolute()
    if file.exists():
        raise InvalidInput(f"{file} exists. Choose another name, such as one with the date.")
    if not file.parent.is_dir():
        raise InvalidInput(f"The folder {file.parent} does not exist. Make it, or choose another.")
    if file.is_relative_to(ws.folder):
        raise InvalidInput(
            f"{file} lies in the workspace that it should save. Choose a folder on another disk."
        )
    sums, made_at = Sums(ws), time.time()
    rows: dict[str, int] = {}
    damaged: list[str] = []

    def describe(files: tuple[ArchivedFile, ...]) -> Manifest:
        return Manifest(
            program=__version__, made_at=made_at, rows=rows, files=files, outside=tuple(tile_folders(ws))
        )

    with write_archive(file, describe) as archive:
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=".backup-") as folder:
            snapshot = Path(folder, DATABASE_FILE)
            rows |= save_snapshot(ws.database, snapshot)
            archive.add(snapshot, name=DATABASE_FILE)
        for one in stored_files(ws):
            entry = archive.add(ws.folder / one.path, name=one.path) if one.lasting else None
            if entry is not None and sums.judge(one, entry.sha256) == "damaged":
                damaged.append(one.path)
    if not ws.database.read_only:
        note_change(ws.database, "backed up", kind=WORKSPACE, name=ws.folder.name, detail=str(file))
    files = archive.files
    return {
        "file": str(file),
        "bytes": file.stat().st_size,
        "files": len(files),
        "rows": sum(rows.values()),
        "votes": rows["votes"],
        "outside": tile_folders(ws),
        "damaged": damaged,
    }


def restore(file: Path, folder: Path | None, *, database_url: str | None = None) -> dict[str, Any]:
    """Take a workspace out of a backup, whole or not at all, each file verified by its checksum.

    Parameters
    ----------
    folder
        Where it is to be: absent or empty. None: only verify.
    database_url
        A PostgreSQL database to fill in place of a file in the folder; it must be empty.

    Raises
    ------
    InvalidInput
        When the file is no backup, or the folder holds something.
    StorageError
        When a checksum or the database in it is wrong; then nothing is restored.
    """
    file = file.expanduser().absolute()
    with open_archive(file) as (archive, manifest):
        told = {
            "file": str(file),
            "made_at": time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(manifest.made_at)),
            "files": len(manifest.files),
            "bytes": manifest.size,
            "votes": manifest.rows.get("votes", 0),
            "outside": [path for path in manifest.outside if not Path(path).is_dir()],
        }
        if folder is None:
            with tempfile.TemporaryDirectory() as room:
                for entry in manifest.files:
                    copy_out(archive, entry, Path(room) if entry.path == DATABASE_FILE else None)
                _require_whole(Path(room, DATABASE_FILE))
            return told | {"workspace": None}
        folder = folder.expanduser().absolute()
        with _filled_later(folder) as partial:
            for entry in manifest.files:
                copy_out(archive, entry, partial)
            database = partial / DATABASE_FILE
            _require_whole(database)
            made_at = told["made_at"]
            _begin_again(database, name=folder.name, detail=f"{file} of {made_at} in {folder}")
            if database_url:
                server = Database(database_url)
                try:
                    load_snapshot(database, server)
                finally:
                    server.close()
                database.unlink()
    return told | {"workspace": str(folder)}


def _begin_again(database: Path, *, name: str, detail: str) -> None:
    """Let a restored database say so, and give no number that the original has given since the backup.

    Open pages and journals of votes may name what was made after it, and are signed with the same secret.
    """
    opened = Database(file_address(database))
    try:
        opened.migrate()
        with opened.write() as connection:
            given = {table: number for table, number in last_numbers(connection).items() if table != "jobs"}
            go_on_after(connection, {table: number + NUMBERS_LEFT_OUT for table, number in given.items()})
            note(connection, "restored", kind=WORKSPACE, name=name, detail=detail)
    finally:
        opened.close()


@contextmanager
def _filled_later(folder: Path) -> Iterator[Path]:
    """Give a folder beside `folder` to fill; it takes that name when all went well, and else goes."""
    _require_free(folder)
    partial = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        partial.mkdir()
        yield partial
        partial.replace(folder)
    except OSError as error:
        raise StorageError(
            f"{folder} cannot be written ({error.strerror}); nothing of it is left. Choose another folder."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _require_free(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidInput(f"{folder} exists and is not empty. Choose a folder that does not exist.")
    if not folder.parent.is_dir():
        raise InvalidInput(f"The folder {folder.parent} does not exist. Make it, or choose another.")


def _require_whole(database: Path) -> None:
    damage = damage_of(database)
    if damage is not None:
        raise StorageError(f"The database in the backup is damaged ({damage}). Use an earlier backup.")


@needs("keep")
def move(ws: Workspace, folder: Path) -> dict[str, Any]:
    """Move a workspace in which nobody works to another folder; on another disk by verified copies.

    Raises
    ------
    InvalidInput
        When somebody works in it, or the new folder holds something.
    StorageError
        When a copy differs from its original; then the workspace stays where it is.
    """
    folder = folder.expanduser().absolute()
    if folder.is_relative_to(ws.folder):
        raise InvalidInput(f"{folder} lies in the workspace itself. Choose a folder outside.")
    _require_free(folder)
    occupants.require_alone(ws)
    files, before = list(stored_files(ws)), ws.folder
    same_disk = disk_of(before) == disk_of(folder.parent)
    if same_disk:
        before.rename(folder)
    else:
        with _filled_later(folder) as partial:
            for file in files:
                original, copy = before / file.path, partial / file.path
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(original, copy)
                if digest_of(original) != digest_of(copy):
                    raise StorageError(
                        f"The copy of {file.path} differs from its original: disk or memory is faulty. All "
                        "stays where it is."
                    )
        shutil.rmtree(before)
    for tiled in (folder / "cutouts").glob(f"*/{TILES}"):  # tiles that lie in the workspace move with it
        values = read_json(tiled)
        for tile in values["tiles"]:
            if Path(tile["path"]).is_relative_to(before):
                tile["path"] = str(folder / Path(tile["path"]).relative_to(before))
        write_json(tiled, values)
    _note_move(ws, before, folder)
    size = sum(file.size for file in files)
    return {"workspace": str(folder), "files": len(files), "bytes": size, "copied": not same_disk}


def _note_move(ws: Workspace, before: Path, folder: Path) -> None:
    own = ws.database.url == file_address(before / DATABASE_FILE)
    moved = Database(file_address(folder / DATABASE_FILE)) if own else ws.database
    try:
        note_change(moved, "moved", kind=WORKSPACE, name=folder.name, detail=f"{before} to {folder}")
    finally:
        moved.close()


def disk_of(path: Path) -> int:
    """Return the number of the disk that holds a folder."""
    return path.stat().st_dev


def tile_folders(ws: Workspace) -> list[str]:
    """Return the folders outside the workspace whose tiles its sources are read from."""
    folders = {
        str(Path(tile["path"]).parent)
        for file in (ws.folder / "cutouts").glob(f"*/{TILES}")
        for tile in read_json(file)["tiles"]
    }
    return sorted(path for path in folders if not Path(path).is_relative_to(ws.folder))
