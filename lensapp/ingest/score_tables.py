"""Read the scores of a table of any size with what joins its rows to cutouts."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.column_names import find_column, require_column
from lensapp.core.data.no_data import as_number, no_data_values
from lensapp.core.errors import InvalidInput
from lensapp.core.score.score_table_spec import ScoreTableSpec
from lensapp.ingest.catalogues import id_of
from lensapp.ingest.formats.table_batches import BATCH_ROWS, batches_of, rows_of_large
from lensapp.ingest.formats.table_files import Choose, TableFile, read_table
from lensapp.ingest.positions import read_positions

HEAD_ROWS = 20_000  # of a large table, which tell what it holds
FIRST_ROWS, LOOKED_FOR = 8, 200
SCORE_NAME = re.compile(
    r"(?:^|_)(?:p|scores?|prob\w*|pred\w*|cnn\w*|logits?|confidence|lensness)(?:_|$)|^plens$", re.IGNORECASE
)


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
class NumberColumn:
    """What a column of numbers holds, in the rows that were read.

    Attributes
    ----------
    low, high
        The lowest and the highest value, what stands for none left out.
    none
        The number that stands for no value, such as -99; None where there is none.
    """

    low: float
    high: float
    none: float | None = None

    @property
    def outside(self) -> bool:
        """Whether values lie outside 0 to 1."""
        return self.low < 0.0 or self.high > 1.0


@dataclass(frozen=True)
class ScoreTableLook:
    """What a table of scores holds, as its first rows tell.

    Attributes
    ----------
    rows, read
        How many rows there are, and how many of them were read.
    names
        Of all columns.
    id_column, position_columns
        Those recognised by their names, None and empty where there are none.
    score_columns
        Those that are called as scores are, else the one whose values are fractions from 0 to 1.
    numbers
        Of each column of numbers what it holds.
    first
        The cells of the first rows of each column, as text.
    ids
        Of each column IDs as they would be joined, of rows evenly spread over those read.
    """

    rows: int
    read: int
    names: tuple[str, ...]
    id_column: str | None
    position_columns: tuple[str, ...]
    score_columns: tuple[str, ...]
    numbers: dict[str, NumberColumn]
    first: dict[str, tuple[str, ...]]
    ids: dict[str, tuple[str, ...]]


def look_at_scores(path: Path) -> ScoreTableLook:
    """Read the first rows of a table and say which of its columns hold IDs, positions and scores.

    Raises
    ------
    InvalidInput
        When the file cannot be read.
    """
    table = _read_head(path)
    names, read = list(table.columns), len(table)
    id_column = find_column(names, "id")
    places = read_positions(table, file=path.name, id_column=id_column).columns
    numbers = {name: told for name in names if (told := _numbers_of(table.columns[name])) is not None}
    others = {id_column, find_column(names, "label"), *places}
    spread = np.unique(np.linspace(0, read - 1, min(read, LOOKED_FOR)).astype(int))
    return ScoreTableLook(
        rows=table.rows or read,
        read=read,
        names=tuple(names),
        id_column=id_column,
        position_columns=places,
        score_columns=_scores_among({name: told for name, told in numbers.items() if name not in others}),
        numbers=numbers,
        first={name: tuple(map(_cell_text, cells[:FIRST_ROWS])) for name, cells in table.columns.items()},
        ids={
            name: tuple(text for row in spread if (text := id_of(cells[row])) is not None)
            for name, cells in table.columns.items()
        },
    )


def _read_head(path: Path) -> TableFile:
    """Read all columns of the first rows, with the number of all rows; about that of a large text."""
    rows = rows_of_large(path)
    if not rows:
        return read_table(path, most=HEAD_ROWS)
    head = next(iter(batches_of(path, lambda names: names, rows=HEAD_ROWS)))
    columns = {name: list(cells) for name, cells in head.items()}
    return TableFile(list(columns), columns, rows=rows)


def _numbers_of(cells: Sequence[Any]) -> NumberColumn | None:
    """Return what a column of numbers holds; None of one in which most cells are none."""
    values = [as_number(cell) for cell in cells if cell is not None and str(cell).strip()]
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known or 2 * len(known) < len(values):
        return None
    absent = no_data_values(known)
    none = next(iter(absent)) if len(absent) == 1 else None  # several would be values of a scale of their own
    measured = [value for value in known if value != none]
    return NumberColumn(min(measured), max(measured), none) if measured else None


def _scores_among(numbers: Mapping[str, NumberColumn]) -> tuple[str, ...]:
    named = tuple(name for name in numbers if SCORE_NAME.search(name))
    fractions = tuple(
        name for name, told in numbers.items() if not told.outside and told.low not in (told.high, 1.0)
    )
    fractions = tuple(name for name in fractions if numbers[name].low % 1 or numbers[name].high % 1)
    return named or (fractions if len(fractions) == 1 else ())


def _cell_text(cell: object) -> str:
    if isinstance(cell, float):
        return "" if math.isnan(cell) else f"{cell:.8g}"
    return "" if cell is None else str(cell)


def read_score_table(path: Path, spec: ScoreTableSpec, most: int | None = None) -> ScoreTable:
    """Read the columns that `spec` names, and IDs or positions found as those of catalogues are.

    With `most` a table of more rows gives its first ones, about so many.

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

    table = _read(path, choose, most=most)
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


def _read(path: Path, choose: Choose, *, most: int | None) -> TableFile:
    """Read the chosen columns; many rows come by batches, as arrays, where the format allows."""
    if not rows_of_large(path):
        return read_table(path, choose=choose, most=most)
    parts: dict[str, list[Any]] = {}
    read = 0
    for batch in batches_of(path, choose, rows=min(most or BATCH_ROWS, BATCH_ROWS)):
        for name, cells in batch.items():
            parts.setdefault(name, []).append(cells)
        read += len(next(iter(batch.values())))
        if most is not None and read >= most:
            break
    columns: dict[str, Any] = {
        name: np.concatenate(pieces)
        if all(isinstance(piece, np.ndarray) for piece in pieces)
        else [cell for piece in pieces for cell in piece]
        for name, pieces in parts.items()
    }
    return TableFile(list(columns), columns)
