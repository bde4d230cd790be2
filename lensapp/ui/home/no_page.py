"""What stands at an address of the app at which there is no page: what is missing, and ways on.

Streamlit would show a dialog about files of a program, and Home below it.
"""

from collections.abc import Container, Mapping
from difflib import get_close_matches
from functools import partial

import streamlit as st
from streamlit.navigation.page import StreamlitPage
from streamlit.runtime.scriptrunner import get_script_run_ctx

from lensapp.ui.shared.state import ask_to_go
from lensapp.ui.shared.widgets import empty_state

ICON = ":material/explore_off:"
MISSING = "page-missing"  # name that the address of this session asked for


def missing_page(open_to_role: Mapping[str, str], names: Container[str]) -> StreamlitPage | None:
    """Return a page for the address that the browser asks for where that is none of the `names` of pages.

    It leads to those `open_to_role` (name → title). Once made it stays a page of the session: the browser
    asks for it again with every click.
    """
    context = get_script_run_ctx()
    asked = (context.pages_manager.intended_page_name or "").strip("/ ") if context is not None else ""
    if asked and asked not in names:
        st.session_state[MISSING] = asked.replace("/", " ").strip()
    name = st.session_state.get(MISSING)
    if name is None:
        return None
    return st.Page(
        partial(show_no_page, name, open_to_role), title="No such page", url_path=name, visibility="hidden"
    )


def show_no_page(name: str, titles: Mapping[str, str]) -> None:
    """Say that there is no page of a name; lead to the one that may be meant and to the first of `titles`."""
    first, *others = titles
    near = page_meant(name, {one: titles[one] for one in others})
    box = empty_state(
        f"There is no page “{name}”",
        "The address may have been cut or mistyped. All pages stand in the sidebar.",
        icon=ICON,
    )
    with box.container(horizontal=True, horizontal_alignment="center"):
        for one in (near, first):
            if one is not None:
                st.button(
                    f"Go to {titles[one]}",
                    icon=":material/home:" if one == "home" else ":material/arrow_forward:",
                    type="primary" if one == (near or first) else "secondary",
                    key=f"no-page-{one}",
                    on_click=ask_to_go,
                    args=(one,),
                )


def page_meant(name: str, titles: Mapping[str, str]) -> str | None:
    """Return the page of `titles` (name → title) whose name or title is most like another, or None."""
    asked = name.casefold()
    begun = [one for one, title in titles.items() if asked.startswith((one, title.casefold()))]
    alike = get_close_matches(asked, titles, n=1, cutoff=0.7)
    return next(iter([*begun, *alike]), None)
