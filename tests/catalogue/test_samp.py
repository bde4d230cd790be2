"""SAMP: a table reaches the tools at astropy's own hub, and what is missing is named."""

import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from astropy.table import Table

from lensapp.cli import main
from lensapp.core.errors import InvalidInput, StorageError
from lensapp.services.catalogue.samp import send_table
from lensapp.storage.workspace import Workspace
from support.small_surveys import add_review, add_source, add_votes, ids_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # astropy 8 announces that pyvo will take this over
    from astropy.samp import SAMPHubServer, SAMPIntegratedClient, conf

PATIENCE_SECONDS = 5


@pytest.fixture
def lockfile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The place of a hub's lock file, away from any hub of this machine."""
    path = tmp_path / "hub.samp"
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:{path.as_uri()}")
    with conf.set_temp("use_internet", False):
        yield path


@pytest.fixture
def hub(lockfile: Path) -> Iterator[SAMPHubServer]:
    server = SAMPHubServer(web_profile=False, lockfile=str(lockfile), addr="127.0.0.1", timeout=0)
    server.start()
    yield server
    server.stop()


class Viewer:
    """A tool at the hub that remembers the tables it was asked to load."""

    def __init__(self) -> None:
        self.loaded: list[dict[str, str]] = []
        self.client = SAMPIntegratedClient(name="Viewer", addr="127.0.0.1")

    def load(self, _key: str, _sender: str, _kind: str, parameters: dict[str, str], _extra: object) -> None:
        self.loaded.append(parameters)


def test_without_a_hub_the_remedy_is_to_start_a_tool(lockfile: Path, tmp_path: Path) -> None:
    assert not lockfile.exists()
    with pytest.raises(StorageError, match="Start TOPCAT or Aladin"):
        send_table(tmp_path / "t.vot", name="t")


def test_a_hub_without_tools_for_tables_is_named(hub: SAMPHubServer, tmp_path: Path) -> None:
    assert hub.is_running
    with pytest.raises(InvalidInput, match="tool that takes tables"):
        send_table(tmp_path / "t.vot", name="t")


def test_the_catalogue_reaches_a_tool_as_votable(
    hub: SAMPHubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert hub.is_running
    monkeypatch.setenv("LENSAPP_DATABASE_URL", f"sqlite:///{tmp_path / 'w.db'}")
    ws = Workspace.open(tmp_path / "w")
    source = add_source(ws, "sky", count=3)
    add_votes(ws, add_review(ws, source), "ann", dict.fromkeys(ids_of(ws, source).values(), "A"))
    viewer = Viewer()
    viewer.client.connect()
    viewer.client.bind_receive_notification("table.load.votable", viewer.load)
    assert main(["--workspace", str(tmp_path / "w"), "export", "sky", "--samp", "--json"]) == 0
    assert '"sent_to": ["Viewer"]' in capsys.readouterr().out
    end = time.monotonic() + PATIENCE_SECONDS
    while not viewer.loaded and time.monotonic() < end:
        time.sleep(0.02)
    viewer.client.disconnect()
    ws.database.close()
    [parameters] = viewer.loaded
    assert parameters["name"] == "sky"
    table = Table.read(parameters["url"].removeprefix("file://"), format="votable")
    assert table["id"].tolist() == ["sky-000", "sky-001", "sky-002"]
