"""A search of hyper-parameters on the Experiments page: trials, what matters, the best run."""

import pandas as pd
import streamlit as st

from lensapp.core.train.study_spec import SearchSpec
from lensapp.services.train import runs, study_figures
from lensapp.services.train import studies as study_service
from lensapp.services.train.run_listing import few_to_rank
from lensapp.services.train.studies import StudyStatus
from lensapp.storage.records import StudyRun
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared import figures
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.state import go
from lensapp.ui.shared.widgets import counted, number
from lensapp.ui.train import curves, study_plots
from lensapp.ui.train.kfold import show_table_of_runs

MOST_CURVES = 24  # eight colours by three kinds of lines
FIGURE_WORDS = {
    "val_loss": "validation loss",
    "val_auc": "validation AUROC",
    "val_partial_auc": "validation AUROC at FPR ≤ 0.05",
}


def show_search(ws: Workspace, status: StudyStatus) -> None:
    """Show the best run, the value of each trial, what matters most, and the table of trials."""
    spec = SearchSpec.parse(status.study.spec)
    entries = study_service.members(ws, status.study)
    columns = study_figures.trial_columns(entries, spec)
    best = status.study.summary.get("best")
    if best and len(columns["trial"]):
        figure = FIGURE_WORDS.get(str(status.study.summary.get("figure")), "value")
        value = number(float(best["value"]), digits=4)
        values = {
            study_plots.words(name): number(setting) if isinstance(setting, float) else plain(setting)
            for name, setting in best["params"].items()
        }
        settings = " · ".join(f"{name} **{text}**" for name, text in values.items())
        with st.container(border=True, horizontal=True, vertical_alignment="center", gap="medium"):
            st.markdown(
                f":material/trophy: Best: **{plain(best['run'])}** · {figure} **{value}**  \n{settings}",
                width="stretch",
            )
            if st.button("Open in Evaluate", icon=":material/query_stats:", key="best-evaluate"):
                go("evaluate", run=best["run"])
    _say_if_few(ws, status)
    if len(columns["trial"]):
        _show_trial_figures(status, spec, columns)
    else:
        st.info("The first point appears when the first trial has ended.")
    st.subheader("Trials", help="Each trial is a run like any other; pruned ones were ended early.")
    rows = study_figures.trial_rows(entries)
    if not rows:
        st.caption("No trial has begun yet.")
        return
    table = pd.DataFrame(rows).rename(columns=study_plots.words)
    show_table_of_runs(
        table if any(row["reason"] for row in rows) else table.drop(columns="reason"),
        run_names=[row["run"] for row in rows],
        key=f"trials-{status.study.name}-{len(rows)}",
        columns={
            "trial": st.column_config.NumberColumn(pinned=True),
            "value": st.column_config.NumberColumn(format="%.5f"),
            "seconds": st.column_config.NumberColumn(format="%.0f"),
            "learning rate": st.column_config.NumberColumn(format="%.2e"),
            "weight decay": st.column_config.NumberColumn(format="%.2e"),
        },
        height="content" if len(rows) <= 8 else 320,
    )
    _show_curves(ws, status, entries, axis=str(status.study.summary.get("figure") or spec.training.monitor))


def _say_if_few(ws: Workspace, status: StudyStatus) -> None:
    """Say that the validation part has too few of a class to rank trials by the area under a ROC curve."""
    by = str(status.study.summary.get("figure") or "")
    version = next((one for one in runs.training_datasets(ws) if one.id == status.study.dataset_id), None)
    counts = version.counts.get("validation", {}) if version is not None else {}
    lenses = counts.get("lens", 0)
    if by in ("val_auc", "val_partial_auc") and few_to_rank(lenses, sum(counts.values()) - lenses):
        st.caption(
            f":material/info: The validation part has {counted(lenses, 'lens')} and "
            f"{counted(sum(counts.values()) - lenses, 'non-lens')}: trials with a similar AUROC cannot be "
            "told apart."
        )


def _show_curves(ws: Workspace, status: StudyStatus, entries: list[StudyRun], *, axis: str) -> None:
    """Show how the trials learned: the newest, as many as colours and dashes tell apart."""
    measured = [entry for entry in entries if entry.info.get("state") != "failed"][-MOST_CURVES:]
    by_run = runs.overlay_columns(ws, [entry.run.name for entry in measured])
    planned = status.study.spec["training"]["epochs"] if status.active else None
    drawn = [
        curves.Drawn(f"trial {entry.place}", by_run[entry.run.name], planned=planned)
        for entry in measured
        if by_run[entry.run.name]
    ]
    if not drawn:
        return
    st.subheader("Learning curves of the trials")
    names = {name for one in drawn for name in one.columns}
    task = status.study.spec["training"].get("task") or {"kind": "binary"}
    panels = [
        panel
        for panel in curves.panels_for(task["kind"], task.get("targets") or ())
        if any(key in names or f"val_{key}" in names for _, key in panel.figures)
    ]
    panels.sort(key=lambda panel: axis not in {f"val_{key}" for _, key in panel.figures})
    captions = ["validation part of each trial" if panel.parted else "each trial" for panel in panels]
    curves.show_charts(panels, drawn, captions=captions, key="trial-curves")


def _show_trial_figures(status: StudyStatus, spec: SearchSpec, columns: study_figures.Columns) -> None:
    """Show the best run in words, then the trials one after the other, by importance and side by side."""
    summary = status.study.summary
    judged_by = str(summary.get("figure") or spec.training.monitor)
    axis = FIGURE_WORDS.get(judged_by, judged_by)
    left, right = st.columns(2)
    with left:
        figures.show_figure(
            study_plots.trials_figure(columns, axis=axis, colours=figures.line_colours()),
            title="Value of each trial, and the best so far",
            caption=f"n = {counted(len(columns['trial']), 'trial')}: {summary.get('complete', 0)} complete, "
            f"{summary.get('pruned', 0)} pruned, {summary.get('failed', 0)} failed; validation part",
            csv=lambda: figures.csv_text(columns),
            key="search-trials",
        )
    importance = summary.get("importance") or {}
    with right:
        if importance:
            figures.show_figure(
                study_plots.importance_figure(importance, colours=figures.line_colours()),
                title="Importance of each setting",
                caption="functional ANOVA over the complete trials (Hutter et al. 2014)",
                csv=lambda: figures.csv_text(
                    {"setting": list(importance), "importance": list(importance.values())}
                ),
                key="search-importance",
            )
        else:
            st.info("Which setting matters most is shown after four complete trials.")
    figures.show_figure(
        study_plots.parallel_figure(
            columns, spec.space, axis=axis, minimises=spec.minimises, ink=figures.ink()
        ),
        title="Settings of each trial and what they gave",
        caption="one line per trial, complete or pruned; drag along an axis to choose trials",
        csv=lambda: figures.csv_text(columns),
        key="search-parallel",
        height=360,
    )
