"""One look for all figures: Okabe-Ito colours, both themes, a caption, and downloads that work offline."""

import html
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import plotly.graph_objects as go
import plotly.io as pio
import streamlit as st
from numpy.typing import NDArray

from lensapp.core.colours import CLASS_COLOURS, INK, LINE_COLOURS, PART_COLOURS
from lensapp.core.powers import scientific
from lensapp.ui.drawing.component import draw
from lensapp.ui.drawing.files import offer_files
from lensapp.ui.shared.markup import guard_figure, plain, shortened
from lensapp.ui.shared.state import theme
from lensapp.ui.shared.widgets import heading, number

PART_NAMES = {"train": "training", "validation": "validation", "test": "test", "second-test": "second test"}
CLASS_NAMES = {"lens": "lens", "nonlens": "non-lens", "unlabelled": "no label"}
CLASS_DASHES = {"lens": "solid", "nonlens": "dash", "unlabelled": "dot"}
CLASS_SYMBOLS = {"lens": "circle", "nonlens": "x", "unlabelled": "circle-open"}
DASHES = ("solid", "dash", "dot", "dashdot")
_FONT = "Inter, 'Segoe UI', system-ui, 'DejaVu Sans', sans-serif"
LINE_PIXELS, LETTER_PIXELS = 16, 7
LEGEND_LETTERS, LEGEND_MARK_PIXELS, LEGEND_ROW_PIXELS = 46, 50, 29
SMALL_SCORE = 0.0005
_WHOLE_NUMBERS = 5  # 10 000 is written out, 100 000 as 10⁵

THRESHOLD = "threshold"  # the name of its marks in figures, by which they are found to be moved
CHANCE = {"color": "#8a929b", "width": 1, "dash": "dot"}

Table = Mapping[str, object]

pio.templates.default = None  # the look is put in when a figure is drawn: Plotly checks it for milliseconds


def class_colours() -> dict[str, str]:
    """Return the colour of lens, nonlens and unlabelled in the theme shown."""
    return CLASS_COLOURS[theme()]


def part_colours() -> dict[str, str]:
    """Return the colour of the parts train, validation and test in the theme shown."""
    return PART_COLOURS[theme()]


def line_colours() -> tuple[str, ...]:
    """Return the colours of lines in the theme shown, in the order to use them."""
    return LINE_COLOURS[theme()]


def ink() -> str:
    """Return the colour of text in the theme shown."""
    return INK[theme()]["text"]


def ground() -> str:
    """Return the colour of the page in the theme shown."""
    return INK[theme()]["ground"]


def grid() -> str:
    """Return the colour of the grid of a figure in the theme shown: just told from the ground."""
    return INK[theme()]["grid"]


def power_of_ten(value: float) -> str:
    """Return a number of any size as 2 × 10⁻⁴, and 0.1 and 1 as they are."""
    if value in (0.1, 1.0):
        return f"{value:g}"
    mantissa, exponent = f"{value:.0e}".split("e")
    return scientific(mantissa, int(exponent))


def label_colours(labels: Iterable[str | None]) -> list[str]:
    """Return the colour of each label in the theme in use; None is without a label."""
    colours = class_colours()
    return [colours[label or "unlabelled"] for label in labels]


def decade_ticks(lowest: int, highest: int) -> dict[str, Any]:
    """Return ticks of a logarithmic axis of numbers, from one power of ten to another, as text has them.

    Plotly's own write powers in larger letters than the other axes have.
    """
    powers = range(lowest, highest + 1)
    whole = [
        number(10**power) if 0 <= power < _WHOLE_NUMBERS else power_of_ten(10.0**power) for power in powers
    ]
    return {"tickvals": [10.0**power for power in powers], "ticktext": whole}


def score_ticks(ticks: Sequence[float]) -> list[str]:
    """Return scores as an axis by logit has them: 10⁻⁶, 0.001, 0.5, 0.9999."""
    return [power_of_ten(tick) if tick < SMALL_SCORE else f"{tick:.7g}" for tick in ticks]


@lru_cache(maxsize=2)
def template_of(name: str) -> dict[str, Any]:
    """Return the plotly template of the theme `name`, "dark" or "light", as Plotly's JSON has it."""
    ink = INK[name]
    axis = {
        "gridcolor": ink["grid"],
        "linecolor": ink["faint"],
        "zeroline": False,
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": ink["faint"],
        "tickfont": {"color": ink["faint"]},
        "title": {"font": {"color": ink["text"], "size": 13}, "standoff": 8},
        "automargin": True,
        "exponentformat": "power",  # 10⁻⁴ where plotly writes 100μ
        "minexponent": _WHOLE_NUMBERS,
        "separatethousands": True,
    }
    layout = go.Layout(
        font={"family": _FONT, "size": 13, "color": ink["text"]},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        colorway=list(LINE_COLOURS[name]),
        margin={"l": 8, "r": 18, "t": 34, "b": 8},
        xaxis=axis,
        yaxis=axis,
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0.0, "font": {"size": 12}},
        hoverlabel={  # plotly's own ground is the colour of the mark, on which no one colour can be read
            "font": {"family": _FONT, "size": 12, "color": ink["text"]},
            "bgcolor": ink["ground"],
            "bordercolor": ink["faint"],
        },
        separators=".\u202f",  # decimals and thousands, as text has them
        bargap=0.08,
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": ink["faint"], "activecolor": ink["text"]},
    )
    checked: dict[str, Any] = go.layout.Template(layout=layout).to_plotly_json()
    return checked


def show_figure(
    figure: go.Figure,
    *,
    title: str,
    caption: str,
    csv: str | Callable[[], str] | None = None,
    key: str | None = None,
    height: int = 340,
    selectable: bool = False,
    aspect: float | None = None,
    moves: dict[str, Any] | None = None,
) -> list[int]:
    """Show a figure with its title above, its caption below and its downloads.

    Parameters
    ----------
    title
        States what the figure shows.
    caption
        Number of cutouts and which part of the data.
    csv
        The figure's values, or a function that makes them when asked for.
    key
        Distinguishes two figures of the same title on one page.
    selectable
        Whether points can be chosen with a lasso or a box.
    aspect
        Its width by its height, where it is lower than `height` on a low screen, to be seen whole.
    moves
        What it shows at each stop of a slider while that is moved, before the page is drawn anew.

    Returns
    -------
    list of int
        What the chosen points carry as `customdata`; empty where none is chosen.
    """
    name = key or "-".join(title.lower().split())
    guard_figure(figure)
    _name_in_hover(figure)
    figure.update_layout(height=height, title=None)
    heading(title)
    chosen = draw(
        figure,
        template=template_of(theme()),
        key=f"figure-{name}",
        title=title,
        caption=caption,
        height=height,
        selectable=selectable,
        aspect=aspect,
        moves=moves,
    )
    with st.container(key=f"caption-{name}", horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(plain(caption), width="stretch")
        _downloads(name, csv, title=title, caption=caption)
    return chosen


def show_example(
    figure: go.Figure,
    *,
    title: str,
    key: str,
    height: int,
    caption: str = "An example, not your data.",
    words: Sequence[str] = (),
) -> None:
    """Show an example of what will appear here, with `words` on it beside each other below.

    It has no downloads: it is drawn from no data.
    """
    guard_figure(figure)
    figure.update_layout(height=height, title=None)
    heading(title, badge="Example")
    look = template_of(theme())
    draw(figure, template=look, key=f"figure-{key}", title=title, caption=caption, height=height)
    st.caption(plain(caption))
    for cell, told in zip(st.columns(len(words), gap="medium") if words else (), words, strict=True):
        cell.caption(told)


def _name_in_hover(figure: go.Figure) -> None:
    """Begin hover values with the name of their line.

    Plotly writes it into a box of its own, in the line's colour on grey: no colour is legible on that.
    """
    named = [trace for trace in figure.data if trace.name and trace.hoverinfo != "skip"]
    end = ": " if figure.layout.hovermode in ("x unified", "y unified") else "<br>"
    for trace in figure.data:
        template = trace.hovertemplate if "hovertemplate" in trace else None
        if isinstance(template, str) and "<extra>" not in template:
            name = f"{trace.name}{end}" if trace in named and len(named) > 1 else ""
            trace.hovertemplate = f"{name}{template}<extra></extra>"


def _downloads(name: str, csv: str | Callable[[], str] | None, *, title: str, caption: str) -> None:
    with st.container(
        key=f"files-{name}", horizontal=True, vertical_alignment="center", gap=None, width="content"
    ):
        offer_files(name, title=title, caption=caption)
        if csv is not None:
            st.download_button(
                "CSV",
                csv,
                file_name=f"{name}.csv",
                mime="text/csv",
                key=f"csv-{name}",
                type="tertiary",
                on_click="ignore",
                help="Save the values that the figure shows",
            )


def mark_threshold(figure: go.Figure, threshold: float) -> None:
    """Draw the threshold as a line across, in the colour of text: no class has it."""
    line = {"color": INK[theme()]["text"], "width": 1.5, "dash": "dash"}
    figure.add_vline(x=threshold, line=line, name=THRESHOLD)


def add_band(
    figure: go.Figure,
    x: NDArray[Any],
    low: NDArray[Any],
    high: NDArray[Any],
    *,
    colour: str,
    name: str = "",
    group: str | None = None,
    among_others: bool = False,
) -> None:
    """Shade what lies between two lines; a band without a name is not in the legend.

    One of a `group` vanishes with the line of that group when the legend is clicked. One `among_others` is
    fainter and has an edge in its colour: tints that lie over each other would mix to grey.
    """
    figure.add_scatter(
        x=np.concatenate([x, x[::-1]]),
        y=np.concatenate([low, high[::-1]]),
        fill="toself",
        mode="lines" if among_others else "none",
        line={"color": faded(colour, 0.55), "width": 1},
        fillcolor=faded(colour, 0.07 if among_others else 0.17),
        hoverinfo="skip",
        name=name,
        legendgroup=group,
        showlegend=bool(name),
    )


def faded(colour: str, opacity: float) -> str:
    """Return a colour #rrggbb as one through which the ground is seen."""
    red, green, blue = bytes.fromhex(colour[1:])
    return f"rgba({red},{green},{blue},{opacity})"


def wrapped(name: str, *, most: int = 22) -> str:
    """Return a long name in lines of at most `most` letters, as ticks show them, broken after - _ or .

    One that would take more than three lines loses its middle.
    """
    lines = [""]
    for part in re.findall(r"[^-_. ]*[-_. ]?", shortened(name, most=5 * most // 2)):
        if lines[-1] and len(lines[-1]) + len(part.rstrip()) > most:
            lines.append("")
        lines[-1] += part
    return "<br>".join(html.escape(line.rstrip(" "), quote=False) for line in lines)


def rows_height(names: Sequence[str], *, least: int = 30) -> int:
    """Return the pixels that a figure needs for a row of each name, whose long ones take several lines."""
    lines = max((wrapped(name).count("<br>") + 1 for name in names), default=1)
    return 110 + len(names) * max(least, LINE_PIXELS * lines + 8)


def in_legend(name: str) -> str:
    """Return a name as legends show it."""
    return shortened(name, most=LEGEND_LETTERS)


def legend_height(names: Sequence[str], *, width: int = 400) -> int:
    """Return the pixels that a legend of `in_legend` names takes above a figure `width` pixels wide."""
    rows, taken = 1, 0
    for name in names:
        needed = LEGEND_MARK_PIXELS + LETTER_PIXELS * len(in_legend(name))
        if taken and taken + needed > width:
            rows, taken = rows + 1, 0
        taken += needed
    return LEGEND_ROW_PIXELS * rows


def legend(colours: Mapping[str, str], *, line: bool = False) -> None:
    """Show names beside dots of their colours, or beside short lines, where no figure has a legend."""
    shape = "width:1.4em;height:3px" if line else "width:0.6em;height:0.6em;border-radius:50%"
    items = [
        f'<span style="white-space:nowrap;margin-right:1.2em"><span style="display:inline-block;{shape};'
        f'vertical-align:middle;background:{colour}"></span>&ensp;{html.escape(name)}</span>'
        for name, colour in colours.items()
    ]
    st.html("".join(items))


def csv_text(columns: Table) -> str:
    """Return columns of equal length as CSV text with a header."""
    import pandas as pd

    text: str = pd.DataFrame(columns).to_csv(index=False)
    return text
