"""How far each inspector is with their share of a review, and sharing out anew what somebody left."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from lensapp.core.acting import may
from lensapp.services.inspect.shares import Share, reassign
from lensapp.storage.records import Review
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.widgets import counts_spaced, errors_shown

NOBODY = "nobody: they join"


def show_shares(ws: Workspace, review: Review, shares: Sequence[Share]) -> None:
    """Show the shares of a review, where its candidates are shared out."""
    if not shares:
        return
    st.subheader("Shares")
    table = pd.DataFrame(
        [
            {
                "inspector": one.inspector,
                "share": one.candidates,
                "graded": one.graded,
                "left": one.candidates - one.graded,
                "done": 100 * one.graded / max(1, one.candidates),
            }
            for one in shares
        ]
    )
    st.dataframe(
        counts_spaced(table),
        hide_index=True,
        height="content",
        key="team-shares",
        column_config={
            "share": st.column_config.NumberColumn(help="Candidates to grade, blind tests included."),
            "done": st.column_config.ProgressColumn(format="%.0f %%", min_value=0.0, max_value=100.0),
        },
    )
    if review.closed_at is None and may("work"):
        with st.popover("Reassign", icon=":material/swap_horiz:"):
            _ask_reassignment(ws, review, shares)


def _ask_reassignment(ws: Workspace, review: Review, shares: Sequence[Share]) -> None:
    """Ask whose rest goes to whom."""
    st.markdown(
        "What somebody has not graded goes to others, to those first who have least left. Grades stay. "
        "Somebody new who joins takes an equal part of what all have left."
    )
    left = {one.inspector: one.candidates - one.graded for one in shares}
    names = [*left]
    leaver = st.selectbox(
        "What is left of",
        [*names, NOBODY],
        index=max(range(len(names)), key=lambda row: left[names[row]]),
        key="reassign-from",
        format_func=lambda name: f"{name} · {left[name]} left" if name in left else name,
    )
    to = st.multiselect(
        "Goes to",
        [name for name in names if name != leaver] if leaver != NOBODY else [],
        accept_new_options=True,
        placeholder="a new name" if leaver == NOBODY else "all others, or names, also new ones",
        key=f"reassign-to-{leaver}",
    )
    if st.button("Reassign", type="primary", key="reassign-do", disabled=leaver == NOBODY and not to):
        with errors_shown():
            reassign(ws, review.name, leaver=None if leaver == NOBODY else leaver, to=to)
            st.rerun()
