"""People of the page Workspace: accounts, what they may do, where they are logged in and invited to."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from lensapp.core.acting import RIGHTS, ROLES, current_actor, mode
from lensapp.core.errors import InvalidInput
from lensapp.services.access import accounts, people
from lensapp.services.access.accounts import LONGEST_PASSWORD, SHORTEST_PASSWORD
from lensapp.services.inspect.queues import list_reviews
from lensapp.services.inspect.vote_log import Signature, signatures
from lensapp.storage.workspace import Workspace
from lensapp.ui.access.invitations import change_invitations
from lensapp.ui.care.told import tell
from lensapp.ui.shared.address import NO_ROWS, digest, kept, ticked
from lensapp.ui.shared.markup import plain, plain_all
from lensapp.ui.shared.widgets import counted, counts_spaced, errors_shown, heading, text_table

MAY = {  # role → what it may do
    "administrator": "do everything",
    "scientist": "import, train, score and open reviews",
    "inspector": "vote in the reviews that name or invite them, and see nothing else",
    "reader": "look",
}
ROLE_HELP = f"May: {'; '.join(f'{role} – {may}' for role, may in MAY.items())}."


def _show_names(ws: Workspace) -> None:
    """Show the names that sign votes where nobody logs in, and how a team gets accounts."""
    st.caption("Nobody logs in here: whoever opens this app types a name in the sidebar, which signs votes.")
    if names := signatures(ws):
        heading("Names that have signed votes")
        rows = [
            {
                "inspector": one.inspector,
                "votes": one.votes,
                "reviews": one.reviews,
                "last vote": datetime.fromtimestamp(one.last, UTC),
            }
            for one in names
        ]
        st.dataframe(
            counts_spaced(pd.DataFrame(rows)),
            hide_index=True,
            height="content" if len(rows) <= 12 else 440,
            key="people-names",
            column_config={"last vote": st.column_config.DatetimeColumn(format="distance")},
        )
    heading("Accounts for a team")
    st.markdown("With accounts everybody logs in, and each may do what their role allows:")
    text_table([{"role": role, "may": may} for role, may in MAY.items()])
    st.markdown(
        "Whoever runs this app makes the first account, an administrator, and starts the app again so that "
        "it asks for passwords, or for the log-in that your institute has. Administrators then make all "
        "others here."
    )
    st.caption(
        "How, step by step: the documentation, Running it for a team (docs/deploy.md); who may do what: "
        "Security (docs/security.md)."
    )


def show_people(ws: Workspace) -> None:
    """Show who has an account, and let accounts be made, changed and removed."""
    if mode() == "alone":
        _show_names(ws)
        return
    every = people.list_accounts(ws)
    with st.container(horizontal=True, vertical_alignment="center"):
        roles = [one["role"] for one in every]
        having = (counted(roles.count(role), role) for role in ROLES if role in roles)
        st.caption(f"{counted(len(every), 'account')}: {', '.join(having)}.", width="stretch")
        if st.button("Add a person", type="primary", icon=":material/person_add:", key="person-add"):
            add_person(ws)
    names = [one["name"] for one in every]
    event = st.dataframe(
        _table_of(every, {one.inspector: one for one in signatures(ws)}),
        hide_index=True,
        width="stretch",
        height="content" if len(every) <= 12 else 440,
        on_select="rerun",
        selection_mode="single-row",
        placeholder="–",
        column_config={
            "name": st.column_config.TextColumn(width=170),
            "role": st.column_config.TextColumn(width=105),
            "e-mail": st.column_config.TextColumn(width=150),
            "password": st.column_config.TextColumn(width=75, help="Without one nobody logs in under it."),
            "last seen": st.column_config.DatetimeColumn(
                format="distance", width=110, help="When the app was used last under this account."
            ),
            "sessions": st.column_config.NumberColumn(
                width=75, help="Browsers in which it is logged in now."
            ),
            "votes": st.column_config.NumberColumn(width=60, help="Votes that count."),
            "graded": st.column_config.NumberColumn(width=70, help="Reviews that these votes are in."),
            "invited to": st.column_config.ListColumn(help="Reviews; those that name it are not listed."),
        },
        **kept("person", ticked(names), NO_ROWS, key=f"people-{digest(names)}"),
    )
    rows = event.selection.rows
    if not rows or rows[0] >= len(every):
        st.caption("Tick a person to change the role or the password, to invite, log out or remove.")
        return
    _show_person(ws, every[rows[0]])


def _table_of(every: list[dict[str, Any]], signed: Mapping[str, Signature]) -> pd.DataFrame:
    """Return one row per account, with the votes under its name."""
    now, own = pd.Timestamp.now(tz="UTC"), current_actor()
    lacking = mode() == "passwords" and not all(one["password"] for one in every)
    return pd.DataFrame(
        [
            {
                "name": f"{one['name']} (you)" if own and one["name"] == own.name else one["name"],
                "role": one["role"],
                "e-mail": one["email"],
                **({"password": "yes" if one["password"] else "none"} if lacking else {}),
                "last seen": pd.NaT
                if one["seen_days"] is None
                else now - pd.Timedelta(days=one["seen_days"]),
                "sessions": one["sessions"],
                "votes": signed[one["name"]].votes if one["name"] in signed else 0,
                "graded": signed[one["name"]].reviews if one["name"] in signed else 0,
                "invited to": one["reviews"],
            }
            for one in every
        ]
    )


def _show_person(ws: Workspace, person: dict[str, Any]) -> None:
    name, role, own = person["name"], person["role"], current_actor()
    itself = own is not None and own.name == name
    also = " You are logged out by it." if itself else ""
    with st.container(border=True):
        st.markdown(f"#### {plain(name)}")
        with st.container(horizontal=True):
            with st.popover("Role", icon=":material/badge:"):
                new = st.segmented_control(
                    "Role", list(ROLES), default=role, required=True, key=f"role-{name}", help=ROLE_HELP
                )
                rights = ", ".join(RIGHTS[right] for right in RIGHTS if right in ROLES[new or role])
                may_do = f"May {rights}." if rights else "May look, and change nothing."
                st.caption(f"{may_do}{also or ' Open pages ask for a new log-in.'}")
                if st.button("Change the role", type="primary", key="role-do", disabled=new == role):
                    with errors_shown():
                        accounts.change_role(ws, name, str(new))
                        tell(f"{name} is {new} now.")
            if mode() == "passwords" and st.button("New password", icon=":material/key:", key="password-new"):
                _set_password(ws, name, also)
            with st.popover("Log out", icon=":material/logout:", disabled=not person["sessions"]):
                st.markdown(
                    f"{counted(person['sessions'], 'session')} and the pages open in "
                    f"{'it' if person['sessions'] == 1 else 'them'} end. Votes are kept.{also}"
                )
                if st.button("Log out everywhere", type="primary", key="sessions-end"):
                    ended = people.end_sessions(ws, name)
                    tell(f"{counted(ended, 'session')} of {name} ended.")
            with st.popover("Remove", icon=":material/person_remove:"):
                _removal(ws, name, also)
        if role == "inspector" or person["reviews"]:
            _invitations_of(ws, person)


def _invitations_of(ws: Workspace, person: dict[str, Any]) -> None:
    """Let one account be invited to reviews that go on."""
    running = [one.name for one in list_reviews(ws, shown=person["reviews"]) if one.closed_at is None]
    present = [name for name in person["reviews"] if name in running]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wanted = st.multiselect(
            "Invited to the reviews",
            running,
            default=present,
            key=f"reviews-{person['name']}-{digest(present)}",
            placeholder="none" if running else "no review goes on",
            help="An inspector may vote in these, and in those that name them.",
        )
        if st.button("Save", key="reviews-do", disabled=set(wanted) == set(present)):
            with errors_shown():
                pairs = ({(person["name"], review) for review in names} for names in (present, wanted))
                change_invitations(ws, *pairs)
                tell(f"{person['name']} is invited to {', '.join(wanted) or 'no review'} now.")


def _removal(ws: Workspace, name: str, also: str) -> None:
    """Say what removing an account means, and remove it once its name is typed."""
    with errors_shown():
        removal = people.plan_removal(ws, name)
        graded = sum(removal.votes.values())
        kept_votes = (
            f"Votes on {counted(graded, 'candidate')} of {plain_all(removal.votes)} stay, under the name "
            f"{plain(name)}."
            if graded
            else "There are no votes under its name."
        )
        st.markdown(
            f"{counted(removal.sessions, 'session')} and {counted(removal.invitations, 'invitation')} end; "
            f"the account cannot be brought back. {kept_votes}{also}"
        )
        typed = st.text_input("Type the name to confirm", key=f"remove-{name}")
        if st.button("Remove the account", type="primary", key="remove-do", disabled=typed != name):
            accounts.remove_account(ws, name)
            tell(f"The account {name} is removed.")


def _password_field() -> str:
    """Ask for a password; empty, for one to be made up."""
    return st.text_input(
        "Password to begin with",
        type="password",
        max_chars=LONGEST_PASSWORD,
        autocomplete="new-password",
        placeholder="empty: one is made up and shown once",
        help=f"{SHORTEST_PASSWORD} characters or more. The person changes it at the bottom of the sidebar.",
    )


def _show_once(name: str, password: str) -> None:
    """Show a password that was made up; nothing shows it again."""
    st.success(f"{plain(name)} may log in with this password.", icon=":material/check:")
    st.code(password, language=None)
    st.caption(
        "It is shown once: copy it before you close this. Send it by another way than the address of the "
        "app; it is changed at the bottom of the sidebar."
    )


@st.dialog("Add a person", icon=":material/person_add:", on_dismiss="rerun")
def add_person(ws: Workspace) -> None:
    """Ask for name, role and password of a new account; one that is made up is shown once."""
    place = st.empty()
    with place.form("person", border=False):
        name = st.text_input("Name", max_chars=100, help="Signs votes and the trail.")
        role = st.segmented_control("Role", list(ROLES), default="inspector", required=True, help=ROLE_HELP)
        email = st.text_input(
            "E-mail" if mode() == "oidc" else "E-mail (optional)",
            max_chars=320,
            help="By it an OIDC provider's log-in is known." if mode() == "oidc" else None,
        ).strip()
        typed = _password_field() if mode() == "passwords" else ""
        sent = st.form_submit_button("Add", type="primary")
    if not sent:
        return
    with errors_shown():
        if mode() == "oidc" and not email:
            raise InvalidInput("The provider's log-in is known by its e-mail address. Type that.")
        made = people.first_password() if mode() == "passwords" and not typed else None
        password = made or typed or None
        account = accounts.add_account(ws, name=name, role=str(role), email=email or None, password=password)
        if made is None:
            tell(f"{account.name} may log in as {account.role}.")
        place.empty()
        _show_once(account.name, str(made))


@st.dialog("New password", icon=":material/key:", on_dismiss="rerun")
def _set_password(ws: Workspace, name: str, also: str) -> None:
    place = st.empty()
    with place.form("password", border=False):
        st.markdown(f"{plain(name)} is logged out everywhere and logs in again with the new one.{also}")
        typed = _password_field()
        sent = st.form_submit_button("Set it", type="primary")
    if not sent:
        return
    with errors_shown():
        made = people.first_password() if not typed else None
        accounts.set_password(ws, name, made or typed)
        if made is None:
            tell(f"{name} has a new password.")
        place.empty()
        _show_once(name, str(made))
