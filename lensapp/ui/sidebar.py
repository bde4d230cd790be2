"""The bottom of the sidebar on every page: running jobs, inspector, workspace; notices of jobs that ended."""

import html
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlsplit

import streamlit as st

from lensapp.core.acting import may, mode
from lensapp.core.inspect.inspector_names import LONGEST_NAME
from lensapp.core.plurals import counted
from lensapp.job_kinds import JOB_KINDS, selection_of
from lensapp.services.train.job_control import (
    MOVING_STATES,
    active_jobs,
    ended_jobs,
    state_of_queue,
)
from lensapp.services.workers import worker_alive
from lensapp.storage.records import Job
from lensapp.ui.access.account_menu import show_account
from lensapp.ui.access.identity import session_of_page
from lensapp.ui.base_path import base_path
from lensapp.ui.drawing.component import save_figures
from lensapp.ui.gallery.component import (
    follow_theme,
    keep_inspector,
    lead_into_popovers,
    show_stamps_large,
)
from lensapp.ui.pulse import watch_queue
from lensapp.ui.shared.address import in_fragment_run
from lensapp.ui.shared.client_modules import (
    keep_help_quiet,
    show_unfolded,
    step_back_once,
    tell_whole_names,
    told_by,
)
from lensapp.ui.shared.job_controls import (
    POLL_SECONDS,
    fraction_done,
    no_worker,
    progress_text,
    state_text,
)
from lensapp.ui.shared.jobs_drawer import link_to, open_drawer, show_drawer
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.state import (
    GOING,
    INSPECTOR,
    KINDS,
    PAGE,
    PAGES,
    ask_to_go,
    get_workspace,
    inspector,
    selected,
    theme,
    why_not_inspector,
)
from lensapp.ui.shared.widgets import tell_refused, time_left

TOLD_SECONDS = 10  # of a notice with a link, and as long as the mouse or the keyboard is on it
KEEPER = "inspector-kept"
NAMED = "inspector-named"
PULSE = "pulse"
SEEN = "jobs-seen"  # numbers of the jobs under way when the sidebar was drawn last
LINES = "jobs-lines"  # where the jobs stand, and the state of the queue when they were drawn
ENDED = "jobs-ended"  # numbers of those that have ended since, to be told
UNTOLD = ("explain", "member")  # seconds each, or a run among many


def show_sidebar() -> None:
    """Show running jobs, who is at work, and the workspace; say which jobs have ended."""
    with st.sidebar:
        if st.button("Jobs", icon=":material/list_alt:", type="tertiary", key="jobs"):
            open_drawer()
        _jobs()
        if mode() == "alone":
            _ask_name()
        else:
            show_account()
        with st.container(key="theme-keeper"):
            follow_theme(key="theme-followed", theme=theme())
            lead_into_popovers(key="popovers-led")
            tell_whole_names()
            keep_help_quiet()
            show_unfolded()
            show_stamps_large()
            step_back_once()
            save_figures()

        folder = get_workspace().folder
        if may("keep"):
            st.page_link(
                PAGES / "workspace.py",
                label=f"Workspace: {plain(folder.name)}",
                icon=":material/hard_drive:",
                help=plain(folder),
            )
        else:
            st.caption(f"Workspace: {plain(folder.name)}")
    _tell_ended()
    tell_refused()
    show_drawer()


def _ask_name() -> None:
    """Ask for the inspector's name, which the browser keeps: a reload of any page has it again."""
    st.text_input(
        "Inspector",
        key=INSPECTOR,
        placeholder="your name",
        max_chars=LONGEST_NAME,
        persist_state="session",
        help="Signs your votes. Every vote is kept with its inspector's name.",
    )
    if why := why_not_inspector():
        st.caption(f":red[:material/error: {plain(why)}]")

    def recall() -> None:
        name = told_by(KEEPER, "name")
        if name:  # else the browser tells it again
            st.session_state[INSPECTOR] = str(name).strip()[:LONGEST_NAME]

    if inspector() or why:  # one that is refused is forgotten by the browser, too
        st.session_state[NAMED] = True
    with st.container(key="inspector-keeper"):
        ask = not st.session_state.get(NAMED)
        keep_inspector(key=KEEPER, name=inspector(), ask=ask, on_name_change=recall)


@st.fragment
def _jobs() -> None:
    """Show the jobs under way, renewed while one moves; otherwise when the queue is said to have changed."""
    if in_fragment_run() and GOING in st.session_state:
        st.rerun(scope="app")
    workspace = get_workspace()
    drawn, live = state_of_queue(workspace), active_jobs(workspace)
    with st.container(key="pulse-keeper"):
        watch_queue(key=PULSE, drawn=drawn, on_opened=_open_link)
    moving = any(job.state in MOVING_STATES for job in live)
    st.fragment(_show_running, run_every=POLL_SECONDS if moving else None)()


def _open_link() -> None:
    """Open the address that a notice links to."""
    address = urlsplit(str(told_by(PULSE, "opened") or ""))
    page = address.path.removeprefix(base_path()).strip("/")
    if (PAGES / f"{page}.py").is_file() and page.isidentifier():
        asked = dict(parse_qsl(address.query))
        ask_to_go(page, view=None, **{kind: name for kind, name in asked.items() if kind in KINDS})


def _show_running() -> None:
    """Show what runs in two lines; when a job has ended the page runs again, to show what it made.

    So it does when nobody is logged in any more.
    """
    workspace = get_workspace()
    if in_fragment_run() and session_of_page(workspace, in_use=False) is None:
        st.rerun(scope="app")
    live = active_jobs(workspace)
    before: set[int] = st.session_state.get(SEEN, set())
    now = {job.id for job in live}
    st.session_state[SEEN] = now
    st.session_state[ENDED] = st.session_state.get(ENDED, set()) | (before - now)
    page = st.session_state.get(PAGE)
    begun = any(job.id not in before and JOB_KINDS[job.kind].page == page for job in live)
    if in_fragment_run() and (before - now or begun):
        st.rerun(scope="app")
    if in_fragment_run():  # what stands here changes in its place: emptied first it would blink
        st.session_state[LINES] = None
        _show_lines(st.container(key="jobs-now", gap=None), live)
        return
    place = st.empty()
    st.session_state[LINES] = place, state_of_queue(workspace)
    _show_lines(place.container(key="jobs-now", gap=None), live)


def _show_lines(box: st.delta_generator.DeltaGenerator, live: Sequence[Job]) -> None:
    with box:
        if live:
            _show_first(live, served=worker_alive(get_workspace()))
        else:
            st.html('<span class="when">Nothing is running.</span>')
            st.empty()  # in the place of the last job's bar, which would stand until the page is drawn


def refresh_jobs() -> None:
    """Show the jobs again where the page has begun one since they were drawn."""
    place, drawn = st.session_state.pop(LINES, None) or (None, None)
    if place is not None and drawn != state_of_queue(get_workspace()):
        _show_lines(place.container(key="jobs-now-again", gap=None), active_jobs(get_workspace()))


def _show_first(live: Sequence[Job], *, served: bool) -> None:
    """Show the job that has run longest, or else waits longest, and how many others there are."""
    first = min(live, key=lambda job: (job.state != "running", job.state != "queued", job.id))
    left = first.progress.get("seconds_left")
    parts = [state_text(first, live) if served else "no worker is running"]
    if first.state == "running" and not first.command and served:
        rest = str(first.progress.get("message") or "at work") if left is None else time_left(float(left))
        done = 0.0 < fraction_done(first) < 1.0
        parts = [f"{100 * fraction_done(first):.0f} %", rest] if done else [progress_text(first)]
    if len(live) > 1:
        parts.append(counted(len(live) - 1, "more job"))
    hint = f"{first.title} · {progress_text(first)}" if served else no_worker().replace("`", "")
    hint, title, state = (html.escape(text, quote=True) for text in (hint, first.title, " · ".join(parts)))
    st.html(f'<span class="when" title="{hint}">{title}</span><br><span class="when">{state}</span>')
    st.progress(fraction_done(first))


def _tell_ended() -> None:
    """Say which jobs have ended, each with a link to what it made, but for what this page shows anyhow."""
    ids: set[int] = st.session_state.pop(ENDED, set())
    for job in ended_jobs(get_workspace(), ids) if ids else ():
        made = selection_of(job.kind, job.payload)
        here = st.session_state.get(PAGE) == JOB_KINDS[job.kind].page
        if job.state == "cancelled" or job.kind in UNTOLD:
            continue
        if here and all(selected(kind) == name for kind, name in made.items()):
            continue
        link = f"[Open]({link_to(job)})"
        if job.state == "failed":
            st.toast(f"**{plain(job.title)}** failed. {link}", icon=":material/error:", duration=TOLD_SECONDS)
        else:
            icon = ":material/check_circle:"
            st.toast(f"**{plain(job.title)}** is finished. {link}", icon=icon, duration=TOLD_SECONDS)
