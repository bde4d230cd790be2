"""Facts of a source as columns, read once: a source that is ready never changes."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lensapp.core.data import imaging
from lensapp.core.data.conditions import Texts
from lensapp.core.sampling import evenly_spread
from lensapp.services.data.pictures import sample_levels
from lensapp.storage.columns.source_columns import column_infos, cutout_columns, read_columns
from lensapp.storage.cutouts import open_cutouts
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace

SAMPLE = 256
HEADINGS = {
    "candidate_id": "candidate",
    "ra_deg": "ra (deg)",
    "dec_deg": "dec (deg)",
    "label": "label",
    "object_class": "class",
}
LAST_HEADINGS = {"position_from": "position from", "parent": "parent", "masked_fraction": "masked"}
FEW_VALUES = ("label", "object_class", "position_from")


def column_of(ws: Workspace, source: Source, name: str) -> NDArray[Any]:
    """Return one column of the cutouts of a source, in the order of their rows."""
    return _column(ws, source.id, source.created_at, name)


@lru_cache(maxsize=40)
def _column(ws: Workspace, source_id: int, _created_at: float, name: str) -> NDArray[Any]:
    # One by one: all columns of 200 000 cutouts at once take half a gigabyte on their way.
    values = cutout_columns(ws, [source_id], columns=(name,))[name]
    if name in FEW_VALUES:
        once: dict[Any, Any] = {}
        values[:] = [once.setdefault(value, value) for value in values]
    return values


def table_of(ws: Workspace, source: Source, *, columns: Sequence[str] = ()) -> pd.DataFrame:
    """Return what every source tells of its cutouts as a table for reading, with columns of its catalogue.

    The headings of these end in their unit, where they have one. They stand behind name, position and class.
    """
    first, last = (
        {heading: column_of(ws, source, name) for name, heading in headings.items()}
        for headings in (HEADINGS, LAST_HEADINGS)
    )
    units = {one.name: one.unit for one in column_infos(ws, source)}
    read = read_columns(ws, source, columns)
    further = {
        f"{name} ({units[name]})" if units[name] else name: cells.cells()
        if isinstance(cells, Texts)
        else cells
        for name, cells in read.items()
    }
    behind = {name: one for name, one in last.items() if name not in further}
    return pd.DataFrame(first | further | behind)


def catalogue_values(ws: Workspace, source: Source, name: str) -> NDArray[np.float64]:
    """Return a column of numbers of a source's catalogue, in the order of its rows."""
    return np.asarray(read_columns(ws, source, [name])[name], np.float64)


def labels_of(ws: Workspace, source: Source) -> NDArray[np.object_]:
    """Return "lens", "nonlens" or "unlabelled" for each cutout."""
    labels: NDArray[np.object_] = column_of(ws, source, "label").copy()
    labels[[label is None for label in labels]] = "unlabelled"
    return labels


def sampled_pixels(ws: Workspace, source: Source) -> tuple[NDArray[np.float32], imaging.Levels]:
    """Return pixels of at most SAMPLE cutouts, evenly spread, and the levels of the source.

    They are in flux of AB zero point 25 where all units are known, else as stored.
    """
    return _sampled(ws, source.name, source.id, source.created_at)


@lru_cache(maxsize=2)
def _sampled(
    ws: Workspace, name: str, source_id: int, created_at: float
) -> tuple[NDArray[np.float32], imaging.Levels]:
    packed = open_cutouts(ws, name, calibrated=True)
    rows = _column(ws, source_id, created_at, "row")
    return packed.read(rows[which_are_sampled(len(rows))]), sample_levels(packed)


def which_are_sampled(count: int) -> NDArray[np.int64]:
    """Return which of so many cutouts `sampled_pixels` reads."""
    return evenly_spread(count, SAMPLE)
