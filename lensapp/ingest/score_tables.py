"""Read the scores of a table of any size with what joins its rows to cutouts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.column_names import find_column, require_column
from lensapp.core.errors import InvalidInput
from lensapp.core.score.score_table_spec import ScoreTableSpec
from lensapp.ingest.catalogues import id_of
from lensapp.ingest.formats.table_batches import batches_of, rows_of_large
from lensapp.ingest.formats.table_files import TableFile, read_table
from lensapp.ingest.positions import read_positions


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """The columns of scores of a table.

    Attributes
    ----------
    names
        The columns as the table spells them.
    values : float64, shape (columns, n)
        NaN where a cell is empty or no number, or holds what stands for no score.
    ids : object, shape (n,)
        Texts, None where empty; None altogether where rows are joined by position.
    ra_deg, dec_deg : shape (n,)
        ICRS degrees, NaN where a row has none; empty where rows are joined by ID.
    warnings
        What the user should know about positions, one sentence each.
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]
    ids: NDArray[Any] | None
    ra_deg: NDArray[np.float64]
    dec_deg: NDArray[np.float64]
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return int(self.values.shape[1])


@dataclass(frozen=True)
class TableHeader:
    """The names of a table's columns, and the one that holds IDs by its usual name."""

    names: tuple[str, ...]
    id_column: str | None


def read_header(path: Path) -> TableHeader:
    """Read the names of the columns of a table of any size.

    Raises
    ------
    InvalidInput
        When the file cannot be read.
    """
    names: list[str] = []

    def choose(every: Sequence[str]) -> Sequence[str]:
        names[:] = every
        return every[:1]

    if rows_of_large(path):
        next(iter(batches_of(path, choose)))
    else:
        read_table(path, choose=choose)
    return TableHeader(tuple(names), find_column(names, "id"))


def read_score_table(path: Path, spec: ScoreTableSpec) -> ScoreTable:
    """Read the columns that `spec` names, and IDs or positions found as those of catalogues are.

    Raises
    ------
    InvalidInput
        When the file cannot be read or lacks a column that was asked for, or has neither IDs nor positions.
    """
    import pandas

    id_column: str | None = None
    scores: list[str] = []

    def choose(names: Sequence[str]) -> Sequence[str]:
        nonlocal id_column
        scores[:] = dict.fromkeys(require_column(list(names), name, "--score") for name in spec.scores)
        id_column = _id_column(list(names), spec, scores=scores)
        if id_column is not None:
            return list(dict.fromkeys((id_column, *scores)))
        return list(names)

    table = _read(path, choose)
    numbers = [pandas.to_numeric(pandas.Series(table.columns[name]), errors="coerce") for name in scores]
    values = np.stack([np.array(column, np.float64) for column in numbers])  # NaN where a cell is no number
    if spec.no_score is not None:
        values[values == spec.no_score] = np.nan
    no_places = np.empty(0)
    if id_column is not None:
        cells: Any = table.columns[id_column]
        ids = np.empty(len(table), object)
        ids[:] = [id_of(cell) for cell in cells]
        return ScoreTable(tuple(scores), values, ids, no_places, no_places)
    places = read_positions(table, file=path.name, ra_column=spec.ra_column, dec_column=spec.dec_column)
    if not places.columns:
        raise InvalidInput(
            f"{path.name} has no columns of IDs (object_id, id …) or positions (ra, dec) that can be read, "
            f"only {', '.join([*table.columns][:12])}. Name the column of IDs with --id, or those of the "
            "positions with --ra-column and --dec-column."
        )
    return ScoreTable(tuple(scores), values, None, places.ra_deg, places.dec_deg, places.warnings)


def _id_column(names: list[str], spec: ScoreTableSpec, *, scores: Sequence[str]) -> str | None:
    """Return the column to join by; None where rows are joined by position."""
    if spec.join == "position":
        return None
    if spec.id_column is not None:
        return require_column(names, spec.id_column, "--id")
    found = None if spec.ra_column else find_column([name for name in names if name not in scores], "id")
    if found is None and spec.join == "id":
        raise InvalidInput(
            f"No column is called as IDs are (object_id, id …), only {', '.join(names[:12])}. Name it "
            "with --id."
        )
    return found


def _read(path: Path, choose: Any) -> TableFile:
    """Read the chosen columns; many rows come by batches, as arrays, where the format allows."""
    if not rows_of_large(path):
        return read_table(path, choose=choose)
    parts: dict[str, list[Any]] = {}
    for batch in batches_of(path, choose):
        for name, cells in batch.items():
            parts.setdefault(name, []).append(cells)
    columns: dict[str, Any] = {
        name: np.concatenate(pieces)
        if all(isinstance(piece, np.ndarray) for piece in pieces)
        else [cell for piece in pieces for cell in piece]
        for name, pieces in parts.items()
    }
    return TableFile(list(columns), columns)
