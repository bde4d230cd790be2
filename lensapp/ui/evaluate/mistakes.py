"""What the network was surest of, wrongly and rightly, as images that open in Inspect or are explained."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st

from lensapp.services.evaluate.evaluation import Evaluation, Outcome, surest
from lensapp.services.inspect.ad_hoc_reviews import review_of_cutouts
from lensapp.storage import sources
from lensapp.storage.records import Cutout
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate import explain
from lensapp.ui.shared.pickable import pickable_sheet
from lensapp.ui.shared.pictures import Pictures, read_pictures
from lensapp.ui.shared.state import go

SHOWN = 12
REVIEWED = 200
INSPECT, EXPLAIN = "Inspect", "Explain"
TITLES: dict[Outcome, str] = {
    "false_positive": "Worst false positives",
    "false_negative": "Worst false negatives",
    "true_positive": "Surest lenses found",
}


def show(ws: Workspace, measured: Evaluation, *, threshold: float) -> None:
    """Show the worst false positives and false negatives side by side, and lenses found to compare."""
    click = st.segmented_control(
        "Click a cutout to",
        (INSPECT, EXPLAIN),
        default=EXPLAIN if explain.asked() is not None else INSPECT,
        required=True,
        key="evaluate-click",
        help="Inspect opens a review that begins with it; Explain shows which of its regions the score "
        "rests on: is it right, or wrong, for the right reason?",
    )
    outcomes = [one for one in TITLES if one != "true_positive" or click == EXPLAIN]
    for column, outcome in zip(st.columns(len(outcomes), gap="medium"), outcomes, strict=True):
        with column:
            _sheet(ws, measured, outcome, threshold=threshold, click=click or INSPECT)
    if click == EXPLAIN:
        explain.show(ws, measured.run)


def _sheet(ws: Workspace, measured: Evaluation, outcome: Outcome, *, threshold: float, click: str) -> None:
    st.markdown(f"**{TITLES[outcome]}**")
    worst = surest(measured, outcome, threshold=threshold, limit=REVIEWED)
    ids = worst["cutout_id"].tolist()
    side = f"score {'<' if outcome == 'false_negative' else '≥'} {threshold:.3g}"
    if not ids:
        st.caption(f"None at {side}.")
        return
    cutouts, pictures = pictures_of(ws, ids[:SHOWN])
    scores = dict(zip(ids, worst["score"].tolist(), strict=True))
    pickable_sheet(
        pictures,
        captions=[f"{scores[cutout.id]:.3f}  {cutout.object_class or ''}" for cutout in cutouts],
        names=[cutout.candidate_id for cutout in cutouts],
        on_pick=partial(_explain, ws, measured.run, [cutout.id for cutout in cutouts])
        if click == EXPLAIN
        else partial(_inspect, ws, measured.run, outcome, ids),
        verb=click,
        key=outcome,
    )
    st.caption(f"{len(ids)} at {side}, {measured.part} part. Click one to {click.lower()} it.")


def _inspect(ws: Workspace, run_name: str, outcome: Outcome, ids: Sequence[int], index: int) -> None:
    """Open a review that begins with the picture clicked."""
    order = [*ids[index:], *ids[:index]]
    name = f"{run_name}-{outcome.replace('_', '-')}s"
    go("inspect", review=review_of_cutouts(ws, name=name, cutout_ids=order, run_name=run_name).name)


def _explain(ws: Workspace, run_name: str, ids: Sequence[int], index: int) -> None:
    explain.ask(ws, run_name, ids[index])


def pictures_of(ws: Workspace, cutout_ids: Sequence[int]) -> tuple[list[Cutout], Pictures]:
    """Return cutouts of one or several sources, in the order given, and their pictures."""
    cutouts = sources.get_cutouts(ws.database, cutout_ids)
    pictures: dict[int, Pictures] = {}
    for source_id in {cutout.source_id for cutout in cutouts}:
        source = sources.source_by_id(ws.database, source_id)
        members = [cutout.id for cutout in cutouts if cutout.source_id == source_id]
        found, images = read_pictures(source, members)
        pictures |= {cutout.id: image for cutout, image in zip(found, images, strict=True)}
    sides = {image.shape for image in pictures.values()}
    if len(sides) > 1:  # sources of different sizes cannot share a dataset, but may meet in a table
        cutouts = [cutout for cutout in cutouts if pictures[cutout.id].shape == max(sides)]
    return cutouts, np.array([pictures[cutout.id] for cutout in cutouts])
