"""What Prometheus reads at /metrics, read by Prometheus's own parser."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import anyio
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from lensapp import jobs
from lensapp.storage import queue
from lensapp.storage.workspace import Workspace
from lensapp.ui import metrics
from lensapp.ui.access.guard import Guard
from lensapp.ui.base_path import under_base_path
from support.pages_workspace import full_workspace

Headers = Sequence[tuple[str, str]]
PAGE = {"type": "websocket", "path": "/stream", "headers": [], "query_string": b"", "subprotocols": []}


@dataclass
class Web:
    """A web app with a route of its own and what Streamlit would serve, asked without a network."""

    app: Starlette
    while_open: dict[tuple[str, ...], float] = field(default_factory=dict)

    async def ask(self, path: str, asker: str = "127.0.0.1", headers: Headers = ()) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, client=(asker, 4000))
        async with httpx.AsyncClient(transport=transport, base_url="http://lens") as client:
            return await client.get(path, headers=dict(headers))

    def get(self, path: str, asker: str = "127.0.0.1", headers: Headers = ()) -> httpx.Response:
        return anyio.run(self.ask, path, asker, headers)

    def open_a_page(self) -> None:
        """Hold a session open for as long as it takes to read the figures."""

        async def receive() -> dict[str, str]:
            return {"type": "websocket.connect"}

        async def send(_message: object) -> None:
            pass

        anyio.run(self.app, dict(PAGE), receive, send)


async def item(request: Request) -> Response:
    return Response(status_code=409 if request.path_params["name"] == "taken" else 200)


@pytest.fixture
def ws(tmp_path, monkeypatch) -> Workspace:
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "w"))
    monkeypatch.delenv("LENSAPP_DATABASE_URL", raising=False)
    return full_workspace(tmp_path / "w")


@pytest.fixture
def asked(ws, monkeypatch) -> Iterator[Web]:
    """The app, switched on."""
    caches = (metrics._registry, metrics._instruments, metrics.lacking)
    for one in caches:
        one.cache_clear()
    monkeypatch.setenv(metrics.SWITCH, "1")

    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        web.while_open = told_by(await web.ask("/metrics"))

    own = under_base_path([Route("/items/{name}", item), *metrics.ROUTES])
    others = [Route("/static/{name}", item), WebSocketRoute("/stream", talk)]
    middleware = [Middleware(metrics.Measured, own=frozenset(route.path for route in own))]
    web = Web(Starlette(routes=[*own, *others], middleware=middleware))
    yield web
    for one in caches:
        one.cache_clear()


def figures(web: Web) -> dict[tuple[str, ...], float]:
    return told_by(web.get("/metrics"))


def told_by(answer: httpx.Response) -> dict[tuple[str, ...], float]:
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(answer.text))
    assert all(family.documentation for family in families)
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_jobs_votes_workers_and_disk_are_told_as_they_are(asked, ws):
    first, second = (
        jobs.enqueue(ws.database, kind="score", title="t", payload={"run": "elu_cnn-1", "source": name})
        for name in ("sky", "other")
    )
    jobs.stop(ws.database, second.id)
    told = figures(asked)
    assert (told["lensapp_jobs", "queued"], told["lensapp_jobs", "cancelled"]) == (1, 1)
    assert told["lensapp_jobs", "failed"] == 0
    assert told["lensapp_votes_total",] == 12  # two inspectors graded six candidates each
    assert told["lensapp_workers_alive",] == 0
    assert ("lensapp_last_heartbeat_age_seconds",) not in told
    shards = [file for file in (ws.folder / "cutouts").rglob("*") if file.is_file()]
    assert told["lensapp_disk_used_bytes", "pixels"] == sum(file.stat().st_size for file in shards)
    assert told["lensapp_disk_free_bytes",] > 0
    assert told["process_resident_memory_bytes",] > 1e7
    queue.beat(ws.database, worker="here-1", host="here")
    queue.claim_job(ws.database, worker="here-1", job_id=first.id)
    told = figures(asked)
    assert (told["lensapp_workers_alive",], told["lensapp_jobs", "running"]) == (1, 1)
    assert 0 <= told["lensapp_last_heartbeat_age_seconds",] < queue.STALE_SECONDS


def test_answers_are_timed_by_route_and_open_pages_counted(asked):
    for name in ("a", "b", "taken"):
        asked.get(f"/items/{name}")
        asked.get(f"/static/{name}")
    assert asked.get("/nowhere").status_code == 404
    asked.open_a_page()
    told = figures(asked)
    assert (asked.while_open["lensapp_sessions",], told["lensapp_sessions",]) == (1, 0)
    count = "lensapp_http_request_seconds_count"
    assert told[count, "200", "GET", "/items/{name}"] == 2
    assert told[count, "409", "GET", "/items/{name}"] == 1
    assert told[count, "200", "GET", "streamlit"] == 2  # whatever the address: no figure for each
    assert told[count, "404", "GET", "streamlit"] == 1


def test_figures_are_for_those_who_switch_them_on_and_say_what_they_need(asked, ws, monkeypatch):
    monkeypatch.setattr(metrics, "lacking", lambda: True)
    answer = asked.get("/metrics")
    assert answer.status_code == 503
    assert "requirements-prometheus.txt" in answer.json()["error"]
    monkeypatch.setenv(metrics.SWITCH, "0")
    answer = asked.get("/metrics")
    assert answer.status_code == 404
    assert "LENSAPP_METRICS=1" in answer.json()["error"]


TOLD, REFUSED = 200, 403
SECRET = "a-long-random-text"
WHO_READS: list[tuple[str, str, Headers, int]] = [  # token that is set, who asks, with what, the answer
    *(("", asker, [], TOLD) for asker in ("127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1")),
    *(("", asker, [], REFUSED) for asker in ("10.0.0.9", "::ffff:10.0.0.9", "2001:db8::1", "")),
    *(("", "127.0.0.1", [(name, "10.0.0.9")], REFUSED) for name in metrics.FORWARDED),
    ("", "127.0.0.1", [("X-Forwarded-For", "127.0.0.1")], REFUSED),
    ("", "10.0.0.9", [("authorization", f"Bearer {SECRET}")], REFUSED),
    (SECRET, "10.0.0.9", [("authorization", f"Bearer {SECRET}"), ("x-forwarded-for", "10.0.0.9")], TOLD),
    (SECRET, "10.0.0.9", [("authorization", "Bearer another")], REFUSED),
    (SECRET, "10.0.0.9", [("authorization", "Bearer ")], REFUSED),
    (SECRET, "127.0.0.1", [], REFUSED),
]


@pytest.mark.parametrize("mode", ["alone", "passwords"])
def test_figures_are_told_on_this_machine_or_to_who_has_the_token(asked, monkeypatch, mode):
    asked.app.add_middleware(Guard, mode=mode, token="t" * 16)
    for token, asker, headers, status in WHO_READS:
        monkeypatch.setenv("LENSAPP_METRICS_TOKEN", token)
        answer = asked.get("/metrics", asker, headers)
        assert answer.status_code == status, (token, asker, headers)
        assert ("lensapp_jobs" in answer.text) == (status == TOLD)
        assert ("LENSAPP_METRICS_TOKEN" in answer.text) == (status == REFUSED)


def test_a_database_that_is_away_is_told_as_such(asked, ws, monkeypatch):
    from lensapp.core.errors import DatabaseAway
    from lensapp.services.care import metrics as of_workspace

    def away(_database: object) -> None:
        raise DatabaseAway("It does not answer.")

    figures(asked)
    monkeypatch.setattr(of_workspace, "count_for_monitor", away)
    answer = asked.get("/metrics")
    assert (answer.status_code, answer.json()) == (503, {"error": "It does not answer."})
