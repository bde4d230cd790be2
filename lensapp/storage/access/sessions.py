"""Sessions of those who are logged in, and the wrong passwords of late."""

import hashlib
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from lensapp.storage import tables
from lensapp.storage.access.accounts import KIND, RECORDED
from lensapp.storage.care.trail import note
from lensapp.storage.database import Database
from lensapp.storage.records import Account

NOTED_SECONDS = 60.0  # a session that is used is noted so often


@dataclass(frozen=True)
class Session:
    """A browser in which somebody is logged in."""

    key: str
    account: Account
    begun_at: float
    seen_at: float


def key_of(secret: str) -> str:
    """Return under what a session is stored: whoever reads the database cannot act in it."""
    return hashlib.sha256(secret.encode()).hexdigest()


def begin_session(database: Database, account: Account) -> str:
    """Begin a session; return the secret that its cookie holds."""
    secret, now = secrets.token_urlsafe(32), time.time()
    row = {"key": key_of(secret), "account_id": account.id, "begun_at": now, "seen_at": now}
    with database.write() as connection:
        connection.execute(insert(tables.sessions).values(row))
        _note_seen(connection, account.id, now)
    return secret


def _note_seen(connection: Connection, account_id: int, now: float) -> None:
    table = tables.accounts
    connection.execute(update(table).where(table.c.id == account_id).values(seen_at=now))


def find_session(database: Database, key: str) -> Session | None:
    """Return a session with its account, if there is one."""
    table, accounts = tables.sessions, tables.accounts
    wanted = select(table.c.begun_at, table.c.seen_at.label("session_seen_at"), *RECORDED).join(
        accounts, accounts.c.id == table.c.account_id
    )
    with database.read() as connection:
        row = connection.execute(wanted.where(table.c.key == key)).mappings().first()
    if row is None:
        return None
    values = dict(row)
    begun_at, seen_at = values.pop("begun_at"), values.pop("session_seen_at")
    return Session(key, Account(**values), begun_at, seen_at)


def note_use(database: Database, session: Session) -> None:
    """Note that a session is used, at most once a minute."""
    now = time.time()
    if now - session.seen_at > NOTED_SECONDS:
        table = tables.sessions
        with database.write() as connection:
            connection.execute(update(table).where(table.c.key == session.key).values(seen_at=now))
            _note_seen(connection, session.account.id, now)


def end_session(database: Database, key: str) -> None:
    """End one session."""
    with database.write() as connection:
        connection.execute(delete(tables.sessions).where(tables.sessions.c.key == key))


def end_sessions_of(database: Database, account: Account) -> int:
    """End every session of an account; return how many there were."""
    table = tables.sessions
    with database.write() as connection:
        ended = connection.execute(delete(table).where(table.c.account_id == account.id)).rowcount
        if ended:
            note(connection, "ended sessions", kind=KIND, name=account.name, detail=str(ended))
    return ended


def count_sessions(database: Database, *, begun_after: float, seen_after: float) -> dict[int, int]:
    """Return how many sessions that have not expired each account has, by its number."""
    table = tables.sessions
    live = select(table.c.account_id, func.count().label("live")).where(
        table.c.begun_at >= begun_after, table.c.seen_at >= seen_after
    )
    with database.read() as connection:
        rows = connection.execute(live.group_by(table.c.account_id))
        return {row.account_id: row.live for row in rows}


def end_old_sessions(database: Database, *, begun_before: float, seen_before: float) -> None:
    """Remove the sessions that have expired."""
    table = tables.sessions
    old = or_(table.c.begun_at < begun_before, table.c.seen_at < seen_before)
    with database.write() as connection:
        connection.execute(delete(table).where(old))


def failures_of(database: Database, subjects: Sequence[str]) -> dict[str, tuple[int, float]]:
    """Return how often a wrong password was given for each subject, and when last."""
    table = tables.log_in_failures
    with database.read() as connection:
        rows = connection.execute(select(table).where(table.c.subject.in_(subjects))).mappings()
        return {row["subject"]: (row["count"], row["last_at"]) for row in rows}


def note_failures(database: Database, counts: dict[str, int]) -> None:
    """Store how often a wrong password was given for each subject; 0 forgets it."""
    now = time.time()
    table = tables.log_in_failures
    with database.write() as connection:
        connection.execute(delete(table).where(table.c.subject.in_(counts)))
        rows = [{"subject": one, "count": count, "last_at": now} for one, count in counts.items() if count]
        database.insert_new(connection, table, rows)


def forget_failures(database: Database, *, before: float) -> None:
    """Forget the wrong passwords of long ago."""
    table = tables.log_in_failures
    with database.write() as connection:
        connection.execute(delete(table).where(table.c.last_at < before))
