"""Fixtures shared by all tests: an empty workspace and the folder of real data."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SHARED_DATA = Path(os.environ.get("LENSAPP_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real survey data, or a skip where a user does not have it."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"needs the real-data folder, absent at {SHARED_DATA} (set LENSAPP_SHARED_DATA)")
    return SHARED_DATA


@pytest.fixture(autouse=True)
def _own_main_module() -> Iterator[None]:
    """Put back the main module that Streamlit's AppTest replaces: child processes would run its script."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before
