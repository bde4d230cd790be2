"""The home page: the round as six cards, and what happened last."""

import html

import streamlit as st

from lensapp.core.inspect.grades import COLOURS
from lensapp.services.overview import (
    Overview,
    Stage,
    example_cutouts,
    overview,
    score_histogram,
    validation_losses,
)
from lensapp.ui.data.demo_dialog import demo_dialog
from lensapp.ui.shared.figures import class_colours, line_colours, part_colours
from lensapp.ui.shared.job_controls import live_jobs
from lensapp.ui.shared.pictures import bars, line, mosaic, picture_data, read_pictures
from lensapp.ui.shared.state import get_workspace, go
from lensapp.ui.shared.widgets import number, when

RECENT = 6
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
    _cards(facts)
    st.space("small")
    left, right = st.columns(2, gap="large")
    with left.container(gap="xsmall"):
        _recent_runs(facts)
    with right.container(gap="xsmall"):
        _recent_reviews(facts)


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


def _cards(facts: Overview) -> None:
    for index, (cell, stage) in enumerate(zip(st.columns(6, gap="small"), facts.stages, strict=True)):
        is_next = stage is facts.next_stage
        with cell.container(border=True, key=f"card-{index}", gap="xsmall"):
            st.html(_card(stage, _picture(stage, facts)))
            if st.button(
                stage.action,
                key=f"go-{stage.page}",
                type="primary" if is_next else "secondary",
                width="stretch",
            ):
                go(stage.page)


def _card(stage: Stage, picture: str) -> str:
    return (
        f'<div class="card-head">{html.escape(stage.name)}</div>'
        f'<div class="card-picture">{picture}</div>'
        f'<div class="card-number">{number(stage.count)}</div>'
        f'<div class="card-detail">{html.escape(stage.unit)}<br>{html.escape(stage.detail)}</div>'
    )


def _picture(stage: Stage, facts: Overview) -> str:
    if not stage.done:
        return ""
    drawn = {
        "Cutouts": _cutout_picture,
        "Dataset": _dataset_picture,
        "Network": _network_picture,
        "Scores": _scores_picture,
        "Votes": _votes_picture,
        "Catalogue": _votes_picture,
    }
    return drawn[stage.name](facts)


def _cutout_picture(facts: Overview) -> str:
    source = facts.sources[0]
    examples = example_cutouts(get_workspace(), source)
    if not examples:
        return ""
    _, pictures = read_pictures(source, examples)
    return f'<img alt="" src="{picture_data(mosaic(pictures, across=2))}">'


def _dataset_picture(facts: Overview) -> str:
    counts = facts.datasets[0].counts
    colours = part_colours()
    names = [part for part in colours if part in counts]
    values = [float(sum(counts[part].values())) for part in names]
    return bars(values, colours=[colours[part] for part in names])


def _network_picture(facts: Overview) -> str:
    return line(validation_losses(get_workspace(), facts.runs[0]), colour=line_colours()[0])


def _scores_picture(_facts: Overview) -> str:
    return bars(score_histogram(get_workspace()), colours=[class_colours()["lens"]])


def _votes_picture(facts: Overview) -> str:
    values = [float(facts.grades.get(letter, 0)) for letter in COLOURS]
    return bars(values, colours=list(COLOURS.values()))


def _recent_runs(facts: Overview) -> None:
    st.subheader("Recent runs")
    if not facts.runs:
        st.caption("Runs appear here once a network has been trained.")
    for run in facts.runs[:RECENT]:
        area = (run.evaluation or {}).get("auroc")
        text = f"{run.model} · {run.state}" + (f" · AUROC {area:.3f}" if area is not None else "")
        if _row(run.name, icon=STATE_ICONS.get(run.state, ""), text=text, moment=run.created_at):
            go("evaluate" if run.evaluation else "train", run=run.name)


def _recent_reviews(facts: Overview) -> None:
    st.subheader("Recent reviews")
    if not facts.reviews:
        st.caption("Reviews appear here once candidates have been queued for inspection.")
    for review in facts.reviews[:RECENT]:
        text = f"{number(facts.voted.get(review.id, 0))} of {number(review.size)} graded"
        text += "" if review.closed_at is None else " · closed"
        if _row(review.name, icon=":material/grid_view:", text=text, moment=review.created_at):
            go("inspect", review=review.name)


def _row(name: str, *, icon: str, text: str, moment: float) -> bool:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"recent-{name}"):
        pressed = st.button(name, icon=icon or None, type="tertiary", key=f"open-{name}")
        st.caption(text, width="stretch")
        when(moment)
    return pressed
