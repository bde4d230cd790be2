"""What the gallery shows in a real Chromium, and how it is moved, zoomed and asked."""

from typing import Any

import pytest

from lensapp.services.inspect.gallery import open_review
from lensapp.services.inspect.votes import vote_once
from lensapp.storage import reviews
from support.app_in_browser import wait_until
from support.contrast import FAINT_TEXT
from support.gallery_in_browser import GalleryServer, move_fingers, open_gallery, press, ready

pytestmark = pytest.mark.browser

# What has the focus, through shadow roots: its name, whether that is shown, and whether it can be seen.
FOCUSED = """() => {
  let node = document.activeElement;
  while (node.shadowRoot?.activeElement) node = node.shadowRoot.activeElement;
  const ring = getComputedStyle(node).outlineStyle !== 'none' || node.matches('.grid, canvas');
  const name = node.getAttribute('aria-label') || node.title || node.textContent.trim();
  return [name, ring && node.getClientRects().length > 0];
}"""


def test_keys_move_open_zoom_and_explain(gallery: GalleryServer, context: Any) -> None:
    page = open_gallery(context, gallery, "mover")
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
    wait_until(lambda: gallery.grades("mover") == {0: "X", 1: "B"})


def test_filters_and_live_stretch_follow_the_controls(gallery: GalleryServer, context: Any) -> None:
    page = open_gallery(context, gallery, "looker")
    press(page, "ab")
    steps = page.evaluate("history.length")
    page.keyboard.press("/")
    page.keyboard.type("score > 0.9")
    page.keyboard.press("Enter")
    page.wait_for_selector("#tile-0[aria-label*='sky-0181']")
    assert page.locator(".part .count").text_content() == "19 of 200 · filter"
    assert page.locator(".parting").inner_text().endswith("19 of 200")
    page.wait_for_url("**where=score*")
    page.select_option(".part select", "score")
    page.wait_for_selector("#tile-0[aria-label*='sky-0199']")
    page.wait_for_url("**sort=score*highest=1")
    page.wait_for_function("steps => history.length >= steps + 2", arg=steps)  # nobody reloads within 0.15 s
    page.reload()  # as a colleague's browser opens the link
    page.wait_for_selector("#tile-0[aria-label*='sky-0199']")
    assert page.input_value(".part input") == "score > 0.9"
    page.go_back()  # filter and order are one step each
    page.wait_for_selector("#tile-0[aria-label*='sky-0181']")
    assert page.locator(".part select").input_value() == ""
    page.get_by_role("button", name="Views kept of this page").click()
    page.get_by_label("Keep this view as").fill("the best")
    page.get_by_role("button", name="Keep view").click()
    page.get_by_role("dialog").wait_for(state="detached")
    page.get_by_role("button", name="Show the whole review").click()
    page.wait_for_selector(".parting[aria-pressed='false']")
    page.get_by_role("button", name="Views kept of this page").click()
    page.get_by_role("dialog").get_by_role("button", name="the best").click()
    page.wait_for_selector("#tile-0[aria-label*='sky-0181']")
    page.get_by_role("button", name="Show the whole review").click()
    page.get_by_role("button", name="Graded by you", exact=True).click()
    wait_until(lambda: page.locator(".tile:visible").count() == 2)
    page.get_by_role("button", name="Graded by you", exact=True).click()
    page.get_by_role("button", name="Not graded by you yet").click()
    page.wait_for_selector("#tile-0[aria-label*='sky-0002']")
    page.wait_for_selector(".stage:not([data-loading])")
    side = "document.querySelector('.tile').clientWidth"
    canvas = "document.querySelector('.pictures').getContext('2d')"
    light = f"{canvas}.getImageData(0, 0, {side}, {side}).data.reduce((sum, value) => sum + value, 0)"
    page.evaluate(
        "document.querySelector = ((find) => (q) => find(q) ?? [...document.querySelectorAll('*')]"
        ".map((e) => e.shadowRoot?.querySelector(q)).find(Boolean))(document.querySelector.bind(document))"
    )
    before = page.evaluate(light)
    page.locator(".levels summary").click()
    page.locator("[data-set='white']").fill("-0.5")
    wait_until(lambda: page.evaluate(light) > 1.02 * before)


def test_the_filter_bar_opens_for_typing_and_only_escape_shuts_it(
    gallery: GalleryServer, context: Any
) -> None:
    page = open_gallery(context, gallery, "typist")
    bar, field = page.locator(".part"), page.locator(".part input")
    page.keyboard.press("/")
    assert field.get_attribute("placeholder") == "score > 0.5"
    page.keyboard.press("Escape")  # once, from within the field
    assert bar.is_hidden()
    page.keyboard.press("/")
    page.keyboard.type("mag_i < 22")
    page.keyboard.press("Enter")
    page.wait_for_selector(".part .wrong:text('mag_i')")
    assert page.evaluate(FOCUSED)[0] == "Filter"
    field.fill("score > 0.9")
    page.keyboard.press("Enter")
    page.wait_for_selector("#tile-0[aria-label*='sky-0181']")
    page.wait_for_function(f"({FOCUSED})()[0] !== 'Filter'")
    page.keyboard.press("Escape")
    assert bar.is_hidden()
    assert page.locator(".parting").inner_text().endswith("19 of 200")
    page.keyboard.press("/")
    assert field.input_value() == "score > 0.9"
    assert gallery.grades("typist") == {}


def test_the_bar_leads_on_once_twenty_are_graded(gallery: GalleryServer, context: Any) -> None:
    page = open_gallery(context, gallery, "leader")
    press(page, "x" * 19)
    wait_until(lambda: len(gallery.grades("leader")) == 19)
    onward = page.get_by_role("button", name="Catalogue", exact=True)
    assert onward.is_hidden()
    page.keyboard.press("x")
    bar = page.locator(".bar").bounding_box()
    last = page.locator(".bar .saved").bounding_box()
    assert last["x"] + last["width"] <= bar["x"] + bar["width"] + 1
    onward.click()
    page.wait_for_url("**/catalogue?**review=first**")


def test_no_button_of_the_bar_is_lost_on_a_narrow_window(gallery: GalleryServer, context: Any) -> None:
    """640 pixels are those of a window of 1280 at 200 %."""
    page = open_gallery(context, gallery, "Nora")
    page.set_viewport_size({"width": 640, "height": 500})
    shows = page.get_by_test_id("stExpandSidebarButton")
    shows.wait_for()
    for key in ("", "Enter"):
        if key:
            page.keyboard.press(key)
            page.locator(".gallery[data-view='single']").wait_for()
        boxes = [one.bounding_box() for one in page.locator(".bar :is(button, select):visible").all()]
        assert len(boxes) > 5
        assert max(box["x"] + box["width"] for box in boxes) <= 640
        opener = shows.bounding_box()
        assert opener["x"] + opener["width"] <= min(box["x"] for box in boxes)


def test_tiles_stand_as_far_apart_across_as_down(gallery: GalleryServer, context: Any) -> None:
    page = open_gallery(context, gallery, "spacer")
    boxes = [one.bounding_box() for one in page.locator(".tile").all()]
    first = boxes[0]
    across = next(box["x"] - first["x"] for box in boxes if box["x"] > first["x"])
    down = next(box["y"] - first["y"] for box in boxes if box["y"] > first["y"])
    assert across == down


def test_filter_keys_and_help_leave_every_picture_in_its_place(gallery: GalleryServer, context: Any) -> None:
    page = open_gallery(context, gallery, "steady")
    for height in range(640, 820, 30):
        page.set_viewport_size({"width": 1280, "height": height})
        page.wait_for_timeout(300)
        ready(page)
        before = page.locator(".tile").count(), page.locator("[role='row']").count()
        page.get_by_role("button", name="Filter").click()
        page.wait_for_selector(".part:visible")
        assert (page.locator(".tile").count(), page.locator("[role='row']").count()) == before
        last, stage = page.locator(".tile").last.bounding_box(), page.locator(".stage").bounding_box()
        assert last["y"] + last["height"] <= stage["y"] + stage["height"] + 1
        page.get_by_role("button", name="Filter").click()
    page.set_viewport_size({"width": 1280, "height": 800})
    page.locator(".grid").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".view.main canvas:visible")
    page.wait_for_timeout(300)
    main, strip = page.locator(".view.main").bounding_box(), page.locator(".strip").bounding_box()
    assert main["y"] + main["height"] <= strip["y"]
    page.keyboard.press("?")
    assert page.locator(".help").evaluate("(help) => help.scrollHeight - help.clientHeight") == 0
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Hide the keys").click()
    page.wait_for_timeout(300)
    assert page.locator(".view.main").bounding_box()["height"] > main["height"]


def test_tiles_stay_in_their_places_when_the_keys_go(gallery: GalleryServer, context: Any) -> None:
    page = open_gallery(context, gallery, "stayer")
    assert page.locator(".strip").is_visible()
    before = page.locator(".tile").nth(3).bounding_box()
    press(page, "bxbxbxbxbxb")
    page.wait_for_selector(".strip", state="hidden")
    page.wait_for_timeout(300)
    assert page.locator(".tile").nth(3).bounding_box() == before


def test_a_residual_is_larger_than_what_else_stands_beside_the_picture(
    gallery: GalleryServer, context: Any
) -> None:
    page = open_gallery(context, gallery, "subtracter")
    page.keyboard.press("Enter")
    page.wait_for_selector(".view.main canvas:visible")
    page.get_by_role("button", name="Residual", exact=True).click()
    page.wait_for_selector(".view.lead[data-panel='residual']")
    lead, band = (
        page.locator(f".view[data-panel='{name}']").bounding_box() for name in ("residual", "band 0")
    )
    assert lead["width"] > 1.9 * band["width"]


def test_notes_and_the_place_are_found_again_on_another_machine(
    gallery: GalleryServer, context: Any, browser: Any
) -> None:
    page = open_gallery(context, gallery, "mover-2")
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
    other = open_gallery(elsewhere, gallery, "mover-2")
    label = other.locator(".tile[aria-selected='true']").get_attribute("aria-label")
    assert label.startswith("sky-0006, not graded, starred, comment: an arc, 7 of")
    other.keyboard.press("Enter")
    other.wait_for_selector(".view[data-panel='residual']")
    assert other.input_value(".comment") == "an arc"
    elsewhere.close()


def test_touch_selects_swipes_pinches_and_grades_by_buttons(gallery: GalleryServer, browser: Any) -> None:
    tablet = browser.new_context(viewport={"width": 1024, "height": 768}, has_touch=True)
    page = open_gallery(tablet, gallery, "thumb")
    page.locator("#tile-2").tap()
    page.locator(".pad [data-do='grade B']").tap()
    wait_until(lambda: gallery.grades("thumb") == {2: "B"})
    box = page.locator(".grid").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    move_fingers(page, ((x + 150, y), (x - 150, y)))
    wait_until(lambda: page.text_content(".page").startswith("2 /"))
    before = page.locator(".tile").count()
    move_fingers(page, ((x - 150, y), (x - 60, y)), ((x + 150, y), (x + 60, y)))
    wait_until(lambda: page.locator(".tile").count() > before)
    page.wait_for_selector(".stage:not([data-loading])")
    page.locator("#tile-4").dblclick()
    page.get_by_role("button", name="Back to the mosaic").wait_for()
    name = page.text_content(".facts b")
    move_fingers(page, ((x - 140, y), (x - 200, y)), ((x - 100, y), (x - 40, y)))
    page.wait_for_selector(".views[style*='--zoom: 4']")
    move_fingers(page, ((x - 240, y), (x - 150, y)), ((x - 40, y), (x - 130, y)))
    page.wait_for_selector(".views[style*='--zoom: 1;']")
    move_fingers(page, ((x, y), (x - 200, y)))
    wait_until(lambda: page.text_content(".facts b") > name)
    tablet.close()


def test_everything_is_named_reached_by_keyboard_and_in_contrast(
    gallery: GalleryServer, context: Any
) -> None:
    page = open_gallery(context, gallery, "keyboard")
    page.keyboard.press("*")
    page.locator("[data-set='review']").focus()
    reached = []
    while "Candidates" not in reached:
        name, seen = page.evaluate(FOCUSED)
        assert (bool(name), seen) == (True, True), (name, reached)
        reached.append(name)
        page.keyboard.press("Tab")
    assert {"New review", "Levels and colours", "Tile size", "Keyboard shortcuts"} <= {
        name.split("\n")[0] for name in reached
    }
    assert page.locator(".spoken").text_content() == "Starred."
    page.locator(".grid").focus()
    page.keyboard.press("Enter")
    page.locator(".view.small canvas").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".view.main[data-panel='band 0']")
    assert page.locator(".grid").evaluate("(grid) => grid.inert"), "the mosaic behind is out of the way"
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.reload()
        ready(page)
        assert page.evaluate(FAINT_TEXT) == []
        page.keyboard.press("Enter")
        page.locator(".saved").evaluate("(box) => { box.dataset.state = 'offline'; }")
        assert page.evaluate(FAINT_TEXT) == []
        page.keyboard.press("?")
        assert page.evaluate(FAINT_TEXT) == []


def test_the_keyboard_returns_to_what_opened_a_dialog_or_the_help(
    gallery: GalleryServer, context: Any
) -> None:
    page = open_gallery(context, gallery, "returns")

    def is_in(name: str) -> None:
        wait_until(lambda: page.evaluate(FOCUSED)[0].startswith(name), seconds=10)

    for name in ("New review", "Views kept of this page"):
        if name.startswith("Views"):
            page.keyboard.press("/")
        page.get_by_role("button", name=name).focus()
        page.keyboard.press("Enter")
        page.get_by_role("dialog").get_by_role("textbox").first.wait_for()
        page.keyboard.press("Escape")
        is_in(name)
    page.goto(f"{gallery.address}/data?source=sky")
    page.locator(".cell").nth(1).focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open] .facts b:text('sky-0001')")
    page.keyboard.press("Tab")
    page.keyboard.press("?")
    page.keyboard.press("Escape")
    is_in("Previous cutout")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog[open]", state="detached")
    is_in("sky-0001")


def test_after_a_vote_enter_presses_no_button_that_was_pressed_before(
    gallery: GalleryServer, context: Any
) -> None:
    page = open_gallery(context, gallery, "presses")
    page.get_by_role("button", name="New review").click()
    page.get_by_role("dialog").get_by_role("textbox").first.wait_for()
    page.keyboard.press("Escape")
    wait_until(lambda: page.evaluate(FOCUSED)[0].startswith("New review"), seconds=10)
    press(page, "b")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Back to the mosaic").wait_for()
    assert page.get_by_role("dialog").count() == 0


def test_scores_are_hidden_until_asked_for_and_votes_say_so(gallery: GalleryServer, context: Any) -> None:
    page = open_gallery(context, gallery, "blind")
    press(page, "a")
    assert page.locator("#tile-1 .score").count() == 0
    page.locator("[data-do='toggleScores']").click()
    page.wait_for_selector("#tile-1 .score:text('0.005')")
    page.keyboard.press("b")
    wait_until(lambda: len(gallery.grades("blind")) == 2)
    votes = reviews.votes_of(gallery.ws.database, inspector="blind")
    assert [vote.score_seen for vote in votes] == [False, True]
    assert votes[0].stretch.startswith("soft black=-0.50")
    assert votes[0].seconds_spent > 0


def test_more_like_a_candidate_open_and_lead_back_to_it(gallery: GalleryServer, context: Any) -> None:
    page = open_gallery(context, gallery, "seeker")
    page.locator("#tile-20").click()
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+L")
    page.wait_for_selector(".tile[aria-selected='true'][aria-label*='sky-0020']:not(#tile-20)")
    assert "review=like-sky-0020" in page.url
    page.wait_for_selector(".toast:text('once somebody grades in it')")
    assert {"sky-0019", "sky-0021"} == {
        page.get_attribute(f"#tile-{place}", "aria-label").split(",")[0] for place in (1, 2)
    }
    assert page.locator("#tile-1 .score").count() == 0
    page.locator("[data-do='goToOrigin']").click()
    page.wait_for_selector(".single:not([hidden]) .facts b:text('sky-0020')")
    assert "review=first" in page.url
    assert page.locator("[data-do='goToOrigin']").is_hidden()
    page.keyboard.press("Escape")
    offered = page.locator("[data-set='review'] option").all_inner_texts()
    assert "first" in offered
    assert "like-sky-0020" not in offered, "it is left, and nobody voted in it"
    page.select_option("[data-set='review']", "no-features")
    page.wait_for_selector(".tile[aria-selected='true'][aria-label*='sea-0000']")
    page.locator("[data-do='findAlike']").click()
    page.wait_for_selector(".toast:has-text('needs stored features, which run run-1 can compute')")
    page.keyboard.press("Escape")
    page.wait_for_selector(".toast", state="hidden")
    page.locator("[data-do='findAlike']").click()
    page.locator(".toast button:text('Make features now')").click()
    told = page.locator(".toast")
    wait_until(
        lambda: "Features for more like sea-0000" in told.inner_text() or "Open Features" in told.inner_text()
    )
    page.get_by_role("button", name="Open Features").or_(page.locator(".toast")).first.wait_for()


def test_blind_tests_are_told_at_once_and_votes_of_others_shown(gallery: GalleryServer, context: Any) -> None:
    review = reviews.get_review(gallery.ws.database, "told")
    tests = open_review(gallery.ws, review.id).blind_tests
    kinds = [
        tests[key].kind if key in tests else "" for key in reviews.queue_of(gallery.ws.database, review.id)
    ]
    page = open_gallery(context, gallery, "learner", review="told")
    page.locator(f"#tile-{kinds.index('lens')}").click()
    page.keyboard.press("a")
    page.wait_for_selector(".toast[data-kind='right']:has-text('a simulated lens. Your grade was right')")
    page.locator(f"#tile-{kinds.index('dud')}").click()
    page.keyboard.press("a")
    page.wait_for_selector(".toast[data-kind='wrong']:has-text('an image without a lens')")
    page.locator(f"#tile-{kinds.index('')}").click()
    page.keyboard.press("Enter")
    name = page.text_content(".facts b")
    vote_once(gallery.ws, source_or_review_name="told", candidate_id=name, grade="B", inspector="bob")
    page.keyboard.press("c")  # one's own vote is not counted among the others'
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector(".facts .where:text-is('votes 1 × B')")
    page.keyboard.press("Home")
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+X")
    page.wait_for_selector(".toast:has-text('of them were tests')")


def test_pixels_are_smooth_until_squares_are_asked_for_and_then_remembered(
    gallery: GalleryServer, context: Any
) -> None:
    page = open_gallery(context, gallery, "pixels")

    def rendering() -> str:
        canvas = page.locator(".view.main canvas")
        return str(canvas.evaluate("canvas => getComputedStyle(canvas).imageRendering"))

    page.keyboard.press("Enter")
    page.wait_for_selector(".single:not([hidden]) .facts b:text('sky-')")
    for _ in range(4):
        page.keyboard.press("+")
    assert rendering() == "auto"
    page.get_by_role("button", name="Pixels", exact=True).click()
    wait_until(lambda: rendering() == "pixelated")
    page.reload()
    ready(page)
    page.keyboard.press("Enter")
    wait_until(lambda: rendering() == "pixelated")
    page.keyboard.press("Shift+Q")
    wait_until(lambda: rendering() == "auto")


def test_what_a_single_view_leaves_of_the_room_lies_on_both_sides(
    gallery: GalleryServer, context: Any
) -> None:
    page = open_gallery(context, gallery, "middle")
    page.keyboard.press("Enter")
    page.wait_for_selector(".single:not([hidden]) .facts b:text('sky-')")
    stage, main, panels = (page.locator(one).bounding_box() for one in (".views", ".view.main", ".panels"))
    left = main["x"] - stage["x"]
    right = stage["x"] + stage["width"] - panels["x"] - panels["width"]
    assert left == pytest.approx(right, abs=2)
    for key in ("Shift+R", "Shift+D"):
        page.keyboard.press(key)
    page.wait_for_selector("[data-panel='difference'] output:text('−')")
    panel, factor, slider = (
        page.locator(f"[data-panel='difference'] {one}").last.bounding_box()
        for one in ("canvas", "output", "input")
    )
    assert slider["width"] >= 64
    assert all(
        one["x"] + one["width"] <= panel["x"] + panel["width"] and one["y"] >= panel["y"]
        for one in (factor, slider)
    )
    assert page.locator("[data-panel='difference'] output").evaluate("one => one.offsetHeight < 30")


def test_a_new_review_asks_three_questions_beside_fields_of_readable_width(
    gallery: GalleryServer, context: Any
) -> None:
    page = open_gallery(context, gallery, "asks")
    page.set_viewport_size({"width": 1920, "height": 1000})
    page.get_by_role("button", name="New review").click()
    asked = {
        "Which candidates?": "Source",
        "How many, graded by whom?": "Number of candidates",
        "Under which name?": "Name",
    }
    for question, label in asked.items():
        field = page.get_by_role("dialog").get_by_label(label, exact=True).bounding_box()
        stands = page.get_by_role("dialog").get_by_text(question).bounding_box()
        assert stands["x"] + stands["width"] <= field["x"]
        assert stands["y"] < field["y"] < stands["y"] + 60
        assert 150 < field["width"] <= 560
