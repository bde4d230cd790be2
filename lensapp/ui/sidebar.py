"""The bottom of the sidebar on every page: workspace, inspector, running jobs."""

import html

import streamlit as st

from lensapp.core.inspect.inspector_names import LONGEST_NAME
from lensapp.services.train.job_control import active_jobs
from lensapp.services.workers import worker_alive
from lensapp.ui.gallery.component import follow_theme, keep_inspector
from lensapp.ui.shared.address import in_fragment_run
from lensapp.ui.shared.figure_files import save_figures
from lensapp.ui.shared.job_controls import NO_WORKER, fraction_done, progress_text, state_text
from lensapp.ui.shared.state import INSPECTOR, get_workspace, inspector, theme

MOST_JOBS = 4
KEEPER = "inspector-kept"
NAMED = "inspector-named"


def show_sidebar() -> None:
    """Show running jobs, the inspector's name and the workspace."""
    with st.sidebar:
        _running_jobs()
        st.text_input(
            "Inspector",
            key=INSPECTOR,
            placeholder="your name",
            max_chars=LONGEST_NAME,
            persist_state="session",
            help="Signs your votes. Every vote is kept with its inspector's name.",
        )

        # The browser keeps the name, so that a reload of any page has it again.
        def recall() -> None:
            st.session_state[INSPECTOR] = str(st.session_state[KEEPER].name or "").strip()[:LONGEST_NAME]

        if inspector():
            st.session_state[NAMED] = True
        with st.container(key="inspector-keeper"):
            ask = not st.session_state.get(NAMED)
            keep_inspector(key=KEEPER, name=inspector(), ask=ask, on_name_change=recall)
            follow_theme(key="theme-followed", theme=theme())
            save_figures()

        folder = get_workspace().folder
        title, name = html.escape(str(folder), quote=True), html.escape(folder.name)
        st.html(f'<span class="when" title="{title}">Workspace: {name}</span>')


@st.fragment(run_every=2)
def _running_jobs() -> None:
    """Show the jobs under way; when one has ended the page runs again, to show what it made."""
    workspace = get_workspace()
    live = active_jobs(workspace)
    job_ids_before: set[int] = st.session_state.get("jobs-seen", set())
    job_ids = {job.id for job in live}
    st.session_state["jobs-seen"] = job_ids
    if job_ids_before - job_ids and in_fragment_run():
        st.rerun(scope="app")
    if not live:
        return
    for job in live[:MOST_JOBS]:
        with st.container(gap=None, key=f"thin-{job.id}"):
            title, state = html.escape(job.title), html.escape(state_text(job, live))
            hint = html.escape(progress_text(job), quote=True)
            st.html(f'<span class="when" title="{hint}">{title} · {state}</span>')
            st.progress(fraction_done(job))
    if len(live) > MOST_JOBS:
        st.caption(f"and {len(live) - MOST_JOBS} more")
    if not worker_alive(workspace):
        st.caption(f":material/warning: {NO_WORKER}")
