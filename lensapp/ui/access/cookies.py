"""The cookie of a session: its name, and how browsers keep it."""

import hashlib
from functools import cache
from pathlib import Path

from starlette.responses import Response

from lensapp.ui.base_path import base_path


@cache
def cookie_name(folder: Path) -> str:
    """Return the name of a workspace's cookie: cookies know hosts, but not ports, so two apps need two."""
    return f"lens-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"


def set_cookie(response: Response, folder: Path, value: str, *, secure: bool) -> None:
    """Let the browser keep a session: for no script, no other site, and under HTTPS for HTTPS alone."""
    response.set_cookie(
        cookie_name(folder), value, httponly=True, samesite="lax", secure=secure, path=f"{base_path()}/"
    )


def forget_cookie(response: Response, folder: Path) -> None:
    """Let the browser forget its session."""
    response.delete_cookie(cookie_name(folder), path=f"{base_path()}/", httponly=True, samesite="lax")
