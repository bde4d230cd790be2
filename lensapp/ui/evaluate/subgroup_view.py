"""The part of the Evaluate page that shows figures by bins of any column of the cutouts."""

import streamlit as st

from lensapp.core.data.column_names import column_label
from lensapp.core.evaluate.score_axis import at_least
from lensapp.services.data.filters import is_magnitude
from lensapp.services.evaluate.evaluation import Evaluation
from lensapp.services.evaluate.figure_tables import auroc_against, subgroup_table
from lensapp.services.evaluate.subgroups import properties, subgroups, usual_column, without_lenses
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.survey_figures import subgroup_figure, subgroup_height
from lensapp.ui.evaluate.tables import show_table
from lensapp.ui.shared import figures
from lensapp.ui.shared.address import kept, one_of
from lensapp.ui.shared.widgets import errors_shown, number

COLUMN, COLUMN_KEY = "by", "evaluate-subgroup"


def show_subgroups(ws: Workspace, evaluation: Evaluation, *, threshold: float) -> None:
    """Show completeness, false positive rate and AUROC by bins or names of a column."""
    without = without_lenses(ws, evaluation)
    names = sorted(properties(ws, evaluation), key=without.__contains__)
    if not names:
        return
    st.subheader("By subgroup")
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    usual = usual_column(ws, evaluation)
    column = left.selectbox(
        "Column",
        names,
        format_func=lambda name: f"{_label(name)} · no lens has it" if name in without else _label(name),
        **kept(COLUMN, one_of(names), usual, key=COLUMN_KEY),
    )
    bins = right.number_input(
        "Bins", 2, 20, 5, key="evaluate-subgroup-bins", help="Of equal numbers of lenses."
    )
    with errors_shown():
        groups = subgroups(ws, evaluation, column, threshold=threshold, bins=int(bins))
        table = subgroup_table(groups)
        shown = sum(one.n_positive + one.n_negative for one in groups)
        figures.show_figure(
            subgroup_figure(groups, by=_label(column), colours=figures.class_colours()),
            title=f"Figures by {_label(column)}",
            caption=f"{evaluation.part} part: n = {_n_in_words(shown, evaluation)}, "
            f"at {at_least(threshold)}; limits: 95\u00a0%; hatched: non-lenses",
            csv=lambda: str(table.to_csv(index=False)),
            key="evaluate-subgroups",
            height=subgroup_height(groups),
        )
        show_table(
            table,
            title="Figures of each subgroup",
            caption=f"{evaluation.part} part, at {at_least(threshold)}; in brackets: 95 % limits. AUROC: "
            f"of the lenses of each subgroup against {auroc_against(groups)}.",
            terms={},
            digits=3,
            file_name="subgroups",
            key="evaluate-subgroup-table",
        )


def _label(column: str) -> str:
    """Return the name of a column with its unit, which that of a magnitude does not say."""
    label = column_label(column)
    return f"{label} (mag)" if is_magnitude(column) and not label.endswith(")") else label


def _n_in_words(shown: int, evaluation: Evaluation) -> str:
    """Return how many cutouts the figures have, and why that is not all of the part."""
    if shown == evaluation.counts.n:
        return number(shown)
    return f"{number(shown)} of {number(evaluation.counts.n)} (the others have no value in this column)"
