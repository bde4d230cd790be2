"""Figures of what a survey would give, and of subgroups, each from columns of numbers."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from lensapp.core.evaluate.intervals import Interval
from lensapp.core.evaluate.score_axis import ScoreAxis
from lensapp.core.evaluate.subgroups import Subgroup
from lensapp.services.evaluate.expectations import person_time
from lensapp.services.evaluate.figure_tables import INTERVAL_NAMES
from lensapp.services.evaluate.subgroups import LensTrend
from lensapp.ui.shared import figures
from lensapp.ui.shared.scores import score_axis, spread_scores
from lensapp.ui.shared.widgets import number

Columns = Mapping[str, NDArray[Any]]
CLASSES = ("lens", "nonlens")
PANEL_PIXELS = 270
PANELS_ACROSS = (4, 3)  # as many in a row as leave no gap in the last one
MOST_LEVEL_TICKS = {4: 5, 3: 7}  # by panels in a row; more bins have their limits slanted, on one line


def share(value: float) -> str:
    """Return a share in per cent with sensible digits."""
    return f"{100 * value:.3g} %"


def expected_figure(
    columns: Columns, *, threshold: float, axis: ScoreAxis, colours: Mapping[str, str]
) -> go.Figure:
    """Draw true and false candidates expected in a survey against the threshold, as far as some are left.

    Beyond the last one of the part the number is not known, and is on a logarithmic axis no line.
    """
    figure = go.Figure()
    for name, label in (("true_candidates", "lens"), ("false_candidates", "nonlens")):
        figure.add_scatter(
            x=axis.positions(columns["threshold"]),
            y=np.where(columns[name] > 0, columns[name], np.nan),
            customdata=[number(float(one)) for one in columns[name]],
            name=figures.CLASS_NAMES[label],
            mode="lines",
            line={"color": colours[label], "width": 2, "dash": figures.CLASS_DASHES[label]},
            text=[f"{score:.4g}" for score in columns["threshold"]],
            hovertemplate="score ≥ %{text}<br>%{customdata} expected",
        )
    figures.mark_threshold(figure, float(axis.positions(threshold)))
    spread_scores(figure, axis, title="threshold (score)")
    drawn = np.concatenate([columns[name] for name in ("true_candidates", "false_candidates")])
    least, most = np.min(drawn[drawn > 0], initial=1.0), np.max(drawn, initial=1.0)
    ends = (int(np.floor(np.log10(one))) for one in (least, 10 * most))
    figure.update_yaxes(title="candidates in the survey", type="log", **figures.decade_ticks(*ends))
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
            f"{figures.power_of_ten(10**decade)}<br>{person_time(10**decade * hours_each)}"
            for decade in decades
        ],
    )
    figure.update_yaxes(title="lenses", rangemode="tozero")
    figure.update_layout(showlegend=False)
    return figure


def subgroup_panels(groups: Sequence[Subgroup]) -> dict[str, list[Interval | None]]:
    """Return each figure by its title, of every subgroup; those that no subgroup can tell are left out."""
    panels = {
        "lenses accepted": [group.completeness for group in groups],
        "non-lenses accepted": [group.false_positive_rate for group in groups],
        "AUROC": [group.auroc for group in groups],
    }
    for name, title in INTERVAL_NAMES.items():
        if name != "auroc":
            panels[title] = [group.figures.get(name) for group in groups]
    return {title: values for title, values in panels.items() if any(values)}


def drawn_panels(groups: Sequence[Subgroup]) -> dict[str, list[Interval | None]]:
    """Return the figures that are drawn, in rows that have no gap beside the numbers of cutouts.

    The average precision, which the table has, is left out where it would make one.
    """
    panels = subgroup_panels(groups)
    if not panels_across(len(panels) + 1):
        panels.pop(INTERVAL_NAMES["average_precision"], None)
    return panels


def panels_across(count: int) -> int:
    """Return how many of so many panels stand in a row: all of up to three, 4 or 3; 0 where the last gaps."""
    if count <= min(PANELS_ACROSS):
        return count
    return next((across for across in PANELS_ACROSS if count % across == 0), 0)


def subgroup_figure(groups: Sequence[Subgroup], *, by: str, colours: Mapping[str, str]) -> go.Figure:
    """Draw each figure of the subgroups with 95 % limits in a panel, and numbers of cutouts in one.

    `by` names the column, with its unit, that lies on the horizontal axes.
    """
    panels = drawn_panels(groups)
    across = panels_across(len(panels) + 1) or PANELS_ACROSS[0]
    rows = math.ceil((len(panels) + 1) / across)
    of_classes = [f"<span style='color:{colours[one]}'>{figures.CLASS_NAMES[one]}</span>" for one in CLASSES]
    titles = [*panels, f"cutouts: {', '.join(of_classes)}"]
    figure = make_subplots(
        rows, across, subplot_titles=titles, vertical_spacing=0.42 / rows, horizontal_spacing=0.2 / across
    )
    names = [group.name for group in groups]
    ticks = bin_ticks(groups, most=MOST_LEVEL_TICKS.get(across, MOST_LEVEL_TICKS[3]))
    for place, (title, values) in enumerate(panels.items()):
        rows_there = [(name, one) for name, one in zip(names, values, strict=True) if one]
        figure.add_scatter(
            x=[name for name, _ in rows_there],
            y=[one.value for _, one in rows_there],
            error_y={
                "array": [one.high - one.value for _, one in rows_there],
                "arrayminus": [one.value - one.low for _, one in rows_there],
            },
            mode="markers",
            marker={
                "color": colours["nonlens" if title == "non-lenses accepted" else "lens"],
                "size": 8,
                "symbol": figures.CLASS_SYMBOLS["nonlens" if title == "non-lenses accepted" else "lens"],
            },
            hovertemplate="%{x}<br>%{y:.3f} +%{error_y.array:.3f} −%{error_y.arrayminus:.3f}<extra></extra>",
            row=place // across + 1,
            col=place % across + 1,
        )
        figure.update_yaxes(range=[-0.02, 1.03], row=place // across + 1, col=place % across + 1)
    numbers_of = ([group.n_positive for group in groups], [group.n_negative for group in groups])
    for label, numbers in zip(CLASSES, numbers_of, strict=True):
        figure.add_bar(
            x=names,
            y=numbers,
            marker={"color": colours[label], "pattern": {"shape": "/" if label == "nonlens" else ""}},
            hovertemplate=f"%{{x}}<br>%{{y:,}} {figures.CLASS_NAMES[label]}<extra></extra>",
            row=len(panels) // across + 1,
            col=len(panels) % across + 1,
        )
    figure.update_xaxes(
        type="category", categoryorder="array", categoryarray=names,
        tickangle=-35, title=by, title_standoff=6,
        range=[-0.5, len(names) - 0.5],  # of all bins, also where the first or last of them has no value
    )  # fmt: skip
    if ticks:
        figure.update_xaxes(tickvals=names, ticktext=ticks, tickangle=0, tickfont={"size": 11})
    figure.update_layout(showlegend=False)
    return figure


def each_lens_figure(
    trend: LensTrend, *, by: str, threshold: float, axis: ScoreAxis, colours: Mapping[str, str]
) -> go.Figure:
    """Draw the score of every cutout against a column, lenses on top, with the threshold across."""
    figure = go.Figure()
    for label in reversed(CLASSES):
        of_class = trend.labels == (label == "lens")
        figure.add_scatter(
            x=trend.values[of_class],
            y=axis.positions(trend.scores[of_class]),
            customdata=trend.scores[of_class],
            name=figures.CLASS_NAMES[label],
            mode="markers",
            marker={
                "color": colours[label],
                "symbol": figures.CLASS_SYMBOLS[label],
                "size": 11 if label == "lens" else 6,
                "opacity": 0.95 if label == "lens" else 0.45,
            },
            hovertemplate="%{x:.4g}<br>score %{customdata:.4g}",
        )
    line = {"color": figures.ink(), "width": 1.5, "dash": "dash"}
    figure.add_hline(y=float(axis.positions(threshold)), line=line, name=figures.THRESHOLD)
    figure.update_xaxes(title=by)
    figure.update_yaxes(**score_axis(axis, "score"))
    figure.update_layout(legend_traceorder="reversed")
    return figure


def subgroup_height(groups: Sequence[Subgroup]) -> int:
    """Return the height in pixels that the panels of `subgroup_figure` want."""
    count = len(drawn_panels(groups)) + 1
    return 60 + PANEL_PIXELS * math.ceil(count / (panels_across(count) or PANELS_ACROSS[0]))


def bin_ticks(groups: Sequence[Subgroup], *, most: int) -> list[str]:
    """Return the limits of bins in two short lines, with as few digits as tell them apart.

    Nothing for names, and for more than `most` bins.
    """
    if len(groups) > most or any(group.low is None or group.high is None for group in groups):
        return []
    edges = [float(group.low or 0.0) for group in groups] + [float(groups[-1].high or 0.0)]
    texts: list[str] = []
    for digits in range(2, 5):
        texts = [number(edge, digits=digits) for edge in edges]
        if len(set(texts)) == len(texts):
            break
    return [f"{low}–<br>{high}" for low, high in pairwise(texts)]
