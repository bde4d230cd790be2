"""A search of hyper-parameters on the Experiments page: trials, what matters, the best run."""

import pandas as pd
import streamlit as st

from lensapp.core.train.study_spec import SearchSpec
from lensapp.services.train import studies as study_service
from lensapp.services.train import study_figures
from lensapp.services.train.studies import StudyStatus
from lensapp.storage.records import StudyRun
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared import figures
from lensapp.ui.shared.state import go
from lensapp.ui.shared.widgets import number
from lensapp.ui.train import study_plots
from lensapp.ui.train.kfold import open_run

FIGURE_WORDS = {"val_loss": "validation loss", "val_auc": "validation AUROC"}


def show_search(ws: Workspace, status: StudyStatus) -> None:
    """Show the study."""
    spec = SearchSpec.parse(status.study.spec)
    entries = study_service.members(ws, status.study)
    columns = study_figures.trial_columns(entries, spec)
    if not len(columns["trial"]):
        st.info("The first point appears when the first trial has ended.")
    else:
        axis = FIGURE_WORDS.get(spec.training.monitor, spec.training.monitor)
        _show_best(status)
        _show_values(status, columns, axis=axis)
        figures.show(
            study_plots.parallel_figure(
                columns, spec.space, axis=axis, minimises=spec.minimises, ink=figures.ink()
            ),
            title="Settings of each trial and what they gave",
            caption="one line per trial, complete or pruned; drag along an axis to choose trials",
            csv=lambda: figures.csv_text(columns),
            key="search-parallel",
            height=360,
        )
    _show_trials(status, entries)


def _show_best(status: StudyStatus) -> None:
    best = status.study.summary.get("best")
    if not best:
        return
    figure = FIGURE_WORDS.get(str(status.study.summary.get("figure")), "value")
    value = number(float(best["value"]), digits=4)
    settings = " · ".join(
        f"{study_plots.words(name)} **{setting:.3g}**"
        if isinstance(setting, float)
        else f"{study_plots.words(name)} **{setting}**"
        for name, setting in best["params"].items()
    )
    with st.container(border=True, horizontal=True, vertical_alignment="center", gap="medium"):
        st.markdown(
            f":material/trophy: Best: **{best['run']}** · {figure} **{value}**  \n{settings}",
            width="stretch",
        )
        if st.button("Open in Evaluate", type="primary", icon=":material/query_stats:", key="best-evaluate"):
            go("evaluate", run=best["run"])


def _show_values(status: StudyStatus, columns: study_figures.Columns, *, axis: str) -> None:
    left, right = st.columns(2)
    summary = status.study.summary
    with left:
        figures.show(
            study_plots.trials_figure(columns, axis=axis, colours=figures.line_colours()),
            title="Value of each trial, and the best so far",
            caption=f"n = {len(columns['trial'])} trials: {summary.get('complete', 0)} complete, "
            f"{summary.get('pruned', 0)} pruned, {summary.get('failed', 0)} failed; validation part",
            csv=lambda: figures.csv_text(columns),
            key="search-trials",
        )
    importance = summary.get("importance") or {}
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


def _show_trials(status: StudyStatus, entries: list[StudyRun]) -> None:
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
    ticked = [rows[row]["run"] for row in event.selection.rows if row < len(rows)]
    open_run(ticked[0] if ticked else None)
