"""The part of the Evaluate page that shows how scores answer to what should not matter."""

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from lensapp.core.evaluate.nuisance import Nuisance
from lensapp.core.evaluate.score_axis import at_least
from lensapp.services.evaluate import nuisances as service
from lensapp.services.evaluate.evaluation import Evaluation
from lensapp.services.evaluate.figure_tables import nuisance_table
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.tables import show_table
from lensapp.ui.shared import figures
from lensapp.ui.shared.job_controls import start_button, watch_job
from lensapp.ui.shared.widgets import counted, number

ROW_PIXELS = 22
TERMS = {
    "mean |Δ score|": "Mean absolute difference of the score of a cutout.",
    "drift": "Mean difference of the score: above 0 where scores rise.",
    "Δ completeness": "Difference of the share of lenses accepted at the threshold.",
    "Δ false positive rate": "Difference of the share of non-lenses accepted at the threshold.",
}


def show_nuisances(ws: Workspace, evaluation: Evaluation, *, threshold: float) -> None:
    """Show how scores change with orientation, seeing, noise, bands and zero point, or offer to try."""
    st.subheader("What should not matter")
    if watch_job(ws, "nuisance", run=evaluation.run, part=evaluation.part):
        return
    stored = service.stored_nuisance(ws, evaluation.run, part=evaluation.part)
    if stored is None:
        st.caption(
            "How far scores change when cutouts are turned, mirrored, shifted, blurred, noisier, without a "
            "band or calibrated wrongly, and what averaging over orientations gains, will appear here."
        )
        start_button(
            "Change the cutouts",
            start=service.start_nuisance,
            ws=ws,
            run_name=evaluation.run,
            part=evaluation.part,
        )
        return
    told = sorted(service.nuisances(stored, threshold=threshold), key=lambda one: -one.mean_change)
    table = nuisance_table(told)
    part = f"{evaluation.part} part: n = {number(len(stored.labels))}, of them "
    part += counted(int(stored.labels.sum()), "lens")
    height = 90 + ROW_PIXELS * len(told)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        figures.show_figure(
            change_figure(told, colours=figures.line_colours()),
            title="Scores after each change, the largest first",
            caption=part,
            csv=lambda: str(table.to_csv(index=False)),
            key="evaluate-nuisance-scores",
            height=height,
        )
    with right:
        figures.show_figure(
            rate_figure(told, colours=figures.class_colours()),
            title="What the threshold then accepts",
            caption=f"{part}; at {at_least(threshold)}",
            csv=lambda: str(table.to_csv(index=False)),
            key="evaluate-nuisance-rates",
            height=height,
        )
    with st.expander("In numbers"):
        _show_numbers(table, part=part, threshold=threshold)
    st.caption(service.augmentation_in_words(service.augmentation(stored)))


def change_figure(told: Sequence[Nuisance], *, colours: Sequence[str]) -> go.Figure:
    """Draw the mean absolute change of the score under each change of the cutouts, and its drift."""
    names = [one.change for one in told]
    figure = go.Figure()
    figure.add_bar(
        x=[one.mean_change for one in told],
        y=names,
        orientation="h",
        name="mean |Δ score|",
        marker={"color": colours[0]},
        hovertemplate="%{y}<br>mean |Δ score| %{x:.3f}<extra></extra>",
    )
    figure.add_scatter(
        x=[one.drift for one in told],
        y=names,
        mode="markers",
        name="drift",
        marker={"color": colours[1], "symbol": "diamond", "size": 8},
        hovertemplate="%{y}<br>drift %{x:+.3f}<extra></extra>",
    )
    figure.update_xaxes(title="change of the score", zeroline=True)
    figure.update_yaxes(autorange="reversed", ticks="", showgrid=False)
    return figure


def rate_figure(told: Sequence[Nuisance], *, colours: Mapping[str, str]) -> go.Figure:
    """Draw how completeness and false positive rate at the threshold differ after each change."""
    figure = go.Figure()
    for label, name, symbol in (
        ("lens", "completeness", "circle"),
        ("nonlens", "false_positive_rate", "x"),
    ):
        figure.add_scatter(
            x=[getattr(one, name) for one in told],
            y=[one.change for one in told],
            mode="markers",
            name=f"Δ {name.replace('_', ' ')}",
            marker={"color": colours[label], "symbol": symbol, "size": 8},
            hovertemplate=f"%{{y}}<br>Δ {name.replace('_', ' ')} %{{x:+.3f}}<extra></extra>",
        )
    figure.update_xaxes(title="difference of the share accepted", zeroline=True)
    figure.update_yaxes(autorange="reversed", ticks="", showticklabels=False)
    return figure


def _show_numbers(table: pd.DataFrame, *, part: str, threshold: float) -> None:
    show_table(
        table,
        title="Scores after each change",
        caption=f"{part}, at {at_least(threshold)}.",
        terms=TERMS,
        digits=3,
        file_name="nuisances",
        key="evaluate-nuisances",
    )
