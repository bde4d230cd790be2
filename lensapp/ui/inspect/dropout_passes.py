"""Passes with dropout, which the order bald needs: offered beside the form of a new review."""

import streamlit as st

from lensapp import jobs
from lensapp.core.errors import LensAppError
from lensapp.services.inspect.acquisition import DEFAULT_PASSES, has_bald, start_bald
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.job_controls import job_progress
from lensapp.ui.shared.widgets import error_box

UNDER_WAY = (
    "Passes with dropout are under way, as the sidebar shows; then the order *bald* can be used. Other "
    "orders need not wait."
)


def offer_passes(ws: Workspace, *, run_name: str, source_name: str) -> None:
    """Say whether the order bald can be used; where passes are missing, offer to compute them."""
    try:
        if has_bald(ws, run_name=run_name, source_name=source_name):
            return
    except LensAppError:
        return  # a run without a network has no such order
    key = f"{run_name}-{source_name}"
    if jobs.active_job(ws.database, "bald", run=run_name, source=source_name):
        st.caption(UNDER_WAY)
        return
    last = jobs.latest_job(ws.database, "bald", run=run_name, source=source_name)
    if last is not None and last.state == "failed":
        job_progress(last, key=f"passes-{key}")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(
            "Prepare the order bald",
            icon=":material/shuffle:",
            key=f"prepare-bald-{key}",
            help=f"Passes {source_name} {DEFAULT_PASSES} times through {run_name} with dropout on. "
            "Candidates on which the passes disagree then come first.",
        )
        if not pressed:
            st.caption("Passes with dropout are not stored yet; only that order needs them.")
            return
        try:
            start_bald(ws, run_name=run_name, source_name=source_name)
        except LensAppError as error:
            error_box(error)
            return
        st.caption(UNDER_WAY)
