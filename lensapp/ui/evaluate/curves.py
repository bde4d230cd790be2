"""The curves of the Evaluate page with their captions and downloads."""

import streamlit as st

from lensapp.services.evaluate import evaluation as evaluations
from lensapp.services.evaluate.evaluation import Evaluation
from lensapp.ui.evaluate import evaluation_figures
from lensapp.ui.evaluate.score_histogram import score_figure
from lensapp.ui.shared import figures
from lensapp.ui.shared.state import theme
from lensapp.ui.shared.widgets import number

Evaluations = dict[str, Evaluation]


def caption_of(measured: Evaluation) -> str:
    """Return number and part of the cutouts."""
    counts = measured.counts
    return f"{measured.part} part: n = {number(counts.n)}, {number(counts.n_positive)} of them lenses"


def show_decision(everyone: Evaluations, *, threshold: float) -> None:
    """Show the ROC of each run and, beside it, the confusion matrix of the first at the threshold."""
    left, right = st.columns(2)
    with left:
        _roc(everyone, threshold=threshold)
    with right:
        _confusion(next(iter(everyone.values())), threshold=threshold)


def _roc(everyone: Evaluations, *, threshold: float) -> None:
    first = next(iter(everyone.values()))
    columns = {name: evaluations.roc_columns(found) for name, found in everyone.items()}
    confusion = first.figures_at(threshold).confusion
    axis = "log" if st.session_state.get("evaluate-log") else "linear"
    figure = evaluation_figures.roc_figure(
        columns,
        point=(confusion.false_positive_rate, confusion.completeness),
        colours=figures.line_colours(),
        logarithmic=axis,
    )
    figures.show(
        figure,
        title="Completeness against false positive rate (ROC)",
        caption=caption_of(first),
        csv=lambda: figures.csv_text(columns[first.run]),
        key="evaluate-roc",
        height=400,
    )
    st.toggle(
        "Logarithmic false positive rate",
        key="evaluate-log",
        help="Searches live at rates of 1e-4 to 1e-2: lenses are that rare.",
    )


def _confusion(first: Evaluation, *, threshold: float) -> None:
    confusion = first.figures_at(threshold).confusion
    ink = "#e8eaed" if theme() == "dark" else "#1a1e23"
    figure = evaluation_figures.confusion_figure(confusion, colours=figures.class_colours(), ink=ink)
    cells: dict[str, object] = {
        "outcome": ["tp", "fp", "fn", "tn"],
        "cutouts": [confusion.tp, confusion.fp, confusion.fn, confusion.tn],
    }
    figures.show(
        figure,
        title=f"Truth against decision at score ≥ {threshold:.3g}",
        caption=f"{first.part} part: n = {number(first.counts.n)}; shares of the true class",
        csv=lambda: figures.csv_text(cells),
        key="evaluate-confusion",
        height=400,
    )


def show_more(everyone: Evaluations, *, threshold: float) -> None:
    """Show precision–recall, purity and completeness against threshold, scores and rotation scatter."""
    first = next(iter(everyone.values()))
    left, right = st.columns(2)
    with left:
        _precision_recall(everyone, threshold=threshold)
    with right:
        _against_threshold(first, threshold=threshold)
    left, right = st.columns(2)
    with left:
        _scores(first, threshold=threshold)
    with right:
        _rotations(first)


def _precision_recall(everyone: Evaluations, *, threshold: float) -> None:
    first = next(iter(everyone.values()))
    columns = {name: evaluations.precision_recall_columns(found) for name, found in everyone.items()}
    confusion = first.figures_at(threshold).confusion
    share = first.counts.n_positive / first.counts.n
    figure = evaluation_figures.precision_recall_figure(
        columns,
        point=None if confusion.purity is None else (confusion.completeness, confusion.purity),
        share=share,
        colours=figures.line_colours(),
    )
    figures.show(
        figure,
        title="Purity against completeness (precision–recall)",
        caption=f"{caption_of(first)}; dotted: all accepted",
        csv=lambda: figures.csv_text(columns[first.run]),
        key="evaluate-pr",
    )


def _against_threshold(first: Evaluation, *, threshold: float) -> None:
    columns = evaluations.threshold_columns(first)
    figure = evaluation_figures.threshold_figure(columns, threshold=threshold, colours=figures.line_colours())
    figures.show(
        figure,
        title="Purity and completeness against threshold",
        caption=f"{caption_of(first)}; shaded: 95 % (Wilson)",
        csv=lambda: figures.csv_text(columns),
        key="evaluate-threshold-curve",
    )


def _scores(first: Evaluation, *, threshold: float) -> None:
    columns = evaluations.score_histogram(first)
    figure = score_figure(columns, threshold=threshold)
    edges = columns["edges"]
    table = {"from": edges[:-1], "to": edges[1:], "lens": columns["lens"], "nonlens": columns["nonlens"]}
    figures.show(
        figure,
        title="Scores of lenses and non-lenses",
        caption=caption_of(first),
        csv=lambda: figures.csv_text(table),
        key="evaluate-scores",
    )


def _rotations(first: Evaluation) -> None:
    columns = evaluations.rotation_columns(first)
    if columns is None:
        st.info("The cutouts are not square: the score under rotations is not measured.")
        return
    mean = first.stored.figures.get("rotation_std")
    figures.show(
        evaluation_figures.rotation_figure(columns, colours=figures.class_colours()),
        title="Scatter of the score when the image is turned by 90°",
        caption=f"{caption_of(first)}; mean {number(mean)}",
        csv=lambda: figures.csv_text(columns),
        key="evaluate-rotation",
    )
