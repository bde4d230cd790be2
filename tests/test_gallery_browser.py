"""The gallery in a real Chromium, against a real server."""

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from app_in_browser import Server, chromium, wait_until
from gallery_survey import add_scores, add_source, blobs

from lensapp.core import companding
from lensapp.core.imaging import STRETCHES, DisplaySpec, estimate_levels, render
from lensapp.core.review_spec import ReviewSpec
from lensapp.services.gallery import open_review
from lensapp.services.retirement import retired_in
from lensapp.services.review import VotePost, create_review, record_votes, votes_by_inspector
from lensapp.storage import reviews
from lensapp.storage.workspace import Workspace
from lensapp.ui.gallery import component

pytestmark = pytest.mark.browser

CANDIDATES = 200
KEYS = "abcx1230"
FOLDER = Path(component.__file__).parent / "client"

SWIPE_LEFT = """() => {
  const host = [...document.querySelectorAll('*')].find((one) => one.shadowRoot?.querySelector('.gallery'));
  const grid = host.shadowRoot.querySelector('.grid');
  for (const [name, clientX] of [['pointerdown', 700], ['pointerup', 400]]) {
    grid.dispatchEvent(new PointerEvent(name, { pointerId: 7, pointerType: 'touch', clientX, clientY: 300 }));
  }
}"""


@dataclass
class GalleryServer(Server):
    """The app over one workspace with a review called "first"."""

    @cached_property
    def ws(self) -> Workspace:
        return Workspace.open(self.folder)

    def grades(self, inspector: str) -> dict[int, str | None]:
        """Return the votes that count, by place in the queue."""
        review = reviews.get_review(self.ws.database, "first")
        places = {
            key: place for place, key in enumerate(reviews.queue_of(self.ws.database, review.id).tolist())
        }
        votes = votes_by_inspector(self.ws, review=review, inspector=inspector)
        return {places[key]: vote.grade for key, vote in votes.items()}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GalleryServer]:
    made = GalleryServer(tmp_path_factory.mktemp("gallery") / "ws")
    ws = made.ws
    source = add_source(ws, "sky", blobs(CANDIDATES))
    add_scores(ws, source, {row: row / CANDIDATES for row in range(CANDIDATES)})
    spec = ReviewSpec(order="given", limit=None)
    create_review(ws, name="first", source_name="sky", run_name="run-1", spec=spec)
    made.start()
    yield made
    made.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as made:
        yield made


@pytest.fixture
def context(browser: Any) -> Iterator[Any]:
    made = browser.new_context(viewport={"width": 1280, "height": 800})
    made.set_default_timeout(40_000)
    yield made
    made.close()


def open_gallery(context: Any, server: GalleryServer, inspector: str, *, review: str = "first") -> Any:
    page = context.new_page()
    page.goto(f"{server.address}/inspect?review={review}")
    page.get_by_label("Your name").fill(inspector)
    page.get_by_role("button", name="Start grading").click()
    ready(page)
    return page


def ready(page: Any) -> None:
    page.wait_for_selector(".tile[aria-selected='true'][aria-label*='sky-']")
    # Until every late style has settled: a candidate that is not painted takes no grade.
    before = None
    while (seen := (page.locator(".tile").count(), page.locator(".stage[data-loading]").count())) != before:
        before = seen
        page.wait_for_timeout(500)
    page.wait_for_selector(".stage:not([data-loading])")


def press(page: Any, keys: str, *, per_second: float = 20) -> None:
    for key in keys:
        page.keyboard.press(key)
        time.sleep(1 / per_second)


def letters(keys: str) -> list[str]:
    return [{"1": "A", "2": "B", "3": "C", "0": "X"}.get(key, key.upper()) for key in keys]


def test_twenty_grades_and_an_undo_survive_a_reload(server: GalleryServer, context: Any) -> None:
    page = open_gallery(context, server, "ada")
    keys = (KEYS * 3)[:21]
    press(page, keys)
    page.keyboard.press("z")
    wait_until(lambda: len(server.grades("ada")) == 20 and "saved" in page.text_content(".saved"))
    assert server.grades("ada") == dict(enumerate(letters(keys[:20])))
    assert reviews.count_votes(server.ws.database) == 22
    page.reload()
    ready(page)
    assert page.locator(".tile[data-grade]").count() == 20
    assert "20 of 200 graded" in page.text_content(".progress")
    assert "sky-0020" in page.locator(".tile[aria-selected='true']").get_attribute("aria-label")


def test_the_name_is_kept_over_a_reload_of_any_page(server: GalleryServer, context: Any) -> None:
    page = context.new_page()
    page.goto(f"{server.address}/data")
    field = page.get_by_role("textbox", name="Inspector")
    field.fill("grace")
    field.press("Enter")
    wait_until(lambda: page.evaluate("localStorage.getItem('lensapp.inspector')") == "grace")
    page.reload()
    page.wait_for_function("document.querySelector('[aria-label=Inspector]')?.value === 'grace'")
    field.fill("")
    field.press("Enter")
    wait_until(lambda: page.evaluate("localStorage.getItem('lensapp.inspector')") is None)
    assert field.input_value() == ""
    assert page.locator(".st-key-inspector-keeper").bounding_box()["height"] == 0


LEAVE_OUT = """() => {
  %s
  const votes = new Map([[3, {}]]), shelf = new Shelf({ get: (id) => votes.get(id) ?? null, given: votes });
  shelf.queue = Float64Array.from({ length: 12 }, (_, place) => place + 1);
  shelf.perPage = 4;
  shelf.filter('all', null);
  shelf.moveTo(5);
  shelf.retired = new Set([1, 3, 6, 9, 10]);
  shelf.leaveOutAhead();
  const ahead = [...shelf.view];
  shelf.filter('all', 9);
  return [ahead, [...shelf.view], shelf.current, shelf.total];
}"""


def test_what_has_retired_is_left_out_of_the_pages_to_come(server: GalleryServer, context: Any) -> None:
    ws, spec = server.ws, ReviewSpec(order="given", limit=40, calibrators=0.2, retire=True, retire_below=0.1)
    made = create_review(ws, name="brief", source_name="sky", spec=spec)
    opened = open_review(ws, made.id)
    rest = [key for key in reviews.queue_of(ws.database, made.id).tolist() if key not in opened.calibrators]
    right = {key: "A" if test.kind == "lens" else "X" for key, test in opened.calibrators.items()}
    given = right | dict.fromkeys(rest[:25], "X")
    ops = [
        {"seq": place, "id": opened.shown_ids([key])[0], "grade": letter, "voted_at": 1e9}
        for place, (key, letter) in enumerate(given.items(), 1)
    ]
    post = VotePost.parse({"client": "tab-retiring", "ops": ops})
    record_votes(ws, review=made, inspector="Ada", post=post)
    gone = opened.shown_ids(retired_in(ws, made).tolist())
    page = open_gallery(context, server, "late", review="brief")
    assert f"0 of {made.size - len(gone)} graded" in page.text_content(".progress")
    ahead, view, current, total = page.evaluate(LEAVE_OUT % component._enclosed(FOLDER / "shelf.js"))
    assert ahead == [1, 2, 3, 4, 5, 6, 7, 8, 11, 12]  # the page shown, 5 to 8, stays
    assert (view, current, total) == ([2, 3, 4, 5, 7, 8, 11, 12], 11, 8)


def test_a_burst_over_page_ends_loses_no_key(server: GalleryServer, context: Any) -> None:
    page = open_gallery(context, server, "burst")
    per_page = page.locator(".tile").count()
    page.wait_for_load_state("networkidle")  # the next pages are fetched meanwhile
    keys = (KEYS * 20)[: per_page + 25]
    press(page, keys, per_second=20)
    wait_until(lambda: len(server.grades("burst")) == len(keys))
    assert server.grades("burst") == dict(enumerate(letters(keys)))


def test_a_tab_closed_in_a_burst_keeps_every_vote(server: GalleryServer, context: Any) -> None:
    page = open_gallery(context, server, "closer")
    press(page, KEYS + "abcx", per_second=1000)
    page.close(run_before_unload=True)
    wait_until(lambda: len(server.grades("closer")) == 12)
    assert server.grades("closer") == dict(enumerate(letters(KEYS + "abcx")))


def test_votes_given_while_the_server_is_down_arrive_when_it_returns(
    server: GalleryServer, context: Any
) -> None:
    page = open_gallery(context, server, "offline")
    press(page, "aa")
    wait_until(lambda: len(server.grades("offline")) == 2)
    server.kill()
    try:
        press(page, "bcx", per_second=10)
        page.wait_for_selector(".saved[data-state='offline']")
        assert "3 waiting" in page.text_content(".saved")
    finally:
        server.start()
    wait_until(lambda: len(server.grades("offline")) == 5)
    assert server.grades("offline") == dict(enumerate("AABCX"))


def test_two_tabs_of_one_inspector_show_the_same(server: GalleryServer, context: Any) -> None:
    first = open_gallery(context, server, "twin")
    second = context.new_page()  # the browser knows the name by now
    second.goto(f"{server.address}/inspect?review=first")
    ready(second)
    press(first, "ab")
    second.wait_for_selector("#tile-1[data-grade='B']")
    press(second, "x")
    first.wait_for_selector("#tile-0[data-grade='X']")
    wait_until(lambda: server.grades("twin") == {0: "X", 1: "B"})


def test_keys_move_open_zoom_and_explain(server: GalleryServer, context: Any) -> None:
    page = open_gallery(context, server, "mover")
    selected = page.locator(".tile[aria-selected='true']")
    for key, name in (("ArrowRight", "0001"), ("ArrowLeft", "0000"), ("End", "0199"), ("Home", "0000")):
        page.keyboard.press(key)
        page.wait_for_selector(f".tile[aria-selected='true'][aria-label*='sky-{name}']")
    page.keyboard.press("s")
    assert selected.get_attribute("aria-label").startswith("sky-0001")
    assert page.text_content("#tile-0 .grade") == "X spiral"
    page.keyboard.press("Enter")
    page.wait_for_selector(".single:not([hidden]) .facts b:text('sky-0001')")
    page.locator(".single canvas").nth(3).wait_for()
    page.keyboard.press("+")
    page.wait_for_selector(".views[style*='--zoom: 1.5']")
    page.keyboard.press("b")
    page.wait_for_selector(".facts b:text('sky-0002')")
    page.keyboard.press("Escape")
    assert page.locator(".single").is_hidden()
    before = page.locator(".tile").count()
    page.keyboard.press("+")
    assert page.locator(".tile").count() < before
    page.keyboard.press("?")
    assert page.locator(".help").is_visible()
    page.keyboard.press("a")
    assert page.locator(".help").is_hidden()
    wait_until(lambda: server.grades("mover") == {0: "X", 1: "B"})


def test_filters_and_live_stretch_follow_the_controls(server: GalleryServer, context: Any) -> None:
    page = open_gallery(context, server, "looker")
    press(page, "ab")
    page.select_option("[data-set='filter']", "graded")
    wait_until(lambda: page.locator(".tile:visible").count() == 2)
    page.select_option("[data-set='filter']", "ungraded")
    page.wait_for_selector("#tile-0[aria-label*='sky-0002']")
    side = "document.querySelector('.tile').clientWidth"
    canvas = "document.querySelector('.pictures').getContext('2d')"
    light = f"{canvas}.getImageData(0, 0, {side}, {side}).data.reduce((sum, value) => sum + value, 0)"
    page.evaluate(
        "document.querySelector = ((find) => (q) => find(q) ?? [...document.querySelectorAll('*')]"
        ".map((e) => e.shadowRoot?.querySelector(q)).find(Boolean))(document.querySelector.bind(document))"
    )
    before = page.evaluate(light)
    page.locator("summary").click()
    page.locator("[data-set='white']").fill("-0.5")
    wait_until(lambda: page.evaluate(light) > 1.02 * before)


def test_notes_and_the_place_are_found_again_on_another_machine(
    server: GalleryServer, context: Any, browser: Any
) -> None:
    page = open_gallery(context, server, "mover-2")
    press(page, "ab")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("*")
    page.keyboard.press(";")
    page.keyboard.type("an arc")
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+R")
    page.wait_for_selector(".view[data-panel='residual']")
    page.close()
    elsewhere = browser.new_context(viewport={"width": 1280, "height": 800})
    other = open_gallery(elsewhere, server, "mover-2")
    label = other.locator(".tile[aria-selected='true']").get_attribute("aria-label")
    assert label.startswith("sky-0006, not graded, starred, comment: an arc, 7 of")
    other.keyboard.press("Enter")
    other.wait_for_selector(".view[data-panel='residual']")
    assert other.input_value(".comment") == "an arc"
    elsewhere.close()


def test_the_rest_of_a_page_is_graded_and_undone_at_once(server: GalleryServer, context: Any) -> None:
    page = open_gallery(context, server, "swift")
    count = page.locator(".tile").count()
    press(page, "a")
    page.keyboard.press("Shift+X")
    wait_until(lambda: len(server.grades("swift")) == count)
    assert list(server.grades("swift").values()).count("X") == count - 1
    page.keyboard.press("z")
    wait_until(lambda: server.grades("swift") == {0: "A"})


def test_touch_selects_swipes_and_grades_by_buttons(server: GalleryServer, browser: Any) -> None:
    tablet = browser.new_context(viewport={"width": 1024, "height": 768}, has_touch=True)
    page = open_gallery(tablet, server, "thumb")
    page.locator("#tile-2").tap()
    page.locator(".pad [data-do='grade B']").tap()
    wait_until(lambda: server.grades("thumb") == {2: "B"})
    page.evaluate(SWIPE_LEFT)
    wait_until(lambda: page.text_content(".page").startswith("2 /"))
    tablet.close()


def test_scores_are_hidden_until_asked_for_and_votes_say_so(server: GalleryServer, context: Any) -> None:
    page = open_gallery(context, server, "blind")
    press(page, "a")
    assert page.text_content("#tile-1 .score") == ""
    page.locator("[data-do='scores']").click()
    page.wait_for_selector("#tile-1 .score:text('0.005')")
    page.keyboard.press("b")
    wait_until(lambda: len(server.grades("blind")) == 2)
    votes = reviews.votes_of(server.ws.database, inspector="blind")
    assert [vote.score_seen for vote in votes] == [False, True]
    assert votes[0].stretch.startswith("lupton black=-0.50")
    assert votes[0].seconds_spent > 0


@pytest.mark.parametrize("stretch", STRETCHES)
def test_the_browser_stretches_like_the_server(browser: Any, stretch: str) -> None:
    pixels = blobs(2, size=24)
    pixels[0, 2, 3] = np.nan
    pixels[1, 5, 5, 1] = np.nan
    levels, display = estimate_levels(pixels), DisplaySpec(stretch=stretch)
    expected = render(pixels, bands=("g", "r", "i"), stretch=display, levels=levels)
    codes = companding.encode(pixels, levels)
    raw = np.asarray(codes.shape, "<i4").tobytes() + codes.tobytes()
    source = (Path(component.__file__).parent / "client" / "stretch.js").read_text("utf-8")
    page = browser.new_page()
    painted = page.evaluate(
        """async ([source, raw, display, gains]) => {
            const module = await import('data:text/javascript;base64,' + source);
            const bytes = Uint8Array.from(atob(raw), (c) => c.charCodeAt(0));
            const painter = new module.Painter(module.parseRaw(bytes.buffer), display, [2, 1, 0], gains);
            return [0, 1].map((index) => [...painter.paint(index).data]);
        }""",
        [
            base64.b64encode(source.encode()).decode(),
            base64.b64encode(raw).decode(),
            json.loads(display.model_dump_json()),
            levels.gain.tolist(),
        ],
    )
    page.close()
    colours = np.array(painted, np.int16).reshape(2, 24, 24, 4)
    assert (colours[..., 3] == 255).all()
    assert np.abs(colours[..., :3] - expected).max() <= 2
