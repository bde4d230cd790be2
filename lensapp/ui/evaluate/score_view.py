"""The part of the Evaluate page for runs that score: curves, confusion, mistakes, and classes."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from lensapp.core.evaluate.score_axis import at_least
from lensapp.core.once import asking_once
from lensapp.services.evaluate import evaluation as service
from lensapp.services.evaluate.evaluation import Evaluation
from lensapp.services.evaluate.figure_tables import class_table, merit_table
from lensapp.services.evaluate.run_colours import colours_of_runs, dashes_of_runs
from lensapp.services.train.low_scores import why_low_scores
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate import evaluation_figures as draw
from lensapp.ui.evaluate.calibration_view import show_calibration
from lensapp.ui.evaluate.chance import warn_of_chance
from lensapp.ui.evaluate.checks.audit_view import show_audit
from lensapp.ui.evaluate.checks.nuisance_view import show_nuisances
from lensapp.ui.evaluate.compare.second_test_view import show_second_test
from lensapp.ui.evaluate.completeness_view import show_completeness
from lensapp.ui.evaluate.mistakes import show_mistakes
from lensapp.ui.evaluate.moves import confusion_moves, line_moves, precision_recall_moves, roc_moves
from lensapp.ui.evaluate.report_view import offer_reports
from lensapp.ui.evaluate.subgroup_view import show_subgroups
from lensapp.ui.evaluate.survey_view import show_survey
from lensapp.ui.evaluate.tables import CLASS_TERMS, TERMS, show_table
from lensapp.ui.evaluate.threshold import choose_threshold, say_what_it_gives
from lensapp.ui.evaluate.veto_view import show_vetoes
from lensapp.ui.shared import figures
from lensapp.ui.shared.address import kept, switch
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_views import choose_view
from lensapp.ui.shared.widgets import errors_shown, number

CLASS_HEIGHT = 430
MOST_AREAS = 4  # more would hide the curves
LINEAR = "evaluate-linear"
OTHER_MARKS = ("chance", "threshold")  # in the legends, beside the runs
VIEWS = {
    "scores": "Scores and mistakes",
    "survey": "In your survey",
    "lenses": "Which lenses",
    "audits": "Audits and nuisance",
}


def show_scores(
    ws: Workspace,
    run: Run,
    evaluation: Evaluation,
    others: Sequence[Evaluation],
) -> None:
    """Show one view of what follows from the scores of a run, at one threshold for all of them.

    Another threshold or view draws these alone anew, not the page.
    """
    st.fragment(_show_at_threshold)(ws, run, evaluation, others)


def _show_at_threshold(ws: Workspace, run: Run, evaluation: Evaluation, others: Sequence[Evaluation]) -> None:
    with asking_once(), errors_shown():
        threshold = choose_threshold(evaluation, of_table=run.is_external)
        warn_of_chance([evaluation, *others])
        row = st.container(horizontal=True, vertical_alignment="center", key="evaluate-views")
        below = st.container()
        with row:
            view, survey = choose_view(VIEWS, key="evaluate-view", said_in=below), None
            say_what_it_gives(evaluation, threshold, lambda: why_low_scores(ws, run))
        if view == "scores":
            _show_figures(ws, run, [evaluation, *others], threshold=threshold)
        elif view == "survey":
            survey = show_survey(ws, run, evaluation, threshold=threshold)
            show_calibration(ws, run, evaluation)
            show_vetoes(ws, evaluation, threshold=threshold)
        elif view == "lenses":
            show_subgroups(ws, evaluation, threshold=threshold)
            show_completeness(ws, run, evaluation, threshold=threshold)
        else:
            show_audit(ws, run)
            show_nuisances(ws, evaluation, threshold=threshold)
        offer_reports(ws, evaluation, threshold=threshold, survey=survey)


def _show_figures(ws: Workspace, run: Run, evaluations: Sequence[Evaluation], *, threshold: float) -> None:
    """Show curves, figures of merit and mistakes of the first run, with the others laid over its curves."""
    evaluation = evaluations[0]
    axis = evaluation.score_axis
    names = [one.run for one in evaluations]
    colours = colours_of_runs(ws, names, figures.line_colours())
    dashes = [figures.DASHES[place] for place in dashes_of_runs(ws, names)]
    left, right = st.columns(2)
    with left:
        _show_roc(evaluations, threshold=threshold, colours=colours, dashes=dashes)
    with right:
        _show_confusion(evaluation, threshold=threshold, named=len(evaluations) > 1)
    _show_merits(evaluations, threshold=threshold)
    show_second_test(ws, evaluation)
    show_mistakes(ws, run, evaluation, threshold=threshold)
    left, right = st.columns(2)
    with left:
        _show_precision_recall(evaluations, threshold=threshold, colours=colours, dashes=dashes)
    with right:
        curves = service.threshold_columns(evaluation)
        figures.show_figure(
            draw.threshold_figure(curves, threshold=threshold, axis=axis, colours=figures.line_colours()),
            title="Purity and completeness by threshold",
            caption=f"{_caption(evaluation)}; shaded: 95\u00a0% (Wilson{evaluation.objects_once})",
            csv=lambda: figures.csv_text(curves),
            key="evaluate-threshold-curve",
            moves=line_moves(axis),
        )
    with st.expander("Distribution of scores, scatter under rotation"):
        _show_scores_themselves(run, evaluation, threshold=threshold)


def _show_scores_themselves(run: Run, evaluation: Evaluation, *, threshold: float) -> None:
    """Show how scores of both classes are distributed, and how far they change under rotation."""
    left, right = st.columns(2)
    with left:
        bins = service.score_histogram(evaluation)
        figures.show_figure(
            draw.score_figure(bins, threshold=threshold, axis=evaluation.score_axis),
            title="Scores of lenses and non-lenses",
            caption=_caption(evaluation),
            csv=lambda: draw.score_histogram_csv(bins),
            key="evaluate-scores",
            moves=line_moves(evaluation.score_axis),
        )
    with right:
        _show_rotations(run, evaluation)


def _show_merits(evaluations: Sequence[Evaluation], *, threshold: float) -> None:
    first, *others = evaluations
    compared = f"; p: of no difference from {first.run} on the same cutouts" if others else ""
    show_table(
        merit_table(evaluations, threshold=threshold),
        title="Figures of merit",
        caption=f"{first.part} part; in brackets: 95 % limits, {first.limits_by}; accuracy, purity and "
        f"completeness at {at_least(threshold)}{compared}. "
        "TPR0, TPR10: completeness with no, and with fewer than ten, false positives.",
        terms={},
        meaning="\n".join(f"- **{name}**: {text}" for name, text in TERMS.items()),
        digits=3,
        file_name="figures",
        key="evaluate-figures",
    )
    for evaluation in evaluations:
        for remark in evaluation.figures_at(0.5).remarks:
            st.caption(f":material/info: **{plain(evaluation.run)}**: {remark}")


def _caption(evaluation: Evaluation) -> str:
    counts = evaluation.counts
    return f"{evaluation.part} part: n = {number(counts.n)}, {number(counts.n_positive)} of them lenses"


def _show_roc(
    evaluations: Sequence[Evaluation], *, threshold: float, colours: Sequence[str], dashes: Sequence[str]
) -> None:
    first = evaluations[0]
    columns = {one.run: service.roc_columns(one) for one in evaluations}
    confusion = first.figures_at(threshold).confusion
    kept_linear = kept("linear", switch(), default=False, key=LINEAR)
    floor = None if st.session_state[LINEAR] else draw.smallest_rate(first.counts.n_negative)
    figures.show_figure(
        draw.roc_figure(
            columns,
            colours=colours,
            dashes=dashes,
            point=(confusion.false_positive_rate, confusion.completeness),
            bands={first.run: first.roc_band},
            smallest=floor,
            areas={one.run: one.intervals["auroc"] for one in evaluations[:MOST_AREAS]},
        ),
        title="Completeness by false positives (ROC)",
        caption=f"{_caption(first)}; band: 95\u00a0% by resampling",
        csv=lambda: figures.csv_text(columns[first.run]),
        key="evaluate-roc",
        moves=roc_moves(first, floor=floor or 0.0),
        height=360 + figures.legend_height([*columns, *OTHER_MARKS]),
    )
    st.toggle(
        "Linear false positive rate",
        **kept_linear,
        help="Searches live at rates of 1e-4 to 1e-2, which only a logarithmic axis shows; the dotted "
        "line marks one false positive, the lowest rate that this part measures; left of it completeness "
        "without any is drawn.",
    )


def _show_confusion(evaluation: Evaluation, *, threshold: float, named: bool) -> None:
    """Show the confusion matrix of a run, named where curves of others stand beside it."""
    whose = f" of {evaluation.run}" if named else ""
    confusion = evaluation.figures_at(threshold).confusion
    cells: dict[str, object] = {
        "outcome": ["tp", "fp", "fn", "tn"],
        "cutouts": [confusion.tp, confusion.fp, confusion.fn, confusion.tn],
    }
    figures.show_figure(
        draw.confusion_figure(confusion, colours=figures.class_colours(), ink=figures.ink()),
        title=f"Truth against decision{whose}",
        caption=f"{evaluation.part} part: n = {number(evaluation.counts.n)}, at {at_least(threshold)}; "
        "shares of the true class",
        csv=lambda: figures.csv_text(cells),
        key="evaluate-confusion",
        moves=confusion_moves(evaluation),
        height=400,
    )


def _show_precision_recall(
    evaluations: Sequence[Evaluation], *, threshold: float, colours: Sequence[str], dashes: Sequence[str]
) -> None:
    first = evaluations[0]
    columns = {one.run: service.precision_recall_columns(one) for one in evaluations}
    confusion = first.figures_at(threshold).confusion
    figures.show_figure(
        draw.precision_recall_figure(
            columns,
            colours=colours,
            dashes=dashes,
            point=None if confusion.purity is None else (confusion.completeness, confusion.purity),
            share=first.counts.n_positive / first.counts.n,
            bands={first.run: first.purity_band},
        ),
        title="Purity against completeness",
        caption=f"{_caption(first)}; precision–recall, band: 95\u00a0% by resampling; dotted: all accepted",
        csv=lambda: figures.csv_text(columns[first.run]),
        key="evaluate-pr",
        moves=precision_recall_moves(first),
        height=310 + figures.legend_height([*columns, OTHER_MARKS[-1]]),
    )


def _show_rotations(run: Run, evaluation: Evaluation) -> None:
    if run.is_external:
        st.info("The run has no network: the score under rotations cannot be measured.")
        return
    columns = service.rotation_columns(evaluation)
    if columns is None:
        st.info("The cutouts are not square: the score under rotations is not measured.")
        return
    if service.keeps_scores_when_turned(evaluation):
        st.info(
            "Scatter of the score when the image is rotated by 90°: 0.0000. The network gives each cutout "
            "the same score in all four orientations, up to rounding."
        )
        return
    mean = float(columns["std"].mean())
    figures.show_figure(
        draw.rotation_figure(columns, axis=evaluation.score_axis, colours=figures.class_colours()),
        title="Scatter of the score under rotation",
        caption=f"{_caption(evaluation)}; each in four orientations, mean {mean:.4f}",
        csv=lambda: figures.csv_text(columns),
        key="evaluate-rotation",
    )


def show_classes(evaluation: Evaluation) -> None:
    """Show the ROC of each class, the confusion matrix and the figures of each class."""
    measured, part, classes = evaluation.class_figures, evaluation.part, evaluation.classes
    st.markdown(
        f"**{100 * measured.accuracy:.1f} %** of the cutouts get their class · balanced over the classes "
        f"**{100 * measured.balanced_accuracy:.1f} %** · mean AUROC **{number(measured.macro_auroc)}** · "
        f"mean cross-entropy {number(measured.log_loss)}",
        help="Accuracy, mean completeness of the classes, mean area of each class against the rest, and mean "
        "of −ln of the probability of the true class.",
    )
    left, right = st.columns(2)
    with left:
        curves = evaluation.class_curves()
        tables = [pd.DataFrame(columns).assign(**{"class": name}) for name, columns in curves.items()]
        figures.show_figure(
            draw.roc_figure(curves, colours=figures.line_colours()),
            title="ROC of each class against the rest",
            caption=f"{part} part: n = {number(measured.n)} in {len(curves)} classes",
            csv=lambda: str(pd.concat(tables).to_csv(index=False)),
            key="evaluate-class-roc",
            height=CLASS_HEIGHT,
        )
    with right:
        confusion = pd.DataFrame(measured.confusion, index=classes, columns=classes)
        figures.show_figure(
            draw.class_confusion_figure(
                measured.confusion, classes, colour=figures.line_colours()[0], ink=figures.ink()
            ),
            title="True class against the most probable one",
            caption=f"{part} part: n = {number(measured.n)}; tint: share of the true class",
            csv=lambda: str(confusion.to_csv(index_label="truth")),
            key="evaluate-class-confusion",
            height=CLASS_HEIGHT,
        )
    show_table(
        class_table(measured),
        title="Figures of each class",
        caption=f"{part} part: n = {number(measured.n)}; the predicted class is the most probable one.",
        terms=CLASS_TERMS,
        digits=4,
        file_name="classes",
        key="evaluate-class-table",
    )
