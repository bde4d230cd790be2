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


def colours(page: Any, selector: str) -> list[str]:
    """Return what the matches are filled with, as #rrggbb."""
    fills = page.evaluate(
        "(wanted) => [...document.querySelectorAll(wanted)].map((node) => getComputedStyle(node).fill)",
        selector,
    )
    return ["#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", fill)[:3]) for fill in fills]


def hover_contrast(page: Any) -> float:
    """Return the contrast of hover values on their box; 0 while there is none."""
    pair = colours(page, ".hovertext path, .hovertext text")[:2]
    return contrast(*pair) if len(pair) == 2 and all(len(one) == 7 for one in pair) else 0.0


def test_figures_follow_the_theme_and_hover_values_can_be_read(server: Server, browser: Any) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="dark")
    page.goto(f"{server.address}/evaluate?run=elu_cnn-1")
    page.wait_for_selector(INK, timeout=60_000)
    for theme, ground in GROUNDS.items():
        page.emulate_media(color_scheme=theme)  # the page stays as it is, as when its menu is used
        wait_until(lambda ground=ground: contrast(colours(page, INK)[0], ground) >= TEXT, seconds=20)
        figure = page.locator(".js-plotly-plot .nsewdrag").first
        box = figure.bounding_box()
        for step in range(160):  # row by row, until a point of a curve is near
            across, down = (step % 16 + 0.5) / 16, (step // 16 + 0.5) / 10
            figure.hover(position={"x": across * box["width"], "y": down * box["height"]})
            if page.locator(".hovertext path").count():
                break
        wait_until(lambda: hover_contrast(page) >= TEXT, seconds=10)
    page.close()
