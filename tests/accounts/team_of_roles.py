"""Accounts of every role, each with a session."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx

from lensapp.core.acting import ROLES, Actor
from lensapp.services.access import log_in
from lensapp.storage.records import Review
from lensapp.storage.workspace import Workspace

PASSWORD = "four unrelated words"
NAMES = {role: f"{role.capitalize()} Ada" for role in ROLES}
Ask = Callable[..., httpx.Response]


@dataclass(frozen=True)
class Team:
    """An account of every role, each with a session; the inspector is invited to `review`, not to `other`."""

    ws: Workspace
    review: Review
    other: Review
    secrets: dict[str, str]

    def actor(self, role: str) -> Actor:
        actor = log_in.session_actor(self.ws, self.secrets[role])
        assert actor is not None
        return actor
