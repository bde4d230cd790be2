"""Logging in through an OIDC provider: a small one that runs beside the app as it is."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest
from oidc_provider_mock import User, run_server_in_thread

from lensapp.services.access import accounts
from lensapp.storage.workspace import Workspace
from lensapp.ui.access.cookies import cookie_name
from support.app_in_browser import Server


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The app, where the provider knows three people, of whom Ada alone has an account and a true address."""
    made = Server(tmp_path / "w")
    monkeypatch.delenv("LENSAPP_DATABASE_URL", raising=False)
    ws = Workspace.open(made.folder)
    accounts.add_account(ws, name="Ada", role="scientist", email="Ada@Example.org")
    people = [
        User(sub="ada", claims={"email": "ada@example.org", "email_verified": True}),
        User(sub="eve", claims={"email": "eve@example.org", "email_verified": True}),
        User(sub="mallory", claims={"email": "ada@example.org", "email_verified": False}),
    ]
    with run_server_in_thread(user_claims=people) as provider:
        for name, value in {
            "LENSAPP_MODE": "oidc",
            "LENSAPP_OIDC_URL": f"http://localhost:{provider.server_port}",
            "LENSAPP_OIDC_CLIENT_ID": "lens",
            "LENSAPP_OIDC_CLIENT_SECRET": "a secret that both know",
            "LENSAPP_URL": made.address,
        }.items():
            monkeypatch.setenv(name, value)
        with made:
            yield made


def come_back(client: httpx.Client, address: str, person: str) -> httpx.Response:
    """Go to the provider by way of the app, say who one is there, and return the app's answer."""
    answer = client.get(f"{address}/log-in?next=/data?source=sky")
    while "/oauth2/authorize" not in str(answer.url):
        answer = client.get(urljoin(str(answer.url), answer.headers["location"]))
    told = client.post(str(answer.url), data={"sub": person})
    return client.get(told.headers["location"])


@pytest.mark.filterwarnings("ignore")  # those of the small provider, whose threads would end by them
def test_who_has_an_account_comes_in_and_nobody_else(server: Server) -> None:
    held = cookie_name(server.folder)
    with httpx.Client(timeout=60) as client:
        stranger = client.get(f"{server.address}/data", headers={"accept": "text/html"})
        assert stranger.status_code == 401
        assert 'href="/log-in?next=/data"' in stranger.text
        answer = come_back(client, server.address, "ada")
        assert answer.headers["location"] == "/data?source=sky"
        assert held in client.cookies
        assert not any(name.startswith("_streamlit_user") for name in client.cookies)  # it would last 30 days
        assert client.get(f"{server.address}/data", headers={"accept": "text/html"}).status_code == 200
    for person, told in (("eve", "eve@example.org has no account"), ("mallory", "vouches for no e-mail")):
        with httpx.Client(timeout=60) as client:
            answer = come_back(client, server.address, person)
            assert (answer.status_code, told in answer.text) == (403, True)
            assert held not in client.cookies
            assert client.get(f"{server.address}/data").status_code == 401
