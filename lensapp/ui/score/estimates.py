"""The part of the Score page for what runs predict besides a score: values, or probabilities of classes."""

from functools import partial

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from lensapp.core.train.tasks import target_symbol
from lensapp.services.evaluate.evaluation import task_of
from lensapp.services.score.estimates import load_estimates, with_names
from lensapp.services.score.scores import count_trained_on
from lensapp.storage.records import Run, Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.evaluation_figures import axis_name
from lensapp.ui.shared import figures
from lensapp.ui.shared.widgets import download, number

PER_ROW = 3
ROWS = 200
BINS = 40


def show_estimates(ws: Workspace, run: Run, source: Source, estimates: pd.DataFrame) -> None:
    """Show the values that a run estimates of a source: how they are distributed, and a table."""
    targets = task_of(ws, run).targets
    for first in range(0, len(targets), PER_ROW):
        for cell, target in zip(st.columns(PER_ROW), targets[first : first + PER_ROW], strict=False):
            with cell:
                values = estimates[target].to_numpy(float)
                counts, edges = np.histogram(values, bins=BINS)
                figure = go.Figure()
                figure.add_bar(
                    x=(edges[1:] + edges[:-1]) / 2,
                    y=counts,
                    width=np.diff(edges),
                    marker={"color": figures.line_colours()[0], "line": {"width": 0}},
                    hovertemplate="%{x:.4g}: %{y:,}<extra></extra>",
                )
                figure.update_xaxes(title=f"estimated {axis_name(target)}")
                figure.update_yaxes(title="cutouts")
                sigma = float(np.median(estimates[f"{target}_sigma"].to_numpy(float)))
                figures.show_figure(
                    figure,
                    title=f"Estimated {target_symbol(target)}",
                    caption=f"n = {number(len(values))} of {source.name} by {run.name}; median uncertainty "
                    f"{sigma:.3g}",
                    csv=partial(figures.csv_text, {"from": edges[:-1], "to": edges[1:], "cutouts": counts}),
                    key=f"score-{target}",
                    height=260,
                )
    table = with_names(ws, estimates)
    st.dataframe(table.head(ROWS), hide_index=True, key="score-values", height=320)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(
            f"n = {number(len(table))} of {source.name}, the first {min(ROWS, len(table))} shown; "
            f"{number(count_trained_on(ws, run=run, source=source))} were trained or validated on; "
            "…_sigma is one standard deviation.",
            width="stretch",
        )
        download("CSV", partial(_csv, table), file_name=f"{source.name}-{run.name}.csv")


def offer_probabilities(ws: Workspace, run: Run, source: Source) -> None:
    """Offer the probability of each class of all cutouts scored."""

    def probabilities_csv() -> str:
        return _csv(with_names(ws, load_estimates(ws, run=run, source=source)))

    download(
        "Probabilities of all classes (CSV)", probabilities_csv, file_name=f"{source.name}-{run.name}.csv"
    )


def _csv(table: pd.DataFrame) -> str:
    return str(table.to_csv(index=False, float_format="%.6g"))
