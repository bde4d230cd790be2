"""The part of the Evaluate page that shows figures by bins of any column of the cutouts."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from lensapp.core.evaluate.subgroups import Subgroup
from lensapp.services.evaluate.evaluation import Evaluation
from lensapp.services.evaluate.subgroups import properties, subgroups
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.survey_figures import subgroup_figure
from lensapp.ui.evaluate.tables import show_table, with_limits
from lensapp.ui.shared import figures
from lensapp.ui.shared.widgets import errors_shown, number

COLUMN, COLUMN_KEY = "by", "evaluate-subgroup"
FIRST_CHOICE = ("einstein_radius_arcsec", "arc_snr", "object_class")


def show_subgroups(ws: Workspace, evaluation: Evaluation, *, threshold: float) -> None:
    """Show completeness, false positive rate and AUROC by bins or names of a column."""
    names = list(properties(ws, evaluation))
    if not names:
        return
    st.subheader("By subgroup")
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    if st.session_state.get(COLUMN_KEY) not in names:
        asked = st.query_params.get(COLUMN)
        usual = next((name for name in FIRST_CHOICE if name in names), names[0])
        st.session_state[COLUMN_KEY] = asked if asked in names else usual
    column = left.selectbox("Column", names, key=COLUMN_KEY, format_func=lambda name: name.replace("_", " "))
    st.query_params[COLUMN] = column
    bins = right.number_input(
        "Bins", 2, 20, 5, key="evaluate-subgroup-bins", help="Of equal numbers of lenses."
    )
    with errors_shown():
        groups = subgroups(ws, evaluation, column, threshold=threshold, bins=int(bins))
        table = _table(groups)
        shown = sum(one.n_positive + one.n_negative for one in groups)
        figures.show_figure(
            subgroup_figure(groups, column=column, colours=figures.class_colours()),
            title=f"Share accepted by {column.replace('_', ' ')}",
            caption=f"{evaluation.part} part: n = {number(shown)}, at score ≥ {threshold:.3g}; bars: 95 %",
            csv=lambda: str(table.to_csv(index=False)),
            key="evaluate-subgroups",
        )
        show_table(
            table,
            title="Figures of each subgroup",
            caption=f"{evaluation.part} part, at score ≥ {threshold:.3g}; in brackets: 95 % limits.",
            terms={},
            digits=3,
            file_name="subgroups",
            key="evaluate-subgroup-table",
        )


def _table(groups: Sequence[Subgroup]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "subgroup": group.name,
            "lenses": group.n_positive,
            "non-lenses": group.n_negative,
            "lenses accepted": with_limits(group.completeness),
            "non-lenses accepted": with_limits(group.false_positive_rate),
            "AUROC": with_limits(group.auroc),
        }
        for group in groups
    )
