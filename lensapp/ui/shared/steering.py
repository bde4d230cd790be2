"""What the pages of trainings and of studies share: state, pause, resume and stop, live redraws, troubles."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from lensapp.services.train.job_control import JobStanding
from lensapp.services.workers import worker_alive
from lensapp.storage import queue
from lensapp.storage.records import Job
from lensapp.storage.workspace import Workspace

REDRAW_SECONDS = 2.0
TOO_LATE = {
    "pause": "The pause came too late, in the last moments of the last epoch.",
    "stop": "The stop came too late, in the last moments of the last epoch.",
}
STATE_COLOURS = {
    "running": "green",
    "finished": "blue",
    "failed": "red",
    "stalled": "orange",
    "pausing": "orange",
    "stopping": "orange",
    "paused": "orange",
}


@dataclass(frozen=True)
class Steering:
    """How a page steers what it shows: functions of (workspace, name), and words for two buttons."""

    page: str
    pause: Callable[[Workspace, str], Any]
    resume: Callable[[Workspace, str], Any]
    stop: Callable[[Workspace, str], Any]
    resume_help: str
    stop_help: str


def redraw_when_changed(stage: tuple[Any, ...], *, key: str) -> None:
    """Rerun the whole page from a fragment when `stage` is another than the one drawn, not too often."""
    drawn, drawn_at = st.session_state.get(key, (stage, 0.0))
    if drawn != stage and time.monotonic() - drawn_at >= REDRAW_SECONDS:
        st.session_state[key] = (stage, time.monotonic())
        st.rerun(scope="app")
    st.session_state.setdefault(key, (stage, time.monotonic()))


def fraction_done(standing: JobStanding) -> float:
    """Return what the job last reported as done, 0 to 1."""
    progress = standing.job.progress if standing.job else {}
    return min(max(float(progress.get("fraction") or 0.0), 0.0), 1.0)


def badge_and_buttons(ws: Workspace, standing: JobStanding, name: str, steering: Steering) -> None:
    """Show the state and the buttons that it allows."""
    st.badge(standing.state, color=STATE_COLOURS.get(standing.state, "gray"))  # type: ignore[arg-type]
    shown = (
        (standing.can_pause, "Pause", ":material/pause:", steering.pause, None),
        (standing.can_resume, "Resume", ":material/play_arrow:", steering.resume, steering.resume_help),
        (standing.can_stop, "Stop", ":material/stop:", steering.stop, steering.stop_help),
    )
    for allowed, label, icon, action, words in shown:
        if allowed:
            key = f"{steering.page}-{label.lower()}"
            st.button(label, icon=icon, on_click=action, args=(ws, name), key=key, help=words)


def show_troubles(ws: Workspace, standing: JobStanding) -> None:
    """Tell of a silent or an absent worker, and of the error that ended the job."""
    if standing.state == "stalled":
        st.warning("Its worker has gone silent. The next free worker goes on from the last epoch.")
        _last_words(ws, standing.job)
    if standing.command_too_late:
        st.info(
            f"{TOO_LATE[standing.command_too_late]} It had all but ended, so it finished; nothing is lost."
        )
    warn_without_worker(ws, standing)
    if standing.job and standing.job.error:
        st.error(standing.job.error, icon=":material/error:")
        if standing.job.traceback:
            with st.expander("Details"):
                st.code(standing.job.traceback, language=None, wrap_lines=True)


def _last_words(ws: Workspace, job: Job | None) -> None:
    words = queue.last_lines(ws, job.id) if job else []
    if words:
        with st.expander(f"Its last words: {words[-1][:120]}"):
            st.code("\n".join(words), language=None, wrap_lines=True)


def warn_without_worker(ws: Workspace, standing: JobStanding) -> None:
    """Tell how to start a worker where one is waited for and none is alive."""
    if standing.state in ("queued", "stalled") and not worker_alive(ws):
        st.warning("No worker is alive. Start one with `python -m lensapp worker`.")
