"""A cross-validation on the Experiments page: curves of the folds, ROC band, thresholds, table."""

from typing import Any

import pandas as pd
import streamlit as st

from lensapp.services.train import runs, study_figures
from lensapp.services.train import studies as study_service
from lensapp.services.train.studies import StudyStatus
from lensapp.services.train.study_figures import FoldCurves
from lensapp.storage.records import StudyRun
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared import figures
from lensapp.ui.shared.state import go
from lensapp.ui.shared.widgets import number
from lensapp.ui.train import curves, study_plots

LOG = "experiments-log"
CURVE_PANELS = 3
FIGURE_TITLES = {"auroc": "AUROC", "tpr0": "TPR0", "tpr10": "TPR10"}


def show_kfold(ws: Workspace, status: StudyStatus) -> None:
    """Show the study."""
    entries = study_service.members(ws, status.study)
    folds = study_figures.fold_curves(ws, entries)
    if folds is not None:
        count = f"{len(folds.names)} fold{'s' if len(folds.names) > 1 else ''}"
        n = f"{count}, out-of-fold: n = {number(folds.n)}, {number(folds.n_positive)} of them lenses"
        left, right = st.columns(2)
        with left:
            _show_roc(folds, caption=f"{n}; thin: each fold")
        with right:
            figures.show(
                study_plots.threshold_figure(folds, colours=figures.line_colours()),
                title="Figures of the folds against threshold",
                caption=f"{n}; shaded: ± std",
                csv=lambda: figures.csv_text(study_figures.threshold_table(folds)),
                key="kfold-thresholds",
                height=420,
            )
    _show_folds(status, entries)
    _show_learning_curves(ws, entries)


def _show_roc(folds: FoldCurves, *, caption: str) -> None:
    figures.show(
        study_plots.roc_band_figure(
            folds,
            colours=figures.line_colours(),
            ink=figures.ink(),
            logarithmic=bool(st.session_state.get(LOG)),
        ),
        title="ROC of the folds: mean, median and scatter",
        caption=caption,
        csv=lambda: figures.csv_text(study_figures.roc_table(folds)),
        key="kfold-roc",
        height=420,
    )
    st.toggle(
        "Logarithmic false positive rate",
        key=LOG,
        help="Lenses are so rare that searches work at rates of 1e-4 to 1e-2.",
    )


def _show_folds(status: StudyStatus, entries: list[StudyRun]) -> None:
    st.subheader(
        "Folds",
        help="Figures of the cutouts held out from each fold's run. The standard deviation is that between "
        "folds (K - 1); pooled takes all out-of-fold scores together.",
    )
    rows = study_figures.fold_rows(entries, status.study.summary)
    number_column = st.column_config.NumberColumn
    figure_columns = {
        name: number_column(FIGURE_TITLES.get(name, study_plots.words(name)), format="%.4f")
        for name in study_figures.headline_figures(status.study.summary)
    }
    event = st.dataframe(
        pd.DataFrame(rows),
        key=f"folds-{status.study.name}",
        on_select="rerun",
        selection_mode="single-row",
        hide_index=True,
        placeholder="",
        column_config=figure_columns
        | {"fold": st.column_config.TextColumn(pinned=True), "cutouts": number_column(format="%d")},
        height="content",
    )
    ticked = [rows[row].get("run") for row in event.selection.rows if row < len(rows)]
    open_run(str(ticked[0]) if ticked and ticked[0] else None)


def open_run(name: str | None) -> None:
    """Show the buttons that open the run ticked in a table."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        disabled = name is None
        if st.button("Open in Train", icon=":material/model_training:", disabled=disabled, key="open-train"):
            go("train", run=str(name))
        if st.button(
            "Open in Evaluate", icon=":material/query_stats:", disabled=disabled, key="open-evaluate"
        ):
            go("evaluate", run=str(name))
        st.caption("Tick a row to open its run." if disabled else name or "")


def _show_learning_curves(ws: Workspace, entries: list[StudyRun]) -> None:
    by_run = runs.overlay_columns(ws, [entry.run.name for entry in entries])
    columns = {f"fold {entry.place}": by_run[entry.run.name] for entry in entries if by_run[entry.run.name]}
    st.subheader("Learning curves of the folds")
    if not columns:
        st.info("The first point of each curve appears when the first epoch has ended.")
        return
    measured = {name for histories in columns.values() for name in histories}
    panels = [panel for panel in curves.PANELS if f"val_{panel.figures[0][1]}" in measured]
    for cell, panel in zip(st.columns(CURVE_PANELS), panels, strict=False):
        with cell:
            _show_panel(panel, columns)


def _show_panel(panel: curves.Panel, columns: dict[str, Any]) -> None:
    figure = curves.panel_figure(panel, columns, colours=figures.line_colours())
    figure.update_layout(showlegend=True)
    figures.show(
        figure,
        title=panel.title,
        caption="validation part of each fold",
        csv=lambda: figures.csv_text(curves.long_table(columns, panel)),
        key=f"fold-curve-{panel.figures[0][1]}",
        height=280,
    )
