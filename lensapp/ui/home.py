"""The home page: the round at a glance."""

import streamlit as st


def show() -> None:
    """Show the home page."""
    st.title("Home")
