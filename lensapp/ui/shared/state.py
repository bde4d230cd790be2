"""What the user has selected, kept in the address so that a reload, a second tab and a link agree."""

import os
import time
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import NoReturn
from urllib.parse import urlencode

import streamlit as st

from lensapp.core.acting import current_actor
from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.inspector_names import checked_inspector
from lensapp.services.care.dependents import names_of_kind
from lensapp.services.overview import last_graded
from lensapp.services.selected_chain import names_with_review, usual_source
from lensapp.services.workers import web_folder
from lensapp.storage.workspace import DEFAULT_FOLDER, Workspace
from lensapp.ui.shared.address import (
    LEFT,
    WHOLE_RUN,
    Address,
    address,
    note_arrival,
    put,
    went_back,
)
from lensapp.ui.shared.markup import plain

PAGES = web_folder() / "pages"
PATIENCE_SECONDS = 5.0  # a page says that the database is away; browsers send votes again
KINDS = ("source", "dataset", "run", "review", "study", "threshold", "part")
ITEMS, SETTINGS = KINDS[:4], KINDS[4:]
NOTHING_YET = "nothing of it to show here yet"
PAGE = "page-shown"
PAGES_LEFT = "pages-left"  # page → what its address said beside the selections
GOING = "going-to"
INSPECTOR = "inspector"
AWAITED, AWAITED_AT = "awaited-source", "awaited-at"
AT_WORK = "views-meanwhile"  # that the reader has been on since
VIEW = "view"
REVIEW_BEFORE = "review-before"
UNASKED = "source-not-asked"  # a source is selected that nobody chose for the run or page shown
BEGUN = "begun-with"  # the source that a session began with, until an address names one
CHOSEN = "chosen-just-now"  # kind → name chosen, what the address said before, and when
HEARD_AFTER = 20.0  # seconds, by which the browser has heard of a choice, even on a busy machine
DRAWN_AFTER = 1.0  # seconds, by which a list shows the choice that the browser's address says
THRESHOLD_OF = "threshold-of"  # the run that the threshold selected belongs to
THRESHOLDS = "thresholds-of-runs"  # run → the threshold it was left with
STAND_INS = "stand-ins"  # kind → name that a page shows for want of the one selected


@lru_cache(maxsize=4)
def _open_workspace(folder: str, database_url: str | None) -> Workspace:
    workspace = Workspace.open(folder, database_url=database_url)
    workspace.database.patience_seconds = PATIENCE_SECONDS
    return workspace


def get_workspace() -> Workspace:
    """Return the workspace of LENSAPP_WORKSPACE, opened once per process."""
    folder = os.environ.get("LENSAPP_WORKSPACE") or DEFAULT_FOLDER
    return _open_workspace(folder, os.environ.get("LENSAPP_DATABASE_URL") or None)


@contextmanager
def whole_run() -> Iterator[None]:
    """Mark a run of the whole script, as against one of a fragment alone."""
    st.session_state[WHOLE_RUN] = True
    try:
        yield
    finally:
        st.session_state[WHOLE_RUN] = False
        st.session_state[LEFT] = address()


def read_address(page: str) -> None:
    """Take over all that the address selects, whatever the `page`; write what it lacks on arriving there.

    A link, a reload and the browser's Back come with selections in the address: these win, and the address
    stays as it is. Streamlit empties the address when a page is opened from the sidebar: what was selected
    before is then written into it, and what the page itself said when it was left. A session begins with
    what belongs to the review that it is asked for, with what was graded last or with the usual source.
    """
    if st.session_state.get(PAGE) == page:
        _keep_chosen()
    asked = {kind: st.query_params[kind] for kind in KINDS if kind in st.query_params}
    for kind in SETTINGS if went_back() else ():
        if kind not in asked:  # it was not set yet on the page that is returned to
            st.session_state.pop(_memory(kind), None)
    stand_ins = st.session_state.get(STAND_INS, {})
    remember(**{kind: name for kind, name in asked.items() if stand_ins.get(kind) != name})
    if "source" in asked and st.session_state.get(UNASKED) == BEGUN:
        st.session_state[UNASKED] = False
    before = st.session_state.get(PAGE)
    st.session_state[PAGE] = page
    note_arrival(new_page=before != page)
    by_review = "review" in asked and asked.keys().isdisjoint(("source", "run"))
    if before is None or (before != page and by_review):
        _begin_with(asked)
    if before not in (None, page):
        st.session_state.pop(STAND_INS, None)
        pages: dict[str, Address] = st.session_state.setdefault(PAGES_LEFT, {})
        left: Address = st.session_state.get(LEFT, {})
        pages[str(before)] = {name: texts for name, texts in left.items() if name not in KINDS}
        if not asked:
            st.session_state[UNASKED] = True
            st.query_params.update({**({} if st.query_params else pages.get(page, {})), **selection()})


def _begin_with(asked: Mapping[str, str]) -> None:
    """Remember what goes with the selection `asked` for by the address of a link or of a new session."""
    ws = get_workspace()
    of_review = "review" in asked and "run" not in asked  # with a run it is what a session began with
    graded = names_with_review(ws, asked["review"]) if of_review else last_graded(ws)
    if asked.get("source", graded.get("source")) == graded.get("source"):
        remember(**{kind: name for kind, name in graded.items() if kind not in asked})
    if not asked and "source" not in selection() and (usual := usual_source(ws)) is not None:
        remember(source=usual.name)  # so that all pages are about one source, whichever is opened first
        st.session_state[UNASKED] = BEGUN


def _keep_chosen() -> None:
    """Say again what was chosen a moment ago, where the browser had not heard of it and says what was before.

    A fragment that it renews each second asks for a run with the address that it knows. The browser's Back,
    and a view that is opened, do return to what was before.
    """
    for kind, (name, before, at) in st.session_state.get(CHOSEN, {}).items():
        if time.monotonic() - at < HEARD_AFTER and st.query_params.get(kind) == before and not went_back():
            put(kind, [name])
            if kind == "run":  # its threshold, in place of that of the run before
                threshold = st.session_state.get(_memory("threshold"))
                put("threshold", [] if threshold is None else [threshold])


def selected(kind: str) -> str | None:
    """Return what is selected of `kind` (one of KINDS), or None."""
    _check(kind)
    name: str | None = st.query_params.get(kind, st.session_state.get(_memory(kind)))
    return name


def remember(**selection: str) -> None:
    """Make `selection` (of KINDS) what the next pages begin with; the address of this page stays as it is."""
    if "source" in selection and "review" not in selection:
        _leave_review(selection["source"])
    if "run" in selection:
        if "threshold" in selection:
            _leave_threshold(selection["run"])  # the address says what goes together
        else:
            take_threshold(selection["run"])
    for kind, name in selection.items():
        _check(kind)
        st.session_state[_memory(kind)] = name


def select(kind: str, name: str | None) -> None:
    """Select `name`, or nothing when it is None, and show so in the address."""
    _check(kind)
    st.session_state.get(STAND_INS, {}).pop(kind, None)
    if name is None:
        st.session_state.pop(_memory(kind), None)
        put(kind, [])
        return
    if kind == "source":
        _leave_review(name)
    if kind == "run":
        take_threshold(name)
    if kind in ("source", "run"):
        st.session_state[UNASKED] = kind == "run"
    st.session_state[_memory(kind)] = name
    if (before := st.query_params.get(kind, name)) != name:
        st.session_state.setdefault(CHOSEN, {})[kind] = name, before, time.monotonic()
    put(kind, [name])


def select_review(name: str, *, after: str | None = None) -> None:
    """Select a review that the reader has chosen, with its source, its run and the version of that.

    A page that shows a review for want of a choice leaves them as they were selected; so does a choice
    `after` another review of the selected source and the same run, as of the candidates most alike one.
    """
    ws = get_workspace()
    names = names_with_review(ws, name)
    alike = after is not None and names_with_review(ws, after) == names | {"review": after}
    if alike and selected("source") == names["source"]:
        names = {"review": name}
    for kind, one in names.items():
        select(kind, one)


def _leave_review(source: str) -> None:
    """Take leave of the selected review where another source is chosen after it."""
    if st.session_state.get(_memory("source"), source) == source:
        return
    put("review", [])
    _forget_review()


def take_threshold(run: str) -> None:
    """Select the threshold that `run` was left with, or none, where another run was shown before it.

    Each run spreads its scores in its own way: none takes along the threshold of another. One takes the
    place of another where it is chosen after it, and where a page shows it for want of the one selected.
    """
    if not _leave_threshold(run):
        return
    own = st.session_state[THRESHOLDS].get(run)
    if own is None:
        st.session_state.pop(_memory("threshold"), None)
    else:
        st.session_state[_memory("threshold")] = own
    put("threshold", [] if own is None else [own])


def _leave_threshold(run: str) -> bool:
    """Note the threshold of the run shown before `run`; return whether that was another one."""
    before = st.session_state.get(THRESHOLD_OF, st.session_state.get(_memory("run"), run))
    st.session_state[THRESHOLD_OF] = run
    if before == run:
        return False
    thresholds: dict[str, str | None] = st.session_state.setdefault(THRESHOLDS, {})
    thresholds[before] = st.session_state.get(_memory("threshold"))
    return True


def _forget_review() -> None:
    review = st.session_state.pop(_memory("review"), None)
    if review is not None:
        st.session_state[REVIEW_BEFORE] = review


def review_to_open(source_of: Mapping[str, str]) -> str:
    """Return the review to begin with among those of `source_of` (review → source), in their order.

    That is the one selected, one of the source chosen last, the one before that choice, or the first.
    """
    before, source = str(st.session_state.get(REVIEW_BEFORE, "")), selected("source")
    own = (review for review, of in source_of.items() if of == source)
    fallback = before if before in source_of else next(iter(source_of))
    review = selected("review")
    return review if review is not None and review in source_of else next(own, fallback)


def await_source(name: str) -> None:
    """Select the source `name` as soon as it has been made, on this view or on one that is opened later."""
    st.session_state[AWAITED] = name
    st.session_state[AWAITED_AT], st.session_state[AT_WORK] = _view_shown(), set()


def awaited_source() -> str | None:
    """Return the source that is selected as soon as it has been made, or None."""
    name: str | None = st.session_state.get(AWAITED)
    return name


def stay_here() -> None:
    """Keep the view shown when the awaited source has been made: the reader has begun something else."""
    st.session_state.setdefault(AT_WORK, set()).add(_view_shown())


def take_awaited(names: list[str]) -> bool:
    """Select the awaited source when it is among `names`; return whether it was.

    Not so in the midst of a view of `note_at_work`: the notice of the end of the job leads to the source.
    """
    if st.session_state.get(AWAITED) not in names:
        return False
    name = st.session_state.pop(AWAITED)
    page, _ = st.session_state.get(AWAITED_AT, (None, ""))
    if page != st.session_state.get(PAGE):  # nor does it come back to the form that has made it
        st.session_state.get(PAGES_LEFT, {}).pop(str(page), None)
    if _view_shown() in st.session_state.get(AT_WORK, ()):
        return False
    select("source", name)
    return True


def note_at_work() -> None:
    """Note, once a page knows its view, that the reader went to it while a source is awaited elsewhere."""
    if AWAITED in st.session_state and _view_shown() != st.session_state.get(AWAITED_AT):
        st.session_state.setdefault(AT_WORK, set()).add(_view_shown())


def _view_shown() -> tuple[str, str]:
    return str(st.session_state.get(PAGE)), st.query_params.get(VIEW, "")


def recipe_key(purpose: str) -> str:
    """Return the key of the choice of a recipe in the form of a training, or of another purpose."""
    return f"{purpose}-recipe"


def choose(
    kind: str,
    names: list[str],
    *,
    label: str,
    help_text: str | None = None,
    remarks: Mapping[str, str] | None = None,
    first: str | None = None,
    avoided: Container[str] = (),
    said_in: st.delta_generator.DeltaGenerator | None = None,
    labelled: bool = True,
) -> str | None:
    """Show a list of `names` whose choice is the selection of `kind`; return it, or None when empty.

    `remarks` are shown behind the names that have one. What stands in is said below it, or `said_in` a box.
    Unless it is `labelled` its label is for screen readers only.

    The name `first`, or else the first name, is chosen when nothing is selected. It also stands in where
    something is selected that this page does not have, such as a run that has not scored a source: that is
    said below it, and other pages keep what was selected. So it does for a name in `avoided` that was chosen
    elsewhere, or for another run, and not by the address or on this page since.
    """
    if not names:
        return None
    current, usual = selected(kind), first if first in names else names[0]
    unasked = bool(avoided) and st.session_state.pop(UNASKED, False)
    if current is None:
        current = usual
        asked_for = st.session_state.get(UNASKED, False)
        select(kind, current)
        st.session_state[UNASKED] = asked_for  # a run that stands here by itself passes over no source
    elif current not in names or (unasked and current in avoided and usual not in avoided):
        current = usual
        stand_in(kind, current)
    elif kind not in st.query_params:
        put(kind, [current])  # what a session begins with
    key = f"choose-{kind}"
    st.session_state[key] = current
    said = remarks or {}
    st.selectbox(
        label,
        names,
        key=key,
        help=help_text,
        label_visibility="visible" if labelled else "collapsed",
        format_func=lambda name: f"{name} · {said[name]}" if said.get(name) else name,
        on_change=lambda: _take_choice(kind, st.session_state[key]),
    )
    asked = st.session_state.get(_memory(kind), current)
    if asked != current:
        reason = said.get(asked) or (NOTHING_YET if _exists(kind, asked) else None)
        with said_in or nullcontext():
            say_what_stands_in(asked, current, reason=reason)
    return current


def _take_choice(kind: str, name: str) -> None:
    """Select what a list says, unless it says what was chosen before the program chose, a moment ago.

    Such is what the browser last knew of the list, and comes with a run that something else asked for. Its
    address then says the same, or what the program chose, which the list does not show yet.
    """
    _, before, at = st.session_state.get(CHOSEN, {}).get(kind, (None, None, 0.0))
    heard = HEARD_AFTER if st.query_params.get(kind) == before else DRAWN_AFTER
    if name != before or time.monotonic() - at > heard:
        if kind == "review":
            select_review(name)
        else:
            select(kind, name)
        st.session_state.get(CHOSEN, {}).pop(kind, None)


def stand_in(kind: str, name: str) -> None:
    """Let the address of this page say `name` of `kind`, while other pages keep what was selected."""
    st.session_state.setdefault(STAND_INS, {})[kind] = name
    put(kind, [name])


def is_stand_in(kind: str, name: str) -> bool:
    """Return whether `name` stands in here for what is selected of `kind`."""
    return bool(st.session_state.get(STAND_INS, {}).get(kind) == name)


def stood_in_for(kind: str, name: str) -> str | None:
    """Return what other pages keep selected of `kind` where `name` stands in for it here, or None."""
    return st.session_state.get(_memory(kind)) if is_stand_in(kind, name) else None


def _exists(kind: str, name: str) -> bool:
    """Whether the workspace has something of this name, though the page may not list it."""
    return kind in ITEMS and name in names_of_kind(get_workspace(), kind)


def say_what_stands_in(asked: str, shown: str | None = None, *, reason: str | None = None) -> None:
    """Say that a name, from the address or chosen on another page, is none of those that this page has.

    A `reason` says why one that it has was passed over.
    """
    instead = "" if shown is None else f"; {plain(shown)} is shown instead"
    why = f"There is no “{plain(asked)}” here" if reason is None else f"“{plain(asked)}”: {plain(reason)}"
    st.caption(f":material/info: {why}{instead}.")


def go(page: str, *, view: Mapping[str, str | list[str]] | None = None, **selection: str) -> NoReturn:
    """Open the page in `pages/PAGE.py` with `selection` (of KINDS) made; ends this run of the script.

    `view` is what else the address of that page says, such as {"view": "export"}.
    """
    ask_to_go(page, view=view, **selection)
    st.rerun()


def ask_to_go(page: str, *, view: Mapping[str, str | list[str]] | None = None, **selection: str) -> None:
    """Let the next run of the script begin with opening a page, as `go` does; for what a click calls."""
    if "review" in selection:
        selection = names_with_review(get_workspace(), selection["review"]) | selection
    elif "source" in selection:
        review = st.session_state.get(_memory("review"), "")
        if names_with_review(get_workspace(), review).get("source") != selection["source"]:
            _forget_review()
    remember(**selection)
    st.session_state[UNASKED] = "source" not in selection
    st.session_state[GOING] = page, dict(view or {})


def keep_going() -> None:
    """Open the page that `go` asked for, before anything of this run is drawn.

    A page that changes in the middle of a run mixes what is still drawn of one with the other, and the
    browser is left with a white page when it is slow.
    """
    page, view = st.session_state.pop(GOING, (None, {}))
    if page is not None:
        st.switch_page(str(PAGES / f"{page}.py"), query_params=selection() | view)


def selection() -> dict[str, str]:
    """Return what is selected, by its kind, as the address of the next page says it."""
    return {kind: st.session_state[_memory(kind)] for kind in KINDS if _memory(kind) in st.session_state}


def address_of(selection: Mapping[str, str]) -> str:
    """Return what follows the path of a page in the address that selects these names."""
    return f"?{urlencode(selection)}" if selection else ""


def inspector() -> str:
    """Return the name that signs votes: that of the account, else as typed in the sidebar, else empty."""
    actor = current_actor()
    return actor.name if actor is not None and actor.account_id is not None else typed_inspector()


def typed_inspector() -> str:
    """Return the inspector's name as typed in the sidebar, or an empty text where none can sign votes."""
    return "" if why_not_inspector() is not None else checked_inspector(_typed_name())


def why_not_inspector() -> str | None:
    """Return why the name in the sidebar cannot sign votes, without words while there is none; else None."""
    try:
        checked_inspector(_typed_name())
    except InvalidInput as error:
        return str(error) if _typed_name() else ""
    return None


def _typed_name() -> str:
    return str(st.session_state.get(INSPECTOR, "")).strip()


def theme() -> str:
    """Return "dark" or "light", as the browser shows it."""
    return "light" if st.context.theme.type == "light" else "dark"


def _memory(kind: str) -> str:
    return f"selected-{kind}"


def _check(kind: str) -> None:
    if kind not in KINDS:
        raise InvalidInput(f"{kind!r} cannot be selected. Select one of {', '.join(KINDS)}.")
