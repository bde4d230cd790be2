"""The part of the Evaluate page that shows figures by bins of any column of the cutouts."""

from collections.abc import Sequence
from contextlib import nullcontext

import streamlit as st

from lensapp.core.data.column_names import column_label
from lensapp.core.evaluate.score_axis import at_least
from lensapp.core.evaluate.subgroups import Subgroup
from lensapp.core.numerals import true_minus
from lensapp.services.data.filters import is_magnitude
from lensapp.services.evaluate.compare.verdict import tells_apart
from lensapp.services.evaluate.evaluation import Evaluation
from lensapp.services.evaluate.figure_tables import auroc_against, p_equals, subgroup_table
from lensapp.services.evaluate.subgroups import (
    LensTrend,
    lens_trend,
    properties,
    subgroups,
    usual_column,
    without_lenses,
)
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.survey_figures import each_lens_figure, subgroup_figure, subgroup_height
from lensapp.ui.evaluate.tables import show_table
from lensapp.ui.shared import figures
from lensapp.ui.shared.address import kept, one_of
from lensapp.ui.shared.widgets import counted, errors_shown, number, number_within

MOST_BINS = 20
FEW_LENSES = 50  # fewer are shown one by one before shares of them are
COLUMN, COLUMN_KEY = "by", "evaluate-subgroup"


def show_subgroups(ws: Workspace, evaluation: Evaluation, *, threshold: float) -> None:
    """Show completeness, false positive rate and AUROC by bins or names of a column."""
    without = without_lenses(ws, evaluation)
    names = sorted(properties(ws, evaluation), key=without.__contains__)
    if not names:
        return
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    usual = usual_column(ws, evaluation)
    column = left.selectbox(
        "Lenses and non-lenses by",
        names,
        format_func=lambda name: f"{_label(name)} · no lens has it" if name in without else _label(name),
        **kept(COLUMN, one_of(names), usual, key=COLUMN_KEY),
    )
    few = evaluation.counts.n_positive < FEW_LENSES
    trend = lens_trend(ws, evaluation, column) if few else None
    if trend is not None:
        _show_each_lens(evaluation, trend, by=_label(column), threshold=threshold)
    with right:
        bins = number_within(
            "Bins", 2, MOST_BINS, value=2 if few else 5, step=1, key="evaluate-subgroup-bins",
            help="Of equal numbers of lenses.",
        )  # fmt: skip
    with errors_shown(), st.expander("In bins, with limits") if trend is not None else nullcontext():
        groups = subgroups(ws, evaluation, column, threshold=threshold, bins=bins)
        table = subgroup_table(groups)
        if words := fewer_bins(groups, bins):
            st.caption(words)
        shown = sum(one.n_positive + one.n_negative for one in groups)
        figures.show_figure(
            subgroup_figure(groups, by=_label(column), colours=figures.class_colours()),
            title=f"Figures by {_label(column)}",
            caption=f"{evaluation.part} part: n = {_n_in_words(shown, evaluation)}, "
            f"at {at_least(threshold)}; limits: 95\u00a0%{evaluation.objects_once}; hatched: non-lenses",
            csv=lambda: str(table.to_csv(index=False)),
            key="evaluate-subgroups",
            height=subgroup_height(groups),
        )
        with st.expander("In numbers") if trend is None else nullcontext():
            show_table(
                table,
                title="Figures of each subgroup",
                caption=f"{evaluation.part} part, at {at_least(threshold)}; in brackets: 95 % limits"
                f"{evaluation.objects_once}. AUROC: lenses of each subgroup against {auroc_against(groups)}.",
                terms={},
                digits=3,
                file_name="subgroups",
                key="evaluate-subgroup-table",
            )


def _show_each_lens(evaluation: Evaluation, trend: LensTrend, *, by: str, threshold: float) -> None:
    """Show the score of each of few lenses against a column, and whether they go together."""
    st.markdown(trend_in_words(trend, by=by, threshold=threshold))
    columns = {"value": trend.values, "score": trend.scores, "lens": trend.labels}
    figures.show_figure(
        each_lens_figure(
            trend, by=by, threshold=threshold, axis=evaluation.score_axis, colours=figures.class_colours()
        ),
        title=f"The score of each lens by {by}",
        caption=f"{evaluation.part} part: {counted(int(trend.labels.sum()), 'lens')} and "
        f"{counted(int((~trend.labels).sum()), 'non-lens')}; dashed: the threshold, {at_least(threshold)}",
        csv=lambda: figures.csv_text(columns),
        key="evaluate-each-lens",
        height=380,
    )


def trend_in_words(trend: LensTrend, *, by: str, threshold: float) -> str:
    """Return what few lenses tell: how many are lost, and whether their scores go with a column."""
    scores = trend.scores[trend.labels]
    lost = int((scores < threshold).sum())
    count = counted(len(scores), "lens")
    said = (
        f"With {count} shares by bins tell little: each lens counts on its own. "
        f"**{lost or 'None'} of {len(scores)}** {'is' if lost <= 1 else 'are'} lost at {at_least(threshold)}."
    )
    if trend.correlation is None or trend.p_value is None:
        return said
    rho = true_minus(f"{trend.correlation:.2f}")
    found = f"(Spearman ρ\u00a0=\u00a0{rho}, {p_equals(trend.p_value)})"
    if not tells_apart(trend.p_value):
        return f"{said} Their scores do not visibly go with {by}: what is seen below can be chance {found}."
    return f"{said} Their scores **{'rise' if trend.correlation > 0 else 'fall'}** with {by} {found}."


def fewer_bins(groups: Sequence[Subgroup], bins: int) -> str:
    """Return why there are fewer bins of numbers than are asked for, empty where there are not."""
    if groups[0].low is None or len(groups) >= bins:
        return ""
    return (
        f"{counted(len(groups), 'bin')} in place of {bins}: too many lenses share a value for bins of equal "
        "numbers of them."
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
