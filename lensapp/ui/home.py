"""The home page: the round as six cards, and what happened last."""

import html
from typing import Literal

import streamlit as st

from lensapp.core.inspect.grades import COLOURS
from lensapp.services.data.pictures import read_pictures
from lensapp.services.overview import (
    Overview,
    Stage,
    example_cutouts,
    overview,
    score_histogram,
    validation_losses,
)
from lensapp.services.train.starter import install_starter, is_starter
from lensapp.ui.data.demo_dialog import demo_dialog
from lensapp.ui.score.starter import offer_starter, show_starter_card
from lensapp.ui.shared.figures import class_colours, line_colours, part_colours
from lensapp.ui.shared.job_controls import live_jobs
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.pictures import bars, line, mosaic, picture_data
from lensapp.ui.shared.state import get_workspace, go
from lensapp.ui.shared.widgets import number, when

MOST_RECENT = 6
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
    st.title("The round")
    for index, (cell, stage) in enumerate(zip(st.columns(6, gap="small"), facts.stages, strict=True)):
        with cell.container(border=True, key=f"card-{index}", gap="xsmall"):
            picture = _stage_picture(stage, facts) if stage.done else ""
            st.html(
                f'<div class="card-head">{html.escape(stage.name)}</div>'
                f'<div class="card-picture">{picture}</div>'
                f'<div class="card-number">{number(stage.count)}</div>'
                f'<div class="card-detail">{html.escape(stage.unit)}<br>{html.escape(stage.detail)}</div>'
            )
            style: Literal["primary", "secondary"] = "primary" if stage is facts.next_stage else "secondary"
            if st.button(stage.action, key=f"go-{stage.page}", type=style, width="stretch"):
                if stage.page == "score" and not facts.runs:
                    go("score", run=install_starter(get_workspace()).name)
                go(stage.page)
    with st.container(horizontal=True, vertical_alignment="center", key="more-cutouts"):
        if st.button("Make a demo survey", icon=":material/auto_awesome:", type="tertiary", key="demo"):
            demo_dialog()
    live_jobs("demo")
    offer_starter(can_train=bool(facts.datasets))
    left, right = st.columns(2, gap="large")
    with left.container(gap="xsmall"):
        st.subheader("Recent runs")
        if not facts.runs:
            st.caption("Runs appear here once a network has been trained.")
        for run in facts.runs[:MOST_RECENT]:
            auroc = (run.evaluation or {}).get("auroc")
            text = f"{run.model} · {run.state}" + (f" · AUROC {auroc:.3f}" if auroc is not None else "")
            if _row(run.name, icon=STATE_ICONS.get(run.state, ""), text=text, moment=run.created_at):
                page = "score" if is_starter(run) else "evaluate" if run.evaluation else "train"
                go(page, run=run.name)
    with right.container(gap="xsmall"):
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
    live_jobs("demo", "ingest")
    left, right, _ = st.columns([1, 1, 0.6], gap="medium")
    with left.container(border=True, key="first-demo"):
        st.markdown(
            "Two thousand simulated galaxies in three bands with known lenses among them: "
            "enough to walk the whole round."
        )
        if st.button(
            "Make a demo survey", icon=":material/auto_awesome:", type="primary", width="stretch", key="demo"
        ):
            demo_dialog()
    with right.container(border=True, key="first-import"):
        st.markdown(
            "FITS cubes, one file per band, colour images, HDF5 or NumPy arrays. Nothing is written before "
            "you have seen a dry run."
        )
        if st.button("Import cutouts", icon=":material/download:", width="stretch", key="import"):
            go("data")
    with st.container(key="starter-beside", gap="xsmall"):
        st.caption(
            "Cutouts in g, r and i with a known unit of flux can be scored at once: a small trained network, "
            "the starter network, comes with the program."
        )
        show_starter_card()


def _stage_picture(stage: Stage, facts: Overview) -> str:
    """Return a thumbnail of what a stage has made, as HTML."""
    ws = get_workspace()
    if stage.name == "Cutouts":
        examples = example_cutouts(ws, facts.sources[0])
        if not examples:
            return ""
        _, pictures = read_pictures(ws, facts.sources[0], examples)
        return f'<img alt="" src="{picture_data(mosaic(pictures, across=2))}">'
    if stage.name == "Dataset":
        counts, colours = facts.datasets[0].counts, part_colours()
        parts = [part for part in colours if part in counts]
        sizes = [float(sum(counts[part].values())) for part in parts]
        return bars(sizes, colours=[colours[part] for part in parts])
    if stage.name == "Network":
        return line(validation_losses(ws, facts.runs[0]), colour=line_colours()[0])
    if stage.name == "Scores":
        return bars(score_histogram(ws, facts), colours=[class_colours()["lens"]])
    votes = [float(facts.grades.get(letter, 0)) for letter in COLOURS]
    return bars(votes, colours=list(COLOURS.values()))
