"""What columns a catalogue has, which of them are recognised, and the values of those that have few."""

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from lensapp.core.data.column_names import UNKNOWN_WORDS, find_column, word_of
from lensapp.core.data.no_data import as_number, no_data_values
from lensapp.core.errors import InvalidInput
from lensapp.ingest.formats.table_files import TableFile, read_table
from lensapp.ingest.gate.subprocesses import isolated
from lensapp.ingest.large.parquet_tables import ParquetTable, is_large
from lensapp.ingest.positions import read_positions

MOST_VALUES = 24  # of a column of classes
FEWEST_NUMBERS = 3  # different ones of a column that has a scale; fewer are classes
READ_OF_LARGE = 50_000


@dataclass(frozen=True)
class CatalogueLook:
    """What a catalogue holds.

    Attributes
    ----------
    rows
        Their number.
    columns
        All, in the order of the file.
    id_column, label_column, position_columns
        Those recognised by their names, None and empty where there are none.
    values
        Of each column of few values: these as one names them, with the rows that have each, the most
        frequent first.
    limits
        Lowest and highest value of each column of three or more numbers, without no-data values.
    """

    rows: int
    columns: tuple[str, ...]
    id_column: str | None
    label_column: str | None
    position_columns: tuple[str, ...]
    values: dict[str, dict[str, int]]
    limits: dict[str, tuple[float, float]]


def look_at_catalogue(path: str) -> CatalogueLook:
    """Read what a catalogue holds; of a large one the first rows tell the values.

    Raises
    ------
    InvalidInput
        When the file is absent, damaged, empty or of no known format.
    """
    return isolated(make_look, path)


def make_look(name: str) -> CatalogueLook:
    """Look at a catalogue in this process; see `look_at_catalogue`."""
    path = Path(name).expanduser()
    if not path.exists():
        raise InvalidInput(f"The catalogue {name} does not exist. Choose another file.")
    if is_large(path):
        large = ParquetTable.open(path)
        table, rows = large.head(READ_OF_LARGE), large.count
    else:
        table = read_table(path)
        rows = len(table)
    names = list(table.columns)
    id_column = find_column(names, "id")
    positions = read_positions(table, file=path.name, id_column=id_column)
    return CatalogueLook(
        rows=rows,
        columns=tuple(names),
        id_column=id_column,
        label_column=find_column(names, "label"),
        position_columns=positions.columns,
        values=_few_values(table),
        limits=_limits(table),
    )


def _few_values(table: TableFile) -> dict[str, dict[str, int]]:
    """Return the values of each column that has few, with their rows."""
    few: dict[str, dict[str, int]] = {}
    for name, cells in table.columns.items():
        counts: Counter[str] = Counter()
        for cell in cells:
            counts[word_of(cell)] += 1
            if len(counts) > MOST_VALUES:
                break
        else:
            few[name] = dict(counts.most_common())
    return few


def _limits(table: TableFile) -> dict[str, tuple[float, float]]:
    """Return the lowest and highest value of each column of numbers, some cells of which may be empty."""
    limits: dict[str, tuple[float, float]] = {}
    for name, cells in table.columns.items():
        words = {word for cell in cells if (word := word_of(cell)).lower() not in UNKNOWN_WORDS}
        numbers = [as_number(word) for word in words]
        known = {value for value in numbers if value is not None and math.isfinite(value)}
        known -= no_data_values(known)
        if len(known) >= FEWEST_NUMBERS and None not in numbers:
            limits[name] = (min(known), max(known))
    return limits
