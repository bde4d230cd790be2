"""A search of hyper-parameters on the Experiments page: trials, what matters, the best run."""

from typing import Any

import pandas as pd
import streamlit as st

from lensapp.core.train.study_spec import SearchSpec
from lensapp.services.train import studies as study_service
from lensapp.services.train import study_figures
from lensapp.services.train.studies import StudyStatus
from lensapp.storage.records import StudyRun
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared import figures
from lensapp.ui.shared.state import go, theme
from lensapp.ui.shared.widgets import number
from lensapp.ui.train import study_plots
from lensapp.ui.train.kfold import INK, open_run

FIGURE_WORDS = {"val_loss": "validation loss", "val_auc": "validation AUROC"}


def show(ws: Workspace, status: StudyStatus) -> None:
    """Show the study."""
    spec = SearchSpec.parse(status.study.spec)
    entries = study_service.members(ws, status.study)
    columns = study_figures.trial_columns(entries, spec)
    if not len(columns["trial"]):
        st.info("The first point appears when the first trial has ended.")
    else:
        _best(status)
        _trials(status, spec, columns)
        _parallel(spec, columns)
    _table(status, entries)


def _best(status: StudyStatus) -> None:
    best = status.study.summary.get("best")
    if not best:
        return
    figure = FIGURE_WORDS.get(str(status.study.summary.get("figure")), "value")
    value = number(float(best["value"]), digits=4)
    settings = " · ".join(
        f"{study_plots.words(name)} **{_shown(value)}**" for name, value in best["params"].items()
    )
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="medium"):
        st.markdown(
            f":material/trophy: Best: **{best['run']}** · {figure} **{value}**  \n{settings}",
            width="stretch",
        )
        if st.button("Open in Evaluate", type="primary", icon=":material/query_stats:", key="best-evaluate"):
            go("evaluate", run=best["run"])


def _shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _caption(status: StudyStatus, columns: study_figures.Columns) -> str:
    summary = status.study.summary
    return (
        f"n = {len(columns['trial'])} trials: {summary.get('complete', 0)} complete, "
        f"{summary.get('pruned', 0)} pruned, {summary.get('failed', 0)} failed; validation part"
    )


def _trials(status: StudyStatus, spec: SearchSpec, columns: study_figures.Columns) -> None:
    left, right = st.columns(2)
    axis = FIGURE_WORDS.get(spec.training.monitor, spec.training.monitor)
    with left:
        figures.show(
            study_plots.trials_figure(columns, axis=axis, colours=figures.line_colours()),
            title="Value of each trial, and the best so far",
            caption=_caption(status, columns),
            csv=lambda: figures.csv_text(columns),
            key="search-trials",
        )
    importance = status.study.summary.get("importance") or {}
    with right:
        if not importance:
            st.info("Which setting matters most is shown after four complete trials.")
            return
        figures.show(
            study_plots.importance_figure(importance, colours=figures.line_colours()),
            title="Importance of each setting",
            caption="functional ANOVA over the complete trials (Hutter et al. 2014)",
            csv=lambda: figures.csv_text(
                {"setting": list(importance), "importance": list(importance.values())}
            ),
            key="search-importance",
        )


def _parallel(spec: SearchSpec, columns: study_figures.Columns) -> None:
    figure = study_plots.parallel_figure(
        columns,
        spec.space,
        axis=FIGURE_WORDS.get(spec.training.monitor, spec.training.monitor),
        minimises=spec.minimises,
        ink=INK[theme()],
    )
    figures.show(
        figure,
        title="Settings of each trial and what they gave",
        caption="one line per trial, complete or pruned; drag along an axis to choose trials",
        csv=lambda: figures.csv_text(columns),
        key="search-parallel",
        height=360,
    )


def _table(status: StudyStatus, entries: list[StudyRun]) -> None:
    st.subheader("Trials", help="Each trial is a run like any other; pruned ones were ended early.")
    rows = study_figures.trial_rows(entries)
    if not rows:
        st.caption("No trial has begun yet.")
        return
    table = pd.DataFrame(rows).rename(columns=study_plots.words)
    event = st.dataframe(
        table if any(row["reason"] for row in rows) else table.drop(columns="reason"),
        key=f"trials-{status.study.name}-{len(rows)}",
        on_select="rerun",
        selection_mode="single-row",
        hide_index=True,
        placeholder="",
        column_config={
            "trial": st.column_config.NumberColumn(pinned=True),
            "value": st.column_config.NumberColumn(format="%.5f"),
            "seconds": st.column_config.NumberColumn(format="%.0f"),
            "learning rate": st.column_config.NumberColumn(format="%.2e"),
            "weight decay": st.column_config.NumberColumn(format="%.2e"),
        },
        height="content" if len(rows) <= 8 else 320,
    )
    chosen = [rows[row]["run"] for row in event.selection.rows if row < len(rows)]
    open_run(chosen[0] if chosen else None)
