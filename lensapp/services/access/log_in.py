"""Log in and out: passwords, an OIDC provider's word, sessions that end, patience with wrong passwords."""

import math
import os
import secrets
import time
from dataclasses import replace
from functools import cache
from typing import Any

from argon2.exceptions import InvalidHashError, VerificationError

from lensapp.core.acting import Actor, acting_as, this_program
from lensapp.core.errors import InvalidInput, NotAllowed
from lensapp.core.inspect.inspector_names import LONGEST_KEY, inspector_key
from lensapp.services.access.accounts import HASHER, LONGEST_PASSWORD, hashed, tries_at
from lensapp.storage.access import accounts, sessions
from lensapp.storage.records import Account
from lensapp.storage.workspace import Workspace

IDLE_HOURS_SWITCH = "LENSAPP_SESSION_HOURS"
IDLE_HOURS = 12.0
LONGEST_DAYS = 7.0
HOUR, DAY = 3600.0, 86_400.0
FREE_TRIES = {"account": 5, "address": 20}
LONGEST_WAIT = 900.0
FORGOTTEN_AFTER = DAY
WRONG = "Name or password are wrong."
NO_ACCOUNT = (
    "{email} has no account here. An administrator can make one: 'user add NAME --email {email} --role ROLE'."
)


class TooManyTries(NotAllowed):
    """Too many wrong passwords; `seconds` says how long to wait."""

    def __init__(self, seconds: float) -> None:
        self.seconds = math.ceil(seconds)
        super().__init__(f"Too many wrong passwords. Wait {self.seconds} s and try again.")


def log_in(ws: Workspace, *, name: str, password: str, address: str) -> str:
    """Begin a session for who knows an account's password; return the secret of its cookie.

    After five wrong passwords for an account, or twenty from an address, each further try has to wait, twice
    as long each time and up to a quarter of an hour. An account that does not exist takes as long as one that
    does and is slowed as well, so that nobody learns which there are.

    Raises
    ------
    NotAllowed
        When name or password are wrong.
    TooManyTries
        When it is too early for another try.
    """
    key = inspector_key(name)[:LONGEST_KEY]
    subjects = (tries_at(key), f"address {address}"[:300])
    with acting_as(this_program()):
        with ws.database.whole():  # counted before it is checked: many tries at once are many, too
            failures = sessions.failures_of(ws.database, subjects)
            wait = max((seconds_left(subject, *failures[subject]) for subject in failures), default=0.0)
            if wait > 0:
                raise TooManyTries(wait)
            before = {subject: failures.get(subject, (0, 0.0))[0] for subject in subjects}
            sessions.note_failures(ws.database, {subject: count + 1 for subject, count in before.items()})
        account = accounts.account_by_key(ws.database, key)
        if not _fits(account, password) or account is None:
            raise NotAllowed(WRONG)
        # Not the others of the address: an account of one's own would make guessing at theirs free.
        sessions.note_failures(ws.database, {subjects[0]: 0, subjects[1]: before[subjects[1]]})
        if HASHER.check_needs_rehash(account.password_hash or ""):
            _hash_anew(ws, account, password)
        return begin(ws, account)


def seconds_left(subject: str, count: int, last_at: float) -> float:
    """Return how long to wait for another try after `count` wrong passwords, the last one at `last_at`."""
    beyond = count - FREE_TRIES[subject.partition(" ")[0]]
    if beyond < 0:
        return 0.0
    return last_at + min(2.0 ** min(beyond + 1, 16), LONGEST_WAIT) - time.time()


def _fits(account: Account | None, password: str) -> bool:
    kept = account.password_hash if account and account.password_hash else _nobodys()
    try:
        return HASHER.verify(kept, password[: LONGEST_PASSWORD + 1])
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    """Return the hash of a password that nobody knows; looking at it takes as long as at another."""
    return HASHER.hash(secrets.token_urlsafe(32))


def _hash_anew(ws: Workspace, account: Account, password: str) -> None:
    new = HASHER.hash(password)
    accounts.change_account(ws.database, account, did="hashed password anew", password_hash=new)


def log_in_by_email(ws: Workspace, claims: dict[str, Any]) -> str:
    """Begin a session for whom an OIDC provider vouches; return the secret of its cookie.

    Raises
    ------
    NotAllowed
        When the provider names no e-mail address, says that it is not verified, or it has no account.
    """
    email = str(claims.get("email") or "").strip().lower()
    if not email or claims.get("email_verified") is False:
        raise NotAllowed(
            "The provider vouches for no e-mail address. Ask who runs it, or an administrator here."
        )
    account = accounts.account_by_email(ws.database, email)
    if account is None:
        raise NotAllowed(NO_ACCOUNT.format(email=email))
    with acting_as(this_program()):
        return begin(ws, account)


def begin(ws: Workspace, account: Account) -> str:
    """Begin a session for an account, and remove those that have expired."""
    now = time.time()
    sessions.end_old_sessions(
        ws.database, begun_before=now - LONGEST_DAYS * DAY, seen_before=now - idle_hours() * HOUR
    )
    sessions.forget_failures(ws.database, before=now - FORGOTTEN_AFTER)
    return sessions.begin_session(ws.database, account)


def session_actor(ws: Workspace, secret: str | None, *, in_use: bool = True) -> Actor | None:
    """Return who acts in a session; None when it has ended or expired, or its account is gone.

    With `in_use` it is noted that somebody uses it: after 12 hours without it ends.
    """
    if not secret:
        return None
    session = sessions.find_session(ws.database, sessions.key_of(secret))
    now = time.time()
    if session is None or now - session.begun_at > LONGEST_DAYS * DAY:
        return None
    if now - session.seen_at > idle_hours() * HOUR:
        return None
    if in_use:
        with acting_as(this_program()):
            sessions.note_use(ws.database, session)
    account = session.account
    return Actor(account.name, account.role, account.id, session.key)


def log_out(ws: Workspace, secret: str) -> None:
    """End a session."""
    with acting_as(this_program()):
        sessions.end_session(ws.database, sessions.key_of(secret))


def change_own_password(ws: Workspace, actor: Actor, *, old: str, new: str, address: str) -> None:
    """Change the password of who acts, who is logged out everywhere by it.

    Raises
    ------
    NotAllowed, TooManyTries
        When the old one is wrong, as in logging in.
    InvalidInput
        When the new one is too short.
    """
    kept = hashed(new, name=actor.name)
    log_in(ws, name=actor.name, password=old, address=address)
    account = accounts.find_account(ws.database, actor.name)
    with acting_as(replace(this_program(), name=actor.name)):  # one's own password takes no right
        accounts.change_account(ws.database, account, did="changed password", password_hash=kept)


def idle_hours() -> float:
    """Return after how many hours without use a session ends: LENSAPP_SESSION_HOURS, else 12.

    Raises
    ------
    InvalidInput
        When it is no number above 0.
    """
    text = os.environ.get(IDLE_HOURS_SWITCH) or str(IDLE_HOURS)
    try:
        hours = float(text)
    except ValueError:
        hours = math.nan
    if not 0 < hours < math.inf:
        raise InvalidInput(f"{IDLE_HOURS_SWITCH}={text} is no number of hours. Set it to one such as 12.")
    return hours
