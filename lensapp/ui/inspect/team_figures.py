"""Figures about inspectors: completeness against false positives, agreement of pairs, pace of one."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from lensapp.core.inspect.agreement import Rate
from lensapp.core.inspect.grades import GradeScheme
from lensapp.core.inspect.pace import IDLE_SECONDS
from lensapp.core.numerals import fixed
from lensapp.services.inspect.team import InspectorRecord, Pair, Team
from lensapp.ui.inspect.agreement_words import NO_KAPPA, why_no_kappa
from lensapp.ui.shared import figures
from lensapp.ui.shared.pictures import grade_ink
from lensapp.ui.shared.widgets import counted, number

HEIGHT = 340
NAME_LETTERS = 12  # in a line of a name beside or below a matrix
MOST_IN_ROWS = 5  # inspectors, of whom each pair has a row
SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60)  # marked on the axis; no look is shorter than the first
SYMBOLS = ("circle", "square", "diamond", "x", "cross", "triangle-up", "star", "pentagon", "hexagon")


def tested_both_ways(team: Team) -> list[InspectorRecord]:
    """Return the inspectors who graded simulated lenses as well as duds."""
    return [one for one in team.inspectors if one.completeness.cases and one.false_positives.cases]


def show_rates(team: Team) -> None:
    """Show each inspector's completeness against false-positive rate, with intervals."""
    tested = tested_both_ways(team)
    figure, colours = go.Figure(), figures.line_colours()
    for index, record in enumerate(tested):
        figure.add_scatter(
            x=[record.false_positives.value],
            y=[record.completeness.value],
            error_x=_error_bars(record.false_positives),
            error_y=_error_bars(record.completeness),
            mode="markers",
            name=record.name,
            marker={"size": 10, "color": colours[index % len(colours)]},
            hovertemplate="completeness %{y:.2f}<br>false positives %{x:.2f}",
        )
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", name="chance", line=figures.CHANCE)
    figure.update_xaxes(title="False-positive rate on duds", range=[-0.03, 1.03])
    figure.update_yaxes(title="Completeness on simulated lenses", range=[-0.03, 1.03])
    lenses = max(record.completeness.cases for record in tested)
    duds = max(record.false_positives.cases for record in tested)
    figures.show_figure(
        figure,
        title="On blind tests: near the top left are found lenses, without false ones",
        caption=f"n = up to {lenses} simulated lenses and {duds} duds per inspector; 95 % intervals.",
        csv=figures.csv_text(
            {
                "inspector": [record.name for record in tested],
                "completeness": [record.completeness.value for record in tested],
                "false_positive_rate": [record.false_positives.value for record in tested],
            }
        ),
        height=HEIGHT,
    )


def _error_bars(rate: Rate) -> dict[str, object]:
    return {
        "type": "data",
        "symmetric": False,
        "array": [rate.high - rate.value],
        "arrayminus": [rate.value - rate.low],
        "thickness": 1,
    }


def show_kappas(team: Team) -> None:
    """Show Cohen's kappa of every pair of inspectors: of few in a row each, of many in a matrix."""
    few = len(team.inspectors) <= MOST_IN_ROWS
    figure = _kappas_in_rows(team.pairs) if few else _kappa_matrix(team)
    candidates = [pair.candidates for pair in team.pairs]
    span = " to ".join(map(str, sorted({min(candidates), max(candidates)})))
    bars = "; 95 % intervals" if few else ""
    blank = "" if few or not any(map(why_no_kappa, team.pairs)) else f" –: {NO_KAPPA}."
    figures.show_figure(
        figure,
        title="Cohen's kappa of each pair of inspectors",
        caption=f"n = {span} candidates graded by both; 1 is agreement, 0 chance{bars}.{blank}",
        csv=figures.csv_text(
            {
                "first": [pair.first for pair in team.pairs],
                "second": [pair.second for pair in team.pairs],
                "kappa": [pair.kappa for pair in team.pairs],
                "low": [pair.low for pair in team.pairs],
                "high": [pair.high for pair in team.pairs],
                "candidates": candidates,
            }
        ),
        height=110 + 52 * len(team.pairs) if few else max(HEIGHT, 120 + 44 * len(team.inspectors)),
    )


def _kappas_in_rows(pairs: Sequence[Pair]) -> go.Figure:
    """Return a row for each pair: κ with its interval and number of candidates, or why there is none."""
    told = [(row, pair) for row, pair in enumerate(pairs) if not why_no_kappa(pair)]
    figure = go.Figure()
    figure.add_scatter(
        x=[pair.kappa for _, pair in told],
        y=[row for row, _ in told],
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [pair.high - pair.kappa for _, pair in told],
            "arrayminus": [pair.kappa - pair.low for _, pair in told],
            "thickness": 1.5,
        },
        mode="markers+text",
        text=[f"{fixed(pair.kappa)}, n = {number(pair.candidates)}" for _, pair in told],
        textposition="top center",
        marker={"size": 10, "color": figures.line_colours()[0]},
        customdata=[
            f"{pair.first}, {pair.second}: κ {fixed(pair.low)} to {fixed(pair.high)}" for _, pair in told
        ],
        hovertemplate="%{customdata}<extra></extra>",
    )
    for row, pair in enumerate(pairs):
        if why := why_no_kappa(pair):
            words = f"{why} (n = {number(pair.candidates)})"
            figure.add_annotation(x=0, y=row, text=words, showarrow=False, xanchor="left", xshift=6)
    figure.add_vline(x=0, line=figures.CHANCE)
    lowest = min([pair.low for _, pair in told], default=0.0)
    figure.update_xaxes(title="Cohen's κ", range=[min(-0.15, lowest - 0.05), 1.05])
    ticks = {"tickvals": [*range(len(pairs))], "ticktext": [_in_lines(pair) for pair in pairs]}
    figure.update_yaxes(range=[len(pairs) - 0.5, -0.7], showgrid=False, **ticks)
    figure.update_layout(showlegend=False)
    return figure


def _in_lines(pair: Pair) -> str:
    """Return the two names of a pair, a line each."""
    return "<br>".join(figures.wrapped(name, most=NAME_LETTERS) for name in (f"{pair.first},", pair.second))


def _kappa_matrix(team: Team) -> go.Figure:
    """Return κ and number of candidates of each pair, once: below the diagonal."""
    names = [record.name for record in team.inspectors]
    row_of = {name: row for row, name in enumerate(names)}
    kappa = np.full((len(names) - 1, len(names) - 1), np.nan)
    text = np.full(kappa.shape, "", object)
    for pair in team.pairs:
        column, row = sorted((row_of[pair.first], row_of[pair.second]))
        blank = bool(why_no_kappa(pair))
        kappa[row - 1, column] = np.nan if blank else pair.kappa
        text[row - 1, column] = f"{'–' if blank else fixed(pair.kappa)}<br>n = {number(pair.candidates)}"
    alike, contrary = (figures.faded(colour, 0.5) for colour in figures.line_colours()[:2])
    figure = go.Figure(
        go.Heatmap(
            z=kappa,
            zmin=-1,
            zmax=1,
            colorscale=[(0.0, contrary), (0.5, figures.grid()), (1.0, alike)],
            text=text,
            xgap=2,
            ygap=2,
            hovertemplate="κ = %{text}<extra></extra>",
            colorbar={"title": "κ", "thickness": 12},
        )
    )
    look = {"showarrow": False, "font": {"color": figures.ink()}}
    written = [  # a heat map writes nothing where it has no value
        {"x": column, "y": row, "text": text[row, column]} | look
        for row, column in np.argwhere(text != "").tolist()
    ]
    figure.update_layout(annotations=written)  # all at once: one by one they take ten times as long
    for axis, shown in ((figure.update_xaxes, names[:-1]), (figure.update_yaxes, names[1:])):
        words = [figures.wrapped(name, most=NAME_LETTERS) for name in shown]
        axis(showgrid=False, tickvals=[*range(len(shown))], ticktext=words)
    figure.update_yaxes(autorange="reversed")
    return figure


def timed(record: InspectorRecord) -> list[tuple[int, str, float]]:
    """Return the place in order of time, the grade and the seconds of each vote whose time is known."""
    return [
        (place, grade, min(seconds, IDLE_SECONDS))
        for place, (grade, seconds) in enumerate(record.looks, 1)
        if seconds is not None
    ]


def show_pace(record: InspectorRecord, scheme: GradeScheme) -> None:
    """Show how long one inspector looked at each candidate, in the order graded, and the grade it got."""
    looks = timed(record)
    figure = go.Figure()
    for grade, symbol in zip(scheme.grades, SYMBOLS, strict=False):
        own = [look for look in looks if look[1] == grade.letter]
        if own:
            figure.add_scatter(
                x=[place for place, _, _ in own],
                y=[max(seconds, SECONDS[0]) for _, _, seconds in own],
                mode="markers",
                name=grade.letter,
                marker={"size": 8, "color": grade_ink(grade.colour), "symbol": symbol},
                hovertemplate="%{y:.1f} s, number %{x}",
            )
    figure.update_xaxes(title="Candidates in the order graded", range=[0, len(record.looks) + 1])
    # One long look would press all others onto the axis of a linear scale.
    figure.update_yaxes(
        title="Seconds (logarithmic)", type="log", tickvals=SECONDS, ticktext=[*map(str, SECONDS)]
    )
    figure.update_layout(showlegend=True)
    figures.show_figure(
        figure,
        title="Seconds for each candidate, by the grade given",
        caption=f"n = {counted(len(looks), 'vote')} of {record.name}; a look of over {IDLE_SECONDS:g} s "
        "counts as that.",
        key="team-pace",
        csv=figures.csv_text(
            {
                "number": [place for place, _, _ in looks],
                "grade": [grade for _, grade, _ in looks],
                "seconds": [seconds for _, _, seconds in looks],
            }
        ),
        height=HEIGHT,
    )
