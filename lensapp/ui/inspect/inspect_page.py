"""The page Inspect: choose or make a review, then grade in the gallery."""

from collections.abc import Mapping

import streamlit as st

from lensapp.core.acting import may, mode
from lensapp.core.inspect.inspector_names import LONGEST_NAME
from lensapp.services.access.accounts import Admission, admission
from lensapp.services.data.sources import ready_sources
from lensapp.services.inspect.consensus import retirement_doubt
from lensapp.services.inspect.gallery import open_review
from lensapp.services.inspect.queues import (
    graded_left_out,
    list_reviews,
    source_ids_of_review,
    with_graded,
)
from lensapp.services.inspect.vote_log import voted_per_review, worked_on_last
from lensapp.storage.records import Review
from lensapp.storage.workspace import Workspace
from lensapp.ui.gallery.component import show_gallery
from lensapp.ui.inspect.review_form import review_form
from lensapp.ui.inspect.review_part import asked_part, put_part
from lensapp.ui.shared import state
from lensapp.ui.shared.client_modules import focus_field
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_head import go_to_features, lead_to_cutouts, page_head
from lensapp.ui.shared.page_views import list_page_views
from lensapp.ui.shared.widgets import counted, empty_state, errors_shown

LOADING = "Loading the review…"
TYPED_NAME = "inspect-typed-name"
AFTERWARDS = ("team", "catalogue")  # pages that the card at the end of a review leads to
# Pictures take the whole page: the app's own header shrinks to the button that shows the sidebar.
FULL_WIDTH_CSS = """<style>
.stMainBlockContainer { padding: 0.4rem 0.8rem 0 0.8rem; max-width: none; }
.stApp:has([data-testid="stExpandSidebarButton"]) .stMainBlockContainer { padding-left: 3.2rem; }
.stAppHeader :is([data-testid="stLogoLink"], [data-testid="stHeaderLogo"]) { display: none; }
.stMain { overflow: hidden; outline: none !important; box-shadow: none !important; }
.stAppHeader { height: 2.6rem; min-height: 0; background: none; }
.stAppHeader [data-testid="stExpandSidebarButton"] { margin-left: -1.2rem; }
.stAppHeader, .stAppHeader * { pointer-events: none; }
.stAppHeader button, .stAppHeader button * { pointer-events: auto; }
.stAppHeader .stMainMenu { display: none; }
</style>"""


def show_inspect_page() -> None:
    """Show the gallery of a review, or what has to come before."""
    ws = state.get_workspace()
    before = st.empty()  # what stands in it goes at once, not with the end of the next run
    admitted = admission(ws)
    selected = state.selected("review")
    every = list_reviews(ws, shown=(selected,))
    reviews = {one.name: one for one in every if may("work") or admitted.admits(one)}
    running = [name for name, review in reviews.items() if review.closed_at is None]
    if selected in reviews and selected not in running:
        page_head("Inspect")
        empty_state(
            f"{selected} is closed",
            "Its votes are all in. Its candidates are on the page Catalogue, its inspectors on Team."
            if may("work")
            else "Its votes are all in; thank you for yours.",
            icon=":material/lock:",
        )
        if running and st.button("Continue with another review", type="primary", key="inspect-another"):
            state.select_review(running[0])
            st.rerun()
        if not running and may("work") and st.button("New review", type="primary", key="inspect-new"):
            state.select("review", None)
            st.rerun()
    elif not running:
        page_head("Inspect")
        _show_none_yet(ws)
    elif selected is None and (source := _unreviewed(ws, running, reviews)) is not None:
        page_head("Inspect")
        _show_none_of(ws, source, running, reviews)
    elif not state.inspector():
        with before.container():
            _ask_inspector_name()
    else:
        if selected not in running:
            asked = selected
            selected = state.review_to_open(_source_of(ws, running, reviews))
            if asked is not None:
                open_to_you = "" if may("work") else " that you are invited to"
                st.toast(
                    f"There is no review {plain(asked)}{open_to_you}; {plain(selected)} is shown instead."
                )
            state.select("review", selected)
        with before.container(key="review-awaited"):
            st.caption(LOADING, text_alignment="center")
        _show_review(ws, reviews[str(selected)], running, admitted)
        before.empty()


def _show_none_yet(ws: Workspace) -> None:
    """Offer a first review to who may open one, or say where it will appear."""
    if not may("work"):
        empty_state(
            "No review to grade yet",
            "A scientist opens reviews and invites you to them. They appear here then.",
            icon=":material/mail:",
        )
    elif ready_sources(ws):
        st.subheader("New review")
        st.caption(
            "A review fixes which candidates are shown and in what order, the same for every inspector."
        )
        review_form(ws)
    else:
        box = empty_state(
            "Nothing to inspect yet",
            "Candidates appear here once a survey is in the workspace. Score it with a network to see the "
            "best candidates first.",
            icon=":material/grid_view:",
        )
        lead_to_cutouts(box, key="inspect-first")


def _source_of(ws: Workspace, running: list[str], reviews: Mapping[str, Review]) -> dict[str, str]:
    """Return the source of each review that is open, those first that were worked on last."""
    names = {source.id: source.name for source in ready_sources(ws)}
    ordered = worked_on_last(ws, [reviews[name] for name in running])
    return {review.name: names.get(review.source_id, "") for review in ordered}


def _unreviewed(ws: Workspace, running: list[str], reviews: Mapping[str, Review]) -> str | None:
    """Return the selected source where no open review shows it, to who may open one; else None."""
    if not may("work"):
        return None
    source = next((one for one in ready_sources(ws) if one.name == state.selected("source")), None)
    if source is None or any(source.id in source_ids_of_review(ws, reviews[name]) for name in running):
        return None
    return source.name


def _show_none_of(ws: Workspace, source: str, running: list[str], reviews: Mapping[str, Review]) -> None:
    """Offer a review of a source that has none open, and the one of another that was open before."""
    other = state.review_to_open(_source_of(ws, running, reviews))
    st.subheader("New review")
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="inspect-unreviewed"):
        st.caption(f":material/info: No review of {plain(source)} is open yet.", width="content")
        if st.button(f"Continue with {plain(other)}", type="tertiary", key="inspect-other"):
            state.select_review(other)
            st.rerun()
    review_form(ws)


def _ask_inspector_name() -> None:
    def take_name() -> None:
        st.session_state[state.INSPECTOR] = st.session_state[TYPED_NAME].strip()[:LONGEST_NAME]

    with st.container(key="inspector-awaited"):
        st.caption(LOADING, text_alignment="center")
    with st.container(key="inspector-asked"):  # in sight once the browser has said that it knows no name
        page_head("Inspect")
        box = empty_state(
            "Who is inspecting?",
            "Votes carry the name of their inspector, so that the consensus can weigh them. "
            "It can be changed in the sidebar.",
            icon=":material/person:",
        )
    with box.form("inspect-name", border=False, width=360):
        st.text_input("Your name", key=TYPED_NAME)
        focus_field(TYPED_NAME)
        if st.form_submit_button("Start grading", type="primary", on_click=take_name):
            why = state.why_not_inspector() or "Type your name first."  # with one the gallery stands here
            st.warning(plain(why), icon=":material/person:")


def _offer_graded(ws: Workspace, review: Review) -> None:
    """Say, until somebody grades, what a review left out as it was graded before, and offer to take it in."""
    if voted_per_review(ws).get(review.id) or not (left_out := graded_left_out(ws, review)):
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="graded-left-out"):
        st.caption(
            f":material/info: {counted(left_out, 'candidate')} graded in earlier reviews left out.",
            width="content",
        )
        if may("work") and st.button("Take them in", type="tertiary", key="take-graded-in"):
            with errors_shown():
                put_part({})
                state.select_review(with_graded(ws, review).name)
                st.rerun()


def _show_review(ws: Workspace, review: Review, running: list[str], admitted: Admission) -> None:
    """Show the gallery of a review to those who are invited to it."""
    state.remember(review=review.name)
    if not admitted.admits(review):
        page_head("Inspect")
        invited = open_review(ws, review.id).spec.inspectors
        other = "enter another name in the sidebar" if mode() == "alone" else "ask to be invited"
        empty_state(
            f"{review.name} is for other inspectors",
            f"It is graded by {', '.join(invited)}. Choose another review, or {other}.",
            icon=":material/lock:",
        )
        state.choose("review", running, label="Review")
        return
    st.html(FULL_WIDTH_CSS)

    def open_another(name: str) -> None:
        put_part({})  # its columns may be others
        state.select_review(name, after=review.name)

    _offer_graded(ws, review)
    if may("work") and (warning := retirement_doubt(ws, review)):
        with st.container(key="retires-nothing"):
            st.caption(f":material/warning: {warning}")
    result = show_gallery(
        ws,
        review=review,
        inspector=state.inspector(),
        review_names=running,
        part=asked_part(),
        on_open=open_another,
        on_part=put_part,
    )
    if result.go in AFTERWARDS:
        state.go(result.go, review=review.name)
    if result.features:
        go_to_features(result.features["source"], result.features["run"])
    if result.views:
        st.dialog("Views of this page", on_dismiss="ignore")(list_page_views)()
    if result.create:
        st.dialog("New review", width="medium")(review_form)(ws)
