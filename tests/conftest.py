"""Fixtures shared by all tests: an empty workspace and the folder of real data."""

import os
from pathlib import Path

import pytest

SHARED_DATA = Path(os.environ.get("LENSAPP_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real survey data, or a skip where a user does not have it."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"needs the real-data folder, absent at {SHARED_DATA} (set LENSAPP_SHARED_DATA)")
    return SHARED_DATA
