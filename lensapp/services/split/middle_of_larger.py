"""Sources whose cutouts are larger than those of a dataset version, which takes the middle of each."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lensapp.core.data.fingerprints import perceptual_hash, pixel_digest
from lensapp.core.train.normalisation import about_middle
from lensapp.storage import datasets, sources
from lensapp.storage.cutouts import open_cutouts
from lensapp.storage.queries import Columns, chunks
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace


def spec_of_middle(of_version: Sequence[Source]) -> dict[str, Any]:
    """Return what a version remembers of sources whose cutouts are larger than those of its first one."""
    size = of_version[0].height, of_version[0].width
    larger = [source.name for source in of_version if (source.height, source.width) != size]
    return {datasets.MIDDLE_OF: larger} if larger else {}


def with_prints_of_middle(ws: Workspace, columns: Columns, of_version: Sequence[Source]) -> Columns:
    """Return cutouts (TABLE_COLUMNS) with fingerprints of the middle where the version takes only that.

    Those stored are of the whole cutout, and would never be like those of the same object seen smaller.
    """
    height, width = size = of_version[0].height, of_version[0].width
    columns = dict(columns)
    for source in of_version:
        here = np.flatnonzero(columns["source_id"].astype(np.int64) == source.id)
        larger = (source.height, source.width) != size and source.height >= height and source.width >= width
        if not larger or not len(here):
            continue
        prints = {name: columns[name].copy() for name in ("perceptual_hash", "pixels_digest")}
        packed = open_cutouts(ws, source.name)
        for places in chunks(here.tolist()):
            cutouts = sources.get_cutouts(ws.database, columns["id"][places].tolist())
            middles = about_middle(packed.read(np.array([cutout.row for cutout in cutouts])), size)
            for place, middle in zip(places, middles, strict=True):
                prints["perceptual_hash"][place] = perceptual_hash(middle)
                prints["pixels_digest"][place] = pixel_digest(middle)
        columns |= prints
    return columns
