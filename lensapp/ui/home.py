"""The home page: the round as six cards, and what happened last."""

import html
from functools import lru_cache

import numpy as np
import streamlit as st

from lensapp.core.inspect.grades import COLOURS
from lensapp.services.overview import Overview, Stage, overview
from lensapp.storage import runs, sources
from lensapp.storage.records import Review, Run
from lensapp.ui.data.demo_dialog import demo_dialog
from lensapp.ui.shared.figures import class_colours, line_colours, part_colours
from lensapp.ui.shared.job_controls import live_jobs
from lensapp.ui.shared.pictures import bars, line, mosaic, picture_data, read_pictures
from lensapp.ui.shared.state import get_workspace, go
from lensapp.ui.shared.widgets import number, when

RECENT = 6
HISTOGRAM_BINS = 16
LOOKED_AT = 400  # cutouts among which the card finds lenses to show
STATE_ICONS = {
    "done": ":material/check_circle:",
    "finished": ":material/check_circle:",
    "running": ":material/play_circle:",
    "paused": ":material/pause_circle:",
    "failed": ":material/error:",
    "queued": ":material/schedule:",
}


def show() -> None:
    """Show the home page."""
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
    for place, (cell, stage) in enumerate(zip(st.columns(6, gap="small"), facts.stages, strict=True)):
        is_next = stage is facts.next_stage
        with cell.container(border=True, key=f"card-{place}", gap="xsmall"):
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
    columns = sources.cutout_columns(
        get_workspace().database, [source.id], columns=("id", "label"), limit=LOOKED_AT
    )
    lenses = columns["id"][columns["label"] == "lens"]
    chosen = lenses if len(lenses) else columns["id"]
    if not len(chosen):
        return ""
    _, pictures = read_pictures(source, chosen[:4].tolist())
    joined = mosaic(pictures, across=2)
    return f'<img alt="" src="{picture_data(joined)}">'


def _dataset_picture(facts: Overview) -> str:
    counts = facts.datasets[0].counts
    colours = part_colours()
    names = [part for part in colours if part in counts]
    values = [float(sum(counts[part].values())) for part in names]
    return bars(values, colours=[colours[part] for part in names])


def _network_picture(facts: Overview) -> str:
    figures = runs.metrics_of(get_workspace().database, facts.runs[0].id)
    losses = [float(row.get("val_loss") or np.nan) for row in figures]
    return line(losses, colour=line_colours()[0])


def _scores_picture(_facts: Overview) -> str:
    database = get_workspace().database
    run_id, source_id, count = max(runs.score_counts(database))
    counts = _score_histogram(str(get_workspace().folder), run_id, source_id, count)
    return bars(counts, colours=[class_colours()["lens"]])


@lru_cache(maxsize=16)
def _score_histogram(_folder: str, run_id: int, source_id: int, _count: int) -> tuple[float, ...]:
    _, scores = runs.scores_of(get_workspace().database, run_id, source_id)
    counts, _ = np.histogram(scores, HISTOGRAM_BINS, (0.0, 1.0))
    return tuple(np.log1p(counts).tolist())


def _votes_picture(facts: Overview) -> str:
    values = [float(facts.grades.get(letter, 0)) for letter in COLOURS]
    return bars(values, colours=list(COLOURS.values()))


def _recent_runs(facts: Overview) -> None:
    st.subheader("Recent runs")
    if not facts.runs:
        st.caption("Runs appear here once a network has been trained.")
    for run in facts.runs[:RECENT]:
        if _row(run.name, icon=STATE_ICONS.get(run.state, ""), text=_run_text(run), moment=run.created_at):
            go("evaluate" if run.evaluation else "train", run=run.name)


def _run_text(run: Run) -> str:
    area = (run.evaluation or {}).get("auroc")
    return f"{run.model} · {run.state}" + (f" · AUROC {area:.3f}" if area is not None else "")


def _recent_reviews(facts: Overview) -> None:
    st.subheader("Recent reviews")
    if not facts.reviews:
        st.caption("Reviews appear here once candidates have been queued for inspection.")
    for review in facts.reviews[:RECENT]:
        text = _review_text(review, facts)
        if _row(review.name, icon=":material/grid_view:", text=text, moment=review.created_at):
            go("inspect", review=review.name)


def _review_text(review: Review, facts: Overview) -> str:
    text = f"{number(facts.voted.get(review.id, 0))} of {number(review.size)} graded"
    return text if review.closed_at is None else f"{text} · closed"


def _row(name: str, *, icon: str, text: str, moment: float) -> bool:
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"recent-{name}"):
        pressed = st.button(name, icon=icon or None, type="tertiary", key=f"open-{name}")
        st.caption(text, width="stretch")
        when(moment)
    return pressed
