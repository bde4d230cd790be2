"""Figures in a real browser: hover values that can be read, and a theme that is switched while they show."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.app_in_browser import Server, wait_until
from support.contrast import TEXT, contrast
from support.pages_workspace import full_workspace

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
INK = ".js-plotly-plot .xtitle"
GROUNDS = {"dark": "#111316", "light": "#ffffff"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    full_workspace(tmp_path / "workspace").database.close()
    made = Server(tmp_path / "workspace")
    made.start()
    yield made
    made.kill()


def colour(page: Any, selector: str) -> str:
    """Return what the first match is filled with, as #rrggbb; less while it is drawn anew."""
    fill = page.locator(selector).first.evaluate("node => getComputedStyle(node).fill")
    return "#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", fill)[:3])


def test_figures_follow_the_theme_and_hover_values_can_be_read(server: Server, browser: Any) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="dark")
    page.goto(f"{server.address}/evaluate?run=elu_cnn-1")
    page.wait_for_selector(INK, timeout=60_000)
    for theme, ground in GROUNDS.items():
        page.emulate_media(color_scheme=theme)  # the page stays as it is, as when its menu is used
        wait_until(lambda ground=ground: contrast(colour(page, INK), ground) >= TEXT, seconds=20)
        figure = page.locator(".js-plotly-plot .nsewdrag").first
        box = figure.bounding_box()
        for step in range(80):  # down the diagonal, until a point of a curve is near
            share = 0.02 + 0.012 * step
            figure.hover(position={"x": share * box["width"], "y": share * box["height"]})
            if page.locator(".hovertext path").count():
                break
        # Plotly draws the box anew until the pointer rests.
        wait_until(lambda: len(colour(page, ".hovertext path")) == len(colour(page, ".hovertext text")) == 7)
        assert contrast(colour(page, ".hovertext text"), colour(page, ".hovertext path")) >= TEXT, theme
    page.close()
