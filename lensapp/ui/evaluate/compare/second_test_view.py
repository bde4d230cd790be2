"""What runs give on a second test part, beside the test part: tables, and the lenses they miss."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from lensapp.core.evaluate.score_axis import AIM_LABELS
from lensapp.core.numerals import score_text
from lensapp.services.evaluate.compare.second_test import (
    SecondTest,
    both_parts_table,
    points_table,
    second_test,
)
from lensapp.services.evaluate.evaluation import Evaluation
from lensapp.services.evaluate.figure_tables import with_limits
from lensapp.storage.records import Cutout
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.cutout_sheet import say_if_cut, show_cutouts
from lensapp.ui.evaluate.tables import show_table
from lensapp.ui.shared.widgets import number

SHOWN = 12
LIMITS = "95 % limits of the lenses at the threshold as it is"


def show_second_test(ws: Workspace, evaluation: Evaluation) -> None:
    """Show what a run finds of its dataset's second test part; nothing where it has none."""
    if evaluation.part != "test":
        return
    both = second_test(ws, evaluation.run)
    if both is None:
        return
    if both.points:
        _show_points(both)
    else:
        st.caption("The non-lenses of the test part are too few to set thresholds for the second test part.")
    if both.figures:
        show_table(
            both_parts_table(both),
            title="Figures of both test parts",
            caption="95 % limits in brackets; each part's lenses against its own non-lenses.",
            terms={},
            digits=3,
            file_name="second-test-figures",
            key="evaluate-second-test-figures",
        )
    _show_lowest(ws, both)


def _show_points(both: SecondTest) -> None:
    show_table(
        points_table(both),
        title="Lenses found of the second test part",
        caption=f"Second test part: n = {number(both.n)}, {number(both.n_positive)} of them lenses, at the "
        f"thresholds that the non-lenses of the test part set. {LIMITS}; p: of one completeness in both "
        "parts (Fisher).",
        terms={"least score": "Cutouts with at least this score are accepted."},
        digits=4,
        file_name="second-test",
        key="evaluate-second-test",
    )


def _show_lowest(ws: Workspace, both: SecondTest) -> None:
    scores, labels = both.second.scores, both.second.labels
    rows = np.flatnonzero(labels)
    rows = rows[np.argsort(scores[rows], kind="stable")]
    ids = both.second.stored.cutout_ids[rows].tolist()
    score_of = dict(zip(ids, scores[rows].tolist(), strict=True))

    def caption_of(cutout: Cutout) -> str:
        return score_text(score_of[cutout.id])

    with st.expander("Its lenses with the lowest scores"):
        show_cutouts(
            ws,
            ids,
            limit=SHOWN,
            caption_of=caption_of,
            review_name=f"{both.second.run}-second-test-lenses",
            run_name=both.second.run,
            key="second-test-missed",
        )
        say_if_cut(len(ids), SHOWN)


def show_second_tests(ws: Workspace, runs: Sequence[str]) -> None:
    """Show what each run finds of its dataset's second test part; nothing where none has one."""
    measured = [one for one in (second_test(ws, run) for run in runs) if one is not None]
    if not measured:
        return
    rows = []
    for both in measured:
        row: dict[str, str | int] = {"run": both.second.run, "lenses": both.n_positive}
        for point in both.points:
            row[AIM_LABELS[point.name]] = with_limits(point.second)
        if both.figures:
            row["AUROC"] = with_limits(both.figures["auroc"])
        rows.append(row)
    show_table(
        pd.DataFrame(rows),
        title="Lenses found of the second test part",
        caption=f"Completeness at the thresholds that each run's test part sets. {LIMITS}.",
        terms={},
        digits=3,
        file_name="second-test",
        key="compare-second-test",
    )
