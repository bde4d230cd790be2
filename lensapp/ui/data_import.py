"""Import in three steps: choose, dry run, confirm. Nothing is written before the last."""

import streamlit as st


def show() -> None:
    """Show the import."""
    st.info("to come")
