"""Figures of runs on the same cutouts: a figure of merit, shared false positives, score against score."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from lensapp.core.evaluate.compare.overlap import Overlap
from lensapp.core.evaluate.score_axis import ScoreAxis
from lensapp.core.numerals import score_text
from lensapp.services.evaluate.compare.scatter import Scatter
from lensapp.services.evaluate.compare.side_by_side import SideBySide
from lensapp.services.evaluate.compare.tables import HIGH, LOW
from lensapp.ui.shared import figures
from lensapp.ui.shared.markup import shortened
from lensapp.ui.shared.scores import LEAST_APART, score_axis

TWO, FITTING = 2, 12
PLOT_SHARE = 0.82  # of the width, where p-values stand beside
SYMBOLS = {"lens": "circle", "nonlens": "x-thin-open"}


def interval_figure(
    table: pd.DataFrame, name: str, *, colours: Sequence[str], p_values: Mapping[str, str] | None = None
) -> go.Figure:
    """Draw one figure of each run with its 95 % limits, the highest on top, in the run's colour.

    `p_values` are those of no difference from another run, which stand at the right, by run.
    """
    figure = go.Figure()
    for index, row in enumerate(table.to_dict("records")):
        figure.add_scatter(
            x=[row[name]],
            y=[row["run"]],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [row[name + HIGH] - row[name]],
                "arrayminus": [row[name] - row[name + LOW]],
                "thickness": 2,
                "width": 5,
            },
            customdata=[[row[name + LOW], row[name + HIGH]]],
            text=[f"{row[name]:.3f}"],
            textposition="top center",
            cliponaxis=False,
            mode="markers+text",
            marker={"size": 11, "color": colours[index % len(colours)]},
            hovertemplate="%{y}: %{x:.4f} (%{customdata[0]:.4f} to %{customdata[1]:.4f})<extra></extra>",
        )
    order = table.sort_values(name)["run"].tolist()
    figure.update_layout(showlegend=False)
    figure.update_xaxes(title=name)
    for place, run in enumerate(order if p_values else ()):
        figure.add_annotation(
            x=1, y=place, xref="paper", xanchor="right", showarrow=False, text=(p_values or {}).get(run, "")
        )
    if p_values:
        figure.update_xaxes(domain=[0, PLOT_SHARE])
    figure.update_yaxes(
        categoryorder="array",
        categoryarray=order,
        range=[-0.7, len(order) - 0.3],
        ticks="",
        tickvals=order,
        ticktext=[*map(figures.wrapped, order)],
    )
    return figure


def two_figure(overlap: Overlap, names: Sequence[str], *, colours: Sequence[str], ink: str) -> go.Figure:
    """Draw how many cutouts only the first of two runs has, both, and only the second, as one bar."""
    figure = go.Figure()
    parts = (
        (f"only {names[0]}", int(overlap.by_only(0).sum()), colours[0]),
        ("both", int(overlap.by_all.sum()), ink),
        (f"only {names[1]}", int(overlap.by_only(1).sum()), colours[1]),
    )
    for name, count, colour in parts:
        figure.add_bar(
            x=[count], y=[""], orientation="h", name=figures.in_legend(name),
            marker={"color": figures.faded(colour, 0.45), "line": {"color": colour, "width": 1.5}},
            text=[str(count) if count else ""], textposition="inside", insidetextanchor="middle",
            textangle=0, textfont={"size": 16, "color": ink}, hovertemplate="%{x:,}",
        )  # fmt: skip
    figure.update_layout(barmode="stack", bargap=0.1, legend={"traceorder": "normal"})
    figure.update_xaxes(
        title="cutouts", visible=False, range=[0, max(sum(count for _, count, _ in parts), 1)]
    )
    figure.update_yaxes(visible=False)
    return figure


def overlap_figure(overlap: Overlap, runs: Sequence[str], *, colour: str, ink: str) -> go.Figure:
    """Draw how many cutouts two runs both accept, tinted by the share of what either accepts.

    Rows are named; columns have the numbers of the rows where there are more than two or names are long.
    """
    places = list(range(len(runs)))
    short = [html.escape(shortened(run, most=24), quote=False) for run in runs]
    few = len(runs) == TWO and max(map(len, short)) <= FITTING  # longer ones would hide each other
    names = short if few else [f"{run} · {place + 1}" for place, run in enumerate(short)]
    figure = go.Figure(
        go.Heatmap(
            z=np.sqrt(np.nan_to_num(overlap.jaccard)),  # small shares are told apart too
            x=places,
            y=places,
            text=overlap.shared,
            customdata=np.stack(
                [overlap.by_chance, 100 * np.nan_to_num(overlap.jaccard), *np.meshgrid(runs, runs)], axis=-1
            ).astype(object),
            texttemplate="%{text}",
            textfont={"color": ink, "size": 14 if len(runs) < 9 else 11},
            colorscale=[(0.0, figures.faded(colour, 0.0)), (1.0, colour)],
            zmin=0.0,
            zmax=1.4,  # full colour would hide the number
            showscale=False,
            hovertemplate="%{customdata[3]} and %{customdata[2]}<br>%{text} of both, "
            "%{customdata[1]:.0f} % of either<br>%{customdata[0]:.1f} by chance<extra></extra>",
        )
    )
    figure.update_xaxes(
        title="run" if few else "run, by its number",
        side="top",
        showgrid=False,
        tickvals=places,
        ticktext=names if few else [str(place + 1) for place in places],
    )
    figure.update_yaxes(title="run", autorange="reversed", showgrid=False, tickvals=places, ticktext=names)
    return figure


def add_density(figure: go.Figure, drawn: Scatter, *, colours: tuple[str, str], whose: str) -> None:
    """Draw the density of what is too much to draw one by one; `colours` are of few and of many."""
    if drawn.density is None:
        return
    across, upwards = ((edges[1:] + edges[:-1]) / 2 for edges in (drawn.edges(0), drawn.edges(1)))
    figure.add_heatmap(
        x=across,
        y=upwards,
        z=np.where(drawn.density > 0, np.log10(np.maximum(drawn.density, 1)), np.nan),
        customdata=drawn.density,
        colorscale=[*enumerate(colours)],
        showscale=False,
        hovertemplate=f"%{{customdata:,}} {whose}<extra></extra>",
    )


def scatter_figure(
    compared: SideBySide, drawn: Scatter, *, runs: tuple[int, int], colours: Mapping[str, str]
) -> go.Figure:
    """Draw the scores of one run (across) against those of another; marks carry their row."""
    figure = go.Figure()
    colour = colours["nonlens"]
    add_density(figure, drawn, colours=(figures.faded(colour, 0.18), colour), whose="non-lenses")
    for label, rows in (("nonlens", drawn.nonlenses), ("lens", drawn.lenses)):
        scores = compared.scores[list(runs)][:, rows]
        x, y = (axis.positions(axis.clipped(values)) for axis, values in zip(drawn.axes, scores, strict=True))
        name = figures.CLASS_NAMES[label]
        disagreeing = label == "nonlens" and drawn.density is not None
        figure.add_scatter(
            x=x,
            y=y,
            customdata=rows,
            text=[f"{score_text(one)}, {score_text(other)}" for one, other in scores.T.tolist()],
            mode="markers",
            name=f"{name} (most different)" if disagreeing else name,
            marker={
                "color": colours[label],
                "size": 6 if len(rows) < 1000 else 4,
                "symbol": SYMBOLS[label],
                "opacity": 0.85,
                "line": {"width": 1.2 if label == "nonlens" else 0, "color": colours[label]},
            },
            hovertemplate="scores %{text}",
        )
    lows, highs = zip(*((drawn.edges(run)[0], drawn.edges(run)[-1]) for run in (0, 1)), strict=True)
    if max(lows) < min(highs):
        ends = [max(lows), min(highs)]
        figure.add_scatter(
            x=ends, y=ends, mode="lines", line=figures.CHANCE, hoverinfo="skip", name="equal scores"
        )
    names = [compared.runs[run] for run in runs]
    square = {"scaleanchor": "x"} if drawn.axes[0] == drawn.axes[1] else {}
    figure.update_xaxes(**run_axis(drawn.axes[0], names[0]), constrain="domain")
    figure.update_yaxes(**run_axis(drawn.axes[1], names[1]), constrain="domain", **square)
    figure.update_layout(dragmode="lasso", hovermode="closest", legend={"itemsizing": "constant"})
    return figure


def run_axis(axis: ScoreAxis, name: str) -> dict[str, Any]:
    """Return title, range and ticks of an axis of scores."""
    low, high = axis.positions([axis.low, axis.high])
    margin = 0.02 * (high - low)
    return score_axis(axis, f"score by {name}", apart=LEAST_APART) | {
        "tickangle": 0,
        "range": [low - margin, high + margin],
    }


def overlap_columns(overlap: Overlap, runs: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return the matrix as columns for a download."""
    return {"run": np.array(runs, object), **dict(zip(runs, overlap.shared.T, strict=True))}
