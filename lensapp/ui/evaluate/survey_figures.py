"""Figures of what a survey would give, and of subgroups, each from columns of numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from lensapp.core.evaluate.score_axis import ScoreAxis
from lensapp.core.evaluate.subgroups import Subgroup
from lensapp.services.evaluate.expectations import person_time
from lensapp.ui.evaluate.evaluation_figures import spread_scores
from lensapp.ui.shared import figures

Columns = Mapping[str, NDArray[Any]]
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
LOWEST_CANDIDATES = 0.5


def power_of_ten(value: float) -> str:
    """Return a small share as 2 × 10⁻⁴."""
    mantissa, exponent = f"{value:.0e}".split("e")
    power = "10" + str(int(exponent)).translate(SUPERSCRIPTS)
    return power if mantissa == "1" else f"{mantissa} × {power}"


def share(value: float) -> str:
    """Return a share in per cent with sensible digits."""
    return f"{100 * value:.3g} %"


def expected_figure(
    columns: Columns, *, threshold: float, axis: ScoreAxis, colours: Mapping[str, str]
) -> go.Figure:
    """Draw true and false candidates expected in a survey against the threshold."""
    figure = go.Figure()
    for name, label in (("true_candidates", "lens"), ("false_candidates", "nonlens")):
        figure.add_scatter(
            x=axis.positions(columns["threshold"]),
            y=np.maximum(columns[name], LOWEST_CANDIDATES),
            customdata=columns[name],
            name=figures.CLASS_NAMES[label],
            mode="lines",
            line={"color": colours[label], "width": 2, "dash": "solid" if label == "lens" else "dash"},
            text=[f"{score:.4g}" for score in columns["threshold"]],
            hovertemplate="score ≥ %{text}<br>%{customdata:,.0f} expected",
        )
    figures.mark_threshold(figure, float(axis.positions(threshold)))
    spread_scores(figure, axis, title="threshold (score)")
    figure.update_yaxes(title="candidates in the survey", type="log", exponentformat="power", dtick=1)
    return figure


def budget_figure(
    columns: Columns, *, lenses: float, inspected: float | None, colours: Sequence[str]
) -> go.Figure:
    """Draw lenses found against candidates inspected, with 95 % limits as a band.

    `lenses` are all of the survey, `inspected` is the number of candidates at the threshold.
    """
    figure = go.Figure()
    figures.add_band(
        figure, columns["inspected"], columns["lenses_low"], columns["lenses_high"], colour=colours[0]
    )
    figure.add_scatter(
        x=columns["inspected"],
        y=columns["lenses"],
        customdata=columns["hours"],
        mode="lines",
        name="lenses found",
        line={"color": colours[0], "width": 2},
        hovertemplate="%{x:,.0f} inspected<br>%{customdata:,.3g} person-hours<br>%{y:,.0f} lenses"
        "<extra></extra>",
    )
    figure.add_hline(
        y=lenses, line=figures.CHANCE, annotation_text="all lenses", annotation_position="top left"
    )
    if inspected:
        figures.mark_threshold(figure, inspected)
    hours_each = columns["hours"][-1] / columns["inspected"][-1]
    most = float(np.log10(columns["inspected"][-1]))
    decades = range(round(most) + 1)
    figure.update_xaxes(
        title="candidates inspected, and the person-hours that takes",
        type="log",
        range=[-0.15, most + 0.15],
        tickvals=[10**decade for decade in decades],
        ticktext=[
            f"{power_of_ten(10**decade)}<br>{person_time(10**decade * hours_each)}" for decade in decades
        ],
    )
    figure.update_yaxes(title="lenses", rangemode="tozero")
    figure.update_layout(showlegend=False)
    return figure


def subgroup_figure(groups: Sequence[Subgroup], *, column: str, colours: Mapping[str, str]) -> go.Figure:
    """Draw completeness and false positive rate of each subgroup with their 95 % limits."""
    figure = go.Figure()
    for name, label in (("completeness", "lens"), ("false_positive_rate", "nonlens")):
        shares = [(group.name, getattr(group, name)) for group in groups if getattr(group, name)]
        if not shares:
            continue
        figure.add_scatter(
            x=[one for one, _ in shares],
            y=[interval.value for _, interval in shares],
            error_y={
                "array": [interval.high - interval.value for _, interval in shares],
                "arrayminus": [interval.value - interval.low for _, interval in shares],
            },
            mode="markers",
            name=f"{figures.CLASS_NAMES[label]} accepted",
            marker={
                "color": colours[label], "size": 9, "symbol": "circle" if label == "lens" else "diamond"
            },
            hovertemplate="%{x}<br>%{y:.3f} +%{error_y.array:.3f} −%{error_y.arrayminus:.3f}",
        )  # fmt: skip
    figure.update_xaxes(title=column.replace("_", " "), type="category")
    figure.update_yaxes(title="share accepted", range=[-0.02, 1.03])
    return figure
