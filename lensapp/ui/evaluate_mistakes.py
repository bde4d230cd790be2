"""The mistakes that the network was surest of, as images that open in Inspect."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st

from lensapp.services.evaluation import Evaluation, Mistake, worst_mistakes
from lensapp.services.shortlists import review_of_cutouts
from lensapp.storage import sources
from lensapp.storage.records import Cutout
from lensapp.storage.workspace import Workspace
from lensapp.ui.pickable import pickable_sheet
from lensapp.ui.state import go
from lensapp.ui.thumbnails import Pictures, read_pictures

SHOWN = 12
REVIEWED = 200
TITLES: dict[Mistake, str] = {
    "false_positive": "Worst false positives, highest score first",
    "false_negative": "Worst false negatives, lowest score first",
}


def show(ws: Workspace, measured: Evaluation, *, threshold: float) -> None:
    """Show the worst false positives and false negatives side by side."""
    left, right = st.columns(2, gap="medium")
    with left:
        _mistakes(ws, measured, "false_positive", threshold=threshold)
    with right:
        _mistakes(ws, measured, "false_negative", threshold=threshold)


def _mistakes(ws: Workspace, measured: Evaluation, kind: Mistake, *, threshold: float) -> None:
    st.markdown(f"**{TITLES[kind]}**")
    worst = worst_mistakes(measured, kind, threshold=threshold, limit=REVIEWED)
    ids = worst["cutout_id"].tolist()
    if not ids:
        st.caption(f"None at score ≥ {threshold:.3g}.")
        return
    cutouts, pictures = pictures_of(ws, ids[:SHOWN])
    scores = dict(zip(ids, worst["score"].tolist(), strict=True))
    pickable_sheet(
        pictures,
        captions=[f"{scores[cutout.id]:.3f}  {cutout.object_class or ''}" for cutout in cutouts],
        names=[cutout.candidate_id for cutout in cutouts],
        on_pick=partial(_inspect, ws, measured.run, kind, ids),
        key=kind,
    )
    st.caption(f"{len(ids)} at score ≥ {threshold:.3g}, {measured.part} part. Click one to inspect it.")


def _inspect(ws: Workspace, run_name: str, kind: Mistake, ids: Sequence[int], index: int) -> None:
    """Open a review that begins with the picture clicked."""
    order = [*ids[index:], *ids[:index]]
    name = f"{run_name}-{kind.replace('_', '-')}s"
    go("inspect", review=review_of_cutouts(ws, name=name, cutout_ids=order, run_name=run_name).name)


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
