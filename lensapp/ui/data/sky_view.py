"""Where the cutouts of a source lie: a field in its true shape, or a map of the whole sky."""

import html
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from lensapp.core.data.column_names import column_label
from lensapp.core.numerals import true_minus
from lensapp.services.data.filters import number_columns
from lensapp.services.data.pictures import cutouts_by_id
from lensapp.services.data.sky_maps import (
    MOST_NEIGHBOURS,
    SAME_POSITION_ARCSEC,
    FieldFacts,
    Place,
    SkyMap,
    declinations_of,
    field_of,
    galactic_plane_of,
    grid_of,
    map_of,
    places_of,
    positions_shared,
    right_ascensions_of,
)
from lensapp.services.data.source_tables import catalogue_values, column_of, labels_of, table_of
from lensapp.services.data.sources import ready_sources
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.data.catalogue_view import safe_csv
from lensapp.ui.gallery.contact_sheet import contact_sheet
from lensapp.ui.shared import figures
from lensapp.ui.shared.address import kept, one_of
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.pictures import describe_cutout
from lensapp.ui.shared.state import ask_to_go, get_workspace
from lensapp.ui.shared.widgets import counted, empty_state, heading, number

SKY_POINTS = 20_000
SVG_POINTS = 4_000
MARKS = ((300, 7, 0.8), (1_000, 5, 0.7), (5_000, 4, 0.55), (None, 3, 0.4))
"""Up to how many marks they are so many pixels across, and so opaque: of many, single ones are still told."""
RARE_OPACITY = 0.9  # of the marks of a kind that others outnumber
RIM = 5  # pixels by which a mark is larger than that of another kind above it
SIDE, WIDE = 620, 480  # pixels: height of the map of a field, which is as wide, and of any other
ASPECT = 1.6  # of a map that is wider than high
EVERYWHERE = "all places"
MOST_CHOSEN = 96
CLOSEST = 8  # cutouts shown while none is chosen
ELONGATED = 3
SYMBOLS = figures.CLASS_SYMBOLS | {"unlabelled": "diamond"}  # filled: rings as thin as these are hardly seen
NUMBER_SHIFT = 3  # pixels from the middle of a mark
HALO = ", ".join(["0 0 2px {0}"] * 6)  # about a number, so that no mark or line runs through it
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
    cutout_ids
        What a click on a mark tells; default: nothing.
    values
        What gives each its colour in place of its kind, called `of`; NaN where unknown.
    """

    ra_deg: FloatArray
    dec_deg: FloatArray
    names: NDArray[Any]
    kinds: NDArray[Any]
    values: FloatArray | None = None
    of: str = ""
    cutout_ids: NDArray[np.int64] | None = None


def show_sky(source: Source) -> None:
    """Show where the cutouts are, in the colours of their classes or of a column."""
    ws = get_workspace()
    labels = labels_of(ws, source)
    ra_deg, dec_deg = column_of(ws, source, "ra_deg"), column_of(ws, source, "dec_deg")
    positioned = np.flatnonzero(np.isfinite(ra_deg) & np.isfinite(dec_deg))
    if not len(positioned):
        _show_without_positions(source)
        return
    with st.container(horizontal=True, gap="small"):
        of = _choose_colour(ws, source)
        place = _choose_place(ws, source)
    if place is not None:
        positioned = places_of(ws, source)[place].rows
    drawn = evenly_spread(positioned, most=SKY_POINTS)
    values = None if of == CLASS else catalogue_values(ws, source, of)[drawn]
    ids, candidates = column_of(ws, source, "id")[drawn], column_of(ws, source, "candidate_id")[drawn]
    positions = Positions(
        ra_deg[drawn], dec_deg[drawn], candidates, labels[drawn], values, column_label(of), ids
    )
    of_all = f"{number(len(positioned))} of {counted(len(labels), 'cutout')}"
    part = "" if len(drawn) == len(positioned) else f", {number(len(drawn))} of them drawn"
    said = f"{of_all} {'with a position' if place is None else 'at this place'}{part}. ICRS."
    with st.container(horizontal=True, gap="medium", key="sky"):
        chosen = _show_map(source, positions, said)
        with st.container(width="stretch", key="sky-beside"):
            if chosen:
                chosen = with_those_beneath(chosen, ids, map_of(ra_deg[drawn], dec_deg[drawn]))
                heading(f"{counted(len(chosen), 'cutout')} chosen")
                show_cutouts(ws, chosen)
            else:
                show_field(ws, source, count=len(positioned), place=place)


def _show_without_positions(source: Source) -> None:
    """Say where positions come from, and offer to import the source again."""
    box = empty_state(
        "No cutout has a position",
        "Where the cutouts lie, and how closely, appears here. Positions come from a catalogue, from the WCS "
        f"of FITS headers or from keywords such as RA and DEC: import {source.name} again with one of these.",
        icon=":material/public_off:",
    )
    with box.container(horizontal=True, horizontal_alignment="center"):
        ws = get_workspace()
        others = (one for one in ready_sources(ws) if np.isfinite(column_of(ws, one, "ra_deg")).any())
        if (other := next(others, None)) is not None:
            st.button(
                f"See the sky of {plain(other.name)}",
                icon=":material/public:",
                key="sky-other",
                on_click=ask_to_go,
                args=("data",),
                kwargs={"view": {"view": "sky"}, "source": other.name},
            )
        st.button(
            "Import again",
            icon=":material/download:",
            key="sky-import",
            on_click=ask_to_go,
            args=("data",),
            kwargs={"view": {"view": "import"}, "source": source.name},
        )


def _show_map(source: Source, positions: Positions, said: str) -> list[int]:
    """Show a map of positions with what is said of them; return the cutouts chosen on it."""
    figure, heaps = sky_figure(
        positions, colours=figures.class_colours(), names=figures.CLASS_NAMES, counts=True
    )
    together = f" Numbers tell how many overlap, at {counted(heaps, 'place')}." if heaps else ""
    is_square = figure.layout.yaxis.scaleanchor is not None and figure.layout.yaxis.visible is not False
    with st.container(width=SIDE if is_square else "stretch", key=f"sky-{'field' if is_square else 'wide'}"):
        return figures.show_figure(
            figure,
            title="Positions of the cutouts",
            caption=f"{said}{together}",
            csv=lambda: safe_csv(
                table_of(get_workspace(), source)[["candidate", "ra (deg)", "dec (deg)", "label"]]
            ),
            key=f"sky-{source.name}",
            height=SIDE if is_square else WIDE,
            selectable=True,
            aspect=1.0 if is_square else ASPECT,
        )


def _choose_place(ws: Workspace, source: Source) -> int | None:
    """Ask, where cutouts lie at several places, for the one that the map shows; return its number."""
    places = places_of(ws, source)
    if not places:
        return None
    # By where they are, so that the place of one source is none of another, but for the same sky.
    names = [f"{one.ra_deg:.1f}{one.dec_deg:+.1f}" for one in places]
    words = dict(zip(names, map(_words_of_place, places), strict=True))
    with st.container(width=300):
        chosen = st.selectbox(
            "Place",
            [EVERYWHERE, *words],
            format_func=lambda place: words.get(place, place),
            label_visibility="collapsed",
            help="A place is seen in its true shape, where marks of the whole map overlap.",
            **kept("place", one_of([EVERYWHERE, *words]), EVERYWHERE, key=f"sky-place-{source.id}"),
        )
    return names.index(chosen) if chosen in names else None


def _words_of_place(place: Place) -> str:
    """Return where a place lies and how many cutouts are there."""
    dec = f"{place.dec_deg:+.1f}°"
    return f"RA {place.ra_deg:.1f}°, Dec {true_minus(dec)} · {counted(len(place.rows), 'cutout')}"


def _choose_colour(ws: Workspace, source: Source) -> str:
    """Ask for the column that gives marks their colours."""
    offered = [CLASS, *number_columns(ws, source)]
    with st.container(width=300):
        return str(
            st.selectbox(
                "Colour by",
                offered,
                format_func=lambda name: f"Colour by {'label' if name == CLASS else column_label(name)}",
                label_visibility="collapsed",
                **kept("colour", one_of(offered), CLASS, key=f"sky-colour-{source.id}"),
            )
        )


def with_those_beneath(chosen: list[int], ids: NDArray[np.int64], at: SkyMap) -> list[int]:
    """Return chosen cutouts with those that their marks hide on a map, as of a close pair."""
    rows = at.beneath(np.flatnonzero(np.isin(ids, chosen)))
    return [*dict.fromkeys([*chosen, *ids[rows].tolist()])]


def show_field(ws: Workspace, source: Source, *, count: int, place: int | None = None) -> None:
    """Show how far the positions reach, how close they lie together, and the cutouts that lie closest."""
    field = field_of(ws, source, most=CLOSEST, place=place)
    heading("How they lie")
    st.caption(facts_in_words(field.facts))
    st.caption("Click a mark, or draw a lasso around several: their cutouts appear here.")
    if count > MOST_NEIGHBOURS:
        st.caption(f"Neighbours are not looked for among more than {number(MOST_NEIGHBOURS)} positions.")
    if field.closest_ids:
        heading("Closest together")
        apart = [f"{angle(one)} apart" if one else "same position" for one in field.separations_arcsec]
        show_cutouts(ws, field.closest_ids, below=apart, together=field.together)


def show_cutouts(
    ws: Workspace, cutout_ids: list[int], *, below: list[str] | None = None, together: Sequence[int] = ()
) -> None:
    """Show the first of some cutouts, with a line below each, and so many `together` in a frame."""
    cutouts = cutouts_by_id(ws, cutout_ids[:MOST_CHOSEN])
    names = [cutout.candidate_id for cutout in cutouts]
    contact_sheet(
        ws,
        cutouts,
        key="sky",
        captions=[f"{name}\n{line}" for name, line in zip(names, below, strict=True)] if below else names,
        hints=[describe_cutout(cutout, with_columns=True) for cutout in cutouts],
        colours=figures.label_colours(cutout.label for cutout in cutouts),
        together=together,
    )
    if len(cutout_ids) > MOST_CHOSEN:
        st.caption(f"The first {number(MOST_CHOSEN)} are shown.")


def facts_in_words(facts: FieldFacts) -> str:
    """Return how far positions reach and how close they lie together, in lines above the cutouts."""
    lines = [f"**{in_degrees(facts.width_deg)} × {in_degrees(facts.height_deg)}** in RA and Dec"]
    if facts.median_arcsec is not None:
        nearest = f"median **{angle(facts.median_arcsec)}**, closest **{angle(facts.closest_arcsec)}**"
        lines.append(f"Nearest: {nearest}")
    if facts.sharing:
        mixed = f"; both classes at {counted(facts.mixed, 'position')}" if facts.mixed else ""
        sharing = counted(facts.sharing, "cutout")
        lines.append(f"Within {SAME_POSITION_ARCSEC:g}″ of another: **{sharing}**{mixed}")
    return "  \n".join(lines)


def in_degrees(degrees: float) -> str:
    """Return an extent on the sky in degrees, or in minutes of arc where it is small."""
    return f"{number(degrees)}°" if degrees >= 1 else f"{number(60 * degrees)}′"


def angle(arcsec: float | None) -> str:
    """Return a separation in seconds, minutes or degrees of arc."""
    if arcsec is None:
        return "–"
    return f"{number(arcsec)}″" if arcsec < 60 else in_degrees(arcsec / 3600)


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
    marks = _Marks(figure, positions, at, names)
    if positions.values is None:
        marks.add_kinds(colours)
    else:
        marks.add_values(positions.values, unknown=colours.get("unlabelled", figures.ink()))
    return figure, _count_overlaps(figure, at) if counts else 0


@dataclass(frozen=True, eq=False)
class _Marks:
    """The marks of positions on a map."""

    figure: go.Figure
    positions: Positions
    at: SkyMap
    names: dict[str, str]

    def add_kinds(self, colours: dict[str, str]) -> None:
        """Add the marks of each kind, the most frequent first, so that none hides rarer ones.

        Of marks at one position the lower ones are larger and are seen around those above.
        """
        every = self.positions.kinds
        kinds = [kind for kind in colours if np.any(every == kind)]
        order = sorted(kinds, key=lambda kind: (-np.count_nonzero(every == kind), -kinds.index(kind)))
        for rank, kind in enumerate(order):
            members = every == kind
            above = self.kinds_above(order[rank + 1 :])[members]
            marker: dict[str, Any] = {"color": colours[kind], "symbol": SYMBOLS.get(kind, "circle")}
            if above.any():
                marker["size"] = self.size + RIM * above
            if rank:
                marker["opacity"] = RARE_OPACITY
            self._add(members, marker, name=self.names.get(kind, kind), legendrank=kinds.index(kind))

    def kinds_above(self, kinds: list[str]) -> NDArray[np.int64]:
        """Return for each mark how many of some kinds have another at its position."""
        at, count = self.positions, np.zeros(len(self.at.x), np.int64)
        for members in self.sharing:
            count[members] = len({*kinds} & {*at.kinds[members].tolist()})
        return count

    @cached_property
    def sharing(self) -> list[NDArray[np.int64]]:
        """The marks of each position that several have."""
        return positions_shared(self.positions.ra_deg, self.positions.dec_deg)

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
            "colorbar": {
                "title": {"text": of, "side": "right", "font": {"size": 13}},
                "thickness": 14,
                "outlinewidth": 0,
            },
        }
        self._add(known, marker, name=of, showlegend=False)

    @property
    def size(self) -> int:
        """Pixels across a mark."""
        return self.look[0]

    @cached_property
    def look(self) -> tuple[int, float]:
        """Pixels across a mark and its opacity, by how many there are."""
        count = len(self.at.x)
        fitting = ((size, opacity) for most, size, opacity in MARKS if most is None or count <= most)
        return next(fitting)

    def _add(self, members: NDArray[np.bool_], marker: dict[str, Any], **options: Any) -> None:
        """Add marks whose hover text tells name, position and what gives them their colour."""
        positions, count = self.positions, len(self.at.x)
        # WebGL costs seconds to start on machines without a GPU and pays only for many points.
        trace = go.Scatter if count <= SVG_POINTS else go.Scattergl
        points = trace(
            x=self.at.x[members],
            y=self.at.y[members],
            mode="markers",
            marker={"size": self.size, "opacity": self.look[1]} | marker,
            customdata=None if positions.cutout_ids is None else positions.cutout_ids[members],
            hovertext=self.words[members],
            hovertemplate="%{hovertext}<extra></extra>",
            **options,
        )
        self.figure.add_trace(points)

    @cached_property
    def words(self) -> NDArray[np.object_]:
        """What hovering over each mark tells."""
        at, values = self.positions, self.positions.values
        texts = [
            f"{html.escape(str(name), quote=False)}<br>RA {ra:.5f}°, Dec {dec:+.5f}°"
            for name, ra, dec in zip(at.names, at.ra_deg, at.dec_deg, strict=True)
        ]
        if values is not None:
            texts = [f"{text}<br>{at.of} {value:.4g}" for text, value in zip(texts, values, strict=True)]
        for members in self.sharing:
            kinds = Counter(self.names.get(kind, kind) for kind in at.kinds[members].tolist())
            each = ", ".join(f"{count} × {kind}" for kind, count in kinds.items())
            for mark in members.tolist():
                texts[mark] += f"<br>{len(members)} cutouts at this position: {each}"
        return np.array(texts, object)


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
    """Draw meridians, parallels and the Galactic plane on a map of the whole sky, with degrees for axes."""
    x, y = grid_of(centre_deg)
    line = {"color": figures.faded(figures.ink(), 0.25), "width": 1}
    figure.add_scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", showlegend=False)
    x, y = galactic_plane_of(centre_deg)
    plane = {"color": figures.faded(figures.ink(), 0.6), "width": 1.5, "dash": "dash"}
    figure.add_scatter(x=x, y=y, mode="lines", line=plane, hoverinfo="skip", name="Galactic plane")
    _write(figure, *right_ascensions_of(centre_deg), place="middle center")
    _write(figure, *declinations_of(centre_deg), place="middle left")
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
    for east, north, size in zip(x.tolist(), y.tolist(), sizes.tolist(), strict=True):
        figure.add_annotation(
            x=east,
            y=north,
            text=f"<b>{size}</b>",
            showarrow=False,
            xanchor="left",
            yanchor="bottom",
            xshift=NUMBER_SHIFT,
            yshift=NUMBER_SHIFT,
            font={"size": 12, "color": figures.ink(), "shadow": HALO.format(figures.ground())},
        )
    return len(sizes)


def _write(figure: go.Figure, x: FloatArray, y: FloatArray, texts: list[str], *, place: str) -> None:
    """Write texts faintly on a map, `place` beside their points."""
    figure.add_scatter(
        x=x,
        y=y,
        mode="text",
        text=texts,
        textposition=place,
        textfont={"size": 11, "color": figures.faded(figures.ink(), 0.6)},
        hoverinfo="skip",
        showlegend=False,
    )
