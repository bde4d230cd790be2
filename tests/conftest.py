"""Fixtures shared by all tests: an empty workspace and the folder of real data."""

import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

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


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real survey data, or a skip where a user does not have it."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"needs the real-data folder, absent at {SHARED_DATA} (set LENSAPP_SHARED_DATA)")
    return SHARED_DATA


@pytest.fixture(scope="session", autouse=True)
def _packages_are_looked_through_once() -> None:
    """Remember which packages bring Streamlit components: else each AppTest reads all metadata."""
    if "streamlit.testing.v1" in sys.modules:
        from streamlit.components.v2 import manifest_scanner

        manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)


@pytest.fixture(autouse=True)
def _own_main_module() -> Iterator[None]:
    """Put back the main module that Streamlit's AppTest replaces: child processes would run its script."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before
