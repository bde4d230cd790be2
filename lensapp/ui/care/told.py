"""What was done, said above the page that shows what came of it."""

import streamlit as st

from lensapp.ui.shared.markup import plain

TOLD = "workspace-told"


def tell(text: str) -> None:
    """Say on the next run of the page what was done."""
    st.session_state[TOLD] = text
    st.rerun()


def show_told() -> None:
    """Show what was done in the run before."""
    if told := st.session_state.pop(TOLD, None):
        st.success(plain(told), icon=":material/check:")
