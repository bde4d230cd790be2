"""What tests of votes share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lensapp.storage.workspace import Workspace
from support.database_servers import BACKENDS, empty_database
from support.gallery_survey import add_source, blobs


@pytest.fixture(params=BACKENDS)
def ws(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workspace]:
    """A survey of six cutouts, on SQLite and on a PostgreSQL server."""
    with empty_database(request.param, tmp_path) as url:
        workspace = Workspace.open(tmp_path / "w", database_url=url)
        add_source(workspace, "sky", blobs(6, size=8))
        yield workspace
        workspace.database.close()
