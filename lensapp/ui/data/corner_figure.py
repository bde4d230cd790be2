"""A corner plot: every pair of some columns as dots, each column alone on the diagonal."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from lensapp.ui.shared.widgets import number

AXES = {
    "redshift": "z lens",
    "velocity_dispersion_km_s": "σ (km/s)",
    "einstein_radius_arcsec": "θ<sub>E</sub> (arcsec)",
    "source_redshift": "z source",
    "source_magnitude": "m source",
    "arc_snr": "S/N",
}
LOGARITHMIC = ("arc_snr",)
ROUND_VALUES = (1, 3, 10, 30, 100, 300, 1000, 3000)  # ticks of a logarithmic axis
MOST_TICKS, MOST_ACROSS = 4, 3  # up, and across, where labels stand beside each other
BINS = 16


def corner_figure(columns: Mapping[str, NDArray[np.float64]], *, colour: str) -> go.Figure:
    """Draw those of AXES that any lens has, by the beginning of their names."""
    names = [
        next((name for name in columns if name == axis or name.startswith(f"{axis}_")), "") for axis in AXES
    ]
    shown = [(name, label) for name, label in zip(names, AXES.values(), strict=True) if name]
    count = len(shown)
    figure = make_subplots(count, count, horizontal_spacing=0.012, vertical_spacing=0.012)
    for row, (below, label) in enumerate(shown, 1):
        for column, (left, left_label) in enumerate(shown[:row], 1):
            if row == column:
                _add_counts(figure, columns[below], row, colour=colour, logarithmic=below in LOGARITHMIC)
            else:
                figure.add_trace(
                    go.Scatter(
                        x=columns[left], y=columns[below], mode="markers", showlegend=False,
                        marker={"size": 3, "color": colour, "opacity": 0.6},
                        hovertemplate=f"{left_label} %{{x:.3g}}<br>{label} %{{y:.3g}}<extra></extra>",
                    ),
                    row=row, col=column,
                )  # fmt: skip
                figure.update_yaxes(**_ticks(below), row=row, col=column)
            figure.update_xaxes(
                **_ticks(left, across=True),
                tickangle=0,  # turned ones would push the titles of some axes down
                tickfont={"size": 11},
                showticklabels=row == count,
                title=left_label if row == count else None,
                row=row,
                col=column,
            )
            outer = column == 1 and row > 1
            figure.update_yaxes(showticklabels=outer, title=label if outer else None, row=row, col=column)
    return figure


def _ticks(name: str, *, across: bool = False) -> dict[str, Any]:
    """Return type and ticks of the axis of a column: few, at round values, so that they do not touch."""
    if name in LOGARITHMIC:
        values = ROUND_VALUES[::2] if across else ROUND_VALUES
        return {"type": "log", "tickvals": values, "ticktext": [number(value) for value in values]}
    return {"nticks": MOST_ACROSS if across else MOST_TICKS}


def _add_counts(
    figure: go.Figure, values: NDArray[np.float64], place: int, *, colour: str, logarithmic: bool
) -> None:
    """Draw how often a column has which values, in its place on the diagonal."""
    known = values[np.isfinite(values)]
    if not len(known):
        return
    edges = np.linspace(known.min(), known.max() + 1e-9, BINS + 1)
    if logarithmic:
        edges = np.geomspace(known.min(), known.max() * (1 + 1e-9), BINS + 1)
    counts, _ = np.histogram(known, edges)
    figure.add_trace(
        go.Bar(
            x=(edges[1:] + edges[:-1]) / 2, y=counts, width=np.diff(edges), showlegend=False,
            marker={"color": colour}, hovertemplate="%{x:.3g}: %{y}<extra></extra>",
        ),
        row=place, col=place,
    )  # fmt: skip
