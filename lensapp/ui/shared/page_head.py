"""What stands at the top of every page: its title, where what is selected stands, and the next step."""

from contextlib import suppress
from typing import Literal

import streamlit as st

from lensapp.core.errors import LensAppError
from lensapp.services.next_step import STAGES, NextStep, Round, RoundStage, round_of, take_step
from lensapp.services.train.job_control import active_jobs
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_views import show_page_views
from lensapp.ui.shared.state import PAGE, PAGES, ask_to_go, get_workspace, selected, selection
from lensapp.ui.shared.widgets import number

ButtonType = Literal["primary", "secondary", "tertiary"]
STEPPED_BY = ("source", "dataset", "run", "review")
HEAD = "page-head"  # what the stages were drawn from, and where
MARKS = {True: ":material/check_circle:", False: ":material/radio_button_unchecked:"}
RUNNING = ":material/progress_activity:"


def page_head(title: str) -> None:
    """Show the title of a page and, under it, the stages of the round and the next step.

    They follow the selection; `refresh_head` draws them anew where the page has changed it.
    """
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="page-title"):
        st.title(title)
        show_page_views()
    place = st.empty()
    st.session_state[HEAD] = place, _selected()
    _show_round(place, again=False)


def refresh_head() -> None:
    """Draw the stages again where the page has made another selection than they were drawn from."""
    place, drawn = st.session_state.pop(HEAD, (None, None))
    if place is not None and drawn != _selected():
        _show_round(place, again=True)


def _selected() -> dict[str, str | None]:
    return {kind: selected(kind) for kind in STEPPED_BY}


def current_round() -> Round:
    """Return where what is selected stands in the round."""
    ws = get_workspace()
    return round_of(ws, _selected(), active_jobs(ws))


def _show_round(place: st.delta_generator.DeltaGenerator, *, again: bool) -> None:
    page = str(st.session_state.get(PAGE, ""))
    stands = current_round()
    key = "round-again" if again else "round"
    with place.container(horizontal=True, vertical_alignment="center", gap="small", key=key):
        with st.container(horizontal=True, gap=None, key=f"{key}-stages", width="content"):
            for stage in stands.stages:
                _show_stage(stage, stands, page)
        show_next_step(stands.next_step, page, key=f"{key}-next")


def _show_stage(stage: RoundStage, stands: Round, page: str) -> None:
    count = "" if stage.count is None else f" {number(stage.count)}"
    count += "" if stage.of is None else f" of {number(stage.of)}"
    count += f" ({stage.remark})" if stage.remark else ""
    st.page_link(
        PAGES / f"{page if page in STAGES[stage.name] else stage.page}.py",
        label=f"{stage.name}{count}",
        icon=RUNNING if stage.running else MARKS[stage.done],
        help=f"{number(stage.count)} {plain(stage.hint)}" if stage.count else plain(stage.hint),
        query_params=selection() | dict(stands.selection),
    )


def show_next_step(step: NextStep, page: str, *, key: str, kind: ButtonType = "primary") -> None:
    """Show the next step as the button that leads to it, or as a sentence where it is done on `page`."""
    if page in (step.page, step.done_on):
        with st.container(key=f"{key}-here", width="content"):
            st.caption(f"**Next:** {plain(step.here)}")
        return
    st.button(
        plain(step.label),
        key=key,
        type=kind,
        icon=":material/arrow_forward:",
        icon_position="right",
        on_click=_take,
        args=(step,),
    )


def _take(step: NextStep) -> None:
    names = step.selection
    with suppress(LensAppError):  # its page says why it cannot be started, and what can be done about it
        names = take_step(get_workspace(), step)
    ask_to_go(step.page, view=step.view, **names)
