"""The form of a new review: what is shown, blind tests, who votes and how."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from lensapp.core.acting import mode
from lensapp.core.errors import LensAppError, NotFound
from lensapp.core.inspect.review_orders import FREE_ORDERS
from lensapp.core.inspect.review_spec import ORDER_LABELS, ReviewSpec
from lensapp.services.access.people import accounts_that_vote
from lensapp.services.data.filters import catalogue_columns
from lensapp.services.data.sources import count_cutouts, ready_sources
from lensapp.services.inspect.acquisition import DEFAULT_PASSES, has_bald, runs_that_scored, start_bald
from lensapp.services.inspect.blind_tests import unmatched_warning
from lensapp.services.inspect.consensus import retirement_doubt
from lensapp.services.inspect.queues import create_review, feedback_warning, free_review_name
from lensapp.services.score.scores import scored_so_far
from lensapp.services.score.sources_to_score import score_refusal
from lensapp.services.train.job_control import WAITING_STATES, latest_job
from lensapp.services.train.runs import start_scoring
from lensapp.storage.workspace import Workspace
from lensapp.ui.inspect.review_part import put_part
from lensapp.ui.shared import state
from lensapp.ui.shared.forms import spec_fields, validated
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.widgets import errors_shown, question

NO_RUN = "no scores"
FORM_WIDTH = 760  # pixels: wider, its few fields are far apart
DROPOUT_UNDER_WAY = (
    "The estimates are under way, as the sidebar shows; then the order *highest BALD first* can be used. "
    "Other orders need not wait."
)
NEEDED_BY_BALD = (
    "The order *highest BALD first* needs every candidate estimated several times; the other orders do not."
)
ACTIVE_FIELDS = ("committee", "batch", "pool", "positives")
SCORE_LIMITS = ("min_score", "max_score")  # side by side
TICKS = ("unlearned", "ungraded", "blind")
SCORE_FIELDS = ("min_score", "max_score", "uncertain_score", "unlearned", "blind")
TEST_FIELDS = ("calibrators", "dud_share", "smallest_radius_arcsec", "repeats", "feedback")
RETIRE_FIELDS = ("retire", "retire_prior", "retire_above", "retire_below")
# How many, and by whom; which source and run stand above. All else is folded.
ASKED_FIRST = ("limit", "inspectors")
PEOPLE_FIELDS = ("overlap", "common", "blind_to_others", "grades", "own_grades", "contaminants", "feeds_back")
RUN_FIELDS = ("also_runs", "combine")
COLUMN_FIELDS = ("sort_by", "highest_first", "columns")
LISTED = 40
FOLDED = (
    "where",
    *COLUMN_FIELDS,
    *ACTIVE_FIELDS,
    *TEST_FIELDS,
    *RETIRE_FIELDS,
    *PEOPLE_FIELDS,
    "also_sources",
    *RUN_FIELDS,
)
SECTIONS = (
    (
        "Details of orders",
        ACTIVE_FIELDS,
        "Of the orders by committee, diversity and similarity. Diversity and similarity need the features of "
        "the run (page Features).",
    ),
    (
        "Blind tests",
        TEST_FIELDS,
        "Simulated lenses painted on real images, duds and repeated candidates measure each inspector's "
        "completeness, false positives and self-agreement (page Team). 0.1 is one per ten candidates.",
    ),
    (
        "Retirement",
        RETIRE_FIELDS,
        "Candidates that the votes have settled are no longer shown to inspectors.",
    ),
    (
        "Grades and people",
        PEOPLE_FIELDS,
        "How candidates are graded, who shares them, and what inspectors see of each other's votes.",
    ),
)


def review_form(ws: Workspace) -> None:
    """Show the form, as wide as its fields need; open the review that was made."""
    with st.container(width=FORM_WIDTH):
        _ask(ws, [source.name for source in ready_sources(ws)])


def _ask_candidates(ws: Workspace, names: list[str]) -> tuple[str, str, list[str]]:
    """Ask for the source and a run that scored it; return them and all such runs."""
    selected = state.selected("source")
    with question("Which candidates?"):
        left, right = st.columns(2)
        source = left.selectbox(
            "Source",
            names,
            index=names.index(selected) if selected in names else 0,
            key="new-review-source",
        )
        scored_by = [run.name for run in runs_that_scored(ws, source)]
        offered, wanted = [*scored_by, NO_RUN], state.selected("run")
        index = offered.index(wanted) if wanted in offered else 0
        run = right.selectbox("Scores of run", offered, index=index, key=f"new-review-run-{source}")
        if wanted is not None and wanted not in offered:
            _say_why_absent(ws, run_name=wanted, source_name=source)
        if run != NO_RUN:
            if warning := feedback_warning(ws, run_name=run, source_name=source):
                st.warning(plain(warning), icon=":material/replay:")
            if so_far := scored_so_far(ws, run_name=run, source_name=source):
                st.info(plain(so_far), icon=":material/hourglass_top:")
    return source, run, scored_by


def _ask(ws: Workspace, names: list[str]) -> None:
    source, run, scored_by = _ask_candidates(ws, names)
    with_scores = run != NO_RUN
    columns = catalogue_columns(ws, next(one for one in ready_sources(ws) if one.name == source))
    key = f"new-review-spec-{with_scores}"
    with st.form(f"new-review-{with_scores}", border=False):
        voters = [] if mode() == "alone" else [one.name for one in accounts_that_vote(ws)]
        with question("How many, graded by whom?"):
            values = spec_fields(
                ReviewSpec,
                key=f"{key}-{source}",
                values=_usual_number(ws, source),
                only=ASKED_FIRST,
                offered={"inspectors": voters},
            )
        suggested = free_review_name(ws, source)
        with question("Under which name?"):
            entered = st.text_input("Name", placeholder=suggested, key=f"new-review-name-{source}")
        with st.expander("More settings", icon=":material/tune:"):
            sections = SECTIONS if with_scores else SECTIONS[1:]  # the first is about orders by a run
            titles = ("Order and filter", "Columns", *(title for title, _, _ in sections))
            tabs = st.tabs(titles)
            with tabs[0]:
                values |= _further("also_sources", [other for other in names if other != source])
                if with_scores and len(scored_by) > 1:
                    values |= _further("also_runs", [other for other in scored_by if other != run])
                    values |= spec_fields(ReviewSpec, key="new-review", only=("combine",))
                values |= _order(ws, key, source_name=source, run_name=run if with_scores else None)
                values |= _filter(key, with_scores=with_scores)
            values |= _sections(tabs[1:], sections, key, columns=columns)
        sent = st.form_submit_button("Open review", type="primary")
    spec = validated(ReviewSpec, values) if sent else None
    if spec is None:
        return
    _open_review(ws, entered.strip() or suggested, source, run_name=run if with_scores else None, spec=spec)


def _open_review(ws: Workspace, name: str, source: str, *, run_name: str | None, spec: ReviewSpec) -> None:
    """Make a review and open it."""
    with errors_shown():
        with st.spinner("Making the queue…"):
            review = create_review(ws, name=name, source_name=source, run_name=run_name, spec=spec)
        for warning in (unmatched_warning(ws, review), retirement_doubt(ws, review)):
            if warning:
                st.toast(plain(warning), icon=":material/warning:", duration="long")
        put_part({})  # the filter of the review before may name columns that this one lacks
        state.select_review(review.name)
        st.rerun()


def _say_why_absent(ws: Workspace, *, run_name: str, source_name: str) -> None:
    """Say why a run selected elsewhere is none to choose; offer to score where it only has not scored yet."""
    try:
        refusal = score_refusal(ws, run_name=run_name, source_name=source_name)
    except NotFound:
        state.say_what_stands_in(run_name)
        return
    if refusal:
        st.caption(f":material/info: {plain(run_name)} cannot score {plain(source_name)}: {plain(refusal)}.")
        return
    job = latest_job(ws, "score", run=run_name, source=source_name)
    if job is not None and job.state in WAITING_STATES:
        st.caption(
            f":material/info: Scores of {plain(source_name)} by {plain(run_name)} are under way "
            f"({job.state}); they can be chosen here once there are any."
        )
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(
            f":material/info: {plain(run_name)} has not scored {plain(source_name)} yet.", width="content"
        )
        if st.button("Score it now", type="tertiary", icon=":material/speed:", key="new-review-score"):
            with errors_shown():
                start_scoring(ws, run_name=run_name, source_name=source_name)
                state.go("score", run=run_name, source=source_name)


def _usual_number(ws: Workspace, source_name: str) -> dict[str, Any]:
    """Return the number of candidates to begin with: all, where there are fewer than usual."""
    usual = ReviewSpec.model_fields["limit"].default
    source = next(one for one in ready_sources(ws) if one.name == source_name)
    return {"limit": None} if count_cutouts(ws, source) < usual else {}


def _offer_dropout(ws: Workspace, *, run_name: str, source_name: str) -> None:
    """Offer, within the form, what the order bald needs, unless it is there."""
    try:
        if has_bald(ws, run_name=run_name, source_name=source_name):
            return
    except LensAppError:
        return  # a run without a network, or one without dropout, has no such order
    key = f"{run_name}-{source_name}"
    last = latest_job(ws, "bald", run=run_name, source=source_name)
    if last is not None and last.state in WAITING_STATES:
        st.caption(DROPOUT_UNDER_WAY)
        return
    failed = last is not None and last.state == "failed"
    st.caption(f"{'The estimates failed, see Jobs. ' if failed else ''}{NEEDED_BY_BALD}")
    pressed = st.form_submit_button(
        "Estimate again" if failed else "Estimate them now",
        icon=":material/shuffle:",
        key=f"prepare-bald-{key}",
        help=f"Estimates {plain(source_name)} {DEFAULT_PASSES} times by {plain(run_name)} with "
        "Monte-Carlo dropout (BALD). Candidates on which the estimates disagree then come first.",
    )
    if pressed:
        with errors_shown():
            start_bald(ws, run_name=run_name, source_name=source_name)
            st.caption(DROPOUT_UNDER_WAY)


def _further(field: str, others: list[str]) -> dict[str, Any]:
    """Offer further sources or runs where there are some."""
    if not others:
        return {}
    info = ReviewSpec.model_fields[field]
    return {
        field: st.multiselect(
            str(info.title), others, key=f"new-review-{field}", help=info.description, select_all=False
        )
    }


def _order(ws: Workspace, key: str, *, source_name: str, run_name: str | None) -> dict[str, Any]:
    """Ask for the order; with scores offer beside it what one of the orders still needs."""
    if run_name is None:
        order = st.segmented_control(
            "Order",
            FREE_ORDERS,
            default="random",
            required=True,
            key="new-review-order",
            format_func=ORDER_LABELS.__getitem__,
        )
        return {"order": order}
    left, right = st.columns(2)
    with left:
        entered = spec_fields(ReviewSpec, key=key, only=("order",), columns=1)
    with right:
        _offer_dropout(ws, run_name=run_name, source_name=source_name)
    return entered


def _filter(key: str, *, with_scores: bool) -> dict[str, Any]:
    absent = () if with_scores else SCORE_FIELDS
    skip = ("order", *ASKED_FIRST, *FOLDED, *SCORE_LIMITS, *TICKS, *absent)
    entered = spec_fields(ReviewSpec, key=key, skip=skip, columns=3)
    for row, columns in ((SCORE_LIMITS, len(SCORE_LIMITS)), (TICKS, 1)):  # labels of ticks are read whole
        shown = [field for field in row if field not in absent]
        if shown:
            entered |= spec_fields(ReviewSpec, key=key, only=shown, columns=columns)
    return entered | spec_fields(ReviewSpec, key=key, only=("where",), columns=1)


def _sections(
    tabs: Sequence[st.delta_generator.DeltaGenerator],
    sections: Sequence[tuple[str, Sequence[str], str]],
    key: str,
    *,
    columns: list[str],
) -> dict[str, Any]:
    entered: dict[str, Any] = {}
    with tabs[0]:
        st.caption(
            f"{', '.join(map(plain, columns[:LISTED])) or 'This source has none'}"
            f"{', …' if len(columns) > LISTED else ''}"
        )
        entered |= spec_fields(ReviewSpec, key=key, only=COLUMN_FIELDS, offered={"columns": columns})
    for tab, (_, fields, caption) in zip(tabs[1:], sections, strict=True):
        with tab:
            st.caption(caption)
            entered |= spec_fields(ReviewSpec, key=key, only=fields)
    return entered
