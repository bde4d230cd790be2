"""Figures that compare networks: one figure of merit by run, and completeness against cost."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from lensapp.core.plurals import first_of
from lensapp.core.score.score_table_spec import MODEL as EXTERNAL
from lensapp.services.evaluate.evaluation import ROUNDING
from lensapp.services.train.comparisons import Compared
from lensapp.ui.shared import figures
from lensapp.ui.shared.markup import shortened
from lensapp.ui.shared.widgets import rounded_count

MERITS = {
    "accuracy": "accuracy at score ≥ 0.5",
    "auroc": "AUROC",
    "tpr10": "TPR10",
    "rotation_std": "scatter under rotation",
}
LOWER_IS_BETTER = "rotation_std"
INTERVALS = {
    "accuracy": "Wilson",
    "auroc": "DeLong or resampling",
    "tpr10": "resampling",
}
"""How the limits of a figure were found."""
COSTS = {
    "parameters": "parameters",
    "seconds": "training time (s)",
    "images_per_second": "images/s in training",
}
NAMES = {"network": "network", "committee": "committee", "baseline": "classical baseline"}
PLOT_PIXELS = (420, 260)  # about those of the figure of costs on a narrow page: where names would overlap
NAME_PIXELS, LETTER_PIXELS, MARK_PIXELS, BAR_PIXELS = 14, 6.2, 7, 3
MOST_NAMES, NAME_LETTERS = 16, 26  # of more points only those that no cheaper one reaches are named
MARGIN_PIXELS, MOST_LISTED = 8, 4
# Costs that differ by less would stand on one another: their points are drawn beside each other, so far from
# one to the next, and from the first to the last at most.
ALIKE, APART_PIXELS, MOST_APART_PIXELS = 0.01, 16, 96
BAND_PIXELS, BAND_TINT = 10, 0.08  # of the band behind points of one cost, beyond them
AXIS_MARGIN = 2.0  # the axis of costs reaches from the lowest divided by it to the highest times it
AXIS_PIXELS = 80  # of a figure's height, for its axis and what stands above it
POSITIONS: dict[str, tuple[int, int]] = {
    "middle right": (1, 0), "middle left": (-1, 0), "top center": (0, 1), "bottom center": (0, -1),
    "top right": (1, 1), "bottom right": (1, -1), "top left": (-1, 1), "bottom left": (-1, -1),
}  # fmt: skip
"""Where plotly writes the name of a point: to the right (1) or left of it, and above (1) or below."""
PLACES = {"network": 0, "committee": 1, "baseline": 7}  # among the colours of lines
SYMBOLS = {"network": "circle", "committee": "star", "baseline": "diamond"}


Box = tuple[float, float, float, float]


def bar_figure(
    rows: Sequence[Compared],
    merit: str,
    *,
    colours: Sequence[str],
    ink: str,
    run_colours: Mapping[str, str] | None = None,
) -> go.Figure:
    """Draw one point per row that has `merit` (of MERITS), best on top, with 95 % intervals where known.

    A point has the colour of its run in `run_colours`, or else that of its kind.
    """
    lower_is_better = merit == LOWER_IS_BETTER
    measured = [row for row in rows if getattr(row, merit) is not None]
    measured.sort(key=lambda row: getattr(row, merit), reverse=lower_is_better)
    figure = go.Figure()
    _draw_bars(figure, measured, merit=merit, inks=_colours(measured, run_colours, colours))
    for kind, name in NAMES.items():
        of_kind = [row for row in measured if row.kind == kind]
        if not of_kind:
            continue
        values = [float(getattr(row, merit)) for row in of_kind]
        if lower_is_better:
            values = [0.0 if value < ROUNDING else value for value in values]
        figure.add_scatter(
            y=[row.label for row in of_kind],
            x=values,
            name=name,
            mode="markers+text",
            marker={"size": 11, "color": _colours(of_kind, run_colours, colours), "symbol": SYMBOLS[kind]},
            text=[f"{value:.3f}" for value in values],
            textposition="top center",
            cliponaxis=False,  # the value of the topmost stands above the axis
            textfont={"size": 12, "color": ink},
            hovertemplate="%{y}: %{x:.4f}",
        )
    figure.update_layout(showlegend=len({row.kind for row in measured}) > 1)
    figure.update_xaxes(title=MERITS[merit])
    order = [row.label for row in measured]
    figure.update_yaxes(categoryorder="array", categoryarray=order, ticks="")
    figure.update_yaxes(tickvals=order, ticktext=[f"{figures.wrapped(label)}\u2002" for label in order])
    return figure


def _colours(
    rows: Sequence[Compared], run_colours: Mapping[str, str] | None, colours: Sequence[str]
) -> list[str]:
    return [(run_colours or {}).get(row.run, colours[PLACES[row.kind]]) for row in rows]


def drawn_beside(costs: Sequence[float]) -> list[float]:
    """Return where on the axis points of these costs are drawn: those of one cost beside each other."""
    drawn = []
    decades = _decades(costs) / PLOT_PIXELS[0]  # of a pixel
    for place, cost in enumerate(costs):
        alike = [other for other, one in enumerate(costs) if math.isclose(one, cost, rel_tol=ALIKE)]
        step = min(APART_PIXELS, MOST_APART_PIXELS / max(len(alike) - 1, 1))
        pixels = step * (alike.index(place) - (len(alike) - 1) / 2)
        drawn.append(cost * 10 ** (pixels * decades))
    return drawn


def _decades(costs: Sequence[float]) -> float:
    """Return how many powers of ten the axis of costs spans."""
    return math.log10(AXIS_MARGIN**2 * max(costs) / min(costs)) if costs else 0.0


def costs_coincide(rows: Sequence[Compared], cost: str, *, merit: str) -> bool:
    """Return whether points of the figure of costs are drawn beside each other, being of one cost."""
    costs = [
        float(getattr(row, cost)) for row in rows if getattr(row, merit) is not None and getattr(row, cost)
    ]
    return drawn_beside(costs) != costs


def has_intervals(rows: Sequence[Compared], merit: str) -> bool:
    """Return whether the 95 % interval of a figure is known of any row."""
    return any(len({*interval_of(row, merit)}) == 2 for row in rows if getattr(row, merit) is not None)


def interval_of(row: Compared, merit: str) -> tuple[float, float]:
    """Return the 95 % interval that is known of a figure (see INTERVALS), or the value itself twice."""
    value = float(getattr(row, merit))
    low, high = (getattr(row, f"{merit}_{end}", None) for end in ("low", "high"))
    return (value, value) if low is None or high is None else (low, high)


def _error_bar(row: Compared, merit: str, *, colour: str) -> dict[str, Any]:
    """Return how far the interval of a row reaches above and below its value, as plotly takes it."""
    value, (low, high) = float(getattr(row, merit)), interval_of(row, merit)
    return {
        "type": "data",
        "color": colour,
        "width": 5,
        "thickness": 1.5,
        "symmetric": False,
        "array": [high - value],
        "arrayminus": [value - low],
    }


def cost_figure(
    rows: Sequence[Compared],
    cost: str,
    *,
    merit: str = "tpr10",
    colours: Sequence[str],
    ink: str,
    height: int = 340,
    run_colours: Mapping[str, str] | None = None,
) -> go.Figure:
    """Draw `merit` (of MERITS) of each row against `cost` (of COSTS), which is spread logarithmically.

    Names are placed as a figure of `height` pixels has room for them. Points of one cost stand beside each
    other, so that each is seen with its interval, in a band that says so. Colours are those of `bar_figure`.
    """
    figure = go.Figure()
    measured = [row for row in rows if getattr(row, merit) is not None and getattr(row, cost)]
    costs = [float(getattr(row, cost)) for row in measured]
    shares = [float(getattr(row, merit)) for row in measured]
    names = _names_drawn(measured, costs, shares, cost=cost, merit=merit)
    across = drawn_beside(costs)
    bars = [interval_of(row, merit) for row in measured]
    positions = name_positions(across, shares, names, height=height - AXIS_PIXELS, bars=bars)
    _mark_one_cost(figure, costs, across, ink=ink)
    _draw_bars(figure, measured, merit=merit, inks=_colours(measured, run_colours, colours), across=across)
    for kind, name in NAMES.items():
        places = [place for place, row in enumerate(measured) if row.kind == kind]
        if not places:
            continue
        of_kind = [measured[place] for place in places]
        figure.add_scatter(
            x=[across[place] for place in places],
            y=[getattr(row, merit) for row in of_kind],
            name=name,
            mode="markers+text",
            text=[names[place] for place in places],
            customdata=[[row.label, costs[place]] for place, row in zip(places, of_kind, strict=True)],
            textposition=[positions[place] for place in places],
            textfont={"size": 11, "color": ink},
            cliponaxis=False,  # the names of those at 1 stand above the axis
            marker={"size": 11, "color": _colours(of_kind, run_colours, colours), "symbol": SYMBOLS[kind]},
            hovertemplate=f"%{{customdata[0]}}<br>{MERITS[merit]} %{{y:.3f}}<br>%{{customdata[1]:,.4~g}} "
            f"{COSTS[cost]}",
        )
    figure.update_layout(showlegend=len({row.kind for row in measured}) > 1)
    ticks = cost_ticks(costs)
    if costs:
        figure.update_xaxes(
            range=[math.log10(min(costs) / AXIS_MARGIN), math.log10(max(costs) * AXIS_MARGIN)]
        )
    figure.update_xaxes(title=COSTS[cost], type="log", tickvals=ticks, ticktext=[*map(rounded_count, ticks)])
    figure.update_yaxes(title=MERITS[merit])
    return figure


def _mark_one_cost(figure: go.Figure, costs: Sequence[float], across: Sequence[float], *, ink: str) -> None:
    """Draw a band behind points of one cost, with that cost above it: they differ less than as drawn."""
    edge = 10 ** (BAND_PIXELS * _decades(costs) / PLOT_PIXELS[0])
    done: list[float] = []
    for cost in costs:
        beside = [x for x, one in zip(across, costs, strict=True) if math.isclose(one, cost, rel_tol=ALIKE)]
        if len(beside) == 1 or min(beside) in done:
            continue
        done.append(min(beside))
        figure.add_vrect(
            x0=min(beside) / edge, x1=max(beside) * edge, fillcolor=figures.faded(ink, BAND_TINT),
            line_width=0, layer="below",
        )  # fmt: skip
        figure.add_annotation(
            x=math.log10(cost), y=1.0, xref="x", yref="paper", yanchor="bottom", showarrow=False,
            text=f"{len(beside)} at {rounded_count(cost)}", font={"size": 11, "color": ink},
        )  # fmt: skip


def _draw_bars(
    figure: go.Figure,
    rows: Sequence[Compared],
    *,
    merit: str,
    inks: Sequence[str],
    across: Sequence[float] | None = None,
) -> None:
    """Draw the intervals in the colours of their points, which lie over them.

    They are upright at the places `across`, or else lie in the rows of their names.
    """
    for place, (row, colour) in enumerate(zip(rows, inks, strict=True)):
        if len({*interval_of(row, merit)}) == 1:
            continue
        value = float(getattr(row, merit))
        bar = _error_bar(row, merit, colour=colour)
        lying: dict[str, Any] = {"x": [value], "y": [row.label], "error_x": bar}
        figure.add_scatter(
            **(lying if across is None else {"x": [across[place]], "y": [value], "error_y": bar}),
            mode="markers",
            marker={"size": 1, "color": colour},
            hoverinfo="skip",
            showlegend=False,
            name=row.label,
        )


def _names_drawn(
    rows: Sequence[Compared], costs: Sequence[float], shares: Sequence[float], *, cost: str, merit: str
) -> list[str]:
    """Return the name of each point; of many those alone that none beats at no greater cost."""
    names = [shortened(row.label, most=NAME_LETTERS) for row in rows]
    if len(rows) <= MOST_NAMES:
        return names
    merits = [-share for share in shares] if merit == LOWER_IS_BETTER else shares
    best = unbeaten(costs, merits, cost=cost)
    return [name if named else "" for name, named in zip(names, best, strict=True)]


def cost_ticks(costs: Sequence[float]) -> list[float]:
    """Return where to write a logarithmic axis: 1, 2 and 5 of each decade, 1 alone where it spans three.

    An axis so short that fewer than two of these lie on it has 1.5, 3 and 7 besides.
    """
    if not costs:
        return []
    low, high = min(costs) / AXIS_MARGIN, max(costs) * AXIS_MARGIN
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks: list[float] = []
    for factors in ((1,), (1, 2, 5), (1, 1.5, 2, 3, 5, 7)):
        every = [factor * 10.0**power for power in decades for factor in factors]
        ticks = [tick for tick in every if low <= tick <= high]
        if len(ticks) >= (3 if factors == (1,) else 2):
            break
    return ticks


def unbeaten(costs: Sequence[float], shares: Sequence[float], *, cost: str) -> list[bool]:
    """Return which points none beats in share at no greater cost; of a speed the greater is the cheaper."""
    paid = [-value if cost == "images_per_second" else value for value in costs]
    points = list(zip(paid, shares, strict=True))
    return [not any(other <= own and reached > share for other, reached in points) for own, share in points]


def name_positions(
    costs: Sequence[float],
    shares: Sequence[float],
    names: Sequence[str],
    *,
    height: int = PLOT_PIXELS[1],
    bars: Sequence[tuple[float, float]] = (),
) -> list[str]:
    """Return where the name of each point goes: where it covers least of points, bars and other names.

    `height` is that of the plot in pixels, whose axis of shares spans the `bars`, or else the points.
    """
    if not costs:
        return []
    spans = bars or [(share, share) for share in shares]
    lowest, highest = min(low for low, _ in spans), max(high for _, high in spans)
    width, pixel = PLOT_PIXELS[0], (highest - lowest or 1.0) / height

    def level(share: float) -> float:
        return (share - lowest) / pixel

    points = [
        (math.log10(AXIS_MARGIN * cost / min(costs)) / _decades(costs) * width, level(share))
        for cost, share in zip(costs, shares, strict=True)
    ]
    taken = [(x - MARK_PIXELS, y - MARK_PIXELS, x + MARK_PIXELS, y + MARK_PIXELS) for x, y in points]
    taken += [
        (x - BAR_PIXELS, level(low), x + BAR_PIXELS, level(high))
        for (x, _), (low, high) in zip(points, spans, strict=True)
    ]
    positions = []
    for (x, y), name in zip(points, names, strict=True):
        boxes = {position: _box_of_name(x, y, name, position) for position in POSITIONS}
        covered = {position: _covered(box, taken, width) for position, box in boxes.items()}
        best = min(covered, key=lambda position: covered[position])
        positions.append(best)
        if name:
            taken.append(boxes[best])
    return positions


def _box_of_name(x: float, y: float, name: str, position: str) -> Box:
    """Return left, lower, right and upper end of a name at a point, in pixels."""
    across, up = POSITIONS[position]
    half = LETTER_PIXELS * len(name) / 2
    middle = x + across * (half + MARK_PIXELS)
    level = y + up * NAME_PIXELS
    return middle - half, level - NAME_PIXELS / 2, middle + half, level + NAME_PIXELS / 2


def _covered(box: Box, taken: Sequence[Box], width: float) -> float:
    """Return how many square pixels of what is drawn a name would cover, and how many stand out."""
    left, lower, right, upper = box
    outside = max(0.0, -MARGIN_PIXELS - left) + max(0.0, right - width - MARGIN_PIXELS)
    inside = sum(
        max(0.0, min(right, far) - max(left, near)) * max(0.0, min(upper, top) - max(lower, foot))
        for near, foot, far, top in taken
    )
    return 2 * NAME_PIXELS * outside + inside


def not_drawn(rows: Sequence[Compared], cost: str, *, merit: str = "tpr10") -> str:
    """Return in words which rows the figure of costs leaves out, and why; nothing where it has all."""
    why: dict[str, list[str]] = {}
    for row in rows:
        if getattr(row, merit) is None:
            told = "not measured"
            if row.auroc is None:
                told = "it does not tell lenses from non-lenses"
            elif row.has_few_nonlenses:
                told = "too few non-lenses to tell it"
            why.setdefault(f"(no {MERITS[merit]}: {told})", []).append(row.label)
        elif not getattr(row, cost):
            why.setdefault(_why_without(row, cost), []).append(row.label)
    return "; ".join(f"{first_of(labels, MOST_LISTED)} {reason}" for reason, labels in why.items())


def _why_without(row: Compared, cost: str) -> str:
    if row.kind == "committee":
        return "(a committee is not trained, its members are)"
    if row.model == EXTERNAL:
        return "(a table of scores, whose network is not known here)"
    return f"({COSTS[cost].removesuffix(' (s)')} not recorded)"


def columns_of(rows: Sequence[Compared]) -> dict[str, list[Any]]:
    """Return the rows as columns for a download."""
    names = ("label", "run", "model", "kind", "dataset", "state", "n", "lenses", "accuracy", "accuracy_low",
             "accuracy_high", "auroc", "auroc_low", "auroc_high",
             "average_precision", "tpr0", "tpr10", "tpr10_low", "tpr10_high", "rotation_std", "parameters",
             "epochs", "seconds", "images_per_second", "reason")  # fmt: skip
    return {name: [getattr(row, name) for row in rows] for name in names}
