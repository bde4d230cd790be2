"""Figures of a run that estimates values."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from lensapp.core.evaluate.curves import FloatArray
from lensapp.ui.shared.figures import CHANCE
from lensapp.ui.train.curves import short_name

Columns = Mapping[str, FloatArray]
BANDS = (("95", 0.14), ("68", 0.28))


def recovered_figure(
    target: str, points: Columns, bands: Columns, *, colours: Sequence[str], legend: str
) -> go.Figure:
    """Draw estimates against truth with the bands that hold 68 % and 95 % of them.

    `legend` is "legend" for the figure that explains the others, else "none".
    """
    figure = go.Figure()
    for level, opacity in BANDS:
        figure.add_scatter(
            x=np.concatenate([bands["truth"], bands["truth"][::-1]]),
            y=np.concatenate([bands[f"low_{level}"], bands[f"high_{level}"][::-1]]),
            fill="toself",
            mode="none",
            fillcolor=colours[0],
            opacity=opacity,
            name=f"{level} %",
            hoverinfo="skip",
        )
    figure.add_scattergl(
        x=points["truth"],
        y=points["mean"],
        customdata=points["sigma"],
        mode="markers",
        marker={"size": 4, "color": colours[-1], "opacity": 0.6},
        name="cutout",
        hovertemplate="truth %{x:.4g}<br>estimate %{y:.4g} ± %{customdata:.2g}<extra></extra>",
    )
    ends = [float(points["truth"].min()), float(points["truth"].max())]
    figure.add_scatter(x=ends, y=ends, mode="lines", line=CHANCE, name="equal", hoverinfo="skip")
    unit = _unit(target)
    figure.update_xaxes(title=f"true {short_name(target)}{unit}")
    figure.update_yaxes(title=f"estimated {short_name(target)}{unit}")
    figure.update_layout(showlegend=legend == "legend")
    return figure


def _unit(target: str) -> str:
    if target.endswith("_arcsec"):
        return " (arcsec)"
    return " (pixels)" if target.endswith("_pixels") else ""


def calibration_figure(columns: Columns, *, count: int, colours: Sequence[str]) -> go.Figure:
    """Draw the share of truths within intervals of each probability, and the scatter that chance allows."""
    nominal = columns["nominal"]
    figure = go.Figure()
    spread = 2 * np.sqrt(nominal * (1 - nominal) / count)
    figure.add_scatter(
        x=np.concatenate([nominal, nominal[::-1]]),
        y=np.concatenate([nominal - spread, (nominal + spread)[::-1]]),
        fill="toself",
        mode="none",
        fillcolor=CHANCE["color"],
        opacity=0.25,
        name="chance, 95 %",
        hoverinfo="skip",
    )
    names = [name for name in columns if name != "nominal"]
    for place, name in enumerate(names):
        figure.add_scatter(
            x=nominal,
            y=columns[name],
            mode="lines",
            name=short_name(name),
            line={"color": colours[place % len(colours)], "width": 2},
            hovertemplate=f"{short_name(name)}: %{{y:.3f}} within the central %{{x:.2f}}<extra></extra>",
        )
    figure.update_xaxes(title="probability claimed", range=[0, 1])
    figure.update_yaxes(title="share of truths within", range=[0, 1.02])
    return figure
