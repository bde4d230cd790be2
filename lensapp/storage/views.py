"""How each inspector looks at each review, and where they stopped."""

import time
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from lensapp.storage import tables
from lensapp.storage.database import Database


def save_view(database: Database, *, review_id: int, inspector: str, settings: dict[str, Any]) -> None:
    """Keep an inspector's view of a review in place of the one before."""
    table = tables.view_settings
    values = {"settings": settings, "updated_at": time.time()}
    with database.write() as connection:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(table).values(review_id=review_id, inspector=inspector, **values)
        connection.execute(
            statement.on_conflict_do_update(index_elements=["review_id", "inspector"], set_=values)
        )


def view_of(database: Database, *, review_id: int, inspector: str) -> dict[str, Any] | None:
    """Return an inspector's view of a review, or None before the first."""
    table = tables.view_settings
    statement = select(table.c.settings).where(table.c.review_id == review_id, table.c.inspector == inspector)
    with database.read() as connection:
        found: dict[str, Any] | None = connection.scalar(statement)
    return found


def latest_view(database: Database, *, inspector: str) -> dict[str, Any] | None:
    """Return the view that an inspector used last in any review, or None."""
    table = tables.view_settings
    statement = select(table.c.settings).where(table.c.inspector == inspector)
    with database.read() as connection:
        found: dict[str, Any] | None = connection.scalar(
            statement.order_by(table.c.updated_at.desc()).limit(1)
        )
    return found
