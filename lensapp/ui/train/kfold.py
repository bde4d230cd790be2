"""A cross-validation on the Experiments page: curves of the folds, ROC band, thresholds, table."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pandas as pd
import streamlit as st

from lensapp.core.numerals import fixed, score_text
from lensapp.services.split.part_sizes import untold_rate
from lensapp.services.train import runs, study_figures
from lensapp.services.train import studies as study_service
from lensapp.services.train.fold_hints import alarm_of_folds
from lensapp.services.train.studies import StudyStatus
from lensapp.services.train.study_figures import FoldCurves
from lensapp.storage.records import StudyRun
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared import figures
from lensapp.ui.shared.address import NO_ROWS, digest, kept, switch, ticked
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.scores import USUAL_THRESHOLD, hint_at_low_scores
from lensapp.ui.shared.state import go
from lensapp.ui.shared.widgets import counts_spaced, number
from lensapp.ui.train import curves, study_plots

RUN_PIXELS = 225
NARROWEST_FIGURE, AROUND_HEADING, LETTER_OF_HEADING = 60, 20, 6.4  # pixels
LOG = "experiments-log"
FIGURE_TITLES = {"auroc": "AUROC", "tpr0": "TPR0", "tpr10": "TPR10"}


def show_kfold(ws: Workspace, status: StudyStatus) -> None:
    """Show ROC and thresholds of the folds, their table and their learning curves."""
    entries = study_service.members(ws, status.study)
    folds = study_figures.fold_curves(ws, entries)
    by_run = runs.overlay_columns(ws, [entry.run.name for entry in entries])
    if folds is not None:
        count = f"{len(folds.names)} fold{'s' if len(folds.names) > 1 else ''}"
        n = f"{count}, out-of-fold: n = {number(folds.n)}, {number(folds.n_positive)} of them lenses"
        colours = figures.line_colours()
        left, right = st.columns(2)
        with left:
            log = kept("log", switch(), default=False, key=LOG)
            logarithmic = bool(st.session_state[LOG])
            figures.show_figure(
                study_plots.roc_band_figure(
                    folds, colours=colours, ink=figures.ink(), logarithmic=logarithmic
                ),
                title="ROC of the folds",
                caption=f"{n}; a click on a name in the legend hides or draws it",
                csv=lambda: figures.csv_text(study_figures.roc_table(folds)),
                key="kfold-roc",
                height=420,
            )
            st.toggle(
                "Logarithmic false positive rate",
                **log,
                help="Lenses are so rare that searches work at rates of 1e-4 to 1e-2.",
            )
        with right:
            figures.show_figure(
                study_plots.threshold_figure(folds, colours=colours),
                title="Mean of the folds against threshold",
                caption=f"{n}; shaded: ± one standard deviation between the folds",
                csv=lambda: figures.csv_text(study_figures.threshold_table(folds)),
                key="kfold-thresholds",
                height=420,
            )
        _say_if_none_reaches(folds, status.study.summary)
    if alarm := alarm_of_folds(entries, status.study.summary.get("pooled") or {}, by_run):
        st.warning(alarm, icon=":material/warning:")
    _show_folds(status, entries, by_run)


def _say_if_none_reaches(folds: FoldCurves, summary: dict[str, Any]) -> None:
    """Say that no score reaches 0.5, at which the figures of the table are, and which threshold has more."""
    if folds.highest >= USUAL_THRESHOLD:
        return
    at = study_figures.proposed_in_folds(summary, highest=folds.highest)
    better = "" if at is None else (
        f" At {score_text(at.threshold)}, proposed for {at.aim} in the mean of the folds, "
        f"completeness is {fixed(at.completeness)} and purity {fixed(at.purity)}; Evaluate begins "
        "at such a threshold."
    )  # fmt: skip
    hint_at_low_scores(
        f"No score reaches {USUAL_THRESHOLD:g}: the highest is {score_text(folds.highest)}. Accuracy, purity "
        f"and completeness below are at {USUAL_THRESHOLD:g}, where nothing is accepted.{better}"
    )


def _show_folds(status: StudyStatus, entries: list[StudyRun], by_run: Mapping[str, curves.Columns]) -> None:
    """Show the figures of each fold as a table, and how its run learned."""
    st.subheader(
        "Folds",
        help="Figures of the cutouts held out from each fold's run. The standard deviation is that between "
        "folds (K - 1); pooled takes all out-of-fold scores together.",
    )
    rows = study_figures.fold_rows(entries, status.study.summary)
    text_column = st.column_config.TextColumn
    columns = _columns_of_figures(status.study.summary) | {
        "fold": text_column(pinned=True, width=64),
        "cutouts": st.column_config.NumberColumn(width=68),
        "run": text_column(width=RUN_PIXELS),
    }
    single = [row for row in rows if row.get("run")]
    show_table_of_runs(
        _run_last(single),
        run_names=[row["run"] for row in single],
        key=f"folds-{status.study.name}",
        columns=columns,
    )
    together = [row for row in rows if not row.get("run")]
    if together:  # which no run stands for
        columns["fold"] = text_column("of all folds", pinned=True, width=140)
        st.dataframe(
            counts_spaced(pd.DataFrame(together, columns=[*single[0]]).drop(columns=["run", "state"])),
            hide_index=True,
            placeholder="–",
            column_config=columns,
            height="content",
            key=f"folds-together-{status.study.name}",
        )
    st.subheader("Learning curves of the folds")
    columns = {f"fold {entry.place}": by_run[entry.run.name] for entry in entries if by_run[entry.run.name]}
    if not columns:
        st.info("The first point of each curve appears when the first epoch has ended.")
        return
    measured = {name for histories in columns.values() for name in histories}
    panels = [panel for panel in curves.PANELS if f"val_{panel.figures[0][1]}" in measured]
    planned = status.study.spec["training"]["epochs"] if status.active else None
    drawn = [curves.Drawn(name, history, planned=planned) for name, history in columns.items()]
    curves.show_charts(panels, drawn, captions=_captions(panels, entries), key="fold-curves")


def _captions(panels: Sequence[curves.Panel], entries: list[StudyRun]) -> list[str]:
    """Say of each chart which cutouts it is of, and where these have too few non-lenses to tell its rate."""
    nonlenses = [
        int(figures["n"] - figures["n_positive"])
        for entry in entries
        if (figures := entry.info.get("figures")) and "n_positive" in figures
    ]
    few = untold_rate(min(nonlenses)) if nonlenses else ""
    return [
        f"validation part of each fold{f'; {few}' if few and panel is curves.FEW_FALSE_POSITIVES else ''}"
        for panel in panels
    ]


def _columns_of_figures(summary: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of the figures of folds, as wide as their headings: all are read at 1920 pixels."""
    titles = {
        name: FIGURE_TITLES.get(name, study_plots.words(name))
        for name in study_figures.headline_figures(summary)
    }
    return {
        name: st.column_config.NumberColumn(title, format="%.3f", width=heading_pixels(title))
        for name, title in titles.items()
    }


def heading_pixels(title: str) -> int:
    """Return how wide a column of figures is that its heading just fits."""
    return max(NARROWEST_FIGURE, AROUND_HEADING + round(LETTER_OF_HEADING * len(title)))


def _run_last(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Return folds as a table, the names of their runs behind the figures, and states where they differ."""
    table = pd.DataFrame(rows)
    named = ["run"] if (table["state"] == "finished").all() else ["state", "run"]
    return table[[*(name for name in table if name not in ("run", "state")), *named]]


def show_table_of_runs(
    table: pd.DataFrame,
    *,
    run_names: Sequence[str | None],
    key: str,
    columns: dict[str, Any],
    height: Literal["content"] | int = "content",
) -> None:
    """Show a table with a run in each row, and the buttons that open the run of the ticked row."""
    event = st.dataframe(
        counts_spaced(table),
        on_select="rerun",
        selection_mode="single-row",
        hide_index=True,
        placeholder="",
        column_config=columns,
        height=height,
        **kept(
            "ticked",
            ticked([name or "" for name in run_names]),
            NO_ROWS,
            key=f"{key}-{digest([name or '' for name in run_names])}",
        ),
    )
    chosen = [run_names[row] for row in event.selection.rows if row < len(run_names)]
    name = chosen[0] if chosen else None
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if st.button("Open in Train", icon=":material/model_training:", disabled=not name, key="open-train"):
            go("train", run=str(name))
        if st.button(
            "Open in Evaluate", icon=":material/query_stats:", disabled=not name, key="open-evaluate"
        ):
            go("evaluate", run=str(name))
        st.caption(plain(name) if name else "Tick a row to open its run.")
