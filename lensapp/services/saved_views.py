"""Views of pages that the team has named: what the address of a page said when one was kept."""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

from lensapp.core.acting import needs
from lensapp.core.config import read_json, write_json
from lensapp.core.errors import InvalidInput
from lensapp.storage.care.inventory import VIEWS
from lensapp.storage.care.trail import note_change
from lensapp.storage.workspace import Workspace

LONGEST_NAME = 60


@dataclass(frozen=True)
class SavedView:
    """A named view of a page.

    Attributes
    ----------
    page
        The page's name in the address.
    name
        Unique on its page.
    address
        What the address said: name → its texts, as in `{"class": ["lens"]}`.
    by
        Who kept it; empty where nobody gave a name.
    made_at
        In seconds since 1970.
    """

    page: str
    name: str
    address: dict[str, list[str]]
    by: str
    made_at: float


def views_of(ws: Workspace, page: str) -> list[SavedView]:
    """Return the views that were kept of a page, by name."""
    files = (ws.folder / VIEWS).glob("[!.]*.json")
    views = (_read(path, path.stat().st_mtime_ns) for path in files)
    return sorted((view for view in views if view.page == page), key=lambda view: view.name.casefold())


@lru_cache(maxsize=1000)
def _read(path: Path, changed: int) -> SavedView:
    """Read a view; `changed`, when its file was written, sees that it is read again."""
    del changed
    return SavedView(**read_json(path))


@needs("work")
def keep_view(
    ws: Workspace, page: str, name: str, *, address: Mapping[str, Sequence[str]], by: str = ""
) -> SavedView:
    """Keep what the address of a page says under a name.

    Raises
    ------
    InvalidInput
        When the page has a view of that name, or the name is empty or too long.
    """
    texts = {key: [*values] for key, values in address.items()}
    view = SavedView(page, _checked(ws, page, name), texts, by, time.time())
    _write(ws, view)
    note_change(ws.database, "made", kind="view", name=view.name, detail=page)
    return view


@needs("work")
def rename_view(ws: Workspace, view: SavedView, new: str) -> SavedView:
    """Give a view another name; raise InvalidInput where it cannot be."""
    renamed = replace(view, name=_checked(ws, view.page, new))
    _write(ws, renamed)
    _path(ws, view).unlink(missing_ok=True)
    note_change(ws.database, "renamed", kind="view", name=renamed.name, detail=view.name)
    return renamed


@needs("work")
def delete_view(ws: Workspace, view: SavedView) -> None:
    """Delete a view; `keep_view` with what it holds brings it back."""
    _path(ws, view).unlink(missing_ok=True)
    note_change(ws.database, "deleted", kind="view", name=view.name, detail=view.page)


def _checked(ws: Workspace, page: str, name: str) -> str:
    name = " ".join(name.split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise InvalidInput(f"The name of a view has 1 to {LONGEST_NAME} characters. Give another.")
    if name in {view.name for view in views_of(ws, page)}:
        raise InvalidInput(f"There is a view called {name!r} already. Give another name, or delete that one.")
    return name


def _path(ws: Workspace, view: SavedView) -> Path:
    digest = hashlib.sha256(f"{view.page}/{view.name}".encode()).hexdigest()[:16]
    return ws.folder / VIEWS / f"{digest}.json"


def _write(ws: Workspace, view: SavedView) -> None:
    (ws.folder / VIEWS).mkdir(exist_ok=True)
    write_json(_path(ws, view), asdict(view))
