"""In whose name a page, its fragments and what it calls back run."""

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from lensapp.core.acting import Actor, ask_for_actor, mode, this_program
from lensapp.services.access.log_in import session_actor
from lensapp.storage.workspace import Workspace
from lensapp.ui.access.cookies import cookie_name
from lensapp.ui.shared.state import get_workspace, typed_inspector

ACTOR = "lensapp.actor"  # in the scope of a request: who sent it


def page_actor() -> Actor | None:
    """Return who acts in the run of a page, a fragment or a callback; None outside of these."""
    if get_script_run_ctx() is None:
        return None
    return session_of_page(get_workspace(), in_use=False)


def session_of_page(ws: Workspace, *, in_use: bool) -> Actor | None:
    """Return who looks at the page; None when nobody is logged in any more.

    Alone it is the inspector whose name is typed in the sidebar, else the user whose program it is.
    """
    if mode() == "alone":
        program = this_program()
        return Actor(typed_inspector() or program.name, program.role)
    return session_actor(ws, session_secret(ws), in_use=in_use)


def session_secret(ws: Workspace) -> str | None:
    """Return what the browser's cookie holds."""
    return st.context.cookies.get(cookie_name(ws.folder))


ask_for_actor(page_actor)
