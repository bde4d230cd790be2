"""Figures of an evaluated run, each from columns of numbers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from lensapp.core.evaluate.curves import Confusion
from lensapp.core.evaluate.intervals import Interval
from lensapp.core.evaluate.score_axis import ScoreAxis
from lensapp.core.train.tasks import target_symbol
from lensapp.services.evaluate.figure_tables import with_limits
from lensapp.ui.shared import figures
from lensapp.ui.shared.scores import spread_scores
from lensapp.ui.shared.widgets import number

Columns = Mapping[str, NDArray[Any]]
FEW_CUTOUTS = 100  # in the fullest bin
LOWEST_COUNT = 0.5  # cutouts per bin, the foot of the logarithmic axis
VALUE_BANDS = (("95", 0.14), ("68", 0.28))


def _rate_axis(figure: go.Figure, floor: float) -> None:
    """Give a ROC its axis of false positive rates: logarithmic from half of one false positive, or linear."""
    figure.update_xaxes(title="false positive rate", type="log" if floor else "linear")
    if not floor:
        figure.update_xaxes(range=[-0.01, 1.01])
        return
    one = 2 * floor
    decades = 10.0 ** np.arange(np.ceil(np.log10(1.5 * one)), 1)
    figure.update_xaxes(
        range=[np.log10(floor) - 0.02, 0.02],
        tickvals=[floor, one, *decades],
        ticktext=["0", f"1/{round(1 / one)}", *map(figures.power_of_ten, decades)],
    )
    figure.add_vline(x=one, line=figures.CHANCE)


def roc_figure(
    curves: Mapping[str, Columns],
    *,
    colours: Sequence[str],
    point: tuple[float, float] | None = None,
    bands: Mapping[str, Columns] | None = None,
    smallest: float | None = None,
    areas: Mapping[str, Interval] | None = None,
    dashes: Sequence[str] = figures.DASHES,
) -> go.Figure:
    """Draw the ROC of each run or class, and `point` (false positive rate, completeness) on the first.

    Parameters
    ----------
    bands
        95 % limits of some of the curves: false_positive_rate, low, high.
    smallest
        Spreads the low rates where searches live on a logarithmic axis that begins at this rate, where
        completeness without any false positive is drawn; see `smallest_rate`. A line marks the lowest rate
        that the part can measure, of one false positive. None: a linear axis.
    areas
        AUROC with limits of some of the curves, written into the figure.
    dashes
        Of the curves, as `colours` are.
    """
    figure = go.Figure()
    floor = smallest or 0.0
    for name, band in (bands or {}).items():  # below all curves
        figures.add_band(
            figure, np.maximum(band["false_positive_rate"], floor), band["low"], band["high"],
            colour=colours[list(curves).index(name) % len(colours)], group=name,
            among_others=len(bands or {}) > 1,
        )  # fmt: skip
    for index, (name, columns) in enumerate(curves.items()):
        figure.add_scatter(
            x=np.maximum(columns["false_positive_rate"], floor),
            y=columns["completeness"],
            customdata=np.column_stack([columns["threshold"], columns["false_positive_rate"]]),
            name=figures.in_legend(name),
            legendgroup=name,
            mode="lines",
            line=_line(index, colours, dashes),
            hovertemplate="FPR %{customdata[1]:.4g}<br>completeness %{y:.4f}<br>score ≥ %{customdata[0]:.4g}",
        )
    chance = np.geomspace(floor, 1, 50) if floor else np.array([0.0, 1.0])
    figure.add_scatter(x=chance, y=chance, mode="lines", line=figures.CHANCE, name="chance", hoverinfo="skip")
    if point is not None:
        _add_point(figure, max(point[0], floor), point[1])
    _rate_axis(figure, floor)
    told = list((areas or {}).items())
    for index, (name, area) in enumerate(reversed(told)):
        # Narrow, so that it stands right of the line of chance: limits below the figure or in the table.
        text = with_limits(area).replace(" (", "<br>(") if len(told) == 1 else f"{area.value:.3f}"
        figure.add_annotation(
            x=0.99, y=0.02 + 0.07 * index, xref="paper", yref="paper", xanchor="right", yanchor="bottom",
            text=f"AUROC {text}", align="right", showarrow=False,
            bgcolor=figures.faded(figures.ground(), 0.7),
            font={"color": colours[list(curves).index(name) % len(colours)]},
        )  # fmt: skip
    figure.update_yaxes(title="completeness (true positive rate)", range=[-0.01, 1.02])
    return figure


def smallest_rate(n_negative: int) -> float:
    """Return where a logarithmic axis of false positive rates begins: at half of a single false positive."""
    return 0.5 / max(n_negative, 1)


def precision_recall_figure(
    curves: Mapping[str, Columns],
    *,
    colours: Sequence[str],
    point: tuple[float, float] | None,
    share: float,
    bands: Mapping[str, Columns] | None = None,
    dashes: Sequence[str] = figures.DASHES,
) -> go.Figure:
    """Draw purity against completeness of each run; `share` of lenses is what chance would give.

    Parameters
    ----------
    bands
        95 % limits of some of the curves: completeness, low, high.
    """
    figure = go.Figure()
    for index, (name, columns) in enumerate(curves.items()):
        if bands and name in bands:
            band, colour = bands[name], colours[index % len(colours)]
            figures.add_band(
                figure, band["completeness"], band["low"], band["high"], colour=colour, group=name
            )
        figure.add_scatter(
            x=columns["completeness"],
            y=columns["purity"],
            customdata=columns["threshold"],
            name=figures.in_legend(name),
            legendgroup=name,
            mode="lines",
            line=_line(index, colours, dashes),
            hovertemplate="completeness %{x:.4f}<br>purity %{y:.4f}<br>score ≥ %{customdata:.4g}",
        )
    figure.add_hline(y=share, line=figures.CHANCE)
    if point is not None:
        _add_point(figure, *point)
    figure.update_xaxes(title="completeness", range=[-0.01, 1.02])
    figure.update_yaxes(title="purity", range=[-0.01, 1.03])
    return figure


def _line(index: int, colours: Sequence[str], dashes: Sequence[str] = figures.DASHES) -> dict[str, Any]:
    dash = dashes[index % len(dashes)]
    return {"color": colours[index % len(colours)], "width": 2, "dash": dash}


def _add_point(figure: go.Figure, x: float, y: float) -> None:
    figure.add_scatter(
        x=[x],
        y=[y],
        mode="markers",
        name=figures.THRESHOLD,
        marker={"size": 12, "color": "rgba(0,0,0,0)", "line": {"width": 2.5, "color": figures.ink()}},
        cliponaxis=False,  # whole at 0 and 1 too
        hovertemplate="at the threshold<br>%{x:.4g}, %{y:.4f}<extra></extra>",
    )


class OutcomeCell(NamedTuple):
    """One of the four outcomes in the figure of the confusion matrix: its place, its words and its tint."""

    name: str
    truth: str
    x: int
    y: int
    text: str
    opacity: float


def outcome_cells(confusion: Confusion) -> Iterator[OutcomeCell]:
    """Yield the four outcomes with their numbers and shares of the true class."""
    of_lenses, of_others = (
        (("TP", confusion.tp), ("FN", confusion.fn)),
        (("FP", confusion.fp), ("TN", confusion.tn)),
    )
    for y, truth, outcomes in ((1, "lens", of_lenses), (0, "nonlens", of_others)):
        total = max(sum(count for _, count in outcomes), 1)
        for x, (name, count) in enumerate(outcomes):
            text = f"<b>{number(count)}</b><br>{name} · {100 * count / total:.1f} %"
            yield OutcomeCell(name, truth, x, y, text, 0.08 + 0.4 * count / total)


def confusion_figure(confusion: Confusion, *, colours: Mapping[str, str], ink: str) -> go.Figure:
    """Draw the four outcomes with their numbers and shares of the true class."""
    figure = go.Figure()
    for cell in outcome_cells(confusion):
        figure.add_shape(
            type="rect",
            x0=cell.x - 0.49,
            x1=cell.x + 0.49,
            y0=cell.y - 0.48,
            y1=cell.y + 0.48,
            fillcolor=colours[cell.truth],
            opacity=cell.opacity,
            line={"width": 0},
            layer="below",
            name=cell.name,
        )
        figure.add_annotation(
            x=cell.x,
            y=cell.y,
            text=cell.text,
            showarrow=False,
            font={"size": 17, "color": ink},
            name=cell.name,
        )
    figure.update_xaxes(
        tickvals=[0, 1], ticktext=["accepted", "refused"], range=[-0.5, 1.5], side="top", showgrid=False
    )
    figure.update_yaxes(
        tickvals=[1, 0], ticktext=["lens", "non-lens"], range=[-0.5, 1.5], showgrid=False, title="truth"
    )
    return figure


def class_confusion_figure(
    confusion: Sequence[Sequence[int]], classes: Sequence[str], *, colour: str, ink: str
) -> go.Figure:
    """Draw numbers by true (rows) and predicted class (columns), tinted by the share of the true class."""
    counts = np.asarray(confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = go.Figure(
        go.Heatmap(
            z=shares,
            x=list(classes),
            y=list(classes),
            customdata=np.stack([counts, 100 * shares], axis=-1),
            text=counts,
            texttemplate="%{text:,}",
            textfont={"color": ink, "size": 13 if len(classes) < 10 else 10},
            colorscale=[(0.0, figures.faded(colour, 0.0)), (1.0, colour)],
            zmin=0.0,
            zmax=1.6,  # full colour would hide the number
            showscale=False,
            hovertemplate="truth %{y}<br>predicted %{x}<br>%{customdata[0]:,} cutouts, "
            "%{customdata[1]:.1f} %<extra></extra>",
        )
    )
    figure.update_xaxes(title="predicted class", side="top", showgrid=False, tickangle=-35)
    figure.update_yaxes(title="true class", autorange="reversed", showgrid=False)
    return figure


def threshold_figure(
    columns: Columns, *, threshold: float, axis: ScoreAxis, colours: Sequence[str]
) -> go.Figure:
    """Draw purity and completeness against the threshold with their 95 % limits.

    They are steps: between two scores nothing is accepted or refused that was not before.
    """
    figure = go.Figure()
    thresholds = np.repeat(np.append(columns["threshold"], axis.low), 2)[1:-1]
    x = axis.positions(thresholds)
    steps = {name: np.repeat(values, 2) for name, values in columns.items()}
    for name, colour in zip(("purity", "completeness"), colours, strict=False):
        figures.add_band(figure, x, steps[f"{name}_low"], steps[f"{name}_high"], colour=colour)
    for index, name in enumerate(("purity", "completeness")):
        figure.add_scatter(
            x=x,
            y=steps[name],
            name=name,
            customdata=thresholds,
            mode="lines",
            line=_line(index, colours),
            hovertemplate=f"{name} %{{y:.4f}} at score ≥ %{{customdata:.4g}}<extra></extra>",
        )
    figures.mark_threshold(figure, float(axis.positions(threshold)))
    spread_scores(figure, axis, title="threshold (score)")
    figure.update_yaxes(title="share", range=[-0.01, 1.03])
    return figure


def rotation_figure(columns: Columns, *, axis: ScoreAxis, colours: Mapping[str, str]) -> go.Figure:
    """Draw the scatter of the score under four rotations against its mean."""
    figure = go.Figure()
    for label, name in (("nonlens", "non-lens"), ("lens", "lens")):
        of_class = np.asarray(columns["label"]) == (label == "lens")
        figure.add_scattergl(
            x=axis.positions(columns["mean"][of_class]),
            y=columns["std"][of_class],
            customdata=columns["mean"][of_class],
            name=name,
            mode="markers",
            marker={
                "size": 5,
                "color": colours[label],
                "opacity": 0.6,
                "symbol": figures.CLASS_SYMBOLS[label],
            },
            hovertemplate="mean %{customdata:.3g}<br>standard deviation %{y:.2g}",
        )
    spread_scores(figure, axis, title="mean score of the four rotations")
    figure.update_yaxes(title="standard deviation", rangemode="tozero")
    return figure


def score_figure(columns: Columns, *, threshold: float, axis: ScoreAxis) -> go.Figure:
    """Draw the number of cutouts per score and label, one outline each, on a logarithmic axis."""
    figure = go.Figure()
    colours = figures.class_colours()
    for label, name in figures.CLASS_NAMES.items():
        if label in columns:
            # An outline over a faint ground keeps classes apart where they overlap; a logarithmic axis has
            # no zero.
            counts = columns[label]
            heights = np.maximum(counts, LOWEST_COUNT / 2)
            figure.add_scatter(
                x=axis.positions(columns["edges"]),
                y=np.append(heights, heights[-1]),
                name=name,
                mode="lines",
                line={
                    "color": colours[label],
                    "width": 2,
                    "shape": "hv",
                    "dash": figures.CLASS_DASHES[label],
                },
                fill="tozeroy",
                fillcolor=figures.faded(colours[label], 0.14),
                customdata=np.column_stack([np.append(counts, counts[-1]), columns["edges"]]),
                hovertemplate=f"{name}: %{{customdata[0]:,}}<br>score from %{{customdata[1]:.3g}}"
                "<extra></extra>",
            )
    figures.mark_threshold(figure, float(axis.positions(threshold)))
    figure.update_layout(showlegend=len(columns) > 2)
    spread_scores(figure, axis, title="score")
    most = max(int(values.max()) for name, values in columns.items() if name != "edges")
    limits = [np.log10(LOWEST_COUNT), np.log10(max(most, 1) * 1.6)]
    ticks = figures.decade_ticks(0, int(np.ceil(limits[1])))
    figure.update_yaxes(title="cutouts (log)", type="log", range=limits, **ticks)
    if most < FEW_CUTOUTS:  # powers of ten alone would leave one number or two
        figure.update_yaxes(tickvals=[1, 2, 5, 10, 20, 50], ticktext=["1", "2", "5", "10", "20", "50"])
    return figure


def score_histogram_csv(columns: Columns) -> str:
    """Return the counts of `score_figure` by bin as CSV."""
    edges = columns["edges"]
    counts = {name: values for name, values in columns.items() if name != "edges"}
    return figures.csv_text({"from": edges[:-1], "to": edges[1:], **counts})


def axis_name(target: str) -> str:
    """Return the short name of a value with its unit, for an axis."""
    units = {"_arcsec": " (arcsec)", "_pixels": " (pixels)"}
    return target_symbol(target) + next((unit for end, unit in units.items() if target.endswith(end)), "")


def recovered_figure(
    target: str, points: Columns, bands: Columns, *, colours: Sequence[str], legend: str
) -> go.Figure:
    """Draw estimates against truth with the bands that hold 68 % and 95 % of them.

    `legend` is "legend" for the figure that explains the others, else "none".
    """
    figure = go.Figure()
    for level, opacity in VALUE_BANDS:
        figure.add_scatter(
            x=np.concatenate([bands["truth"], bands["truth"][::-1]]),
            y=np.concatenate([bands[f"low_{level}"], bands[f"high_{level}"][::-1]]),
            fill="toself",
            mode="none",
            fillcolor=colours[0],
            opacity=opacity,
            name=f"{level} %",
            hoverinfo="skip",
        )
    figure.add_scattergl(
        x=points["truth"],
        y=points["mean"],
        customdata=points["sigma"],
        mode="markers",
        marker={"size": 4, "color": colours[-1], "opacity": 0.6},
        name="cutout",
        hovertemplate="truth %{x:.4g}<br>estimate %{y:.4g} ± %{customdata:.2g}<extra></extra>",
    )
    ends = [float(points["truth"].min()), float(points["truth"].max())]
    figure.add_scatter(x=ends, y=ends, mode="lines", line=figures.CHANCE, name="equal", hoverinfo="skip")
    figure.update_xaxes(title=f"true {axis_name(target)}")
    figure.update_yaxes(title=f"estimated {axis_name(target)}")
    figure.update_layout(showlegend=legend == "legend")
    return figure


def calibration_figure(columns: Columns, *, count: int, colours: Sequence[str]) -> go.Figure:
    """Draw the share of truths within intervals of each probability, and the scatter that chance allows."""
    nominal = columns["nominal"]
    figure = go.Figure()
    spread = 2 * np.sqrt(nominal * (1 - nominal) / count)
    figure.add_scatter(
        x=np.concatenate([nominal, nominal[::-1]]),
        y=np.concatenate([nominal - spread, (nominal + spread)[::-1]]),
        fill="toself",
        mode="none",
        fillcolor=figures.CHANCE["color"],
        opacity=0.25,
        name="chance, 95 %",
        hoverinfo="skip",
    )
    for index, target in enumerate(name for name in columns if name != "nominal"):
        symbol = target_symbol(target)
        figure.add_scatter(
            x=nominal,
            y=columns[target],
            mode="lines",
            name=symbol,
            line=_line(index, colours),
            hovertemplate=f"{symbol}: %{{y:.3f}} within the central %{{x:.2f}}<extra></extra>",
        )
    figure.update_xaxes(title="stated probability", range=[0, 1])
    figure.update_yaxes(title="share of truths within", range=[0, 1.02])
    return figure
