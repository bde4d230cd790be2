"""A contact sheet and its lightbox in a real Chromium."""

from typing import Any

import pytest

from support.gallery_in_browser import GalleryServer, open_gallery

pytestmark = pytest.mark.browser

DRAWN = ".cell .picture[data-drawn][style*='blob:']"


def test_a_sheet_shows_pictures_that_open_in_the_lightbox_and_keeps_their_size(
    gallery: GalleryServer, context: Any
) -> None:
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if "/api/look/sheet?" in one.url else None)
    page.goto(f"{gallery.address}/data?source=sky")
    page.wait_for_selector(DRAWN)
    assert page.locator(".cell").count() == page.locator(DRAWN).count()
    page.locator(".cell").nth(1).click()
    page.wait_for_selector("dialog[open] .facts b:text('sky-0001')")
    page.wait_for_selector("dialog[open] .record h2:text('Scores')")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("dialog[open] .facts b:text('sky-0002')")
    page.wait_for_selector("dialog[open] .position:text('3 of')")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog[open]", state="detached")
    assert all("key=" in one and "key=undefined" not in one for one in asked)
    page.locator(".sheet-bar [data-set='thumbnail']").fill("240")
    page.wait_for_selector(".cells[style*='--side: 240px']")
    page.reload()
    page.wait_for_selector(".cells[style*='--side: 240px']")


def test_a_sheet_of_another_source_takes_the_place_of_the_first(gallery: GalleryServer, context: Any) -> None:
    page = context.new_page()
    page.goto(f"{gallery.address}/data?source=sky")
    page.wait_for_selector(DRAWN)
    page.goto(f"{gallery.address}/data?source=sea")
    page.wait_for_selector(".cell[aria-label^='sea-0000']")
    page.wait_for_selector(DRAWN)
    assert page.locator(".cell").count() == 6


def test_data_shows_cutouts_by_the_stretch_chosen_in_the_gallery(
    gallery: GalleryServer, context: Any
) -> None:
    page = open_gallery(context, gallery, "follower")
    page.select_option(".bar [data-set='stretch']", "zscale")
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if "/api/look/sheet?" in one.url else None)
    page.goto(f"{gallery.address}/data?source=sky")
    page.wait_for_selector(DRAWN)
    page.wait_for_function("document.querySelector('[aria-label=Inspector]')?.value === 'follower'")
    page.wait_for_timeout(1000)
    assert page.locator(".sheet-bar [data-set='stretch']").input_value() == "zscale"
    assert "stretch=zscale" in asked[-1]
