"""The page Inspect: choose or make a review, then grade in the gallery."""

import streamlit as st

from lensapp.core.errors import LensAppError
from lensapp.core.review_spec import ReviewSpec
from lensapp.services.review import create_review
from lensapp.storage import reviews, runs, sources
from lensapp.storage.workspace import Workspace
from lensapp.ui import state
from lensapp.ui.forms import spec_fields, validated
from lensapp.ui.gallery import show_gallery
from lensapp.ui.widgets import empty_state, error_box

NO_RUN = "no scores"
SCORE_FIELDS = ("min_score", "max_score", "uncertain_score", "blind")
ORDERS_WITHOUT_SCORES = ("random", "given")
TYPED_NAME = "inspect-typed-name"
# Pictures take the whole page: the app's own header shrinks to the button that shows the sidebar.
FULL_WIDTH_CSS = """<style>
.stMainBlockContainer { padding: 0.4rem 0.8rem 0 0.8rem; max-width: none; }
.stApp:has([data-testid="stExpandSidebarButton"]) .stMainBlockContainer { padding-left: 3.2rem; }
.stMain { overflow: hidden; }
.stAppHeader { height: 2.6rem; min-height: 0; background: none; }
.stAppHeader, .stAppHeader * { pointer-events: none; }
.stAppHeader button, .stAppHeader button * { pointer-events: auto; }
.stAppHeader .stMainMenu { display: none; }
</style>"""


def show() -> None:
    """Show the page."""
    ws = state.get_workspace()
    known = [review.name for review in reviews.list_reviews(ws.database)]
    if not known:
        _first_review(ws)
    elif not state.inspector():
        _ask_name()
    else:
        _gallery(ws, known)


def _gallery(ws: Workspace, known: list[str]) -> None:
    name = state.selected("review")
    if name not in known:
        name = known[0]
        state.select("review", name)
    st.html(FULL_WIDTH_CSS)
    chosen = show_gallery(
        ws,
        review=reviews.get_review(ws.database, name),
        inspector=state.inspector(),
        review_names=known,
    )
    if chosen.open in known and chosen.open != name:
        state.select("review", chosen.open)
        st.rerun()
    if chosen.create:
        _new_review_dialog(ws)


def _ask_name() -> None:
    box = empty_state(
        "Who is inspecting?",
        "Votes are kept with the name of their inspector, so that consensus can weigh them. "
        "It can be changed in the sidebar.",
        icon=":material/person:",
    )
    with box.form("inspect-name", border=False, width=360):
        st.text_input("Your name", key=TYPED_NAME, max_chars=100)
        st.form_submit_button("Start grading", type="primary", on_click=_take_name)


def _take_name() -> None:
    st.session_state[state.INSPECTOR] = st.session_state[TYPED_NAME].strip()


def _first_review(ws: Workspace) -> None:
    if not _ready_sources(ws):
        empty_state(
            "Nothing to inspect yet",
            "Candidates appear here once a survey is in the workspace: make a demo survey on **Home**, or "
            "import cutouts on **Data**. Score it with a network to see the best candidates first.",
            icon=":material/grid_view:",
        )
        return
    st.subheader("New review")
    st.caption("A review fixes which candidates are shown and in what order, the same for every inspector.")
    _review_form(ws)


@st.dialog("New review", width="large")
def _new_review_dialog(ws: Workspace) -> None:
    _review_form(ws)


def _ready_sources(ws: Workspace) -> list[str]:
    return [source.name for source in sources.list_sources(ws.database) if source.state == "ready"]


def _review_form(ws: Workspace) -> None:
    names = _ready_sources(ws)
    selected = state.selected("source")
    left, right = st.columns(2)
    source = left.selectbox(
        "Source", names, index=names.index(selected) if selected in names else 0, key="new-review-source"
    )
    scored = _runs_with_scores(ws, source)
    run = right.selectbox("Scores of run", [*scored, NO_RUN], key=f"new-review-run-{source}")
    with_scores = run != NO_RUN
    start: dict[str, object] = {}
    skip = () if with_scores else ("order", *SCORE_FIELDS)
    with st.form(f"new-review-{with_scores}", border=False):
        name = st.text_input("Name", value=_free_name(ws, source), key=f"new-review-name-{source}")
        if not with_scores:
            start["order"] = st.segmented_control(
                "Order", ORDERS_WITHOUT_SCORES, default="random", required=True, key="new-review-order"
            )
        entered = spec_fields(ReviewSpec, key=f"new-review-spec-{with_scores}", values=start, skip=skip)
        values = {**start, **entered}
        sent = st.form_submit_button("Open review", type="primary")
    if sent:
        _create(ws, name=name, source=source, run=run if with_scores else None, values=values)


def _create(ws: Workspace, *, name: str, source: str, run: str | None, values: dict[str, object]) -> None:
    spec = validated(ReviewSpec, values)
    if spec is None:
        return
    try:
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
