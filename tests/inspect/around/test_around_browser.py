"""The switch *Around* in a real Chromium: greyed out, never lit, where nothing lies around a candidate."""

from typing import Any

import pytest

from lensapp.services.inspect.surroundings import NOTHING
from support.gallery_in_browser import GalleryServer, open_gallery

pytestmark = pytest.mark.browser
GREYED = f'[data-do="toggleAround"][aria-disabled="true"][title="{NOTHING}"]'


def test_around_is_greyed_out_where_no_wider_picture_exists(gallery: GalleryServer, context: Any) -> None:
    page = open_gallery(context, gallery, "wide")
    page.keyboard.press("Enter")
    page.wait_for_selector('[data-do="toggleAround"][aria-disabled="false"]')  # another source shows it too
    page.keyboard.press("End")
    page.wait_for_selector(GREYED)
    page.keyboard.press("Shift+W")
    page.wait_for_selector(f".toast:text('{NOTHING[:29]}')")
    assert page.get_attribute(GREYED, "aria-pressed") == "false"
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if "/around?" in one.url else None)
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector(".single:not([hidden]) .facts b:text('sky-0198')")
    page.wait_for_selector(f'{GREYED}[aria-pressed="false"]')
    assert not asked, "what was not there to show is not looked for at every candidate"


def test_a_large_view_of_a_page_says_why_nothing_lies_around(gallery: GalleryServer, context: Any) -> None:
    page = context.new_page()
    page.goto(f"{gallery.address}/data?source=sky")
    page.locator(".cell").last.click()
    page.wait_for_selector(f"dialog[open] {GREYED}")
