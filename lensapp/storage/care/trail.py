"""The trail of who changed what: rows that are only added, in the transaction of the change itself."""

import time
from typing import Any

from sqlalchemy import Connection, func, insert, select

from lensapp.core.acting import current_actor
from lensapp.core.once import once
from lensapp.storage import tables
from lensapp.storage.database import Database

UNKNOWN = "unknown"
EXPORTED = "exported"
WORKSPACE = "workspace"
"""The kind of what was done to the workspace as a whole: backed up, restored, moved, examined, mended."""


def actor() -> str:
    """Return the name of who acts: of an account, the inspector of a page, else whose program it is."""
    acting = current_actor()
    return ((acting.name if acting else "") or UNKNOWN)[:200]


def note(
    connection: Connection, did: str, *, kind: str, name: str, detail: str = "", who: str | None = None
) -> None:
    """Add what was done to the trail, to be stored with it or not at all.

    `who` did it is asked for beforehand where another thread may write it.
    """
    row = {"at": time.time(), "who": who or actor(), "did": did, "kind": kind, "name": name, "detail": detail}
    connection.execute(insert(tables.trail).values(row))


def read_trail(
    database: Database, *, limit: int, kind: str | None = None, name: str | None = None
) -> list[dict[str, Any]]:
    """Return the newest rows of the trail (of one kind, or name): at, who, did, kind, name, detail."""
    table = tables.trail
    statement = select(*(column for column in table.c if column.name != "id"))
    for column, value in ((table.c.kind, kind), (table.c.name, name)):
        if value is not None:
            statement = statement.where(column == value)
    with database.read() as connection:
        rows = connection.execute(statement.order_by(table.c.id.desc()).limit(limit)).mappings()
        return [dict(row) for row in rows]


@once
def last_done(
    database: Database, did: str, *, kind: str, name: str, but: tuple[str, ...] = ()
) -> float | None:
    """Return when this was last done to it by the trail, in seconds since 1970; None where it never was.

    Rows whose detail holds one of the texts `but` do not count.
    """
    table = tables.trail
    rows = select(table.c.at).where(table.c.name == name, table.c.kind == kind, table.c.did == did)
    rows = rows.where(*(~func.coalesce(table.c.detail, "").contains(text, autoescape=True) for text in but))
    with database.read() as connection:
        return connection.scalar(rows.order_by(table.c.id.desc()).limit(1))


@once
def last_detail(database: Database, did: str, *, kind: str) -> str | None:
    """Return the detail of the newest row that says that this was done to anything of a kind."""
    table = tables.trail
    rows = select(table.c.detail).where(table.c.kind == kind, table.c.did == did)
    with database.read() as connection:
        return connection.scalar(rows.order_by(table.c.id.desc()).limit(1))


def note_change(database: Database, did: str, *, kind: str, name: str, detail: str = "") -> None:
    """Add to the trail what was done outside the database."""
    with database.write() as connection:
        note(connection, did, kind=kind, name=name, detail=detail)
