"""Figures in a real browser: hover values that can be read, and a theme that is switched while they show."""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image

from lensapp.core.colours import LINE_COLOURS
from support.app_in_browser import Server, settled, wait_until
from support.contrast import TEXT, contrast
from support.pages_workspace import full_workspace

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
INK = ".js-plotly-plot .xtitle"
COUNTED = """() => {
  const { react } = window.Plotly;
  window.drawings = 0;
  window.Plotly.react = (...figure) => {
    window.drawings += 1;
    return react(...figure);
  };
}"""
GROUNDS = {"dark": "#111316", "light": "#ffffff"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("figures") / "workspace"
    full_workspace(folder).database.close()
    with Server(folder) as made:
        yield made


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


def saved_by(page: Any, button: Any) -> Any:
    """Return the file that a button saves; a click on a figure that is being drawn anew is given again."""
    files: list[Any] = []

    def keep(file: Any) -> None:
        files.append(file)

    page.on("download", keep)
    for _ in range(4):
        button.click()
        with suppress(TimeoutError):
            wait_until(lambda: bool(files or page.wait_for_timeout(50)), seconds=45)
            break
    page.remove_listener("download", keep)
    return files[0]


def check_files(page: Any, folder: Path) -> None:
    """Save the first figure of a page in the dark theme in each format, and look at what comes."""
    row = page.locator(".figure-files").first
    files = {}
    for kind in ("svg", "png", "pdf"):
        saved = saved_by(page, row.locator(f"button[data-format={kind}]"))
        assert saved.suggested_filename == f"evaluate-roc.{kind}"
        files[kind] = folder / saved.suggested_filename
        saved.save_as(files[kind])
    drawing = files["svg"].read_text("utf-8")
    root = ElementTree.fromstring(drawing)  # noqa: S314 - our own
    words = " ".join("".join(one.itertext()) for one in root.iter("{http://www.w3.org/2000/svg}text"))
    assert "Completeness by false positives (ROC)" in words
    assert "test part: n = " in words
    assert "AUROC" in words
    ground = next(root.iter("{http://www.w3.org/2000/svg}rect"))
    assert (ground.get("width"), ground.get("fill")) == ("100%", "#ffffff")
    red, green, blue = bytes.fromhex(LINE_COLOURS["light"][0][1:])
    assert f"stroke: rgb({red}, {green}, {blue})" in drawing  # the run's line, as on white ground
    width, height = int(root.get("width", "0")), int(root.get("height", "0"))
    with Image.open(files["png"]) as picture:
        assert picture.size == (3 * width, 3 * height)
        assert picture.convert("RGB").getpixel((1, 1)) == (255, 255, 255)
    sizes = re.search(rb"/MediaBox ?\[0 0 ([\d.]+) ([\d.]+)\]", files["pdf"].read_bytes())
    assert sizes is not None
    assert [float(one) for one in sizes.groups()] == pytest.approx([0.75 * width, 0.75 * height], abs=0.01)


def test_figures_follow_the_theme_can_be_read_and_saved(server: Server, browser: Any, tmp_path: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="dark")
    page.goto(f"{server.address}/evaluate?run=elu_cnn-1")
    page.wait_for_selector(INK, timeout=240_000)
    for theme, ground in GROUNDS.items():
        page.emulate_media(color_scheme=theme)  # the page stays as it is, as when its menu is used
        wait_until(lambda ground=ground: contrast(colours(page, INK)[0], ground) >= TEXT, seconds=120)
        figure = page.locator(".js-plotly-plot .nsewdrag").first
        box = figure.bounding_box()
        for step in range(160):  # row by row, until a point of a curve is near
            across, down = (step % 16 + 0.5) / 16, (step // 16 + 0.5) / 10
            figure.hover(position={"x": across * box["width"], "y": down * box["height"]})
            if page.locator(".hovertext path").count():
                break
        wait_until(lambda: hover_contrast(page) >= TEXT, seconds=60)
    page.emulate_media(color_scheme="dark")
    wait_until(lambda: contrast(colours(page, INK)[0], GROUNDS["dark"]) >= TEXT, seconds=120)
    check_files(page, tmp_path)
    page.close()


def drawn(page: Any) -> list[bool]:
    """Return of each figure of a page whether it is drawn."""
    found: list[bool] = page.evaluate(
        "[...document.querySelectorAll('.figure')].map((one) => one.querySelector('.main-svg') !== null)"
    )
    return found


def test_figures_are_drawn_once_and_when_they_come_near_to_sight(server: Server, browser: Any) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 700})
    page.goto(f"{server.address}/evaluate?run=elu_cnn-1")
    page.wait_for_selector(INK, timeout=240_000)
    wait_until(lambda: drawn(page)[:2] == [True, True], seconds=60)
    assert not drawn(page)[-1]  # far below
    mark = "document.querySelector('.figure .main-svg').{}"
    page.evaluate(mark.format("dataset.seen = 'yes'"))
    page.evaluate(COUNTED)
    page.get_by_role("button", name="Views").click()  # no figure depends on what it unfolds
    page.keyboard.press("Escape")
    page.get_by_placeholder("your name").fill("ada")
    page.keyboard.press("Enter")  # the page runs again
    page.wait_for_timeout(3000)
    assert page.evaluate(mark.format("dataset.seen")) == "yes"
    assert page.evaluate("window.drawings") == 0
    page.reload()
    page.wait_for_selector(INK, timeout=240_000)
    page.locator(".figure").nth(2).scroll_into_view_if_needed()
    wait_until(lambda: drawn(page)[2], seconds=60)
    page.close()


def test_the_buttons_of_a_figure_send_nothing_away_and_fill_the_screen(server: Server, browser: Any) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 700})
    page.goto(f"{server.address}/evaluate?run=elu_cnn-1")
    page.wait_for_selector(INK, timeout=240_000)
    first = page.locator(".js-plotly-plot").first
    buttons = first.locator(".modebar-btn")
    names = [buttons.nth(place).get_attribute("data-title") for place in range(buttons.count())]
    assert names == ["Zoom", "Pan", "Reset axes", "Full screen"]
    before = first.bounding_box()["width"]
    first.hover()
    first.locator("[data-title='Full screen']").click()
    wait_until(lambda: first.locator(".main-svg").first.bounding_box()["width"] > 1200, seconds=30)
    page.evaluate("document.exitFullscreen()")
    wait_until(lambda: first.locator(".main-svg").first.bounding_box()["width"] == before, seconds=30)
    page.close()


def test_figures_follow_the_slider_while_it_is_held(server: Server, browser: Any) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{server.address}/evaluate?run=elu_cnn-1")
    page.wait_for_selector(INK, timeout=240_000)
    cells = page.locator(".st-key-figure-evaluate-confusion .annotation-text")
    wait_until(lambda: cells.count() == 4, seconds=60)
    settled(page)
    thumb = page.locator(".st-key-evaluate-threshold [data-testid=stSliderThumbValue]").locator("..")
    box = thumb.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] - 400, box["y"], steps=4)  # beyond the slider's end, where all is accepted
    wait_until(lambda: "FN · 0.0 %" in " ".join(cells.all_text_contents()), seconds=60)
    caption = page.locator(".st-key-caption-evaluate-confusion [data-testid=stCaptionContainer]")
    assert "score ≥ 0.5;" in caption.text_content()  # the server knows nothing of it yet
    page.mouse.up()
    wait_until(lambda: "score ≥ 0;" in caption.text_content(), seconds=60)
    assert "FN · 0.0 %" in " ".join(cells.all_text_contents())
    page.close()
