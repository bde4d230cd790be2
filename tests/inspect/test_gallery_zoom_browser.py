"""What lies in the middle of cutouts, larger in all tiles, and notices that cover no control, in a real Chromium."""

from typing import Any

import pytest

from support.gallery_in_browser import GalleryServer, open_gallery, press, ready

pytestmark = pytest.mark.browser

# The brightness near a tile's corner: the blob of the test survey reaches it in a zoomed one.
CORNER = """() => {
  const canvas = [...document.querySelectorAll('*')].map((one) => one.shadowRoot?.querySelector('canvas.pictures')).find(Boolean);
  const tile = canvas.getRootNode().querySelector('#tile-0').getBoundingClientRect();
  const area = canvas.getBoundingClientRect(), [r, g, b] = canvas.getContext('2d').getImageData(
    tile.left - area.left + 0.2 * tile.width, tile.top - area.top + 0.2 * tile.height, 1, 1).data;
  return r + g + b;
}"""

COVERED = """() => {
  const root = [...document.querySelectorAll('*')].map((one) => one.shadowRoot).find((one) => one?.querySelector('.toast'));
  const notice = root.querySelector('.toast'), over = notice.getBoundingClientRect();
  const shown = [...root.querySelectorAll('button, select, input, summary, a')].filter((one) => !notice.contains(one)
    && one.checkVisibility({ visibilityProperty: true }));
  return shown.filter((one) => {
    const { left, right, top, bottom } = one.getBoundingClientRect();
    return left < over.right && right > over.left && top < over.bottom && bottom > over.top;
  }).map((one) => one.title || one.getAttribute('aria-label') || one.textContent);
}"""


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
