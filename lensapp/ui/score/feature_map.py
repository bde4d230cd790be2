"""The map of features as a figure: one dot per cutout, coloured by what is known of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from lensapp.core.colours import CLASS_COLOURS, LINE_COLOURS, SCALES
from lensapp.core.evaluate.score_axis import axis_of
from lensapp.core.inspect.grades import LETTERS
from lensapp.core.numerals import score_text
from lensapp.core.plurals import thin_spaced
from lensapp.services.score.map_density import Cells
from lensapp.ui.shared import figures

OVERLAYS = (  # none of the classes' hues, legible on both grounds
    ("square-open", "#ff2d95"),
    ("diamond-open", "#22b822"),
    ("triangle-up-open", "#a05cff"),
    ("cross-open", "#ff3b30"),
    ("circle-open", "#12b5b0"),
    ("star-open", "#a3b500"),
)
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "x", "star", "triangle-down")
FAINT = {"dark": "#5d666f", "light": "#b3bac2"}
GRADE_MARKS = {  # the hues of the gallery, as bright as marks on either ground have to be
    "dark": {"A": "#2fd98f", "B": "#6ea8ff", "C": "#f2b233", "X": "#b4bdc7"},
    "light": {"A": "#0b7a53", "B": "#2563c9", "C": "#b27900", "X": "#4a5460"},
}
GRADE_SYMBOLS = {"A": "star", "B": "diamond", "C": "triangle-up", "X": "x-thin"}
GRADED_TIMES, GRADED_LEAST = 2.0, 12.0  # the size of a graded mark, in those of a dot and in screen pixels
COLOURINGS = {
    "label": "label",
    "object_class": "class",
    "score": "score",
    "grade": "consensus grade",
    "cluster": "cluster",
}
STANDING_OUT, FADED, FADED_TWICE, SCORED = 0.9, 0.25, 0.16, 0.85  # opacities
USUAL, UNKNOWN = 0.72, 0.4  # of dots of a group, and of those of which nothing is known
OUTERMOST, EDGE = (0.5, 99.5), 0.15  # percentiles, and how far beyond them a map reaches
COLOURED = (1, 99)  # percentiles of the scores that take all colours
LEAST_SPAN = 1e-3  # of scores between the first colour and the last
UNITLESS = "umap"  # whose coordinates mean nothing by themselves
QUIET = {"showticklabels": False, "ticks": "", "showgrid": False}
NUMBER_PIXELS, RINGS = 20, 6  # which a number takes, and how far it is moved at most, in these
ANGLES = np.radians(45 + 22.5 * np.arange(16))
TRIED = np.array(  # the nearest first
    [(0.0, 0.0)]
    + [
        (NUMBER_PIXELS * ring * np.cos(angle), NUMBER_PIXELS * ring * np.sin(angle))
        for ring in range(1, RINGS)
        for angle in ANGLES
    ]
)
MAP_PIXELS = np.array([480, 420])  # of the axes at 1280 pixels, about
AXES = {"pca": "principal component {}", "umap": "UMAP coordinate {}"}


def colourings_of(table: pd.DataFrame) -> list[str]:
    """Return by which columns of a map table its dots can be coloured, the most informative first."""
    has_values = {
        "label": (table["label"] != "unlabelled").any(),
        "object_class": (table["object_class"] != "").any(),
        "score": table["score"].notna().any(),
        "grade": (table["grade"] != "").any(),
        "cluster": (table["cluster"] >= 0).any(),
    }
    return [name for name in COLOURINGS if has_values[name]]


def map_figure(table: pd.DataFrame, *, method: str, colouring: str | None, theme: str) -> go.Figure:
    """Draw rows of a map table; each dot carries its row's index in the table."""
    figure = go.Figure()
    if colouring == "score":
        _add_scores(figure, table, theme=theme)
    elif colouring is None:
        colour = LINE_COLOURS[theme][0]
        _add_dots(figure, table, name="cutouts", colour=colour, symbol=SYMBOLS[0], total=len(table))
    else:
        groups = dict(list(table.groupby(colouring)))
        for index, key in enumerate(_drawing_order(colouring, groups)):
            name, colour, symbol = _look(colouring, key, index, theme=theme)
            _add_dots(figure, groups[key], name=name, colour=colour, symbol=symbol, total=len(table))
            if colouring == "grade" and key:
                _mark_graded(figure.data[-1], total=len(table))
    figure.update_xaxes(title=AXES[method].format(1), zeroline=False)
    figure.update_yaxes(title=AXES[method].format(2), zeroline=False)
    if method == UNITLESS:
        figure.update_xaxes(**QUIET)
        figure.update_yaxes(**QUIET)
    figure.update_layout(dragmode="lasso", hovermode="closest", legend={"itemsizing": "constant"})
    if colouring in ("label", "grade"):
        figure.update_layout(legend_traceorder="reversed")  # what lies on top is named first
    return figure


def moved_apart(places: NDArray[np.floating]) -> list[tuple[float, float]]:
    """Return how far each of some numbers is moved, so that none hides one before it; pixels (right, up)."""
    taken, shifts = np.empty((0, 2)), []
    for place in places:
        apart = np.linalg.norm((place + TRIED)[:, None] - taken, axis=2).min(axis=1, initial=np.inf)
        free = TRIED[apart >= NUMBER_PIXELS]
        right, up = (free if len(free) else TRIED)[0].tolist()
        taken = np.vstack([taken, place + np.array([right, up])])
        shifts.append((right, up))
    return shifts


def number_clusters(
    figure: go.Figure,
    clusters: Sequence[int],
    places: NDArray[np.floating],
    *,
    extent: NDArray[np.floating],
    ink: str,
    ground: str,
) -> None:
    """Write the number of each cluster at its middle (n, 2): none has to be looked up in a legend.

    `extent` is that of the map along both axes. Where middles are so close that one number would hide another
    it stands beside, with a line to its middle.
    """
    pixels = places / np.maximum(extent, 1e-9) * MAP_PIXELS
    for cluster, (x, y), (right, up) in zip(clusters, places.tolist(), moved_apart(pixels), strict=True):
        moved = bool(right or up)
        figure.add_annotation(
            x=x, y=y, text=f"<b>{cluster}</b>", showarrow=moved, font={"color": ink, "size": 12},
            bgcolor=figures.faded(ground, 0.72), borderpad=2, ax=right, ay=-up, arrowhead=0, arrowwidth=1,
            arrowcolor=ink,
        )  # fmt: skip
    numbers = {str(cluster) for cluster in clusters}
    figure.update_traces(showlegend=False, selector=lambda trace: trace.name in numbers)


def _mark_graded(trace: go.Scattergl, *, total: int) -> None:
    """Let what people graded, a few among many, stand out."""
    trace.marker.size = max(GRADED_TIMES * dot_size(total), GRADED_LEAST)
    trace.marker.opacity = STANDING_OUT
    trace.marker.line = {"width": 2 if trace.marker.symbol == "x-thin" else 0, "color": trace.marker.color}


def fade_others(figure: go.Figure, marked: Sequence[int]) -> None:
    """Let the dots of a map that carry one of the rows `marked` stand out among all others."""
    for trace in figure.data:
        inside = np.isin(np.asarray(trace.customdata), marked)
        trace.marker.opacity = np.where(inside, STANDING_OUT, FADED)
        trace.unselected.marker.opacity = FADED_TWICE / FADED  # Plotly multiplies it with each dot's own


def _unselected() -> dict[str, object]:
    """Return how dots outside a lasso look: Plotly takes a fifth of their opacity, that fades them twice."""
    return {"marker": {"opacity": FADED}}


def within_axes(
    positions: NDArray[np.floating], *, method: str
) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    """Return points of a map (n, 2) moved onto its edge where they lie far out, and which do, (n,).

    The axes of a PCA reach from the 0.5th to the 99.5th percentile and a little further: a few odd cutouts
    would squeeze all others.
    """
    if method != "pca" or not len(positions):
        return positions, np.zeros(len(positions), np.bool_)
    low, high = np.percentile(positions, OUTERMOST, axis=0)
    margin = EDGE * (high - low)
    moved = np.clip(positions, low - margin, high + margin)
    return moved, (moved != positions).any(axis=1)


def density_figure(cells: Cells, *, method: str, values: NDArray[np.float64] | None, theme: str) -> go.Figure:
    """Draw the cells of a map by their counts, or by the mean score in each.

    A dot that is not seen lies in the middle of each cell that holds points: it is what a lasso catches, and
    carries the number of its cell.
    """
    figure = go.Figure()
    x, y = cells.middles()
    counts = cells.counts.astype(float)
    if values is None:
        drawn = np.log10(np.where(counts > 0, counts, np.nan))
        powers = range((int(np.ceil(np.nanmax(drawn))) if cells.inside else 1) + 1)
        low, high = 0.0, float(powers[-1])
        ticks = {"tickvals": list(powers), "ticktext": [thin_spaced(10**power) for power in powers]}
    else:
        drawn = values
        (low, high), ticks = robust_ends(values.ravel())
    title = {"text": "cutouts" if values is None else "mean score"}
    bar: dict[str, Any] = {"title": title, "thickness": 12, "outlinewidth": 0} | ticks
    figure.add_heatmap(
        x=x, y=y, z=drawn, zmin=low, zmax=high, colorbar=bar, hoverinfo="skip",
        colorscale=list(SCALES[theme]),
    )  # fmt: skip
    filled = np.flatnonzero(cells.counts)
    means = np.full(len(filled), np.nan) if values is None else values.ravel()[filled]
    figure.add_scatter(
        x=x[filled % len(x)], y=y[filled // len(x)], customdata=filled, mode="markers", name="cell",
        hovertext=[  # its line break stays one, which `guard_figure` takes from `text`
            f"{thin_spaced(count)} cutouts" + ("" if np.isnan(mean) else f"<br>mean score {score_text(mean)}")
            for count, mean in zip(cells.counts.ravel()[filled].tolist(), means.tolist(), strict=True)
        ],
        marker={"size": 4, "opacity": 0}, hovertemplate="%{hovertext}<extra></extra>", showlegend=False,
        selected={"marker": {"opacity": 0}}, unselected={"marker": {"opacity": 0}},
    )  # fmt: skip
    left, right, bottom, top_y = cells.bounds
    # Fixed, since a browser that zooms would only magnify the cells: the page counts them anew instead.
    figure.update_xaxes(title=AXES[method].format(1), range=[left, right], fixedrange=True, showgrid=False)
    figure.update_yaxes(title=AXES[method].format(2), range=[bottom, top_y], fixedrange=True, showgrid=False)
    figure.update_layout(dragmode="select", hovermode="closest", legend={"itemsizing": "constant"})
    return figure


def add_overlay(
    figure: go.Figure, positions: NDArray[np.float32], *, name: str, number: int, carried: Sequence[int]
) -> None:
    """Lay points over a map as open symbols in a colour of their own; `carried` is their `customdata`."""
    symbol, colour = OVERLAYS[number % len(OVERLAYS)]
    # By WebGL as the dots are, which would cover what is drawn as SVG.
    figure.add_scattergl(
        x=positions[:, 0], y=positions[:, 1], customdata=list(carried), mode="markers",
        name=f"{name} ({thin_spaced(len(positions))})",
        marker={"symbol": symbol, "size": 14, "color": colour, "line": {"color": colour, "width": 2}},
        hovertemplate=f"{name}<extra></extra>",
    )  # fmt: skip


def _drawing_order(colouring: str, groups: dict[object, pd.DataFrame]) -> list[object]:
    """Return the keys of groups, the least informative first, to be drawn below the others."""
    if colouring == "cluster":
        return sorted(groups, key=lambda key: int(str(key)))
    order: dict[str, Sequence[str]] = {
        "label": ("unlabelled", "nonlens", "lens"),
        "grade": ("", *LETTERS[::-1]),
    }
    if colouring in order:
        return [key for key in order[colouring] if key in groups]
    return sorted(groups, key=lambda key: (key != "", -len(groups[key])))


def _look(colouring: str, key: object, index: int, *, theme: str) -> tuple[str, str, str]:
    """Return name, colour and symbol of a group."""
    if colouring == "label":
        label = str(key)
        return figures.CLASS_NAMES[label], CLASS_COLOURS[theme][label], figures.CLASS_SYMBOLS[label]
    if colouring == "grade":
        colour = GRADE_MARKS[theme].get(str(key), FAINT[theme])
        return str(key) or "no votes", colour, GRADE_SYMBOLS.get(str(key), SYMBOLS[0])
    if key in (-1, ""):
        return "in no cluster" if key == -1 else "no class", FAINT[theme], SYMBOLS[0]
    colours = LINE_COLOURS[theme][:-1]  # the last is grey
    number = int(str(key)) if colouring == "cluster" else index
    return str(key), colours[number % len(colours)], SYMBOLS[number % len(SYMBOLS)]


def _add_dots(
    figure: go.Figure, members: pd.DataFrame, *, name: str, colour: str, symbol: str, total: int
) -> None:
    figure.add_scattergl(
        x=members["x"],
        y=members["y"],
        customdata=members.index,
        text=members["candidate_id"],
        mode="markers",
        name=name,
        marker={
            "color": colour,
            "size": dot_size(total),
            "symbol": symbol,
            "opacity": UNKNOWN if colour in FAINT.values() else USUAL,
        },
        unselected=_unselected(),
        hovertemplate="%{text}",  # the name of the group is put before it, where it is legible
    )


def _add_scores(figure: go.Figure, table: pd.DataFrame, *, theme: str) -> None:
    unscored = table[table["score"].isna()]
    if len(unscored):
        _add_dots(figure, unscored, name="no score", colour=FAINT[theme], symbol=SYMBOLS[0], total=len(table))
    scored = table[table["score"].notna()].sort_values("score")
    axis = axis_of(scored["score"])  # scores that lie close together take all colours
    low, high = axis.positions([axis.low, axis.high]).tolist()
    bar: dict[str, Any] = {"title": {"text": "score"}, "thickness": 12, "outlinewidth": 0}
    if axis.logit:
        ticks = axis.ticks()
        bar |= {"tickvals": axis.positions(ticks).tolist(), "ticktext": figures.score_ticks(ticks)}
    else:
        (low, high), ends = robust_ends(scored["score"].to_numpy(float))
        bar |= ends
    figure.add_scattergl(
        x=scored["x"],
        y=scored["y"],
        customdata=scored.index,
        text=scored["candidate_id"],
        hovertext=[score_text(score) for score in scored["score"]],
        mode="markers",
        name="score",
        showlegend=False,
        marker={
            "color": axis.positions(scored["score"]),
            "cmin": low,
            "cmax": high,
            "colorscale": list(SCALES[theme]),
            "colorbar": bar,
            "size": dot_size(len(table)),
            "opacity": SCORED,
        },
        unselected=_unselected(),
        hovertemplate="%{text}<br>score %{hovertext}<extra></extra>",
    )


def robust_ends(scores: NDArray[np.floating]) -> tuple[tuple[float, float], dict[str, Any]]:
    """Return between which scores all colours lie, and the ticks of their bar, which say what lies beyond.

    From the 1st to the 99th percentile: a few odd ones would leave all others the same colour.
    """
    scores = scores[~np.isnan(scores)]
    if not len(scores):
        return (0.0, 1.0), {}
    low, high = np.percentile(scores, COLOURED).tolist()
    if high - low < LEAST_SPAN:
        middle = min(max((low + high) / 2, LEAST_SPAN / 2), 1 - LEAST_SPAN / 2)
        low, high = middle - LEAST_SPAN / 2, middle + LEAST_SPAN / 2
    ticks = np.linspace(low, high, 5)
    digits = 2 if high - low > 0.2 else 3 if high - low > 0.02 else 4
    words = [f"{tick:.{digits}f}" for tick in ticks]
    if scores.min() < low:
        words[0] = f"≤ {words[0]}"
    if scores.max() > high:
        words[-1] = f"≥ {words[-1]}"
    return (low, high), {"tickvals": ticks.tolist(), "ticktext": words}


def dot_size(count: int) -> float:
    """Return the diameter of a dot in screen pixels where there are `count` of them."""
    return float(np.clip(28 / max(count, 1) ** 0.25, 2.5, 8))
