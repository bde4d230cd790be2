"""Addresses that the other pages let one guess: /home, and pages within pages.

The home page stands at the address of the app. Pages have one name each: below an address of several parts
the browser would look for the scripts of the app in vain, and stay white.
"""

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lensapp.ui.base_path import base_path

NO_PAGES = ("_stcore", "api", "app", "component", "media", "static")  # below which there are files, not pages
SEE_OTHER = 303


async def to_home(request: Request) -> RedirectResponse:
    """Lead to the home page with what the address selects, below whatever path a proxy serves the app."""
    return RedirectResponse(f"./?{request.url.query}" if request.url.query else "./")


class OnePart:
    """Middleware that leads from an address of several parts, where the app would stand, to its last one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the app does, or lead to the page."""
        parts = scope.get("path", "").removeprefix(base_path()).strip("/").split("/")
        if scope["type"] != "http" or len(parts) < 2 or parts[0] in NO_PAGES:
            await self.app(scope, receive, send)
            return
        led = False

        async def lead_or_send(message: Message) -> None:
            nonlocal led
            if message["type"] == "http.response.start":
                kind = Headers(raw=message["headers"]).get("content-type", "")
                led = message["status"] == 200 and kind.startswith("text/html")
                if led:
                    request = Request(scope, receive)
                    up = "../" * (len(parts) - 1 + request.url.path.endswith("/"))
                    query = f"?{request.url.query}" if request.url.query else ""
                    answer = RedirectResponse(f"{up}{parts[-1]}{query}", SEE_OTHER)
                    await answer(scope, receive, send)
            if not led:
                await send(message)

        await self.app(scope, receive, lead_or_send)


ROUTES = [Route("/home", to_home)]
