"""Figures for Prometheus at /metrics, counts without names; only where LENSAPP_METRICS=1 asks for them.

They are told on this machine, or to who shows the token in LENSAPP_METRICS_TOKEN.
"""

import hmac
import os
import time
from functools import cache
from ipaddress import ip_address
from typing import TYPE_CHECKING

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lensapp.core.errors import LensAppError
from lensapp.ui.over_http import FRESH
from lensapp.ui.shared.state import get_workspace

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Gauge, Histogram

SWITCH = "LENSAPP_METRICS"
TOKEN = "LENSAPP_METRICS_TOKEN"  # noqa: S105 - the name of a variable
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
"""Headers by which proxies say that they ask for somebody else."""

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
OF_STREAMLIT = "streamlit"
OFF = f"Figures are not asked for here. Start the web app with {SWITCH}=1."
CLOSED = (
    f"Figures are told on the machine of the web app alone. To read them elsewhere, start it with {TOKEN} "
    "set to a long random text, and have Prometheus send that (authorization: credentials)."
)
LACKING = (
    f"{SWITCH}=1 needs the package prometheus-client: pip install -r requirements-prometheus.txt, and start "
    "the web app again."
)


def switched_on() -> bool:
    """Return whether figures are asked for."""
    return os.environ.get(SWITCH) == "1"


@cache
def _registry() -> "CollectorRegistry":
    """Return the registry of this process: the workspace, the process itself, and what `Measured` sees."""
    from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

    from lensapp.services.care.metrics import WorkspaceMetrics

    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    registry.register(WorkspaceMetrics(get_workspace()))
    return registry


@cache
def _instruments() -> "tuple[Histogram, Gauge]":
    """Return what answers are timed with, and what counts the open sessions."""
    from prometheus_client import Gauge, Histogram

    registry = _registry()
    answers = Histogram(
        "lensapp_http_request_seconds",
        "Seconds from a request to the end of its answer.",
        ["route", "method", "code"],
        buckets=BUCKETS,
        registry=registry,
    )
    return answers, Gauge("lensapp_sessions", "Pages that are open in browsers.", registry=registry)


class Measured:
    """Middleware that times the answers of the app's own routes and counts open sessions, once switched on.

    All that Streamlit serves by itself is one route here, or every address would make figures of its own.
    """

    def __init__(self, app: ASGIApp, *, own: frozenset[str]) -> None:
        self.app = app
        self.own = own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the app does."""
        if not switched_on() or lacking() or scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        answers, sessions = _instruments()
        if scope["type"] == "websocket":
            with sessions.track_inprogress():
                await self.app(scope, receive, send)
            return
        began, code = time.perf_counter(), 500

        async def send_noted(message: Message) -> None:
            nonlocal code
            code = message.get("status", code)
            await send(message)

        try:
            await self.app(scope, receive, send_noted)
        finally:
            path = getattr(scope.get("route"), "path", None)
            route = path if path in self.own else OF_STREAMLIT
            answers.labels(route, scope["method"], code).observe(time.perf_counter() - began)


@cache
def lacking() -> bool:
    """Return whether the extra is absent."""
    try:
        import prometheus_client  # noqa: F401 - only whether it is there
    except ImportError:
        return True
    return False


def may_read(request: Request) -> bool:
    """Return whether figures are told to who asks: with the token, if one is set, else from this machine.

    What a proxy passes on was asked elsewhere.
    """
    token = os.environ.get(TOKEN)
    if token:
        shown = request.headers.get("authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(shown.encode(), token.encode())
    if request.client is None or any(name in request.headers for name in FORWARDED):
        return False
    try:
        return ip_address(request.client.host.removeprefix("::ffff:")).is_loopback
    except ValueError:  # no address, as of a socket file
        return False


async def metrics(request: Request) -> Response:
    """Answer with the figures as text for Prometheus.

    404 where they are not asked for, 403 for those to whom they are not told, 503 where they cannot be.
    """
    if not switched_on():
        return JSONResponse({"error": OFF}, 404, headers=FRESH)
    if not may_read(request):
        return JSONResponse({"error": CLOSED}, 403, headers=FRESH)
    if lacking():
        return JSONResponse({"error": LACKING}, 503, headers=FRESH)
    from prometheus_client import generate_latest
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

    try:
        text = await anyio.to_thread.run_sync(lambda: generate_latest(_registry()))
    except LensAppError as error:
        return JSONResponse({"error": str(error)}, 503, headers=FRESH)
    return Response(text, headers=FRESH | {"content-type": CONTENT_TYPE_PLAIN_0_0_4})


ROUTES = [Route("/metrics", metrics)]
