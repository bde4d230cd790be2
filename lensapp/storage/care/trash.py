"""What was deleted: kept where it is for a while, left out of every list, brought back or gone for good."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Table, delete, func, insert, select, update

from lensapp.core.once import once
from lensapp.storage import tables
from lensapp.storage.care.trail import actor, note
from lensapp.storage.database import Database

TABLES: dict[str, Table] = {
    "review": tables.reviews,
    "study": tables.studies,
    "run": tables.runs,
    "dataset": tables.datasets,
    "source": tables.sources,
}
"""Tables by what a reader calls their rows; each may refer to those after it."""

INDICES = ((tables.scores, "cutout_id"), (tables.votes, "cutout_id"), (tables.dataset_members, "cutout_id"))
"""Columns that refer to cutouts and have no index of their own: without one each cutout costs a search."""

REFERENCES = (
    (tables.runs.c.initial_run_id, "run"),
    (tables.datasets.c.parent_id, "dataset"),
    (tables.runs.c.dataset_id, "dataset"),
    (tables.studies.c.dataset_id, "dataset"),
    (tables.reviews.c.source_id, "source"),
)


@dataclass(frozen=True)
class Item:
    """One row of a table that can be deleted: what it is, its key and its name."""

    kind: str
    id: int
    name: str


@dataclass(frozen=True)
class Trashed:
    """A deleted item: what took it along, who deleted it, and when."""

    item: Item
    deletion: str
    deleted_by: str
    deleted_at: float


def put_in_trash(database: Database, items: Sequence[Item], *, deletion: str) -> None:
    """Delete items together, to be brought back together; reviews lose the scores of a deleted run."""
    now, who = time.time(), actor()
    with database.write() as connection:
        for item in items:
            scored: list[int] = []
            if item.kind == "run":
                table = tables.reviews
                of_run = select(table.c.id).where(table.c.run_id == item.id)
                scored = list(connection.scalars(of_run))
                connection.execute(update(table).where(table.c.id.in_(scored)).values(run_id=None))
            row = {
                "kind": TABLES[item.kind].name,
                "item_id": item.id,
                "name": item.name,
                "deletion": deletion,
            }
            more = {"deleted_by": who, "deleted_at": now, "reviews": scored}
            connection.execute(insert(tables.trash).values(row | more))
            note(connection, "deleted", kind=item.kind, name=item.name, detail=deletion)


@once
def list_trash(database: Database) -> list[Trashed]:
    """Return what is in the trash, newest first."""
    table = tables.trash
    statement = select(table).where(table.c.emptied_at.is_(None))
    kinds = {named.name: kind for kind, named in TABLES.items()}
    with database.read() as connection:
        rows = connection.execute(statement.order_by(table.c.deleted_at.desc(), table.c.name)).all()
    return [
        Trashed(Item(kinds[row.kind], row.item_id, row.name), row.deletion, row.deleted_by, row.deleted_at)
        for row in rows
    ]


def take_back(database: Database, trashed: Iterable[Trashed]) -> None:
    """Bring deleted items back, and a run's scores to the reviews that had them."""
    table = tables.trash
    with database.write() as connection:
        for one in trashed:
            key = (table.c.kind == TABLES[one.item.kind].name, table.c.item_id == one.item.id)
            scored = connection.scalar(select(table.c.reviews).where(*key)) or []
            without = (tables.reviews.c.id.in_(scored), tables.reviews.c.run_id.is_(None))
            connection.execute(update(tables.reviews).where(*without).values(run_id=one.item.id))
            connection.execute(delete(table).where(*key))
            note(connection, "brought back", kind=one.item.kind, name=one.item.name, detail=one.deletion)


def empty(database: Database, items: Sequence[Item], *, job_ids: Sequence[int]) -> None:
    """Remove the rows of deleted items, all that only they have, and ended jobs that speak of them.

    A row stays, without a name and hidden, where something that is left began from it, or where it holds the
    newest cutout of all, whose number SQLite would give again; the next call asks again.
    """
    keys = {kind: [item.id for item in items if item.kind == kind] for kind in TABLES}
    with database.write() as connection:
        _remove_content(connection, keys)
        for item in items:
            table = TABLES[item.kind]
            connection.execute(update(table).where(table.c.id == item.id).values(name=f".{item.id}"))
            note(connection, "removed", kind=item.kind, name=item.name)
            mine = (tables.trash.c.kind == table.name, tables.trash.c.item_id == item.id)
            connection.execute(update(tables.trash).where(*mine).values(emptied_at=time.time()))
        connection.execute(delete(tables.jobs).where(tables.jobs.c.id.in_(job_ids)))
        for kind, table in TABLES.items():
            _remove_rows(connection, kind, table)


def _remove_content(connection: Connection, keys: dict[str, list[int]]) -> None:
    """Remove what only the items have: votes, blind tests, scores, figures, members, cutouts."""
    reviews, runs, datasets, sources = (keys[kind] for kind in ("review", "run", "dataset", "source"))
    cutouts, tests = tables.cutouts, tables.blind_tests
    of_tests = select(cutouts.c.source_id).join(tests, tests.c.cutout_id == cutouts.c.id)
    shown_in = of_tests.where(tests.c.review_id.in_(reviews)).distinct()
    hidden = list(connection.scalars(shown_in)) if reviews else []
    for table, column, gone in (
        (tables.votes, "review_id", reviews),
        (tables.view_settings, "review_id", reviews),
        (tables.shares, "review_id", reviews),
        (tests, "review_id", reviews),
        (tables.scores, "run_id", runs),
        (tables.metrics, "run_id", runs),
        (tables.study_runs, "run_id", runs),
        (tables.study_runs, "study_id", keys["study"]),
        (tables.dataset_members, "dataset_id", datasets),
        (tables.scores, "source_id", sources),
        (tables.rejections, "source_id", sources),
    ):
        if gone:
            connection.execute(delete(table).where(table.c[column].in_(gone)))
    if not sources and not hidden:
        return
    for table, column in INDICES:
        connection.exec_driver_sql(f"CREATE INDEX emptying_{table.name} ON {table.name} ({column})")
    newest = connection.scalar(select(func.max(cutouts.c.id)))
    of_sources = cutouts.c.source_id.in_([*sources, *hidden])
    connection.execute(delete(cutouts).where(of_sources, cutouts.c.id != newest))
    if connection.dialect.name != "sqlite":
        connection.execute(delete(cutouts).where(of_sources))
    for table, _ in INDICES:
        connection.exec_driver_sql(f"DROP INDEX emptying_{table.name}")
    left = select(cutouts.c.source_id)
    of_hidden = (tables.sources.c.id.in_(hidden), tables.sources.c.id.not_in(left))
    connection.execute(delete(tables.sources).where(*of_hidden))


def _remove_rows(connection: Connection, kind: str, table: Table) -> None:
    """Remove the rows of one table that were emptied, now or earlier, and that nothing needs any more."""
    of_table, cutouts = tables.trash.c.kind == table.name, tables.cutouts
    emptied = select(tables.trash.c.item_id).where(of_table, tables.trash.c.emptied_at.is_not(None))
    newest_cutout = connection.scalar(select(func.max(cutouts.c.id)))
    for key in sorted(connection.scalars(emptied), reverse=True):
        users = [column == key for column, of in REFERENCES if of == kind]
        if kind == "source":  # the newest cutout of all may have been kept for its number
            of_source = cutouts.c.source_id == key
            connection.execute(delete(cutouts).where(of_source, cutouts.c.id != newest_cutout))
            users.append(of_source)
        if any(connection.scalar(select(1).where(condition).limit(1)) for condition in users):
            continue
        connection.execute(delete(table).where(table.c.id == key))
        connection.execute(delete(tables.trash).where(of_table, tables.trash.c.item_id == key))


def needs_of(database: Database, items: Sequence[Item]) -> list[Item]:
    """Return what items that were deleted refer to and that is in the trash: sources, datasets, runs."""
    deleted = {(one.item.kind, one.item.id): one.item for one in list_trash(database)}
    links = (
        ("review", tables.reviews.c.source_id, "source"),
        ("run", tables.runs.c.dataset_id, "dataset"),
        ("study", tables.studies.c.dataset_id, "dataset"),
    )
    keys: list[tuple[str, int]] = []
    with database.read() as connection:
        for kind, column, of in links:
            mine = [item.id for item in items if item.kind == kind]
            found = connection.scalars(select(column).where(TABLES[kind].c.id.in_(mine)).distinct())
            keys += [(of, key) for key in found]
        versions = [key for kind, key in keys if kind == "dataset"]
        versions += [item.id for item in items if item.kind == "dataset"]
        of_versions = select(tables.datasets.c.source_ids).where(tables.datasets.c.id.in_(versions))
        keys += [("source", key) for ids in connection.scalars(of_versions) for key in ids]
    return [deleted[key] for key in dict.fromkeys(keys) if key in deleted]
