"""Signed tokens: what a browser may do with the gallery's routes, and in whose name."""

import time
from collections.abc import Iterable
from typing import TypeVar

from itsdangerous import BadData, URLSafeSerializer
from pydantic import Field

from lensapp.core.acting import current_actor, mode
from lensapp.core.config import Spec
from lensapp.core.errors import InvalidInput, NotAllowed
from lensapp.core.inspect.inspector_names import LONGEST_NAME, checked_inspector
from lensapp.services.access.accounts import require_admission
from lensapp.storage import reviews
from lensapp.storage.records import Review
from lensapp.storage.workspace import Workspace

SALT = "lensapp.gallery"
LOOK_SALT = "lensapp.lightbox"
HOUR = 3600
VALID_HOURS = 24

Kind = TypeVar("Kind", "Claims", "LookClaims")


class Claims(Spec):
    """What a token vouches for."""

    review_id: int = Field(ge=1, description="Review that may be seen and voted in.")
    inspector: str = Field(min_length=1, max_length=LONGEST_NAME, description="In whose name votes count.")
    until: int = Field(ge=0, description="Unix time at which the token expires.")
    session: str | None = Field(None, max_length=64, description="Session outside which it says nothing.")


class LookClaims(Spec):
    """What a token vouches for that lets cutouts be looked at, and nothing be changed."""

    source_ids: tuple[int, ...] = Field(min_length=1, description="Sources whose cutouts may be seen.")
    run: str | None = Field(None, max_length=300, description="Run whose scores may be explained.")
    until: int = Field(ge=0, description="Unix time at which the token expires.")
    session: str | None = Field(None, max_length=64, description="Session outside which it says nothing.")


def issue_token(ws: Workspace, *, review: Review, inspector: str) -> str:
    """Return a token for one review and inspector; it stays the same for an hour and lasts a day.

    That of an account says nothing outside its session, and so ends with it.

    Raises
    ------
    NotAllowed
        When an account that acts may not grade the review.
    """
    if mode() != "alone":
        require_admission(ws, review)
    name = checked_inspector(inspector)
    claims = Claims(review_id=review.id, inspector=name, until=_until(), session=_session())
    return str(_signer(ws, SALT).dumps(claims.saved()))


def issue_look_token(ws: Workspace, *, source_ids: Iterable[int], run_name: str | None) -> str:
    """Return a token for looking at the cutouts of some sources; it lasts as long as one for a review."""
    claims = LookClaims(
        source_ids=tuple(sorted(set(source_ids))), run=run_name, until=_until(), session=_session()
    )
    return str(_signer(ws, LOOK_SALT).dumps(claims.saved()))


def read_token(ws: Workspace, token: str) -> Claims:
    """Return what `token` vouches for.

    Raises
    ------
    InvalidInput
        When it was not signed by this workspace, or has expired.
    NotAllowed
        When it belongs to another session than that of who acts, who may also not be invited any more.
    """
    claims = _read(ws, token, Claims, SALT)
    if mode() != "alone":
        require_admission(ws, reviews.review_by_id(ws.database, claims.review_id))
    return claims


def read_look_token(ws: Workspace, token: str) -> LookClaims:
    """Return what a token for looking at cutouts vouches for; it raises what `read_token` does."""
    return _read(ws, token, LookClaims, LOOK_SALT)


def _read(ws: Workspace, token: str, kind: type[Kind], salt: str) -> Kind:
    try:
        claims = kind.parse(_signer(ws, salt).loads(token))
    except BadData as error:
        wrong = "was not signed by this workspace" if token else "is missing"
        raise InvalidInput(f"The token {wrong}. Reload the page.") from error
    if claims.until < time.time():
        raise InvalidInput("The token has expired. Reload the page.")
    if mode() != "alone" and (claims.session is None or claims.session != _session()):
        raise NotAllowed("The token belongs to another session. Reload the page.")
    return claims


def _session() -> str | None:
    """Return the session in which somebody acts; alone there is none."""
    actor = current_actor()
    return None if actor is None else actor.session


def _until() -> int:
    return (int(time.time()) // HOUR + VALID_HOURS + 1) * HOUR


def _signer(ws: Workspace, salt: str) -> URLSafeSerializer:
    return URLSafeSerializer(ws.secret(), salt=salt)
