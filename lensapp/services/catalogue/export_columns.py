"""Columns of the sources' own catalogues that go along in an exported catalogue."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lensapp.core.data.conditions import Texts, spelling_of
from lensapp.services.catalogue.export_tables import ColumnMeaning
from lensapp.services.data.filters import filter_columns
from lensapp.storage import sources
from lensapp.storage.columns.filtering import SOURCE, columns_of
from lensapp.storage.columns.source_columns import CATALOGUES, OWN, ColumnInfo
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace

ALL = "all"
PREFIX = "catalogue_"
DESCRIPTION = "Column {name} of the source's catalogue"


def offered_columns(ws: Workspace, table: pd.DataFrame) -> list[str]:
    """Return the columns that the catalogues of the sources in a table of candidates brought, by name."""
    owners = [sources.get_source(ws.database, name) for name in table["source"].unique()]
    return _brought(filter_columns(ws, owners))


def _brought(infos: Sequence[ColumnInfo]) -> list[str]:
    return [one.name for one in infos if one.name not in OWN and one.name != SOURCE]


def with_source_columns(
    ws: Workspace, owners: Sequence[Source], table: pd.DataFrame, names: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, ColumnMeaning]]:
    """Return a catalogue with columns of its sources' catalogues, and what these mean.

    A column whose name the catalogue has already, in whatever case, is called `catalogue_…`. Numbers are NaN
    and texts empty where a source has none.

    Parameters
    ----------
    table
        One row per candidate, with `cutout_id`.
    names
        Those wanted, "all" for every column that the sources' catalogues brought.

    Raises
    ------
    InvalidInput
        When no source has a column of that name.
    """
    every = filter_columns(ws, owners)
    infos = {one.name: one for one in every}
    wanted: list[str] = []
    for name in names:
        wanted += _brought(every) if name.lower() == ALL and name not in infos else [spelling_of(name, infos)]
    wanted = list(dict.fromkeys(wanted))
    ids = table["cutout_id"].to_numpy(np.int64)
    columns = columns_of(ws, owners, wanted, ids=ids)
    taken = {str(name).lower() for name in table.columns}
    cells, meanings = {}, {}
    for name in wanted:
        exported = name.removeprefix(CATALOGUES)
        while exported.lower() in taken:
            exported = PREFIX + exported
        taken.add(exported.lower())
        column = columns[name]
        cells[exported] = column.spread(column.values, unknown="") if isinstance(column, Texts) else column
        meanings[exported] = ColumnMeaning(infos[name].unit or None, "", DESCRIPTION.format(name=name))
    return pd.concat([table, pd.DataFrame(cells, index=table.index)], axis=1), meanings
