"""Make and change accounts, and say which reviews they may grade."""

from dataclasses import dataclass, replace

from argon2 import PasswordHasher

from lensapp.core.acting import ROLES, Actor, Role, current_actor, needs
from lensapp.core.errors import InvalidInput, NotAllowed
from lensapp.core.inspect.inspector_names import checked_inspector, inspector_key
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.storage import reviews
from lensapp.storage.access import accounts, sessions
from lensapp.storage.records import Account, Review
from lensapp.storage.workspace import Workspace

HASHER = PasswordHasher()
"""Argon2id as RFC 9106 advises where memory is short: 64 MiB, 3 passes, 4 lanes."""

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 1000
NO_ADMINISTRATOR = "{name} is the only administrator. Give another account that role first."


@needs("keep")
def add_account(
    ws: Workspace,
    *,
    name: str,
    role: str = "inspector",
    email: str | None = None,
    password: str | None = None,
) -> Account:
    """Make an account, which may log in with a password or through an OIDC provider that knows its e-mail.

    Raises
    ------
    InvalidInput
        When name, role, e-mail or password cannot be, or are taken.
    """
    return accounts.add_account(
        ws.database,
        name=checked_inspector(name),
        role=checked_role(role),
        email=None if email is None else checked_email(email),
        password_hash=None if password is None else hashed(password, name=name),
    )


@needs("keep")
def change_role(ws: Workspace, name: str, role: str) -> Account:
    """Give an account another role; it is logged out everywhere.

    Raises
    ------
    NotFound, InvalidInput
        When there is no such account or role, or no administrator would be left.
    """
    account, new = accounts.find_account(ws.database, name), checked_role(role)
    detail = f"{account.role} → {new}"
    with ws.database.whole():  # of two administrators at once, neither takes the other's role last
        if new != "administrator":
            refuse_last(ws, account)
        accounts.change_account(ws.database, account, did="changed role", detail=detail, role=new)
    return replace(account, role=new)


@needs("keep")
def set_password(ws: Workspace, name: str, password: str) -> Account:
    """Give an account a new password; it is logged out everywhere, and wrong ones of late are forgotten.

    Raises
    ------
    NotFound, InvalidInput
        When there is no such account, or the password is too short.
    """
    account = accounts.find_account(ws.database, name)
    new = hashed(password, name=account.name)
    accounts.change_account(ws.database, account, did="changed password", password_hash=new)
    sessions.note_failures(ws.database, {tries_at(inspector_key(name)): 0})
    return account


@needs("keep")
def remove_account(ws: Workspace, name: str) -> Account:
    """Remove an account: sessions and tokens end with it, votes stay under its name.

    Raises
    ------
    NotFound, InvalidInput
        When there is no such account, or no administrator would be left.
    """
    account = accounts.find_account(ws.database, name)
    with ws.database.whole():
        refuse_last(ws, account)
        accounts.remove_account(ws.database, account)
    return account


def tries_at(key: str) -> str:
    """Return under what wrong passwords for an account are counted; `key` is that of its name."""
    return f"account {key}"


def refuse_last(ws: Workspace, account: Account) -> None:
    """Raise InvalidInput where no other account is an administrator."""
    every = accounts.list_accounts(ws.database)
    if [one.id for one in every if one.role == "administrator"] == [account.id]:
        raise InvalidInput(NO_ADMINISTRATOR.format(name=account.name))


@needs("work")
def invite(ws: Workspace, name: str, review_name: str) -> bool:
    """Invite an account to a review, so that it may grade there; return whether it was not before.

    Raises
    ------
    NotFound
        When there is no such account or review.
    """
    account, review = accounts.find_account(ws.database, name), reviews.get_review(ws.database, review_name)
    return accounts.invite(ws.database, account, review_id=review.id, review_name=review.name)


@needs("work")
def uninvite(ws: Workspace, name: str, review_name: str) -> bool:
    """Take an invitation back; return whether there was one.

    Raises
    ------
    NotFound
        When there is no such account or review.
    """
    account, review = accounts.find_account(ws.database, name), reviews.get_review(ws.database, review_name)
    return accounts.uninvite(ws.database, account, review_id=review.id, review_name=review.name)


@dataclass(frozen=True)
class Admission:
    """Which reviews somebody may grade in."""

    actor: Actor | None
    invited: frozenset[int] = frozenset()
    sharing: frozenset[int] = frozenset()

    def admits(self, review: Review) -> bool:
        """Whether they may grade a review.

        An inspector has to be named by it, invited, or have a share of it; others are left out where it
        names its inspectors.
        """
        spec = ReviewSpec.parse(review.spec)
        if self.actor is None or not self.actor.may("vote"):
            return False
        if review.id in self.invited or review.id in self.sharing:
            return True
        return spec.admits(self.actor.name) and bool(spec.inspectors or self.actor.may("work"))


def admission(ws: Workspace, actor: Actor | None = None) -> Admission:
    """Return in which reviews somebody, by default who acts, may grade."""
    actor = actor or current_actor()
    if actor is None:
        return Admission(actor)
    sharing = reviews.reviews_shared_with(ws.database, actor.name)
    if actor.account_id is None:
        return Admission(actor, sharing=sharing)
    return Admission(actor, frozenset(accounts.invited_to(ws.database, actor.account_id)), sharing)


def require_admission(ws: Workspace, review: Review, actor: Actor | None = None) -> None:
    """Raise NotAllowed unless somebody, by default who acts, may grade a review."""
    actor = actor or current_actor()
    if not admission(ws, actor).admits(review):
        name = actor.name if actor else "Nobody"
        raise NotAllowed(
            f"{name} is not invited to the review {review.name}. A scientist can invite: 'user invite "
            f"{name} {review.name}'."
        )


def checked_role(role: str) -> Role:
    """Return `role` when there is such a role, else raise InvalidInput."""
    if role not in ROLES:
        raise InvalidInput(f"There is no role {role!r}. Choose one of {', '.join(ROLES)}.")
    return role


def checked_email(email: str) -> str:
    """Return an e-mail address in small letters, else raise InvalidInput."""
    cleaned = email.strip().lower()
    name, at, host = cleaned.rpartition("@")
    if not (at and name and host) or len(cleaned) > 320 or not cleaned.isprintable() or " " in cleaned:
        raise InvalidInput(f"{email[:60]!r} is no e-mail address. Write it as ada@example.org.")
    return cleaned


def hashed(password: str, *, name: str) -> str:
    """Return what is kept of a password.

    Raises
    ------
    InvalidInput
        When it is shorter than 12 characters, very long, the account's name, or one letter repeated.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InvalidInput(
            f"The password has {len(password)} characters. Take {SHORTEST_PASSWORD} or more; several words "
            "are easy to remember."
        )
    if len(set(password)) < 4 or inspector_key(password) == inspector_key(name):
        raise InvalidInput("The password is easy to guess. Take several words that do not belong together.")
    return HASHER.hash(password)
