"""A map of features of more cutouts than dots can show: as a density, with what is laid over it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator

from lensapp.core.inspect.grades import LETTERS
from lensapp.services.data.known_lenses import kept_known_lenses
from lensapp.services.inspect.consensus import grades_of
from lensapp.services.score import features, map_density, map_overlays
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace
from lensapp.ui.score.feature_map import add_overlay, density_figure, number_clusters
from lensapp.ui.score.selection import show_clusters, show_selected_cutouts
from lensapp.ui.shared import figures
from lensapp.ui.shared.address import kept, one_of, switch
from lensapp.ui.shared.filters import ask_filter, filter_fold
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.state import theme
from lensapp.ui.shared.uploads import TABLE_ENDINGS, uploaded_table
from lensapp.ui.shared.widgets import errors_shown, number

MAP_HEIGHT = 540  # read without scrolling at 1280 × 800 px
COLOUR = {"count": "number of cutouts", "score": "mean score"}

Overlays = dict[str, NDArray[np.int64]]
"""Cutouts laid over a map, by what they are called."""


@dataclass(frozen=True)
class Places:
    """Where a map is drawn, all else of it and what is chosen stands, and what it is coloured by is asked."""

    figure: DeltaGenerator
    beside: DeltaGenerator
    controls: DeltaGenerator


def choose_overlays(ws: Workspace, name: str) -> Overlays:
    """Show what can be laid over a map: known lenses, votes, a table; return what was chosen."""
    known = kept_known_lenses(ws)
    overlays: Overlays = {}
    with st.popover("Lay over", icon=":material/layers:"):
        if known is None:
            st.caption("Known lenses can be laid over: give a table of them under Catalogue, Known lenses.")
        elif st.toggle(
            f"Known lenses of {plain(known.file)}",
            **kept("lay_known", switch(), default=False, key="features-over-known"),
        ):
            overlays["known lenses"] = map_overlays.known_overlay(ws, name, known)
        if st.toggle(
            "Votes",
            **kept("lay_votes", switch(), default=False, key="features-over-votes"),
            help="Candidates by the consensus of their votes.",
        ):
            grades = grades_of(ws, features.sources_of(ws, name))
            for letter in LETTERS:
                ids = np.array([key for key, grade in grades.items() if grade == letter], np.int64)
                if len(ids):
                    overlays[f"grade {letter}"] = ids
        uploaded = st.file_uploader(
            "Catalogue",
            type=TABLE_ENDINGS,
            key="features-over-table",
            help="Objects of any table, by their ID, else by their position within 2 arcsec.",
        )
        if uploaded is not None:
            with uploaded_table(uploaded) as path, errors_shown():
                overlays[uploaded.name] = map_overlays.catalogue_overlay(ws, name, path)
    return overlays


def show_density(
    ws: Workspace,
    run: Run,
    name: str,
    *,
    method: str,
    points: map_density.MapPoints,
    overlays: Overlays,
    places: Places,
) -> None:
    """Show a map as a density: a box or a lasso selects the cutouts of its cells, and can be zoomed into."""
    with places.beside:
        points, fulfilling = _filtered(ws, name, points)
    if not len(points):
        return
    zoom = f"features-bounds-{run.name}-{name}-{method}"
    bounds = st.session_state.get(zoom) or points.bounds
    cells = map_density.cells_of(points, bounds)
    with places.controls:
        by = st.segmented_control(
            "Colour by", list(COLOUR), required=True, format_func=COLOUR.__getitem__,
            **kept("colour", one_of(list(COLOUR)), "count", key="features-density"),
        )  # fmt: skip
    scores = map_density.scores_of_points(ws, run.name, name, points) if by == "score" else None
    with places.figure:
        values = None if scores is None else cells.means(scores)
        figure = density_figure(cells, method=method, values=values, theme=theme())
        _number_clusters(figure, points, cells)
        _lay_over(figure, points, cells, overlays)
        chosen = figures.show_figure(
            figure,
            title=f"{name} as {run.name} sees it",
            caption=f"n = {number(len(points))}{fulfilling}, "
            f"{number(cells.inside)} of them here; {method.upper()} of what the last layer reads, counted in "
            "cells. Draw a box or lasso to select cutouts and to zoom.",
            csv=lambda: cells_csv(cells, values),
            key=f"density-{run.name}-{name}-{method}-{hash(bounds)}",
            height=MAP_HEIGHT,
            selectable=True,
        )
        _show_zoom(zoom, cells, [one for one in chosen if one >= 0])
    with places.beside:
        grades = dict(grades_of(ws, features.sources_of(ws, name)))
        graded = map_density.rows_of_ids(points, np.array([*grades], np.int64))
        ticked = show_clusters(map_density.cluster_counts(points, scores, graded=graded))
        rows = _rows_chosen(points, cells, chosen, ticked)
        drawn = bool(chosen)
        _show_selected(ws, run, name, points, rows, ticked=ticked, grades=grades, drawn=drawn)


def _rows_chosen(
    points: map_density.MapPoints, cells: map_density.Cells, chosen: Sequence[int], ticked: Sequence[int]
) -> NDArray[np.int64]:
    """Return the rows of the cells and the overlaid points chosen, or of the clusters ticked, or of both."""
    dots = np.array([-1 - one for one in chosen if one < 0], np.int64)
    rows = np.union1d(cells.rows_in([one for one in chosen if one >= 0]), dots)
    if not ticked:
        return rows
    in_ticked = np.flatnonzero(np.isin(points.clusters, ticked))
    return np.intersect1d(rows, in_ticked) if chosen else in_ticked


def _lay_over(
    figure: go.Figure, points: map_density.MapPoints, cells: map_density.Cells, overlays: Overlays
) -> None:
    """Draw the overlays within the rectangle; a point carries a number below 0, which no cell has."""
    for order, (title, ids) in enumerate(overlays.items()):
        rows = map_density.rows_of_ids(points, ids)
        rows = rows[cells.cell[rows] >= 0][: map_overlays.MOST_DRAWN]
        carried = (-1 - rows).tolist()
        add_overlay(figure, points.positions[rows], name=title, number=order, carried=carried)


def _number_clusters(figure: go.Figure, points: map_density.MapPoints, cells: map_density.Cells) -> None:
    """Write the numbers of the clusters whose middles lie within the rectangle."""
    rows = points.middles[cells.cell[points.middles] >= 0]
    left, right, bottom, top = cells.bounds
    number_clusters(
        figure,
        points.clusters[rows].tolist(),
        points.positions[rows],
        extent=np.array([right - left, top - bottom]),
        ink=figures.ink(),
        ground=figures.ground(),
    )


def _filtered(ws: Workspace, name: str, points: map_density.MapPoints) -> tuple[map_density.MapPoints, str]:
    """Ask for a filter; return the points that fulfil it and what a caption says; none where it fails."""
    with filter_fold():
        where, usable = ask_filter(ws, features.sources_of(ws, name), key=f"features-filter-{name}")
    if where is None and usable:
        return points, ""
    if where is not None and usable:
        points = map_density.points_that_fulfil(ws, name, points, where)
        if not len(points):
            st.info("No cutout of this map fulfils the filter.", icon=":material/filter_alt:")
        return points, " that fulfil the filter"
    none = slice(0, 0)
    return map_density.MapPoints(points.cutout_ids[none], points.positions[none], points.clusters[none]), ""


def _show_zoom(zoom: str, cells: map_density.Cells, chosen: list[int]) -> None:
    """Show the buttons that zoom into the chosen cells, which are counted anew, and back."""

    def look_at(bounds: map_density.Bounds | None) -> None:
        st.session_state[zoom] = bounds

    with st.container(horizontal=True, gap="small"):
        st.button(
            "Zoom in",
            icon=":material/zoom_in:",
            key="features-zoom-in",
            disabled=not chosen,
            on_click=look_at,
            args=(cells.bounds_of(chosen) if chosen else None,),
            help="Count what was selected in finer cells.",
        )
        st.button(
            "Whole map",
            icon=":material/zoom_out_map:",
            key="features-zoom-out",
            disabled=st.session_state.get(zoom) is None,
            on_click=look_at,
            args=(None,),
        )


def _show_selected(
    ws: Workspace,
    run: Run,
    name: str,
    points: map_density.MapPoints,
    rows: NDArray[np.int64],
    *,
    ticked: list[int],
    grades: dict[int, str],
    drawn: bool,
) -> None:
    table = pd.DataFrame()
    if len(rows):
        scores = map_density.scores_of_points(ws, run.name, name, points)
        table = map_density.table_of_rows(ws, points, rows, scores, grades=grades)
    if len(rows) > len(table):
        st.caption(
            f"{number(len(rows))} cutouts are selected; the {number(len(table))} with the highest scores "
            "are taken."
        )
    show_selected_cutouts(ws, run, table, ticked, drawn=drawn, of=name, points=points)


def cells_csv(cells: map_density.Cells, means: NDArray[np.float64] | None) -> str:
    """Return the cells that hold cutouts as CSV: their middle, the number of cutouts and the mean score."""
    x, y = cells.middles()
    filled = np.flatnonzero(cells.counts)
    columns = {"x": x[filled % len(x)], "y": y[filled // len(x)], "cutouts": cells.counts.ravel()[filled]}
    return figures.csv_text(columns | ({} if means is None else {"mean_score": means.ravel()[filled]}))
