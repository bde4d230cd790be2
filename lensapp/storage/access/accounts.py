"""Accounts and the reviews they are invited to."""

import time
from typing import Any

from sqlalchemy import delete, insert, select, update

from lensapp.core.acting import Role
from lensapp.core.errors import InvalidInput, NotFound
from lensapp.core.inspect.inspector_names import inspector_key
from lensapp.storage import tables
from lensapp.storage.care.trail import note
from lensapp.storage.database import Database
from lensapp.storage.queries import matches, to_record
from lensapp.storage.records import Account

KIND = "account"  # in the trail
RECORDED = [column for column in tables.accounts.c if column.name != "name_key"]


def add_account(
    database: Database, *, name: str, role: Role, email: str | None, password_hash: str | None
) -> Account:
    """Store an account.

    Raises
    ------
    InvalidInput
        When there is one of that name, in whatever spelling, or e-mail address.
    """
    table, key = tables.accounts, inspector_key(name)
    values = {"name": name, "name_key": key, "email": email, "role": role, "password_hash": password_hash}
    with database.write() as connection:
        same_email = matches(table.c.email, email)
        for what, condition in (("name", [table.c.name_key == key]), ("e-mail address", same_email)):
            taken = connection.scalar(select(table.c.name).where(*condition)) if condition else None
            if taken is not None:
                raise InvalidInput(f"The account {taken} has this {what} already. Choose another.")
        connection.execute(insert(table).values(**values, created_at=time.time()))
        note(connection, "made", kind=KIND, name=name, detail=role)
    return find_account(database, name)


def list_accounts(database: Database) -> list[Account]:
    """Return every account by name."""
    with database.read() as connection:
        rows = connection.execute(select(*RECORDED).order_by(tables.accounts.c.name_key))
        return [to_record(Account, row) for row in rows]


def find_account(database: Database, name: str) -> Account:
    """Return the account of a name, in whatever spelling; NotFound when there is none."""
    account = account_by_key(database, inspector_key(name))
    if account is None:
        raise NotFound(f"There is no account called {name!r}. 'user list' shows those there are.")
    return account


def account_by_key(database: Database, key: str) -> Account | None:
    """Return the account of the name that all its spellings share, if any."""
    return _first(database, tables.accounts.c.name_key == key)


def account_by_email(database: Database, email: str) -> Account | None:
    """Return the account of an e-mail address, if any."""
    return _first(database, tables.accounts.c.email == email.lower())


def _first(database: Database, condition: Any) -> Account | None:
    with database.read() as connection:
        row = connection.execute(select(*RECORDED).where(condition)).first()
    return None if row is None else to_record(Account, row)


def change_account(
    database: Database, account: Account, *, did: str, detail: str = "", **changes: Any
) -> None:
    """Change columns of an account and end its sessions: what it may do was another before."""
    table = tables.accounts
    with database.write() as connection:
        connection.execute(update(table).where(table.c.id == account.id).values(**changes))
        connection.execute(delete(tables.sessions).where(tables.sessions.c.account_id == account.id))
        note(connection, did, kind=KIND, name=account.name, detail=detail)


def remove_account(database: Database, account: Account) -> None:
    """Remove an account with its sessions and invitations; its votes stay."""
    with database.write() as connection:
        connection.execute(delete(tables.accounts).where(tables.accounts.c.id == account.id))
        note(connection, "removed", kind=KIND, name=account.name)


def invite(database: Database, account: Account, *, review_id: int, review_name: str) -> bool:
    """Invite an account to a review; return whether it was not before."""
    row = {"review_id": review_id, "account_id": account.id}
    with database.write() as connection:
        new = database.insert_new(connection, tables.invitations, [row])
        if new:
            note(connection, "invited", kind="review", name=review_name, detail=account.name)
    return bool(new)


def uninvite(database: Database, account: Account, *, review_id: int, review_name: str) -> bool:
    """Take an invitation back; return whether there was one."""
    table = tables.invitations
    mine = (table.c.review_id == review_id, table.c.account_id == account.id)
    with database.write() as connection:
        gone = connection.execute(delete(table).where(*mine)).rowcount
        if gone:
            note(connection, "uninvited", kind="review", name=review_name, detail=account.name)
    return bool(gone)


def invited_to(database: Database, account_id: int) -> set[int]:
    """Return the numbers of the reviews that an account is invited to."""
    table = tables.invitations
    with database.read() as connection:
        return set(connection.scalars(select(table.c.review_id).where(table.c.account_id == account_id)))


def list_invitations(database: Database) -> set[tuple[int, int]]:
    """Return (number of the account, number of the review) of every invitation."""
    table = tables.invitations
    with database.read() as connection:
        rows = connection.execute(select(table.c.account_id, table.c.review_id))
        return {(row.account_id, row.review_id) for row in rows}
