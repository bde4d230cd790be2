"""The page that maps what a network sees, and hands groups chosen on the map to the inspectors."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from plotly.graph_objects import Figure

from lensapp.core.errors import LensAppError
from lensapp.core.score.feature_spec import MapSpec
from lensapp.services.data.filters import kept_rows
from lensapp.services.data.sources import ready_sources
from lensapp.services.inspect.consensus import grades_of
from lensapp.services.score import features, map_density
from lensapp.services.train import runs
from lensapp.storage.records import Run, Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.score.density_view import MAP_HEIGHT, Overlays, Places, choose_overlays, show_density
from lensapp.ui.score.encoder_forms import show_encoders
from lensapp.ui.score.feature_map import (
    COLOURINGS,
    add_overlay,
    colourings_of,
    fade_others,
    map_figure,
    number_clusters,
    within_axes,
)
from lensapp.ui.score.map_example import show_example
from lensapp.ui.score.permissions import ask_permissions
from lensapp.ui.score.selection import show_clusters, show_selected_cutouts
from lensapp.ui.shared import figures
from lensapp.ui.shared.address import kept, one_of
from lensapp.ui.shared.filters import ask_filter, filter_fold
from lensapp.ui.shared.forms import spec_fields, validated
from lensapp.ui.shared.job_controls import watch_job
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_head import lead_to_cutouts, page_head
from lensapp.ui.shared.state import choose, get_workspace, go, theme
from lensapp.ui.shared.widgets import counted, empty_state, error_box, number

ICON = ":material/scatter_plot:"
CHOICES = ("method", "clusters")
ARCH = (
    "A network that answers one question orders cutouts along one direction, its score, and the other "
    "components bend into an arch; UMAP keeps neighbours together. "
)
WHEN = {
    "umap": "**UMAP** lays cutouts that the network sees alike next to each other: for groups, such as "
    "rings, spirals and artefacts, and for outliers. Distances between groups mean little.",
    "pca": "**PCA** shows the two directions in which cutouts differ most: for a quick look, and where "
    "distances should mean something, as from non-lenses to lenses. Small groups may overlap.",
    "none": "The features are kept without a map, for *Find more like this* in Inspect.",
}
CLUSTERS_WHEN = {
    "hdbscan": "**HDBSCAN** finds how many groups there are and leaves out what belongs to none.",
    "kmeans": "**k-means** puts every cutout into one of the groups, whose number you set.",
    "none": "",
}
STILL_LEARNING = "still being trained, and mapped once that has ended"
KINDS = {"source": "source", "dataset": "dataset"}


def show_features_page() -> None:
    """Show the map of a source or a dataset version through a run, or offer to make it."""
    ws = get_workspace()
    page_head("Features")
    trained = features.runs_that_give_features(ws)
    learning = features.runs_to_give_features(ws)
    imported = ready_sources(ws)
    if not trained or not imported:
        _show_nothing(imported, learning)
        show_example()
        show_encoders(ws, trained, imported)
        return
    run, name = _choose(ws, trained, imported, learning)
    _show_or_offer_map(ws, run, name, trained)
    show_encoders(ws, trained, imported)


def _show_nothing(imported: Sequence[Source], learning: Sequence[str]) -> None:
    """Say what will appear, and lead to what it needs: cutouts, and a network that has been trained."""
    missing = " Train a network first."
    if learning:
        missing = f" {plain(learning[0])} is still being trained; its map can be made once that has ended."
    box = empty_state(
        "No map yet",
        "What a network sees in each cutout will appear here as a dot on a map: similar cutouts close to "
        "each other, in groups." + (missing if imported else ""),
        icon=ICON,
    )
    if not imported:
        lead_to_cutouts(box, key="features-cutouts")
    elif learning and box.button("Watch its training", icon=":material/show_chart:", key="features-learning"):
        go("train", run=learning[0])
    elif not learning and box.button(
        "Train a network", type="primary", icon=":material/arrow_forward:", key="features-first"
    ):
        go("train")


def _show_or_offer_map(ws: Workspace, run: Run, name: str, trained: Sequence[Run]) -> None:
    """Show the map of a source or a dataset version through a run, or the form that makes it.

    A map through another of the runs `trained` is offered too.
    """
    if watch_job(ws, "features", run=run.name, source=name):
        return
    try:
        methods = features.maps_made(ws, run.name, name)
        shown = features.sources_of(ws, name)
    except LensAppError as error:
        error_box(error)
        return
    if methods:
        _show_map(ws, run, name, methods)
        return
    given: dict[str, bool] = {}
    for source in shown:
        asked = ask_permissions(ws, run, source, verb="Map")
        if asked is None:
            return
        given |= asked
    left, right = st.columns([4, 5], gap="medium")
    with right:
        show_example()
    with left:
        box = empty_state(
            f"{name} has no map through {run.name}",
            "The features of its cutouts, the numbers that the last layer reads, are computed once and kept.",
            icon=ICON,
        )
    with box:
        other = next((one.name for one in trained if features.maps_made(ws, one.name, name)), None)
        if other and st.button(f"Show its map through {plain(other)}", icon=ICON, key="features-other"):
            go("features", run=other)
        _show_form(ws, run, name, key="first", given=given)


def _choose(
    ws: Workspace, trained: list[Run], imported: list[Source], learning: Sequence[str]
) -> tuple[Run, str]:
    versions = [dataset.name for dataset in runs.training_datasets(ws)]
    left, middle, right = st.columns([3, 2, 3], vertical_alignment="bottom")
    below = st.container()  # what stands in: beside the fields it would lift one above the others
    with left:
        why_absent = dict.fromkeys(learning, STILL_LEARNING)
        names = [run.name for run in trained]
        run_name = choose("run", names, label="Run", remarks=why_absent, said_in=below)
    with middle:
        kinds = list(KINDS) if versions else ["source"]
        kind = st.segmented_control(
            "Cutouts of",
            kinds,
            required=True,
            **kept("of", one_of(kinds), "source", key="features-kind"),
            format_func=KINDS.__getitem__,
        )
    with right:
        is_version = kind == "dataset"
        label = "Dataset version" if is_version else "Source"
        run = next(run for run in trained if run.name == run_name)
        if is_version:
            name = choose("dataset", versions, label=label, said_in=below)
        else:
            differences = runs.fitting_first(ws, run, imported)
            name = choose("source", list(differences), label=label, remarks=differences, said_in=below)
    return run, str(name)


def fields_used(choices: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the further fields of a map that its projection and its clusters read."""
    used = {
        "min_cluster_size": choices["clusters"] == "hdbscan",
        "cluster_count": choices["clusters"] == "kmeans",
        "neighbours": choices["method"] == "umap",
        "seed": True,
    }
    return tuple(name for name, reads in used.items() if reads)


def _show_form(
    ws: Workspace, run: Run, name: str, *, key: str, given: Mapping[str, bool] | None = None
) -> None:
    """Show projection and clusters, with when to choose which, and folded what is rarely changed.

    `given` are permissions to read cutouts that differ from the network's.
    """
    form = f"map-{key}-{run.name}-{name}"
    entered = spec_fields(MapSpec, key=form, only=CHOICES, keep="map.", columns=1)
    st.caption(f"{WHEN[entered['method']]} {CLUSTERS_WHEN[entered['clusters']]}")
    with st.expander("Neighbours, size of clusters, seed"):
        entered |= spec_fields(MapSpec, key=form, only=fields_used(entered), keep="map.")
    if not st.button("Make the map", type="primary", key=f"{form}-make"):
        return
    spec = validated(MapSpec, entered)
    if spec is None:
        return
    try:
        features.start_features(ws, run_name=run.name, name=name, spec=spec, **(given or {}))
    except LensAppError as error:
        error_box(error)
        return
    st.rerun()


def _show_map(ws: Workspace, run: Run, name: str, methods: list[str]) -> None:
    """Show a map at the left, as high up as the page has room, and beside it all that changes it."""
    left, right = st.columns(2, gap="medium")  # the table of clusters is read whole at 1280 px
    with left:
        figure = st.container(key="features-map")  # stays in sight beside the cutouts, see frame.css
    with right:
        method = methods[0]
        if len(methods) > 1:
            method = _one_of("Map", methods, kept_as="method", key="features-method", names=str.upper)
        points = map_density.map_points(ws, run.name, name, method)
        dense = len(points) > map_density.DENSE_FROM
        shown = show_density if dense else _show_dots
        controls = st.container()
        with st.container(horizontal=True, gap="small"):
            overlays = choose_overlays(ws, name)
            with st.popover("Another map", icon=":material/tune:"):
                _show_form(ws, run, name, key="again")
    places = Places(figure, right, controls)
    shown(ws, run, name, method=method, points=points, overlays=overlays, places=places)


def _show_dots(
    ws: Workspace,
    run: Run,
    name: str,
    *,
    method: str,
    points: map_density.MapPoints,
    overlays: Overlays,
    places: Places,
) -> None:
    """Show a map of not too many cutouts as one dot each."""
    owners = features.sources_of(ws, name)
    table = features.map_table(ws, run.name, name, method, grades=grades_of(ws, owners))
    colourings = colourings_of(table)
    with places.controls:
        colouring = (
            _one_of("Colour by", colourings, kept_as="colour", key="features-colour", names=COLOURINGS.get)
            if colourings
            else None
        )
    known = [str(column) for column in table.columns if column != "cutout_id"]
    with places.beside, filter_fold():
        where, usable = ask_filter(ws, owners, key=f"features-filter-{name}", known=known)
    if not usable:
        return
    table = table if where is None else kept_rows(ws, owners, table, where)
    part = "" if where is None else " that fulfil the filter"
    with places.beside:
        ticked = show_clusters(features.cluster_rows(table))
    in_ticked = table[table["cluster"].isin(ticked)]
    with places.figure:
        figure, far_out = _dots(
            table, points, overlays, method=method, colouring=colouring, marked=in_ticked.index.tolist()
        )
        lassoed = figures.show_figure(
            figure,
            title=f"{name} as {run.name} sees it",
            caption=f"n = {number(len(table))}{part}; {method.upper()} of what the last layer reads. "
            f"{ARCH if method == 'pca' else ''}{far_out_words(far_out)}Draw a lasso to select cutouts.",
            csv=lambda: str(table.to_csv(index=False)),
            key=f"features-{run.name}-{name}-{method}",
            height=MAP_HEIGHT,
            selectable=True,
        )
    with places.beside:
        selected = in_ticked if ticked else table
        selected = selected.loc[selected.index.intersection(lassoed)] if lassoed or not ticked else selected
        show_selected_cutouts(ws, run, selected, ticked, drawn=bool(lassoed), of=name, points=points)


def _dots(
    table: pd.DataFrame,
    points: map_density.MapPoints,
    overlays: Overlays,
    *,
    method: str,
    colouring: str | None,
    marked: Sequence[int],
) -> tuple[Figure, int]:
    """Return the map of the rows of a table under what is laid over it, and how many lie at its edge.

    The rows `marked` stand out where there are some.
    """
    places, moved = within_axes(points.positions, method=method)
    drawn = table.assign(x=places[table.index, 0], y=places[table.index, 1])
    figure = map_figure(drawn, method=method, colouring=colouring, theme=theme())
    if marked:
        fade_others(figure, marked)
    middles = points.middles
    number_clusters(
        figure,
        points.clusters[middles].tolist(),
        places[middles],
        extent=np.ptp(places, axis=0),
        ink=figures.ink(),
        ground=figures.ground(),
    )
    for order, (title, ids) in enumerate(overlays.items()):
        rows = map_density.rows_of_ids(points, ids)
        rows = rows[np.isin(rows, table.index)]
        add_overlay(figure, places[rows], name=title, number=order, carried=rows.tolist())
    return figure, int(moved[table.index].sum())


def far_out_words(count: int) -> str:
    """Return how many cutouts a map shows at its edge; nothing for none."""
    return (
        f"{counted(count, 'cutout')} far out {'stands' if count == 1 else 'stand'} at the edge. "
        if count
        else ""
    )


def _one_of(label: str, options: list[str], *, kept_as: str, key: str, names: Any) -> str:
    in_address = kept(kept_as, one_of(options), options[0], key=key)
    return str(st.segmented_control(label, options, required=True, format_func=names, **in_address))
