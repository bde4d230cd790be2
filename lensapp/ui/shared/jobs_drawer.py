"""The drawer of all jobs: what runs and waits, with phase, rate and log, and what has ended."""

import streamlit as st

from lensapp.core.acting import may, mode
from lensapp.job_kinds import JOB_KINDS, selection_of
from lensapp.services.train.job_control import (
    WAITING_STATES,
    active_jobs,
    recent_jobs,
    resume_job,
    waiting_in_order,
)
from lensapp.services.workers import last_log_lines, worker_alive
from lensapp.storage.records import Job
from lensapp.ui.base_path import base_path
from lensapp.ui.shared.job_controls import job_progress, no_worker, polling, state_text
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.state import address_of, get_workspace, go
from lensapp.ui.shared.widgets import counted, duration, tell_refused, told_instead, when

OPEN = "jobs-drawer-open"
MOST = 40
ENDED_ICONS = {
    "done": ":material/check_circle:",
    "failed": ":material/error:",
    "cancelled": ":material/cancel:",
}


def open_drawer() -> None:
    """Let this run of the script show the drawer, and those after it until it is closed."""
    st.session_state[OPEN] = True


def close_drawer() -> None:
    """Leave the drawer closed from now on."""
    st.session_state.pop(OPEN, None)


def show_drawer() -> None:
    """Show the drawer where it is open."""
    if st.session_state.get(OPEN):
        _drawer()


def link_to(job: Job) -> str:
    """Return the address, within the app, of what a job made."""
    return f"{base_path()}/{JOB_KINDS[job.kind].page}{address_of(selection_of(job.kind, job.payload))}"


@st.dialog("Jobs", width="medium", position="right", icon=":material/list_alt:", on_dismiss=close_drawer)
def _drawer() -> None:
    st.fragment(_show_jobs, run_every=polling(active_jobs(get_workspace())))()


def _show_jobs() -> None:
    """Show the jobs under way in the order in which they are done, then those that have ended."""
    tell_refused()
    ws = get_workspace()
    live = active_jobs(ws)
    ended = [job for job in recent_jobs(ws, limit=MOST) if job.state not in WAITING_STATES]
    if not live and not ended:
        st.caption(
            "Imports, trainings, evaluations and whatever else takes long appear here, with how far they "
            "are and, once they have ended, a link to what they made."
        )
    elif live and not worker_alive(ws):
        st.warning(no_worker())
    running, paused = (
        [one for one in reversed(live) if one.state == state] for state in ("running", "paused")
    )
    for job in (*running, *waiting_in_order(live), *paused):
        with st.container(border=True, gap="xsmall", key=f"drawer-live-{job.id}"):
            job_progress(job, key="drawer", live=live)
            if by := _started_by(job):
                st.caption(by)
            if job.state == "running":
                _show_log(job)
    if ended:
        st.subheader("Ended")
    for job in ended:
        _show_ended(job)


def _show_ended(job: Job) -> None:
    """Show a job that has ended: how, when, how long it took, and the way to what it made or to a retry."""
    took = None if job.started_at is None else (job.finished_at or job.started_at) - job.started_at
    said = state_text(job, []) if took is None else f"{state_text(job, [])} after {duration(max(took, 0.0))}"
    training = (job.result or {}).get("seconds") if job.kind == "train" and job.state == "done" else None
    said += f", {duration(float(training))} of it training" if training and took is not None else ""
    said += f" · {by}" if (by := _started_by(job)) else ""
    with st.container(key=f"drawer-ended-{job.id}", gap=None):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"{ENDED_ICONS[job.state]} {plain(job.title)}", width="stretch")
            if job.state == "done":
                pressed = st.button("Open", key=f"drawer-open-{job.id}", type="tertiary")
                if pressed:
                    close_drawer()
                    go(JOB_KINDS[job.kind].page, view=None, **selection_of(job.kind, job.payload))
            elif may("work") and not job.refused:
                st.button(
                    "Retry" if job.state == "failed" else "Resume",
                    key=f"drawer-retry-{job.id}",
                    type="tertiary",
                    icon=":material/replay:",
                    help="Goes on from what it had stored.",
                    on_click=told_instead(resume_job),
                    args=(get_workspace(), job.id),
                )
        with st.container(horizontal=True, gap="small"):
            st.caption(said)
            when(job.finished_at)
    if job.error:
        with st.expander(plain(job.error[:160])):
            st.code(job.traceback or job.error, language=None, wrap_lines=True)
    _show_log(job)


def _started_by(job: Job) -> str:
    """Return who has started a job, where it may have been somebody else."""
    return plain(f"started by {job.enqueued_by}") if job.enqueued_by and mode() != "alone" else ""


def _show_log(job: Job) -> None:
    """Show the end of what a job has said, where it said anything that is kept."""
    if lines := last_log_lines(get_workspace(), job):
        with st.expander(f"What it wrote: {counted(len(lines), 'line')}", icon=":material/notes:"):
            st.code("\n".join(lines), language=None, wrap_lines=True)
