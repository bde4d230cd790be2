"""Who is logged in, at the bottom of the sidebar: a new password, and the way out."""

import streamlit as st

from lensapp.core.acting import current_actor, mode
from lensapp.core.errors import LensAppError
from lensapp.services.access.accounts import LONGEST_PASSWORD, SHORTEST_PASSWORD
from lensapp.services.access.log_in import change_own_password, log_out
from lensapp.ui.access.identity import session_secret
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.state import get_workspace
from lensapp.ui.shared.widgets import error_box


def show_account() -> None:
    """Show the name and role of who is logged in, with what they can do about it."""
    actor = current_actor()
    if actor is None:
        return
    with st.popover(plain(actor.name), icon=":material/account_circle:", width="stretch", key="account"):
        st.caption(f"You are {actor.described} here.")
        if mode() == "passwords":
            _change_password()
        st.button("Log out", icon=":material/logout:", on_click=_leave, key="log-out", width="stretch")


def _leave() -> None:
    log_out(get_workspace(), session_secret(get_workspace()) or "")


def _change_password() -> None:
    with st.form("new-password", border=False, clear_on_submit=True):
        old = st.text_input("Present password", type="password", max_chars=LONGEST_PASSWORD)
        new = st.text_input(
            "New password",
            type="password",
            max_chars=LONGEST_PASSWORD,
            help=f"{SHORTEST_PASSWORD} characters or more. You log in again with it, here and elsewhere.",
        )
        sent = st.form_submit_button("Change password", width="stretch")
    actor = current_actor()
    if sent and actor is not None:
        try:
            address = str(st.context.ip_address or "")
            change_own_password(get_workspace(), actor, old=old, new=new, address=address)
        except LensAppError as error:
            error_box(error)
        else:
            st.rerun()  # the session has ended with the old one
