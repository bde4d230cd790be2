"""What stands at the top of every page: its title, where what is selected stands, and the next step."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Literal, NoReturn

import streamlit as st

from lensapp.core.errors import LensAppError
from lensapp.services.catalogue.formats import MIME
from lensapp.services.catalogue.usual_export import (
    last_exported,
    usual_ending,
    usual_export,
    written_after,
)
from lensapp.services.next_step import NextStep, Round, round_of, take_step
from lensapp.services.round_stages import MOST_OF_REMARK, STAGES, RoundStage
from lensapp.services.selected_chain import Kind
from lensapp.services.train.job_control import active_jobs
from lensapp.ui.shared.address import in_fragment_run
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_views import show_page_views
from lensapp.ui.shared.state import PAGE, PAGES, VIEW, ask_to_go, get_workspace, go, selected, selection
from lensapp.ui.shared.widgets import number

ButtonType = Literal["primary", "secondary", "tertiary"]
STARTED_FOR: Mapping[str, Sequence[Kind]] = {"evaluate": ("run",), "score": ("source", "run")}
"""What a step that starts something is about: it is done on a page that shows the same."""
STEPPED_BY = ("source", "dataset", "run", "review")
LED_BY: Mapping[str, Sequence[Kind]] = {
    "train": ("dataset", "run"),
    "experiments": ("dataset", "run"),
    **dict.fromkeys(("evaluate", "compare", "features"), ("run",)),
    **dict.fromkeys(("inspect", "team", "replay"), ("review",)),
    "catalogue/ledger": ("run",),
}
"""What pages, or views of them, are about: the first that the address names; others are about a source."""
BESIDE_THE_ROUND = ("workspace",)
WITH_BUTTON = frozenset(
    (
        *("paint", "features", "catalogue/feed-back", "catalogue/votes"),
        *(f"data/{view}" for view in ("import", "objects", "realism")),
    )
)
"""Pages, or views of them, with a main button of their own."""
EXPORTING = frozenset(f"catalogue/{view}" for view in ("", "candidates", "export"))
"""Views whose main button exports candidates, until they are exported."""
HEAD = "page-head"  # where the stages were drawn, what from, and how their step looks
MOST_LETTERS = 94  # of stages and next step, that stand in one line on a window of 1280 px
MARKS = {True: ":material/check_circle:", False: ":material/radio_button_unchecked:"}
RUNNING = ":material/progress_activity:"
EXPORT_ASKED = "export-asked"  # whose first export the browser was told to fetch, and when
JUST_EXPORTED = "just-exported"
EXPORTED_AGAIN = "exported-again"  # whether the review had been exported before
LOOKED_EVERY, LOOKED_FOR = 1.0, 120.0  # seconds


def page_head(title: str, *, step: ButtonType = "primary", stands: Round | None = None) -> None:
    """Show the title of a page and, under it, the stages of the round and the next step.

    They follow the selection; `refresh_head` draws them anew where the page has changed it. A page that is
    about no stage of the round has no next step.

    One button of a page is filled, that for which a reader came: the next step, or the page's own. The next
    step is outlined beside that, and a sentence where it is done here. Which views have a button of their own
    is known here; a page whose button comes and goes says it by `step`. A page that asks for the round itself
    gives it as `stands`.
    """
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="page-title"):
        st.title(title)
        show_page_views()
    with st.container(key="stages-place"):
        place = st.empty()
    stands = stands or current_round()
    st.session_state[HEAD] = place, _drawn_from(stands, step), step, stands
    _show_round(place, stands, step, again=False)


def forget_head() -> None:
    """Forget the stages of a page that another one took over from: they would be drawn in its midst."""
    st.session_state.pop(HEAD, None)


def refresh_head() -> None:
    """Draw the stages again where the page has made another selection, or view, than they were drawn from."""
    place, drawn, step, stands = st.session_state.pop(HEAD, (None, None, "primary", None))
    if place is not None and drawn != _drawn_from(stands, step):
        _show_round(place, current_round(), step, again=True)


def _drawn_from(stands: Round, step: ButtonType) -> tuple[dict[str, str | None], Kind, bool, ButtonType]:
    page = str(st.session_state.get(PAGE, ""))
    return _selected(), _led_by(), _is_done_here(stands.next_step, page), _look_of_step(stands, step)


def _look_of_step(stands: Round, step: ButtonType) -> ButtonType:
    """Return how the next step looks on the view shown, where its page wishes it to look so."""
    page = str(st.session_state.get(PAGE, ""))
    shown = {page, f"{page}/{st.query_params.get(VIEW, '')}"}
    exports = bool(shown & EXPORTING) and not stands.stages[-1].done
    beside_another = not stands.selection  # an empty page leads on itself
    return "secondary" if beside_another or exports or shown & WITH_BUTTON else step


def _selected() -> dict[str, str | None]:
    return {kind: selected(kind) for kind in STEPPED_BY}


def _led_by() -> Kind:
    page = str(st.session_state.get(PAGE, ""))
    kinds = LED_BY.get(f"{page}/{st.query_params.get(VIEW)}", LED_BY.get(page, ()))
    return next((kind for kind in kinds if kind in st.query_params), "source")


def current_round() -> Round:
    """Return where what is selected stands in the round: the round of what the page shows."""
    ws = get_workspace()
    return round_of(ws, _selected(), active_jobs(ws), led_by=_led_by())


def _show_round(
    place: st.delta_generator.DeltaGenerator, stands: Round, step: ButtonType, *, again: bool
) -> None:
    page = str(st.session_state.get(PAGE, ""))
    key = "round-again" if again else "round"
    brief = "-brief" if is_full(stands, page) else ""  # see frame.css
    with place.container(horizontal=True, vertical_alignment="center", gap="small", key=key):
        with st.container(horizontal=True, gap=None, key=f"{key}-stages{brief}", width="content"):
            for stage in stands.stages:
                _show_stage(stage, stands, page)
        if page not in BESIDE_THE_ROUND:
            kind = _look_of_step(stands, step)
            show_next_step(stands.next_step, page, key=f"{key}-next", kind=kind)
        follow_export()  # in here, where it moves nothing of the page


def is_full(stands: Round, page: str) -> bool:
    """Whether the next step takes the place of the counts of the stages on a window of 1280 px."""
    step = stands.next_step
    words = f"Next: {step.here}" if _is_done_here(step, page) else step.label
    letters = sum(len(_stage_words(stage)) for stage in stands.stages) + len(words)
    return letters > MOST_LETTERS and page not in BESIDE_THE_ROUND


def _stage_words(stage: RoundStage) -> str:
    """Return the name of a stage with its count, and its remark where that is short; its hint says it too."""
    count = "" if stage.count is None else f" {number(stage.count)}"
    count += "" if stage.of is None else f" of {number(stage.of)}"
    remark = f" ({stage.remark})" if 0 < len(stage.remark) <= MOST_OF_REMARK else ""
    return f"{stage.name}{count}{remark}"


def _show_stage(stage: RoundStage, stands: Round, page: str) -> None:
    st.page_link(
        PAGES / f"{page if page in STAGES[stage.name] else stage.page}.py",
        label=_stage_words(stage),
        icon=RUNNING if stage.running else MARKS[stage.done],
        help=f"{number(stage.count)} {plain(stage.hint)}" if stage.count else plain(stage.hint),
        query_params=selection() | dict(stands.selection),
    )


def lead_to_cutouts(box: st.delta_generator.DeltaGenerator, *, key: str) -> None:
    """Show in the box of an empty page the button that leads to the first cutouts, not to an empty page."""
    if box.button("Make a demo survey, or import", type="primary", icon=":material/arrow_forward:", key=key):
        go("home")


def go_to_features(source: str, run: str | None) -> NoReturn:
    """Open Features where a run makes those of a source, or Train where there is no network yet."""
    if run is None:
        go("train", source=source)
    go("features", source=source, run=run)


def show_next_step(step: NextStep, page: str, *, key: str, kind: ButtonType = "primary") -> None:
    """Show the next step as the button that leads to it, or as a sentence where it is done here."""
    if step.starts == "export" and page != step.page:
        _show_export(step, key=key, kind=kind)
        return
    if _is_done_here(step, page):
        with st.container(key=f"{key}-here", width="content"):
            st.caption(f"**Next:** {plain(step.here)}")
        return
    st.button(
        plain(step.label),
        key=key,
        type=kind,
        icon=":material/arrow_forward:",
        icon_position="right",
        help=plain(step.here) if step.starts == "score" else None,  # which names the network
        on_click=_take,
        args=(step,),
    )


def _is_done_here(step: NextStep, page: str) -> bool:
    """Whether a step is done on what is shown: none of another run or source, or that opens another view."""
    if page == step.done_on:
        return True
    started_for = STARTED_FOR.get(step.starts or "", ())
    if any(selected(kind) not in (None, step.selection.get(kind)) for kind in started_for):
        return False
    opens = {} if step.starts else step.view
    return page == step.page and all(
        st.query_params.get_all(name) == ([value] if isinstance(value, str) else value)
        for name, value in opens.items()
    )


def _show_export(step: NextStep, *, key: str, kind: ButtonType) -> None:
    """Show the next step as the button that gives the browser the usual export."""
    ws, source_name = get_workspace(), step.selection["source"]
    ending = usual_ending(ws)
    name = f"{source_name}{ending}"
    st.download_button(
        plain(step.label),
        partial(usual_export, ws, step.selection, name),
        file_name=name,
        mime=MIME[ending],
        key=key,
        type=kind,
        icon=":material/download:",
        help=f"{plain(name)}: what is graded A, B or C. Other formats, filters and votes: Catalogue, Export.",
        **on_export(source_name),
    )


def on_export(source_name: str) -> dict[str, Any]:
    """Return what a download button of candidates does besides: it is said when the file is written.

    The first of a review ends its round.
    """
    return {"on_click": _await_export, "args": (source_name, current_round().stages[-1].done)}


def export_kind() -> ButtonType:
    """Return how a button that exports candidates looks: once they are exported the next step is another."""
    return "secondary" if current_round().stages[-1].done else "primary"


def _await_export(source_name: str, again: bool) -> None:  # noqa: FBT001 - a callback
    st.session_state[EXPORT_ASKED] = source_name, time.time()
    st.session_state[EXPORTED_AGAIN] = again


def follow_export() -> None:
    """Look whether an export that the browser asked for, beside the page, is written; say so once it is."""
    if st.session_state.pop(JUST_EXPORTED, False):
        again = st.session_state.pop(EXPORTED_AGAIN, False)
        ended = "" if again or not current_round().stages[-1].done else " The round is complete."
        st.toast(f"{plain(last_exported(get_workspace()))} is exported.{ended}", icon=":material/done_all:")
    source_name, asked_at = st.session_state.get(EXPORT_ASKED, (None, 0.0))
    if source_name is None:
        return
    if written_after(get_workspace(), source_name, asked_at) or time.time() - asked_at > LOOKED_FOR:
        del st.session_state[EXPORT_ASKED]
        return
    st.fragment(_look_for_export, run_every=LOOKED_EVERY)()


def _look_for_export() -> None:
    """Draw the page again when the export is written."""
    source_name, asked_at = st.session_state.get(EXPORT_ASKED, (None, 0.0))
    if source_name is None or not in_fragment_run():
        return
    written = written_after(get_workspace(), source_name, asked_at)
    if written or time.time() - asked_at > LOOKED_FOR:
        del st.session_state[EXPORT_ASKED]
        st.session_state[JUST_EXPORTED] = written
        st.rerun()


def _take(step: NextStep) -> None:
    names = step.selection
    with suppress(LensAppError):  # its page says why it cannot be started, and what can be done about it
        names = take_step(get_workspace(), step)
    ask_to_go(step.page, view=step.view, **names)
