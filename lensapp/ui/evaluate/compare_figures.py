"""Figures that compare networks: one figure of merit by architecture, and completeness against cost."""

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from lensapp.core.evaluate.intervals import wilson_interval
from lensapp.services.train.comparisons import Compared

MERITS = {
    "accuracy": "accuracy at score ≥ 0.5",
    "auroc": "AUROC",
    "tpr10": "TPR10",
    "rotation_std": "rotation std",
}
COSTS = {
    "parameters": "parameters",
    "seconds": "training time (s)",
    "images_per_second": "images/s in training",
}
NAMES = {"network": "network", "committee": "committee", "baseline": "classical baseline"}
PLACES = {"network": 0, "committee": 1, "baseline": 7}  # among the colours of lines
SYMBOLS = {"network": "circle", "committee": "star", "baseline": "diamond"}


def bar_figure(rows: Sequence[Compared], merit: str, *, colours: Sequence[str], ink: str) -> go.Figure:
    """Draw one bar per row that has `merit` (of MERITS), best on top, with 95 % intervals where known."""
    lower_is_better = merit == "rotation_std"
    measured = [row for row in rows if getattr(row, merit) is not None]
    measured.sort(key=lambda row: getattr(row, merit), reverse=lower_is_better)
    figure = go.Figure()
    for kind, name in NAMES.items():
        of_kind = [row for row in measured if row.kind == kind]
        if not of_kind:
            continue
        values = [float(getattr(row, merit)) for row in of_kind]
        figure.add_bar(
            y=[row.label for row in of_kind],
            x=values,
            orientation="h",
            name=name,
            marker={"color": colours[PLACES[kind]], "line": {"width": 0}},
            error_x=_error_bars(of_kind, merit)
            | {"color": ink, "thickness": 1.2, "width": 4, "visible": merit in ("accuracy", "tpr10")},
            text=[f"{value:.3f}" for value in values],
            textposition="inside",
            insidetextanchor="start",
            hovertemplate="%{y}: %{x:.4f}",
        )
    figure.update_layout(showlegend=len({row.kind for row in measured}) > 1, bargap=0.35)
    figure.update_xaxes(title=MERITS[merit], rangemode="tozero")
    figure.update_yaxes(categoryorder="array", categoryarray=[row.label for row in measured], ticks="")
    return figure


def interval_of(row: Compared, merit: str) -> tuple[float, float]:
    """Return the 95 % interval (Wilson) of a share, or the value itself twice where it is no share."""
    value = float(getattr(row, merit))
    if merit == "accuracy" and row.accuracy_low is not None and row.accuracy_high is not None:
        return row.accuracy_low, row.accuracy_high
    if merit == "tpr10" and row.lenses:
        return wilson_interval(round(value * row.lenses), row.lenses)
    return value, value


def _error_bars(rows: Sequence[Compared], merit: str) -> dict[str, Any]:
    """Return how far the interval of each row reaches above and below its value, as plotly takes it."""
    values = [float(getattr(row, merit)) for row in rows]
    intervals = [interval_of(row, merit) for row in rows]
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - value for value, (_, high) in zip(values, intervals, strict=True)],
        "arrayminus": [value - low for value, (low, _) in zip(values, intervals, strict=True)],
    }


def cost_figure(rows: Sequence[Compared], cost: str, *, colours: Sequence[str], ink: str) -> go.Figure:
    """Draw TPR10 of each row against `cost` (of COSTS), which is spread logarithmically."""
    figure = go.Figure()
    measured = [row for row in rows if row.tpr10 is not None and getattr(row, cost)]
    costs = [float(getattr(row, cost)) for row in measured]
    middle = math.sqrt(min(costs) * max(costs)) if costs else 1.0
    for kind, name in NAMES.items():
        of_kind = [row for row in measured if row.kind == kind]
        if not of_kind:
            continue
        costs_of_kind = [float(getattr(row, cost)) for row in of_kind]
        # Names towards the middle, where there is room, and beside the error bars.
        sides = ["middle left" if value > middle else "middle right" for value in costs_of_kind]
        figure.add_scatter(
            x=costs_of_kind,
            y=[row.tpr10 for row in of_kind],
            name=name,
            mode="markers+text",
            text=[row.label for row in of_kind],
            textposition=sides,
            textfont={"size": 11, "color": ink},
            marker={"size": 11, "color": colours[PLACES[kind]], "symbol": SYMBOLS[kind]},
            error_y=_error_bars(of_kind, "tpr10") | {"thickness": 1, "width": 3},
            hovertemplate="%{text}<br>TPR10 %{y:.3f}<br>%{x:,.4~g} " + COSTS[cost],
        )
    figure.update_layout(showlegend=len({row.kind for row in measured}) > 1)
    figure.update_xaxes(title=COSTS[cost], type="log", exponentformat="SI", dtick=1)
    figure.update_yaxes(title="TPR10", rangemode="tozero")
    return figure


def columns_of(rows: Sequence[Compared]) -> dict[str, list[Any]]:
    """Return the rows as columns for a download."""
    names = ("label", "run", "model", "kind", "dataset", "state", "n", "lenses", "accuracy", "accuracy_low",
             "accuracy_high", "auroc", "average_precision", "tpr0", "tpr10", "rotation_std", "parameters",
             "epochs", "seconds", "images_per_second", "reason")  # fmt: skip
    return {name: [getattr(row, name) for row in rows] for name in names}
