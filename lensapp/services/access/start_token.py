"""The start-up token, as Jupyter's: who works alone guards the port against others on the machine."""

import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

from lensapp.core.acting import mode
from lensapp.core.errors import InvalidInput
from lensapp.storage.workspace import Workspace

TOKEN_SWITCH = "LENSAPP_TOKEN"  # noqa: S105 - its name
LOOPBACK = ("localhost", "127.0.0.1", "::1")
FIRST_PERSON, LAST_PERSON = 1000, 60_000  # user numbers that people have, not services
SHORTEST = 16
PROC = Path("/proc")


def start_token(address: str | None) -> str | None:
    """Return the token that this start asks for, None where it asks for none.

    LENSAPP_TOKEN says "off", "auto" (as when it is empty) or the token itself. With "auto" one is made where
    others could reach the port: where the app listens on more than this machine, or another person has a
    program running on it. Accounts, where there are some, guard the port themselves.

    Parameters
    ----------
    address
        On which the app listens.

    Raises
    ------
    InvalidInput
        When the token given is too short to keep anybody out.
    """
    wish = os.environ.get(TOKEN_SWITCH) or "auto"
    if mode() != "alone" or wish == "off":
        return None
    if wish == "auto":
        return secrets.token_urlsafe(24) if address not in LOOPBACK or others_here() else None
    if len(wish) < SHORTEST:
        raise InvalidInput(
            f"{TOKEN_SWITCH} needs {SHORTEST} characters or more. Leave it empty for a new one."
        )
    return wish


def others_here() -> bool:
    """Whether another person has a program running on this machine, as far as the system tells."""
    owners = set()
    for one in PROC.glob("[0-9]*"):  # absent where the system is no Linux: nobody is known
        with suppress(OSError):  # it has just ended
            owners.add(one.stat().st_uid)
    return any(FIRST_PERSON <= owner < LAST_PERSON and owner != os.getuid() for owner in owners)


def cookie_of(ws: Workspace, token: str) -> str:
    """Return what the cookie of who has shown the token holds; it says nothing after the next token."""
    return hmac.new(ws.secret().encode(), f"start {token}".encode(), "sha256").hexdigest()
