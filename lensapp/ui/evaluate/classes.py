"""The part of the Evaluate page for runs that tell several classes apart."""

from typing import Any

import pandas as pd
import streamlit as st

from lensapp.core.evaluate.multiclass import ClassFigures
from lensapp.services.evaluate.class_evaluation import ClassEvaluation
from lensapp.ui.evaluate import class_figures
from lensapp.ui.shared import figures
from lensapp.ui.shared.state import theme
from lensapp.ui.shared.widgets import download, number

HEIGHT = 430
INK = {"dark": "#e8eaed", "light": "#1a1e23"}
MEANINGS = {
    "n": "Cutouts of the class in this part.",
    "AUROC": "Area under the ROC of the class against all others (Hanley & McNeil 1982).",
    "average precision": "Purity averaged over completeness, step by step (Davis & Goadrich 2006).",
    "purity": "Share of the cutouts given this class that belong to it.",
    "completeness": "Share of the class that is given it.",
}


def show(found: ClassEvaluation) -> None:
    """Show the ROC of each class, the confusion matrix and the figures of each class."""
    measured = found.figures()
    st.markdown(
        f"**{100 * measured.accuracy:.1f} %** of the cutouts get their class · balanced over the classes "
        f"**{100 * measured.balanced_accuracy:.1f} %** · mean AUROC **{number(measured.macro_auroc)}** · "
        f"mean cross-entropy {number(measured.log_loss)}",
        help="Accuracy, mean completeness of the classes, mean area of each class against the rest, and mean "
        "of −ln of the probability of the true class.",
    )
    left, right = st.columns(2)
    with left:
        _curves(found, measured)
    with right:
        _confusion(found, measured)
    _table(found, measured)


def _curves(found: ClassEvaluation, measured: ClassFigures) -> None:
    curves = found.curves()
    figures.show(
        class_figures.class_roc_figure(curves, colours=figures.line_colours()),
        title="ROC of each class against the rest",
        caption=f"{found.part} part: n = {number(measured.n)} in {len(curves)} classes",
        csv=lambda: _curves_csv(found),
        key="evaluate-class-roc",
        height=HEIGHT,
    )


def _curves_csv(found: ClassEvaluation) -> str:
    parts = [pd.DataFrame(columns).assign(**{"class": name}) for name, columns in found.curves().items()]
    text: str = pd.concat(parts).to_csv(index=False)
    return text


def _confusion(found: ClassEvaluation, measured: ClassFigures) -> None:
    table = pd.DataFrame(measured.confusion, index=found.classes, columns=found.classes)
    figures.show(
        class_figures.class_confusion_figure(
            measured.confusion, found.classes, colour=figures.line_colours()[0], ink=INK[theme()]
        ),
        title="True class against the most probable one",
        caption=f"{found.part} part: n = {number(measured.n)}; tint: share of the true class",
        csv=lambda: str(table.to_csv(index_label="truth")),
        key="evaluate-class-confusion",
        height=HEIGHT,
    )


def _table(found: ClassEvaluation, measured: ClassFigures) -> None:
    table = class_table(measured)
    st.markdown("**Figures of each class**")
    st.dataframe(
        table,
        hide_index=True,
        placeholder="–",
        key="evaluate-class-table",
        height="content",
        column_config={
            name: st.column_config.NumberColumn(format="%d" if name == "n" else "%.4f", help=meaning)
            for name, meaning in MEANINGS.items()
        },
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"{found.part} part: n = {number(measured.n)}; the class given is the most probable one.",
                   width="stretch")  # fmt: skip
        download("CSV", table.to_csv(index=False), file_name="classes.csv")


def class_table(measured: ClassFigures) -> pd.DataFrame:
    """Return one row per class, then their means."""
    rows: list[dict[str, Any]] = [
        {
            "class": one.name,
            "n": one.n,
            "AUROC": one.auroc,
            "average precision": one.average_precision,
            "purity": one.purity,
            "completeness": one.completeness,
        }
        for one in measured.classes
    ]
    table = pd.DataFrame(rows)
    means = table.drop(columns=["class", "n"]).astype(float).mean()
    return pd.concat([table, pd.DataFrame([{"class": "mean", "n": measured.n, **means}])], ignore_index=True)
