"""The list of what of a source is to be scored: each shard is claimed, scored and stored once.

A shard is a tile or a block of cutouts. Claims are told and judged by the database's clock, as those of jobs
are: one whose owner was not heard of for a while is anybody's. The last shard, number -1, stands for joining
all scores; it can be claimed when every other is done.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, delete, exists, func, insert, or_, select, text, update

from lensapp.storage.database import Database, DatabaseTime
from lensapp.storage.queue import STALE_SECONDS
from lensapp.storage.tables import score_shards as table

JOINING = -1
BEGINNING = text("SELECT pg_advisory_xact_lock(7412583)")


@dataclass(frozen=True)
class ShardList:
    """The shards of one source for one run, as one process sees them.

    Attributes
    ----------
    owner
        The process that claims; no other has this name.
    """

    database: Database
    run_id: int
    source_id: int
    owner: str

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let no other process begin meanwhile; all that is written inside is stored whole or not at all."""
        with self.database.whole():
            with self.database.write() as connection:
                if connection.dialect.name == "postgresql":  # SQLite lets one write at a time anyway
                    connection.execute(BEGINNING)
            yield

    def plan(self, count: int, *, only: str | None = None) -> None:
        """List the shards 0 … count - 1, in place of a list that there is.

        With a filter in `only` their cutouts that fulfil it.
        """
        self.forget()
        mine = {"run_id": self.run_id, "source_id": self.source_id, "state": "open", "only": only}
        rows = [mine | {"number": number} for number in (*range(count), JOINING)]
        with self.database.write() as connection:
            connection.execute(insert(table), rows)

    def exists(self) -> bool:
        """Return whether there is a list, so that something is still to be done."""
        with self.database.read() as connection:
            return bool(connection.scalar(select(exists().where(self._mine))))

    def planned(self) -> tuple[int, str | None]:
        """Return how many shards are listed, and the filter that their cutouts fulfil."""
        listed = select(func.count(), func.max(table.c.only)).where(self._mine, table.c.number >= 0)
        with self.database.read() as connection:
            count, only = connection.execute(listed).one()
        return count, only

    def claim(self, *, share: tuple[int, int] | None = None) -> int | None:
        """Take a shard that nobody works on, in one statement; None when there is none.

        Parameters
        ----------
        share
            (i, n): only every n-th shard, of which this is the i-th share, counted from 1. Joining belongs
            to everybody.
        """
        free = or_(
            table.c.state == "open",
            and_(table.c.state == "claimed", table.c.heartbeat_at < DatabaseTime() - STALE_SECONDS),
        )
        ordinary = table.c.number >= 0
        if share is not None:
            ordinary = and_(ordinary, table.c.number % share[1] == share[0] - 1)
        other = table.alias()
        unfinished = exists().where(
            other.c.run_id == self.run_id,
            other.c.source_id == self.source_id,
            other.c.number >= 0,
            other.c.state != "done",
        )
        wanted = or_(ordinary, and_(table.c.number == JOINING, ~unfinished))
        first = (
            select(table.c.number)
            .where(self._mine, free, wanted)
            .order_by(table.c.number)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        with self.database.write() as connection:
            number: int | None = connection.scalar(
                update(table)
                .where(self._mine, table.c.number == first.scalar_subquery())
                .values(state="claimed", owner=self.owner, heartbeat_at=DatabaseTime())
                .returning(table.c.number)
            )
        return number

    def keep(self) -> None:
        """Tell that the owner of the claims is alive."""
        with self.database.write() as connection:
            connection.execute(update(table).where(self._mine, self._own).values(heartbeat_at=DatabaseTime()))

    def finish(self, number: int) -> bool:
        """Note that a shard is stored; return whether it was still ours."""
        with self.database.write() as connection:
            mine = table.c.number == number, table.c.owner == self.owner
            return (
                connection.execute(update(table).where(self._mine, *mine).values(state="done")).rowcount == 1
            )

    def release(self) -> None:
        """Give back what was claimed and not stored."""
        with self.database.write() as connection:
            connection.execute(update(table).where(self._mine, self._own).values(state="open"))

    def forget(self) -> None:
        """Remove the list."""
        with self.database.write() as connection:
            connection.execute(delete(table).where(self._mine))

    def left(self, *, share: tuple[int, int] | None = None) -> int:
        """Return how many shards, or those of a share, are not stored yet."""
        ordinary = [self._mine, table.c.number >= 0, table.c.state != "done"]
        if share is not None:
            ordinary.append(table.c.number % share[1] == share[0] - 1)
        with self.database.read() as connection:
            return connection.scalar(select(func.count()).select_from(table).where(*ordinary)) or 0

    @property
    def _mine(self) -> ColumnElement[bool]:
        return and_(table.c.run_id == self.run_id, table.c.source_id == self.source_id)

    @property
    def _own(self) -> ColumnElement[bool]:
        return and_(table.c.owner == self.owner, table.c.state == "claimed")
