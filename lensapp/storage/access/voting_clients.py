"""From which browsers somebody votes."""

from sqlalchemy import func, select

from lensapp.storage import tables
from lensapp.storage.database import Database
from lensapp.storage.reviews import is_by

NEWEST_VOTES = 2000  # more than thirty inspectors give in a minute


def clients_lately(database: Database, *, review_id: int, inspector: str, since: float) -> set[str]:
    """Return the clients that sent votes of an inspector in a review since a moment, of the newest votes."""
    table = tables.votes
    newest = select(func.coalesce(func.max(table.c.id), 0) - NEWEST_VOTES).scalar_subquery()
    statement = select(table.c.client).where(
        table.c.id > newest,  # no index holds when votes came
        table.c.review_id == review_id,
        table.c.received_at >= since,
        is_by(table.c.inspector, inspector),
    )
    with database.read() as connection:
        return set(connection.scalars(statement))
