"""Figures of cross-validations and searches, each from columns of numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from lensapp.core.evaluate.crossval import Spread
from lensapp.core.train.search_space import AnyRange, Choices, IntRange
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.train.study_figures import Columns, FoldCurves
from lensapp.ui.shared import figures
from lensapp.ui.shared.scores import spread_scores

SMALLEST_RATE = 1e-4
DASHES = ("solid", "dot", "dashdot")
FEW = 8
QUANTITIES = (
    ("completeness", "completeness"),
    ("false_positive_rate", "false positive rate"),
    ("purity", "purity"),
)
SYMBOLS = {"complete": "circle", "pruned": "triangle-down-open", "failed": "x-thin-open"}


def roc_band_figure(curves: FoldCurves, *, colours: Sequence[str], ink: str, logarithmic: bool) -> go.Figure:
    """Draw the ROC of each fold thin, their mean with one standard deviation either way, and the median.

    The median is drawn once its name in the legend is clicked.
    """
    figure, band = go.Figure(), curves.band
    rates = np.maximum(band.rates, SMALLEST_RATE) if logarithmic else band.rates
    _add_band(figure, rates, band.spread, colour=ink, name="mean ± σ")
    for index, (name, values) in enumerate(zip(curves.names, band.folds, strict=True)):
        figure.add_scatter(
            x=rates,
            y=values,
            name=name,
            mode="lines",
            line={"color": colours[index % len(colours)], "width": 1.2},
            hovertemplate="%{y:.4f}",
            opacity=0.75,
        )
    _add_line(figure, rates, band.spread.median, name="median", colour=ink, dash="dash")
    figure.data[-1].update(visible="legendonly")  # it lies on the mean: a click on its name draws it
    _add_line(figure, rates, band.spread.mean, name="mean", colour=ink, dash="solid")
    chance = np.geomspace(SMALLEST_RATE, 1, 50) if logarithmic else np.array([0.0, 1.0])
    figure.add_scatter(x=chance, y=chance, mode="lines", line=figures.CHANCE, name="chance", hoverinfo="skip")
    figure.update_xaxes(title="false positive rate", type="log" if logarithmic else "linear")
    figure.update_xaxes(range=[np.log10(SMALLEST_RATE), 0.02] if logarithmic else [-0.01, 1.01])
    figure.update_yaxes(title="completeness (true positive rate)", range=[-0.01, 1.02])
    figure.update_layout(hovermode="x unified")
    return figure


def threshold_figure(curves: FoldCurves, *, colours: Sequence[str]) -> go.Figure:
    """Draw completeness, false positive rate and purity against the threshold: mean and band.

    The medians are drawn once their name in the legend is clicked. The axis shows the scores there are.
    """
    figure, spreads, axis = go.Figure(), curves.thresholds, curves.axis
    x = axis.positions(spreads.thresholds)
    for (key, _), colour in zip(QUANTITIES, colours, strict=False):
        _add_band(figure, x, getattr(spreads, key), colour=colour, name="")
    for (key, name), colour, dash in zip(QUANTITIES, colours, DASHES, strict=False):
        _add_line(figure, x, getattr(spreads, key).mean, name=name, colour=colour, dash=dash)
    for (key, name), colour in zip(QUANTITIES, colours, strict=False):
        _add_line(figure, x, getattr(spreads, key).median, name="medians", colour=colour, dash="longdash")
        figure.data[-1].update(
            legendgroup="medians",
            hovertemplate=f"%{{y:.4f}}<extra>{name}, median</extra>",
            visible="legendonly",
        )
    for place, line in enumerate(figure.data):
        line.showlegend = bool(line.name) and line.name not in {one.name for one in figure.data[:place]}
    spread_scores(figure, axis, title="threshold (score)")
    figure.update_yaxes(title="share", range=[-0.01, 1.03])
    figure.update_layout(hovermode="x unified")
    return figure


def _add_line(figure: go.Figure, x: Any, y: Any, *, name: str, colour: str, dash: str) -> None:
    figure.add_scatter(
        x=x,
        y=y,
        name=name,
        mode="lines",
        line={"color": colour, "width": 2 if dash == "solid" else 1.5, "dash": dash},
        hovertemplate="%{y:.4f}",
    )


def _add_band(figure: go.Figure, x: NDArray[Any], spread: Spread, *, colour: str, name: str) -> None:
    finite = np.isfinite(spread.mean)
    figures.add_band(figure, x[finite], spread.low[finite], spread.high[finite], colour=colour, name=name)


def trials_figure(columns: Columns, *, axis: str, colours: Sequence[str]) -> go.Figure:
    """Draw the value of each trial by how it ended, and the best so far as a line."""
    figure = go.Figure()
    figure.add_scatter(
        x=columns["trial"],
        y=columns["best"],
        name="best so far",
        mode="lines",
        line={"color": colours[1], "width": 2, "shape": "hv"},
        hovertemplate="%{y:.5g}",
    )
    for state, symbol in SYMBOLS.items():
        in_state = columns["state"] == state
        if in_state.any():
            figure.add_scatter(
                x=columns["trial"][in_state],
                y=columns["value"][in_state],
                name=state,
                mode="markers",
                marker={"size": 9, "symbol": symbol, "color": colours[0], "line": {"width": 2}},
                hovertemplate=f"trial %{{x}} ({state}): %{{y:.5g}}<extra></extra>",
            )
    whole = {"dtick": 1} if len(columns["trial"]) <= FEW else {}  # no ticks between trials
    figure.update_xaxes(title="trial", tickformat=",d", rangemode="tozero", **whole)
    figure.update_yaxes(title=axis)
    return figure


def importance_figure(importance: Mapping[str, float], *, colours: Sequence[str]) -> go.Figure:
    """Draw the share of each setting in the variance of the values."""
    names = list(importance)[::-1]
    figure = go.Figure()
    figure.add_bar(
        x=[importance[name] for name in names],
        y=[words(name) for name in names],
        orientation="h",
        width=min(0.7, 0.1 + 0.2 * len(names)),
        marker={"color": colours[0]},
        hovertemplate="%{y}: %{x:.3f}<extra></extra>",
    )
    figure.update_xaxes(title="share of the variance between trials", range=[0, 1])
    return figure


def parallel_figure(
    columns: Columns, space: Mapping[str, AnyRange], *, axis: str, minimises: bool, ink: str
) -> go.Figure:
    """Draw each trial as a line through its settings to its value; better values in brighter colours."""
    finite = np.isfinite(columns["value"])
    values = columns["value"][finite]
    dimensions = [_dimension(name, limits, columns[name][finite]) for name, limits in space.items()]
    dimensions.append({"label": axis, "values": values})
    figure = go.Figure()
    figure.add_parcoords(
        dimensions=dimensions,
        line={"color": values, "colorscale": "Viridis", "reversescale": minimises, "showscale": False},
        labelfont={"color": ink, "size": 12},
        tickfont={"color": ink, "size": 11},
        rangefont={"color": "rgba(0,0,0,0)", "size": 1},
    )
    figure.update_layout(margin={"l": 70, "r": 60, "t": 56, "b": 24})
    return figure


def _dimension(name: str, limits: AnyRange, values: NDArray[Any]) -> dict[str, Any]:
    if isinstance(limits, Choices):
        texts = [str(value) for value in limits.values]
        return {
            "label": words(name),
            "values": [texts.index(str(value)) for value in values],
            "tickvals": list(range(len(texts))),
            "ticktext": texts,
            "range": [-0.1, len(texts) - 0.9],
        }
    numbers = values.astype(np.float64)
    if isinstance(limits, IntRange) and limits.high - limits.low < FEW:
        ticks = np.arange(limits.low, limits.high + 1)
        return {"label": words(name), "values": numbers, "tickvals": ticks, "ticktext": ticks.astype(str)}
    if not limits.log:
        return {"label": words(name), "values": numbers, "range": [limits.low, limits.high]}
    low, high = np.log10(limits.low), np.log10(limits.high)
    ticks = np.arange(np.ceil(low), np.floor(high) + 1)
    ticks = ticks if ticks.size > 1 else np.array([low, high])
    return {
        "label": words(name),
        "values": np.log10(numbers),
        "range": [low, high],
        "tickvals": ticks,
        "ticktext": [_tick_text(10.0**tick) for tick in ticks.tolist()],
    }


def _tick_text(value: float) -> str:
    """Return 10⁻⁴ for a power of ten, else the number."""
    return figures.power_of_ten(value) if np.log10(value).is_integer() else f"{value:.3g}"


def words(name: str) -> str:
    """Return the name of a setting as people read it."""
    field = TrainingSpec.model_fields.get(name)
    if field is not None and field.title:
        return field.title.lower()
    return name.removeprefix("network_options.").replace(".", " ").replace("_", " ")
