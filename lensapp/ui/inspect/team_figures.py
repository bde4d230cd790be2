"""Figures about inspectors: completeness against false positives, and agreement of pairs."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from lensapp.core.inspect.agreement import Rate
from lensapp.services.inspect.team import InspectorRecord, Team
from lensapp.ui.shared import figures


def show_rates(team: Team) -> None:
    """Show each inspector's completeness against false-positive rate, with intervals."""
    tested = [one for one in team.inspectors if one.completeness.cases and one.false_positives.cases]
    if not tested:
        return
    lenses = max(one.completeness.cases for one in tested)
    duds = max(one.false_positives.cases for one in tested)
    figures.show(
        _rates_figure(tested),
        title="Inspectors near the top left find lenses without being fooled",
        caption=f"n = up to {lenses} simulated lenses and {duds} duds per inspector; 95 % intervals.",
        csv=figures.csv_text(
            {
                "inspector": [one.name for one in tested],
                "completeness": [one.completeness.value for one in tested],
                "false_positive_rate": [one.false_positives.value for one in tested],
            }
        ),
        height=360,
    )


def _rates_figure(tested: Sequence[InspectorRecord]) -> go.Figure:
    figure = go.Figure()
    colours = figures.line_colours()
    for place, one in enumerate(tested):
        figure.add_scatter(
            x=[one.false_positives.value],
            y=[one.completeness.value],
            error_x=_bars(one.false_positives),
            error_y=_bars(one.completeness),
            mode="markers",
            name=one.name,
            marker={"size": 10, "color": colours[place % len(colours)]},
            hovertemplate="completeness %{y:.2f}<br>false positives %{x:.2f}",
        )
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", name="chance", line=figures.CHANCE)
    figure.update_xaxes(title="False-positive rate on duds", range=[-0.03, 1.03])
    figure.update_yaxes(title="Completeness on simulated lenses", range=[-0.03, 1.03])
    return figure


def _bars(rate: Rate) -> dict[str, object]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [rate.high - rate.value],
        "arrayminus": [rate.value - rate.low],
        "thickness": 1,
    }


def show_kappas(team: Team) -> None:
    """Show Cohen's kappa of every pair of inspectors."""
    shared = [pair.candidates for pair in team.pairs]
    span = " to ".join(map(str, sorted({min(shared), max(shared)})))
    figures.show(
        _kappa_figure(team),
        title="Cohen's kappa of each pair of inspectors",
        caption=f"n = {span} candidates graded by both; 1 is agreement, 0 chance.",
        csv=figures.csv_text(
            {
                "first": [pair.first for pair in team.pairs],
                "second": [pair.second for pair in team.pairs],
                "kappa": [pair.kappa for pair in team.pairs],
                "candidates": shared,
            }
        ),
        height=120 + 44 * max(len(team.inspectors), 3),
    )


def _kappa_figure(team: Team) -> go.Figure:
    names = [one.name for one in team.inspectors]
    place = {name: number for number, name in enumerate(names)}
    kappa = np.full((len(names), len(names)), np.nan)
    for pair in team.pairs:
        kappa[place[pair.first], place[pair.second]] = pair.kappa
        kappa[place[pair.second], place[pair.first]] = pair.kappa
    text = [["" if np.isnan(value) else f"{value:.2f}" for value in row] for row in kappa]
    figure = go.Figure(
        go.Heatmap(
            z=kappa,
            x=names,
            y=names,
            zmin=-1,
            zmax=1,
            colorscale="RdBu",
            text=text,
            texttemplate="%{text}",
            hovertemplate="%{y} and %{x}: %{z:.2f}<extra></extra>",
            colorbar={"title": "κ", "thickness": 12},
        )
    )
    figure.update_yaxes(autorange="reversed")
    return figure
