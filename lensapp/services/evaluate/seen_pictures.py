"""Pictures of what a network saw of cutouts that are larger than it takes: their middle."""

from collections.abc import Callable, Sequence

import numpy as np

from lensapp.core.data.overlays import Picture
from lensapp.core.train.normalisation import about_middle
from lensapp.services.data.pictures import Pictures, read_pictures
from lensapp.storage import sources
from lensapp.storage.files import NORMALISATION
from lensapp.storage.records import Cutout, Run, Source
from lensapp.storage.runs import normalisation_of
from lensapp.storage.workspace import Workspace

Drawn = Callable[[Cutout, Picture], Picture]


def part_seen(ws: Workspace, run: Run, source: Source) -> str | None:
    """Return in words which part of the cutouts of a source a run sees; None for all of them.

    It is one of `services.train.runs.fit_warnings` once that is allowed.
    """
    if not (ws.run_folder(run.name) / NORMALISATION).exists():
        return None
    return normalisation_of(ws, run.name).seen_of((source.height, source.width))


def size_where_cropped(ws: Workspace, run: Run, cutout_ids: Sequence[int]) -> tuple[int, int] | None:
    """Return height and width of what a run saw of cutouts; None where it saw the whole of each."""
    if not (ws.run_folder(run.name) / NORMALISATION).exists():
        return None
    height, width = normalisation_of(ws, run.name).size
    shown = {cutout.source_id for cutout in sources.get_cutouts(ws.database, cutout_ids)}
    for source_id in shown:
        source = sources.source_by_id(ws.database, source_id)
        if (source.height, source.width) != (height, width):
            return height, width
    return None


def seen_share(ws: Workspace, run_name: str | None, source_id: int) -> tuple[float, float] | None:
    """Return the shares of height and width about the middle that a run sees; None where it sees all."""
    if run_name is None or not (ws.run_folder(run_name) / NORMALISATION).exists():
        return None
    height, width = normalisation_of(ws, run_name).size
    source = sources.source_by_id(ws.database, source_id)
    shares = min(1.0, height / source.height), min(1.0, width / source.width)
    return shares if min(shares) < 1.0 else None


def seen_pictures(
    ws: Workspace, cutout_ids: Sequence[int], size: tuple[int, int], *, drawn: Drawn | None = None
) -> tuple[list[Cutout], Pictures]:
    """Return cutouts in the order of `cutout_ids` and the pictures of their middle of `size`.

    `drawn` returns what is shown in place of the picture of a whole cutout.
    """
    cutouts = sources.get_cutouts(ws.database, cutout_ids)
    pictures: dict[int, Picture] = {}
    for source_id in {cutout.source_id for cutout in cutouts}:
        source = sources.source_by_id(ws.database, source_id)
        members = [cutout.id for cutout in cutouts if cutout.source_id == source_id]
        for cutout, whole in zip(*read_pictures(ws, source, members), strict=True):
            picture = whole if drawn is None else drawn(cutout, whole)
            upright = picture[::-1]  # the first row of a picture is the last one of the pixels
            middle = about_middle(upright[None].astype(np.float32), size)[0][::-1]
            pictures[cutout.id] = np.nan_to_num(middle).astype(np.uint8)
    return cutouts, np.array([pictures[cutout.id] for cutout in cutouts])
