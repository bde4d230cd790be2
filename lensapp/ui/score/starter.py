"""The starter network, offered where nothing has been trained yet, and its card."""

import streamlit as st

from lensapp.services.train.starter import install_starter, starter_card
from lensapp.ui.shared.state import get_workspace, go


def offer_starter() -> None:
    """Offer to score cutouts with the starter network, beside its card."""
    with st.container(border=True, key="starter", gap="small"):
        st.markdown("A small trained network comes with the program, for ground-based cutouts in g, r and i.")
        buttons = st.container(horizontal=True)
    with buttons:
        show_starter_card()
        if st.button(
            "Score your cutouts with the starter network",
            icon=":material/rocket_launch:",
            key="score-with-starter",
        ):
            go("score", run=install_starter(get_workspace()).name)


def show_starter_card() -> None:
    """Show on demand what the starter network learned from, what it can do and what not."""
    with st.popover("Its card", icon=":material/id_card:", width="content"):
        st.markdown(starter_card())
