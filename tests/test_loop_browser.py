"""The whole round as a user clicks it, in a real Chromium, against the real app and its worker."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from astropy.table import Table
from playwright.sync_api import Error as PageError
from playwright.sync_api import TimeoutError as PageTimeoutError

from lensapp.storage import datasets, reviews, runs, sources
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from support.app_in_browser import Server, chromium, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

JOB_SECONDS = 180
GRADES = "abcx" * 5
AT_REST = "[data-testid='stApp'][data-test-script-state='notRunning']"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("loop") / "workspace", worker=True) as made:
        yield made


@pytest.fixture(scope="module")
def workspace(server: Server) -> Workspace:
    return Workspace.open(server.folder)


@pytest.fixture(scope="module")
def page(server: Server) -> Iterator[Any]:
    with chromium() as browser:
        made = browser.new_page(viewport={"width": 1280, "height": 900}, accept_downloads=True)
        made.set_default_timeout(60_000)
        made.goto(server.address)
        yield made


def visit(page: Any, name: str) -> None:
    """Choose a page in the sidebar; once more where a rerun of the page before swallowed the click."""
    link = page.get_by_test_id("stSidebar").get_by_role("link", name=name)
    for _ in range(6):
        link.click()
        try:
            page.wait_for_url(f"**/{name.lower()}**", timeout=10_000)
        except PageTimeoutError:
            continue
        return
    raise AssertionError(f"the page {name} was not reached")


def press(page: Any, name: str) -> None:
    """Press a button of a page at rest: what another run draws anew takes no click."""
    page.locator(AT_REST).wait_for()
    page.get_by_role("button", name=name).first.click()


def choose_view(page: Any, name: str) -> None:
    """Choose a view of a page at rest; once more where a rerun put a new button in place of the old."""
    for _ in range(6):
        page.locator(AT_REST).wait_for()
        try:
            page.get_by_role("radio", name=name).first.click(force=True, timeout=10_000)
        except PageError:
            continue
        return
    raise AssertionError(f"the view {name} was not reached")


def fill_number(page: Any, label: str, value: int) -> None:
    """Enter a number until it stays: a rerun under way puts a new field in place of the old."""
    field = page.get_by_role("spinbutton", name=label, exact=True).first
    at_rest = page.locator(AT_REST)
    for _ in range(10):
        at_rest.wait_for()
        field.fill(str(value))
        field.press("Tab")
        page.wait_for_timeout(500)
        at_rest.wait_for()
        if field.input_value() == str(value):
            return
    raise AssertionError(f"the field {label!r} shows {field.input_value()} and not {value}")


def test_empty_home_offers_a_demo_survey(page, workspace):
    press(page, "Make a demo survey")
    fill_number(page, "Number of cutouts", 320)
    fill_number(page, "Size (pixels)", 48)
    press(page, "Make it")
    wait_until(
        lambda: [s.state for s in sources.list_sources(workspace.database)] == ["ready"] * 2,
        seconds=JOB_SECONDS,
    )
    made = {
        s.name: sources.count_cutouts(workspace.database, s.id)
        for s in sources.list_sources(workspace.database)
    }
    assert made == {"demo1": 320, "demo1-survey": 160}


def test_the_survey_is_split_and_frozen(page, workspace):
    visit(page, "Split")
    press(page, "Freeze this dataset version")
    wait_until(lambda: len(datasets.list_datasets(workspace.database)) == 1)
    assert set(datasets.list_datasets(workspace.database)[0].counts) == {"train", "validation", "test"}


def test_a_network_is_trained_while_its_curves_are_shown(page, workspace):
    visit(page, "Train")
    page.locator(".st-key-train-recipe-others input").click()
    page.keyboard.type("Gábor 2019")
    page.keyboard.press("Enter")
    page.get_by_role("radio", name="ELU CNN (Gábor 2019)").wait_for(state="attached")  # its card
    fill_number(page, "Epochs", 2)
    press(page, "Start training")
    wait_for_run(workspace, number=1)
    page.locator(".chart .drawn path").first.wait_for(state="attached")
    assert len(runs.metrics_of(workspace.database, 1)) == 2


def wait_for_run(workspace: Workspace, *, number: int) -> None:
    def ended() -> bool:
        known = runs.list_runs(workspace.database)
        return len(known) == number and known[0].state in ("finished", "failed", "stopped")

    wait_until(ended, seconds=JOB_SECONDS)
    assert runs.list_runs(workspace.database)[0].state == "finished"


def test_the_run_is_evaluated(page, workspace):
    visit(page, "Evaluate")
    press(page, "Evaluate")
    page.get_by_role("slider", name="Threshold").wait_for(timeout=JOB_SECONDS * 1000)
    page.get_by_text("Distribution of scores, scatter under rotation").click()
    page.locator(
        ".figure"
    ).last.scroll_into_view_if_needed()  # figures are drawn when they come near to sight
    page.locator(".js-plotly-plot .gl-canvas").first.wait_for()
    assert page.get_by_text("WebGL is not supported").count() == 0
    assert runs.run_by_id(workspace.database, 1).evaluation["n"] > 0


def test_the_survey_is_scored_and_the_best_are_put_up_for_review(page, workspace):
    visit(page, "Score")
    press(page, "Score")
    page.get_by_role("button", name="Review the top").wait_for(timeout=JOB_SECONDS * 1000)
    survey = sources.get_source(workspace.database, "demo1-survey")
    assert stored_scores.score_counts(workspace) == [(1, survey.id, 160)]
    press(page, "Review the top")
    page.wait_for_url("**/inspect**")


def test_twenty_candidates_are_graded_by_keyboard(page, workspace):
    page.get_by_label("Your name").fill("Ada")
    press(page, "Start grading")
    page.wait_for_selector(".tile[aria-selected='true']")
    page.wait_for_selector(".stage:not([data-loading])")
    for key in GRADES:
        page.keyboard.press(key)
        page.wait_for_timeout(50)
    wait_until(lambda: reviews.count_votes(workspace.database) == len(GRADES))
    votes = reviews.votes_of(workspace.database, review_id=1)
    assert [vote.grade for vote in votes] == list(GRADES.upper())
    assert [vote.cutout_id for vote in votes] == reviews.queue_of(workspace.database, 1)[:20].tolist()


def test_the_grades_become_a_new_dataset_version_and_a_new_network(page, workspace):
    visit(page, "Catalogue")
    choose_view(page, "Feed back into training")
    page.get_by_text("took less than 0.5 s: too fast to see a picture").wait_for()
    page.get_by_text("Count hasty votes").first.click()
    page.get_by_text("10 new lenses and 5 new non-lenses for demo1-v1").wait_for()
    press(page, "Freeze new version")
    wait_until(lambda: len(datasets.list_datasets(workspace.database)) == 2)
    second, first = datasets.list_datasets(workspace.database)
    test_parts = [
        datasets.member_columns(workspace.database, version.id, part="test")["cutout_id"].tolist()
        for version in (first, second)
    ]
    assert second.parent_id == first.id
    assert test_parts[0] == test_parts[1]
    assert second.source_ids == (*first.source_ids, sources.get_source(workspace.database, "demo1-survey").id)
    press(page, "Train again")
    wait_for_run(workspace, number=2)
    assert runs.list_runs(workspace.database)[0].dataset_id == second.id


def test_the_exported_catalogue_opens_in_astropy(page, workspace, tmp_path):
    visit(page, "Catalogue")
    choose_view(page, "Candidates")
    with page.expect_download() as started:
        press(page, "Export CSV")
    assert started.value.suggested_filename == "demo1-survey.csv"
    choose_view(page, "Export")
    choose_view(page, "FITS")
    for button, path in (
        ("Download demo1-survey.fits", "catalogue.fits"),
        ("Every vote", "votes.fits"),
    ):
        with page.expect_download() as started:
            press(page, button)
        started.value.save_as(tmp_path / path)
    table = Table.read(tmp_path / "catalogue.fits")
    assert len(table) == 15
    assert np.all(table["votes"] == 1)
    assert set(np.asarray(table["grade"], str)) == {"A", "B", "C"}
    assert len(Table.read(tmp_path / "votes.fits")) == 20  # also those on what is graded X
