"""Log in through an OIDC provider: Streamlit's own way of `st.login`, ended in a session of ours.

References
----------
OpenID Connect Core 1.0, https://openid.net/specs/openid-connect-core-1_0.html; Streamlit, `st.login`.
"""

import json
import os
import secrets
from collections.abc import Mapping
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from starlette.datastructures import MutableHeaders
from starlette.responses import RedirectResponse, Response
from streamlit.auth_util import encode_provider_token, get_cookie_with_chunks
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value

from lensapp.core.errors import InvalidInput
from lensapp.ui.base_path import base_path

CALLBACK = "/oauth2callback"
PATHS = ("/auth/login",)
STREAMLITS = "_streamlit_user"
NEXT = "lens-next"
NEXT_SECONDS = 600
SETTINGS = {
    "LENSAPP_OIDC_URL": "the provider's address, or that of its .well-known/openid-configuration",
    "LENSAPP_OIDC_CLIENT_ID": "the name under which the provider knows this app",
    "LENSAPP_OIDC_CLIENT_SECRET": "the secret that goes with it, or @FILE with a file that holds it",
    "LENSAPP_URL": "the public address of the app, as https://lens.example.org/lens",
}
DISCOVERY = "/.well-known/openid-configuration"


def provider_secrets() -> dict[str, Any]:
    """Return what Streamlit has to know of the provider, out of the environment.

    Raises
    ------
    InvalidInput
        Naming the variables that are not set.
    """
    missing = {name: text for name, text in SETTINGS.items() if not os.environ.get(name)}
    if missing:
        told = "; ".join(f"{name}: {text}" for name, text in missing.items())
        raise InvalidInput(f"LENSAPP_MODE=oidc needs to know the provider. Set {told}.")
    url, client_id, secret, public = (os.environ[name] for name in SETTINGS)
    if secret.startswith("@"):
        secret = Path(secret[1:]).read_text("utf-8").strip()
    return {
        "auth": {
            "redirect_uri": f"{public.rstrip('/')}{CALLBACK}",
            "cookie_secret": secrets.token_hex(32),
            "client_id": client_id,
            "client_secret": secret,
            "server_metadata_url": url if url.endswith(DISCOVERY) else f"{url.rstrip('/')}{DISCOVERY}",
        }
    }


def to_provider(wanted: str) -> Response:
    """Send a browser to the provider, and remember where it wanted to go."""
    answer = RedirectResponse(f"{base_path()}{PATHS[0]}?provider={encode_provider_token('default')}", 303)
    answer.headers["cache-control"] = "no-store"
    answer.set_cookie(
        NEXT, quote(wanted), max_age=NEXT_SECONDS, httponly=True, samesite="lax", path=f"{base_path()}/"
    )
    return answer


def wanted_before(cookies: Mapping[str, str]) -> str:
    """Return where a browser wanted to go before it was sent to the provider."""
    return unquote(cookies.get(NEXT, ""))


def take_claims(headers: MutableHeaders) -> dict[str, Any] | None:
    """Take out of an answer the cookies in which Streamlit keeps who has logged in; return what they say.

    Its session cookie, which holds the state of the exchange, stays.
    """
    kept: list[str] = []
    cookies = SimpleCookie()
    for value in headers.getlist("set-cookie"):
        if value.startswith(STREAMLITS):
            cookies.load(value)
        else:
            kept.append(value)
    del headers["set-cookie"]
    for value in kept:
        headers.append("set-cookie", value)

    def signed(name: str) -> bytes | None:
        held = cookies.get(name)
        return decode_signed_value(get_cookie_secret(), name, held.value) if held and held.value else None

    told = get_cookie_with_chunks(signed, STREAMLITS)
    claims = json.loads(told) if told else {}
    return claims if claims.get("is_logged_in") else None
