"""The table of runs; ticked ones are laid over the selected run."""

import pandas as pd
import streamlit as st

from lensapp.services.train.runs import RunStatus
from lensapp.storage.workspace import Workspace

COMPARE = "compare"


def ticked_runs(statuses: list[RunStatus]) -> list[str]:
    """Return the runs ticked in the table, as the address keeps them."""
    ticked = st.query_params.get(COMPARE, "").split(",")
    return [status.run.name for status in statuses if status.run.name in ticked]


def show_runs(ws: Workspace, statuses: list[RunStatus]) -> None:
    """Show every run; a tick lays its curves over those of the selected run."""
    st.subheader("Runs", help="Tick runs to lay their validation curves over those of the selected run.")
    names = [status.run.name for status in statuses]
    before = [name for name in st.query_params.get(COMPARE, "").split(",") if name]
    number = st.column_config.NumberColumn
    event = st.dataframe(
        runs_table(statuses),
        key=f"runs-table-{len(names)}",
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [names.index(name) for name in before if name in names]}},
        hide_index=True,
        placeholder="–",
        column_config={
            "run": st.column_config.TextColumn(pinned=True),
            "validation loss": number(
                format="%.4f", help="Cross-entropy of the best epoch, validation part."
            ),
            "validation AUROC": number(format="%.4f", help="Area under the ROC of the best epoch."),
            "test AUROC": number(format="%.4f", help="Measured on the Evaluate page with the test part."),
            "learning rate": number(format="%.1e"),
            "tags": st.column_config.ListColumn(),
            "note": st.column_config.TextColumn(width="medium"),
            "started": st.column_config.DatetimeColumn(format="distance"),
        },
        height="content" if len(names) <= 8 else 320,
    )
    ticked = [names[row] for row in event.selection.rows if row < len(names)]
    if sorted(before) == sorted(ticked):
        return
    if ticked:
        st.query_params[COMPARE] = ",".join(ticked)
    else:
        st.query_params.pop(COMPARE, None)
    st.rerun()


def runs_table(statuses: list[RunStatus]) -> pd.DataFrame:
    """Return one row per run: recipe, data, how far it is and how good."""
    rows = []
    for status in statuses:
        run, summary = status.run, status.run.summary
        best, evaluation = summary.get("best") or {}, run.evaluation or {}
        rows.append(
            {
                "run": run.name,
                "state": status.state,
                "network": run.model,
                "dataset": status.dataset,
                "epochs": summary.get("epochs"),
                "best epoch": summary.get("best_epoch"),
                "validation loss": best.get("val_loss"),
                "validation AUROC": best.get("val_auc"),
                "test AUROC": evaluation.get("auroc"),
                "learning rate": run.spec.get("learning_rate"),
                "batch": run.spec.get("batch_size"),
                "warm start": run.spec.get("initial_run") or "",
                "tags": run.tags,
                "note": run.note,
                "started": pd.Timestamp(run.created_at, unit="s", tz="UTC"),
            }
        )
    return pd.DataFrame(rows)
