"""The part of the Score page for what runs say besides a score: values, or probabilities of classes."""

from functools import partial

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from lensapp.services.evaluate.evaluation import task_of
from lensapp.services.score.estimates import load_estimates, with_names
from lensapp.services.train import runs
from lensapp.storage import sources
from lensapp.storage.records import Run, Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared import figures
from lensapp.ui.shared.job_controls import start_button
from lensapp.ui.shared.widgets import download, empty_state, number
from lensapp.ui.train.curves import short_name

PER_ROW = 3
ROWS = 200
BINS = 40


def show(ws: Workspace, run: Run, source: Source, *, busy: bool) -> None:
    """Show the values that a run estimates of a source, or offer to estimate them."""
    targets = task_of(ws, run).targets
    names = ", ".join(short_name(name) for name in targets)
    st.info(
        f"{run.name} estimates {names}; it gives no score, so there is no order to review by. "
        "Choose a run that scores to find candidates.",
        icon=":material/straighten:",
    )
    found = load_estimates(ws, run=run, source=source)
    total = sources.count_cutouts(ws.database, source.id)
    if len(found) < total and not busy:
        _offer(ws, run, source, done=len(found), total=total)
    if len(found):
        _distributions(run, source, found, targets)
        _table(ws, run, source, found)


def _offer(ws: Workspace, run: Run, source: Source, *, done: int, total: int) -> None:
    if done:
        st.info(f"{number(done)} of {number(total)} cutouts are estimated.")
        start_button(
            "Estimate the rest", start=runs.start_scoring, ws=ws, run_name=run.name, source_name=source.name
        )
        return
    box = empty_state(
        f"{source.name} has not been estimated with {run.name}",
        f"Each value of {number(total)} cutouts, with its uncertainty, will appear here.",
        icon=":material/straighten:",
    )
    with box:
        start_button("Estimate", start=runs.start_scoring, ws=ws, run_name=run.name, source_name=source.name)


def _distributions(run: Run, source: Source, found: pd.DataFrame, targets: tuple[str, ...]) -> None:
    for start in range(0, len(targets), PER_ROW):
        for cell, name in zip(st.columns(PER_ROW), targets[start : start + PER_ROW], strict=False):
            with cell:
                _distribution(run, source, found, name)


def _distribution(run: Run, source: Source, found: pd.DataFrame, name: str) -> None:
    values = found[name].to_numpy(float)
    counts, edges = np.histogram(values, bins=BINS)
    figure = go.Figure()
    figure.add_bar(
        x=(edges[1:] + edges[:-1]) / 2,
        y=counts,
        width=np.diff(edges),
        marker={"color": figures.line_colours()[0], "line": {"width": 0}},
        hovertemplate="%{x:.4g}: %{y:,}<extra></extra>",
    )
    unit = " (arcsec)" if name.endswith("_arcsec") else ""
    figure.update_xaxes(title=f"estimated {short_name(name)}{unit}")
    figure.update_yaxes(title="cutouts")
    sigma = float(np.median(found[f"{name}_sigma"].to_numpy(float)))
    figures.show(
        figure,
        title=f"Estimated {short_name(name)}",
        caption=f"n = {number(len(values))} of {source.name} by {run.name}; median uncertainty {sigma:.3g}",
        csv=partial(figures.csv_text, {"from": edges[:-1], "to": edges[1:], "cutouts": counts}),
        key=f"score-{name}",
        height=260,
    )


def _table(ws: Workspace, run: Run, source: Source, found: pd.DataFrame) -> None:
    table = with_names(ws, found)
    st.dataframe(table.head(ROWS), hide_index=True, key="score-values", height=320)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(
            f"n = {number(len(table))} of {source.name}, the first {min(ROWS, len(table))} shown; "
            "…_sigma is one standard deviation.",
            width="stretch",
        )
        download("CSV", partial(_csv, table), file_name=f"{source.name}-{run.name}.csv")


def offer_probabilities(ws: Workspace, run: Run, source: Source) -> None:
    """Offer the probability of each class of all cutouts that a run has scored, where it tells classes."""
    if task_of(ws, run).kind == "classes":
        download(
            "Probabilities of all classes (CSV)",
            partial(_probabilities, ws, run, source),
            file_name=f"{source.name}-{run.name}.csv",
        )


def _probabilities(ws: Workspace, run: Run, source: Source) -> str:
    return _csv(with_names(ws, load_estimates(ws, run=run, source=source)))


def _csv(table: pd.DataFrame) -> str:
    text: str = table.to_csv(index=False, float_format="%.6g")
    return text
