"""The figure of the Score page: how the scores of a source are spread, and what is chosen of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from numpy.typing import NDArray

from lensapp.core.evaluate.score_axis import ScoreAxis, threshold_text
from lensapp.ui.evaluate.evaluation_figures import score_figure
from lensapp.ui.shared import figures
from lensapp.ui.shared.widgets import number

TINT, FILL = 0.16, 0.38
LINE_ABOVE = 0.07  # of the height of the figure, between what is written above it


def scored_figure(
    columns: Mapping[str, NDArray[Any]],
    *,
    threshold: float,
    axis: ScoreAxis,
    reached: int,
    best: tuple[int, float],
    colours: Sequence[str],
) -> go.Figure:
    """Draw the scores of a source with the threshold and the best that are to be reviewed.

    Parameters
    ----------
    columns
        As `lensapp.services.score.scores.histogram` gives them.
    reached
        How many cutouts have at least the threshold.
    best
        How many are to be reviewed, and the lowest of their scores; nothing is marked where that is all.
    """
    figure = score_figure(columns, threshold=threshold, axis=axis)
    if set(columns) == {"edges", "unlabelled"}:  # one class needs no marks to be told from others
        figure.data[0].update(
            name="cutouts",
            hovertemplate="%{customdata[0]:,} cutouts<br>score from %{customdata[1]:.3g}<extra></extra>",
            line={"color": colours[0], "width": 1.5, "dash": "solid"},
            fillcolor=figures.faded(colours[0], FILL),
        )
    count, lowest = best
    low, high = figure.layout.xaxis.range
    at = float(axis.positions(threshold))
    words = [(at, f"≥ {threshold_text(threshold)}: {number(reached)}", figures.ink(), 0)]
    if count < sum(int(counts.sum()) for name, counts in columns.items() if name != "edges"):
        begin, tint = float(axis.positions(axis.clipped(lowest))), figures.faded(colours[3], TINT)
        figure.add_vrect(x0=begin, x1=high, fillcolor=tint, line_width=0, layer="below")
        figure.add_vline(x=begin, line={"color": colours[3], "width": 1.5})
        marked = "the best, to review" if count == 1 else f"the {number(count)} best, to review"
        words.append((begin, marked, colours[3], 1))
    for x, text, colour, line in words:
        right = (x - low) / (high - low) > 0.5
        figure.add_annotation(
            x=x, y=1.0 + line * LINE_ABOVE, xref="x", yref="paper", yanchor="bottom", text=text,
            xanchor="right" if right else "left", showarrow=False, font={"color": colour, "size": 12},
        )  # fmt: skip
    above = 80 if figure.layout.showlegend else 56
    figure.update_layout(legend={"y": 1.0 + 2 * LINE_ABOVE}, margin={"t": above})
    return figure
