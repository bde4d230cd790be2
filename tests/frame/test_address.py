"""What widgets hold stands in the address: the controls of pages are set, the pages opened again."""

from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from lensapp.ui.data import data_page
from lensapp.ui.shared import address
from support.pages_workspace import add_survey, full_workspace, open_page

# page, address it is opened with: for each control its kind, key and a value, and what the address says of it
PAGES: list[tuple[str, dict[str, str], list[tuple[str, str, Any, str, list[str]]]]] = [
    ("data", {"source": "sky"}, [
        ("button_group", "class", "lens", "class", ["lens"]),
        ("button_group", "order", "random", "order", ["random"]),
        ("selectbox", "stretch", "zscale", "stretch", ["zscale"]),
        ("slider", "white", 7.3, "white", ["7.3"]),
        ("multiselect", "rgb-1", ["g", "r"], "rgb", ["g", "r"]),
        ("text_input", "data-filter-sky", "seeing_arcsec < 0.7", "where", ["seeing_arcsec < 0.7"]),
    ]),
    ("data", {"source": "sky", "order": "column"}, [
        ("selectbox", "by", "seeing_arcsec", "by", ["seeing_arcsec"]),
        ("toggle", "highest", True, "highest", ["1"]),
        ("multiselect", "rgb-1", [], "rgb", [""]),
    ]),
    ("data", {"source": "sky", "view": "catalogue"}, [
        ("text_input", "contains", "J001", "contains", ["J001"]),
        ("button_group", "classes", ["lens"], "classes", ["lens"]),
        ("multiselect", "catalogue-columns-sky", [], "columns", [""]),
    ]),
    ("split", {}, [
        ("multiselect", "split-sources", ["sky", "field"], "sources", ["sky", "field"]),
        ("slider", "split-cuts", (40, 60), "parts", ["40-60"]),
        ("number_input", "split-group_radius_arcsec", 3.5, "group_radius_arcsec", ["3.5"]),
        ("number_input", "split-folds", 5, "folds", ["5"]),
        ("checkbox", "split-stratified", False, "stratified", ["0"]),
        ("text_input", "split-filter", "seeing_arcsec < 0.8", "where", ["seeing_arcsec < 0.8"]),
    ]),
    ("catalogue", {"source": "sky"}, [
        ("button_group", "catalogue-grades", ["A", "none"], "grades", ["A", "none"]),
        ("number_input", "catalogue-score", 0.25, "score", ["0.25"]),
        ("selectbox", "catalogue-order", "scatter", "order", ["scatter"]),
        ("selectbox", "catalogue-method", "dawid_skene", "consensus", ["dawid_skene"]),
        ("multiselect", "catalogue-reviews-sky", ["round-1"], "votes_of", ["round-1"]),
    ]),
    ("catalogue", {"source": "sky", "view": "export"}, [
        ("button_group", "export-format", "CSV", "format", ["CSV"]),
        ("number_input", "export-columns", 4, "side_by_side", ["4"]),
    ]),
    ("catalogue", {"source": "sky", "view": "feed-back"}, [
        ("number_input", "feedback-rules-min_votes", 2, "min_votes", ["2"]),
        ("button_group", "feedback-method", "swap", "consensus", ["swap"]),
    ]),
    ("team", {"review": "round-1"}, [("button_group", "team-method", "swap", "consensus", ["swap"])]),
    ("replay", {"review": "round-1"}, [
        ("number_input", "replay-views", 5, "views", ["5"]),
        ("toggle", "replay-learned", True, "learned", ["1"]),
    ]),
    ("workspace", {"view": "delete"}, [("button_group", "delete-kind", "run", "kind", ["run"])]),
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("address") / "workspace"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LENSAPP_WORKSPACE", str(folder))
        patch.setenv("LENSAPP_WORKER", "0")
        ws = full_workspace(folder)
        add_survey(ws, "field")
        yield ws


def texts_of(app: AppTest, name: str) -> list[str]:
    value = app.query_params.get(name, [])
    return [value] if isinstance(value, str) else list(value)


def widget(app: AppTest, kind: str, key: str) -> Any:
    return getattr(app, kind)(key=key)


@pytest.mark.parametrize(("page", "opened", "controls"), PAGES)
def test_what_controls_hold_is_in_the_address_and_comes_back_from_it(page, opened, controls):
    app = open_page(page, **opened)
    usual = {key: widget(app, kind, key).value for kind, key, *_ in controls}
    for kind, key, value, name, texts in controls:
        assert usual[key] != value
        assert not texts_of(app, name)
        widget(app, kind, key).set_value(value).run()
        assert not app.exception, app.exception
        assert texts_of(app, name) == texts
    app = open_page(page, **app.query_params)  # a reload, or a colleague's browser
    assert {key: widget(app, kind, key).value for kind, key, *_ in controls} == {
        key: value for _, key, value, *_ in controls
    }
    for kind, key, *_ in controls:
        widget(app, kind, key).set_value(usual[key])
    app.run()
    assert not any(texts_of(app, name) for *_, name, _ in controls)


def test_the_number_of_the_page_returns_to_one_when_the_choice_changes(monkeypatch):
    monkeypatch.setattr(data_page, "PAGE_SIZES", (16, 32))
    app = open_page("data", source="sky", page="3")
    assert app.number_input(key="page").value == 3
    app.button_group(key="class").set_value("nonlens").run()
    assert app.number_input(key="page").value == 1
    assert not texts_of(app, "page")


def test_a_page_opened_again_from_the_sidebar_is_as_it_was_left():
    app = open_page("data", source="sky", view="sky")
    for name in ("split", "data"):
        app.switch_page(f"../../pages/{name}.py")
        app.query_params.clear()  # as Streamlit does
        app.run()
    assert texts_of(app, "view") == ["sky"]


def test_back_and_a_changed_address_win_over_what_the_widgets_held():
    app = open_page("data", source="sky")
    app.button_group(key="class").set_value("lens").run()
    app.query_params["class"] = "nonlens"
    app.run()
    assert app.button_group(key="class").value == "nonlens"


def test_back_wins_even_where_nothing_happened_since_the_change(monkeypatch):
    app = open_page("data", source="sky")
    before = dict(app.query_params)
    app.button_group(key="class").set_value("lens").run()
    app.query_params.clear()
    app.query_params.update(before)
    back = SimpleNamespace(is_history_navigation=True)
    monkeypatch.setattr(address, "get_script_run_ctx", lambda: back)
    app.run()
    assert app.button_group(key="class").value == "all"
    assert not texts_of(app, "class")


def test_a_rerun_asked_for_before_the_browser_knew_the_new_address_changes_nothing():
    app = open_page("data", source="sky")
    before = dict(app.query_params)
    app.button_group(key="class").set_value("lens").run()
    app.query_params.clear()
    app.query_params.update(before)
    app.selectbox(key="stretch").set_value("zscale").run()
    assert texts_of(app, "class") == ["lens"]
    assert texts_of(app, "stretch") == ["zscale"]
    assert app.button_group(key="class").value == "lens"


def test_the_catalogue_is_in_the_order_that_the_address_asks_for():
    app = open_page("catalogue", source="sky", order="scatter")  # Ada AABCXX, Grace ABBXXX
    assert app.dataframe[0].value["id"].tolist()[:2] == ["J0001", "J0003"]
    app = open_page("catalogue", source="sky", order="ra")
    assert app.dataframe[0].value["id"].tolist() == [f"J000{k}" for k in range(4)]


def test_a_ticked_candidate_is_ticked_again_from_its_name(workspace):
    app = open_page("catalogue", source="sky", candidate="J0001")
    assert any("J0001" in text.value for text in app.markdown)


@pytest.mark.parametrize(
    ("page", "asked", "wanted"),
    [
        ("data", {"class": "ring"}, "one of all, lens, nonlens, unlabelled"),
        ("data", {"page": "9"}, "a whole number from 1 to 1"),
        ("data", {"white": "bright"}, "a number from 0.2 to 10"),
        ("split", {"parts": "70-56"}, "two whole numbers from 1 to 99"),
        ("split", {"folds": "many"}, "a number at least 0"),
        ("catalogue", {"source": "sky", "candidate": "nobody"}, "a row of the table"),
    ],
)
def test_a_value_that_cannot_be_is_named_and_leaves_the_address(page, asked, wanted):
    app = open_page(page, **asked)
    name = list(asked)[-1]
    assert any(name in toast.value and wanted in toast.value for toast in app.toast)
    assert not texts_of(app, name)


KINDS = [
    (address.text(), "mag_i < 22", ["mag_i < 22"]),
    (address.switch(), True, ["1"]),
    (address.whole(1, 9), 3, ["3"]),
    (address.decimal(0.0, 10.0), 0.1 + 0.2, ["0.3"]),
    (address.span(1, 99), (56, 70), ["56-70"]),
    (address.one_of([48, 96]), 96, ["96"]),
    (address.several_of(["a b", "c,d"]), ["c,d"], ["c,d"]),
    (address.ticked(["x", "y"]), {"selection": {"rows": [1], "columns": [], "cells": []}}, ["y"]),
]


@pytest.mark.parametrize(("kind", "value", "texts"), KINDS)
def test_values_are_read_as_they_were_written(kind, value, texts):
    assert kind.write(value) == texts
    assert kind.write(kind.read(texts)) == texts
