"""Signed tokens: what a browser may do with the gallery's routes, and in whose name."""

import time

from itsdangerous import BadData, URLSafeSerializer
from pydantic import Field

from lensapp.core.config import Spec
from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.inspector_names import LONGEST_NAME, checked_inspector
from lensapp.storage.records import Review
from lensapp.storage.workspace import Workspace

SALT = "lensapp.gallery"
HOUR = 3600
VALID_HOURS = 24


class Claims(Spec):
    """What a token vouches for."""

    review_id: int = Field(ge=1, description="Review that may be seen and voted in.")
    inspector: str = Field(min_length=1, max_length=LONGEST_NAME, description="In whose name votes count.")
    until: int = Field(ge=0, description="Unix time at which the token expires.")


def issue_token(ws: Workspace, *, review: Review, inspector: str) -> str:
    """Return a token for one review and inspector; it stays the same for an hour and lasts a day."""
    until = (int(time.time()) // HOUR + VALID_HOURS + 1) * HOUR
    claims = Claims(review_id=review.id, inspector=checked_inspector(inspector), until=until)
    return str(_signer(ws).dumps(claims.saved()))


def read_token(ws: Workspace, token: str) -> Claims:
    """Return what `token` vouches for.

    Raises
    ------
    InvalidInput
        When it was not signed by this workspace, or has expired.
    """
    try:
        claims = Claims.parse(_signer(ws).loads(token))
    except BadData as error:
        wrong = "was not signed by this workspace" if token else "is missing"
        raise InvalidInput(f"The token {wrong}. Reload the page.") from error
    if claims.until < time.time():
        raise InvalidInput("The token has expired. Reload the page.")
    return claims


def _signer(ws: Workspace) -> URLSafeSerializer:
    return URLSafeSerializer(ws.secret(), salt=SALT)
