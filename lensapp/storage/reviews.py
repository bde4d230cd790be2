"""Reviews and the append-only log of votes."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, delete, exists, func, insert, not_, select, update

from lensapp.core.errors import VoteConflict
from lensapp.core.inspect.inspector_names import inspector_key
from lensapp.core.once import once
from lensapp.storage import tables
from lensapp.storage.care.trail import actor, note
from lensapp.storage.database import Database
from lensapp.storage.queries import (
    Columns,
    count_rows,
    fetch_columns,
    find_by_id,
    find_named,
    matches,
    new_name,
    newest_first,
    not_in_trash,
    put_row,
    to_record,
)
from lensapp.storage.records import BlindTest, Review, Vote

NAMES_AT_ONCE = 500
IN_TIME = not_(
    exists().where(
        tables.reviews.c.id == tables.votes.c.review_id,
        tables.reviews.c.closed_at < tables.votes.c.received_at,
    )
)
"""Condition of a vote: its review was not closed when it was received."""

OF_NONE_DELETED = not_in_trash(tables.reviews, tables.votes.c.review_id)
"""Condition of a vote: its review was not deleted."""

VOTE_TYPES = {"id": "int64", "review_id": "int64", "cutout_id": "int64", "seq": "int64"} | {
    "voted_at": "float64", "received_at": "float64"
}  # fmt: skip
CONTENT = (
    "cutout_id", "grade", "contaminant", "comment", "starred", "voted_at", "seconds_spent", "stretch",
    "score_seen",
)  # fmt: skip
"""What an inspector's browser says with a vote; the rest follows from it or from the server."""


def create_review(
    database: Database,
    *,
    name: str,
    source_id: int,
    run_id: int | None,
    spec: dict[str, Any],
    queue: NDArray[np.int64],
    blind_tests: Sequence[dict[str, Any]] = (),
    shares: Mapping[str, NDArray[np.int64]] | None = None,
) -> Review:
    """Save a review whose candidates are shown in the order of `queue` (cutout ids).

    `blind_tests` are those in the queue whose truth is known, as values by column; `shares` what each
    inspector is asked to grade, where they share the work.
    """
    with new_name(database, tables.reviews, name, what="review") as connection:
        connection.execute(
            insert(tables.reviews).values(
                name=name,
                source_id=source_id,
                run_id=run_id,
                spec=spec,
                queue=np.asarray(queue, "<i8").tobytes(),
                size=len(queue),
                created_at=time.time(),
            )
        )
        note_inspectors(database, connection, spec.get("inspectors", ()))
        key = connection.scalar(select(tables.reviews.c.id).where(tables.reviews.c.name == name))
        if shares:
            connection.execute(insert(tables.shares), _rows_of_shares(key, shares))
        if blind_tests:
            connection.execute(
                insert(tables.blind_tests), [{"review_id": key} | dict(row) for row in blind_tests]
            )
    return get_review(database, name)


def refuse_taken(database: Database, name: str) -> None:
    """Raise InvalidInput when a review cannot be called `name`, before anything is made for it."""
    with new_name(database, tables.reviews, name, what="review", did=None):
        pass


@once
def get_review(database: Database, name: str) -> Review:
    """Return the review called `name`, or raise NotFound."""
    return find_named(database, tables.reviews, Review, name, what="review")


def review_by_id(database: Database, review_id: int) -> Review:
    """Return the review with the key `review_id`, or raise NotFound; a deleted one is not found."""
    review = find_by_id(database, tables.reviews, Review, review_id, what="review")
    return get_review(database, review.name)


def close_review(database: Database, name: str) -> Review:
    """Note that the review called `name` is over, unless it was before; raise NotFound for none."""
    review, table = get_review(database, name), tables.reviews
    with database.write() as connection:
        connection.execute(
            update(table)
            .where(table.c.id == review.id, table.c.closed_at.is_(None))
            .values(closed_at=time.time())
        )
        note(connection, "closed", kind="review", name=name)
    return get_review(database, name)


@once
def list_reviews(database: Database) -> list[Review]:
    """Return every review, newest first."""
    return newest_first(database, tables.reviews, Review)


@once
def queue_of(database: Database, review_id: int) -> NDArray[np.int64]:
    """Return the cutout ids of a review in the order they are shown."""
    with database.read() as connection:
        stored = connection.scalar(select(tables.reviews.c.queue).where(tables.reviews.c.id == review_id))
    return np.frombuffer(stored or b"", "<i8").astype(np.int64)


def _rows_of_shares(review_id: int | None, shares: Mapping[str, NDArray[np.int64]]) -> list[dict[str, Any]]:
    packed = ((inspector_key(name), name, np.asarray(keys, "<i8").tobytes()) for name, keys in shares.items())
    return [
        {"review_id": review_id, "person": person, "inspector": name, "cutouts": cutouts}
        for person, name, cutouts in packed
    ]


@once
def shares_of(database: Database, review_id: int) -> dict[str, NDArray[np.int64]]:
    """Return what each inspector of a review is asked to grade, by name; nothing where all grade all."""
    table = tables.shares
    statement = select(table).where(table.c.review_id == review_id).order_by(table.c.person)
    with database.read() as connection:
        rows = connection.execute(statement).all()
    return {row.inspector: np.frombuffer(row.cutouts, "<i8").astype(np.int64) for row in rows}


def share_of(database: Database, review_id: int, inspector: str) -> NDArray[np.int64] | None:
    """Return what one inspector of a review is asked to grade, None where they have no share."""
    table = tables.shares
    own = (table.c.review_id == review_id, table.c.person == inspector_key(inspector))
    with database.read() as connection:
        stored = connection.scalar(select(table.c.cutouts).where(*own))
    return None if stored is None else np.frombuffer(stored, "<i8").astype(np.int64)


def reviews_shared_with(database: Database, inspector: str) -> frozenset[int]:
    """Return the reviews in which an inspector has a share."""
    table = tables.shares
    statement = select(table.c.review_id).where(table.c.person == inspector_key(inspector))
    with database.read() as connection:
        return frozenset(connection.scalars(statement))


def replace_shares(database: Database, review: Review, shares: Mapping[str, NDArray[np.int64]]) -> None:
    """Replace all shares of a review."""
    table = tables.shares
    with database.write() as connection:
        note_inspectors(database, connection, shares)
        connection.execute(delete(table).where(table.c.review_id == review.id))
        connection.execute(insert(table), _rows_of_shares(review.id, shares))
        note(connection, "shared out anew", kind="review", name=review.name)


@once
def blind_tests_of(database: Database, review_ids: Sequence[int]) -> list[BlindTest]:
    """Return the blind tests of reviews, ordered by cutout."""
    table = tables.blind_tests
    statement = select(table).where(table.c.review_id.in_(list(review_ids))).order_by(table.c.cutout_id)
    with database.read() as connection:
        return [to_record(BlindTest, row) for row in connection.execute(statement)]


def source_ids_of(database: Database, review: Review) -> tuple[int, ...]:
    """Return the sources that a review shows candidates of, its first one first."""
    names = list(review.spec.get("also_sources", ()))
    table = tables.sources
    if not names:
        return (review.source_id,)
    with database.read() as connection:
        keys = connection.scalars(select(table.c.id).where(table.c.name.in_(names)).order_by(table.c.id))
        return tuple(dict.fromkeys((review.source_id, *keys)))


def note_inspectors(database: Database, connection: Connection, names: Iterable[str]) -> dict[str, str]:
    """Return how the name of each inspector was first written; note those not met before."""
    persons = {name: inspector_key(name) for name in names}
    first: dict[str, str] = {}
    for name, person in persons.items():
        first.setdefault(person, name)
    known = _first_written(connection, first)
    if new := first.keys() - known.keys():
        rows = [{"person": person, "name": first[person]} for person in sorted(new)]
        database.insert_new(connection, tables.inspectors, rows)
        known |= _first_written(connection, new)  # somebody else may have been faster
    return {name: known[person] for name, person in persons.items()}


def inspectors_called(database: Database, names: Iterable[str]) -> dict[str, str]:
    """Return how the name of each inspector was first written, of a new one among `names` themselves."""
    persons = {name: inspector_key(name) for name in names}
    with database.read() as connection:
        known = _first_written(connection, persons.values())
    return {name: known.setdefault(person, name) for name, person in persons.items()}


def _first_written(connection: Connection, persons: Iterable[str]) -> dict[str, str]:
    table, keys = tables.inspectors, sorted(set(persons))
    names: dict[str, str] = {}
    for start in range(0, len(keys), NAMES_AT_ONCE):
        part = table.c.person.in_(keys[start : start + NAMES_AT_ONCE])
        names |= {row.person: row.name for row in connection.execute(select(table).where(part))}
    return names


def is_by(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    """Return the condition that a row is of the inspector called `name` in any spelling."""
    table = tables.inspectors
    return column == select(table.c.name).where(table.c.person == inspector_key(name)).scalar_subquery()


def add_votes(
    database: Database, votes: Sequence[dict[str, Any]], *, imported: Mapping[str, str] | None = None
) -> None:
    """Append votes given as values by column; they are on the disk when this returns.

    Inspectors are stored as their names were first written, whatever the spelling of these votes.

    A vote is known by its client, running number, inspector and review; one that is there already is left.
    `received_at` is filled in here; absent columns are empty. Of votes `imported` the trail tells whose they
    are, by the name of their review.

    Raises
    ------
    VoteConflict
        When another vote is stored under the key of one of them; none is stored then.
    """
    if not votes:
        return
    defaults: dict[str, Any] = {column.name: None for column in tables.votes.c if column.name != "id"}
    defaults |= {"received_at": time.time(), "score_seen": False}
    rows = [defaults | vote for vote in votes]
    who = actor()

    def store(connection: Connection) -> None:
        names = note_inspectors(database, connection, [row["inspector"] for row in rows])
        for row in rows:
            row["inspector"] = names[row["inspector"]]
        if database.insert_new(connection, tables.votes, rows) < len(rows):
            _refuse_others(connection, rows)
        for name, detail in (imported or {}).items():
            note(connection, "added votes to", kind="review", name=name, detail=detail, who=who)

    database.write_together(store)


def _refuse_others(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Raise VoteConflict unless every row is stored as it is."""
    table = tables.votes
    by_client: dict[tuple[str, str, int], dict[int, dict[str, Any]]] = {}
    for row in rows:
        by_client.setdefault((row["client"], row["inspector"], row["review_id"]), {})[row["seq"]] = row
    taken = []
    for (client, inspector, review_id), by_number in by_client.items():
        statement = select(table).where(
            table.c.client == client,
            table.c.inspector == inspector,
            table.c.review_id == review_id,
            table.c.seq.between(min(by_number), max(by_number)),
        )
        for stored in connection.execute(statement).mappings():
            sent = by_number.get(stored["seq"])
            if sent is not None and any((sent[name] or None) != (stored[name] or None) for name in CONTENT):
                taken.append(stored["seq"])
    if taken:
        raise VoteConflict(sorted(taken))


def votes_of(
    database: Database,
    *,
    review_id: int | None = None,
    inspector: str | None = None,
    source_id: int | None = None,
    cutout_id: int | None = None,
    cutout_ids: Sequence[int] | None = None,
    with_blind_tests: bool = False,
    with_late: bool = False,
    after: int = 0,
) -> list[Vote]:
    """Return votes in the order received: of one review, inspector, source, cutout or some, or all.

    Those with numbers above `after`.

    Votes on blind tests are no votes on candidates, and those that came after their review was closed do
    not count; both are left out unless asked for.
    """
    table = tables.votes
    statement = select(table).where(
        *matches(table.c.review_id, review_id),
        *([] if inspector is None else [is_by(table.c.inspector, inspector)]),
        *matches(table.c.cutout_id, cutout_id),
        OF_NONE_DELETED,
    )
    if after:
        statement = statement.where(table.c.id > after)
    if cutout_ids is not None:
        statement = statement.where(table.c.cutout_id.in_([int(key) for key in cutout_ids]))
    if not with_blind_tests:
        statement = statement.where(table.c.cutout_id.not_in(select(tables.blind_tests.c.cutout_id)))
    if not with_late:
        statement = statement.where(IN_TIME)
    if source_id is not None:
        statement = statement.join(tables.cutouts, tables.cutouts.c.id == table.c.cutout_id)
        statement = statement.where(tables.cutouts.c.source_id == source_id)
    with database.read() as connection:
        return [to_record(Vote, row) for row in connection.execute(statement.order_by(table.c.id))]


@dataclass(frozen=True)
class StateOfVotes:
    """What changes whenever the votes that count do.

    Attributes
    ----------
    count, last
        Number of all votes, and that of the last.
    reviews
        Key of each review that is not deleted and when it was closed, in rising order.
    blind_tests
        How many candidates of reviews are blind tests.
    """

    count: int
    last: int
    reviews: tuple[tuple[int, float | None], ...]
    blind_tests: int


def state_of_votes(database: Database) -> StateOfVotes:
    """Return what changes whenever the votes that count do."""
    return _state_of_votes(database, None)


def state_of_review(database: Database, review_id: int) -> StateOfVotes:
    """Return what changes whenever the votes of one review that count do."""
    return _state_of_votes(database, review_id)


@once
def _state_of_votes(database: Database, review_id: int | None) -> StateOfVotes:
    votes, ends, tests = tables.votes, tables.reviews, tables.blind_tests
    counted = select(func.count(), func.coalesce(func.max(votes.c.id), 0)).select_from(votes)
    closed = select(ends.c.id, ends.c.closed_at).where(not_in_trash(ends), *matches(ends.c.id, review_id))
    of_tests = select(func.count()).select_from(tests).where(*matches(tests.c.review_id, review_id))
    with database.read() as connection:
        count, last = connection.execute(counted.where(*matches(votes.c.review_id, review_id))).one()
        rows = connection.execute(closed.order_by(ends.c.id)).all()
        return StateOfVotes(
            count, last, tuple((row.id, row.closed_at) for row in rows), connection.scalar(of_tests) or 0
        )


def vote_columns(database: Database, *, after: int, up_to: int) -> Columns:
    """Return columns of all votes with numbers above `after` up to `up_to`, whether they count or not."""
    table = tables.votes
    names = (*VOTE_TYPES, "client", "inspector", "grade", "value", "starred", "comment")
    statement = select(*(table.c[name] for name in names)).where(table.c.id > after, table.c.id <= up_to)
    with database.read() as connection:
        return fetch_columns(connection, statement.order_by(table.c.id), VOTE_TYPES)


@once
def blind_test_ids(database: Database) -> NDArray[np.int64]:
    """Return the cutout ids of the blind tests of all reviews."""
    with database.read() as connection:
        columns = fetch_columns(connection, select(tables.blind_tests.c.cutout_id), VOTE_TYPES)
    return columns["cutout_id"]


def count_votes(database: Database) -> int:
    """Return the number of votes, withdrawn ones included."""
    return count_rows(database, tables.votes, OF_NONE_DELETED)


def count_votes_after(database: Database, review_id: int, last: int) -> int:
    """Return the number of votes of a review with numbers above `last`, whether they count or not."""
    table = tables.votes
    return count_rows(database, table, table.c.review_id == review_id, table.c.id > last)


def count_votes_on(database: Database, source_ids: Sequence[int]) -> int:
    """Return the number of votes on cutouts of some sources that came in time, withdrawn ones included."""
    votes, cutouts = tables.votes, tables.cutouts
    statement = (
        select(func.count())
        .select_from(votes.join(cutouts, cutouts.c.id == votes.c.cutout_id))
        .where(cutouts.c.source_id.in_([int(key) for key in source_ids]), IN_TIME, OF_NONE_DELETED)
    )
    with database.read() as connection:
        return int(connection.execute(statement).scalar_one())


def count_votes_on_members(database: Database, dataset_id: int, *, since: float) -> int:
    """Return the number of votes on members of a dataset version that came in time and after a moment."""
    votes, members = tables.votes, tables.dataset_members
    own = votes.c.cutout_id.in_(select(members.c.cutout_id).where(members.c.dataset_id == dataset_id))
    statement = select(func.count()).where(votes.c.received_at > since, own, IN_TIME, OF_NONE_DELETED)
    with database.read() as connection:
        return int(connection.execute(statement).scalar_one())


def late_votes(database: Database, review_id: int) -> int:
    """Return how many votes came after a review was closed: they are kept and do not count."""
    return count_rows(database, tables.votes, tables.votes.c.review_id == review_id, not_(IN_TIME))


def graded_by(database: Database, inspector: str) -> dict[int, tuple[int, float]]:
    """Return by review how many candidates an inspector has voted on, and when last; blind tests too."""
    table = tables.votes
    graded, last = func.count(table.c.cutout_id.distinct()), func.max(table.c.received_at)
    counted = select(table.c.review_id, graded.label("graded"), last.label("last")).where(
        is_by(table.c.inspector, inspector), OF_NONE_DELETED
    )
    with database.read() as connection:
        rows = connection.execute(counted.group_by(table.c.review_id))
        return {row.review_id: (row.graded, row.last) for row in rows}


def save_view(database: Database, *, review_id: int, inspector: str, settings: dict[str, Any]) -> None:
    """Keep an inspector's view of a review in place of the one before."""
    with database.write() as connection:
        name = note_inspectors(database, connection, [inspector])[inspector]
    keys: dict[str, int | str] = {"review_id": review_id, "inspector": name}
    put_row(database, tables.view_settings, keys=keys, settings=settings, updated_at=time.time())


def view_of(database: Database, *, review_id: int, inspector: str) -> dict[str, Any] | None:
    """Return an inspector's view of a review, or None before the first."""
    table = tables.view_settings
    statement = select(table.c.settings).where(
        table.c.review_id == review_id, is_by(table.c.inspector, inspector)
    )
    with database.read() as connection:
        settings: dict[str, Any] | None = connection.scalar(statement)
    return settings


def latest_view(database: Database, *, inspector: str) -> dict[str, Any] | None:
    """Return the view that an inspector used last in any review, or None."""
    table = tables.view_settings
    statement = select(table.c.settings).where(
        is_by(table.c.inspector, inspector), not_in_trash(tables.reviews, table.c.review_id)
    )
    with database.read() as connection:
        settings: dict[str, Any] | None = connection.scalar(
            statement.order_by(table.c.updated_at.desc()).limit(1)
        )
    return settings
