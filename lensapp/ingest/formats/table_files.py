"""Read the columns of tables in the formats that catalogues come in."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lensapp.core.errors import InvalidInput
from lensapp.ingest.refusals import decoder_errors

Columns = dict[str, list[Any]]


def read_columns(path: Path) -> Columns:
    """Return the columns of a table as lists of plain values, None where masked.

    Raises
    ------
    InvalidInput
        When the file is absent, damaged, empty or of no known format.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InvalidInput(
            f"Expected a catalogue as {', '.join(READERS)}, received {path.name}. Convert it, or rename it."
        )
    try:
        columns = reader(path)
    except decoder_errors() as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InvalidInput(
            f"Expected a readable catalogue at {path}, received: {reason}. Mend the file."
        ) from error
    if not columns or not len(next(iter(columns.values()))):
        raise InvalidInput(f"Expected a catalogue with rows at {path}, received none. Give another file.")
    return columns


def _read_text(path: Path) -> Columns:
    import pandas

    with path.open(encoding="utf-8-sig") as file:
        first = file.readline()
    if first.startswith("# %ECSV"):
        return _read_astropy(path, "ascii.ecsv")
    separator = max(",\t;|", key=first.count) if any(mark in first for mark in ",\t;|") else ","
    table = pandas.read_csv(
        path, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig", skipinitialspace=True
    )
    return {str(name).strip(): table[name].tolist() for name in table.columns}


def _read_ecsv(path: Path) -> Columns:
    return _read_astropy(path, "ascii.ecsv")


def _read_votable(path: Path) -> Columns:
    return _read_astropy(path, "votable")


def _read_fits(path: Path) -> Columns:
    return _read_astropy(path, "fits")


def _read_astropy(path: Path, kind: str) -> Columns:
    return columns_of(read_first_table(path, kind))


def columns_of(table: Any) -> Columns:
    """Return the one-dimensional columns of an astropy table as lists, None where masked."""
    return {name: _cells(table[name]) for name in table.colnames if table[name].ndim == 1}


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


def _cells(column: Any) -> list[Any]:
    cells = column.tolist() if not hasattr(column, "mask") else np.ma.asarray(column).tolist()
    return [cell.decode("utf-8", "replace").strip() if isinstance(cell, bytes) else cell for cell in cells]


def _read_parquet(path: Path) -> Columns:
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path)
    columns: Columns = table.to_pydict()
    return {
        name: cells
        for name, cells in columns.items()
        if not any(isinstance(c, list | dict) for c in cells[:5])
    }


READERS: dict[str, Callable[[Path], Columns]] = {
    ".csv": _read_text,
    ".tsv": _read_text,
    ".txt": _read_text,
    ".ecsv": _read_ecsv,
    ".fits": _read_fits,
    ".fit": _read_fits,
    ".vot": _read_votable,
    ".votable": _read_votable,
    ".xml": _read_votable,
    ".parquet": _read_parquet,
    ".pq": _read_parquet,
}
