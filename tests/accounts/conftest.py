"""A workspace with an account of every role, and the app's own routes behind the door."""

from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import httpx
import pytest
from argon2 import PasswordHasher
from starlette.applications import Starlette
from starlette.middleware import Middleware
from team_of_roles import NAMES, PASSWORD, Ask, Team

from lensapp.core import acting
from lensapp.services.access import accounts, log_in
from lensapp.ui import health
from lensapp.ui.access.cookies import cookie_name
from lensapp.ui.access.guard import Guard
from lensapp.ui.gallery import look_routes, routes
from lensapp.ui.shared import state
from support.small_surveys import add_review, make_survey


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Team]:
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "w"))
    monkeypatch.setenv("LENSAPP_WORKER", "0")
    monkeypatch.delenv("LENSAPP_DATABASE_URL", raising=False)
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # in tests nobody guesses
    monkeypatch.setattr(accounts, "HASHER", quick)
    monkeypatch.setattr(log_in, "HASHER", quick)
    ws = state.get_workspace()
    source = make_survey(ws, name="sky", count=4)
    review, other = add_review(ws, source, "first"), add_review(ws, source, "second")
    for role, name in NAMES.items():
        accounts.add_account(ws, name=name, role=role, password=PASSWORD, email=f"{role}@example.org")
    accounts.invite(ws, NAMES["inspector"], "first")
    secrets = {
        role: log_in.log_in(ws, name=name, password=PASSWORD, address="10.0.0.1")
        for role, name in NAMES.items()
    }
    monkeypatch.setenv("LENSAPP_MODE", "passwords")
    monkeypatch.setattr(acting, "_ASKED", [lambda: None])  # as in the web app, where nobody is known at first
    yield Team(ws, review, other, secrets)
    ws.database.close()


@pytest.fixture
def asker() -> Callable[..., Ask]:
    """Ask the app's own routes behind the door, which is set up as given."""

    def behind(**door: str | None) -> Ask:
        app = Starlette(
            routes=[*routes.ROUTES, *look_routes.ROUTES, *health.ROUTES],
            middleware=[Middleware(Guard, **door)],
        )
        transport = httpx.ASGITransport(app, client=("10.0.0.9", 1))

        async def answer(
            method: str, path: str, cookie: str | None, options: dict[str, object]
        ) -> httpx.Response:
            held = {cookie_name(state.get_workspace().folder): cookie} if cookie else None
            async with httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1:8501", cookies=held
            ) as client:
                return await client.request(method, path, **options)  # type: ignore[arg-type]

        def ask(method: str, path: str, *, cookie: str | None = None, **options: object) -> httpx.Response:
            return anyio.run(answer, method, path, cookie, options)

        return ask

    return behind


@pytest.fixture
def ask(team: Team, asker: Callable[..., Ask]) -> Ask:
    return asker(mode="passwords", token=None)
