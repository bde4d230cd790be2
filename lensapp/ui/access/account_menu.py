"""Who is logged in, at the bottom of the sidebar: own votes and sessions, a new password, the way out."""

import pandas as pd
import streamlit as st

from lensapp.core.acting import current_actor, mode
from lensapp.core.errors import LensAppError
from lensapp.services.access.accounts import LONGEST_PASSWORD, SHORTEST_PASSWORD
from lensapp.services.access.log_in import LONGEST_DAYS, change_own_password, idle_hours, log_out
from lensapp.services.access.people import log_out_everywhere, own_sessions
from lensapp.services.inspect.votes import own_votes
from lensapp.ui.access.identity import session_secret
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.state import get_workspace
from lensapp.ui.shared.widgets import counted, error_box, number, told_instead


def show_account() -> None:
    """Show the name and role of who is logged in, with what they can do about it."""
    actor = current_actor()
    if actor is None:
        return
    with st.popover(plain(actor.name), icon=":material/account_circle:", width="stretch", key="account"):
        st.caption(f"You are {actor.described} here.")
        if st.button("Votes and sessions", icon=":material/how_to_vote:", key="own-account", width="stretch"):
            show_own_account()
        if mode() == "passwords":
            _change_password()
        st.button(
            "Log out", icon=":material/logout:", on_click=told_instead(_leave), key="log-out", width="stretch"
        )


@st.dialog("Your account", width="medium", icon=":material/account_circle:")
def show_own_account() -> None:
    """Show what who is logged in has graded, and in how many browsers they are logged in."""
    ws, actor = get_workspace(), current_actor()
    if actor is None:
        return
    st.markdown("#### Your votes")
    votes = own_votes(ws)
    if votes:
        st.dataframe(
            pd.DataFrame(
                [
                    {
                        "review": one.review.name,
                        "graded": 100 * one.graded / max(one.review.size, 1),
                        "candidates": f"{number(one.graded)} of {number(one.review.size)}",
                        "last vote": pd.Timestamp(one.last_at, unit="s", tz="UTC"),
                        "state": "closed" if one.review.closed_at else "open",
                    }
                    for one in votes
                ]
            ),
            hide_index=True,
            width="stretch",
            height="content" if len(votes) <= 10 else 380,
            column_config={
                "graded": st.column_config.ProgressColumn(format="%.0f %%", min_value=0.0, max_value=100.0),
                "last vote": st.column_config.DatetimeColumn(format="distance"),
            },
        )
    else:
        st.caption("You have graded nothing yet. What you grade will be counted here, by review.")
    st.markdown("#### Your sessions")
    count = own_sessions(ws)
    st.caption(
        f"You are logged in in {counted(count, 'browser')}. A session ends when you log out, after "
        f"{idle_hours():g} hours without use, or after {LONGEST_DAYS:g} days."
    )
    if st.button("Log out everywhere", icon=":material/logout:", key="log-out-everywhere"):
        log_out_everywhere(ws, actor)
        st.rerun()


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
