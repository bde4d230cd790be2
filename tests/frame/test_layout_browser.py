"""Every view of every page at 1280 pixels: no text is cut, no control out of line, no icon read aloud."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.app_in_browser import Server, go, settled
from support.pages_workspace import full_workspace, views_of_pages

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

FAULTS = (Path(__file__).parents[1] / "support" / "layout.js").read_text("utf-8")
OF_THE_ROUND = "run=elu_cnn-1&source=sky"
SET_WRONG = """() => {
  const main = document.querySelector('[data-testid="stMain"]');
  main.querySelector('.react-aria-ComboBox > [role="group"]').style.cssText = 'position: relative; top: 7px';
  const heading = main.querySelector('h1');
  heading.style.cssText = 'overflow: hidden; width: 20px; white-space: nowrap';
  main.querySelector('[data-testid="stElementContainer"]:has(+ [class*="st-key-figure-"]) h4')
    .style.cssText = 'text-align: right; padding-right: 0';
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("layout") / "workspace"
    full_workspace(folder).database.close()
    with Server(folder) as made:
        yield made


@pytest.fixture(scope="module")
def page(browser: Any, server: Server) -> Iterator[Any]:
    """One for all: it keeps what it has loaded."""
    made = browser.new_page(viewport={"width": 1280, "height": 900})
    made.set_default_timeout(120_000)
    made.goto(f"{server.address}/workspace")
    settled(made)
    yield made
    made.close()


@pytest.mark.parametrize(("name", "view"), sorted(views_of_pages()))
def test_nothing_is_cut_and_all_is_in_line(page: Any, name: str, view: str) -> None:
    go(page, f"/{'' if name == 'home' else name}?{OF_THE_ROUND}&{view}".rstrip("&"))
    assert page.evaluate(FAULTS) == []


def test_what_is_cut_or_out_of_line_is_found(page: Any) -> None:
    go(page, f"/score?{OF_THE_ROUND}")  # where run and source stand side by side
    page.evaluate(SET_WRONG)
    found = page.evaluate(FAULTS)
    assert any(one.startswith("7 px out of line") for one in found)
    assert "cut: Score" in found
    assert any(one.startswith("under its tools") for one in found)


@pytest.mark.parametrize("width", [1280, 1920])
def test_what_the_candidates_are_exported_by_stays_in_the_row_of_a_long_count(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    go(page, f"/catalogue?{OF_THE_ROUND}")
    row = page.locator(".st-key-catalogue-head")
    row.get_by_text("candidates").evaluate(
        "one => { one.textContent = '12 345 candidates, 1 234 matched with a known lens; '.repeat(3); }"
    )
    button = row.get_by_role("button", name="Export CSV").bounding_box()
    order = row.locator("input").first.bounding_box()
    assert abs(button["y"] + button["height"] / 2 - order["y"] - order["height"] / 2) < 3
    assert button["x"] > order["x"] + order["width"]
    page.set_viewport_size({"width": 1280, "height": 900})


def test_the_table_of_runs_stays_under_the_hand_when_a_tick_adds_charts_above_it(page: Any) -> None:
    go(page, "/train?run=elu_cnn-2")
    table = page.locator("[data-testid=stDataFrame]").last
    table.scroll_into_view_if_needed()
    settled(page)
    before, charts = table.bounding_box(), page.locator(".charts > *").count()
    page.mouse.click(before["x"] + 18, before["y"] + 35 + 18)  # the first row
    page.mouse.click(before["x"] + 18, before["y"] + 2 * 35 + 18)  # the second, in the place it had
    page.wait_for_url("**compare=*%2C*")
    settled(page)
    assert page.locator(".charts > *").count() > charts
    assert table.bounding_box()["y"] == pytest.approx(before["y"], abs=2)
