"""Views of pages that the team names: kept, opened, renamed, deleted, taken back."""

import pytest
from streamlit.testing.v1 import AppTest

from lensapp.core.errors import InvalidInput
from lensapp.services import saved_views
from lensapp.services.care.records import changes
from lensapp.services.care.renaming import rename
from lensapp.storage.workspace import Workspace
from support.pages_workspace import add_dataset, add_survey, open_page

BRIGHT = {"source": ["sky"], "class": ["lens"], "white": ["1.5"]}


@pytest.fixture
def ws(tmp_path, monkeypatch) -> Workspace:
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("LENSAPP_WORKER", "0")
    workspace = Workspace.open()
    add_dataset(workspace, add_survey(workspace))
    return workspace


def names_of(ws: Workspace, page: str) -> list[str]:
    return [view.name for view in saved_views.views_of(ws, page)]


def test_views_belong_to_their_page_and_are_listed_by_name(ws):
    for page, name in (("data", "rings"), ("data", "Bright"), ("split", "rings")):
        saved_views.keep_view(ws, page, name, address=BRIGHT, by="Ada")
    assert names_of(ws, "data") == ["Bright", "rings"]
    assert names_of(ws, "split") == ["rings"]
    assert saved_views.views_of(ws, "data")[0].address == BRIGHT
    assert changes(ws)[0]["kind"] == "view"


@pytest.mark.parametrize("name", ["", "   ", "n" * 61, "rings", " rings "])
def test_a_name_that_is_taken_empty_or_too_long_is_refused(ws, name):
    saved_views.keep_view(ws, "data", "rings", address=BRIGHT)
    with pytest.raises(InvalidInput, match="another"):
        saved_views.keep_view(ws, "data", name, address={})


def test_a_renamed_source_is_found_by_the_views_that_show_it(ws):
    saved_views.keep_view(ws, "data", "sky", address=BRIGHT)
    rename(ws, "source", "sky", "deep")
    (view,) = saved_views.views_of(ws, "data")
    assert (view.name, view.address) == ("sky", BRIGHT | {"source": ["deep"]})


def press(app: AppTest, key: str) -> AppTest:
    next(button for button in app.button if button.key == key).click().run()
    assert not app.exception, app.exception
    return app


def test_a_view_is_kept_opened_renamed_deleted_and_brought_back_on_its_page(ws):
    app = open_page("data", source="sky", **{"class": "lens"})
    name = next(field for field in app.text_input if field.label == "Keep this view as")
    name.input("only lenses")
    next(button for button in app.button if button.label == "Keep view").click().run()
    assert names_of(ws, "data") == ["only lenses"]

    app = open_page("data", source="sky")
    press(app, "view-open-0")
    assert app.button_group(key="class").value == "lens"
    assert app.query_params["class"] == "lens"

    press(app, "view-rename-0")
    app.text_input(key="view-name-0").input("lenses").run()
    press(app, "view-rename-do")
    assert names_of(ws, "data") == ["lenses"]

    press(app, "view-delete-0")
    assert names_of(ws, "data") == []
    press(app, "view-undo")
    assert names_of(ws, "data") == ["lenses"]
