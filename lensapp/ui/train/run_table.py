"""The table of runs; ticked ones are laid over the run shown."""

from typing import Any

import pandas as pd
import streamlit as st

from lensapp.services.train.runs import RunStatus
from lensapp.storage import datasets
from lensapp.storage.workspace import Workspace

COMPARE = "compare"


def compared(statuses: list[RunStatus], *, besides: str) -> list[str]:
    """Return the runs ticked in the table, as the address keeps them."""
    wanted = st.query_params.get(COMPARE, "").split(",")
    return [
        status.run.name for status in statuses if status.run.name in wanted and status.run.name != besides
    ]


def show(ws: Workspace, statuses: list[RunStatus]) -> None:
    """Show every run; a tick lays it over the run shown."""
    st.subheader("Runs", help="Tick runs to lay their validation curves over those of the run shown.")
    names = [status.run.name for status in statuses]
    ticked = st.query_params.get(COMPARE, "").split(",")
    event = st.dataframe(
        runs_table(ws, statuses),
        key=f"runs-table-{len(names)}",
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [names.index(name) for name in ticked if name in names]}},
        hide_index=True,
        placeholder="–",
        column_config=_columns(),
        height="content" if len(names) <= 8 else 320,
    )
    _remember([names[row] for row in event.selection.rows if row < len(names)])


def _remember(chosen: list[str]) -> None:
    before = [name for name in st.query_params.get(COMPARE, "").split(",") if name]
    if sorted(before) == sorted(chosen):
        return
    if chosen:
        st.query_params[COMPARE] = ",".join(chosen)
    else:
        st.query_params.pop(COMPARE, None)
    st.rerun()


def runs_table(ws: Workspace, statuses: list[RunStatus]) -> pd.DataFrame:
    """Return one row per run: recipe, data, how far it is and how good."""
    names = {dataset.id: dataset.name for dataset in datasets.list_datasets(ws.database)}
    return pd.DataFrame([_row(status, names) for status in statuses])


def _row(status: RunStatus, dataset_names: dict[int, str]) -> dict[str, Any]:
    run, summary = status.run, status.run.summary
    best, evaluation = summary.get("best") or {}, run.evaluation or {}
    return {
        "run": run.name,
        "state": status.state,
        "network": run.model,
        "dataset": dataset_names.get(run.dataset_id, "–"),
        "epochs": summary.get("epochs"),
        "best epoch": summary.get("best_epoch"),
        "validation loss": best.get("val_loss"),
        "validation AUROC": best.get("val_auc"),
        "test AUROC": evaluation.get("auroc"),
        "learning rate": run.spec.get("learning_rate"),
        "batch": run.spec.get("batch_size"),
        "warm start": run.spec.get("initial_run") or "",
        "started": pd.Timestamp(run.created_at, unit="s", tz="UTC"),
    }


def _columns() -> dict[str, Any]:
    number = st.column_config.NumberColumn
    return {
        "run": st.column_config.TextColumn(pinned=True),
        "validation loss": number(format="%.4f", help="Cross-entropy of the best epoch, validation part."),
        "validation AUROC": number(format="%.4f", help="Area under the ROC of the best epoch."),
        "test AUROC": number(format="%.4f", help="Measured on the Evaluate page with the test part."),
        "learning rate": number(format="%.1e"),
        "started": st.column_config.DatetimeColumn(format="distance"),
    }
