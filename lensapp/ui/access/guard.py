"""The door: no page, picture or socket for who is not logged in or lacks the start-up token."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode

import anyio.to_thread
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lensapp.core.acting import Actor, Mode, this_program
from lensapp.core.errors import NotAllowed
from lensapp.services.access.log_in import TooManyTries, log_in, log_in_by_email, session_actor
from lensapp.services.access.start_token import cookie_of
from lensapp.ui.access import provider
from lensapp.ui.access.cookies import cookie_name, forget_cookie, set_cookie
from lensapp.ui.access.identity import ACTOR
from lensapp.ui.access.log_in_page import log_in_page
from lensapp.ui.base_path import base_path
from lensapp.ui.over_http import FRESH, body_of
from lensapp.ui.shared.state import get_workspace

LOG_IN = "/log-in"
PROBES = ("/healthz", "/metrics", "/_stcore/health")  # tell counts, and nothing of what they count
MOST_BYTES = 10_000
ENDED = "Your session has ended. Log in again; votes that were not sent yet wait in this browser."
SEE_OTHER = 303


@dataclass(frozen=True)
class Entry:
    """What was entered on the log-in page, and what is said of it or of what was before."""

    name: str = ""
    problem: str = ""
    notice: str = ""


class Guard:
    """Middleware that lets nothing past but the log-in page and probes until somebody is logged in.

    Parameters
    ----------
    mode
        How people are told apart.
    token
        Start-up token; in the mode for one person it is all that is asked for.
    """

    def __init__(self, app: ASGIApp, *, mode: Mode, token: str | None) -> None:
        self.app, self.mode, self.token = app, mode, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the app does, or ask who is there."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        path = scope["path"].removeprefix(base_path())
        actor = await anyio.to_thread.run_sync(self._actor, connection)
        if self.mode == "oidc" and path == provider.CALLBACK:
            await self.app(scope, receive, self._taking_over(Request(scope, receive), send))
        elif actor is not None or path in PROBES or (self.mode == "oidc" and path in provider.PATHS):
            scope[ACTOR] = actor
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "Log in first."})
        else:
            answer = await self._asked(Request(scope, receive), path)
            await answer(scope, receive, send)

    def _actor(self, connection: HTTPConnection) -> Actor | None:
        workspace = get_workspace()
        held = connection.cookies.get(cookie_name(workspace.folder))
        if self.mode != "alone":
            return session_actor(workspace, held)
        if self.token is None:
            return this_program()
        shown = connection.headers.get("authorization", "").removeprefix("token ")
        fits = hmac.compare_digest((held or "").encode(), cookie_of(workspace, self.token).encode())
        return this_program() if fits or _same(shown, self.token) else None

    async def _asked(self, request: Request, path: str) -> Response:
        """Answer who is not logged in: with the log-in page, what comes of logging in, or 401."""
        if request.method == "POST" and path == LOG_IN:
            return await self._log_in(request)
        if self.mode == "oidc" and request.method == "GET" and path == LOG_IN:
            return provider.to_provider(wanted(request.query_params.get("next", "")))
        token = request.query_params.get("token", "")
        if self.mode == "alone" and request.method == "GET" and token:
            return await anyio.to_thread.run_sync(self._enter_with_token, request, token)
        if request.method != "GET" or "text/html" not in request.headers.get("accept", ""):
            return JSONResponse({"error": "Log in first. Reload the page."}, 401, headers=FRESH)
        ended = self.mode != "alone" and cookie_name(get_workspace().folder) in request.cookies
        return self._page(request, Entry(notice=ENDED if ended else ""), wanted=here(request), status=401)

    async def _log_in(self, request: Request) -> Response:
        body = await body_of(request, most=MOST_BYTES)
        if body is None:
            return JSONResponse({"error": "That is too much for a log-in."}, 413, headers=FRESH)
        fields = {key: values[0] for key, values in parse_qs(body.decode("utf-8", "replace")).items()}
        enter: Callable[[Request, dict[str, str]], Response]
        enter = self._enter_with_password if self.mode == "passwords" else self._enter_with_form
        return await anyio.to_thread.run_sync(enter, request, fields)

    def _enter_with_password(self, request: Request, fields: dict[str, str]) -> Response:
        workspace, name = get_workspace(), fields.get("name", "")
        address, target = request.client.host if request.client else "", wanted(fields.get("next", ""))
        try:
            secret = log_in(workspace, name=name, password=fields.get("password", ""), address=address)
        except NotAllowed as error:
            status = 429 if isinstance(error, TooManyTries) else 403
            answer = self._page(request, Entry(name, str(error)), wanted=target, status=status)
            if isinstance(error, TooManyTries):
                answer.headers["retry-after"] = str(error.seconds)
            return answer
        return self._entered(request, target, secret)

    def _enter_with_form(self, request: Request, fields: dict[str, str]) -> Response:
        return self._enter_with_token(request, fields.get("token", ""), wanted(fields.get("next", "")))

    def _enter_with_token(self, request: Request, token: str, target: str | None = None) -> Response:
        target = target or here(request)
        if self.mode != "alone" or self.token is None or not _same(token, self.token):
            problem = "That is not the token of this start. Copy the address that the app printed."
            return self._page(request, Entry(problem=problem), wanted=target, status=403)
        return self._entered(request, target, cookie_of(get_workspace(), self.token))

    def _entered(self, request: Request, target: str, held: str) -> Response:
        answer = RedirectResponse(target, SEE_OTHER, headers=FRESH)
        set_cookie(answer, get_workspace().folder, held, secure=request.url.scheme == "https")
        return answer

    def _page(self, request: Request, entry: Entry, *, wanted: str, status: int) -> Response:
        page = log_in_page(
            mode=self.mode,
            action=f"{base_path()}{LOG_IN}",
            wanted=wanted,
            name=entry.name,
            problem=entry.problem,
            notice=entry.notice,
        )
        answer = Response(page, status, media_type="text/html", headers=FRESH)
        folder = get_workspace().folder
        if cookie_name(folder) in request.cookies:
            forget_cookie(answer, folder)
        return answer

    def _taking_over(self, request: Request, send: Send) -> Send:
        """Let a session of ours begin where Streamlit would set its own cookie, which lasts for 30 days."""
        refused = False

        async def send_with_session(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                claims = provider.take_claims(headers)
                if claims is not None:
                    answer = await anyio.to_thread.run_sync(self._enter_with_claims, request, claims)
                    refused = answer.status_code != SEE_OTHER
                    if refused:
                        await answer(request.scope, request.receive, send)
                    else:
                        headers["location"] = answer.headers["location"]
                        headers.append("set-cookie", answer.headers["set-cookie"])
            if not refused:
                await send(message)

        return send_with_session

    def _enter_with_claims(self, request: Request, claims: dict[str, object]) -> Response:
        target = wanted(provider.wanted_before(request.cookies))
        try:
            return self._entered(request, target, log_in_by_email(get_workspace(), claims))
        except NotAllowed as error:
            return self._page(request, Entry(problem=str(error)), wanted=target, status=403)


def wanted(target: str) -> str:
    """Return where to go after logging in: a page of this app, whatever a link says."""
    base = f"{base_path()}/"
    local = target.startswith(base) and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if local and "\\" not in target else base


def here(request: Request) -> str:
    """Return the address of a request within this app, without a token."""
    query = urlencode([pair for pair in request.query_params.multi_items() if pair[0] != "token"])
    return wanted(request.url.path + (f"?{query}" if query else ""))


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
