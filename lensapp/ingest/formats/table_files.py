"""Read the columns of tables in the formats that catalogues come in."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from lensapp.core.errors import InvalidInput
from lensapp.ingest.refusals import decoder_errors, one_line

Columns = dict[str, list[Any]]

FORMATS = {
    ".csv": "text", ".tsv": "text", ".txt": "text", ".ecsv": "ascii.ecsv", ".fits": "fits", ".fit": "fits",
    ".vot": "votable", ".votable": "votable", ".xml": "votable", ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip
"""By suffix; other formats than text and Parquet by their names in astropy."""


def read_columns(path: Path) -> Columns:
    """Return the columns of a table as lists of plain values, None where masked.

    Raises
    ------
    InvalidInput
        When the file is absent, damaged, empty or of no known format.
    """
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise InvalidInput(
            f"{path.name} is no table in a known format ({', '.join(FORMATS)}). Convert it, or rename it."
        )
    readers = {"text": _read_text, "parquet": _read_parquet}
    try:
        columns = readers[kind](path) if kind in readers else columns_of(read_first_table(path, kind))
    except decoder_errors() as error:
        raise InvalidInput(
            f"{path} is not a readable catalogue: {one_line(error)}. Check that the file is whole."
        ) from error
    if not columns or not len(next(iter(columns.values()))):
        raise InvalidInput(f"The catalogue {path} has no rows. Choose another file.")
    return columns


def _read_text(path: Path) -> Columns:
    import pandas

    with path.open(encoding="utf-8-sig") as file:
        first = file.readline()
    if first.startswith("# %ECSV"):
        return columns_of(read_first_table(path, "ascii.ecsv"))
    separator = max(",\t;|", key=first.count) if any(mark in first for mark in ",\t;|") else ","
    table = pandas.read_csv(
        path, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig", skipinitialspace=True
    )
    return {str(name).strip(): table[name].tolist() for name in table.columns}


def _read_parquet(path: Path) -> Columns:
    import pyarrow.parquet

    columns: Columns = pyarrow.parquet.read_table(path).to_pydict()
    return {
        name: cells
        for name, cells in columns.items()
        if not any(isinstance(cell, list | dict) for cell in cells[:5])
    }


def read_first_table(path: Path, kind: str, **options: Any) -> Any:
    """Return the first table of a file of a format that astropy knows.

    Files of several tables, as our exports of candidates and votes, are read without a word about the rest.
    """
    from astropy.table import Table

    if kind == "votable":
        options = {"table_id": 0, "use_names_over_ids": True} | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Table.read(path, format=kind, **options)


def columns_of(table: Any) -> Columns:
    """Return the one-dimensional columns of an astropy table as lists, None where masked."""
    columns = {}
    for name in table.colnames:
        if table[name].ndim == 1:
            column = np.ma.asarray(table[name]) if hasattr(table[name], "mask") else table[name]
            columns[name] = [
                cell.decode("utf-8", "replace").strip() if isinstance(cell, bytes) else cell
                for cell in column.tolist()
            ]
    return columns
