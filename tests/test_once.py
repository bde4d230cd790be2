"""A run of a page reads nothing twice, and sees at once what it has written."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from astropy.table import Table
from sqlalchemy import event
from sqlalchemy.engine import Engine

from lensapp.core.errors import NotFound
from lensapp.core.once import asking_once
from lensapp.storage import sources
from lensapp.storage.workspace import Workspace
from lensapp.ui.main import GROUPS
from support.hostile_text import hostile_workspace
from support.pages_workspace import open_page
from support.small_surveys import add_source

PAGES = [name for entries in GROUPS.values() for name, _, _ in entries]
Asked = Counter[tuple[str, str]]


@pytest.fixture
def asked() -> Iterator[Asked]:
    """How often each statement was put to any database, with its values."""
    counts: Asked = Counter()

    def count(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if not statement.startswith("BEGIN"):
            counts[statement, repr(values)] += 1

    event.listen(Engine, "before_cursor_execute", count)
    yield counts
    event.remove(Engine, "before_cursor_execute", count)


def questions(asked: Asked, read: Callable[[], Any]) -> int:
    """Return how many statements `read` puts to the database."""
    asked.clear()
    read()
    return asked.total()


def test_a_question_is_asked_once_until_something_is_written(ws: Workspace, asked: Asked) -> None:
    add_source(ws, "sky", count=3)
    with asking_once():
        listed = sources.list_sources(ws.database)
        listed.clear()  # one's own list
        assert questions(asked, lambda: sources.list_sources(ws.database)) == 0
        assert [one.name for one in sources.list_sources(ws.database)] == ["sky"]
        with pytest.raises(NotFound):
            sources.get_source(ws.database, "more")
        add_source(ws, "more", count=3)
        assert sources.get_source(ws.database, "more").name == "more"
        assert {one.name for one in sources.list_sources(ws.database)} == {"sky", "more"}
    assert questions(asked, lambda: sources.list_sources(ws.database)) > 0


def test_what_was_read_in_a_write_that_failed_is_forgotten(ws: Workspace) -> None:
    def fail() -> None:
        with ws.database.whole():
            add_source(ws, "sky", count=3)
            assert [one.name for one in sources.list_sources(ws.database)] == ["sky"]
            raise InterruptedError

    with asking_once():
        with pytest.raises(InterruptedError):
            fail()
        assert sources.list_sources(ws.database) == []


def test_other_threads_ask_for_themselves(ws: Workspace, asked: Asked) -> None:
    with asking_once(), ThreadPoolExecutor(1) as others:
        sources.list_sources(ws.database)
        assert questions(asked, lambda: others.submit(sources.list_sources, ws.database).result()) > 0


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which every page has something to show."""
    folder = tmp_path_factory.mktemp("full") / "workspace"
    hostile_workspace(folder).database.close()
    return folder


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_nothing_twice(
    name: str, asked: Asked, full: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(full))
    monkeypatch.setenv("LENSAPP_WORKER", "0")
    page = open_page(name)
    asked.clear()
    page.run()
    assert not page.exception
    assert {question: count for question, count in asked.items() if count > 1} == {}


def test_a_table_of_scores_is_looked_at_without_asking_twice(
    asked: Asked, full: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(full))
    monkeypatch.setenv("LENSAPP_WORKER", "0")
    source = next(one for one in sources.list_sources(Workspace.open(full).database) if one.state == "ready")
    [cutout] = sources.cutout_columns(Workspace.open(full).database, [source.id], columns=("candidate_id",))[
        "candidate_id"
    ][:1]
    Table({"id": [cutout], "score": [0.5]}).write(tmp_path / "t.csv")
    page = open_page("score", source=source.name, table=str(tmp_path / "t.csv"))
    assert page.button(key="import-scores-start").label == "Import 1 score"
    asked.clear()
    page.run()
    assert {question: count for question, count in asked.items() if count > 1} == {}
