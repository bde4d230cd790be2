"""Colours of both themes: text at least 4.5 : 1, marks and lines at least 3 : 1 (WCAG AA)."""

import colorsys
import re
import tomllib
from itertools import combinations
from pathlib import Path

import pytest

from lensapp.core.colours import HUES, LINE_COLOURS, SCALES
from lensapp.core.inspect.grades import GRADES
from lensapp.ui.gallery import component
from lensapp.ui.shared import figures
from support.contrast import MARK, TEXT, contrast

PROJECT = Path(__file__).parents[2]
THEMES = tomllib.loads((PROJECT / ".streamlit" / "config.toml").read_text("utf-8"))["theme"]
GROUNDS = ("backgroundColor", "secondaryBackgroundColor")
WHITE = "#ffffff"
PRIMARY, COLOURS = r'FormSubmit"\]:enabled', r"light-dark\((#\w+), (#\w+)\)"


def grounds(theme: str) -> set[str]:
    return {part[name] for part in (THEMES[theme], THEMES[theme]["sidebar"]) for name in GROUNDS}


def too_faint(inks: list[str], on: set[str], *, least: float) -> list[str]:
    pairs = [(ink, ground, contrast(ink, ground)) for ink in inks for ground in on]
    return [f"{ink} on {ground}: {ratio:.2f}" for ink, ground, ratio in pairs if ratio < least]


def test_the_ratio_is_that_of_wcag() -> None:
    assert contrast("#000000", WHITE) == pytest.approx(21)
    assert contrast("#777777", WHITE) == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_text_and_marks_of_a_theme_can_be_read(theme: str) -> None:
    colours, everywhere = THEMES[theme], grounds(theme)
    inks = [colours[name] for name in ("textColor", "grayTextColor", "linkColor")]
    assert too_faint(inks, everywhere, least=TEXT) == []
    assert too_faint([colours["primaryColor"]], everywhere, least=MARK) == []
    lines = [*colours["chartCategoricalColors"], *figures.CLASS_COLOURS[theme].values(), *SCALES[theme]]
    assert too_faint(lines, {colours["backgroundColor"]}, least=MARK) == []
    assert tuple(colours["chartCategoricalColors"]) == figures.LINE_COLOURS[theme]


def test_words_on_the_accent_and_on_grades_can_be_read() -> None:
    frame = (PROJECT / "lensapp" / "ui" / "frame.css").read_text("utf-8")
    [(on_light, on_dark)] = re.findall(rf"{PRIMARY} \{{ color: {COLOURS} !important", frame)
    assert contrast(on_dark, THEMES["dark"]["primaryColor"]) >= TEXT
    assert contrast(on_light, THEMES["light"]["primaryColor"]) >= TEXT
    assert too_faint([grade.colour for grade in GRADES], {WHITE}, least=TEXT) == []


def test_a_primary_button_is_brighter_under_the_mouse_and_its_words_can_be_read() -> None:
    frame = (PROJECT / "lensapp" / "ui" / "frame.css").read_text("utf-8")
    [words] = re.findall(rf"{PRIMARY} \{{ color: {COLOURS} !important", frame)
    [hovered] = re.findall(r"enabled:hover \{\s+background: light-dark\((#\w+), (#\w+)\)", frame)
    for theme, ink, ground in zip(("light", "dark"), words, hovered, strict=True):
        assert contrast(ink, ground) >= TEXT
        assert contrast(ground, "#000000") > contrast(THEMES[theme]["primaryColor"], "#000000")


def test_the_button_of_what_is_open_can_be_read() -> None:
    frame = (PROJECT / "lensapp" / "ui" / "frame.css").read_text("utf-8")
    [inks] = re.findall(rf'aria-expanded="true"\] \{{ color: {COLOURS} !important', frame)
    for theme, ink in zip(("light", "dark"), inks, strict=True):
        assert too_faint([ink], {THEMES[theme]["backgroundColor"]}, least=TEXT) == []


def test_the_gallery_takes_its_colours_from_the_theme() -> None:
    style = (component.FOLDER / "gallery.css").read_text("utf-8")
    inks = set(re.findall(r"[^-]color: (#\w{6})", style))
    for theme in ("dark", "light"):
        assert (
            too_faint(sorted(inks - {"#ffd23f"}), grounds(theme), least=MARK) == []
        )  # that one lies on black


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_hover_values_are_read_on_a_ground_of_their_own(theme):
    label = figures.template_of(theme)["layout"]["hoverlabel"]
    assert contrast(label["font"]["color"], label["bgcolor"]) >= TEXT


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_lines_of_a_few_runs_differ_in_hue(theme):
    shares = ([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in LINE_COLOURS[theme][:HUES])
    hues = [360 * colorsys.rgb_to_hls(*rgb)[0] for rgb in shares]
    assert min(min(abs(a - b), 360 - abs(a - b)) for a, b in combinations(hues, 2)) > 12
