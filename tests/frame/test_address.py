"""What widgets hold stands in the address: the controls of pages are set, the pages opened again."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.testing.v1 import AppTest

from lensapp.core.train.presets import PRESETS
from lensapp.services.data.known_lenses import keep_known_lenses
from lensapp.ui.data import data_page
from lensapp.ui.shared import address
from lensapp.ui.shared.page_views import view_meant
from support.pages_workspace import add_survey, full_workspace, open_page

# page, address it is opened with: for each control its kind, key and a value, and what the address says of it
PAGES: list[tuple[str, dict[str, str], list[tuple[str, str, Any, str, list[str]]]]] = [
    ("data", {"source": "sky"}, [
        ("button_group", "class", "lens", "class", ["lens"]),
        ("button_group", "order", "random", "order", ["random"]),
        ("selectbox", "per_page", 96, "per_page", ["96"]),
        ("text_input", "data-filter-sky", "seeing_arcsec < 0.7", "where", ["seeing_arcsec < 0.7"]),
    ]),
    ("data", {"source": "sky", "order": "column"}, [
        ("selectbox", "by", "seeing_arcsec", "by", ["seeing_arcsec"]),
        ("toggle", "highest", True, "highest", ["1"]),
    ]),
    ("data", {"source": "sky", "view": "catalogue"}, [
        ("text_input", "contains", "J001", "contains", ["J001"]),
        ("button_group", "classes", ["lens"], "classes", ["lens"]),
        ("multiselect", "catalogue-columns-sky", [], "columns", [""]),
    ]),
    ("paint", {"source": "sky"}, [
        ("multiselect", "paint-hosts", ["field"], "hosts", ["field"]),
        ("text_input", "paint-name", "arcs", "name", ["arcs"]),
        ("number_input", "paint-count", 30, "count", ["30"]),
        ("number_input", "paint-nonlens_ratio", 0.5, "nonlens_ratio", ["0.5"]),
        ("text_input", "paint-nonlens_where", "mag_r < 21", "nonlens_where", ["mag_r < 21"]),
        ("checkbox", "paint-choice-unmarked", False, "choice.unmarked", ["0"]),
        ("number_input", "paint-mass-largest_radius_arcsec", 2.5, "mass.largest_radius_arcsec", ["2.5"]),
        ("button_group", "paint-source-brightness", "signal_to_noise", "source.brightness",
         ["signal_to_noise"]),
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
        ("toggle", "catalogue-known-matched", False, "known_lenses", ["0"]),
    ]),
    ("catalogue", {"source": "sky", "view": "export"}, [
        ("button_group", "export-format", "ECSV", "format", ["ECSV"]),
        ("number_input", "export-columns", 4, "side_by_side", ["4"]),
    ]),
    ("catalogue", {"source": "sky", "view": "feed-back"}, [
        ("number_input", "feedback-rules-min_votes", 2, "min_votes", ["2"]),
        ("button_group", "feedback-method", "swap", "consensus", ["swap"]),
    ]),
    ("team", {"review": "round-1"}, [
        ("button_group", "team-method", "swap", "consensus", ["swap"]),
    ]),
    ("team", {"review": "round-1", "consensus": "swap"}, [
        ("number_input", "team-swap-detect_above", 0.9, "consensus.detect_above", ["0.9"]),
    ]),
    ("train", {"train-recipe": "S1"}, [
        ("number_input", "new-run-S1-epochs", 7, "epochs", ["7"]),
        ("number_input", "new-run-S1-learning_rate", 0.0005, "learning_rate", ["0.0005"]),
        ("text_input", "new-run-S1-name", "deeper", "name", ["deeper"]),
        ("button_group", "new-run-S1-class_weights", "balanced", "class_weights", ["balanced"]),
        ("number_input", "new-run-S1-augmentation-noise_sigma", 0.2, "augmentation.noise_sigma", ["0.2"]),
        ("selectbox", "new-run-S1-schedule-kind", "one_cycle", "schedule.kind", ["one_cycle"]),
        ("selectbox", "new-run-S1-device", "gpu:0", "device", ["gpu:0"]),
        ("checkbox", "new-run-S1-shuffle", False, "shuffle", ["0"]),
    ]),
    ("train", {}, [
        ("selectbox", "new-run-FAST-network", "convnext_tiny", "network", ["convnext_tiny"]),
        ("button_group", "new-run-FAST-task", "contrastive", "task", ["contrastive"]),
    ]),
    ("experiments", {}, [
        ("number_input", "new-kfold-FAST-epochs", 3, "epochs", ["3"]),
        ("number_input", "kfold-sky-v1-folds", 4, "kfold.folds", ["4"]),
        ("text_input", "new-kfold-FAST-name", "four", "name", ["four"]),
    ]),
    ("experiments", {"view": "search"}, [
        ("number_input", "search-trials", 5, "search.trials", ["5"]),
        ("text_input", "new-search-FAST-range-learning_rate", "0.1:0.2", "range.learning_rate", ["0.1:0.2"]),
        ("multiselect", "new-search-FAST-space", ["learning_rate"], "space", ["learning_rate"]),
    ]),
    ("evaluate", {"view": "survey"}, [
        ("select_slider", "evaluate-prevalence-0.001", 5e-6, "prevalence", ["5e-06"]),
        ("toggle", "evaluate-own-inspectors", True, "own_rates", ["1"]),
    ]),
    ("compare", {"view": "costs"}, [
        ("button_group", "compare-merit", "tpr10", "merit", ["tpr10"]),
        ("button_group", "compare-cost", "seconds", "cost", ["seconds"]),
    ]),
    ("compare", {"view": "new"}, [
        ("multiselect", "compare-networks", ["S1", "vgg16"], "networks", ["S1", "vgg16"]),
        ("multiselect", "compare-beside", ["elu_cnn-1"], "beside", ["elu_cnn-1"]),
        ("number_input", "compare-epochs", 3, "epochs", ["3"]),
        ("number_input", "compare-batch", 32, "batch_size", ["32"]),
        ("number_input", "compare-minutes", 2.5, "minutes", ["2.5"]),
        ("number_input", "compare-seed", 4, "seed", ["4"]),
        ("checkbox", "compare-baselines", True, "baselines", ["1"]),
    ]),
    ("compare", {"view": "overlap"}, []),
    ("compare", {"view": "scores"}, [("button_group", "compare-on", "source", "on", ["source"])]),
    ("compare", {"view": "scores", "on": "source", "source": "sky"}, [
        ("selectbox", "compare-source-across-sky", "elu_cnn-1", "across", ["elu_cnn-1"]),
        ("number_input", "compare-source-top-40", 12, "top", ["12"]),
        ("button_group", "compare-source-set", "first", "set", ["first"]),
    ]),
    ("score", {"source": "sky", "run": "elu_cnn-1"}, [
        ("number_input", "score-review-size", 3, "top", ["3"]),
        ("text_input", "score-review-name", "best", "name", ["best"]),
        ("toggle", "score-ungraded", False, "ungraded", ["0"]),
    ]),
    ("features", {"source": "sky", "run": "elu_cnn-1"}, [
        ("button_group", "encoder-way", "head", "add", ["head"]),
    ]),
    ("replay", {"source": "sky", "learned": "1"}, [
        ("number_input", "replay-views", 5, "views", ["5"]),
    ]),
    ("replay", {"review": "round-1"}, [("toggle", "replay-learned", True, "learned", ["1"])]),
    ("workspace", {"view": "delete"}, [("button_group", "delete-kind", "run", "kind", ["run"])]),
]  # fmt: skip


# What the address keeps otherwise than by `kept`, and what it does not keep: keys of widgets, and why.
SELECTED = {
    r"choose-\w+|replay-name": "a source, run, dataset version, review or study, which pages share",
    r"(evaluate|compare)-part|evaluate-threshold": "the part and the threshold, which pages share",
    r"versions": "the dataset version, which pages share",
    r"evaluate-compare-.*|compare-runs-.*|compare-study-.*|runs-table-.*": "runs by `compare`, `study`",
}
NOT_KEPT = {
    r"None": "the name of a view that is about to be kept",
    r"evaluate-aims": "sets the threshold",
    r"\w+-recipe-others": "sets the recipe",
    r"evaluate-calibration.*": "kept in the workspace, for everybody",
    r"notes-.*": "kept in the workspace, for everybody",
    r"committee-name-.*|rename-.*|delete-.*-field": "a name is given once, to rename or to confirm",
    r"encoder-(file|name)|embeddings-(file|name|ids|ids-file)|head-name": "files of this machine, sent once",
    r"import-scores-.*": "files of this machine, sent once",
    r"crop-.*|allow-units-.*": "leave to read cutouts otherwise is given by who starts the job",
    r"compare-committee.*|evaluate-veto.*": "a rule that is kept in the workspace when it is sent",
}
ASKING = ""  # Streamlit writes "Choose an option" in its place
KINDS_OF_WIDGETS = (
    "selectbox", "multiselect", "slider", "select_slider", "number_input", "text_input", "text_area",
    "checkbox", "toggle", "radio", "button_group", "date_input", "time_input", "color_picker",
)  # fmt: skip


def forgotten(app: AppTest) -> list[str]:
    """Return the keys of the controls of a page that are neither kept in its address nor said not to be."""
    keys = [str(one.key) for kind in KINDS_OF_WIDGETS for one in getattr(app.main, kind)]
    tables = [table.proto for table in app.main.dataframe if table.proto.selection_mode]
    keys += [proto.id.split("-", 2)[2] for proto in tables]
    said = [re.compile(pattern) for pattern in (*SELECTED, *NOT_KEPT)]
    kept = app.session_state[address.KEYS]
    return [key for key in keys if key not in kept and not any(one.fullmatch(key) for one in said)]


@pytest.fixture(scope="module", autouse=True)
def workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("address") / "workspace"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LENSAPP_WORKSPACE", str(folder))
        patch.setenv("LENSAPP_WORKER", "0")
        ws = full_workspace(folder)
        add_survey(ws, "field")
        (table := folder / "known.csv").write_text("name,ra,dec\nL1,150.0,2.0\n", "utf-8")
        keep_known_lenses(ws, table)
        yield ws


def texts_of(app: AppTest, name: str) -> list[str]:
    value = app.query_params.get(name, [])
    return [value] if isinstance(value, str) else list(value)


def widget(app: AppTest, kind: str, key: str) -> Any:
    return getattr(app, kind)(key=key)


@pytest.mark.parametrize(("page", "opened", "controls"), PAGES)
def test_what_controls_hold_is_in_the_address_and_comes_back_from_it(page, opened, controls):
    app = open_page(page, **opened)
    assert forgotten(app) == []
    assert not [one.key for one in app.main.selectbox if one.value is None and one.placeholder == ASKING]
    usual = {key: widget(app, kind, key).value for kind, key, *_ in controls}
    for kind, key, value, name, texts in controls:
        assert usual[key] != value
        assert not texts_of(app, name)
        widget(app, kind, key).set_value(value).run()
        assert not app.exception, app.exception
        assert texts_of(app, name) == texts
    if controls:
        app = open_page(page, **app.query_params)  # a reload, or a colleague's browser
    assert not app.toast
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


def test_another_recipe_or_network_begins_with_its_own_settings():
    app = open_page("train", epochs="7", **{"network_options.dropout": "0.9", "task": "classes"})
    assert app.number_input(key="new-run-FAST-epochs").value == 7
    assert app.number_input(key="new-run-FAST-elu_cnn-dropout").value == 0.9
    app.selectbox(key="new-run-FAST-network").set_value("simple_cnn").run()
    assert not texts_of(app, "network_options.dropout")
    assert texts_of(app, "epochs") == ["7"]
    app.selectbox(key="train-recipe-others").set_value("S1").run()
    assert app.number_input(key="new-run-S1-epochs").value == PRESETS["S1"].spec.epochs != 7
    assert [name for name in ("epochs", "network", "task") if texts_of(app, name)] == []
    assert texts_of(app, "train-recipe") == ["S1"]


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
    back = SimpleNamespace(is_history_navigation=True, session_state=SimpleNamespace(get_widget_states=list))
    monkeypatch.setattr(address, "get_script_run_ctx", lambda: back)
    app.run()
    assert app.button_group(key="class").value == "all"
    assert not texts_of(app, "class")


def test_back_to_before_a_threshold_was_chosen_shows_the_usual_one(monkeypatch):
    app = open_page("evaluate", run="elu_cnn-1")
    before, usual = dict(app.query_params), app.session_state["evaluate-threshold"]
    app.button_group(key="evaluate-aims").set_value("f1").run()
    chosen = app.session_state["evaluate-threshold"]
    assert (texts_of(app, "threshold") != [], chosen != usual) == (True, True)
    app.query_params.clear()
    app.query_params.update(before)
    back = SimpleNamespace(is_history_navigation=True, session_state=SimpleNamespace(get_widget_states=list))
    monkeypatch.setattr(address, "get_script_run_ctx", lambda: back)
    app.run()
    assert (texts_of(app, "threshold"), app.session_state["evaluate-threshold"]) == ([], usual)


@pytest.mark.parametrize(
    ("page", "keys"), [("data", ("class", "order")), ("split", ("split-sources", "split-cuts"))]
)
def test_what_a_run_cut_short_did_not_bring_to_the_browser_comes_with_the_next(page, keys):
    app = open_page(page)
    app._run(WidgetStates())  # asked for by the theme or the name, before the widgets were drawn
    told = {one.key: one.proto.set_value for one in (*app.button_group, *app.multiselect, *app.slider)}
    assert all(told[key] for key in keys)
    app.run()  # the browser holds them now: what is being entered is not touched
    told = {one.key: one.proto.set_value for one in (*app.button_group, *app.multiselect, *app.slider)}
    assert not any(told[key] for key in keys)


def test_a_rerun_asked_for_before_the_browser_knew_the_new_address_changes_nothing():
    app = open_page("data", source="sky")
    before = dict(app.query_params)
    app.button_group(key="class").set_value("lens").run()
    app.query_params.clear()
    app.query_params.update(before)
    app.button_group(key="order").set_value("random").run()
    assert texts_of(app, "class") == ["lens"]
    assert texts_of(app, "order") == ["random"]
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
        ("data", {"class": "ring"}, "one of all, lens, nonlens"),
        ("data", {"page": "last"}, "a whole number"),
        ("catalogue", {"source": "sky", "score": "bright"}, "a number"),
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


@pytest.mark.parametrize(
    ("page", "asked", "view"),
    [
        ("data", {"view": "find-objects"}, "objects"),
        ("data", {"view": "gallery"}, "cutouts"),
        ("catalogue", {"source": "sky", "view": "feedback"}, "feed-back"),
        ("catalogue", {"source": "sky", "view": "candidate"}, "candidates"),
        ("experiments", {"view": "Search"}, "search"),
        ("experiments", {"kind": "Search"}, "search"),  # as links said before all pages had one name for it
    ],
)
def test_a_view_is_understood_by_other_names_and_the_address_says_its_own(page, asked, view):
    app = open_page(page, **asked)
    assert app.segmented_control(key=f"{page}-view").value == view
    assert texts_of(app, "view") == ([] if view in ("cutouts", "candidates") else [view])
    assert not texts_of(app, "kind")
    assert not app.toast
    assert not [one.value for one in app.caption if "There is no view" in one.value]


def test_a_view_that_there_is_not_is_told_until_another_is_chosen():
    def told(app):
        return [one.value for one in app.caption if "There is no view" in one.value]

    app = open_page("data", source="sky", view="spectra")
    words = "There is no view “spectra” here. The views are Cutouts, Quality, Catalogue, Sky, Find objects, "
    assert len(told(app)) == 1
    assert words in told(app)[0]
    assert (texts_of(app, "view"), len(app.toast)) == ([], 0)
    app.button_group(key="class").set_value("lens").run()
    assert len(told(app)) == 1, "it does not pass"
    app.segmented_control(key="data-view").set_value("quality").run()
    assert told(app) == []
    app.segmented_control(key="data-view").set_value("cutouts").run()
    assert told(app) == []


def test_the_open_tab_of_paint_is_in_the_address():
    app = open_page("paint", source="sky", settings="Lenses")
    assert (app.session_state["paint-tabs"], texts_of(app, "settings")) == ("Lenses", ["Lenses"])
    app = open_page("paint", source="sky")
    assert (app.session_state["paint-tabs"], texts_of(app, "settings")) == ("Set", [])


@pytest.mark.parametrize(
    ("asked", "view"),
    [("map", "sky"), ("Qualities", None), ("quality", "quality"), ("i", None), ("cat", None)],
)
def test_what_is_unclear_means_no_view(asked, view):
    assert view_meant(asked, data_page.VIEWS) == view


KINDS = [
    (address.text(), "mag_i < 22", ["mag_i < 22"]),
    (address.switch(), True, ["1"]),
    (address.whole(1, 9), 3, ["3"]),
    (address.decimal(), 0.1 + 0.2, ["0.3"]),
    (address.any_whole(), -7, ["-7"]),
    (address.span(1, 99), (56, 70), ["56-70"]),
    (address.one_of([48, 96]), 96, ["96"]),
    (address.several_of(["a b", "c,d"]), ["c,d"], ["c,d"]),
    (address.optional(address.whole(1, 9)), 4, ["4"]),
    (address.typed(["auto", None]), "gpu:3", ["gpu:3"]),
    (address.typed(["auto", None]), None, ["None"]),
    (address.words(), ["spiral", "ring, face-on"], ["spiral", "ring, face-on"]),
    (address.ticked(["x", "y"]), {"selection": {"rows": [1], "columns": [], "cells": []}}, ["y"]),
]


@pytest.mark.parametrize(("kind", "value", "texts"), KINDS)
def test_values_are_read_as_they_were_written(kind, value, texts):
    assert kind.write(value) == texts
    assert kind.write(kind.read(texts)) == texts
