"""The page that maps what a network sees, and hands groups chosen on the map to the inspectors."""

from functools import lru_cache, partial
from typing import Any

import pandas as pd
import streamlit as st

from lensapp.core.errors import LensAppError
from lensapp.core.score.feature_spec import MapSpec
from lensapp.services.score import features
from lensapp.services.score.scores import scored_pairs
from lensapp.services.train import runs
from lensapp.storage import datasets, reviews, sources
from lensapp.storage import runs as run_rows
from lensapp.storage.records import Run, Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.score import selection
from lensapp.ui.score.feature_map import COLOURINGS, MOST_POINTS, colourings, map_figure, thinned
from lensapp.ui.shared import figures
from lensapp.ui.shared.forms import spec_form
from lensapp.ui.shared.job_controls import watch_job
from lensapp.ui.shared.state import choose, get_workspace, go, theme
from lensapp.ui.shared.widgets import empty_state, error_box, number

ICON = ":material/scatter_plot:"
SKIPPED = ("sample",)
LONGEST_NAME = 80
KINDS = {"source": "source", "dataset": "dataset"}


def show() -> None:
    """Show the page."""
    ws = get_workspace()
    st.title("Features")
    trained = [status.run for status in runs.list_statuses(ws) if _has_features(ws, status.run)]
    ready = [source for source in sources.list_sources(ws.database) if source.state == "ready"]
    if not trained or not ready:
        _not_yet(has_run=bool(trained))
        return
    run, name = _choose(ws, trained, ready)
    if watch_job(ws, "features", run=run.name, source=name):
        return
    try:
        made = features.maps_made(ws, run.name, name)
    except LensAppError as error:
        error_box(error)
        return
    if not made:
        _offer(ws, run, name)
        return
    _show_map(ws, run, name, made)


def _has_features(ws: Workspace, run: Run) -> bool:
    return (ws.run_folder(run.name) / "best.keras").is_file()


def _not_yet(*, has_run: bool) -> None:
    box = empty_state(
        "No map yet",
        "What a network sees in each cutout will appear here as a dot on a map: alike cutouts close to each "
        f"other, in groups. {'Import a source first.' if has_run else 'Train a network first.'}",
        icon=ICON,
    )
    label, page = ("Import cutouts", "data") if has_run else ("Train a network", "train")
    if box.button(label, type="primary", icon=":material/arrow_forward:", key="features-first"):
        go(page)


def _choose(ws: Workspace, trained: list[Run], ready: list[Source]) -> tuple[Run, str]:
    versions = [dataset.name for dataset in datasets.list_datasets(ws.database)]
    left, middle, right = st.columns([3, 2, 3], vertical_alignment="bottom")
    with left:
        run_name = choose("run", [run.name for run in trained], label="Run")
    with middle:
        kinds = list(KINDS) if versions else ["source"]
        kind = st.segmented_control(
            "Cutouts of",
            kinds,
            default="source",
            required=True,
            key="features-kind",
            format_func=KINDS.__getitem__,
        )
    with right:
        is_version = kind == "dataset"
        label = "Dataset version" if is_version else "Source"
        run = next(run for run in trained if run.name == run_name)
        fitting = [source.name for source in runs.fitting_first(ws, run, ready)]
        names = versions if is_version else fitting
        name = choose("dataset" if is_version else "source", names, label=label)
    return run, str(name)


def _offer(ws: Workspace, run: Run, name: str) -> None:
    try:
        for source in features.sources_of(ws, name):
            runs.check_source_fits(ws, run, source)
    except LensAppError as error:
        error_box(error)
        return
    box = empty_state(
        f"{name} has no map through {run.name}",
        "The features of its cutouts, the numbers that the last layer reads, are computed once and kept.",
        icon=ICON,
    )
    with box:
        _form(ws, run, name, key="first")


def _form(ws: Workspace, run: Run, name: str, *, key: str) -> None:
    values = {"clusters": "hdbscan"}
    spec = spec_form(
        MapSpec,
        key=f"map-{key}-{run.name}-{name}",
        submit="Make the map",
        values=values,
        skip=SKIPPED,
        columns=3,
    )
    if spec is None:
        return
    try:
        features.start_features(ws, run_name=run.name, name=name, spec=spec)
    except LensAppError as error:
        error_box(error)
        return
    st.rerun()


def _show_map(ws: Workspace, run: Run, name: str, made: list[str]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        method = _one_of("Map", made, key="features-method", names=str.upper)
        table = load_table(ws, run, name, str(method))
        known = colourings(table)
        colouring = (
            _one_of("Colour by", known, key="features-colour", names=COLOURINGS.get) if known else None
        )
        with st.popover("Another map", icon=":material/tune:"):
            _form(ws, run, name, key="again")
    left, right = st.columns([3, 2], gap="medium")
    with left:
        lassoed = _draw(table, run, name, method=str(method), colouring=colouring)
    with right:
        picked = selection.show_clusters(table)
        chosen = table.loc[lassoed] if lassoed else table[table["cluster"].isin(picked)]
        what = "chosen" if lassoed else "cluster-" + "-".join(map(str, picked))
        selection.show_selected_cutouts(ws, run, chosen, title=f"{name}-{run.name}-{what}"[:LONGEST_NAME])


def _one_of(label: str, options: list[str], *, key: str, names: Any) -> str:
    state = st.session_state.get(key)
    if state is not None and state not in options:
        del st.session_state[key]
    chosen = st.segmented_control(
        label, options, default=options[0], required=True, key=key, format_func=names
    )
    return str(chosen)


def load_table(ws: Workspace, run: Run, name: str, method: str) -> pd.DataFrame:
    """Return the map with what is known of its cutouts; read again when map, scores or votes change."""
    stored_at = features.map_stored_at(ws, run.name, name, method)
    scores = sum(count for (run_id, _), count in scored_pairs(ws).items() if run_id == run.id)
    state = (stored_at, scores, reviews.count_votes(ws.database))
    return _read(ws, run.name, name, method, state)


@lru_cache(maxsize=4)
def _read(ws: Workspace, run_name: str, name: str, method: str, _state: tuple[int, ...]) -> pd.DataFrame:
    run = run_rows.get_run(ws.database, run_name)
    return features.map_table(ws, run, name, features.load_map(ws, run.name, name, method))


def _draw(table: pd.DataFrame, run: Run, name: str, *, method: str, colouring: str | None) -> list[int]:
    """Show the map; return the rows inside the lasso or the box."""
    shown = thinned(table)
    figure = map_figure(shown, method=method, colouring=colouring, theme=theme())
    counted = number(len(table))
    part = f"{number(MOST_POINTS)} of n = {counted} drawn" if len(shown) < len(table) else f"n = {counted}"
    return figures.show(
        figure,
        title=f"{name} as {run.name} sees it",
        caption=f"{part}; {method.upper()} of what the last layer reads. Draw a lasso to choose cutouts.",
        csv=partial(_csv, table),
        key=f"features-{run.name}-{name}-{method}",
        height=620,
        selectable=True,
    )


def _csv(table: pd.DataFrame) -> str:
    return str(table.to_csv(index=False))
