"""Who acts, and what that person may do: one answer for pages, routes, commands and jobs.

A service that changes something says with `@needs` which right it takes. Storage refuses whatever else would
be written in the name of an account, so that a service that forgets to say so changes nothing.
"""

import getpass
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Literal, ParamSpec, TypeVar, cast, get_args

from lensapp.core.errors import InvalidInput, NotAllowed

Mode = Literal["alone", "passwords", "oidc"]
Role = Literal["administrator", "scientist", "inspector", "reader"]
Right = Literal["keep", "reveal", "work", "vote"]

MODE_SWITCH = "LENSAPP_MODE"
THIS_MACHINE = "this machine"
FIRST_PERSON = 1000  # accounts below are those of the system
ROLES: dict[Role, frozenset[Right]] = {
    "administrator": frozenset(("keep", "reveal", "work", "vote")),
    "scientist": frozenset(("work", "vote")),
    "inspector": frozenset(("vote",)),
    "reader": frozenset(),
}
RIGHTS: dict[Right, str] = {
    "keep": "look after the workspace and its accounts",
    "reveal": "see what the blind tests are",
    "work": "import, train, score, open reviews and the like",
    "vote": "vote",
}
NEEDS: dict[str, Right] = {}
"""The right that each service takes, by its dotted path; `needs` fills it."""

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Actor:
    """Somebody who acts.

    Attributes
    ----------
    name
        Under which votes and the trail keep what was done; empty when it is not known.
    role
        What it may do.
    account_id
        Its account; None for who needs none, since the files are theirs: a command, the server itself.
    session
        Key of the session in which it acts, if any.
    """

    name: str
    role: Role
    account_id: int | None = None
    session: str | None = None

    def may(self, right: Right) -> bool:
        """Whether its role has a right."""
        return right in ROLES[self.role]

    @property
    def described(self) -> str:
        """Its role with the article: "an inspector"."""
        return f"{'an' if self.role[0] in 'ai' else 'a'} {self.role}"


_ACTOR: ContextVar[Actor | None] = ContextVar("actor", default=None)
_GRANTED: ContextVar[bool] = ContextVar("granted", default=False)
_ASKED: list[Callable[[], Actor | None]] = []


def mode() -> Mode:
    """Return how people are told apart: LENSAPP_MODE, else "alone".

    Raises
    ------
    InvalidInput
        When the variable names no such mode.
    """
    name = os.environ.get(MODE_SWITCH) or "alone"
    if name not in get_args(Mode):
        raise InvalidInput(f"{MODE_SWITCH}={name} is no mode. Set it to one of {', '.join(get_args(Mode))}.")
    return cast("Mode", name)


def ask_for_actor(answer: Callable[[], Actor | None]) -> None:
    """Let `answer` say who acts where nothing else does, as in what a page calls back.

    A program that asks, as the web app, serves others; one that does not is its user's own.
    """
    _ASKED[:] = [answer]


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """Let what is done inside be done by `actor`."""
    token = _ACTOR.set(actor)
    try:
        yield
    finally:
        _ACTOR.reset(token)


def this_program() -> Actor:
    """Return the user whose program this is: who may read and write the files may do everything.

    The account of a system, as that of a service or a container, is nobody: it is "this machine".
    """
    name = ""
    if sys.platform == "win32" or os.getuid() >= FIRST_PERSON:
        with suppress(OSError, KeyError):  # a user without a name
            name = getpass.getuser()
    return Actor(name or THIS_MACHINE, "administrator")


def current_actor() -> Actor | None:
    """Return who acts; None where nobody is known, which is nobody's right."""
    actor = _ACTOR.get()
    if actor is None and _ASKED:
        actor = _ASKED[0]()
    if actor is None and (not _ASKED or mode() == "alone"):
        return this_program()
    return actor


def may(right: Right) -> bool:
    """Whether who acts has a right."""
    actor = current_actor()
    return actor is not None and actor.may(right)


def require(right: Right) -> None:
    """Let nobody past who lacks a right.

    Raises
    ------
    NotAllowed
        With the roles that have it.
    """
    actor = current_actor()
    if actor is not None and actor.may(right):
        return
    if actor is None:
        raise NotAllowed(f"Nobody is logged in, or the session has ended. Log in again to {RIGHTS[right]}.")
    roles = " or ".join(role for role, rights in ROLES.items() if right in rights)
    who = f"{actor.name} is {actor.described}"
    raise NotAllowed(f"{who}; to {RIGHTS[right]} one must be {roles}. Ask an administrator for the role.")


@contextmanager
def granted(right: Right) -> Iterator[None]:
    """Let who has a right write inside; what a service calls on its way is granted with it.

    Raises
    ------
    NotAllowed
        As `require`.
    """
    if _GRANTED.get() or mode() == "alone":
        yield
        return
    require(right)
    token = _GRANTED.set(True)
    try:
        yield
    finally:
        _GRANTED.reset(token)


def needs(right: Right) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Let only those call the service below who have a right."""

    def guard(service: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        NEEDS[f"{service.__module__}.{service.__name__}"] = right

        @wraps(service)
        def allowed(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            with granted(right):
                return service(*args, **kwargs)

        return allowed

    return guard


def refuse_ungranted() -> None:
    """Refuse to write in the name of an account where no service has said which right it takes.

    Raises
    ------
    NotAllowed
        Where nobody acts either, outside the mode for one person.
    """
    if _GRANTED.get() or mode() == "alone":
        return
    actor = current_actor()
    if actor is None or actor.account_id is not None:
        raise NotAllowed("Nothing may be changed here in the name of an account. Log in again and retry.")
