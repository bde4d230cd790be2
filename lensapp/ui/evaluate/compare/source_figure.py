"""The figure of the scores that two runs gave a source, with the best of either marked."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from lensapp.core.evaluate.compare.overlap import Overlap
from lensapp.core.numerals import score_text
from lensapp.services.evaluate.compare.on_source import FIRST, SECOND, OnSource
from lensapp.services.evaluate.compare.scatter import Scatter
from lensapp.ui.evaluate.compare.side_figures import add_density, run_axis
from lensapp.ui.shared import figures


def source_figure(
    compared: OnSource, drawn: Scatter, overlap: Overlap, *, colours: Sequence[str], ink: str
) -> go.Figure:
    """Draw the scores of one run (across) against those of another, the best of either in its colour."""
    figure = go.Figure()
    grey = figures.faded(ink, 0.45)
    add_density(figure, drawn, colours=(figures.faded(ink, 0.12), figures.faded(ink, 0.7)), whose="others")
    names = compared.runs
    sets = (
        ("neither", drawn.nonlenses, grey, "circle", 4),
        (f"only {names[FIRST]}", _of(drawn, overlap.by_only(FIRST)), colours[FIRST], "triangle-right", 8),
        (f"only {names[SECOND]}", _of(drawn, overlap.by_only(SECOND)), colours[SECOND], "triangle-up", 8),
        ("both", _of(drawn, overlap.by_all), ink, "diamond", 7),
    )
    for name, rows, colour, symbol, size in sets:
        if not len(rows):
            continue
        scores = compared.scores[:, rows]
        x, y = (axis.positions(axis.clipped(row)) for axis, row in zip(drawn.axes, scores, strict=True))
        figure.add_scatter(
            x=x,
            y=y,
            text=[f"{score_text(one)}, {score_text(other)}" for one, other in scores.T.tolist()],
            mode="markers",
            name=figures.in_legend(name),
            marker={"color": colour, "size": size, "symbol": symbol, "opacity": 0.85},
            hovertemplate="scores %{text}",
        )
    square = {"scaleanchor": "x"} if drawn.axes[FIRST] == drawn.axes[SECOND] else {}
    figure.update_xaxes(**run_axis(drawn.axes[FIRST], names[FIRST]), constrain="domain")
    figure.update_yaxes(**run_axis(drawn.axes[SECOND], names[SECOND]), constrain="domain", **square)
    figure.update_layout(hovermode="closest", legend={"itemsizing": "constant"})
    return figure


def _of(drawn: Scatter, members: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the rows of a set that are drawn."""
    return drawn.lenses[members[drawn.lenses]]
