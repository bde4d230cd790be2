"""Fixtures shared by all tests: an empty workspace and the folder of real data."""

import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lensapp.storage.workspace import Workspace
from lensapp.ui.shared import widgets
from support.app_in_browser import chromium
from support.gallery_in_browser import GalleryServer, fill_workspace

SHARED_DATA = Path(os.environ.get("LENSAPP_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
LONGEST = (
    "test_backends",
    "test_loop_headless",
    "test_loop_browser",
    "test_gallery_browser",
    "test_tasks_learning",
    "test_training",
    "test_distribution",
)
"""Files that take longest, begun first: none of them is left over for one of two workers at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


@pytest.fixture(scope="session", autouse=True)
def drawn_whole() -> None:
    """Pages of AppTest show what lies in closed folds too, which browsers are not sent."""
    widgets.SEND_CLOSED = True


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real survey data, or a skip where a user does not have it."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"needs the real-data folder, absent at {SHARED_DATA} (set LENSAPP_SHARED_DATA)")
    return SHARED_DATA


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    """An empty workspace with a database of its own, whatever LENSAPP_DATABASE_URL says."""
    workspace = Workspace.open(tmp_path / "w", database_url=f"sqlite:///{tmp_path / 'w.db'}")
    yield workspace
    workspace.database.close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the workspace that pages of AppTest open; there is none in it yet."""
    folder = tmp_path / "workspace"
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(folder))
    return folder


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """An empty workspace, which pages of AppTest open; no worker begins."""
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("LENSAPP_WORKER", "0")
    return Workspace.open()


@pytest.fixture(scope="session", autouse=True)
def _packages_are_looked_through_once() -> None:
    """Remember which packages bring Streamlit components: else each AppTest reads all metadata."""
    if "streamlit.testing.v1" in sys.modules:
        from streamlit.components.v2 import manifest_scanner

        manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)


@pytest.fixture(scope="session", autouse=True)
def _pages_leave_keras_alone() -> None:
    """Let no page clear the session of Keras, which other tests load and pages never do: it takes seconds."""
    if "streamlit.testing.v1" in sys.modules:
        from streamlit.runtime.scriptrunner import script_runner

        script_runner._clean_problem_modules = lambda: None


@pytest.fixture(autouse=True)
def _own_main_module() -> Iterator[None]:
    """Put back the main module that Streamlit's AppTest replaces: child processes would run its script."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GalleryServer]:
    """The app over a small survey with reviews."""
    made = GalleryServer(tmp_path_factory.mktemp("gallery") / "ws")
    fill_workspace(made.ws)
    with made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium, or a skip; Playwright's loop would be in the way of other modules' loops."""
    with chromium() as made:
        yield made


@pytest.fixture
def context(browser: Any) -> Iterator[Any]:
    """A new browser window without any memory."""
    made = browser.new_context(viewport={"width": 1280, "height": 800})
    made.set_default_timeout(40_000)
    yield made
    made.close()
