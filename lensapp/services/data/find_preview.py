"""What a search for objects would find, tried on a few of the images; nothing is stored."""

from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data import imaging
from lensapp.core.data.find_spec import FindObjectsSpec
from lensapp.core.progress import ignore_progress, never_stop
from lensapp.core.sampling import evenly_spread
from lensapp.services.data.object_finding import cut
from lensapp.services.data.object_search import (
    corners,
    count_reasons,
    detect_all,
    magnitudes,
    open_fields,
    why_left_out,
    why_one_is_left_out,
)
from lensapp.services.data.pictures import source_levels
from lensapp.storage.workspace import Workspace

IMAGES, PICTURES = 30, 24


@dataclass(frozen=True, eq=False)
class FindPreview:
    """Some of the objects that a search would keep.

    Attributes
    ----------
    pictures : uint8, shape (n, row, column, 3)
    names, snr, magnitudes
        Of each: its image, its S/N and AB magnitude in `band`; NaN where the unit of flux is unknown.
    searched, images
        How many of how many images were searched.
    detected, kept
        How many objects these hold, and how many of them are kept.
    left_out
        How many are not, by reason (see `object_search.LEFT_OUT`).
    image : uint8, shape (row, column, 3)
        The searched image of which most is kept, called `image_name`.
    marks
        Its objects, an entry each: x and y (pixels), snr, whether each is kept, and why it is not.
    """

    pictures: NDArray[np.uint8]
    names: tuple[str, ...]
    snr: NDArray[np.float64]
    magnitudes: NDArray[np.float64]
    band: str
    searched: int
    images: int
    detected: int
    kept: int
    left_out: Counter[str]
    image: NDArray[np.uint8]
    image_name: str
    marks: dict[str, NDArray[Any]]


@lru_cache(maxsize=8)
def preview_finding(ws: Workspace, source_name: str, spec: FindObjectsSpec) -> FindPreview:
    """Search a few images, evenly spread over the source, and show some of what is kept.

    Raises
    ------
    NotFound, InvalidInput
        When there is no such source, or it cannot be searched as asked for.
    """
    every = open_fields(ws, source_name, spec)
    images = len(every.north_deg)
    few = evenly_spread(images, IMAGES)
    fields = replace(
        every,
        columns={name: column[few] for name, column in every.columns.items()},
        north_deg=every.north_deg[few],
        east_left=every.east_left[few],
    )
    finds = detect_all(fields, spec, ignore_progress, never_stop)
    reason = why_left_out(ws, fields, finds, spec)
    kept = np.flatnonzero(reason == "")
    shown = kept[evenly_spread(len(kept), PICTURES)]
    x, y = corners(finds, spec.size)
    of_image = finds.field[shown]
    read = fields.packed.read(fields.columns["row"][of_image])
    cutouts = [
        cut(image, left=int(x[row]), bottom=int(y[row]), size=spec.size)
        for image, row in zip(read, shown.tolist(), strict=True)
    ]
    levels = source_levels(ws, fields.source)
    fullest = int(np.bincount(finds.field[kept], minlength=len(few)).argmax())
    whole = fields.packed.read(fields.columns["row"][[fullest]])
    mine = np.flatnonzero(finds.field == fullest)
    pictures = np.empty((0, spec.size, spec.size, 3), np.uint8)
    if cutouts:
        pictures = imaging.render(np.stack(cutouts), bands=fields.source.bands, levels=levels)
    flux = finds.objects.flux[shown, fields.band]
    return FindPreview(
        pictures=pictures,
        names=tuple(map(str, fields.columns["candidate_id"][of_image])),
        snr=finds.snr[shown],
        magnitudes=magnitudes(flux) if fields.calibrated else np.full(len(shown), np.nan),
        band=fields.source.bands[fields.band],
        searched=len(few),
        images=images,
        detected=len(finds.objects),
        kept=len(kept),
        left_out=count_reasons(reason),
        image=imaging.render(whole, bands=fields.source.bands, levels=levels)[0],
        image_name=str(fields.columns["candidate_id"][fullest]),
        marks={
            "x": finds.objects.x[mine],
            "y": finds.objects.y[mine],
            "snr": finds.snr[mine],
            "kept": reason[mine] == "",
            "reason": np.array([why_one_is_left_out(one) for one in reason[mine]]),
        },
    )
