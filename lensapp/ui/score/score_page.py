"""The page that scores a source with a run, and hands the best candidates to the inspectors."""

from functools import partial

import numpy as np
import streamlit as st

from lensapp.core.errors import LensAppError
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.evaluate.evaluation import task_of
from lensapp.services.inspect.queues import create_review, review_of_cutouts
from lensapp.services.score.scores import Scored, histogram, load_scored
from lensapp.services.train import runs
from lensapp.storage import reviews, sources
from lensapp.storage.records import Run, Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.evaluation_figures import score_figure, score_histogram_csv
from lensapp.ui.evaluate.threshold import current_threshold
from lensapp.ui.score import estimates, recall
from lensapp.ui.shared import figures
from lensapp.ui.shared.job_controls import start_button, watch_job
from lensapp.ui.shared.pictures import pickable_sheet, read_pictures
from lensapp.ui.shared.state import choose, get_workspace, go
from lensapp.ui.shared.widgets import empty_state, error_box, number

TOP = 24
DEFAULT_REVIEW = 100


def show() -> None:
    """Show the page."""
    ws = get_workspace()
    st.title("Score")
    trained = [status.run for status in runs.list_statuses(ws) if runs.has_network(ws, status.run)]
    ready = [source for source in sources.list_sources(ws.database) if source.state == "ready"]
    if not trained or not ready:
        _not_yet(has_run=bool(trained))
        return
    left, right = st.columns(2)
    with left:
        run_name = choose("run", [run.name for run in trained], label="Run")
    run = next(run for run in trained if run.name == run_name)
    with right:
        names = [source.name for source in runs.fitting_first(ws, run, ready)]
        source_name = choose("source", names, label="Source")
    source = next(source for source in ready if source.name == source_name)
    busy = watch_job(ws, "score", run=run.name, source=source.name)
    if not task_of(ws, run).scores_candidates:
        estimates.show(ws, run, source, busy=busy)
        return
    found = load_scored(ws, run=run, source=source)
    if not busy:
        _offer_scoring(ws, run, source, found)
    if len(found.scores):
        _show_scores(ws, run, source, found)


def _not_yet(*, has_run: bool) -> None:
    box = empty_state(
        "Nothing can be scored yet",
        "The scores of every cutout of a source, their histogram and the 24 best candidates will appear "
        f"here. {'Import a source first.' if has_run else 'Train a network first.'}",
        icon=":material/stacked_bar_chart:",
    )
    label, page = ("Import cutouts", "data") if has_run else ("Train a network", "train")
    if box.button(label, type="primary", icon=":material/arrow_forward:", key="score-first"):
        go(page)


def _offer_scoring(ws: Workspace, run: Run, source: Source, found: Scored) -> None:
    if found.complete and found.total:
        return
    try:
        runs.check_source_fits(ws, run, source)
    except LensAppError as error:
        error_box(error)
        return
    if len(found.scores):
        st.info(f"{number(len(found.scores))} of {number(found.total)} cutouts are scored.")
        start_button(
            "Score the rest", start=runs.start_scoring, ws=ws, run_name=run.name, source_name=source.name
        )
        return
    box = empty_state(
        f"{source.name} has not been scored with {run.name}",
        f"{number(found.total)} cutouts with the bands {', '.join(source.bands)} fit this network.",
        icon=":material/stacked_bar_chart:",
    )
    with box:
        start_button("Score", start=runs.start_scoring, ws=ws, run_name=run.name, source_name=source.name)


def _show_scores(ws: Workspace, run: Run, source: Source, found: Scored) -> None:
    left, right = st.columns([3, 4], gap="medium")
    with left:
        _histogram(run, source, found)
        recall.show(ws, run, source, threshold=current_threshold())
        _review_form(ws, run, source, found)
        estimates.offer_probabilities(ws, run, source)
    with right:
        _top(ws, run, source, found)


def _histogram(run: Run, source: Source, found: Scored) -> None:
    columns = histogram(found)
    threshold = current_threshold()
    above = int(np.count_nonzero(found.scores >= threshold))
    figures.show(
        score_figure(columns, threshold=threshold),
        title=f"Scores of {source.name}",
        caption=f"n = {number(len(found.scores))} by {run.name}; {number(above)} at score ≥ {threshold:.3g}",
        csv=partial(score_histogram_csv, columns),
        key="score-histogram",
        height=360,
    )


def _review_form(ws: Workspace, run: Run, source: Source, found: Scored) -> None:
    with st.container(border=True):
        st.markdown("**Review the best**")
        left, right = st.columns(2)
        with left:
            most = len(found.scores)
            limit = st.number_input(
                "Candidates", 1, most, min(DEFAULT_REVIEW, most), key="score-review-size", help="Best first."
            )
        taken = {review.name for review in reviews.list_reviews(ws.database)}
        suggestion = _free_name(f"{source.name}-top-{limit}", taken)
        with right:
            typed = st.text_input("Name of the review", placeholder=suggestion, key="score-review-name")
        if st.button(
            f"Review the top {limit}", type="primary", icon=":material/grid_view:", key="score-review"
        ):
            _open_review(ws, run, source, limit=int(limit), name=typed.strip() or suggestion)


def _free_name(name: str, taken: set[str]) -> str:
    number_ = 1
    chosen = name
    while chosen in taken:
        number_ += 1
        chosen = f"{name}-{number_}"
    return chosen


def _open_review(ws: Workspace, run: Run, source: Source, *, limit: int, name: str) -> None:
    spec = ReviewSpec(order="score", limit=limit)
    try:
        review = create_review(ws, name=name, source_name=source.name, run_name=run.name, spec=spec)
    except LensAppError as error:
        error_box(error)
        return
    go("inspect", review=review.name)


def _top(ws: Workspace, run: Run, source: Source, found: Scored) -> None:
    st.markdown(f"**The {min(TOP, len(found.scores))} highest scores**")
    ids = found.cutout_ids[:TOP].tolist()
    cutouts, pictures = read_pictures(source, ids)
    scores = dict(zip(ids, found.scores[:TOP].tolist(), strict=True))
    pickable_sheet(
        pictures,
        captions=[f"{scores[cutout.id]:.4f}" for cutout in cutouts],
        names=[cutout.candidate_id for cutout in cutouts],
        on_pick=partial(_inspect, ws, run, source, ids),
        key="score-top",
    )
    st.caption("Click one to inspect it.")


def _inspect(ws: Workspace, run: Run, source: Source, ids: list[int], index: int) -> None:
    order = [*ids[index:], *ids[:index]]
    name = f"{source.name}-{run.name}-best"
    go("inspect", review=review_of_cutouts(ws, name=name, cutout_ids=order, run_name=run.name).name)
