"""The page Inspect, run by Streamlit's own test harness inside the frame."""

from pathlib import Path

import pytest
from gallery_survey import add_source, blobs
from pages_workspace import open_page

from lensapp.core.review_spec import ReviewSpec
from lensapp.services.review import create_review
from lensapp.storage import reviews
from lensapp.storage.workspace import Workspace
from lensapp.ui.gallery.component import gallery_data


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "ws"))
    monkeypatch.delenv("LENSAPP_DATABASE_URL", raising=False)
    return Workspace.open()


def test_an_empty_workspace_says_how_candidates_come_here(ws: Workspace) -> None:
    page = open_page("inspect")
    assert any("Nothing to inspect yet" in text.value for text in page.markdown)


def test_the_first_review_is_made_from_a_form(ws: Workspace) -> None:
    add_source(ws, "sky", blobs(6))
    page = open_page("inspect")
    assert page.text_input(key="new-review-name-sky").value == "sky-review-1"
    page.button[-1].click().run()
    assert not page.exception
    [made] = reviews.list_reviews(ws.database)
    assert (made.name, made.size, made.spec["order"]) == ("sky-review-1", 6, "random")
    assert any("Who is inspecting?" in text.value for text in page.markdown)


def test_a_name_that_cannot_be_used_is_refused_in_place(ws: Workspace) -> None:
    add_source(ws, "sky", blobs(6))
    page = open_page("inspect")
    page.text_input(key="new-review-name-sky").set_value("no spaces please")
    page.button[-1].click().run()
    assert "received 'no spaces please'" in page.error[0].value
    assert reviews.list_reviews(ws.database) == []


def test_the_client_is_told_what_it_needs_and_no_candidate(ws: Workspace) -> None:
    add_source(ws, "sky", blobs(6))
    made = create_review(ws, name="first", source_name="sky", spec=ReviewSpec(order="given"))
    data = gallery_data(ws, review=made, inspector="ada", review_names=["first"])
    expected = {"id": made.id, "name": "first", "size": 6, "order": "given", "blind": True, "scored": False}
    assert data["review"] == expected
    assert (data["bands"], data["rgb"]) == (["g", "r", "i"], [2, 1, 0])
    assert gallery_data(ws, review=made, inspector="ada", review_names=["first"]) == data
