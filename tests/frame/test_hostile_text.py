"""Whatever a stranger wrote is shown as text on every page: names, comments, errors, file names."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from lensapp.core.errors import InvalidInput
from lensapp.storage.care.trash import TABLES
from lensapp.storage.queries import new_name
from lensapp.ui.shared.markup import guard_figure, plain
from support.app_in_browser import Server, wait_until
from support.hostile_text import HOST, HOSTILE, SHORT, hostile_workspace, live_markup
from support.pages_workspace import figures_of, open_page, views_of_pages

PAGES = [
    ("home", {}),
    ("data", {"source": "sky", "view": "cutouts"}),
    ("data", {"source": "sky", "view": "quality"}),
    ("data", {"source": "sky", "view": "catalogue"}),
    ("data", {"source": "sky", "view": "sky"}),
    ("data", {"source": "sky", "view": "objects"}),
    ("data", {"source": "sky", "view": "realism"}),
    ("data", {"source": "sky", "view": "import"}),
    ("paint", {"source": "sky"}),
    ("split", {"source": "sky"}),
    ("train", {"run": "elu_cnn-1", "view": "new"}),
    ("train", {"run": "elu_cnn-1", "view": "runs"}),
    ("experiments", {"study": "cv", "view": "kfold"}),
    ("experiments", {"study": "tune", "view": "search"}),
    *(("evaluate", {"run": "elu_cnn-1", "view": view}) for view in ("scores", "survey", "lenses", "audits")),
    *(
        ("compare", {"compare": "elu_cnn-1,elu_cnn-2", "view": view})
        for view in ("beside", "overlap", "scores", "costs", "new")
    ),
    ("compare", {"view": "scores", "on": "source", "source": "sky"}),
    ("score", {"run": "elu_cnn-1", "source": "sky"}),
    ("features", {"run": "elu_cnn-1", "source": "sky"}),
    ("features", {"run": "elu_cnn-2", "source": "sky"}),
    ("inspect", {}),
    ("inspect", {"review": "round-1"}),
    ("team", {"review": "round-1"}),
    ("catalogue", {"source": "sky", "view": "candidates"}),
    ("catalogue", {"source": "sky", "view": "ledger", "run": "elu_cnn-1"}),
    ("catalogue", {"source": "sky", "view": "feed-back", "of": "votes"}),
    ("catalogue", {"source": "sky", "view": "feed-back", "of": "negatives"}),
    ("catalogue", {"source": "sky", "view": "votes"}),
    ("catalogue", {"source": "sky", "view": "export"}),
    ("replay", {"source": "sky"}),
    *(("workspace", {"view": view}) for view in ("disk", "delete", "trash", "changes", "health", "people")),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile") / "workspace"
    hostile_workspace(folder).database.close()
    return folder


def test_every_page_and_each_of_its_views_has_a_row():
    rows = {(name, "") for name, _ in PAGES}
    rows |= {(name, f"{key}={value}") for name, address in PAGES for key, value in address.items()}
    assert views_of_pages() - rows == set()


@pytest.mark.parametrize(("name", "address"), PAGES)
def test_no_page_takes_the_text_of_strangers_as_markup(folder, monkeypatch, name, address):
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(folder))
    monkeypatch.setenv("LENSAPP_WORKER", "0")
    page = open_page(name, **address)
    assert live_markup(page) == []
    assert not any("<img" in str(figure) for figure in figures_of(page))
    for toggle in page.toggle:
        toggle.set_value(True)
    page.run()
    assert not page.exception, page.exception
    assert live_markup(page) == []


def ledger_of_a_candidate() -> None:
    from lensapp.storage import sources
    from lensapp.ui.catalogue.ledger import show_ledger_of_candidate
    from lensapp.ui.shared.state import get_workspace

    ws = get_workspace()
    show_ledger_of_candidate(ws, sources.get_source(ws.database, "sky"), 1)


def test_the_ledger_of_a_candidate_shows_its_id_as_text(folder, monkeypatch):
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(folder))
    page = AppTest.from_function(ledger_of_a_candidate, default_timeout=60).run()
    assert not page.exception
    assert any(plain(HOSTILE) in text.value for text in page.markdown)
    assert live_markup(page) == []


def test_a_page_that_forgets_is_found():
    page = AppTest.from_function(forgetful_page, args=(HOSTILE,)).run()
    found = {found.partition(":")[0] for found in live_markup(page)}
    assert found == {"Button.label", "Markdown.body", "ButtonGroup.content", "Html.body"}


def forgetful_page(name: str) -> None:
    import streamlit as st

    st.button(name)
    st.caption(f"made by {name}")
    st.pills("Who", [name])
    st.html(f"<p>{name}</p>")


@pytest.mark.parametrize("kind", TABLES)
def test_no_item_takes_markup_or_a_path_for_its_name(ws, kind):
    marked = (HOSTILE, SHORT, "<script>", "a$x$", "**b**", ":smile:", "a\u202etxet")
    for name in (*marked, "../up", "a b", "x" * 101):
        with (
            pytest.raises(InvalidInput, match="is not a possible name"),
            new_name(ws.database, TABLES[kind], name, what=kind),
        ):
            pass


def test_figures_show_names_and_categories_as_text():
    name = "<a href='http://e.vil'>g</a>"
    figure = go.Figure(go.Bar(x=[name], y=[1.0], name=name)).add_scatter(x=[0.0], y=[1], customdata=[name])
    guard_figure(figure)
    assert "<a" not in figure.to_json().replace("\\u003c", "<")
    assert figure.data[1].x == (0.0,)


UNSEEN = dict.fromkeys((0x202E, 0x202C), " ")  # what would turn the words after it around
TEXTS = [
    HOSTILE, f"www.{HOST} a@{HOST} :smile: :material/home: :streamlit:", "1. one", "- a", "+ b", "# c", "> d",
    "a -> b <- c <-> d -- e >= f <= g ~= h", "_a_ __b__ ~~c~~ *d*", "a\\b &amp; <b>c</b> | d^2",
    "12:30:05.1+02", "[x]: http://e.vil", "$$y$$", "`code` ```fence```", "---", "===",
    "    indented", "elu_cnn-1",
]  # fmt: skip


@pytest.fixture
def page(tmp_path: Path, context: Any) -> Iterator[Any]:
    """A page that shows each of TEXTS as caption, label and option."""
    script = tmp_path / "page.py"
    script.write_text(
        "import streamlit as st\nfrom lensapp.ui.shared.markup import plain\n"
        f"for place, text in enumerate({TEXTS!r}):\n"
        "    st.caption(plain(text))\n"
        "    st.button(plain(text), key=f'button-{place}')\n"
        "    st.pills('pills', [text], format_func=plain, key=f'pills-{place}')\n",
        "utf-8",
    )
    with Server(tmp_path, script=str(script)) as server:
        made = context.new_page()
        made.goto(server.address)
        made.get_by_test_id("stCaptionContainer").nth(len(TEXTS) - 1).wait_for()
        yield made


@pytest.mark.browser
def test_a_browser_shows_any_text_letter_by_letter(page):
    shown = (
        page.get_by_test_id("stCaptionContainer"),
        page.get_by_test_id("stBaseButton-secondary"),
        page.get_by_test_id("stButtonGroup").get_by_role("radio"),
    )
    wanted = [" ".join(text.translate(UNSEEN).split()) for text in TEXTS]
    for texts in shown:  # what draws formulas and emoji is loaded late
        wait_until(lambda texts=texts: texts.all_inner_texts() == wanted)
    assert page.locator("img, a[href*=vil]").count() == 0
