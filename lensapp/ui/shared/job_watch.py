"""Start a job from a page and follow it there until it ends."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from lensapp.core.errors import LensAppError
from lensapp.services.train import runs
from lensapp.services.workers import worker_alive
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.state import get_workspace
from lensapp.ui.shared.widgets import error_box, job_progress


def watch_job(ws: Workspace, kind: str, **payload: Any) -> bool:
    """Follow the newest job of a kind whose payload holds `payload`; return whether it is under way.

    One that failed or was cancelled shows why, with the button that queues it again.
    """
    job = runs.latest_job(ws, kind, **payload)
    if job is None or job.state == "done":
        return False
    if job.state in ("failed", "cancelled"):
        if job.state == "failed":
            job_progress(job, key=f"watch-{kind}")
        return False
    st.fragment(_follow, run_every=1)(kind, payload, job.id)
    return True


def _follow(kind: str, payload: dict[str, Any], job_id: int) -> None:
    ws = get_workspace()
    job = runs.active_job(ws, kind, **payload)
    if job is None or job.id != job_id:
        st.rerun(scope="app")
    job_progress(job, key=f"watch-{kind}")
    if not worker_alive(ws):
        st.warning("No worker is alive. Start one with `python -m lensapp worker`.")


def start_button(label: str, *, start: Callable[..., object], ws: Workspace, **arguments: Any) -> None:
    """Show a button that calls `start(ws, **arguments)` and shows what it refuses."""
    key = "-".join(["start", label.lower().replace(" ", "-"), *map(str, arguments.values())])
    if not st.button(label, type="primary", icon=":material/play_arrow:", key=key):
        return
    try:
        start(ws, **arguments)
    except LensAppError as error:
        error_box(error)
        return
    st.rerun()
