"""Figures of an audit: what tells the lenses, and which share of the labels is suspect."""

from collections.abc import Sequence

import pandas as pd
from plotly.graph_objects import Figure

from lensapp.ui.shared import figures

CHANCE_AUROC = 0.5
MARKER, BAR = 11, {"width": 5, "thickness": 1.5}
MARGIN = 0.06  # of the axis, beyond the outermost limit
ROW_PIXELS, AXIS_PIXELS = 44, 96


def height_of(told: pd.DataFrame) -> int:
    """Return the height in pixels of a figure with one row for each of a table."""
    return ROW_PIXELS * len(told) + AXIS_PIXELS


def shortcut_figure(told: pd.DataFrame, *, colours: Sequence[str], ink: str) -> Figure:
    """Draw what the network and each kind of measures tell of lenses, with 95 % limits and chance.

    Parameters
    ----------
    told
        `name`, `value`, `low` and `high`, one row each; that of the network comes first.
    """
    figure = _limits_figure(told, inks=[colours[0], *[colours[1]] * (len(told) - 1)], ink=ink)
    figure.add_vline(x=CHANCE_AUROC, line=figures.CHANCE)
    figure.add_annotation(
        x=CHANCE_AUROC, y=1, xref="x", yref="paper", text="chance", showarrow=False, yanchor="bottom",
        font={"size": 12, "color": figures.CHANCE["color"]},
    )  # fmt: skip
    low = min(CHANCE_AUROC, float(told["low"].min()))
    figure.update_xaxes(title="AUROC", range=[low - MARGIN / 2, 1 + MARGIN / 2])
    return figure


def suspects_figure(told: pd.DataFrame, *, colour: str, ink: str) -> Figure:
    """Draw the share of the labels of each class and source that is suspect, with 95 % limits.

    Parameters
    ----------
    told
        As `shortcut_figure` has it.
    """
    figure = _limits_figure(told, inks=[colour] * len(told), ink=ink)
    highest = float(told["high"].max())
    figure.update_xaxes(
        title="share of labels", tickformat="~%", range=[-MARGIN * highest, (1 + 2 * MARGIN) * highest]
    )
    return figure


def _limits_figure(told: pd.DataFrame, *, inks: Sequence[str], ink: str) -> Figure:
    """Draw one point with its limits and value per row, the first on top."""
    figure = Figure()
    for (name, value, low, high, text), colour in zip(
        told[["name", "value", "low", "high", "text"]].itertuples(index=False), inks, strict=True
    ):
        figure.add_scatter(
            x=[value], y=[name], mode="markers+text", text=[text], textposition="top center",
            textfont={"size": 12, "color": ink}, marker={"size": MARKER, "color": colour}, name=name,
            error_x={
                "type": "data", "symmetric": False, "array": [high - value], "arrayminus": [value - low],
                "color": colour, **BAR,
            },
            cliponaxis=False, showlegend=False, hovertemplate=f"%{{y}}: %{{text}} ({low:.3f}–{high:.3f})",
        )  # fmt: skip
    names = [*told["name"]][::-1]
    figure.update_yaxes(
        categoryorder="array", categoryarray=names, ticks="", tickvals=names,
        ticktext=[f"{figures.wrapped(one)}\u2002" for one in names], range=[-0.6, len(names) - 0.3],
    )  # fmt: skip
    return figure
