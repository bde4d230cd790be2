"""Pictures of previews, which are no cutouts yet, in a browser: a click shows one large."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lensapp.ui.gallery import component
from lensapp.ui.shared.pictures import sheet_html

pytestmark = pytest.mark.browser
SCRIPT = Path(component.__file__).with_name("stamps.js")


def test_a_picture_of_a_preview_opens_large_and_the_arrows_show_the_others(context: Any) -> None:
    pictures = np.zeros((3, 40, 20, 3), np.uint8)
    names = ["one: S/N 5", "two: S/N 7", "<b>three</b>"]
    page = context.new_page()
    page.set_content(sheet_html(pictures, tracks="repeat(3, 60px)", hints=names))
    page.add_script_tag(content=SCRIPT.read_text("utf-8"), type="module")
    page.locator(".tile").nth(0).click()
    large, told = page.locator("dialog .stamp"), page.locator("dialog b")
    box = large.bounding_box()
    assert box["height"] > 300
    assert box["height"] == pytest.approx(2 * box["width"], rel=0.02), "whole, in its own shape"
    assert box["y"] + box["height"] <= page.viewport_size["height"]
    assert told.inner_text() == names[0]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert told.inner_text() == names[2]
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")
    assert page.evaluate("document.activeElement.title") == names[2], "the keyboard is where one was left"
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
