"""The figure of a replay: completeness against candidates inspected, chance with its band."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from lensapp.core.evaluate.curves import thinned
from lensapp.core.inspect.replay import Replay
from lensapp.services.inspect.replay import AS_SHOWN
from lensapp.ui.shared.figures import DASHES

RANDOM = "random, expected"
BAND_FILL = "rgba(153, 153, 153, 0.25)"
GREY = "#8c8c8c"


def replay_figure(
    result: Replay, *, names: Mapping[str, str], colours: Sequence[str], marked: int
) -> go.Figure:
    """Draw the share of lenses found by each order, with the views `marked` by a line.

    Parameters
    ----------
    names
        Order → its name; an order keeps the colour and the dashes of its position here, and one that
        coincides with an earlier one takes those of it and stands in the legend with it (see `same_lines`).
    """
    figure = go.Figure()
    _add_chance(figure, result)
    places, same = [*names], coinciding(result, names)
    for order, name in sorted(names.items(), key=lambda one: one[0] != AS_SHOWN):
        if order in result.found:
            first = same.get(order)
            index = places.index(order if first is None else first)  # one line, not stripes of several
            share = result.found[order] / result.lenses
            inspected = np.arange(len(share), dtype=np.float64)
            points = thinned(inspected / max(len(share) - 1, 1), share)
            figure.add_scatter(
                x=inspected[points],
                y=100 * share[points],
                name=short_name(name)
                if first is None
                else f"{short_name(name)} (as {short_name(names[first])})",
                legendgroup=order if first is None else first,
                showlegend=first is None,
                mode="lines",
                line={
                    "color": colours[index % len(colours)],
                    "width": 2,
                    "dash": DASHES[index % len(DASHES)],
                }
                # The candidates were shown in one of the orders: that lies on it, and both are seen.
                | ({"width": 6} if order == AS_SHOWN else {}),
                opacity=0.35 if order == AS_SHOWN else 1.0,
                hovertemplate="%{y:.1f} % after %{x}",
            )
    figure.add_vline(x=marked, line={"color": GREY, "width": 1, "dash": "dot"})
    figure.update_layout(hovermode="x unified")
    figure.update_xaxes(title="candidates inspected", rangemode="tozero")
    figure.update_yaxes(title="lenses found (%)", range=[0, 101])
    return figure


def _add_chance(figure: go.Figure, result: Replay) -> None:
    """Draw what random orders find, with the band of 95 % of them."""
    views = np.unique(np.linspace(0, result.candidates, 201).round().astype(np.int64))
    mean, low, high = (100 * values / result.lenses for values in result.chance(views))
    figure.add_scatter(
        x=np.concatenate([views, views[::-1]]),
        y=np.concatenate([high, low[::-1]]),
        mode="lines",
        fill="toself",
        fillcolor=BAND_FILL,
        line={"width": 0},
        hoverinfo="skip",
        name="random, 95 %",
        legendgroup=RANDOM,
        showlegend=False,
    )
    dashed = {"color": GREY, "width": 2, "dash": "dash"}
    figure.add_scatter(
        x=views, y=mean, name=RANDOM, mode="lines", line=dashed, legendgroup=RANDOM, hoverinfo="skip"
    )


def short_name(name: str) -> str:
    """Return the name of an order without what explains it, to fit into a legend."""
    return name.partition(" (")[0]


def same_lines(result: Replay, names: Mapping[str, str]) -> str:
    """Return which orders lie on which in words; empty where all differ."""
    on: dict[str, list[str]] = {}
    for order, first in coinciding(result, names).items():
        on.setdefault(first, []).append(short_name(names[order]))
    return "".join(f"; same as {short_name(names[first])}: {', '.join(same)}" for first, same in on.items())


def coinciding(result: Replay, names: Iterable[str]) -> dict[str, str]:
    """Return each order that finds the lenses exactly as an earlier one does, and that; but for AS_SHOWN."""
    drawn = [order for order in names if order in result.found and order != AS_SHOWN]
    same: dict[str, str] = {}
    for place, order in enumerate(drawn):
        earlier = (one for one in drawn[:place] if np.array_equal(result.found[one], result.found[order]))
        if (first := next(earlier, None)) is not None:
            same[order] = first
    return same


def replay_columns(result: Replay, *, most: int) -> dict[str, NDArray[Any]]:
    """Return views and lenses found by each order and by chance, at `most` views or fewer, as columns."""
    views = np.unique(np.linspace(0, result.candidates, most + 1).round().astype(np.int64))
    mean, low, high = result.chance(views)
    columns: dict[str, NDArray[Any]] = {"inspected": views}
    columns |= {name: curve[views] for name, curve in result.found.items()}
    return columns | {"random_mean": mean, "random_low": low, "random_high": high}
