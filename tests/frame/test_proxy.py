"""Behind a proxy with HTTPS and a path everything works, and no other site may frame or change the app."""

import re
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from lensapp.ui import base_path, health, own_routes
from lensapp.ui.gallery import look_routes, routes
from lensapp.ui.main import GROUPS
from lensapp.ui.page_policy import OwnChanges, PagePolicy
from support.app_in_browser import free_port, wait_until
from support.gallery_in_browser import GalleryServer, fill_workspace, ready

DOCS = Path(__file__).parents[2] / "docs"
POSTS = [one.path for one in [*routes.ROUTES, *look_routes.ROUTES] if "POST" in (one.methods or ())]


Ask = Callable[..., httpx.Response]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Ask the app's own routes behind its guards."""
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "ws"))
    guards = [Middleware(PagePolicy), Middleware(OwnChanges, public_names=["lens.example.org"])]
    transport = httpx.ASGITransport(
        Starlette(routes=[*routes.ROUTES, *look_routes.ROUTES, *health.ROUTES], middleware=guards)
    )

    async def answer(method: str, path: str, **headers: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8501") as client:
            return await client.request(method, path, headers=headers)

    return lambda *asked, **headers: anyio.run(partial(answer, *asked, **headers))


@pytest.mark.parametrize("path", POSTS)
def test_no_page_of_another_site_can_post(ask: Ask, path: str) -> None:
    assert len(POSTS) >= 3
    for origin in ("http://evil.example.org", "http://127.0.0.1:9999", "http://localhost:8501", "null"):
        answer = ask("POST", path, origin=origin)
        assert (answer.status_code, "page of another site" in answer.text) == (403, True)
    for origin in ("http://127.0.0.1:8501", "https://lens.example.org"):
        assert "token" in ask("POST", path, origin=origin).json()["error"]
    assert ask("POST", path).status_code == 403  # a form carries no token


def test_every_answer_tells_what_browsers_may_do_with_it(ask: Ask) -> None:
    for path in ("/healthz", "/api/gallery/queue", "/nowhere"):
        headers = ask("GET", path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert (headers["x-frame-options"], headers["x-content-type-options"]) == ("DENY", "nosniff")
        assert headers["referrer-policy"] == "same-origin"


def test_health_is_told_and_so_is_a_database_that_does_not_answer(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert ask("GET", "/healthz").json() == {"status": "ok", "worker": False}
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "workspace.db").write_bytes(b"no database" * 1000)
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(broken))
    answer = ask("GET", "/healthz")
    assert (answer.status_code, answer.json()["status"]) == (503, "the database does not answer")


@pytest.mark.parametrize(("option", "path"), [("", ""), ("lens", "/lens"), ("/a/b/", "/a/b")])
def test_routes_lie_below_the_path_of_the_app(
    monkeypatch: pytest.MonkeyPatch, option: str, path: str
) -> None:
    monkeypatch.setattr(base_path.config, "get_option", lambda _: option)
    below = base_path.under_base_path(routes.ROUTES)
    assert [one.path for one in below] == [f"{path}{one.path}" for one in routes.ROUTES]
    assert [one.methods for one in below] == [one.methods for one in routes.ROUTES]


class BelowPath(GalleryServer):
    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/lens"


@dataclass(frozen=True)
class Proxied:
    """The app below /lens behind nginx: its address there, the certificate's context, and the app itself."""

    address: str
    trusted: ssl.SSLContext
    server: GalleryServer

    def ask(self, method: str, path: str, *, below: str = "/lens") -> httpx.Response:
        address = f"{self.address.removesuffix('/lens')}{below}{path}"
        return httpx.request(method, address, verify=self.trusted, timeout=60)


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    """The app below /lens behind the nginx of docs/deploy.md, or a skip where a program is absent."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if not nginx or not shutil.which("openssl"):
        pytest.skip("needs nginx and openssl (Debian: apt-get install nginx-light openssl)")
    tmp_path = tmp_path_factory.mktemp("proxy")
    server, port = BelowPath(tmp_path / "ws"), free_port()
    certificate, key = tmp_path / "c.pem", tmp_path / "c.key"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    keys = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    made = ["openssl", "req", "-x509", *keys, "-nodes", "-keyout", key, "-out", certificate, *subject]
    subprocess.run(made, check=True, capture_output=True)
    [block] = re.findall(r"```nginx\n(.*?)```", (DOCS / "deploy.md").read_text("utf-8"), re.DOTALL)
    for documented, here in (
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("/etc/ssl/lens.example.org.pem", str(certificate)),
        ("/etc/ssl/lens.example.org.key", str(key)),
        ("127.0.0.1:8501", f"127.0.0.1:{server.port}"),
    ):
        assert documented in block
        block = block.replace(documented, here)
    rooms = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{room}_temp_path {tmp_path / room};" for room in rooms)
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}}\n"
        f"{'user root;' if Path('/').owner() == Path(tmp_path).owner() else ''}\n"
        f"http {{ access_log off; {paths}\n{block} }}\n"
    )
    fill_workspace(server.ws)
    proxy = subprocess.Popen(
        [nginx, "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path)], stderr=subprocess.DEVNULL
    )
    trusted = ssl.create_default_context(cafile=certificate)
    made = Proxied(f"https://127.0.0.1:{port}/lens", trusted, server)
    try:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("STREAMLIT_SERVER_BASE_URL_PATH", "lens")
            environment.setenv("LENSAPP_METRICS", "1")
            server.start()
        wait_until(lambda: made.ask("GET", "/healthz").json()["status"] == "ok")
        yield made
    finally:
        proxy.terminate()
        proxy.wait()
        server.kill()


NO_TOKEN = (403, "The token in the header x-token is missing")
NO_MODULE = (404, "There is no such module")
GALLERY, LOOK, FIGURES = "/api/gallery", "/api/look", "/api/figures"
# What each of the app's routes answers who shows no token and names nothing that exists, through the proxy.
ANSWERS: dict[tuple[str, str], tuple[int, str]] = {
    ("GET", f"{GALLERY}/labels"): NO_TOKEN,
    ("POST", f"{GALLERY}/labels"): NO_TOKEN,
    ("GET", f"{GALLERY}/view"): NO_TOKEN,
    ("POST", f"{GALLERY}/view"): NO_TOKEN,
    ("POST", f"{GALLERY}/alike"): NO_TOKEN,
    ("POST", f"{GALLERY}/features"): NO_TOKEN,
    ("GET", f"{GALLERY}/features"): NO_TOKEN,
    ("POST", f"{GALLERY}/picked"): NO_TOKEN,
    ("GET", f"{GALLERY}/agreement"): NO_TOKEN,
    ("GET", f"{GALLERY}/sheet"): NO_TOKEN,
    ("GET", f"{GALLERY}/raw"): NO_TOKEN,
    ("GET", f"{GALLERY}/values"): NO_TOKEN,
    ("GET", f"{GALLERY}/queue"): NO_TOKEN,
    ("GET", f"{GALLERY}/share"): NO_TOKEN,
    ("GET", f"{GALLERY}/task"): NO_TOKEN,
    ("GET", f"{GALLERY}/part"): NO_TOKEN,
    ("GET", f"{GALLERY}/columns"): NO_TOKEN,
    ("GET", f"{GALLERY}/retired"): NO_TOKEN,
    ("GET", f"{GALLERY}/candidates"): NO_TOKEN,
    ("GET", f"{GALLERY}/around"): NO_TOKEN,
    ("GET", f"{GALLERY}/client/{{version}}/{{name}}.js"): NO_MODULE,
    ("GET", f"{LOOK}/sheet"): NO_TOKEN,
    ("GET", f"{LOOK}/raw"): NO_TOKEN,
    ("GET", f"{LOOK}/values"): NO_TOKEN,
    ("GET", f"{LOOK}/record"): NO_TOKEN,
    ("GET", f"{LOOK}/around"): NO_TOKEN,
    ("GET", f"{LOOK}/explanation"): NO_TOKEN,
    ("POST", f"{LOOK}/explanation"): NO_TOKEN,
    ("GET", f"{FIGURES}/plotly.js"): (200, "plotly.js v"),
    ("GET", f"{FIGURES}/paper.json"): (200, '"template"'),
    ("POST", f"{FIGURES}/pdf"): (422, "no SVG that can be drawn"),
    ("GET", f"{FIGURES}/{{name}}"): (404, "There is no such font"),
    ("GET", "/api/client/charts/{version}/{name}.js"): NO_MODULE,
    ("GET", "/api/client/figures/{version}/{name}.js"): NO_MODULE,
    ("GET", "/api/pulse"): (200, '"queue"'),
    ("GET", "/home"): (307, ""),
    ("GET", "/healthz"): (200, '{"status":"ok","worker":false}'),
    ("GET", "/metrics"): (403, "told on the machine of the web app alone"),  # the proxy asks for somebody
}


def test_every_route_has_a_row() -> None:
    listed = {(method, one.path) for one in own_routes.ROUTES for method in (one.methods or ()) - {"HEAD"}}
    assert listed == set(ANSWERS)


def test_every_route_answers_below_the_path_behind_https(proxied: Proxied) -> None:
    for (method, path), (status, words) in ANSWERS.items():
        answer = proxied.ask(method, path)
        assert (answer.status_code, words in answer.text) == (status, True), (method, path, answer.text[:200])
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], path
        outside = httpx.request(
            method, f"{proxied.address.removesuffix('/lens')}{path}", verify=proxied.trusted
        )
        assert (outside.status_code, "nginx" in outside.text) == (404, True), path
    own = httpx.get(f"{proxied.server.address}/metrics", timeout=60)  # as Prometheus on the machine asks
    assert (own.status_code, "lensapp_jobs" in own.text) == (200, True)
    home = proxied.ask("GET", "/home?source=sky")
    assert home.url.join(home.headers["location"]).path == "/lens/"
    assert home.headers["location"] == "./?source=sky"
    page = proxied.ask("GET", "/")
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


@pytest.mark.browser
def test_below_a_path_behind_https_every_page_shows_pictures_and_votes_are_kept(
    browser: Any, proxied: Proxied
) -> None:
    address, server = proxied.address, proxied.server
    context = browser.new_context(viewport={"width": 1280, "height": 800}, ignore_https_errors=True)
    context.set_default_timeout(120_000)
    page = context.new_page()
    failed: list[str] = []
    page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
    # Streamlit finds out its own path by asking for its health below each part of the address.
    page.goto(f"{address}/inspect?review=first")
    page.get_by_label("Your name").fill("ada")
    page.get_by_role("button", name="Start grading").click()
    ready(page)
    page.keyboard.press("a")
    wait_until(lambda: server.grades("ada") == {0: "A"}, seconds=120)
    page.get_by_role("link", name="Data", exact=True).click()
    page.wait_for_url(f"{address}/data?*")
    page.get_by_role("heading", name="Data", exact=True).wait_for()
    page.locator("[data-testid='stMain'] .cell").first.wait_for()
    for name in (name for entries in GROUPS.values() for name, _, _ in entries):
        here = f"/lens/{'' if name == 'home' else name}"
        link = f"[data-testid='stSidebar'] a[href$='{here}'], [data-testid='stSidebar'] a[href*='{here}?']"
        if name == "workspace":  # whose link bears the folder's name
            link = "[data-testid='stSidebar'] [data-testid='stPageLink'] a"
        page.locator(link).first.click()
        page.wait_for_function("(here) => location.pathname === here", arg=here)
        page.locator("[data-testid='stMain'] h1, [data-testid='stMain'] .stage").first.wait_for()
        page.wait_for_selector("[data-testid='stApp'][data-test-script-state='notRunning']")
        assert page.locator("[data-testid='stException']").count() == 0, name
    assert [url for url in failed if "/inspect/_stcore/" not in url] == []
    page.goto(f"{address}/nothing?source=sky")
    page.get_by_role("heading", name="There is no page “nothing”").wait_for()
    assert page.get_by_role("dialog").count() == 0, "Streamlit's own words"
    page.goto(f"{address}/inspect/of/nothing?source=sky")
    page.get_by_role("heading", name="There is no page “nothing”").wait_for()
    assert page.url.startswith(f"{address}/nothing?source=sky"), "below a page the browser finds no scripts"
    page.get_by_role("button", name="Go to Home").click()
    page.wait_for_function("() => location.pathname === '/lens/'")
    page.get_by_role("heading", name="The round").wait_for()
    assert {cookie["sameSite"] for cookie in context.cookies()} <= {"Lax", "Strict"}
    context.close()
