"""Cutouts of a list as a contact sheet, with the button that makes a review of all of them."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import streamlit as st

from lensapp.core.data.overlays import Picture
from lensapp.core.errors import LensAppError
from lensapp.services.data.pictures import cutouts_by_id, pictures_by_id
from lensapp.services.evaluate.seen_pictures import seen_pictures
from lensapp.services.inspect.queues import review_of_cutouts
from lensapp.storage.records import Cutout
from lensapp.storage.workspace import Workspace
from lensapp.ui.gallery.contact_sheet import USUAL_SIDE, contact_sheet
from lensapp.ui.shared.state import go
from lensapp.ui.shared.widgets import error_box, number


def show_cutouts(
    ws: Workspace,
    cutout_ids: Sequence[int],
    *,
    limit: int,
    caption_of: Callable[[Cutout], str],
    review_name: str | None,
    run_name: str,
    key: str,
    drawn: Callable[[Cutout, Picture], Picture] | None = None,
    seen: tuple[int, int] | None = None,
    smallest: int = USUAL_SIDE,
    colours: Sequence[str] | None = None,
    legend: Mapping[str, str] | None = None,
    together: Sequence[int] = (),
) -> None:
    """Show the first `limit` cutouts, and the button that opens a review of them all, called `review_name`.

    `drawn` returns what is shown in place of a cutout's picture; of larger cutouts only the middle of height
    and width `seen` is shown. As many as fit at `smallest` screen pixels stand in a row at first.
    `colours` are those of a dot before each caption, which `legend` names; so many `together` are in a frame.
    """
    pictures = None
    if seen is not None:
        cutouts, pictures = seen_pictures(ws, cutout_ids[:limit], seen, drawn=drawn)
    elif drawn is None:
        cutouts = cutouts_by_id(ws, cutout_ids[:limit])
    else:
        cutouts, plain = pictures_by_id(ws, cutout_ids[:limit])
        pictures = np.array([drawn(*pair) for pair in zip(cutouts, plain, strict=True)])
    dots = dict(zip(cutout_ids, colours or (), strict=False))
    contact_sheet(
        ws,
        cutouts,
        key=key,
        captions=[caption_of(cutout) for cutout in cutouts],
        run_name=run_name,
        drawn=pictures,
        smallest=smallest,
        colours=None if colours is None else [dots[cutout.id] for cutout in cutouts],
        legend=legend,
        together=together,
    )
    if review_name and st.button(
        f"Review {'it' if len(cutout_ids) == 1 else f'these {number(len(cutout_ids))}'}",
        icon=":material/rate_review:",
        key=f"review-{key}",
        help="Makes a review of them, in this order, and opens it in Inspect.",
    ):
        open_in_gallery(ws, cutout_ids, name=review_name, run_name=run_name)


def shown_in_words(count: int, limit: int) -> str:
    """Return the end of a sentence on cutouts of which only the first are shown; empty where all are."""
    return f"; the first {number(limit)} are shown" if count > limit else ""


def say_if_cut(count: int, limit: int) -> None:
    """Say below a sheet of cutouts how many there are where only the first are shown."""
    if count > limit:
        st.caption(f"The first {number(limit)} of {number(count)} are shown.")


def open_in_gallery(ws: Workspace, cutout_ids: Sequence[int], *, name: str, run_name: str) -> None:
    """Make a review of cutouts in their order and open it."""
    try:
        review = review_of_cutouts(ws, name=name, cutout_ids=cutout_ids, run_name=run_name)
    except LensAppError as error:
        error_box(error)
        return
    go("inspect", review=review.name)
