"""Where imports come from: folders below those allowed, paths used lately, files sent by a browser."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Literal, Protocol

import lensapp
from lensapp.core.acting import needs
from lensapp.core.config import read_json, write_json
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.errors import InvalidInput
from lensapp.core.plurals import counted
from lensapp.ingest.formats.file_types import format_of
from lensapp.ingest.formats.table_files import FORMATS
from lensapp.ingest.recognition import catalogue_look, folders
from lensapp.services.access.roots import check_readable, import_roots
from lensapp.services.data.sources import DryRun, make_dry_run
from lensapp.storage.care.inventory import RECENT_IMPORTS, UPLOADS
from lensapp.storage.care.trail import note_change
from lensapp.storage.workspace import DATABASE_FILE, Workspace

CatalogueLook = catalogue_look.CatalogueLook
FolderListing = folders.FolderListing
Wanted = Literal["cutouts", "tables"]
LISTS: dict[Wanted, str] = {"cutouts": "paths", "tables": "tables"}  # in the file of recent paths
MOST_RECENT = 12
LARGEST_UPLOAD = 200 * 1024**2  # bytes, all files together: more goes to a folder of the server
SYSTEM_FOLDERS = re.compile(  # of a machine, in its topmost folder: no cutouts lie there
    r"/(proc|sys|dev|lost\+found|etc|bin|sbin|boot|run|usr|var|lib\w*)"
)
PROGRAM = Path(lensapp.__file__).resolve().parents[1]
PROGRAM_FOLDERS = ("benchmarks", "deploy", "docs", "lensapp", "models", "pages", "tests")
UNSAFE = re.compile(r"[\x00-\x1f\x7f]+")


class Sent(Protocol):
    """A file that a browser has sent."""

    @property
    def name(self) -> str:
        """Its name, with folders where one was sent whole."""

    def getvalue(self) -> bytes:
        """Return its content."""


def roots_to_browse(ws: Workspace) -> list[Path]:
    """Return the folders below which files may be looked for: those allowed, else all; and what was sent."""
    roots = import_roots()
    if roots is None:
        return [Path(Path.cwd().anchor)]
    return [root for root in (*roots, (ws.folder / UPLOADS).resolve()) if root.is_dir()]


def first_folder(ws: Workspace, wanted: Wanted = "cutouts") -> Path:
    """Return the folder to begin with: that of the last import, home, the working directory, or a root.

    Of imports those of what is `wanted` count. It is the first of these in which anything can be opened or
    imported, else the nearest one above the working directory in which there is.
    """
    roots = roots_to_browse(ws)
    recent = [Path(text).parent.resolve() for text in recent_paths(ws, wanted)]
    allowed = [
        one
        for one in (*recent, Path.home(), Path.cwd(), *named_roots(), *Path.cwd().parents, *roots)
        if one.is_dir() and folders.within(one, roots)
    ]

    def hidden(path: Path) -> bool:
        return _is_own(ws, path)

    return next(
        (one for one in allowed if folders.shows_anything(one, roots=roots, hidden=hidden)), allowed[0]
    )


def named_roots() -> list[Path]:
    """Return the folders to which imports are bound by configuration; none where everything may be read."""
    return import_roots() or []


def list_folder(ws: Workspace, path: Path) -> folders.FolderListing:
    """Return what lies in a folder below the roots, without the folders of the system and of the program.

    See `lensapp.ingest.recognition.folders.list_folder`.
    """
    listing = folders.list_folder(path, roots=roots_to_browse(ws))
    at_top = listing.path == Path(listing.path.anchor)
    shown = [
        one
        for one in listing.folders
        if not _is_own(ws, one.path) and not (at_top and SYSTEM_FOLDERS.fullmatch(str(one.path)))
    ]
    if len(shown) == len(listing.folders):
        return listing
    counts = sum((Counter(one.counts) for one in shown), Counter(one.kind for one in listing.files))
    return replace(listing, folders=shown, counts=dict(counts))


def _is_own(ws: Workspace, path: Path) -> bool:
    """Whether a folder is of the program or a workspace: no cutouts lie there but those that were sent."""
    folder = ws.folder.resolve()
    if path.parent == folder:
        return path.name != UPLOADS
    if path == folder or (path / DATABASE_FILE).exists():
        return True
    return path.parent == PROGRAM and path.name in PROGRAM_FOLDERS


def catalogues_near(ws: Workspace, path: str) -> list[str]:
    """Return the tables beside cutouts, and in the folder above, which may be their catalogue."""
    place = Path(path).expanduser()
    if not path or not place.exists():
        return []
    return [str(table) for table in folders.tables_near(place.absolute(), roots=roots_to_browse(ws))]


def is_there(ws: Workspace, path: str) -> bool:
    """Whether a path leads to a folder or file that may be read."""
    place = Path(path).expanduser()
    return bool(path) and folders.within(place.absolute(), roots_to_browse(ws)) and place.exists()


def look_at_catalogue(ws: Workspace, path: str) -> CatalogueLook:
    """Return the columns of a catalogue, those recognised, and the values of those that have few.

    Raises
    ------
    InvalidInput
        When it cannot be read.
    NotAllowed
        When it lies outside the folders that may be read.
    """
    check_readable(path, uploads=ws.folder / UPLOADS)
    return catalogue_look.look_at_catalogue(path)


def try_import(ws: Workspace, spec: IngestSpec) -> DryRun:
    """Read a sample of what `spec` would import, files that a browser has sent included."""
    return make_dry_run(spec, uploads=ws.folder / UPLOADS)


def recent_paths(ws: Workspace, wanted: Wanted = "cutouts") -> list[str]:
    """Return the paths that were tried or imported in this workspace and are still there, the last first."""
    file = ws.folder / RECENT_IMPORTS
    paths = read_json(file).get(LISTS[wanted], []) if file.exists() else []
    roots = roots_to_browse(ws)
    return [path for path in paths if folders.within(Path(path), roots) and Path(path).exists()]


@needs("work")
def note_path(ws: Workspace, path: str, wanted: Wanted = "cutouts") -> None:
    """Remember a path that was tried, where the workspace can be written."""
    absolute = str(Path(path).expanduser().absolute())
    lists = {LISTS[one]: recent_paths(ws, one) for one in LISTS}
    others = [one for one in lists[LISTS[wanted]] if one != absolute]
    lists[LISTS[wanted]] = [absolute, *others][:MOST_RECENT]
    if os.access(ws.folder, os.W_OK):
        write_json(ws.folder / RECENT_IMPORTS, lists)


@needs("work")
def keep_upload(ws: Workspace, files: Sequence[Sent], *, name: str) -> Path:
    """Write files that a browser has sent to a new folder of the workspace; return the folder.

    Parameters
    ----------
    name
        Of the folder; where it is taken a number is added.

    Raises
    ------
    InvalidInput
        When there are none, none is of cutouts, two have one name, or they are too large together.
    """
    places = [_safe_place(file.name) for file in files]
    if not any(format_of(place.name) for place in places):
        raise InvalidInput("None of these files holds cutouts. Send FITS, PNG, JPEG, HDF5 or NumPy files.")
    if double := sorted({str(place) for place in places if places.count(place) > 1}):
        raise InvalidInput(f"Two of the files are called {double[0]}. Rename one, or send their folder.")
    folder = _write_sent(ws, places, files, name=name)
    note_change(ws.database, "sent", kind="files", name=folder.name, detail=counted(len(files), "file"))
    return folder


@needs("work")
def keep_table(ws: Workspace, file: Sent) -> Path:
    """Write a table that a browser has sent to a new folder of the workspace; return its own path there.

    Raises
    ------
    InvalidInput
        When its name is that of no table, or it is empty or too large.
    """
    place = PurePosixPath(_safe_place(file.name).name)
    if place.suffix.lower() not in FORMATS:
        raise InvalidInput(f"{place} is no table. Send a file of CSV, ECSV, FITS, VOTable or Parquet.")
    if not file.getvalue():
        raise InvalidInput(f"{place} is empty. Send the whole file.")
    folder = _write_sent(ws, [place], [file], name=place.stem)
    note_change(ws.database, "sent", kind="table", name=place.name, detail=folder.name)
    return folder / place


def _write_sent(ws: Workspace, places: Sequence[PurePosixPath], files: Sequence[Sent], *, name: str) -> Path:
    """Write the contents of files to their places below a new folder, called after `name`; return it."""
    contents = [file.getvalue() for file in files]
    if (total := sum(map(len, contents))) > LARGEST_UPLOAD:
        sent = "This file has" if len(files) == 1 else "These files have"
        raise InvalidInput(
            f"{sent} {total / 1e6:.0f} MB; {LARGEST_UPLOAD / 1e6:.0f} MB can be sent from a browser. Copy "
            f"{'it' if len(files) == 1 else 'them'} to a folder of the machine that runs the app, and choose "
            "that."
        )
    base = re.sub(r"[^\w.+-]+", "_", name).strip("._-")[:60] or "upload"
    home, number = ws.folder / UPLOADS, 1
    home.mkdir(exist_ok=True)
    while True:
        folder = home / (base if number == 1 else f"{base}-{number}")
        try:
            folder.mkdir()
            break
        except FileExistsError:
            number += 1
    for place, content in zip(places, contents, strict=True):
        file = folder / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder


def _safe_place(name: str) -> PurePosixPath:
    """Return where a sent file goes below its folder: its own path without what leads out of it."""
    parts = [UNSAFE.sub("_", part).lstrip(".") for part in PurePosixPath(name.replace("\\", "/")).parts]
    kept = [part for part in parts if part not in ("", "/")]
    return PurePosixPath(*kept) if kept else PurePosixPath("file")
