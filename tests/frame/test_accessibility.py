"""Every page for everyone: WCAG AA by axe-core in both themes, nothing cut off when zoomed or on a tablet.

So too where strangers have written markup wherever they can, which no page runs or shows as such.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest

from lensapp.services.access.roots import ROOTS_SWITCH
from lensapp.storage import tables
from lensapp.ui.main import GROUPS
from support.app_in_browser import PROJECT, Server, go, settled
from support.hostile_text import HOST, LIVE_IN_BROWSER, hostile_workspace

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
PAGES = [name for entries in GROUPS.values() for name, _, _ in entries]
# Streamlit writes the groups of the navigation as <div> between <ul> and <li>; nothing of ours is in it.
NOT_OURS = [["[data-testid='stSidebarNavItems']"]]
WINDOW = {"width": 1280, "height": 800}
TABLET, ZOOMED_TWICE = 768, 640  # CSS pixels: 1280 at 200 % leave half of them
VIOLATIONS = """([runOnly, exclude]) => axe.run({exclude}, {runOnly, resultTypes: ['violations']}).then(
    (result) => result.violations.flatMap((each) => each.nodes.map((node) =>
        `${each.id}: ${node.html.slice(0, 200)} ${[...node.any, ...node.all, ...node.none][0].message}`)))"""
STICKS_OUT = """() => { const main = document.querySelector("[data-testid='stMain']");
    return Math.max(main.scrollWidth - main.clientWidth, document.body.scrollWidth - innerWidth); }"""

OF_THE_SURVEY = ("", "data", "data?view=import", "split", "team", "features", "paint")
OF_NETWORKS = ("train", "experiments", "evaluate", "compare")
MOST_STOPS = 200  # of a table every cell of a row is one
FOCUSED = """() => {
    let at = document.activeElement;
    while (at.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
    const seen = at.closest('canvas') || at; // a table's cell is drawn, and has no box of its own
    const look = getComputedStyle(at), box = seen.getBoundingClientRect();
    return {
        tag: at.tagName, name: at.ariaLabel || at.innerText, to: (at.pathname || '').slice(1),
        at: [box.x, box.y],
        inside: at !== document.body && box.bottom > 0 && box.top < innerHeight,
        ring: look.outlineStyle === 'solid' && parseFloat(look.outlineWidth) >= 2,
    };
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("accessible") / "workspace"
    ws = hostile_workspace(folder)
    with ws.database.write() as connection:  # a page that follows a job is never at rest
        connection.execute(tables.jobs.update().values(state="failed"))
    ws.database.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ROOTS_SWITCH, str(PROJECT))  # to browse what is not of this machine
        with Server(folder) as made:
            yield made


@pytest.fixture(scope="module")
def page(browser: Any, server: Server) -> Iterator[Any]:
    """One for all: it keeps what it has loaded. It knows which addresses have been asked for, as `asked`."""
    made = browser.new_page(viewport=WINDOW, reduced_motion="reduce")
    made.set_default_timeout(120_000)
    made.asked = []
    made.on("request", lambda request: made.asked.append(request.url))
    made.goto(f"{server.address}/workspace?view=delete")
    settled(made)
    made.evaluate(AXE)
    yield made
    made.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_in_both_themes_and_fits_narrow_windows(page: Any, name: str):
    page.set_viewport_size(WINDOW)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    go(page, f"/{'' if name == 'home' else name}")
    assert page.evaluate(LIVE_IN_BROWSER) == []
    assert [url for url in page.asked if f"//{HOST}" in url] == []
    assert page.evaluate(VIOLATIONS, [RULES, NOT_OURS]) == []
    page.emulate_media(color_scheme="light")
    settled(page)
    assert page.evaluate(VIOLATIONS, [["color-contrast"], NOT_OURS]) == []  # the theme changes nothing else
    for width in (TABLET, ZOOMED_TWICE):
        page.set_viewport_size({"width": width, "height": 900})
        settled(page)
        assert page.evaluate(STICKS_OUT) <= 0, width


def in_order(stop: dict[str, Any]) -> bool:
    """Return whether a stop of the keyboard lies in the window and, of a link or a button, has a ring."""
    return stop["inside"] and (stop["ring"] or stop["tag"] not in ("A", "BUTTON", "SUMMARY"))


def focused(page: Any) -> dict[str, Any]:
    """Return what has the focus, when it is in order: a busy browser scrolls there a moment later."""
    for _ in range(20):
        here: dict[str, Any] = page.evaluate(FOCUSED)
        if here["tag"] == "BODY" or in_order(here):
            break
        page.wait_for_timeout(100)
    return here


def in_sight(walked: list[dict[str, Any]]) -> None:
    """Look that each stop of the keyboard lay in the window, and that links and buttons had a ring."""
    assert [one for one in walked if not in_order(one)] == []


def test_the_keyboard_goes_through_a_page_with_its_place_in_sight(server: Server, page: Any):
    page.set_viewport_size(WINDOW)
    page.goto(f"{server.address}/score")  # loaded anew, it begins at the top
    settled(page)
    walked = []
    for _ in range(28):
        page.keyboard.press("Tab")
        walked.append(focused(page))
    in_sight(walked)
    assert all(one != two for one, two in pairwise(walked)), walked  # nothing holds the focus
    of_pages = [one["to"] for one in walked[1:] if one["to"] in PAGES]  # first stands the way past the menu
    assert of_pages[:3] == ["data", "paint", "split"]


@pytest.mark.parametrize("name", [*OF_THE_SURVEY, *OF_NETWORKS])
def test_the_keyboard_reaches_the_end_of_a_page(page: Any, name: str):
    page.set_viewport_size(WINDOW)
    go(page, f"/{name}")
    page.evaluate("document.querySelector(\"[data-testid='stMain']\").focus()")
    walked: list[dict[str, Any]] = []
    while len(walked) < MOST_STOPS:
        page.keyboard.press("Tab")
        here = focused(page)
        if here["tag"] == "BODY":
            break
        walked.append(here)
    assert 5 < len(walked) < MOST_STOPS, walked
    in_sight(walked)


def test_the_keyboard_goes_into_what_a_button_opens_and_back_to_the_button(page: Any):
    page.set_viewport_size(WINDOW)
    go(page, "/workspace?view=delete")
    button = page.get_by_test_id("stMain").get_by_role("button", name="Rename")
    button.focus()
    page.keyboard.press("Enter")
    within = "document.activeElement.closest('[data-testid=stPopoverBody]') !== null"
    page.wait_for_function(within)
    assert page.evaluate(FOCUSED)["name"] == "New name"
    for _ in range(4):  # round within it: what lies behind is not reached by chance
        page.keyboard.press("Tab")
        assert page.evaluate(within)
    page.keyboard.press("Escape")
    page.get_by_test_id("stPopoverBody").wait_for(state="detached")
    page.wait_for_timeout(300)
    assert page.evaluate("document.activeElement.innerText").find("Rename") >= 0
