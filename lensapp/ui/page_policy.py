"""What a page may load, told to the browser, and from where it may be changed: from nowhere but itself."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "style-src 'self' 'unsafe-inline'",  # Streamlit writes its styles into the page
        # It loads the gallery's client from a blob; Plotly compiles the drawing of WebGL figures (regl), and
        # without 'unsafe-eval' says instead that the browser has no WebGL.
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",  # no page of another site may lay itself over this one
    )
)


class PagePolicy:
    """Middleware that sends the policy with every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the app does, with the policy among the headers."""

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["content-security-policy"] = POLICY
                headers["referrer-policy"] = "same-origin"
                headers["x-content-type-options"] = "nosniff"
                headers["x-frame-options"] = "DENY"
            await send(message)

        await self.app(scope, receive, send_with_policy if scope["type"] == "http" else send)


SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class OwnChanges:
    """Middleware that refuses whatever changes something and was sent by a page of another site.

    Browsers name that page's origin with every such request. Programs that are no browser name none and
    have no cookies that could be used against their owner. `public_names` are those of the app where a proxy
    asks it under another.
    """

    def __init__(self, app: ASGIApp, *, public_names: Sequence[str]) -> None:
        self.app = app
        self.public_names = frozenset(public_names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the app does, or 403."""
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS:
            headers = Headers(scope=scope)
            origin = headers.get("origin")
            own = origin is None or urlsplit(origin).netloc == headers.get("host")
            if not own and urlsplit(origin).hostname not in self.public_names:
                text = "This was sent by a page of another site. Open the app itself and do it there."
                await PlainTextResponse(text, 403)(scope, receive, send)
                return
        await self.app(scope, receive, send)
