"""What lies in a folder: its folders and importable files by name, with counts by format."""

import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lensapp.core.errors import InvalidInput
from lensapp.ingest.formats.file_types import TABLES, format_of
from lensapp.ingest.formats.packs.zarr_stores import is_zarr

LISTED = 100
COUNTED = 20_000  # entries below a folder that is listed, in all its folders together
FEWEST_COUNTED = 200


@dataclass(frozen=True)
class Entry:
    """A folder, or a file of a format that can be imported or read as a table.

    Attributes
    ----------
    kind
        "folder", "table", or the format of an image: "fits", "images", "hdf5", "npy" or "zarr".
    modified
        In seconds since 1970.
    counts
        Of a folder: files of each format in it and below; `whole` tells whether all were counted.
    readable
        Whether its content may be read at all.
    """

    name: str
    path: Path
    kind: str
    modified: float
    size: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    whole: bool = True
    readable: bool = True


@dataclass(frozen=True)
class FolderListing:
    """The newest entries of a folder by name, how many more there are, and its own counts."""

    path: Path
    folders: list[Entry]
    files: list[Entry]
    more_folders: int
    more_files: int
    counts: dict[str, int]
    whole: bool


def list_folder(path: Path, *, roots: Sequence[Path]) -> FolderListing:
    """Return what lies in a folder; links that lead out of `roots`, and what is hidden, are not there.

    Raises
    ------
    InvalidInput
        When it lies outside of them, is no folder, or may not be read.
    """
    made = _entries(path, roots)
    folders = [entry for entry in made if entry.kind == "folder"]
    files = [entry for entry in made if entry.kind != "folder"]
    limit = max(FEWEST_COUNTED, COUNTED // max(min(len(folders), LISTED), 1))
    counted = [_counted(entry, limit) for entry in _by_name(folders[:LISTED])]
    counts = Counter(entry.kind for entry in files)
    for entry in counted:
        counts.update(entry.counts)
    whole = len(folders) <= LISTED and all(entry.whole for entry in counted)
    return FolderListing(
        path.expanduser().resolve(), counted, _by_name(files[:LISTED]), len(folders) - len(counted),
        max(len(files) - LISTED, 0), dict(counts), whole,
    )  # fmt: skip


def _by_name(entries: Sequence[Entry]) -> list[Entry]:
    """Return entries as their names stand in the alphabet, and numbers in names by their size."""
    return sorted(
        entries,
        key=lambda one: [
            (part.isdigit(), int(part) if part.isdigit() else 0, part)
            for part in re.split(r"(\d+)", one.name.casefold())
        ],
    )


def shows_anything(
    path: Path, *, roots: Sequence[Path], hidden: Callable[[Path], bool] = lambda _: False
) -> bool:
    """Return whether a folder can be read and holds a folder or a file of use, but for what is `hidden`."""
    try:
        return any(not hidden(entry.path) for entry in _entries(path, roots))
    except InvalidInput:
        return False


def tables_near(path: Path, *, roots: Sequence[Path]) -> list[Path]:
    """Return the tables in a folder, and in that above it, which may be the catalogue of what lies in it."""
    folder = path if path.is_dir() else path.parent
    near: list[Path] = []
    for one in (folder, folder.parent):
        if within(one, roots) and os.access(one, os.R_OK | os.X_OK):
            tables = [entry.path for entry in _entries(one, roots, named=_is_table) if entry.kind == "table"]
            near += tables[:LISTED]
    return list(dict.fromkeys(near))


def within(path: Path, roots: Sequence[Path]) -> bool:
    """Return whether a path lies below one of the roots, once its links are followed."""
    resolved = path.resolve()
    return any(resolved.is_relative_to(root) for root in roots)


def _is_table(name: str) -> bool:
    return Path(name).suffix.lower() in TABLES and format_of(name) is None


def _kind_of(name: str) -> str:
    """Return the format of an image, "table", or "" for a file of no use."""
    return format_of(name) or ("table" if _is_table(name) else "")


def _entries(
    path: Path, roots: Sequence[Path], *, named: Callable[[str], bool] = lambda _: True
) -> list[Entry]:
    """Return what lies in a folder below the roots and is of use, the newest first, with nothing counted.

    Those whose names are not as `named` wants them are not looked at: that takes a second for 10 000 files.
    """
    folder = path.expanduser().resolve()
    if not within(folder, roots):
        allowed = " or ".join(map(str, roots)) or "none"
        raise InvalidInput(f"{path} lies outside the folders that may be read here: {allowed}.")
    try:
        with os.scandir(folder) as scan:
            entries = [one for one in scan if not one.name.startswith(".") and named(one.name)]
    except OSError as error:
        reason = "may not be read" if isinstance(error, PermissionError) else "cannot be read"
        raise InvalidInput(
            f"The folder {folder} {reason} ({error.strerror}). Choose another, or ask its owner."
        ) from error
    made = [entry for one in entries if (entry := _entry(one, roots)) is not None]
    return sorted(made, key=lambda entry: (-entry.modified, entry.name))


def _entry(one: os.DirEntry[str], roots: Sequence[Path]) -> Entry | None:
    """Return an entry for a folder or a file of use, None for another, or for a link out of the roots."""
    try:
        if one.is_symlink() and not within(Path(one.path), roots):
            return None
        status, is_folder = one.stat(), one.is_dir()
    except OSError:  # a link to nothing, or a file that went meanwhile
        return None
    if not is_folder and not one.is_file():
        return None
    if is_folder and os.access(one.path, os.R_OK | os.X_OK):
        kind = "zarr" if is_zarr(one.path) else "folder"
    else:
        kind = "folder" if is_folder else _kind_of(one.name)
    return Entry(one.name, Path(one.path), kind, status.st_mtime, status.st_size) if kind else None


def _counted(entry: Entry, limit: int) -> Entry:
    """Return a folder with the files of each format in it and below, of the first `limit` entries."""
    counts: Counter[str] = Counter()
    waiting, seen, readable = [str(entry.path)], 0, True
    while waiting and seen < limit:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as scan:
                for one in scan:
                    seen += 1
                    if seen >= limit:
                        break
                    if one.name.startswith(".") or one.is_symlink():
                        continue
                    if one.is_dir(follow_symlinks=False) and not is_zarr(one.path):
                        waiting.append(one.path)
                    elif kind := "zarr" if one.is_dir() else _kind_of(one.name):
                        counts[kind] += 1
        except OSError:
            readable = readable and folder != str(entry.path)
    whole = not waiting and seen < limit
    return Entry(
        entry.name, entry.path, "folder", entry.modified, counts=dict(counts), whole=whole, readable=readable
    )
