"""The columns of sources that filters name, and the cutouts of a source that a filter keeps."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lensapp.core.data.conditions import Texts, parse_filter, spelling_of
from lensapp.storage import sources
from lensapp.storage.columns.filtering import SOURCE, kept_by
from lensapp.storage.columns.source_columns import KEY, OWN, ColumnInfo, column_infos, read_columns
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace

Ids = NDArray[np.int64]
EXAMPLES = {
    "mag_": "22",
    "magnitude": "22",
    "redshift": "0.5",
    "lens_redshift": "0.5",
}  # by how columns begin


def filter_columns(ws: Workspace, owners: Sequence[Source]) -> list[ColumnInfo]:
    """Return the columns that a filter of some sources may name, each once, those of catalogues first."""
    found = {one.name: one for source in reversed(owners) for one in column_infos(ws, source)}
    every = [ColumnInfo(SOURCE, "", is_text=True), *found.values()]
    return sorted(every, key=lambda one: one.name == SOURCE or one.name in OWN)


def example_filter(columns: Sequence[ColumnInfo], *, known: Sequence[str] = ()) -> str:
    """Return a condition as an example, on a column that these sources have."""
    numbers = [one.name for one in columns if not one.is_text and one.name not in OWN]
    liked = (one for start, limit in EXAMPLES.items() for one in numbers if one.startswith(start))
    name = next(liked, next(iter(numbers), None))
    if name is not None:
        limit = next((limit for start, limit in EXAMPLES.items() if name.startswith(start)), "1")
        return f"{name} < {limit}"
    return "score > 0.5" if "score" in known else "ra_deg < 180"


def catalogue_columns(ws: Workspace, source: Source) -> list[str]:
    """Return the columns that a source has from its catalogue or its simulation, by name."""
    return [one.name for one in column_infos(ws, source) if one.name not in OWN]


def kept_ids(ws: Workspace, source: Source, where: str) -> Ids:
    """Return the cutouts of a source that fulfil a filter on its catalogue, in the order of their rows.

    Raises
    ------
    InvalidInput
        As `kept_by`.
    """
    return _kept_ids(ws, source.id, source.created_at, where)


@lru_cache(maxsize=8)
def _kept_ids(ws: Workspace, source_id: int, _created_at: float, where: str) -> Ids:
    source = sources.source_by_id(ws.database, source_id)
    ids = np.asarray(read_columns(ws, source, [KEY])[KEY], np.int64)
    return ids[kept_by(ws, [source], where, ids=ids)]


def kept_rows(ws: Workspace, owners: Sequence[Source], table: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return the rows of a table with `cutout_id` that fulfil a filter on its columns and the catalogues'.

    Raises
    ------
    InvalidInput
        As `kept_by`.
    """
    names = parse_filter(where).names
    every = [*map(str, table.columns), *(one.name for one in filter_columns(ws, owners))]
    wanted = {spelling_of(name, every).lower() for name in names}
    known = {
        name: cells.to_numpy() if pd.api.types.is_numeric_dtype(cells) else Texts.of(cells)
        for name, cells in table.items()
        if str(name).lower() in wanted
    }
    ids = table["cutout_id"].to_numpy(np.int64)
    return table[kept_by(ws, owners, where, ids=ids, known={str(name): one for name, one in known.items()})]


def sorted_ids(ws: Workspace, source: Source, ids: Ids, by: str, *, descending: bool = False) -> Ids:
    """Return cutouts of a source sorted by one of its columns; those whose value is unknown come last.

    Raises
    ------
    InvalidInput
        When the source has no such column.
    """
    name = spelling_of(by, (one.name for one in column_infos(ws, source)))
    columns = read_columns(ws, source, [KEY, name])
    keys, column = np.asarray(columns[KEY], np.int64), columns[name]
    values = column.ranks() if isinstance(column, Texts) else np.asarray(column, float)
    order = np.argsort(-values if descending else values, kind="stable")  # NaN comes last
    in_order = keys[order]
    return in_order if len(ids) == len(keys) else in_order[np.isin(in_order, ids)]
