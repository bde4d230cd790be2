"""The part of the Evaluate page for runs that estimate values with their uncertainties."""

from collections.abc import Sequence

import streamlit as st

from lensapp.core.numerals import true_minus
from lensapp.core.train.tasks import target_symbol
from lensapp.services.evaluate.evaluation import ValueEvaluation
from lensapp.services.evaluate.figure_tables import DOCUMENT, error_table, value_table
from lensapp.storage.records import Cutout
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate import evaluation_figures as draw
from lensapp.ui.evaluate.cutout_sheet import show_cutouts
from lensapp.ui.evaluate.report_view import offer_reports
from lensapp.ui.evaluate.tables import VALUE_TERMS, show_table
from lensapp.ui.shared import figures
from lensapp.ui.shared.address import kept, one_of
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.widgets import heading, number

PER_ROW = 3
HEIGHT = 330
SHOWN = 12


def show_values(ws: Workspace, evaluation: ValueEvaluation, others: Sequence[ValueEvaluation]) -> None:
    """Show errors beside the document's, estimates against truth, calibration and the worst cutouts."""
    part = f"{evaluation.part} part: n = {number(evaluation.figures.n)}"
    left, right = st.columns(2, gap="medium")
    with left:
        errors = error_table([evaluation, *others])
        show_table(
            errors,
            title=f"68 % errors, beside {DOCUMENT}",
            caption=f"{part}; lengths in arcsec. Theirs: space telescope",
            terms=dict.fromkeys(name for name in errors.columns if name != "network"),
            digits=3,
            file_name="errors-68",
            key="evaluate-errors",
        )
    with right:
        passes = int(evaluation.stored.figures.get("dropout_passes") or 0)
        show_table(
            value_table(evaluation.figures),
            title="Figures of each value",
            caption=f"{part}; {f'Monte-Carlo dropout, {passes} passes' if passes else 'one pass'}.",
            terms=VALUE_TERMS,
            digits=3,
            file_name="values",
            key="evaluate-values",
        )
    calibration = evaluation.calibration()
    figure_count = len(evaluation.targets) + 1
    for start in range(0, figure_count, PER_ROW):
        for index, cell in enumerate(st.columns(PER_ROW), start):
            with cell:
                if index < len(evaluation.targets):
                    _show_recovered(evaluation, evaluation.targets[index], part=part)
                elif index == len(evaluation.targets):
                    figures.show_figure(
                        draw.calibration_figure(
                            calibration, count=evaluation.figures.n, colours=figures.line_colours()
                        ),
                        title="Are the uncertainties true?",
                        caption=f"{part}; true on the diagonal, too small below it",
                        csv=lambda: figures.csv_text(calibration),
                        key="evaluate-calibration",
                        height=HEIGHT,
                    )
    _show_worst(ws, evaluation)
    offer_reports(ws, evaluation)


def _show_recovered(evaluation: ValueEvaluation, target: str, *, part: str) -> None:
    figures.show_figure(
        draw.recovered_figure(
            target,
            evaluation.scatter(target),
            evaluation.bands(target),
            colours=figures.line_colours(),
            legend="legend" if target == evaluation.targets[0] else "none",
        ),
        title=f"Estimated against true {target_symbol(target)}",
        caption=f"{part}; shaded: 68 and 95 % of the estimates",
        csv=lambda: figures.csv_text(evaluation.columns(target)),
        key=f"evaluate-{target}",
        height=HEIGHT,
    )


def _show_worst(ws: Workspace, evaluation: ValueEvaluation) -> None:
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        heading("Estimates furthest from the truth for their uncertainty")
    with right:
        target = st.pills(
            "Value",
            evaluation.targets,
            required=True,
            format_func=lambda name: plain(target_symbol(name)),
            **kept("worst", one_of(evaluation.targets), evaluation.targets[0], key="evaluate-worst"),
            label_visibility="collapsed",
        )
    ids, pulls = evaluation.worst(target or evaluation.targets[0], limit=SHOWN)
    errors = dict(zip(ids.tolist(), pulls.tolist(), strict=True))

    def caption_of(cutout: Cutout) -> str:
        return f"{true_minus(f'{errors[cutout.id]:+.1f}')} σ"

    show_cutouts(
        ws,
        ids.tolist(),
        limit=SHOWN,
        caption_of=caption_of,
        review_name=f"{evaluation.run}-outliers",
        run_name=evaluation.run,
        key="worst-values",
    )
    st.caption(f"{evaluation.part} part; error in stated standard deviations.")
