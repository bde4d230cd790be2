"""Who changed what, read for people."""

from typing import Any

from lensapp.core.errors import InvalidInput
from lensapp.storage.care.trail import read_trail
from lensapp.storage.workspace import Workspace


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
