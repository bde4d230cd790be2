"""Who has an account, what goes with it, and who may vote in a review."""

import secrets
import time
from dataclasses import dataclass, replace
from typing import Any, Literal

from lensapp.core.acting import ROLES, Actor, Role, acting_as, current_actor, needs, this_program
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.access.accounts import Admission, refuse_last
from lensapp.services.access.log_in import DAY, HOUR, LONGEST_DAYS, idle_hours
from lensapp.storage import reviews
from lensapp.storage.access import accounts, sessions
from lensapp.storage.records import Account
from lensapp.storage.workspace import Workspace

LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is read as another
GROUPS, GROUP_LETTERS = 4, 5


@needs("keep")
def list_accounts(ws: Workspace) -> list[dict[str, Any]]:
    """Return every account by name as plain values.

    Returns
    -------
    list
        name, role, email, password (whether it has one), days (old), seen_days (since it was used; None:
        never), sessions (that have not ended), reviews (that it is invited to).
    """
    now, live, names = time.time(), _live_sessions(ws), _names_of_reviews(ws)
    invited = accounts.list_invitations(ws.database)
    return [
        {
            "name": one.name,
            "role": one.role,
            "email": one.email,
            "password": one.password_hash is not None,
            "days": round((now - one.created_at) / DAY, 1),
            "seen_days": None if one.seen_at is None else round((now - one.seen_at) / DAY, 4),
            "sessions": live.get(one.id, 0),
            "reviews": [name for key, name in names.items() if (one.id, key) in invited],
        }
        for one in accounts.list_accounts(ws.database)
    ]


def first_password() -> str:
    """Return a password that nobody guesses: 20 letters and digits of 31, 99 bits, in groups to read out."""
    groups = ("".join(secrets.choice(LETTERS) for _ in range(GROUP_LETTERS)) for _ in range(GROUPS))
    return "-".join(groups)


@needs("keep")
def end_sessions(ws: Workspace, name: str) -> int:
    """Log an account out everywhere; return how many sessions have ended.

    Raises
    ------
    NotFound
        When there is no such account.
    """
    return sessions.end_sessions_of(ws.database, accounts.find_account(ws.database, name))


def log_out_everywhere(ws: Workspace, actor: Actor) -> int:
    """End every session of who acts, this one too; return how many there were."""
    account = accounts.find_account(ws.database, actor.name)
    with acting_as(replace(this_program(), name=actor.name)):  # one's own sessions take no right
        return sessions.end_sessions_of(ws.database, account)


def own_sessions(ws: Workspace) -> int:
    """Return in how many browsers who acts is logged in."""
    actor = current_actor()
    return 0 if actor is None or actor.account_id is None else _live_sessions(ws).get(actor.account_id, 0)


@dataclass(frozen=True)
class Removal:
    """What removing an account means.

    Attributes
    ----------
    sessions, invitations
        That end with it.
    votes
        Candidates that it has graded, by review; these stay, under its name.
    """

    sessions: int
    invitations: int
    votes: dict[str, int]


@needs("keep")
def plan_removal(ws: Workspace, name: str) -> Removal:
    """Return what goes with an account, and what stays.

    Raises
    ------
    NotFound, InvalidInput
        When there is no such account, or no administrator would be left.
    """
    account, names = accounts.find_account(ws.database, name), _names_of_reviews(ws)
    refuse_last(ws, account)
    graded = reviews.graded_by(ws.database, account.name)
    return Removal(
        _live_sessions(ws).get(account.id, 0),
        len(accounts.invited_to(ws.database, account.id)),
        {names[key]: count for key, (count, _) in graded.items() if key in names},
    )


@dataclass(frozen=True)
class Voter:
    """How an account stands to a review.

    Attributes
    ----------
    admitted
        By what it may vote: its role, since the review names nobody; its name in the review; an invitation.
        None: not at all.
    """

    name: str
    role: Role
    admitted: Literal["role", "named", "invited"] | None


@needs("work")
def voters_of(ws: Workspace, review_name: str) -> list[Voter]:
    """Return how every account that may vote anywhere stands to a review, by name.

    Raises
    ------
    NotFound
        When there is no such review.
    """
    review = reviews.get_review(ws.database, review_name)
    named = bool(ReviewSpec.parse(review.spec).inspectors)
    invited = {key for key, review_id in accounts.list_invitations(ws.database) if review_id == review.id}
    voters = []
    for one in accounts_that_vote(ws):
        admitted = Admission(Actor(one.name, one.role, one.id)).admits(review)
        by: Literal["role", "named", "invited"] | None = "invited" if one.id in invited else None
        voters.append(Voter(one.name, one.role, ("named" if named else "role") if admitted else by))
    return voters


@needs("work")
def accounts_that_vote(ws: Workspace) -> list[Account]:
    """Return the accounts whose role may vote, by name."""
    return [one for one in accounts.list_accounts(ws.database) if "vote" in ROLES[one.role]]


def _live_sessions(ws: Workspace) -> dict[int, int]:
    now = time.time()
    return sessions.count_sessions(
        ws.database, begun_after=now - LONGEST_DAYS * DAY, seen_after=now - idle_hours() * HOUR
    )


def _names_of_reviews(ws: Workspace) -> dict[int, str]:
    return {one.id: one.name for one in reviews.list_reviews(ws.database)}
