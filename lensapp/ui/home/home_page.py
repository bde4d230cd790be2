"""The home page: the round as six cards, and what happened last."""

import time
from collections.abc import Sequence

import streamlit as st

from lensapp.job_kinds import JOB_KINDS
from lensapp.services.data.demo import KIND as DEMO
from lensapp.services.data.demo import example_lenses
from lensapp.services.evaluate.compare.better_told import better_told
from lensapp.services.overview import Overview, newest_run, overview, state_in_words
from lensapp.services.recent import recent_changes
from lensapp.services.train.job_control import active_jobs
from lensapp.services.train.run_listing import study_of_runs
from lensapp.services.train.starter import is_starter
from lensapp.storage.records import Run
from lensapp.ui.data.demo_dialog import demo_dialog
from lensapp.ui.evaluate.compare.other_run import show_other_run
from lensapp.ui.home.cards import show_cards
from lensapp.ui.home.tour import show_tour, start_tour
from lensapp.ui.score.starter import offer_starter, show_starter_card
from lensapp.ui.shared.job_controls import live_jobs
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_head import current_round, follow_export, show_next_step
from lensapp.ui.shared.pictures import sheet
from lensapp.ui.shared.state import get_workspace, go, take_awaited
from lensapp.ui.shared.widgets import counted, number, when

DAY_SECONDS = 86_400.0
MOST_CHANGES = 8
MOST_RECENT = 6
EXAMPLES = 12
STATE_ICONS = {
    "done": ":material/check_circle:",
    "finished": ":material/check_circle:",
    "running": ":material/play_circle:",
    "paused": ":material/pause_circle:",
    "failed": ":material/error:",
    "queued": ":material/schedule:",
}


def show_home() -> None:
    """Show the round as six cards and what happened last, or how to begin."""
    facts = overview(get_workspace())
    if facts.empty:
        _first_steps()
        return
    take_awaited([source.name for source in facts.sources])
    stands = current_round()
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="home-title"):
        st.title("The round")
        show_next_step(stands.next_step, "home", key="home-next")
        follow_export()
    live_jobs(*JOB_KINDS, redrawn=True)
    chosen = stands.selection.get("source")
    show_cards(facts, source_name=chosen)
    newest = newest_run(get_workspace(), facts)
    show_other_run(better_told(get_workspace(), newest) if newest else None, page="evaluate")
    with st.container(horizontal=True, vertical_alignment="center", key="more-cutouts"):
        if st.button("Make a demo survey", icon=":material/auto_awesome:", type="tertiary", key="demo"):
            demo_dialog()
        if st.button("Import cutouts", icon=":material/download:", type="tertiary", key="import"):
            go("data", view={"view": "import"})
    show_tour(
        stands,
        under_way=any(one.name == chosen and one.kind == DEMO for one in facts.sources),
        ended_at=max((run.finished_at or 0.0 for run in facts.runs), default=0.0),
    )
    offer_starter(facts.datasets)
    changes, runs, reviews = st.columns([1.7, 1, 1], gap="medium")
    with changes.container(gap="xsmall"):
        _show_changes()
    with runs.container(gap="xsmall"):
        _show_runs(facts)
    with reviews.container(gap="xsmall"):
        _show_reviews(facts)


def _show_changes() -> None:
    """Show what has changed in the last day, by anybody."""
    st.subheader("In the last day")
    changes = recent_changes(get_workspace(), since=time.time() - DAY_SECONDS, limit=MOST_CHANGES)
    if not changes:
        st.caption("Work that ended, votes, exports and deletions of the last day appear here.")
    for place, change in enumerate(changes):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"change-{place}"):
            st.caption(plain(change.text), width="stretch")
            when(change.at)
            if change.page is not None and st.button("Open", key=f"open-change-{place}", type="tertiary"):
                go(change.page, view=None, **(change.selection or {}))


def _show_runs(facts: Overview) -> None:
    st.subheader("Recent runs")
    if not facts.runs:
        st.caption("Runs appear here once a network has been trained.")
    study_by_run = study_of_runs(get_workspace())
    rows: dict[tuple[str, str], list[Run]] = {}
    for run in facts.runs:
        study = study_by_run.get(run.id)
        rows.setdefault(("run", run.name) if study is None else ("study", study), []).append(run)
    for (kind, name), of_row in list(rows.items())[:MOST_RECENT]:
        newest = of_row[0]
        icon = STATE_ICONS.get(newest.state, "")
        if _row(name, icon=icon, text=_in_one_line(of_row, kind=kind), moment=newest.created_at):
            if kind == "study":
                go("experiments", study=name)
            go(
                "score" if is_starter(newest) else "evaluate" if newest.evaluation else "train",
                run=newest.name,
            )


def _in_one_line(of_row: Sequence[Run], *, kind: str) -> str:
    """Return the state and AUROC of a run, or the number of those of a study and the range of theirs."""
    aurocs = [one for one in ((run.evaluation or {}).get("auroc") for run in of_row) if one is not None]
    state = state_in_words(of_row[0]) if kind == "run" else counted(len(of_row), "run")
    if not aurocs:
        return state
    low, high = f"{min(aurocs):.3f}", f"{max(aurocs):.3f}"
    measured = f"AUROC {low}" if low == high else f"AUROC {low} to {high}"
    return measured if state == "finished" else f"{state} · {measured}"  # which its icon says


def _show_reviews(facts: Overview) -> None:
    st.subheader("Recent reviews")
    if not facts.reviews:
        st.caption("Reviews appear here once candidates have been queued for inspection.")
    for review in facts.reviews[:MOST_RECENT]:
        text = f"{number(facts.voted.get(review.id, 0))} of {number(review.size)} graded"
        text += "" if review.closed_at is None else " · closed"
        if _row(review.name, icon=":material/grid_view:", text=text, moment=review.created_at):
            go("inspect", review=review.name)


def _row(name: str, *, icon: str, text: str, moment: float) -> bool:
    """Show a run or a review in one line; return whether its name was pressed."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"recent-{name}"):
        pressed = st.button(plain(name), icon=icon or None, type="tertiary", key=f"open-{name}")
        st.caption(plain(text), width="stretch")
        when(moment)
    return pressed


def _first_steps() -> None:
    st.title("Find gravitational lenses")
    st.markdown("Begin with cutouts: of a simulated survey, or of your own.")
    live_jobs("demo", "demo-tiles", "ingest")
    sheet(example_lenses(), columns=EXAMPLES)
    st.caption("Lenses as the demo survey simulates them, in g, r and i.")
    left, right = st.columns(2, gap="medium")
    with left.container(border=True, height="stretch", vertical_alignment="distribute", key="first-demo"):
        _offer_tour()
    with right.container(border=True, height="stretch", vertical_alignment="distribute", key="first-import"):
        st.markdown(
            "#### :material/folder_open: Your own cutouts\n\nFITS cubes, one file per band, colour images, "
            "HDF5 or NumPy arrays, tiles with a catalogue. Nothing is written before you have seen a dry run."
        )
        if st.button("Import cutouts", icon=":material/download:", width="stretch", key="import"):
            go("data")
    if st.button(
        "Make a demo survey of another kind", icon=":material/auto_awesome:", type="tertiary", key="demo"
    ):
        demo_dialog()
    with st.container(key="starter-beside", gap="xsmall"):
        st.caption(
            "Cutouts in g, r and i with a known unit of flux can be scored at once: a small trained network, "
            "the starter network, comes with the program."
        )
        show_starter_card()


def _offer_tour() -> None:
    """Say what the tour is and offer to begin it, unless its survey is being made."""
    st.markdown(
        "#### :material/tour: The whole round in ten minutes\n\nTrain a network on two thousand simulated "
        "galaxies, search a thousand others with it, grade the best, and train again on what you found."
    )
    made = any(job.kind == DEMO for job in active_jobs(get_workspace()))
    if st.button(
        "Get started",
        icon=":material/tour:",
        type="primary",
        width="stretch",
        key="tour",
        disabled=made,
        help="The demo survey is being made; the next step stands here when it is ready." if made else None,
    ):
        start_tour()
        st.rerun()
