"""Empty pages of Evaluate, Score and Compare: an example of what they will tell, and the way on."""

from pathlib import Path

import pytest

from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.page_example import compare_example_figure, evaluate_example_figure
from lensapp.ui.score.score_example import score_example_figure
from lensapp.ui.shared.figures import class_colours, line_colours
from support.pages_workspace import add_survey, figures_of, open_page

PAGES = {
    "evaluate": ("What an evaluation shows", "Train a network"),
    "score": ("What scores show", "Train a network"),
    "compare": ("What a comparison shows", "Split a source"),
}


@pytest.mark.parametrize("name", PAGES)
def test_an_empty_page_shows_an_example_and_leads_on(folder: Path, name: str) -> None:
    title, leads_on = PAGES[name]
    fresh = open_page(name)
    assert any(f"{title} :gray-badge[Example]" in text.value for text in fresh.markdown)
    assert not any("Example" in str(drawn) for drawn in figures_of(fresh)), "nothing lies over a drawing"
    assert fresh.button(key=f"{name}-to-cutouts").label == "Make a demo survey, or import"
    add_survey(Workspace.open(folder))
    page = open_page(name)
    assert not page.exception
    assert any(title in text.value for text in page.markdown)
    assert leads_on in [button.label for button in page.main.button]


def test_what_is_drawn_as_an_example_tells_nothing_under_the_pointer() -> None:
    colours, ink = line_colours(), "#fff"
    for figure in (
        evaluate_example_figure(colours, classes=class_colours(), ink=ink),
        compare_example_figure(colours, ink=ink),
        score_example_figure(colours, ink=ink),
    ):
        assert {trace.hoverinfo for trace in figure.data} == {"skip"}
