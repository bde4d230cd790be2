"""The figures of each run as a table to copy."""

from typing import Any

import pandas as pd
import streamlit as st

from lensapp.core.evaluate.metrics import Figures
from lensapp.services.evaluate.evaluation import Evaluation
from lensapp.ui.evaluate.terms import TERMS
from lensapp.ui.shared.widgets import download


def show(everyone: dict[str, Evaluation], *, threshold: float) -> None:
    """Show one row of figures per run, each column explained, and the same as text to copy."""
    table = figures_table(everyone, threshold=threshold)
    st.markdown("**Figures of merit**")
    st.dataframe(
        table,
        hide_index=True,
        placeholder="–",
        column_config={
            name: st.column_config.NumberColumn(format="%.4f", help=meaning)
            for name, meaning in TERMS.items()
        },
        key="evaluate-figures",
        height="content",
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(
            f"{next(iter(everyone.values())).part} part; accuracy, purity and completeness at score ≥ "
            f"{threshold:.3g}. Point at a heading for its meaning and source.",
            width="stretch",
        )
        with st.popover("Copy", icon=":material/content_copy:", type="tertiary"):
            st.code(table.to_csv(index=False, sep="\t", float_format="%.6g"), language=None)
            download("LaTeX", latex_table(table), file_name="figures.tex", mime="text/x-tex")
            download("CSV", table.to_csv(index=False), file_name="figures.csv")


def figures_table(everyone: dict[str, Evaluation], *, threshold: float) -> pd.DataFrame:
    """Return one row per run."""
    return pd.DataFrame(
        [
            _row(name, found.figures_at(threshold), found.stored.figures.get("rotation_std"))
            for name, found in everyone.items()
        ]
    )


def _row(name: str, figures: Figures, rotation_std: float | None) -> dict[str, Any]:
    return {
        "run": name,
        "n": figures.n,
        "lenses": figures.n_positive,
        "AUROC": figures.auroc,
        "average precision": figures.average_precision,
        "TPR0": figures.tpr0,
        "TPR10": figures.tpr10,
        "accuracy": figures.accuracy,
        "purity": figures.purity,
        "completeness": figures.completeness,
        "Brier": figures.brier,
        "rotation std": rotation_std,
    }


def latex_table(table: pd.DataFrame) -> str:
    """Return the table as a LaTeX tabular."""
    rows = [" & ".join(table.columns)]
    rows += [" & ".join(_cell(value) for value in row) for row in table.itertuples(index=False)]
    body = " \\\\\n".join(row.replace("_", "\\_") for row in rows)
    return f"\\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}\n{body} \\\\\n\\end{{tabular}}\n"


def _cell(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
