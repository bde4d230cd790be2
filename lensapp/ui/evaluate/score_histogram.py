"""How many cutouts of each label have which score."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from lensapp.ui.shared import figures

LOWEST_SHOWN = 0.5  # cutouts per bin, the foot of the logarithmic axis


def score_figure(columns: Mapping[str, NDArray[Any]], *, threshold: float) -> go.Figure:
    """Draw the number of cutouts per score and label, one outline each, on a logarithmic axis."""
    edges, colours = columns["edges"], figures.class_colours()
    figure = go.Figure()
    for label, name in figures.CLASS_NAMES.items():
        if label in columns:
            _add_steps(figure, edges, columns[label], name=name, colour=colours[label])
    figures.mark_threshold(figure, threshold)
    figure.update_layout(showlegend=len(columns) > 2)
    figure.update_xaxes(title="score", range=[0, 1])
    most = max(int(values.max()) for name, values in columns.items() if name != "edges")
    reach = [np.log10(LOWEST_SHOWN), np.log10(max(most, 1) * 1.6)]
    figure.update_yaxes(title="cutouts", type="log", exponentformat="power", dtick=1, range=reach)
    return figure


def _add_steps(
    figure: go.Figure, edges: NDArray[Any], counts: NDArray[Any], *, name: str, colour: str
) -> None:
    """Draw counts as an outline over a faint ground, so that classes stay apart where they overlap."""
    heights = np.maximum(counts, LOWEST_SHOWN / 2)  # a logarithmic axis has no place for none
    figure.add_scatter(
        x=edges,
        y=np.append(heights, heights[-1]),
        name=name,
        mode="lines",
        line={"color": colour, "width": 2, "shape": "hv"},
        fill="tozeroy",
        fillcolor=_faint(colour),
        customdata=np.append(counts, counts[-1]),
        hovertemplate=f"{name}: %{{customdata:,}}<br>score from %{{x:.3f}}<extra></extra>",
    )


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.14)"
