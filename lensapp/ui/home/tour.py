"""The ten-minute tour on the home page."""

import time
from collections.abc import Sequence

import streamlit as st

from lensapp.services.next_step import NextStep, Round
from lensapp.services.tour import EXPORT, TourStep, begin_tour, tour_of
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_head import show_next_step
from lensapp.ui.shared.state import await_source, get_workspace, go
from lensapp.ui.shared.widgets import errors_shown

TOUR = "tour-begun"  # True once it was, False once it was ended
TOLD_DONE_SECONDS = 3600.0
MARKS = {True: ":material/check_circle:", False: ":material/radio_button_unchecked:"}


def start_tour() -> None:
    """Queue the demo survey of the tour; its list stands open in this session from now on."""
    with errors_shown():
        await_source(begin_tour(get_workspace()))
        st.session_state[TOUR] = True


def show_tour(stands: Round, *, under_way: bool, ended_at: float) -> None:
    """Show the steps of the tour, ticked as far as they are done, with a button for the next.

    Nothing is shown where no tour is `under_way` nor was begun in this session, or where it was ended. That
    it is done is said until it is ended, in other sessions for an hour after the last training `ended_at`.
    """
    steps = tour_of(get_workspace(), stands)
    done = sum(step.done for step in steps)
    begun: bool | None = st.session_state.get(TOUR)
    if begun is False or not (begun or under_way):
        return
    if done == len(steps):
        if begun or time.time() - ended_at < TOLD_DONE_SECONDS:
            _say_done()
        return
    with st.expander(
        f"Ten-minute tour: {done} of {len(steps)} steps done", expanded=True, icon=":material/tour:"
    ):
        with st.container(gap="xsmall", key="tour-steps"):
            _show_steps(steps, stands)
        with st.container(horizontal=True, gap="medium"):
            _offer_another("Begin anew on another demo survey", end="End the tour")


def _say_done() -> None:
    """Say that the tour is done, and what comes next."""
    with st.container(
        horizontal=True, vertical_alignment="center", gap="small", border=True, key="tour-done"
    ):
        st.markdown(
            ":material/tour: **The tour is done.** Next: cutouts of your own. On the demo survey the round "
            "goes on with the next step above.",
            width="stretch",
        )
        if st.button("Import cutouts", icon=":material/download:", key="tour-import"):
            go("data", view={"view": "import"})
        _offer_another("Another demo survey", end="Close")


def _offer_another(begin: str, *, end: str) -> None:
    """Offer to begin the tour anew, and to end it."""
    if st.button(begin, key="tour-anew", icon=":material/replay:", type="tertiary"):
        start_tour()
        st.rerun()
    if st.button(end, icon=":material/close:", type="tertiary", key="tour-end"):
        st.session_state[TOUR] = False
        st.rerun()


def _show_steps(steps: Sequence[TourStep], stands: Round) -> None:
    """Show each step with its mark; the first that is not done has the button of the round that does it.

    The catalogue is exported from here also while the round's next step is to grade what is left.
    """
    leads = stands.next_step
    following = next((step for step in steps if not step.done), None)
    for number, step in enumerate(steps, start=1):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"tour-{number}"):
            title = f"**{step.title}**" if step is following else step.title
            st.markdown(f"{MARKS[step.done]} {title} :small[{plain(step.text)}]", width="stretch")
            if step is following and number > 1 and _is_done_by(step, leads):
                show_next_step(leads, "home", key="tour-next", kind="secondary")
            elif step is following and step.view == EXPORT and "source" in stands.selection:
                label = f"Export {stands.selection['source']}"
                export = NextStep(label, "", step.page, stands.selection, step.view or {}, "export")
                show_next_step(export, "home", key="tour-next", kind="secondary")
            elif st.button("Open", key=f"tour-open-{number}", type="tertiary"):
                go(step.page, view=step.view, **stands.selection)


def _is_done_by(step: TourStep, leads: NextStep) -> bool:
    """Return whether the next step of the round is a step of the tour: on its page, and in its view of it."""
    if step.view is not None:
        return (leads.page, leads.view) == (step.page, step.view)
    return step.page in (leads.page, leads.done_on)
