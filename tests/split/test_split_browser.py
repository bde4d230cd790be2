"""Split in a real browser: what is pressed after sources were added stays where it is."""

from collections.abc import Iterator
from typing import Any

import pytest

from lensapp.storage import datasets
from lensapp.storage.workspace import Workspace
from support.app_in_browser import Server, settled
from support.small_surveys import add_source

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture
def server(tmp_path: Any) -> Iterator[Server]:
    folder = tmp_path / "workspace"
    ws = Workspace.open(folder)
    add_source(ws, "a_survey_of_galaxies", count=60)
    add_source(ws, "a_second_of_that_sky", count=40, first_ra_deg=40.0)
    ws.database.close()
    with Server(folder) as made:
        yield made


def test_one_press_freezes_after_a_second_source_was_added(server: Server, context: Any) -> None:
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{server.address}/split?sources=a_survey_of_galaxies")
    freeze = page.locator("button", has_text="Freeze this dataset version")
    freeze.wait_for()
    settled(page)
    chosen = page.locator(".st-key-split-sources")
    before = page.locator(".st-key-split-filter").bounding_box()["y"]
    chosen.locator("input").click()
    page.keyboard.type("second")
    page.keyboard.press("Enter")
    page.locator("[data-tag]", has_text="a_second_of_that_sky").first.wait_for()
    page.wait_for_timeout(1500)
    high = chosen.bounding_box()["height"]
    focused, filtered = freeze.bounding_box(), page.locator(".st-key-split-filter").bounding_box()
    assert filtered["y"] == before
    assert focused["y"] + focused["height"] <= page.viewport_size["height"]  # in sight without scrolling
    page.keyboard.press("Escape")
    page.mouse.click(focused["x"] + focused["width"] / 2, focused["y"] + focused["height"] / 2)
    page.get_by_text("is frozen").first.wait_for()
    assert chosen.bounding_box()["height"] == high
    ws = Workspace.open(server.folder)
    assert [len(one.spec["sources"]) for one in datasets.list_datasets(ws.database)] == [2]
    ws.database.close()
