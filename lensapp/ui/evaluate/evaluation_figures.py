"""Figures of an evaluated run, each from columns of numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from lensapp.core.evaluate.curves import Confusion
from lensapp.ui.shared import figures

Columns = Mapping[str, NDArray[Any]]
SMALLEST_RATE = 1e-4


def roc_figure(
    curves: Mapping[str, Columns],
    *,
    point: tuple[float, float],
    colours: Sequence[str],
    logarithmic: str,
) -> go.Figure:
    """Draw the ROC of each run, and `point` (false positive rate, completeness) on the first.

    `logarithmic` is "log" to spread the low false positive rates where searches live, else "linear".
    """
    figure = go.Figure()
    spread = logarithmic == "log"
    for place, (name, columns) in enumerate(curves.items()):
        figure.add_scatter(
            x=np.maximum(columns["false_positive_rate"], SMALLEST_RATE if spread else 0.0),
            y=columns["completeness"],
            customdata=columns["threshold"],
            name=name,
            mode="lines",
            line={"color": colours[place % len(colours)], "width": 2, "shape": "linear"},
            hovertemplate="FPR %{x:.4g}<br>completeness %{y:.4f}<br>score ≥ %{customdata:.4g}",
        )
    chance = np.geomspace(SMALLEST_RATE, 1, 50) if spread else np.array([0.0, 1.0])
    figure.add_scatter(x=chance, y=chance, mode="lines", line=figures.CHANCE, name="chance", hoverinfo="skip")
    _add_point(figure, max(point[0], SMALLEST_RATE) if spread else point[0], point[1])
    figure.update_xaxes(title="false positive rate", type=logarithmic)
    figure.update_xaxes(range=[np.log10(SMALLEST_RATE), 0.02] if spread else [-0.01, 1.01])
    figure.update_yaxes(title="completeness (true positive rate)", range=[-0.01, 1.02])
    return figure


def _add_point(figure: go.Figure, x: float, y: float) -> None:
    figure.add_scatter(
        x=[x],
        y=[y],
        mode="markers",
        name="threshold",
        marker={"size": 12, "color": "rgba(0,0,0,0)", "line": {"width": 2.5, "color": "#d55e00"}},
        hovertemplate="at the threshold<br>%{x:.4g}, %{y:.4f}",
    )


def confusion_figure(confusion: Confusion, *, colours: Mapping[str, str], ink: str) -> go.Figure:
    """Draw the four outcomes with their numbers and shares of the true class."""
    counts = np.array([[confusion.tp, confusion.fn], [confusion.fp, confusion.tn]])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = go.Figure()
    for row, (label, short) in enumerate((("lens", ("TP", "FN")), ("nonlens", ("FP", "TN")))):
        for column in range(2):
            share = float(shares[row, column])
            _add_cell(figure, column, 1 - row, share=share, colour=colours[label])
            text = f"<b>{counts[row, column]:,}</b><br>{short[column]} · {100 * share:.1f} %"
            figure.add_annotation(
                x=column, y=1 - row, text=text, showarrow=False, font={"size": 17, "color": ink}
            )
    figure.update_xaxes(
        tickvals=[0, 1], ticktext=["accepted", "refused"], range=[-0.5, 1.5], side="top", showgrid=False
    )
    figure.update_yaxes(
        tickvals=[1, 0], ticktext=["lens", "non-lens"], range=[-0.5, 1.5], showgrid=False, title="truth"
    )
    return figure


def _add_cell(figure: go.Figure, x: int, y: int, *, share: float, colour: str) -> None:
    figure.add_shape(
        type="rect",
        x0=x - 0.49,
        x1=x + 0.49,
        y0=y - 0.48,
        y1=y + 0.48,
        fillcolor=colour,
        opacity=0.08 + 0.4 * share,
        line={"width": 0},
        layer="below",
    )


def precision_recall_figure(
    curves: Mapping[str, Columns],
    *,
    point: tuple[float, float] | None,
    share: float,
    colours: Sequence[str],
) -> go.Figure:
    """Draw purity against completeness of each run; `share` of lenses is what chance would give."""
    figure = go.Figure()
    for place, (name, columns) in enumerate(curves.items()):
        figure.add_scatter(
            x=columns["completeness"],
            y=columns["purity"],
            customdata=columns["threshold"],
            name=name,
            mode="lines",
            line={"color": colours[place % len(colours)], "width": 2},
            hovertemplate="completeness %{x:.4f}<br>purity %{y:.4f}<br>score ≥ %{customdata:.4g}",
        )
    figure.add_hline(y=share, line=figures.CHANCE)
    if point is not None:
        _add_point(figure, *point)
    figure.update_xaxes(title="completeness", range=[-0.01, 1.02])
    figure.update_yaxes(title="purity", range=[-0.01, 1.03])
    return figure


def threshold_figure(columns: Columns, *, threshold: float, colours: Sequence[str]) -> go.Figure:
    """Draw purity and completeness against the threshold with their 95 % limits."""
    figure = go.Figure()
    for name, colour in zip(("purity", "completeness"), colours, strict=False):
        low, high = columns[f"{name}_low"], columns[f"{name}_high"]
        figures.add_band(figure, columns["threshold"], low, high, colour=colour)
    for name, colour in zip(("purity", "completeness"), colours, strict=False):
        figure.add_scatter(
            x=columns["threshold"],
            y=columns[name],
            name=name,
            mode="lines",
            line={"color": colour, "width": 2},
            hovertemplate="%{y:.4f}",
        )
    figures.mark_threshold(figure, threshold)
    figure.update_xaxes(title="threshold (score)", range=[-0.01, 1.01])
    figure.update_yaxes(title="share", range=[-0.01, 1.03])
    figure.update_layout(hovermode="x unified")
    return figure


def rotation_figure(columns: Columns, *, colours: Mapping[str, str]) -> go.Figure:
    """Draw the scatter of the score under four rotations against its mean."""
    figure = go.Figure()
    for label, name in (("nonlens", "non-lens"), ("lens", "lens")):
        chosen = np.asarray(columns["label"]) == (label == "lens")
        figure.add_scattergl(
            x=columns["mean"][chosen],
            y=columns["std"][chosen],
            name=name,
            mode="markers",
            marker={"size": 5, "color": colours[label], "opacity": 0.6},
            hovertemplate="mean %{x:.3f}<br>standard deviation %{y:.4f}",
        )
    figure.update_xaxes(title="mean score of the four rotations", range=[-0.02, 1.02])
    figure.update_yaxes(title="standard deviation", rangemode="tozero")
    return figure
