"""The form of a new review: what is shown, blind tests, who votes and how."""

from typing import Any

import streamlit as st

from lensapp.core.errors import LensAppError
from lensapp.core.inspect.review_spec import ReviewSpec
from lensapp.services.inspect.queues import create_review
from lensapp.storage import reviews, runs, sources
from lensapp.storage.workspace import Workspace
from lensapp.ui.inspect.dropout_passes import offer_passes
from lensapp.ui.shared import state
from lensapp.ui.shared.forms import spec_fields, validated
from lensapp.ui.shared.widgets import error_box

NO_RUN = "no scores"
ACTIVE_FIELDS = ("committee", "batch", "pool", "positives")
SCORE_FIELDS = ("min_score", "max_score", "uncertain_score", "blind")
ORDERS_WITHOUT_SCORES = ("random", "given")
TEST_FIELDS = ("calibrators", "dud_share", "repeats", "feedback")
RETIRE_FIELDS = ("retire", "retire_prior", "retire_above", "retire_below")
PEOPLE_FIELDS = ("inspectors", "blind_to_others", "grades", "own_grades", "contaminants")
RUN_FIELDS = ("also_runs", "combine")
FOLDED = (*ACTIVE_FIELDS, *TEST_FIELDS, *RETIRE_FIELDS, *PEOPLE_FIELDS, "also_sources", *RUN_FIELDS)
SECTIONS = (
    (
        "Details of the orders committee, diverse and similar",
        ACTIVE_FIELDS,
        "Diverse and similar need the features of the run (page Features).",
    ),
    (
        "Blind tests",
        TEST_FIELDS,
        "Simulated lenses painted on real images, duds and repeated candidates tell each inspector's "
        "completeness, false positives and self-agreement on the page Team. 0.1 is one per ten candidates.",
    ),
    (
        "Retirement",
        RETIRE_FIELDS,
        "What the votes have settled is left out of the pages that inspectors are given next.",
    ),
    ("Inspectors and grades", PEOPLE_FIELDS, "Names as typed in the sidebar, separated by commas."),
)


def review_form(ws: Workspace) -> None:
    """Show the form; open the review that was made."""
    names = [source.name for source in sources.list_sources(ws.database) if source.state == "ready"]
    selected = state.selected("source")
    left, right = st.columns(2)
    source = left.selectbox(
        "Source", names, index=names.index(selected) if selected in names else 0, key="new-review-source"
    )
    scored = _runs_with_scores(ws, source)
    run = right.selectbox("Scores of run", [*scored, NO_RUN], key=f"new-review-run-{source}")
    with_scores = run != NO_RUN
    if with_scores:
        offer_passes(ws, run_name=run, source_name=source)
    with st.form(f"new-review-{with_scores}", border=False):
        name = st.text_input("Name", value=_free_name(ws, source), key=f"new-review-name-{source}")
        values = _further("also_sources", [other for other in names if other != source])
        if with_scores and len(scored) > 1:
            values |= _further("also_runs", [other for other in scored if other != run])
            values |= spec_fields(ReviewSpec, key="new-review", only=("combine",))
        values |= _fields(with_scores=with_scores)
        sent = st.form_submit_button("Open review", type="primary")
    if sent:
        _create(ws, name=name, source=source, run=run if with_scores else None, values=values)


def _further(field: str, others: list[str]) -> dict[str, Any]:
    """Offer further sources or runs where there are some."""
    if not others:
        return {}
    info = ReviewSpec.model_fields[field]
    label = f"Further {field.removeprefix('also_')}"
    return {field: st.multiselect(label, others, key=f"new-review-{field}", help=info.description)}


def _fields(*, with_scores: bool) -> dict[str, Any]:
    start: dict[str, Any] = {}
    skip = FOLDED if with_scores else ("order", *SCORE_FIELDS, *FOLDED)
    if not with_scores:
        start["order"] = st.segmented_control(
            "Order", ORDERS_WITHOUT_SCORES, default="random", required=True, key="new-review-order"
        )
    key = f"new-review-spec-{with_scores}"
    entered = spec_fields(ReviewSpec, key=key, values=start, skip=skip)
    for title, fields, caption in SECTIONS:
        with st.expander(title):
            st.caption(caption)
            entered |= spec_fields(ReviewSpec, key=key, only=fields)
    return {**start, **entered}


def _create(ws: Workspace, *, name: str, source: str, run: str | None, values: dict[str, Any]) -> None:
    spec = validated(ReviewSpec, values)
    if spec is None:
        return
    try:
        with st.spinner("Making the queue…"):
            review = create_review(ws, name=name.strip(), source_name=source, run_name=run, spec=spec)
    except LensAppError as error:
        error_box(error)
        return
    state.select("review", review.name)
    st.rerun()


def _runs_with_scores(ws: Workspace, source_name: str) -> list[str]:
    source = sources.get_source(ws.database, source_name)
    scored = {run for run, of, count in runs.score_counts(ws.database) if of == source.id and count}
    return [run.name for run in runs.list_runs(ws.database) if run.id in scored]


def _free_name(ws: Workspace, source: str) -> str:
    taken = {review.name for review in reviews.list_reviews(ws.database)}
    number = 1
    while f"{source}-review-{number}" in taken:
        number += 1
    return f"{source}-review-{number}"
