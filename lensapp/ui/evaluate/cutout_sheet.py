"""Cutouts as pictures that open in Inspect, or do something else, when clicked."""

from collections.abc import Callable, Sequence

import numpy as np

from lensapp.core.data.overlays import Picture
from lensapp.core.errors import LensAppError
from lensapp.services.data.pictures import pictures_by_id
from lensapp.services.inspect.queues import review_of_cutouts
from lensapp.storage.records import Cutout
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.pictures import pickable_sheet
from lensapp.ui.shared.state import go
from lensapp.ui.shared.widgets import error_box


def show_cutouts(
    ws: Workspace,
    cutout_ids: Sequence[int],
    *,
    limit: int,
    caption_of: Callable[[Cutout], str],
    review_name: str,
    run_name: str,
    key: str,
    explain: Callable[[int], None] | None = None,
    drawn: Callable[[Cutout, Picture], Picture] | None = None,
) -> None:
    """Show the first `limit` cutouts; a click opens a review of them all that begins with the one clicked.

    With `explain` a click calls it with the ID of the cutout instead; `drawn` returns what is shown in place
    of a cutout's picture.
    """
    cutouts, pictures = pictures_by_id(ws, cutout_ids[:limit])
    if drawn is not None:
        pictures = np.array([drawn(*pair) for pair in zip(cutouts, pictures, strict=True)])

    def pick(index: int) -> None:
        picked = cutouts[index].id
        if explain is not None:
            explain(picked)
        else:
            open_in_gallery(ws, cutout_ids, cutout_ids.index(picked), name=review_name, run_name=run_name)

    pickable_sheet(
        pictures,
        captions=[caption_of(cutout) for cutout in cutouts],
        names=[cutout.candidate_id for cutout in cutouts],
        on_pick=pick,
        verb="Explain" if explain else "Inspect",
        key=key,
    )


def open_in_gallery(
    ws: Workspace, cutout_ids: Sequence[int], first: int = 0, *, name: str, run_name: str
) -> None:
    """Open a review of cutouts that begins with the one at `first`, the others in their order behind it."""
    order = [*cutout_ids[first:], *cutout_ids[:first]]
    try:
        review = review_of_cutouts(ws, name=name, cutout_ids=order, run_name=run_name)
    except LensAppError as error:
        error_box(error)
        return
    go("inspect", review=review.name)
