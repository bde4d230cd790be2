"""Figures that compare networks: one figure of merit by architecture, and completeness against cost."""

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from lensapp.core.evaluate.intervals import wilson_interval
from lensapp.services.evaluate.evaluation import ROUNDING
from lensapp.services.train.comparisons import Compared
from lensapp.ui.shared import figures
from lensapp.ui.shared.widgets import rounded_count

MERITS = {
    "accuracy": "accuracy at score ≥ 0.5",
    "auroc": "AUROC",
    "tpr10": "TPR10",
    "rotation_std": "scatter under rotation",
}
COSTS = {
    "parameters": "parameters",
    "seconds": "training time (s)",
    "images_per_second": "images/s in training",
}
NAMES = {"network": "network", "committee": "committee", "baseline": "classical baseline"}
NEAR_COST, NEAR_SHARE = 0.35, 0.08  # of the extent: nearer names would overlap
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
        if lower_is_better:
            values = [0.0 if value < ROUNDING else value for value in values]
        figure.add_bar(
            y=[row.label for row in of_kind],
            x=values,
            orientation="h",
            name=name,
            marker={"color": colours[PLACES[kind]], "line": {"width": 0}},
            error_x=_error_bars(of_kind, merit)
            | {"color": ink, "thickness": 1.2, "width": 4, "visible": has_intervals(of_kind, merit)},
            text=[f"{value:.3f}" for value in values],
            textposition="inside",
            insidetextanchor="start",
            hovertemplate="%{y}: %{x:.4f}",
        )
    figure.update_layout(showlegend=len({row.kind for row in measured}) > 1, bargap=0.35)
    figure.update_xaxes(title=MERITS[merit], rangemode="tozero")
    order = [row.label for row in measured]
    figure.update_yaxes(categoryorder="array", categoryarray=order, ticks="")
    figure.update_yaxes(tickvals=order, ticktext=[*map(figures.wrapped, order)])
    return figure


def has_intervals(rows: Sequence[Compared], merit: str) -> bool:
    """Return whether the 95 % interval of a figure is known of any row."""
    return any(len({*interval_of(row, merit)}) == 2 for row in rows if getattr(row, merit) is not None)


def interval_of(row: Compared, merit: str) -> tuple[float, float]:
    """Return the 95 % interval (DeLong of the AUROC, Wilson of a share), or the value itself twice."""
    value = float(getattr(row, merit))
    if merit == "accuracy" and row.accuracy_low is not None and row.accuracy_high is not None:
        return row.accuracy_low, row.accuracy_high
    if merit == "auroc" and row.auroc_low is not None and row.auroc_high is not None:
        return row.auroc_low, row.auroc_high
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
    positions = name_positions(costs, [float(row.tpr10 or 0.0) for row in measured])
    for kind, name in NAMES.items():
        of_kind = [row for row in measured if row.kind == kind]
        if not of_kind:
            continue
        costs_of_kind = [float(getattr(row, cost)) for row in of_kind]
        figure.add_scatter(
            x=costs_of_kind,
            y=[row.tpr10 for row in of_kind],
            name=name,
            mode="markers+text",
            text=[row.label for row in of_kind],
            textposition=[
                position for row, position in zip(measured, positions, strict=True) if row.kind == kind
            ],
            textfont={"size": 11, "color": ink},
            cliponaxis=False,  # the names of those at TPR10 1 stand above the axis
            marker={"size": 11, "color": colours[PLACES[kind]], "symbol": SYMBOLS[kind]},
            error_y=_error_bars(of_kind, "tpr10") | {"thickness": 1, "width": 3},
            hovertemplate="%{text}<br>TPR10 %{y:.3f}<br>%{x:,.4~g} " + COSTS[cost],
        )
    figure.update_layout(showlegend=len({row.kind for row in measured}) > 1)
    ticks = cost_ticks(costs)
    figure.update_xaxes(title=COSTS[cost], type="log", tickvals=ticks, ticktext=[*map(rounded_count, ticks)])
    figure.update_yaxes(title="TPR10", rangemode="tozero")
    return figure


def cost_ticks(costs: Sequence[float]) -> list[float]:
    """Return where to write a logarithmic axis: 1, 2 and 5 of each decade, 1 alone where it spans three."""
    if not costs:
        return []
    low, high = min(costs) / 2, max(costs) * 2
    factors = (1, 2, 5) if high / low < 1000 else (1,)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [tick for power in decades for factor in factors if low <= (tick := factor * 10.0**power) <= high]


def name_positions(costs: Sequence[float], shares: Sequence[float]) -> list[str]:
    """Return where the name of each point goes: towards the middle, where there is room.

    Of points that are near each other the second has its name above, the third below.
    """
    if not costs:
        return []
    middle = math.sqrt(min(costs) * max(costs))
    width, height = math.log10(max(costs) / min(costs)) or 1.0, max(shares) or 1.0
    positions = []
    for index, (cost, share) in enumerate(zip(costs, shares, strict=True)):
        before = sum(
            abs(math.log10(cost / costs[other])) < NEAR_COST * width
            and abs(share - shares[other]) < NEAR_SHARE * height
            for other in range(index)
        )
        level = ("middle", "top", "bottom")[before % 3]
        positions.append(f"{level} {'left' if cost > middle else 'right'}")
    return positions


def columns_of(rows: Sequence[Compared]) -> dict[str, list[Any]]:
    """Return the rows as columns for a download."""
    names = ("label", "run", "model", "kind", "dataset", "state", "n", "lenses", "accuracy", "accuracy_low",
             "accuracy_high", "auroc", "auroc_low", "auroc_high",
             "average_precision", "tpr0", "tpr10", "rotation_std", "parameters",
             "epochs", "seconds", "images_per_second", "reason")  # fmt: skip
    return {name: [getattr(row, name) for row in rows] for name in names}
