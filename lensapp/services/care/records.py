"""Who changed what, read for people."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lensapp.core.errors import InvalidInput
from lensapp.storage.care.trail import acting_as, read_trail
from lensapp.storage.workspace import Workspace


@contextmanager
def in_name_of(inspector: str) -> Iterator[None]:
    """Let what is changed inside stand in the trail under an inspector's name, where there is one."""
    with acting_as(inspector):
        yield


def changes(ws: Workspace, *, limit: int = 100, name: str | None = None) -> list[dict[str, Any]]:
    """Return the newest changes (of what is called `name`): at, who, did, kind, name, detail.

    Raises
    ------
    InvalidInput
        When `limit` is below 1.
    """
    if limit < 1:
        raise InvalidInput(f"{limit} changes cannot be listed. Ask for 1 or more.")
    return read_trail(ws.database, limit=limit, name=name)
