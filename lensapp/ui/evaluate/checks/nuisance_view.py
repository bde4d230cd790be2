"""The part of the Evaluate page that shows how scores answer to what should not matter."""

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from plotly.subplots import make_subplots

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
EXAMPLE = (  # no measurement
    Nuisance("without band g", 0.21, -0.15, -0.24, -0.01),
    Nuisance("noisier by the sky", 0.12, -0.08, -0.13, 0.0),
    Nuisance("seeing 2 pixels broader", 0.09, -0.06, -0.1, 0.01),
    Nuisance("shifted by 0.5 pixels", 0.03, 0.01, 0.0, 0.0),
    Nuisance("turned by 90°", 0.02, 0.0, 0.01, 0.0),
)
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
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            start_button(
                "Change the cutouts",
                start=service.start_nuisance,
                ws=ws,
                run_name=evaluation.run,
                part=evaluation.part,
                secondary=True,
            )
            st.caption(
                "How far scores change when cutouts are turned, mirrored, shifted, blurred, noisier, without "
                "a band or calibrated wrongly, and what averaging over orientations gains.",
                width="stretch",
            )
        figures.show_example(
            nuisance_figure(EXAMPLE, lines=figures.line_colours(), classes=figures.class_colours()),
            title="What changed cutouts show",
            caption="An example, not your data. Bars far to the right, or marks far from 0, are what the run "
            "should not have learned.",
            key="nuisance-example",
            height=170 + ROW_PIXELS * len(EXAMPLE),
        )
        return
    told = service.nuisances(stored, threshold=threshold)
    table = nuisance_table(told)
    part = f"{evaluation.part} part: n = {number(len(stored.labels))}, of them "
    part += counted(int(stored.labels.sum()), "lens")
    figures.show_figure(
        nuisance_figure(told, lines=figures.line_colours(), classes=figures.class_colours()),
        title="Scores after each change, the largest first, and what the threshold then accepts",
        caption=f"{part}; at {at_least(threshold)}",
        csv=lambda: str(table.to_csv(index=False)),
        key="evaluate-nuisance-changes",
        height=110 + ROW_PIXELS * len(told),
    )
    with st.expander("In numbers"):
        _show_numbers(table, part=part, threshold=threshold)
    st.caption(service.augmentation_in_words(service.augmentation(stored)))


def nuisance_figure(
    told: Sequence[Nuisance], *, lines: Sequence[str], classes: Mapping[str, str]
) -> go.Figure:
    """Draw the mean absolute change and the drift of the score, and beside them differences of the rates."""
    names = [one.change for one in told]
    figure = make_subplots(1, 2, shared_yaxes=True, column_widths=[0.6, 0.4], horizontal_spacing=0.03)
    figure.add_bar(
        x=[one.mean_change for one in told],
        y=names,
        orientation="h",
        name="mean |Δ score|",
        marker={"color": lines[0]},
        hovertemplate="%{y}<br>mean |Δ score| %{x:.3f}<extra></extra>",
        row=1,
        col=1,
    )
    marks = (
        ("drift", "drift", lines[1], "diamond", 1),
        ("Δ completeness", "completeness", classes["lens"], "circle", 2),
        ("Δ false positive rate", "false_positive_rate", classes["nonlens"], "x", 2),
    )
    for name, key, colour, symbol, column in marks:
        figure.add_scatter(
            x=[getattr(one, key) for one in told],
            y=names,
            mode="markers",
            name=name,
            marker={"color": colour, "symbol": symbol, "size": 8},
            hovertemplate=f"%{{y}}<br>{name} %{{x:+.3f}}<extra></extra>",
            row=1,
            col=column,
        )
    figure.update_xaxes(title="change of the score", zeroline=True, col=1)
    figure.update_xaxes(title="change of the shares accepted", zeroline=True, col=2)
    figure.update_yaxes(autorange="reversed", ticks="", showgrid=True)
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
