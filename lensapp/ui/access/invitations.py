"""Who is invited to which review, changed from the side of a person or of a review."""

import streamlit as st

from lensapp.core.acting import may, mode
from lensapp.services.access import accounts, people
from lensapp.storage.records import Review
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.address import digest
from lensapp.ui.shared.markup import plain_all
from lensapp.ui.shared.widgets import errors_shown


def change_invitations(ws: Workspace, present: set[tuple[str, str]], wanted: set[tuple[str, str]]) -> None:
    """Invite, and take invitations back, until those of (account, review) in `present` are as `wanted`."""
    for name, review in sorted(wanted - present):
        accounts.invite(ws, name, review)
    for name, review in sorted(present - wanted):
        accounts.uninvite(ws, name, review)


def show_voters(ws: Workspace, review: Review) -> None:
    """Say who may vote in a review, and let accounts be invited; alone, whoever types a name may."""
    if mode() == "alone" or not may("work"):
        return
    st.subheader("Who may vote")
    voters = people.voters_of(ws, review.name)
    by = {how: [one.name for one in voters if one.admitted == how] for how in ("role", "named", "invited")}
    said = [
        f"{words}: {plain_all(by[how])}."
        for how, words in (("named", "Named by the review"), ("role", "By their role"))
        if by[how]
    ]
    st.caption(" ".join([*said, "Others are invited; an invitation can be taken back."]))
    present = by["invited"]
    offered = [one.name for one in voters if one.admitted in (None, "invited")]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wanted = st.multiselect(
            "Invited",
            offered,
            default=present,
            key=f"voters-{review.id}-{digest(present)}",
            placeholder="nobody" if offered else "everybody who has an account may vote already",
            disabled=review.closed_at is not None,
        )
        if st.button("Save", key="voters-do", disabled=set(wanted) == set(present)):
            with errors_shown():
                pairs = ({(name, review.name) for name in names} for names in (present, wanted))
                change_invitations(ws, *pairs)
                st.rerun()
