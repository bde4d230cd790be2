"""The page that scores a source with a run, and hands the best candidates to the inspectors."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator

from lensapp.core.errors import LensAppError
from lensapp.core.evaluate.score_axis import at_least
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.core.numerals import score_text
from lensapp.core.train.tasks import target_symbol
from lensapp.services.data.sources import lens_share, only_lenses, ready_sources
from lensapp.services.evaluate.calibrations import calibrated_by_id
from lensapp.services.evaluate.evaluation import Evaluation, load_evaluation, task_of, usual_threshold
from lensapp.services.evaluate.expectations import LEAST_GALAXIES
from lensapp.services.evaluate.seen_pictures import part_seen, size_where_cropped
from lensapp.services.imported_tables import why_not_measured
from lensapp.services.inspect.queues import create_review, feedback_warning
from lensapp.services.inspect.vote_log import graded_candidates
from lensapp.services.score.estimates import load_estimates
from lensapp.services.score.other_runs import other_run
from lensapp.services.score.scores import (
    Scored,
    among_scored,
    count_at_least,
    filtered,
    histogram,
    learned_cutouts,
    leaving_out,
    load_scored,
    name_for_best,
)
from lensapp.services.score.sources_to_score import to_score
from lensapp.services.survey_plans import graded_lenses
from lensapp.services.train import runs
from lensapp.services.train.best_epochs import no_better_than_chance
from lensapp.services.train.low_scores import why_low_scores
from lensapp.services.train.starter import STARTER_NAME, is_starter
from lensapp.storage.records import Cutout, Run, Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.chance import warn_of_chance
from lensapp.ui.evaluate.compare.other_run import show_other_run
from lensapp.ui.evaluate.cutout_sheet import show_cutouts
from lensapp.ui.evaluate.evaluation_figures import score_histogram_csv
from lensapp.ui.evaluate.survey_view import Reached, show_survey_numbers
from lensapp.ui.evaluate.threshold import current_threshold
from lensapp.ui.score.estimates import offer_probabilities, show_estimates
from lensapp.ui.score.permissions import ask_permissions
from lensapp.ui.score.recall import show_recall
from lensapp.ui.score.score_example import show_example
from lensapp.ui.score.score_figure import scored_figure
from lensapp.ui.score.score_import import show_score_import
from lensapp.ui.score.source_check import show_source_check
from lensapp.ui.score.starter import choose_run, offer_starter, show_starter_card
from lensapp.ui.shared import figures
from lensapp.ui.shared.address import any_whole, kept, switch, text
from lensapp.ui.shared.filters import ask_filter, filter_fold
from lensapp.ui.shared.job_controls import start_button, watch_job
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_head import lead_to_cutouts, page_head
from lensapp.ui.shared.scores import MEANING_OF_P, USUAL_THRESHOLD, hint_at_low_scores, scores_text
from lensapp.ui.shared.state import choose, get_workspace, go, selected
from lensapp.ui.shared.widgets import (
    counted,
    empty_state,
    errors_shown,
    heading,
    number,
    number_within,
)

ICON = ":material/stacked_bar_chart:"
TOP, BEST_SIDE = 20, 96  # pixels of a picture: four rows at 1280 px, as tall as the histogram
DEFAULT_REVIEW = 100
LEARNED_MARK = " †"


def show_score_page() -> None:
    """Show the scores of a source by a run, or offer to compute them."""
    ws = get_workspace()
    page_head("Score", step="secondary")  # its own button is the coloured one
    statuses = [status for status in runs.list_statuses(ws) if runs.is_scored(ws, status.run)]
    trained = [status.run for status in statuses]
    imported = ready_sources(ws)
    if not imported or not (trained or selected("run") == STARTER_NAME):
        _show_nothing(ws, imported)
        return
    left, right = st.columns(2)
    with left:
        run = choose_run(ws, trained, imported, under_way={one.name for one in statuses if one.active})
    with right:
        source = _choose_source(ws, run, imported)
    if is_starter(run):
        show_starter_card()
    show_other_run(other_run(ws, run, source, trained))
    busy = watch_job(ws, "score", run=run.name, source=source.name)
    _show_fit(ws, run, source)
    task = task_of(ws, run)
    _warn_of_chance(ws, run)
    scored = load_scored(ws, run=run, source=source)
    learned = np.zeros(0, np.int64) if run.is_external else learned_cutouts(ws, run=run, source=source)
    show_source_check(ws, run, source, scored=bool(len(scored)), learned=len(learned))
    if not task.scores_candidates:
        values = ", ".join(map(target_symbol, task.targets))
        st.info(
            f"{plain(run.name)} estimates {plain(values)}; it gives no score, so there is no order "
            "to review by. Choose a run that scores to find candidates.",
            icon=":material/straighten:",
        )
        estimates = load_estimates(ws, run=run, source=source)
        if not busy:
            _offer(ws, run, source, verb="Estimate", done=len(estimates), total=scored.total)
        if len(estimates):
            show_estimates(ws, run, source, estimates)
    elif not runs.has_network(ws, run):
        what = f"{number(len(scored))} of {counted(scored.total, 'cutout')} scored"
        st.caption(f"{what} in the table of {plain(run.name)}, which has no network.")
    elif not busy:
        _offer(ws, run, source, verb="Score", done=len(scored), total=scored.total)
    if task.scores_candidates and len(scored):
        _show_scores(ws, run, source, scored, learned=learned, with_classes=task.kind == "classes")
    show_score_import(ws, imported)


def _show_fit(ws: Workspace, run: Run, source: Source) -> None:
    """Say what a run sees of the cutouts, as when it was allowed to, and warn of what cannot be compared."""
    seen = part_seen(ws, run, source)
    for sentence in runs.fit_warnings(ws, run, source):
        if sentence == seen:
            st.info(plain(sentence), icon=":material/crop:")
        else:
            st.warning(plain(sentence), icon=":material/straighten:")


def _warn_of_chance(ws: Workspace, run: Run) -> None:
    """Warn where a run orders its test part no better than chance, or else its validation part."""
    evaluation = _evaluation_of(ws, run)
    if evaluation is not None:
        warn_of_chance([evaluation])
    elif told := no_better_than_chance(run):
        st.warning(plain(told), icon=":material/warning:")


def _choose_source(ws: Workspace, run: Run, imported: Sequence[Source]) -> Source:
    offered = to_score(ws, run, imported)
    name = choose(
        "source",
        list(offered.remarks),
        label="Source",
        help_text="Sources that fit the network come first, unlabelled ones before others; the rest say "
        "what differs.",
        remarks=offered.remarks,
        avoided=offered.passed_over,
    )
    return next(source for source in imported if source.name == name)


def _show_scores(
    ws: Workspace,
    run: Run,
    source: Source,
    scored: Scored,
    *,
    learned: NDArray[np.int64],
    with_classes: bool,
) -> None:
    """Show the way to a review, the histogram and the best candidates, of those that fulfil a filter."""
    so_far = None
    if runs.has_network(ws, run) and not scored.complete:
        so_far = f"{number(len(scored))} of {number(scored.total)} cutouts are scored."
    filters, row = st.container(), st.container(horizontal=True, gap="medium", key="score-leaves-out")
    with filters:
        chosen = _choose_scored(ws, run, source, scored, learned=len(learned), row=row)
    if chosen is None:
        return
    everything, (scored, limits) = scored, chosen
    with row:
        asked = _choose_ungraded(ws, run, source, scored, limits)
    evaluation = _evaluation_of(ws, run)
    usual = USUAL_THRESHOLD if evaluation is None else usual_threshold(evaluation)[0]
    highest, threshold = float(scored.scores[0]), current_threshold(run.name, usual)
    best = _show_review_row(ws, run, source, asked, limits=limits, so_far=so_far)
    left, right = st.columns([3, 4], gap="medium")
    with left:
        seen = 0 if limits["unlearned"] else len(learned)
        lowest = float(asked.scores[min(best, len(asked.scores)) - 1])
        marked = _marked_words(best, of=len(scored), left_out=len(scored) - len(asked))
        _show_histogram(
            ws, run, source, scored, learned=seen, best=(best, lowest), marked=marked,
            threshold=threshold, measured=evaluation is not None,
        )  # fmt: skip
        show_recall(ws, run, source, threshold=threshold)
        if with_classes:
            offer_probabilities(ws, run, source)
    with right:
        _show_best(ws, run, source, asked, learned=learned, ungraded=len(asked) < len(scored))
    if highest < USUAL_THRESHOLD:
        hint_at_low_scores(
            f"No score reaches {USUAL_THRESHOLD:g}: the highest is {score_text(highest)}.",
            why_low_scores(ws, run),
        )
    _show_survey(ws, run, source, everything, evaluation, threshold=threshold)


def _show_survey(
    ws: Workspace,
    run: Run,
    source: Source,
    scored: Scored,
    evaluation: Evaluation | None,
    *,
    threshold: float,
) -> None:
    """Show what the scores give in a survey, or how that comes to be known."""
    if only_lenses(ws, source):
        st.subheader("Your survey, in numbers")
        st.caption(
            f"Every labelled cutout of {plain(source.name)} is a lens: this is not a survey, so its size "
            "and its share of lenses tell nothing about one. Choose a survey, or see Evaluate, *In "
            "your survey*."
        )
    elif evaluation is not None:
        reach = partial(count_at_least, ws, scored, run=run, source=source)
        ends = np.nanmax(evaluation.scores)  # of single precision: the next number is the next of that
        show_survey_numbers(
            ws,
            evaluation,
            threshold=threshold,
            galaxies=scored.total if scored.total >= LEAST_GALAXIES else None,
            lens_share=lens_share(ws, source, of_at_least=LEAST_GALAXIES),
            graded=graded_lenses(ws, [source]),
            reached=Reached(
                at_threshold=reach(threshold=threshold),
                beyond=reach(threshold=float(np.nextafter(ends, np.float32(2)))),
                highest=float(scored.scores[0]),
                part_ends=float(ends),
            ),
        )
    elif why := why_not_measured(ws, run):
        st.subheader("Your survey, in numbers")
        st.caption(plain(why))
    elif not is_starter(run):
        st.subheader("Your survey, in numbers")
        st.caption(
            "Purity, completeness, candidates and the time of inspectors in a survey of this size appear "
            "here once the run is evaluated on its test part."
        )
        if st.button("Evaluate it", icon=":material/query_stats:", key="score-to-evaluate"):
            go("evaluate", run=run.name)


def _evaluation_of(ws: Workspace, run: Run) -> Evaluation | None:
    """Return what a run scored on its test part; None where it was not evaluated or gives no score."""
    try:
        evaluation = load_evaluation(ws, run.name)
    except LensAppError:
        return None
    return evaluation if isinstance(evaluation, Evaluation) else None


def _choose_scored(
    ws: Workspace, run: Run, source: Source, scored: Scored, *, learned: int, row: DeltaGenerator
) -> tuple[Scored, dict[str, Any]] | None:
    """Ask for a filter and what is left out; return what is left and its limits in a review, None of none."""
    with filter_fold():
        where, usable = ask_filter(ws, [source], key=f"score-filter-{source.name}", known=["score"])
    if not usable:
        return None
    most_learned = learned > scored.total / 2 and scored.total - learned >= DEFAULT_REVIEW
    unseen = bool(learned) and row.toggle(
        f"Leave out the {number(learned)} of {number(scored.total)} that the network learned from",
        help="Scores of its training and validation parts look better than they are: it has seen the "
        "answers. On at first where it learned from most of a source and enough others are left to review.",
        **kept("unlearned", switch(), default=most_learned, key="score-unlearned"),
    )
    with errors_shown():
        if where is not None or unseen:
            scored = filtered(ws, run, source, scored, where, unlearned=unseen)
        if len(scored):
            return scored, {"where": where, "unlearned": unseen}
        st.info("No scored cutout is left. Widen the filter.", icon=":material/filter_alt:")
    return None


def _choose_ungraded(
    ws: Workspace, run: Run, source: Source, scored: Scored, limits: dict[str, Any]
) -> Scored:
    """Ask whether what is graded already is left out; return what a review will hold, and note its limit."""
    graded = among_scored(ws, run, source, scored, graded_candidates(ws), where=limits["where"])
    if limits["unlearned"]:
        graded = np.setdiff1d(graded, learned_cutouts(ws, run=run, source=source))
    limits["ungraded"] = len(graded) < len(scored)
    if not len(graded):
        return scored
    if not limits["ungraded"]:
        all_of_them = "The one scored cutout is" if len(scored) == 1 else f"All {number(len(scored))} are"
        st.caption(f":material/replay: {all_of_them} graded already; a review shows them again.")
        return scored
    limits["ungraded"] = st.toggle(
        f"Leave out the {number(len(graded))} of {number(len(scored))} that are graded already",
        help="By anybody, in any review. A review holds what is counted and shown here.",
        **kept("ungraded", switch(), default=True, key="score-ungraded"),
    )
    return leaving_out(ws, run, source, scored, graded) if limits["ungraded"] else scored


def _marked_words(best: int, *, of: int, left_out: int) -> str:
    """Return what the shade of the histogram marks."""
    if best == of:
        return "all are asked for above"
    marked = "the best" if best == 1 else f"the {number(best)} best"
    if left_out:
        return f"shaded: the scores of {marked}, asked for above, without the {number(left_out)} graded"
    return f"shaded: {marked}, asked for above"


def _show_histogram(
    ws: Workspace,
    run: Run,
    source: Source,
    scored: Scored,
    *,
    threshold: float,
    measured: bool,
    learned: int,
    best: tuple[int, float],
    marked: str,
) -> None:
    """Show how scores are spread, which reach the threshold, of Evaluate where `measured`, and the `best`."""
    columns = histogram(scored)
    above = count_at_least(ws, scored, run=run, source=source, threshold=threshold)
    whose = ", the threshold of Evaluate" if measured else ""
    seen = f"; {number(learned)} of {number(scored.total)} were trained or validated on" if learned else ""
    figures.show_figure(
        scored_figure(
            columns,
            threshold=threshold,
            axis=scored.score_axis,
            reached=above,
            best=best,
            colours=figures.line_colours(),
        ),
        title=f"Scores of {source.name}",
        caption=f"n = {number(len(scored))} by {run.name}; {number(above)} at "
        f"{at_least(threshold)}{whose}{seen}; {marked}",
        csv=partial(score_histogram_csv, columns),
        key="score-histogram",
        height=470,  # about as tall as the pictures beside it
    )


def _show_nothing(ws: Workspace, imported: list[Source]) -> None:
    box = empty_state(
        "Nothing can be scored yet",
        "The scores of every cutout of a source, their histogram and the best candidates will appear "
        "here. " + ("Train a network first." if imported else "Import a source first."),
        icon=ICON,
    )
    if not imported:
        lead_to_cutouts(box, key="score-to-cutouts")
    elif box.button("Train a network", type="primary", icon=":material/arrow_forward:", key="score-first"):
        go("train")
    if imported:
        offer_starter()
    show_example()
    if imported:
        show_score_import(ws, imported)


def _offer(ws: Workspace, run: Run, source: Source, *, verb: str, done: int, total: int) -> None:
    """Offer to score, or to estimate the values of, the cutouts of a source where that is not done."""
    if done >= total > 0:
        return
    allowed = ask_permissions(ws, run, source, verb="Score")
    if allowed is None:
        return
    participle = {"Score": "scored", "Estimate": "estimated"}[verb]
    if done:
        box = st.container()
        box.info(f"{number(done)} of {counted(total, 'cutout')} {participle}.")
    else:
        box = empty_state(
            f"{source.name} has not been {participle} with {run.name}",
            f"It has {counted(total, 'cutout')} in {', '.join(source.bands)}.",
            icon=ICON,
        )
    with box:
        label = f"{verb} the rest" if done else verb
        start_button(
            label,
            start=runs.start_scoring,
            ws=ws,
            run_name=run.name,
            source_name=source.name,
            **allowed,
        )


def _show_review_row(
    ws: Workspace, run: Run, source: Source, scored: Scored, *, limits: dict[str, Any], so_far: str | None
) -> int:
    """Offer a review of the best in one row; return of how many.

    `so_far` says how many are scored where more are to come.
    """
    if so_far:
        st.caption(so_far)
    if warning := feedback_warning(ws, run_name=run.name, source_name=source.name):
        st.warning(plain(warning), icon=":material/replay:")
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="score-review-row")
    below, most = st.container(), len(scored)
    with row:
        limit = number_within(
            "Candidates to review",
            1,
            most,
            said_in=below,
            step=1,
            help=f"Best first: 1 to {number(most)}.",
            **kept("top", any_whole(), min(DEFAULT_REVIEW, most), key="score-review-size"),
            width=190,
        )
        suggestion = name_for_best(ws, source, limit=limit)
        typed = st.text_input(
            "Name of the review",
            placeholder=suggestion,
            **kept("name", text(), "", key="score-review-name"),
        )
        wanted = st.button(
            f"Review the {'best' if limit == 1 else f'top {number(limit)}'}{' so far' if so_far else ''}",
            type="primary" if limits["ungraded"] else "secondary",  # else it shows graded ones again
            icon=":material/grid_view:",
            key="score-review",
        )
        if st.button(
            "Train on its mistakes",
            icon=":material/gpp_bad:",
            key="score-negatives",
            help="Adds the known non-lenses with the highest scores to the next dataset version: those that "
            "are labelled so, or graded X.",
        ):
            view = {"view": "feed-back", "of": "negatives"}
            go("catalogue", view=view, source=source.name, run=run.name)
    if wanted:
        spec = ReviewSpec(order="score", limit=limit, **limits)
        name = typed.strip() or suggestion
        with errors_shown():
            review = create_review(ws, name=name, source_name=source.name, run_name=run.name, spec=spec)
            go("inspect", review=review.name)
    return limit


def _show_best(
    ws: Workspace,
    run: Run,
    source: Source,
    scored: Scored,
    *,
    learned: NDArray[np.int64],
    ungraded: bool,
) -> None:
    ids = scored.cutout_ids[:TOP].tolist()
    scores = dict(zip(ids, scored.scores[:TOP].tolist(), strict=True))

    probabilities = calibrated_by_id(ws, run, scores)

    seen = set(np.intersect1d(ids, learned).tolist())

    def caption_of(cutout: Cutout) -> str:
        mark = LEARNED_MARK if cutout.id in seen else ""
        return f"{scores_text(scores[cutout.id], probabilities.get(cutout.id))}{mark}\n{cutout.candidate_id}"

    what = " that are not graded" if ungraded and len(ids) > 1 else ""
    heading("The highest score" if len(ids) == 1 else f"The {len(ids)} highest scores{what}")
    show_cutouts(
        ws,
        ids,
        limit=TOP,
        caption_of=caption_of,
        review_name=None,
        run_name=run.name,
        key="score-top",
        smallest=BEST_SIDE,
    )
    frame = (
        "Frame: what the network saw (⇧ M in the large view hides it). "
        if size_where_cropped(ws, run, ids)
        else ""
    )
    meaning = f"{MEANING_OF_P} " if probabilities else ""
    marked = f"{LEARNED_MARK.strip()}: the network learned from it." if seen else ""
    if frame or meaning or marked:
        st.caption(f"{frame}{meaning}{marked}")
