"""The frame of the web app: navigation, selection in the address, sidebar, hosts."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from lensapp import jobs
from lensapp.core.errors import InvalidInput
from lensapp.services.data.pictures import read_pictures
from lensapp.storage import datasets
from lensapp.ui.main import GROUPS
from lensapp.ui.shared import page_head, state
from lensapp.ui.shared.pictures import sheet_html
from support.gallery_survey import add_scores
from support.pages_workspace import open_page
from support.small_surveys import add_review, add_source, add_votes, make_survey

PROJECT = Path(__file__).parents[2]
MAIN = PROJECT / "lensapp" / "ui" / "main.py"


def run_app() -> AppTest:
    return AppTest.from_file(MAIN, default_timeout=60).run()


def test_an_empty_workspace_offers_a_tour_an_import_and_other_demos(workspace):
    app = run_app()
    assert not app.exception
    assert [button.label for button in app.main.button] == [
        "Get started", "Import cutouts", "Make a demo survey of another kind",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["split", "inspect", "team", "features"])
def test_an_empty_page_leads_to_cutouts_and_not_to_another_empty_page(workspace, name):
    app = open_page(name)
    first = [button for button in app.button if button.label == "Make a demo survey, or import"]
    [button] = first
    button.click().run()
    assert any(
        "Find gravitational lenses" in title.value for title in (*app.title, *app.header, *app.subheader)
    )


def test_the_sidebar_names_the_workspace_and_asks_for_the_inspector(workspace):
    app = run_app()
    assert app.sidebar.text_input[0].label == "Inspector"
    links = [element.proto.label for element in app.sidebar.get("page_link")]
    assert links == ["Workspace: workspace"]


def test_the_inspector_stays_the_same_on_another_page(workspace):
    app = run_app()
    app.sidebar.text_input[0].input("Ada").run()
    app.switch_page(str(PROJECT / "pages" / "data.py")).run()
    assert app.sidebar.text_input[0].value == "Ada"


def test_a_name_that_cannot_sign_votes_is_refused_where_it_is_typed(workspace):
    add_review(workspace, make_survey(workspace, name="sky"), "round")
    app = open_page("inspect", source="sky", review="round")
    app.text_input(key=state.INSPECTOR).set_value("Ad\u202ea").run()
    assert not app.exception
    [said] = [one.value for one in app.sidebar.caption if "cannot be" in one.value]
    assert "it holds characters that nobody sees (U+202E)" in said.replace("\\", "")
    assert any("Who is inspecting" in one.value for one in app.main.markdown)  # no gallery, no vote
    app.text_input(key=state.INSPECTOR).set_value("Ada").run()
    assert not [one.value for one in app.sidebar.caption if "cannot be" in one.value]
    assert not any("Who is inspecting" in one.value for one in app.main.markdown)


def test_running_jobs_are_shown_on_every_page(workspace):
    jobs.enqueue(workspace.database, kind="demo", title="Simulate sky", payload={})
    app = run_app()
    assert any("Simulate sky" in element.value for element in app.sidebar.get("html"))


def test_a_job_that_the_page_has_just_begun_is_told_at_once(workspace):
    make_survey(workspace, name="sky")
    app = open_page("paint", source="sky")
    assert any("Nothing is running" in element.value for element in app.sidebar.get("html"))
    app.get_by_key("paint-go").click().run()
    assert not app.exception
    told = [element.value for element in app.sidebar.get("html")]
    assert any("painted1" in text for text in told), told
    assert not any("Nothing is running" in text for text in told)


def test_the_stages_of_a_page_that_was_left_do_not_stand_below_the_gallery(workspace):
    add_review(workspace, make_survey(workspace, name="sky"), "round")
    app = open_page("inspect", source="sky", review="round")
    app.session_state[state.INSPECTOR] = "Vera"
    app.session_state[page_head.HEAD] = st.empty(), {}  # as of a page that was left in the middle of its run
    app.run()
    assert not app.exception
    assert not [link for link in app.main.get("page_link") if "Cutouts" in link.proto.label]


def test_a_click_counts_in_the_run_that_learns_of_the_end_of_a_job(workspace):
    make_survey(workspace, name="sky")
    job = jobs.enqueue(workspace.database, kind="score", title="Score sky", payload={})
    app = run_app()
    app.switch_page(str(PROJECT / "pages" / "split.py")).run()
    assert any("Score sky" in element.value for element in app.sidebar.get("html"))
    jobs.stop(workspace.database, job.id)
    next(button for button in app.main.button if button.label == "Freeze this dataset version").click().run()
    assert not app.exception
    assert [dataset.name for dataset in datasets.list_datasets(workspace.database)] == ["sky-v1"]


def test_every_page_of_the_navigation_exists():
    names = {entry[0] for entries in GROUPS.values() for entry in entries}
    assert names == {path.stem for path in state.PAGES.glob("*.py")}


def test_the_address_holds_the_selected_source(workspace):
    make_survey(workspace, name="first")
    make_survey(workspace, name="second")
    app = AppTest.from_file(MAIN, default_timeout=60)
    app.query_params["source"] = "first"
    app.run()
    app.switch_page(str(PROJECT / "pages" / "data.py")).run()
    assert not app.exception
    assert app.selectbox[0].value == "first"
    app.selectbox[0].select("second").run()
    assert "second" in app.query_params["source"]


def test_only_known_kinds_can_be_selected():
    with pytest.raises(InvalidInput, match="Select one of source, dataset"):
        state.selected("galaxy")


def test_names_from_files_cannot_become_markup(workspace):
    source = make_survey(workspace, count=2)
    cutouts, pictures = read_pictures(workspace, source, [1, 2])
    text = sheet_html(pictures, tracks="repeat(2, 1fr)", captions=[cutout.candidate_id for cutout in cutouts])
    assert "<b>" not in text
    assert "&lt;b&gt;" in text


ASK = """
import asyncio, httpx, sys
from app import app
from lensapp.ui.gallery.routes import MODULES
async def ask(host, path):
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
        return (await client.get(path)).status_code
for path in ("/_stcore/host-config", f"{MODULES.address}/mount.js"):
    print([asyncio.run(ask(host, path)) for host in ("evil.example", "127.0.0.1:8501")])
print([name for name in ("keras", "tensorflow", "onnxruntime") if name in sys.modules])
"""


def test_the_app_answers_only_under_its_own_name_and_loads_no_network_library(workspace):
    asked = subprocess.run(
        [sys.executable, "-c", ASK], cwd=PROJECT, capture_output=True, text=True, check=True, timeout=120
    )
    assert asked.stdout.splitlines() == ["[400, 200]", "[400, 200]", "[]"]


ASK_POLICY = """
import asyncio, httpx
import app
async def ask(path):
    transport = httpx.ASGITransport(app.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8501") as client:
        return (await client.get(path)).headers["content-security-policy"]
for path in ("/", "/_stcore/host-config", "/api/gallery/queue"):
    print(asyncio.run(ask(path)))
"""


def test_pages_may_load_nothing_from_other_machines(workspace):
    asked = subprocess.run(
        [sys.executable, "-c", ASK_POLICY],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    policies = asked.stdout.splitlines()
    assert len(policies) == 3
    assert all("img-src 'self' data: blob:" in policy for policy in policies)
    assert all("default-src 'self'" in policy and "http" not in policy for policy in policies)


def test_extra_hosts_come_from_the_environment(monkeypatch):
    from app import allowed_hosts

    monkeypatch.setenv("LENSAPP_HOSTS", "lens.example.org, other.example.org")
    assert allowed_hosts()[-2:] == ["lens.example.org", "other.example.org"]


def test_every_page_reads_every_kind_of_selection(workspace):
    make_survey(workspace, name="first")
    make_survey(workspace, name="second")
    app = AppTest.from_file(MAIN, default_timeout=60)
    app.run()
    app.switch_page(str(PROJECT / "pages" / "train.py"))
    for kind, name in {"source": "first", "part": "validation", "threshold": "0.7"}.items():
        app.query_params[kind] = name
    app.run()
    app.query_params.clear()  # as Streamlit does when a page is opened from the sidebar
    app.switch_page(str(PROJECT / "pages" / "catalogue.py")).run()
    assert not app.exception
    assert {name: app.query_params[name] for name in ("source", "part", "threshold")} == {
        "source": "first", "part": "validation", "threshold": "0.7",
    }  # fmt: skip


def test_an_address_that_selects_something_stays_as_it_is(workspace):
    make_survey(workspace, name="first")
    make_survey(workspace, name="second")
    app = AppTest.from_file(MAIN, default_timeout=60)
    app.query_params["source"] = "first"
    app.query_params["threshold"] = "0.7"
    app.run()
    app.query_params.clear()
    app.query_params["source"] = "second"  # as the browser's Back does
    app.switch_page(str(PROJECT / "pages" / "data.py")).run()
    assert app.selectbox[0].value == "second"
    assert "threshold" not in app.query_params


def open_from_sidebar(app: AppTest, page: str) -> AppTest:
    app.query_params.clear()  # as Streamlit does when a page is opened from the sidebar
    return app.switch_page(str(PROJECT / "pages" / f"{page}.py")).run()


def test_a_session_begins_with_the_review_graded_last_and_its_source(workspace):
    source = make_survey(workspace, name="graded")
    newest = make_survey(workspace, name="newest")
    add_votes(workspace, add_review(workspace, source, "evening"), "Ada", {1: "A"})
    add_review(workspace, newest, "untouched")
    app = run_app()
    for page, label, name in (
        ("catalogue", "Source", "graded"),
        ("data", "Source", "graded"),
        ("team", "Review", "evening"),
    ):
        open_from_sidebar(app, page)
        assert next(box for box in app.selectbox if box.label == label).value == name


def test_a_source_made_after_the_last_vote_comes_first(workspace):
    source = make_survey(workspace, name="graded")
    add_votes(workspace, add_review(workspace, source, "evening"), "Ada", {1: "A"})
    make_survey(workspace, name="newest")
    app = open_from_sidebar(run_app(), "data")
    assert app.selectbox[0].value == "newest"


def test_the_review_that_is_opened_brings_its_source_to_every_page(workspace):
    for source in ("older", "newer"):
        add_review(workspace, make_survey(workspace, name=source), f"of-{source}")
    app = run_app()
    for source in ("older", "newer"):
        app.query_params.clear()
        app.query_params["review"] = f"of-{source}"
        app.switch_page(str(PROJECT / "pages" / "team.py")).run()
        open_from_sidebar(app, "data")
        assert app.selectbox[0].value == source


@pytest.mark.parametrize("page", ["team", "inspect"])
def test_a_page_that_shows_a_review_leaves_the_run_and_the_source_that_are_selected(workspace, page):
    looked_at, other = (make_survey(workspace, name=name) for name in ("looked-at", "other"))
    first = add_scores(workspace, looked_at, {0: 0.9}, name="first")
    add_scores(workspace, other, {0: 0.9}, name="second")
    add_review(workspace, looked_at, "evening", run_id=first.id)
    asked = {"source": "other", "run": "second", "dataset": "second-data"}
    app = AppTest.from_file(MAIN, default_timeout=60)
    app.query_params.update(asked)
    app.run()
    app.text_input(key=state.INSPECTOR).set_value("Ada").run()
    open_from_sidebar(app, page)
    # Inspect opens no pictures of a source beside the one selected.
    assert app.query_params.get("review") == ("evening" if page == "team" else None)
    open_from_sidebar(app, "data")
    assert {kind: app.query_params[kind] for kind in asked} == asked
    if page == "team":  # chosen from its list it brings what it was made of
        add_review(workspace, other, "morning")
        open_from_sidebar(app, page)
        app.selectbox(key="choose-review").set_value("morning").run()
        app.selectbox(key="choose-review").set_value("evening").run()
        open_from_sidebar(app, "data")
        made_of = {"source": "looked-at", "run": "first", "dataset": "first-data", "review": "evening"}
        assert {kind: app.query_params[kind] for kind in made_of} == made_of


def test_a_review_chosen_after_another_of_its_source_and_run_leaves_the_run_that_is_selected(workspace):
    source = make_survey(workspace, name="sky")
    first = add_scores(workspace, source, {0: 0.9}, name="first")
    second = add_scores(workspace, source, {0: 0.9}, name="second")
    for name, run in (("of-first", first), ("like-one", first), ("of-second", second)):
        add_review(workspace, source, name, run_id=run.id)

    def script() -> None:
        import streamlit as st

        from lensapp.ui.shared import state

        if name := st.text_input("to", key="to"):
            state.select_review(name, after="of-first")

    app = AppTest.from_function(script, default_timeout=60)
    app.query_params.update({"source": "sky", "run": "second", "dataset": "second-data"})
    app.run()
    app.text_input(key="to").set_value("like-one").run()
    assert app.query_params["review"] == "like-one"
    assert (app.query_params["run"], app.query_params["dataset"]) == ("second", "second-data")
    app.query_params["run"] = "first"
    app.text_input(key="to").set_value("of-second").run()
    assert (app.query_params["review"], app.query_params["run"]) == ("of-second", "second")


def test_inspect_begins_with_a_review_of_the_source_chosen_last(workspace):
    for source in ("older", "newer"):
        add_review(workspace, make_survey(workspace, name=source), f"of-{source}")
    make_survey(workspace, name="unreviewed")
    app = run_app()
    app.text_input(key=state.INSPECTOR).set_value("Ada").run()
    app.query_params["review"] = "of-newer"
    app.switch_page(str(PROJECT / "pages" / "inspect.py")).run()
    for source, review in (
        ("newer", "of-newer"),
        ("older", "of-older"),
        ("unreviewed", None),  # has none: a new one of it, never the pictures of another source
    ):
        open_from_sidebar(app, "data")
        app.selectbox[0].set_value(source).run()
        open_from_sidebar(app, "inspect")
        assert not app.exception
        assert app.query_params.get("review") == review
    assert app.selectbox(key="new-review-source").value == "unreviewed"
    app.button(key="inspect-other").click().run()
    assert (app.query_params["review"], app.query_params["source"]) == ("of-older", "older")


def test_the_step_to_a_source_without_review_opens_none_of_another(workspace):
    add_review(workspace, make_survey(workspace, name="older"), "of-older")
    add_source(workspace, "unreviewed", bands=("J", "H"), labelled=False, count=6)
    app = AppTest.from_file(MAIN, default_timeout=60)
    app.query_params.update({"source": "unreviewed", "review": "of-older"})  # as a page leaves them
    app.run()
    app.text_input(key=state.INSPECTOR).set_value("Ada").run()
    open_from_sidebar(app, "data")
    app.button(key="round-next").click().run()
    assert not app.exception
    assert [title.value for title in app.title] == ["Inspect"]
    assert (app.query_params["source"], app.query_params.get("review")) == ("unreviewed", None)
    assert app.selectbox(key="new-review-source").value == "unreviewed"


def test_a_source_in_the_address_of_a_new_session_counts_more_than_the_review_graded_last(workspace):
    graded = make_survey(workspace, name="graded")
    other = make_survey(workspace, name="other")
    add_votes(workspace, add_review(workspace, graded, "evening"), "Ada", {1: "A"})
    add_review(workspace, other, "of-other")
    app = AppTest.from_file(MAIN, default_timeout=60)
    app.query_params["source"] = "other"
    app.run()
    app.text_input(key=state.INSPECTOR).set_value("Ada").run()
    open_from_sidebar(app, "inspect")
    assert not app.exception
    assert (app.query_params["review"], app.query_params["source"]) == ("of-other", "other")


def test_what_stands_in_on_one_page_is_not_taken_to_the_next(workspace):
    def page() -> None:
        import streamlit as st

        from lensapp.ui.shared import state

        state.read_address(st.session_state["page"])
        state.choose("run", st.session_state["offered"], label="Run")

    app = AppTest.from_function(page)
    said = ":material/info: There is no “new” here; old is shown instead."
    for name, offered, expected, caption in (
        ("evaluate", ["new", "old"], "new", []),  # nothing is selected: the first, from now on
        ("score", ["old"], "old", [said]),  # stands in, which is said
        ("score", ["old"], "old", [said]),
        ("evaluate", ["newest", "new", "old"], "new", []),
    ):
        if "page" in app.session_state and app.session_state["page"] != name:
            app.query_params.clear()
        app.session_state["page"], app.session_state["offered"] = name, offered
        app.run()
        assert not app.exception
        assert app.selectbox[0].value == expected
        assert [text.value for text in app.caption] == caption


def test_the_style_sheet_of_pages_holds_nothing_that_looks_like_markup():
    sheet = (PROJECT / "lensapp" / "ui" / "frame.css").read_text("utf-8")
    assert "<" not in sheet  # one, in a comment or a text, and the browser is given none of it


def test_no_style_asks_each_element_of_a_page_what_it_holds():
    """`:has` without a name before it is looked up for all of them, at each change of the page."""
    of_any = re.compile(r"(?:^|[\s,>+~])(?::not\()?:has\([^{}]*", re.MULTILINE)
    assert of_any.findall(
        ".row > :has(> p) { }\n:has(p) { }\na + :not(:has(b)) { }\nli:has(p), td:not(:has(b)) { }"
    ) == [
        " :has(> p) ",
        "\n:has(p) ",
        " :not(:has(b)) ",
    ]
    for sheet in (PROJECT / "lensapp").rglob("*.css"):
        assert of_any.findall(sheet.read_text("utf-8")) == [], sheet.name
