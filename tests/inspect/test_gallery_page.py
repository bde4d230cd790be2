"""The page Inspect, run by Streamlit's own test harness inside the frame."""

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from lensapp import jobs
from lensapp.core.config import write_json
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.core.train.normalisation import NormalisationSpec, fit_normalisation
from lensapp.services.inspect.gallery import open_review
from lensapp.services.inspect.queues import create_review
from lensapp.storage import reviews
from lensapp.storage.workspace import Workspace
from lensapp.ui.gallery.component import gallery_data
from lensapp.ui.shared.state import INSPECTOR
from support.gallery_survey import add_scores, add_source, blobs, ids_by_row
from support.pages_workspace import full_workspace, open_page
from support.small_surveys import store_features


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "ws"))
    monkeypatch.delenv("LENSAPP_DATABASE_URL", raising=False)
    return Workspace.open()


def press_open(page: AppTest) -> None:
    next(button for button in page.button if button.label == "Open review").click().run()


def test_an_empty_workspace_says_how_candidates_come_here(ws: Workspace) -> None:
    page = open_page("inspect")
    assert any("Nothing to inspect yet" in text.value for text in page.markdown)


def test_the_first_review_is_made_from_a_form(ws: Workspace) -> None:
    add_source(ws, "sky", blobs(6))
    page = open_page("inspect", where="magg <", sort="score")
    assert page.text_input(key="new-review-name-sky").placeholder == "sky-review-1"
    [number] = [one for one in page.number_input if one.label == "Number of candidates"]
    assert number.value is None, "all of them: there are fewer than usual"
    press_open(page)
    assert not page.exception
    [made] = reviews.list_reviews(ws.database)
    assert (made.name, made.size, made.spec["order"]) == ("sky-review-1", 6, "random")
    assert any("Who is inspecting?" in text.value for text in page.markdown)
    assert not {"where", "sort"} & {*page.query_params}  # of the review that was looked at before


def test_the_form_offers_further_runs_whose_scores_are_combined(ws: Workspace) -> None:
    source = add_source(ws, "sky", blobs(3))
    for name, scores in (("one", (0.9, 0.5, 0.1)), ("two", (0.1, 0.9, 0.1))):
        add_scores(ws, source, dict(enumerate(scores)), name=name)
    page = open_page("inspect")
    page.multiselect(key="new-review-also_runs").set_value(["one"])
    press_open(page)
    assert not page.exception
    [made] = reviews.list_reviews(ws.database)
    assert (made.spec["also_runs"], made.spec["combine"]) == (["one"], "mean")
    opened, ids = open_review(ws, made.id), ids_by_row(ws, source)
    assert opened.queue.tolist() == [ids[1], ids[0], ids[2]]
    assert opened.scores(ids) == pytest.approx(dict(zip(ids, (0.5, 0.7, 0.1), strict=True)))


def test_few_questions_are_asked_and_all_else_is_folded_once(ws: Workspace) -> None:
    add_scores(ws, add_source(ws, "sky", blobs(3)), {0: 0.5})
    page = open_page("inspect")
    assert [box.label for box in page.expander] == ["More settings"]
    folded = {item.key for item in page.expander[0] if getattr(item, "key", None)}
    asked = (*page.selectbox, *page.number_input, *page.text_input, *page.multiselect)
    unfolded = {item.label for item in asked if item.key not in folded and "new-review" in str(item.key)}
    assert unfolded == {"Source", "Scores of run", "Name", "Number of candidates", "Inspectors"}


def test_a_run_that_has_not_scored_the_source_is_offered_to_score_it(ws: Workspace) -> None:
    add_scores(ws, add_source(ws, "sea", blobs(3)), {0: 0.5})
    sky = add_source(ws, "sky", blobs(3))
    store_features(ws, sky, np.ones((3, 2)), run_name="run-1")  # with a network

    def page_of(*bands: str) -> AppTest:
        fitted = fit_normalisation(blobs(3), NormalisationSpec(), bands=bands, pixel_scale_arcsec=0.2)
        write_json(ws.run_folder("run-1") / "normalisation.json", fitted.saved())
        return open_page("inspect", source="sky", run="run-1")

    page = page_of("X", "Y", "Z")
    assert any("run-1 cannot score sky" in text.value for text in page.caption)
    assert "new-review-score" not in [button.key for button in page.button]
    page = page_of(*sky.bands)
    assert any("run-1 has not scored sky yet" in text.value for text in page.caption)
    assert "new-review-score" in [button.key for button in page.button]
    jobs.enqueue(ws.database, kind="score", title="Score", payload={"run": "run-1", "source": "sky"})
    page = open_page("inspect", source="sky", run="run-1")
    assert any("Scores of sky by run-1 are under way (queued)" in text.value for text in page.caption)
    assert "new-review-score" not in [button.key for button in page.button]
    page = open_page("inspect", source="sky", run="nobody")
    assert any("There is no “nobody” here" in text.value for text in page.caption)


def test_a_name_that_cannot_be_used_is_refused_in_place(ws: Workspace) -> None:
    add_source(ws, "sky", blobs(6))
    page = open_page("inspect")
    page.text_input(key="new-review-name-sky").set_value("no spaces please")
    press_open(page)
    assert "'no spaces please' is not a possible name" in page.error[0].value
    assert reviews.list_reviews(ws.database) == []


def test_the_client_is_told_what_it_needs_and_no_candidate(ws: Workspace) -> None:
    add_source(ws, "sky", blobs(6))
    made = create_review(ws, name="first", source_name="sky", spec=ReviewSpec(order="given"))
    data = gallery_data(ws, review=made, inspector="ada", review_names=["first"])
    expected = {"id": made.id, "name": "first", "size": 6, "order": "as imported", "scored": False}
    rules = {"blind": True, "blind_to_others": True, "retire": False, "passing": False}
    assert data["review"] == expected | rules
    assert (data["bands"], data["rgb"]) == (["g", "r", "i"], [2, 1, 0])
    assert gallery_data(ws, review=made, inspector="ada", review_names=["first"]) == data


def test_the_order_bald_is_prepared_from_the_form(ws: Workspace) -> None:
    source = add_source(ws, "sky", blobs(6))
    add_scores(ws, source, {row: row / 6 for row in range(6)})
    page = open_page("inspect")
    assert [title.value for title in page.title] == ["Inspect"]
    assert "prepare-bald-run-1-sky" not in [button.key for button in page.button], "it has no network"
    store_features(ws, source, np.ones((6, 2)), run_name="run-1")
    pixels = blobs(6)
    fitted = fit_normalisation(pixels, NormalisationSpec(), bands=source.bands, pixel_scale_arcsec=0.2)
    write_json(ws.run_folder("run-1") / "normalisation.json", fitted.saved())
    page = open_page("inspect")
    assert "prepare-bald-run-1-sky" in [getattr(item, "key", None) for item in page.expander[0]]
    page.button(key="prepare-bald-run-1-sky").click().run()
    assert not page.exception
    [job] = jobs.recent(ws.database)
    assert job.payload == {"run": "run-1", "source": "sky", "passes": 20}
    page.run()
    assert any("under way" in text.value for text in page.caption)


def test_the_gallery_alone_stands_on_the_page_when_another_page_opens_a_review(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "ws"
    full_workspace(folder).database.close()
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(folder))
    page = open_page("score", source="sky", run="elu_cnn-2")
    assert page.main.get("page_link"), "the stages of the round"
    page.session_state[INSPECTOR] = "ada"
    page.button(key="score-review").click().run()
    assert not page.exception
    assert any("graded in earlier reviews left out" in one.value for one in page.caption)
    drawn = [one.proto.component_name for one in page.main.get("bidi_component")]
    assert "lensapp_gallery" in drawn
    assert not page.main.get("page_link"), "the stages of the page before, in the gallery's place"
