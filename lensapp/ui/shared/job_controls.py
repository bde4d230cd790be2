"""Jobs on a page: start one, follow it, pause, resume and stop it, and see what troubles it."""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, TypeVar

import streamlit as st

from lensapp.core.acting import may
from lensapp.core.errors import LensAppError, NotFound
from lensapp.core.typed_commands import as_typed_here
from lensapp.job_kinds import JOB_KINDS
from lensapp.services.train import job_control
from lensapp.services.train.job_control import MOVING_STATES, WAITING_STATES, JobStanding
from lensapp.services.train.studies import WORKERS
from lensapp.services.workers import count_workers, last_log_lines, worker_alive
from lensapp.storage.records import Job
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.address import in_fragment_run, kept, switch
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_words import in_page_words
from lensapp.ui.shared.state import choose, get_workspace
from lensapp.ui.shared.widgets import (
    duration,
    error_box,
    number,
    relative_time,
    tell_refused,
    time_left,
    told_instead,
)

Standing = TypeVar("Standing", bound=JobStanding)
REDRAW_SECONDS = 2.0
POLL_SECONDS = 1.0
STATE_COLOURS = {
    "running": "green",
    "finished": "blue",
    "failed": "red",
    "stalled": "orange",
    "pausing": "orange",
    "stopping": "orange",
    "paused": "orange",
}


def start_button(
    label: str,
    *,
    start: Callable[..., object],
    ws: Workspace,
    secondary: bool = False,
    **arguments: Any,
) -> None:
    """Show a button that calls `start(ws, **arguments)` and shows what it refuses."""
    key = "-".join(["start", label.lower().replace(" ", "-"), *map(str, arguments.values())])
    if not st.button(
        label, type="secondary" if secondary else "primary", icon=":material/play_arrow:", key=key
    ):
        return
    try:
        start(ws, **arguments)
    except LensAppError as error:
        error_box(error)
        return
    st.rerun()


def spread_field(ws: Workspace, *, key: str) -> str | None:
    """Ask, where several workers are alive, whether a study is spread over them; return how it is."""
    workers = count_workers(ws)
    if workers < 2:
        return None
    spread = st.checkbox(
        f"Spread over {workers} workers",
        help="Each takes a run at a time, on its own machine.",
        **kept("spread", switch(), default=False, key=key),
    )
    return WORKERS if spread else None


def watch_job(ws: Workspace, kind: str, **payload: Any) -> bool:
    """Follow the newest job of a kind whose payload holds `payload`; return whether it is under way.

    One that failed shows why, with the button that queues it again.
    """
    job = job_control.latest_job(ws, kind, **payload)
    if job is None or job.state in ("done", "cancelled"):
        return False
    if job.state == "failed":
        job_progress(job, key=f"watch-{kind}")
        return False
    st.fragment(_follow, run_every=polling([job]))(kind, payload, job.id)
    return True


def polling(watched: Iterable[Job]) -> float | None:
    """Return how often a fragment that shows these jobs runs, in seconds: never where none moves.

    The sidebar learns of the beginning of others, and has the page run again.
    """
    return POLL_SECONDS if any(job.state in MOVING_STATES for job in watched) else None


def _follow(kind: str, payload: dict[str, Any], job_id: int) -> None:
    ws = get_workspace()
    tell_refused()
    job = job_control.latest_job(ws, kind, **payload)
    if job is None or job.id != job_id or job.state not in WAITING_STATES:
        if in_fragment_run():
            st.rerun(scope="app")
        return
    job_progress(job, key=f"watch-{kind}")
    if not worker_alive(ws):
        st.warning(no_worker())


def no_worker() -> str:
    """Return what to do where jobs wait and no worker is alive."""
    command = as_typed_here("worker", workspace=get_workspace().folder)
    return f"No worker is running. Start one with `{command}`."


def live_jobs(*kinds: str, redrawn: bool = False) -> None:
    """Show the progress of the jobs of these kinds that wait, run or are paused.

    The page is `redrawn` when one begins, pauses or goes on, where it says more of them.
    """
    own = [job for job in job_control.active_jobs(get_workspace()) if job.kind in kinds]
    if own:
        st.fragment(_live_jobs, run_every=polling(own))(kinds, redrawn=redrawn)


def _live_jobs(kinds: Sequence[str], *, redrawn: bool) -> None:
    tell_refused()
    live = job_control.active_jobs(get_workspace())
    if redrawn:
        redraw_when_changed(tuple((job.id, job.state) for job in live), key="live-drawn")
    for job in reversed(live):
        if job.kind in kinds:
            job_progress(job, key="live", live=live)


def job_progress(job: Job, *, key: str = "job", live: Sequence[Job] | None = None) -> None:
    """Show a job's bar, phase, rate, time left, and the buttons that its state allows.

    `live` are the jobs that wait, run or are paused, where they have been read.
    """
    live = job_control.active_jobs(get_workspace()) if live is None else live
    state = state_text(job, live)
    with st.container(key=f"{key}-{job.id}", gap="xsmall"):
        st.markdown(f"{JOB_KINDS[job.kind].icon} **{plain(job.title)}** · {plain(state)}")
        if job.state == "queued":
            st.caption(queue_text(job, live))
        elif job.state != "failed":
            share = [f"{100 * fraction_done(job):.0f} %"] if fraction_done(job) else []  # as the sidebar says
            st.progress(fraction_done(job), text=plain(" · ".join([*share, progress_text(job)])))
        if job.error:
            st.error(plain(in_page_words(job.error)), icon=":material/error:")
        if may("work"):
            with st.container(horizontal=True, gap="small"):
                _show_buttons(job, live, key=f"{key}-{job.id}")


def _show_buttons(job: Job, live: Sequence[Job], *, key: str) -> None:
    """Show the buttons that the state of a job allows; an empty place where one is not, or it would stay."""
    ws, pausable = get_workspace(), JOB_KINDS[job.kind].can_pause
    waiting = job_control.waiting_in_order(live)
    pause, resume = job_control.pause_job, job_control.resume_job
    stop, first = job_control.stop_job, job_control.run_first
    up = "Before all others that wait; what runs goes on."
    buttons: tuple[tuple[bool, str, str, Callable[..., None], bool, str | None], ...] = (
        (job.state == "running" and pausable, "Pause", "pause", pause, bool(job.command), None),
        (job in waiting[1:], "Run first", "vertical_align_top", first, False, up),
        (
            job.state in ("paused", "failed", "cancelled") and not job.refused,
            "Resume",
            "play_arrow",
            resume,
            False,
            None,
        ),
        (job.state in WAITING_STATES, "Stop", "stop", stop, job.command == "stop", None),
    )
    for allowed, label, icon, action, disabled, help_text in buttons:
        if not allowed:
            st.empty()
            continue
        st.button(
            label,
            icon=f":material/{icon}:",
            key=f"{key}-{label.lower().replace(' ', '-')}",
            help=help_text,
            on_click=told_instead(action),
            args=(ws, job.id),
            disabled=disabled,
        )


def fraction_done(job: Job | None) -> float:
    """Return what a job last reported as done, 0 to 1."""
    return min(max(float((job.progress if job else {}).get("fraction") or 0.0), 0.0), 1.0)


def progress_text(job: Job) -> str:
    """Return message, rate and time left of a job in one line; where that is not known, how long it runs."""
    progress = job.progress
    parts = [str(progress.get("message") or ("starting" if job.state == "running" else job.state))]
    if progress.get("rate"):
        parts.append(f"{number(float(progress['rate']))} {progress.get('unit', '/s')}")
    if job.state == "running":
        if progress.get("seconds_left") is not None:
            parts.append(time_left(float(progress["seconds_left"])))
        elif job.started_at is not None:
            so_far = duration(max(time.time() - job.started_at, 0.0))
            parts.append(f"{so_far} so far" if fraction_done(job) else so_far)
    return " · ".join(parts)


def training_text(standing: JobStanding) -> str:
    """Return how far a training is, as a reader goes on after its name: "is in epoch 3 of 20"."""
    if standing.state == "queued":
        return "waits to be trained"
    epoch = str((standing.job.progress if standing.job else {}).get("message") or "")
    if not epoch.startswith("epoch"):
        return "is being trained" if standing.state == "running" else f"is {standing.state}"
    return f"is in {epoch}" if standing.state == "running" else f"is {standing.state}, in {epoch}"


def state_text(job: Job, live: Sequence[Job]) -> str:
    """Return the state of a job in words; one that is queued names what it waits for."""
    if job.state == "running" and job.command:
        return {"pause": "pausing", "stop": "stopping"}[job.command]
    if job.state != "queued":
        return {"done": "finished", "cancelled": "stopped"}.get(job.state, job.state)
    ahead = [other for other in live if other.id != job.id and other.state == "running"]
    return f"waits for: {ahead[-1].title}" if ahead else "waits for a worker"


def queue_text(job: Job, live: Sequence[Job]) -> str:
    """Return since when a job waits, and at which place where others wait too."""
    waiting = [other.id for other in job_control.waiting_in_order(live)]
    place = f"place {waiting.index(job.id) + 1} of {len(waiting)} in the queue" if len(waiting) > 1 else ""
    return " · ".join(filter(None, (f"queued {relative_time(job.created_at)}", place)))


def choose_followed(
    standings: Sequence[Standing],
    *,
    kind: str,
    live_status: Callable[[str], None],
    first: str | None = None,
) -> Standing:
    """Choose a run or a study, and show beside it how it stands, once a second.

    Where the address names none it is one that is running, else `first`, else the newest.
    """
    names = [standing.name for standing in standings]
    running = [standing.name for standing in standings if standing.state == "running"]
    left, right = st.columns([1, 3], vertical_alignment="bottom", gap="medium")
    with left:
        name = choose(
            kind,
            names,
            label=kind.capitalize(),
            help_text=f"The address keeps the {kind}.",
            first=running[0] if running else first,
        )
    standing = next(standing for standing in standings if standing.name == name)
    with right:
        following(live_status, moving=standing.moving)(standing.name)
    return standing


def following(draw: Callable[..., None], *, moving: bool) -> Callable[..., None]:
    """Return what draws a run or a study, once a second by itself while it moves.

    Where that has been deleted meanwhile, in another tab, the whole page is drawn again, without it.
    """

    @wraps(draw)
    def draw_while_there(*arguments: Any, **named: Any) -> None:
        try:
            draw(*arguments, **named)
        except NotFound:
            if not in_fragment_run():
                raise
            st.rerun(scope="app")

    return st.fragment(draw_while_there, run_every=POLL_SECONDS if moving else None)


def redraw_when_changed(stage: tuple[Any, ...], *, key: str) -> None:
    """Rerun the whole page from a fragment when `stage` is another than the one drawn, not too often."""
    drawn, drawn_at = st.session_state.get(key, (stage, 0.0))
    if drawn != stage and time.monotonic() - drawn_at >= REDRAW_SECONDS and in_fragment_run():
        st.session_state[key] = (stage, time.monotonic())
        st.rerun(scope="app")
    st.session_state.setdefault(key, (stage, time.monotonic()))


def badge_and_buttons(
    ws: Workspace, standing: JobStanding, *, page: str, resume_help: str, stop_help: str
) -> None:
    """Show the state of a run or a study and the buttons that it allows; `page` begins their keys."""
    tell_refused()
    st.badge(standing.state, color=STATE_COLOURS.get(standing.state, "gray"))  # type: ignore[arg-type]
    buttons: tuple[tuple[bool, str, str, Callable[..., Any], str | None], ...] = (
        (standing.can_pause, "Pause", ":material/pause:", job_control.pause, None),
        (standing.can_resume, "Resume", ":material/play_arrow:", job_control.resume, resume_help),
        (standing.can_stop, "Stop", ":material/stop:", job_control.stop, stop_help),
    )
    for allowed, label, icon, action, help_text in buttons:
        if allowed and may("work"):
            key = f"{page}-{label.lower()}"
            pressed = told_instead(action)
            st.button(label, icon=icon, on_click=pressed, args=(ws, standing), key=key, help=help_text)
        else:
            st.empty()  # or what stood here would stay until the page is drawn: Stop beside a finished run


def show_troubles(ws: Workspace, standing: JobStanding) -> None:
    """Show what troubles a run or a study: a worker that is silent or absent, or the error that ended it."""
    if standing.state == "stalled":
        st.warning("The worker stopped responding; another will resume it.")
        log_lines = last_log_lines(ws, standing.job) if standing.job else []
        if log_lines:
            with st.expander(f"Last log line: {plain(log_lines[-1][:120])}"):
                st.code("\n".join(log_lines), language=None, wrap_lines=True)
    if standing.command_too_late:
        st.info(
            f"The {standing.command_too_late} came too late, in the last moments of the last epoch, so it "
            "finished; nothing is lost."
        )
    warn_without_worker(ws, standing)
    if standing.job and standing.job.error:
        st.error(plain(in_page_words(standing.job.error)), icon=":material/error:")
        if standing.job.traceback:
            with st.expander("Details"):
                st.code(standing.job.traceback, language=None, wrap_lines=True)


def warn_without_worker(ws: Workspace, standing: JobStanding) -> None:
    """Say how to start a worker where one is waited for and none is running."""
    if standing.state in ("queued", "stalled") and not worker_alive(ws):
        st.warning(no_worker())
