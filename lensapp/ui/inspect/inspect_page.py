"""The page Inspect: choose or make a review, then grade in the gallery."""

import streamlit as st

from lensapp.services.inspect.gallery import open_review
from lensapp.storage import reviews, sources
from lensapp.storage.records import Review
from lensapp.storage.workspace import Workspace
from lensapp.ui.gallery.component import show_gallery
from lensapp.ui.inspect.review_form import review_form
from lensapp.ui.shared import state
from lensapp.ui.shared.widgets import empty_state

TYPED_NAME = "inspect-typed-name"
# Pictures take the whole page: the app's own header shrinks to the button that shows the sidebar.
FULL_WIDTH_CSS = """<style>
.stMainBlockContainer { padding: 0.4rem 0.8rem 0 0.8rem; max-width: none; }
.stApp:has([data-testid="stExpandSidebarButton"]) .stMainBlockContainer { padding-left: 3.2rem; }
.stMain { overflow: hidden; outline: none !important; box-shadow: none !important; }
.stAppHeader { height: 2.6rem; min-height: 0; background: none; }
.stAppHeader, .stAppHeader * { pointer-events: none; }
.stAppHeader button, .stAppHeader button * { pointer-events: auto; }
.stAppHeader .stMainMenu { display: none; }
</style>"""


def show() -> None:
    """Show the page."""
    ws = state.get_workspace()
    every = reviews.list_reviews(ws.database)
    known = [review.name for review in every if review.closed_at is None]
    if _is_closed(every):
        _say_closed(known)
    elif not known:
        st.title("Inspect")
        _first_review(ws)
    elif not state.inspector():
        st.title("Inspect")
        _ask_name()
    else:
        _gallery(ws, known)


def _is_closed(every: list[Review]) -> bool:
    name = state.selected("review")
    return any(review.name == name and review.closed_at is not None for review in every)


def _say_closed(known: list[str]) -> None:
    """Offer the reviews that go on in place of one that is over."""
    empty_state(
        f"{state.selected('review')} is closed",
        "Its votes are all in, and what its blind tests were may have been told. Its candidates are on the "
        "page Catalogue, its inspectors on Team.",
        icon=":material/lock:",
    )
    if known and st.button("Go on with another review", type="primary", key="inspect-another"):
        state.select("review", known[0])
        st.rerun()
    if not known and st.button("New review", type="primary", key="inspect-new"):
        state.select("review", None)
        st.rerun()


def _gallery(ws: Workspace, known: list[str]) -> None:
    name = state.selected("review")
    if name not in known:
        name = known[0]
        state.select("review", name)
    review = reviews.get_review(ws.database, name)
    if not _may_vote(ws, review, known):
        return
    st.html(FULL_WIDTH_CSS)
    chosen = show_gallery(
        ws,
        review=review,
        inspector=state.inspector(),
        review_names=known,
        on_open=_open_review,
    )
    if chosen.create:
        _new_review_dialog(ws)


def _may_vote(ws: Workspace, review: Review, known: list[str]) -> bool:
    """Return whether the inspector is invited; otherwise offer other reviews."""
    invited = open_review(ws, review.id).spec.inspectors
    if not invited or state.inspector() in invited:
        return True
    st.title("Inspect")
    empty_state(
        f"{review.name} is for other inspectors",
        f"It is graded by {', '.join(invited)}. Choose another review, or type another name in the sidebar.",
        icon=":material/lock:",
    )
    state.choose("review", known, label="Review")
    return False


def _open_review(name: str) -> None:
    state.select("review", name)


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
    review_form(ws)


@st.dialog("New review", width="large")
def _new_review_dialog(ws: Workspace) -> None:
    review_form(ws)


def _ready_sources(ws: Workspace) -> list[str]:
    return [source.name for source in sources.list_sources(ws.database) if source.state == "ready"]
