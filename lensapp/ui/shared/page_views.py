"""The views of a page: those it has, and at the end of its title line those that were kept, and its link."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from lensapp.core.acting import may
from lensapp.services.saved_views import (
    LONGEST_NAME,
    SavedView,
    delete_view,
    keep_view,
    rename_view,
    views_of,
)
from lensapp.ui.shared.address import (
    COME_ANEW,
    Address,
    address,
    in_fragment_run,
    kept,
    one_of,
    open_address,
    put,
)
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.state import PAGE, VIEW, get_workspace, inspector
from lensapp.ui.shared.widgets import absolute_time, errors_shown

RENAMED = "view-renamed"
DELETED = "view-deleted"
NO_VIEW = "no-such-view"  # page and name in its address, what that asked for, and the view shown instead
OTHER_NAMES = {
    "all": "runs",
    "detection": "objects",
    "download": "export",
    "folds": "kfold",
    "gallery": "cutouts",
    "images": "cutouts",
    "log": "changes",
    "map": "sky",
    "positions": "sky",
    "roc": "scores",
    "storage": "disk",
    "tuning": "search",
    "upload": "import",
    "users": "people",
}
LEAST_LETTERS = 4  # of a view's name that say which one is meant
_ICON = re.compile(r":material/\w+:\s*")
HOME = "home"
BUTTON = """<button type="button" title="Copy the address of this page as it looks now">
<svg viewBox="0 0 24 24" width="16" height="16" fill="currentColor" aria-hidden="true"><path d="M3.9 12
a3.1 3.1 0 0 1 3.1-3.1h4V7H7a5 5 0 0 0 0 10h4v-1.9H7A3.1 3.1 0 0 1 3.9 12zM8 13h8v-2H8zm9-6h-4v1.9h4
a3.1 3.1 0 0 1 0 6.2h-4V17h4a5 5 0 0 0 0-10z"/></svg><span aria-live="polite">Copy link</span></button>"""
LOOKS = """button {
  display: inline-flex; align-items: center; gap: 0.4rem; height: 2.4rem; padding: 0 0.7rem; cursor: pointer;
  font: inherit; font-size: 0.9rem; color: var(--st-text-color); background: transparent; white-space: nowrap;
  border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius, 0.375rem);
}
button:hover { border-color: var(--st-primary-color); color: var(--st-primary-color); }
button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
span { min-width: 4.2rem; text-align: left; }"""


def choose_view(
    views: Mapping[str, str],
    *,
    key: str,
    kept_as: str = VIEW,
    resets: Sequence[str] = (),
    said_in: st.delta_generator.DeltaGenerator | None = None,
) -> str:
    """Show the views of a page (name → label) and return the chosen one, which the address keeps.

    One that the address calls by another name is opened where it is plain which is meant. That there is none
    of the name is said below, or `said_in` a box, until another is chosen. `resets` are those of `kept`.
    """
    if st.session_state.get(COME_ANEW) and not in_fragment_run():
        st.session_state.pop(NO_VIEW, None)
    asked, of_page = st.query_params.get(kept_as, ""), (_page(), kept_as)
    if asked and asked not in views:
        meant = view_meant(asked, views)
        put(kept_as, [] if meant is None else [meant])
        if meant is None:
            st.session_state[NO_VIEW] = *of_page, asked, ""
    view = st.segmented_control(
        "View",
        list(views),
        required=True,
        format_func=views.__getitem__,
        label_visibility="collapsed",
        **kept(kept_as, one_of(list(views)), next(iter(views)), key=key, resets=resets),
    )
    *of, missing, instead = st.session_state.get(NO_VIEW, ("", "", "", ""))
    if missing and (*of,) == of_page:
        if view == (instead or view):
            st.session_state[NO_VIEW] = *of_page, missing, view
            (said_in or st).caption(f":material/link_off: {_no_view_in_words(missing, views, str(view))}")
        else:
            del st.session_state[NO_VIEW]
    return str(view)


def view_meant(asked: str, views: Mapping[str, str]) -> str | None:
    """Return which of the views (name → label) an address means by another name; None where that is unclear.

    It may be the label, in the singular too, a part of one that no other has, or a common word for it.
    """
    letters = {name: (_letters(name), _letters(label)) for name, label in views.items()}
    wanted = _letters(asked)
    for exact in (wanted, wanted.removesuffix("s"), f"{wanted}s"):
        if meant := next((name for name, known in letters.items() if exact in known), None):
            return meant
    if OTHER_NAMES.get(wanted) in views:
        return OTHER_NAMES[wanted]
    part = wanted.removesuffix("s")
    having = [name for name, known in letters.items() if any(part in one for one in known)]
    return having[0] if len(having) == 1 and len(part) >= LEAST_LETTERS else None


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", _ICON.sub("", text).lower())


def _no_view_in_words(missing: str, views: Mapping[str, str], shown: str) -> str:
    """Return that a page has no view of a name, which it has, and which of them is shown."""
    labels = {name: _ICON.sub("", label) for name, label in views.items()}
    return (
        f"There is no view “{plain(missing)}” here. The views are {', '.join(labels.values())}; "
        f"{labels[shown]} is shown."
    )


@cache
def _copy_link() -> Any:
    script = Path(__file__).with_name("copy_link.js").read_text("utf-8")
    return st.components.v2.component("lensapp_copy_link", html=BUTTON, css=LOOKS, js=script)


def show_page_views() -> None:
    """Show a button that copies the link, and the views that were kept of the page."""
    shown = next((view for view in _views() if view.address == address()), None)
    _copy_link()(key="copy-link", width="content", height="content")
    with st.popover(
        "Views" if shown is None else plain(shown.name),
        icon=":material/bookmark:" if shown is None else ":material/bookmark_added:",
        help="Keep this page as it looks now under a name, for the team; open what was kept.",
    ):
        _list_views()


def list_page_views() -> None:
    """Show in a dialog what `show_page_views` does: for a page whose own bar asks for it."""
    _copy_link()(key="copy-link", width="content", height="content")
    _list_views()


def _views() -> list[SavedView]:
    return views_of(get_workspace(), _page())


def _page() -> str:
    return str(st.session_state.get(PAGE) or HOME)


def _list_views() -> None:
    """Show the views that were kept of the page, and ask for a name to keep it under as it looks now."""
    views, now = _views(), address()
    if not views:
        st.caption("No view of this page has been kept yet.")
    for number, view in enumerate(views):
        _show_view(view, number, is_shown=view.address == now)
    _offer_undo(_page(), views)
    if may("work"):
        _ask_name(_page(), now)


def _ask_name(page: str, now: Address) -> None:
    """Ask under which name the page is kept as it looks now."""
    with st.form("view-kept", border=False, clear_on_submit=True):
        name = st.text_input(
            "Keep this view as", max_chars=LONGEST_NAME, placeholder="bright candidates, A and B"
        )
        sent = st.form_submit_button("Keep view", icon=":material/bookmark_add:")
    if sent:
        with errors_shown():
            keep_view(get_workspace(), page, name, address=now, by=inspector())
            st.rerun()


def _show_view(view: SavedView, number: int, *, is_shown: bool) -> None:
    """Show a view as a button that opens it, with what renames and what deletes it."""
    ws = get_workspace()
    by = f" by {plain(view.by)}" if view.by else ""
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        opened = st.button(
            plain(view.name),
            key=f"view-open-{number}",
            icon=":material/check:" if is_shown else None,
            width="stretch",
            on_click=open_address,
            args=(view.address,),
            help=f"Kept{by} on {absolute_time(view.made_at)}",
        )
        if opened and in_fragment_run():
            st.rerun()  # a dialog runs by itself: the page behind it changes
        if not may("work"):
            return
        if st.button("", icon=":material/edit:", key=f"view-rename-{number}", type="tertiary", help="Rename"):
            st.session_state[RENAMED] = view
        if st.button(
            "", icon=":material/delete:", key=f"view-delete-{number}", type="tertiary", help="Delete"
        ):
            delete_view(ws, view)
            st.session_state[DELETED] = view
            st.rerun()
    if st.session_state.get(RENAMED) == view:
        new = st.text_input("New name", view.name, max_chars=LONGEST_NAME, key=f"view-name-{number}")
        if st.button("Rename it", key="view-rename-do", disabled=new == view.name):
            with errors_shown():
                rename_view(ws, view, new)
                st.session_state.pop(RENAMED)
                st.rerun()


def _offer_undo(page: str, views: Sequence[SavedView]) -> None:
    """Let the view that was deleted last be kept again."""
    gone: SavedView | None = st.session_state.get(DELETED)
    if gone is None or gone.page != page or gone.name in {view.name for view in views}:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"“{plain(gone.name)}” is deleted.")
        if st.button("Undo", icon=":material/undo:", type="tertiary", key="view-undo"):
            st.session_state.pop(DELETED)
            keep_view(get_workspace(), page, gone.name, address=gone.address, by=gone.by)
            st.rerun()
