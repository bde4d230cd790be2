"""Read the columns of tables in the formats that catalogues, votes and scores come in."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from lensapp.core.errors import InvalidInput
from lensapp.ingest.formats.table_checks import check_table
from lensapp.ingest.formats.text_tables import is_ecsv, read_text_table
from lensapp.ingest.gate.guards import check_regular, reading
from lensapp.ingest.refusals import Refused

Columns = dict[str, list[Any]]
Choose = Callable[[Sequence[str]], Sequence[str]]

FORMATS = {
    ".csv": "text", ".tsv": "text", ".txt": "text", ".ecsv": "ascii.ecsv", ".fits": "fits", ".fit": "fits",
    ".vot": "votable", ".votable": "votable", ".xml": "votable", ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip
"""By suffix; other formats than text and Parquet by their names in astropy."""


@dataclass(frozen=True)
class TableFile:
    """The columns of a table as lists of plain values, None where masked.

    Attributes
    ----------
    names
        All columns of the file, read or not.
    units
        Declared units by column, as the file writes them; positions of SkyCoord columns are in degrees.
    rows
        Of the file, where only the first of them were read.
    """

    names: list[str]
    columns: Columns
    units: dict[str, str] = field(default_factory=dict)
    rows: int | None = None

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))


def read_table(path: Path, *, choose: Choose | None = None, most: int | None = None) -> TableFile:
    """Read a table of any format; `choose` takes the names of all columns and returns those to read.

    Of formats that astropy reads come `most` rows; texts and Parquet of so many are read by batches.

    Raises
    ------
    InvalidInput
        When the file is absent, damaged, empty or of no known format.
    """
    kind = FORMATS.get(path.suffix.lower())
    if kind is None:
        raise InvalidInput(
            f"{path.name} is no table in a known format: its name ends in {path.suffix!r}, not in one of "
            f"{', '.join(FORMATS)}. Convert it, or rename it."
        )
    if not path.exists():
        raise InvalidInput(f"{path} is not a readable catalogue: there is no such file. Check the path.")
    try:
        with reading("it cannot be decoded", file_bytes=check_regular(path)):
            if kind == "text":
                check_table(path, kind)
                kind = "ascii.ecsv" if is_ecsv(path) else kind
            if kind == "text":
                table = TableFile(*read_text_table(path, choose=choose))
            elif kind == "parquet":
                table = _read_parquet(path, choose)
            else:
                whole = read_first_table(path, kind)
                table = replace(columns_of(whole[:most], choose), rows=len(whole))
    except Refused as refused:
        raise InvalidInput(
            f"{path} is not a readable catalogue: {refused.reason}. Check the file or convert it to CSV."
        ) from refused
    if not len(table):
        raise InvalidInput(f"The catalogue {path} has no rows. Choose another file.")
    return table


def read_columns(path: Path) -> Columns:
    """Return the columns of a table as `read_table` does, without their units."""
    return read_table(path).columns


def _read_parquet(path: Path, choose: Choose | None) -> TableFile:
    """Read a Parquet file, with the units that its metadata tell."""
    from pyarrow import parquet

    check_table(path, "parquet")
    with parquet.ParquetFile(path) as file:
        schema = file.schema_arrow
        chosen = list(schema.names) if choose is None else list(choose(schema.names))
        columns: Columns = file.read(columns=chosen).to_pydict()
    return TableFile(
        list(schema.names),
        {
            name: cells
            for name, cells in columns.items()
            if not any(isinstance(cell, list | dict) for cell in cells[:5])
        },
        units_of_schema(schema),
    )


def units_of_schema(schema: Any) -> dict[str, str]:
    """Return declared units by column of a Parquet table: of its fields, else as astropy writes them."""
    units: dict[str, str] = {}
    if described := (schema.metadata or {}).get(b"table_meta_yaml"):
        from astropy.table.meta import get_header_from_yaml

        header = get_header_from_yaml(described.decode().split("\n"))
        units = {column["name"]: str(column["unit"]) for column in header["datatype"] if column.get("unit")}
    own = {one.name: (one.metadata or {}).get(b"unit", b"").decode("utf-8", "replace") for one in schema}
    return units | {name: unit for name, unit in own.items() if unit}


def read_first_table(path: Path, kind: str, **options: Any) -> Any:
    """Return the first table of a file of a format that astropy knows.

    Files of several tables, as our exports of candidates and votes, are read without a word about the rest;
    of an LDAC catalogue the objects are read, not the table of header cards before them.
    """
    from astropy.io import fits
    from astropy.table import Table

    source = check_table(path, kind)
    if kind == "votable":
        options = {"table_id": 0, "use_names_over_ids": True} | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == "fits" and not options:
            with fits.open(source) as hdus:
                tables = [
                    n for n, hdu in enumerate(hdus) if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)
                ]
                objects = [n for n in tables if hdus[n].name != "LDAC_IMHEAD"]
            options = {"hdu": next(iter(objects or tables), None)}
        return Table.read(source, format=kind, **options)


def columns_of(table: Any, choose: Choose | None = None) -> TableFile:
    """Return the one-dimensional columns of an astropy table, and of SkyCoord columns both coordinates."""
    columns: Columns = {}
    units: dict[str, str] = {}
    chosen = table.colnames if choose is None else choose(table.colnames)
    for name in chosen:
        column = table[name]
        if hasattr(column, "icrs"):
            columns |= {
                f"{name}.ra": column.icrs.ra.deg.tolist(),
                f"{name}.dec": column.icrs.dec.deg.tolist(),
            }
            units |= {f"{name}.ra": "deg", f"{name}.dec": "deg"}
        elif hasattr(column, "isot"):
            columns[name] = column.isot.tolist()
        elif column.ndim == 1:
            if getattr(column, "unit", None):
                units[name] = str(column.unit)
            if hasattr(column, "unmasked"):  # a quantity with a mask
                column = column.filled(np.nan)
            values = np.ma.asarray(column) if hasattr(column, "mask") else np.asarray(column)
            columns[name] = values.tolist()
            if values.dtype.kind in "SO":
                columns[name] = [
                    cell.decode("utf-8", "replace").strip() if isinstance(cell, bytes) else cell
                    for cell in columns[name]
                ]
        elif choose is not None:
            raise ValueError(f"column {name!r} with {column.ndim - 1} further dimensions")
    names = [*table.colnames, *(name for name in columns if name not in table.colnames)]
    return TableFile(names, columns, units)
