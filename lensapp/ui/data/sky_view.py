"""Where the cutouts of a source lie: a field in its true shape, or a map of the whole sky."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from lensapp.services.data.filters import number_columns
from lensapp.services.data.sky_maps import SkyMap, declinations_of, grid_of, map_of, right_ascensions_of
from lensapp.services.data.source_tables import catalogue_values, column_of, labels_of, table_of
from lensapp.storage.records import Source
from lensapp.ui.data.catalogue_view import safe_csv
from lensapp.ui.shared import figures
from lensapp.ui.shared.address import kept, one_of
from lensapp.ui.shared.state import get_workspace
from lensapp.ui.shared.widgets import counted, number

SKY_POINTS = 20_000
SVG_POINTS = 4_000
SMALL_MARKS = 1_000
ELONGATED = 3
SYMBOLS = figures.CLASS_SYMBOLS | {"unlabelled": "diamond"}  # filled: rings as thin as these are hardly seen
MOST_PLACES = 150  # beside whose marks counts can stand
CLASS = "class"
OUTER_COLOURS = 2  # per cent of the values at either end, which have the colour of the end
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Positions:
    """Some cutouts on the sky.

    Attributes
    ----------
    kinds
        The class, or part, of each.
    values
        What gives each its colour in place of its kind, called `of`; NaN where unknown.
    """

    ra_deg: FloatArray
    dec_deg: FloatArray
    names: NDArray[Any]
    kinds: NDArray[Any]
    values: FloatArray | None = None
    of: str = ""


def show_sky(source: Source) -> None:
    """Show where the cutouts are, in the colours of their classes or of a column."""
    ws = get_workspace()
    labels = labels_of(ws, source)
    ra_deg, dec_deg = column_of(ws, source, "ra_deg"), column_of(ws, source, "dec_deg")
    positioned = np.flatnonzero(np.isfinite(ra_deg) & np.isfinite(dec_deg))
    if not len(positioned):
        st.info(
            "No cutout of this source has a position. Import it again with a catalogue of positions.",
            icon=":material/public_off:",
        )
        return
    offered = [CLASS, *number_columns(ws, source)]
    with st.container(width=300):
        of = st.selectbox(
            "Colour by",
            offered,
            format_func="Colour by {}".format,
            label_visibility="collapsed",
            **kept("colour", one_of(offered), CLASS, key=f"sky-colour-{source.id}"),
        )
    drawn = evenly_spread(positioned, most=SKY_POINTS)
    values = None if of == CLASS else catalogue_values(ws, source, str(of))[drawn]
    positions = Positions(
        ra_deg[drawn],
        dec_deg[drawn],
        column_of(ws, source, "candidate_id")[drawn],
        labels[drawn],
        values,
        str(of),
    )
    figure, heaps = sky_figure(
        positions, colours=figures.class_colours(), names=figures.CLASS_NAMES, counts=True
    )
    part = "" if len(drawn) == len(positioned) else f", {number(len(drawn))} of them drawn"
    together = f" Numbers tell how many overlap, at {counted(heaps, 'place')}." if heaps else ""
    figures.show_figure(
        figure,
        title="Positions of the cutouts",
        caption=f"{number(len(positioned))} of {counted(len(labels), 'cutout')} with a position{part}. "
        f"ICRS.{together}",
        csv=lambda: safe_csv(
            table_of(get_workspace(), source)[["candidate", "ra (deg)", "dec (deg)", "label"]]
        ),
        key=f"sky-{source.name}",
        height=560,
    )


def evenly_spread(rows: NDArray[np.int64], *, most: int) -> NDArray[np.int64]:
    """Return `most` of the rows or fewer, in even steps from the first to the last."""
    steps = np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(np.int64)
    return np.asarray(rows[np.unique(steps)])


def sky_figure(
    positions: Positions, *, colours: dict[str, str], names: dict[str, str], counts: bool = False
) -> tuple[go.Figure, int]:
    """Return a map with east to the left, and at how many places marks overlap.

    It is of the whole sky where the positions span much of it. One colour per class, the largest lowest.

    Parameters
    ----------
    counts
        Whether the number of those that overlap stands beside them.
    """
    figure, at = go.Figure(), map_of(positions.ra_deg, positions.dec_deg)
    if at.centre_deg is None:
        _shape_field(figure, at)
    else:
        _draw_grid(figure, at.centre_deg)
    marks = _Marks(figure, positions, at)
    if positions.values is None:
        marks.add_kinds(colours, names)
    else:
        marks.add_values(positions.values, unknown=colours.get("unlabelled", figures.ink()))
    return figure, _count_overlaps(figure, at) if counts else 0


@dataclass(frozen=True, eq=False)
class _Marks:
    """The marks of positions on a map."""

    figure: go.Figure
    positions: Positions
    at: SkyMap

    def add_kinds(self, colours: dict[str, str], names: dict[str, str]) -> None:
        """Add the marks of each kind, the most frequent first."""
        every = self.positions.kinds
        kinds = [kind for kind in colours if np.any(every == kind)]
        for kind in sorted(kinds, key=lambda item: -np.count_nonzero(every == item)):
            marker = {"color": colours[kind], "symbol": SYMBOLS.get(kind, "circle")}
            self._add(every == kind, marker, name=names.get(kind, kind), legendrank=kinds.index(kind))

    def add_values(self, values: FloatArray, *, unknown: str) -> None:
        """Add marks whose colours follow values, those of unknown values first."""
        known, of = np.isfinite(values), self.positions.of
        if not known.all():
            grey = {"color": unknown, "symbol": SYMBOLS["unlabelled"]}
            self._add(~known, grey, name=f"{of} unknown", showlegend=True)
        if not known.any():
            return
        low, high = np.percentile(values[known], [OUTER_COLOURS, 100 - OUTER_COLOURS])
        marker: dict[str, Any] = {
            "color": values[known],
            "colorscale": "Viridis",
            "cmin": low,
            "cmax": high,
            "colorbar": {"title": {"text": of, "side": "right"}, "thickness": 14, "outlinewidth": 0},
        }
        self._add(known, marker, name=of, showlegend=False)

    def _add(self, members: NDArray[np.bool_], marker: dict[str, Any], **options: Any) -> None:
        """Add marks whose hover text tells name, position and what gives them their colour."""
        positions, count = self.positions, len(self.at.x)
        # WebGL costs seconds to start on machines without a GPU and pays only for many points.
        trace = go.Scatter if count <= SVG_POINTS else go.Scattergl
        told: list[NDArray[Any]] = [positions.names, positions.ra_deg, positions.dec_deg]
        hover = "%{customdata[0]}<br>RA %{customdata[1]:.5f}°, Dec %{customdata[2]:.5f}°"
        if positions.values is not None:
            told.append(positions.values)
            hover += f"<br>{positions.of} %{{customdata[3]:.4g}}"
        points = trace(
            x=self.at.x[members],
            y=self.at.y[members],
            mode="markers",
            marker={"size": 4 if count > SMALL_MARKS else 7, "opacity": 0.8} | marker,
            customdata=np.column_stack([np.asarray(one[members], object) for one in told]),
            hovertemplate=f"{hover}<extra></extra>",
            **options,
        )
        self.figure.add_trace(points)


def _shape_field(figure: go.Figure, at: SkyMap) -> None:
    """Give a map of a field its axes and, but for strips, its true shape.

    A figure of another shape would be mostly empty, or go beyond its data.
    """
    figure.update_xaxes(title="RA (deg)", autorange="reversed")
    figure.update_yaxes(title="Dec (deg)", minallowed=-90, maxallowed=90)
    squeeze = max(float(np.cos(np.radians(np.median(at.y)))), 0.05)
    width, height = float(np.ptp(at.x)) * squeeze, float(np.ptp(at.y))
    if height / ELONGATED < width < height * ELONGATED:
        figure.update_xaxes(constrain="domain")
        figure.update_yaxes(scaleanchor="x", scaleratio=1 / squeeze, constrain="domain")


def _draw_grid(figure: go.Figure, centre_deg: float) -> None:
    """Draw meridians and parallels of a map of the whole sky, with their degrees, and hide its axes."""
    x, y = grid_of(centre_deg)
    line = {"color": figures.faded(figures.ink(), 0.25), "width": 1}
    figure.add_scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", showlegend=False)
    _write(figure, *right_ascensions_of(centre_deg), place="middle center", faint=True)
    _write(figure, *declinations_of(centre_deg), place="middle left", faint=True)
    figure.update_xaxes(visible=False, constrain="domain")
    figure.update_yaxes(visible=False, scaleanchor="x", constrain="domain")


def _count_overlaps(figure: go.Figure, at: SkyMap) -> int:
    """Write beside marks that overlap how many they are; return at how many places, 0 where too many."""
    if len(at.x) > SVG_POINTS:
        return 0
    x, y, sizes = at.heaps()
    places = len(at.x) - int((sizes - 1).sum())
    if not len(sizes) or places > MOST_PLACES:
        return 0
    _write(figure, x, y, [f" {size}" for size in sizes.tolist()], place="top right")
    return len(sizes)


def _write(
    figure: go.Figure, x: FloatArray, y: FloatArray, texts: list[str], *, place: str, faint: bool = False
) -> None:
    """Write texts on a map, `place` beside their points."""
    colour = figures.faded(figures.ink(), 0.6) if faint else figures.ink()
    figure.add_scatter(
        x=x,
        y=y,
        mode="text",
        text=texts,
        textposition=place,
        textfont={"size": 11 if faint else 12, "color": colour},
        hoverinfo="skip",
        showlegend=False,
    )
