"""The component that draws a figure in the browser.

Streamlit's own draws every figure twice, and also those that nobody has scrolled to; this one draws a figure
once, when it comes near to sight, and again only where it has changed (docs/performance.md).
"""

from functools import cache
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import streamlit as st
from plotly.io.json import to_json_plotly

from lensapp.ui.base_path import base_path
from lensapp.ui.drawing.files import API, plotly_address
from lensapp.ui.shared.client_modules import ClientModules, modules_component

MODULES = ClientModules(Path(__file__).parent / "client", "/api/client/figures", ("figure", "saver"))
LOOKS = """.figure { width: 100%; }
.figure > div { width: 100%; height: 100%; }
.figure:fullscreen {
  height: 100% !important; max-height: none !important; aspect-ratio: auto !important;
  padding: 2.5rem 1rem 1rem; background: light-dark(#ffffff, #111316);
}
.figure:fullscreen::before { content: attr(data-title); font-weight: 650; }
.figure { position: relative; }
.figure[data-at]::after {
  content: attr(data-at); position: absolute; top: -1.25rem; right: 0.5rem; padding: 0 0.4rem;
  font-size: 0.85rem; background: light-dark(#ffffff, #111316);
}
.figure[data-failed]::after { content: attr(data-failed); }"""


@cache
def _component() -> Any:
    return st.components.v2.component(
        "lensapp_figure",
        html='<div class="figure"></div>',
        css=LOOKS,
        js=MODULES.loader("figure"),
        isolate_styles=False,  # Plotly's own styles are the page's, and so are those of its buttons
    )


def draw(
    figure: go.Figure,
    *,
    template: dict[str, Any],
    key: str,
    title: str,
    caption: str,
    height: int,
    selectable: bool = False,
    aspect: float | None = None,
    moves: dict[str, Any] | None = None,
) -> list[Any]:
    """Show a figure in the look of a template, `height` pixels high; its title and caption are read aloud.

    One with an `aspect`, its width by its height, is as high as that says, `height` at most, and on a low
    screen less, so that it is seen whole below the head of a page. One with `moves` follows a slider while it
    is moved, as client/moves.js tells.

    Returns
    -------
    list
        What the points chosen with a click, a box or a lasso carry as `customdata`, of a `selectable`
        figure; empty where none is chosen.
    """
    if selectable:
        figure.update_layout(clickmode="event+select", dragmode="lasso")
    drawn = figure.to_plotly_json()
    drawn["layout"]["template"] = template
    words = {"title": title, "caption": caption, "plotly": plotly_address()}
    shown = _component()(
        key=key,
        data={"figure": to_json_plotly(drawn), "height": height, "selectable": selectable, "aspect": aspect}
        | words
        | ({"moves": moves} if moves else {}),
        height="content" if aspect else height,
        **({"default": {"chosen": []}, "on_chosen_change": _told} if selectable else {}),
    )
    return list(shown.chosen) if selectable else []


def _told() -> None:
    """Streamlit keeps a state only where something listens to it."""


def save_figures() -> None:
    """Let the buttons of `files.offer_files` answer, and load Plotly before it is needed; once a page."""
    data = {"api": f"{base_path()}{API}", "plotly": plotly_address()}
    modules_component("lensapp_figure_saver", MODULES, "saver")(key="figure-saver", data=data, height=1)
