"""Votes in the gallery in a real Chromium: none lost, none doubled, the same everywhere."""

from typing import Any

import pytest

from lensapp.core.config import write_json
from lensapp.core.evaluate.calibration import Calibration
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.inspect.consensus import retired_in
from lensapp.services.inspect.gallery import open_review
from lensapp.services.inspect.queues import create_review
from lensapp.services.inspect.votes import VotePost, record_votes
from lensapp.storage import reviews, runs
from support.app_in_browser import AT_REST, wait_until
from support.gallery_in_browser import KEYS, GalleryServer, letters, open_gallery, press, ready

pytestmark = pytest.mark.browser

# The brightness near a tile's corner: the blob of the test survey reaches it in a zoomed one.
CORNER = """() => {
  const roots = [...document.querySelectorAll('*')].map((one) => one.shadowRoot);
  const canvas = roots.map((one) => one?.querySelector('canvas.pictures')).find(Boolean);
  const tile = canvas.getRootNode().querySelector('#tile-0').getBoundingClientRect();
  const { left, top } = canvas.getBoundingClientRect();
  const x = tile.left - left + 0.2 * tile.width, y = tile.top - top + 0.2 * tile.height;
  const [r, g, b] = canvas.getContext('2d').getImageData(x, y, 1, 1).data;
  return r + g + b;
}"""
# The names of the controls that a notice lies over.
COVERED = """() => {
  const roots = [...document.querySelectorAll('*')].map((one) => one.shadowRoot);
  const notice = roots.map((one) => one?.querySelector('.toast')).find(Boolean);
  const over = notice.getBoundingClientRect();
  const covered = (one) => {
    if (notice.contains(one) || !one.checkVisibility({ visibilityProperty: true })) return false;
    const { left, right, top, bottom } = one.getBoundingClientRect();
    return left < over.right && right > over.left && top < over.bottom && bottom > over.top;
  };
  const controls = [...notice.getRootNode().querySelectorAll('button, select, input, summary, a')];
  return controls.filter(covered).map((one) => one.title || one.textContent);
}"""


def test_twenty_grades_and_an_undo_survive_a_reload(gallery: GalleryServer, context: Any) -> None:
    page = open_gallery(context, gallery, "ada")
    keys = (KEYS * 3)[:21]
    press(page, keys)
    page.keyboard.press("z")
    wait_until(lambda: reviews.count_votes(gallery.ws.database) == 22)
    page.wait_for_selector(".saved[data-state='saved']")
    assert gallery.grades("ada") == dict(enumerate(letters(keys[:20])))
    page.reload()
    ready(page)
    assert page.locator(".tile[data-grade]").count() == 20
    assert "20 of 200 graded" in page.text_content(".progress")
    assert "sky-0020" in page.locator(".tile[aria-selected='true']").get_attribute("aria-label")


def test_grading_begins_with_a_name_and_enter_and_then_without(gallery: GalleryServer, context: Any) -> None:
    page = context.new_page()
    page.goto(f"{gallery.address}/inspect?review=first")
    page.wait_for_function("document.activeElement.ariaLabel === 'Your name'")
    page.keyboard.type("keys")
    page.keyboard.press("Enter")
    ready(page)
    page.keyboard.press("a")
    wait_until(lambda: gallery.grades("keys") == {0: "A"})
    later = context.new_page()  # the browser knows the name by now
    later.goto(f"{gallery.address}/home?review=first")
    assert later.url == f"{gallery.address}/?review=first"
    later.get_by_role("button", name="Grade").first.wait_for()
    later.evaluate(AT_REST)  # a click that the name's own run takes the place of is lost
    later.get_by_role("button", name="Grade").first.click()
    later.wait_for_selector("[aria-label='Your name'], .tile")  # in sight: a hidden field is not asked for
    assert not later.locator("[aria-label='Your name']").is_visible()
    ready(later)


def test_a_page_that_has_lost_all_it_showed_is_loaded_anew(gallery: GalleryServer, context: Any) -> None:
    page = context.new_page()
    page.goto(f"{gallery.address}/team?review=first")
    page.wait_for_selector("[data-testid='stMain'] h1")
    page.wait_for_function("window.lensappWatched")
    page.evaluate("document.getElementById('root').replaceChildren()")  # what an error in React leaves
    page.wait_for_selector("[data-testid='stMain'] h1")
    assert "review=first" in page.url


def test_the_first_grade_after_the_name_is_a_vote_of_that_inspector(
    gallery: GalleryServer, context: Any
) -> None:
    page = open_gallery(context, gallery, "cleo")
    field = page.get_by_role("textbox", name="Inspector")
    field.fill("Ben")
    field.press("Enter")
    page.keyboard.press("a")  # at once: neither part of the name nor a vote of the one before
    page.wait_for_function("document.activeElement.tagName !== 'INPUT'")
    wait_until(lambda: page.evaluate("localStorage.getItem('lensapp.inspector')") == "Ben")
    ready(page)
    page.keyboard.press("b")
    wait_until(lambda: "B" in gallery.grades("Ben").values())
    assert field.input_value() == "Ben"
    assert gallery.grades("cleo") == {}


def test_the_name_gives_the_keyboard_back_on_every_page(gallery: GalleryServer, context: Any) -> None:
    page = context.new_page()
    page.goto(f"{gallery.address}/data")
    field = page.get_by_role("textbox", name="Inspector")
    field.fill("Ida")
    field.press("Enter")
    page.wait_for_function("document.activeElement === document.body")


def test_the_name_is_kept_over_a_reload_of_any_page(gallery: GalleryServer, context: Any) -> None:
    page = context.new_page()
    page.goto(f"{gallery.address}/data")
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


def test_a_tab_keeps_its_own_inspector_where_another_signs_in_the_next_one(
    gallery: GalleryServer, context: Any
) -> None:
    first, second = context.new_page(), context.new_page()
    for page, name in ((first, "Vera"), (second, "Edwin")):
        page.goto(f"{gallery.address}/data")
        page.get_by_role("textbox", name="Inspector").fill(name)
        page.get_by_role("textbox", name="Inspector").press("Enter")
        wait_until(
            lambda page=page, name=name: page.evaluate("localStorage.getItem('lensapp.inspector')") == name
        )
    first.reload()
    first.wait_for_function("document.querySelector('[aria-label=Inspector]')?.value === 'Vera'")
    later = context.new_page()  # takes the one used last, which is to be seen there
    later.goto(f"{gallery.address}/data")
    later.wait_for_function(
        "['Vera', 'Edwin'].includes(document.querySelector('[aria-label=Inspector]')?.value)"
    )


def test_what_has_retired_is_left_out_of_the_pages_to_come(gallery: GalleryServer, context: Any) -> None:
    ws, spec = gallery.ws, ReviewSpec(order="given", limit=40, calibrators=0.2, retire=True, retire_below=0.1)
    made = create_review(ws, name="brief", source_name="sky", spec=spec)
    opened = open_review(ws, made.id)
    rest = [key for key in reviews.queue_of(ws.database, made.id).tolist() if key not in opened.blind_tests]
    right = {key: "A" if test.kind == "lens" else "X" for key, test in opened.blind_tests.items()}
    given = right | dict.fromkeys(rest[:25], "X")
    ops = [
        {"seq": place, "id": opened.shown_ids([key])[0], "grade": letter, "voted_at": 1e9}
        for place, (key, letter) in enumerate(given.items(), 1)
    ]
    post = VotePost.parse({"client": "tab-retiring", "ops": ops})
    record_votes(ws, review=made, inspector="Ada", post=post)
    gone = opened.shown_ids(retired_in(ws, made).tolist())
    page = open_gallery(context, gallery, "late", review="brief")
    assert f"0 of {made.size - len(gone)} graded" in page.text_content(".progress")


def test_a_burst_over_page_ends_loses_no_key(gallery: GalleryServer, context: Any) -> None:
    page = open_gallery(context, gallery, "burst")
    per_page = page.locator(".tile").count()
    page.wait_for_load_state("networkidle")  # the next pages are fetched meanwhile
    keys = (KEYS * 20)[: per_page + 25]
    press(page, keys, per_second=20)
    wait_until(lambda: len(gallery.grades("burst")) == len(keys))
    assert gallery.grades("burst") == dict(enumerate(letters(keys)))


def test_a_tab_closed_in_a_burst_keeps_every_vote(gallery: GalleryServer, context: Any) -> None:
    page = open_gallery(context, gallery, "closer")
    press(page, KEYS + "abcx", per_second=1000)
    page.close(run_before_unload=True)
    wait_until(lambda: len(gallery.grades("closer")) == 12)
    assert gallery.grades("closer") == dict(enumerate(letters(KEYS + "abcx")))


def test_votes_given_while_the_server_is_down_arrive_when_it_returns(
    gallery: GalleryServer, context: Any
) -> None:
    page = open_gallery(context, gallery, "offline")
    press(page, "aa")
    wait_until(lambda: len(gallery.grades("offline")) == 2)
    page.wait_for_selector(".saved[data-state='saved']")  # the answer to the second vote has come, too
    gallery.kill()
    try:
        press(page, "bcx", per_second=10)
        page.wait_for_selector(".saved[data-state='offline']")
        assert "3 waiting" in page.text_content(".saved")
    finally:
        gallery.start()
    wait_until(lambda: len(gallery.grades("offline")) == 5)
    assert gallery.grades("offline") == dict(enumerate("AABCX"))


def test_two_tabs_of_one_inspector_show_the_same(gallery: GalleryServer, context: Any) -> None:
    first = open_gallery(context, gallery, "twin")
    second = context.new_page()  # the browser knows the name by now
    second.goto(f"{gallery.address}/inspect?review=first")
    ready(second)
    press(first, "ab")
    second.wait_for_selector("#tile-1[data-grade='B']")
    press(second, "x")
    first.wait_for_selector("#tile-0[data-grade='X']")
    wait_until(lambda: gallery.grades("twin") == {0: "X", 1: "B"})


def test_the_rest_of_a_page_is_graded_and_undone_at_once(gallery: GalleryServer, context: Any) -> None:
    page = open_gallery(context, gallery, "swift")
    count = page.locator(".tile").count()
    press(page, "a")
    page.keyboard.press("Shift+X")
    wait_until(lambda: len(gallery.grades("swift")) == count)
    assert list(gallery.grades("swift").values()).count("X") == count - 1
    page.keyboard.press("z")
    wait_until(lambda: gallery.grades("swift") == {0: "A"})


def test_keys_of_a_fast_hand_change_no_vote_behind_the_card_of_the_end(
    gallery: GalleryServer, context: Any
) -> None:
    page = open_gallery(context, gallery, "swift", review="no-features")
    other = context.new_page()
    other.goto(page.url)
    ready(other)
    press(other, "xxxxxx")
    card = other.locator(".end")
    other.wait_for_selector(".end:not([hidden])")
    press(other, "a1b*")
    other.keyboard.press("Backspace")
    assert card.locator(".tally").inner_text().split() == ["A", "0", "B", "0", "C", "0", "X", "6"]
    assert other.locator(".tile[data-grade='X']").count() == 6
    assert other.locator(".toast").is_visible()
    page.bring_to_front()
    page.wait_for_selector(".tile[aria-selected='true'][data-grade='X']")
    page.keyboard.press("a")  # in the first tab, where no card is
    other.bring_to_front()
    wait_until(lambda: card.locator(".tally").inner_text().split()[:2] == ["A", "1"])
    other.keyboard.press("z")
    other.wait_for_selector(".end", state="hidden")
    wait_until(lambda: "5 of 6 graded" in other.text_content(".progress"))
    other.keyboard.press("b")
    wait_until(lambda: "6 of 6 graded" in other.text_content(".progress"))


def zoom_and_read(page: Any) -> None:
    """Zoom into one of the compared pictures: all follow, and the line tells what is under the pointer."""
    pictures = page.locator(".compared-picture")
    box = pictures.nth(1).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector(".compared-foot .pixel:visible")
    wait_until(lambda: page.locator(".compared-foot .value").first.inner_text() not in ("", "…"))
    page.mouse.wheel(0, -400)
    seen = "one => new DOMMatrix(getComputedStyle(one.querySelector('canvas')).transform).a"
    wait_until(lambda: all(pictures.nth(place).evaluate(seen) > 2 for place in range(2)))
    assert page.locator(".band-strip .view").nth(4).evaluate(seen) == pictures.nth(0).evaluate(seen)
    page.mouse.down()  # a drag moves all, and chooses none
    page.mouse.move(box["x"] + box["width"] / 2 + 40, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    assert page.locator(".tile[aria-selected='true']").get_attribute("id") == "tile-0"
    page.mouse.move(box["x"] + 5, box["y"] - 40)
    page.wait_for_selector(".compared-keys:visible")


def test_candidates_side_by_side_have_names_scores_bands_grades_and_a_way_back(
    gallery: GalleryServer, context: Any
) -> None:
    page = open_gallery(context, gallery, "dora")
    for key in ("Space", "ArrowRight", "Space", "Shift+V", "Shift+P"):
        page.keyboard.press(key)
    back = page.get_by_role("button", name="Comparing 2")
    back.wait_for()
    cards = page.locator(".tile .card")
    wait_until(lambda: cards.locator("b").all_inner_texts() == ["sky-0000", "sky-0001"])
    assert cards.locator(".measure").all_inner_texts() == ["score 0.000", "score 0.005"]
    page.locator(".band-strip canvas").nth(5).wait_for()  # three bands of each
    zoom_and_read(page)
    assert not page.locator(".pager.in-mosaic").is_visible()
    assert "back to all" in page.locator(".compared-keys").inner_text()
    page.keyboard.press("b")  # grades the first, which is chosen, and goes on
    page.keyboard.press("c")
    page.keyboard.press("ArrowLeft")
    cards.nth(0).get_by_role("button", name="Grade A").click()
    wait_until(lambda: gallery.grades("dora") == {0: "A", 1: "C"})
    pressed = page.locator(".card .grades button[aria-pressed='true']")
    assert pressed.all_inner_texts() == ["A", "C"]
    tiles = [box.bounding_box() for box in page.locator(".tile:visible").all()]
    assert tiles[0]["y"] == tiles[1]["y"]
    assert tiles[0]["width"] == tiles[1]["width"] > 400
    back.click()
    page.locator(".pager.in-mosaic").wait_for()
    assert cards.count() == 0
    assert not back.is_visible()


def test_the_score_of_a_calibrated_run_comes_with_its_probability(
    gallery: GalleryServer, context: Any
) -> None:
    """The logit of 0.005 is −5.2933: with that added it is a probability of one half."""
    [run] = runs.list_runs(gallery.ws.database)
    folder = gallery.ws.run_folder(run.name)
    folder.mkdir(parents=True, exist_ok=True)
    calibration = Calibration("platt", "validation", 10, 10, intercept=5.2933)
    write_json(folder / "calibration.json", calibration.as_dict())
    page = open_gallery(context, gallery, "calibrated")
    assert page.locator("#tile-1 .probability").count() == 0
    page.locator("[data-do='toggleScores']").click()
    page.wait_for_selector("#tile-1 .score:text('0.005')")
    page.wait_for_selector("#tile-1 .probability:text('P 0.50')")
    (folder / "calibration.json").unlink()


def test_the_middle_of_all_tiles_is_larger_until_the_next_steps(gallery: GalleryServer, context: Any) -> None:
    page = open_gallery(context, gallery, "zoomer")
    whole = page.evaluate(CORNER)
    page.keyboard.press("Shift+Z")
    page.keyboard.press("Shift+Z")
    page.keyboard.press("Shift+Z")
    assert page.input_value("[data-set='zoom']") == "3"
    page.wait_for_function(f"({CORNER})() > {whole} + 60")
    press(page, "a")  # a key grades as before
    assert page.text_content("#tile-0 .grade") == "A"
    page.wait_for_timeout(1500)  # until the view is kept
    page.reload()
    ready(page)
    assert page.input_value("[data-set='zoom']") == "3"
    assert "the middle of each cutout" in page.get_attribute("[data-set='zoom']", "title")
    page.select_option("[data-set='zoom']", "1")
    page.wait_for_function(f"({CORNER})() < {whole} + 30")


def test_a_notice_covers_no_control_and_a_click_closes_it(gallery: GalleryServer, context: Any) -> None:
    page = open_gallery(context, gallery, "told")
    toast = page.locator(".toast")

    def ask(key: str) -> None:
        page.keyboard.press(key)
        toast.wait_for()
        assert page.evaluate(COVERED) == []
        toast.click()
        assert toast.is_hidden()

    ask("Shift+K")  # in the place of the strip of keys
    page.keyboard.press("Enter")
    ask("Shift+O")
    page.keyboard.press("Escape")
    page.locator(".strip button").click()
    ask("Shift+K")
    page.keyboard.press("Space")  # above the bar of what is picked
    ask("Shift+P")
    page.keyboard.press("Enter")
    ask("Shift+O")


def test_scores_that_a_filter_tells_are_hidden_again_with_it(gallery: GalleryServer, context: Any) -> None:
    page, hand = open_gallery(context, gallery, "filterer"), "[data-do='toggleScores']"
    whole, notice = page.get_by_role("button", name="Show the whole review"), page.locator(".toast")
    press(page, "a")
    page.keyboard.press("/")
    page.keyboard.type("score < 0.05")
    page.keyboard.press("Enter")
    page.wait_for_selector("#tile-1 .score:text('0.005')")
    page.wait_for_url("**where=score*")
    press(page, "b")  # 0001, whose score shows
    wait_until(lambda: len(gallery.grades("filterer")) == 2)
    whole.click()
    notice.filter(has_text="Scores are hidden again").wait_for()
    page.wait_for_url("**/inspect?review=first")
    wait_until(lambda: not page.locator(".tile .score:text('0.')").count())
    page.keyboard.press("End")  # a candidate that the filter left out
    page.wait_for_selector(".tile[aria-selected='true'][aria-label*='sky-0199']")
    page.wait_for_selector(".stage:not([data-loading])")
    press(page, "c")
    wait_until(lambda: len(gallery.grades("filterer")) == 3)
    votes = reviews.votes_of(gallery.ws.database, inspector="filterer")
    assert [vote.score_seen for vote in votes] == [False, True, False]
    page.locator(hand).click()
    page.select_option(".part select", "score")
    page.wait_for_url("**sort=score*")
    whole.click()
    page.wait_for_selector("#tile-1 .score:text('0.')")  # shown by hand: they stay
