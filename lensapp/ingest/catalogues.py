"""Read a table of candidates and find the row of each, by file, by ID or by position."""

import math
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from lensapp.core.catalogue.safe_text import restore, unescape
from lensapp.core.data.column_names import find_column, parse_labels, require_column
from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.core.data.no_data import as_number, no_data_values
from lensapp.core.data.position_names import unit_in_name
from lensapp.core.data.sky import chord, separation_arcsec, tree_of, unit_vectors
from lensapp.core.errors import InvalidInput
from lensapp.ingest.formats.table_files import Columns, TableFile, read_table
from lensapp.ingest.large.parquet_tables import Cells, ParquetTable, is_large
from lensapp.ingest.positions import UNITS, degrees_per, read_positions
from lensapp.ingest.refusals import Refused

EMPTY = (None, "", "nan", "NaN", "--")
SAME_PLACE_ARCSEC = 2.0  # rows of one object may lie so far apart
NEAR_ARCSEC = 10.0  # a row may lie so far from the position in a header
NO_DATA_FROM = 9.0  # the smallest of the values, but for -1, that may mean "no data"
UNIT_OF_NAME = re.compile(r"_(arcsec|arcmin|deg|rad|mas)$")
ENDING = re.compile(r"(?i)^(.+?)(?:(?<=\d)\.0+|\.(?:fits?|png|jpe?g|tiff?|npy)(?:\.(?:gz|bz2|fz))?)$")
PROBED = 1000  # rows that tell which columns are which
SIZES = re.compile(r"einstein|theta_?e$|r_?ein|radius|r_?eff$|fwhm|separation")


class Match(NamedTuple):
    """The row of a candidate; `differs` when other rows of it have other properties."""

    row: int
    differs: bool


@dataclass
class Catalogue:
    """A table of candidates; every ID is a text.

    Attributes
    ----------
    ids, files, labels
        One entry per row, None where the cell is empty.
    ra_deg, dec_deg : shape (n,)
        NaN where unknown.
    position_columns
        The columns that positions come from.
    units
        Declared units of columns whose values stand as the file has them.
    warnings
        What the user should know about the table, one sentence each.
    places
        Of what a file of cutouts says of them: the row of each, by its file and its place in there.
    """

    path: Path
    columns: Columns
    ids: list[str | None]
    files: list[str | None]
    labels: list[str | None]
    ra_deg: NDArray[np.float64]
    dec_deg: NDArray[np.float64]
    meanings: dict[str, str] = field(default_factory=dict)
    position_columns: tuple[str, ...] = ()
    units: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    places: dict[tuple[str, int | None], int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def rows_by_id(self) -> dict[str, list[int]]:
        """The rows of each ID."""
        return _rows_by(self.ids)

    @cached_property
    def rows_by_path(self) -> dict[str, list[int]]:
        """The rows of each file, by its absolute path."""
        return _rows_by([name and str((self.path.parent / name).resolve()) for name in self.files])

    @cached_property
    def rows_by_file_name(self) -> dict[str, list[int]]:
        """The rows of each file, by its name without folders."""
        return _rows_by([name and PurePosixPath(name).name for name in self.files])

    @cached_property
    def sky_tree(self) -> tuple[Any, NDArray[np.int64]]:
        """A tree of the positions on the unit sphere, and the row of each."""
        rows = np.flatnonzero(np.isfinite(self.ra_deg + self.dec_deg))
        return tree_of(unit_vectors(self.ra_deg[rows], self.dec_deg[rows])), rows

    @cached_property
    def rows_by_other_spelling(self) -> dict[str, list[int]]:
        """The rows of each ID as it may be spelt elsewhere; see `other_spelling`."""
        return _rows_by([name and other_spelling(name) for name in self.ids])

    def find(
        self, candidate_id: str, paths: Sequence[Path], *, near: tuple[float, float] | None = None
    ) -> Match | None:
        """Return the row of a candidate by one of its files, else by its ID.

        Of several rows at different positions the one at `near` (right ascension and declination in the
        candidate's header, degrees) is taken.

        Raises
        ------
        Refused
            When rows that fit alike contradict each other about the label, the class or the position.
        """
        by_path, by_name = [], []
        if self.rows_by_file_name:
            by_path = [row for path in paths for row in self.rows_by_path.get(str(path.resolve()), [])]
            by_name = [row for path in paths for row in self.rows_by_file_name.get(path.name, [])]
        short_id = candidate_id.rsplit("/", 1)[-1]
        rows = (
            by_path
            or self.rows_by_id.get(candidate_id)
            or by_name
            or self.rows_by_id.get(short_id)
            or self.rows_by_other_spelling.get(other_spelling(candidate_id))
            or self.rows_by_other_spelling.get(other_spelling(short_id), [])
        )
        return self._match(list(dict.fromkeys(rows)), candidate_id, near)

    def nearest(self, ra_deg: float, dec_deg: float, *, radius_arcsec: float) -> Match | None:
        """Return the row nearest to a position, or None beyond the radius.

        Raises
        ------
        Refused
            When another row at the same place within the radius contradicts it about the label or the class.
        """
        tree, rows = self.sky_tree
        if not rows.size:
            return None
        reach = chord(radius_arcsec) * (1.0 + 1e-12)
        within = rows[tree.query_ball_point(unit_vectors(ra_deg, dec_deg), reach)]
        if not within.size:
            return None
        ra, dec = self.ra_deg[within], self.dec_deg[within]
        order = np.lexsort((within, separation_arcsec(ra_deg, dec_deg, ra, dec)))
        first = order[0]
        alike = separation_arcsec(ra[first], dec[first], ra[order], dec[order]) <= SAME_PLACE_ARCSEC
        return self._match(within[order][alike].tolist(), f"the position {ra_deg:.5f} {dec_deg:.5f}", None)

    def _match(self, rows: list[int], what: str, near: tuple[float, float] | None) -> Match | None:
        """Return the first row with a label, else the first; rows that contradict each other are refused."""
        if len(rows) <= 1:
            return Match(rows[0], differs=False) if rows else None
        rows = self._at_one_place(rows, what, near)
        labels, classes = {self.labels[row] for row in rows}, {self.cell("class", row) for row in rows}
        for held, kind in ((labels, "labels"), (classes, "classes")):
            if len(held - {None}) > 1:
                reason = (
                    f"the catalogue has {len(rows)} rows for {what} with different {kind}: {_listed(rows)}"
                )
                raise Refused("label", reason)
        properties = [self.properties(row) for row in rows]
        for one in properties:  # a row for each file of a candidate says nothing else of it
            one.pop(self.meanings.get("file", ""), None)
        best = next((row for row in rows if self.labels[row] is not None), rows[0])
        return Match(best, differs=any(other != properties[0] for other in properties[1:]))

    def _at_one_place(self, rows: list[int], what: str, near: tuple[float, float] | None) -> list[int]:
        """Return those of the rows that lie at one place; several places are refused without `near`."""
        placed = [row for row in rows if self.position(row) is not None]
        if not placed:
            return rows
        ra, dec = self.ra_deg[placed], self.dec_deg[placed]
        if near is not None:
            apart = separation_arcsec(*near, ra, dec)
            here = [
                row for row, distance in zip(placed, apart.tolist(), strict=True) if distance <= NEAR_ARCSEC
            ]
            if here and len(here) < len(placed):
                return here
        apart = separation_arcsec(ra[0], dec[0], ra, dec)
        if apart.max() > SAME_PLACE_ARCSEC:
            raise Refused(
                "contradiction",
                f"the catalogue has {len(rows)} rows for {what} with positions up to {apart.max():.4g} "
                f"arcsec apart: {_listed(rows)}",
            )
        return rows

    def position(self, row: int) -> tuple[float, float] | None:
        """Return the position of a row in ICRS degrees."""
        ra, dec = float(self.ra_deg[row]), float(self.dec_deg[row])
        return (ra, dec) if math.isfinite(ra + dec) else None

    def properties(self, row: int) -> dict[str, Any]:
        """Return the filled cells of a row as plain JSON values."""
        cells = {name: plain(values[row]) for name, values in self.columns.items()}
        return {
            name: value
            for name, value in cells.items()
            if value is not None and not (name in self.no_data and value in self.no_data[name])
        }

    @cached_property
    def no_data(self) -> dict[str, frozenset[float]]:
        """The values of each column that mean that there is none, for the columns that have such."""
        values = {name: measured_no_data(cells) for name, cells in self.columns.items()}
        return {name: absent for name, absent in values.items() if absent}

    def unit_of(self, column: str) -> str:
        """Return the unit of angle of a column by its name, else as declared, else arcseconds."""
        named = UNIT_OF_NAME.search(column.lower())
        return named[1] if named else self.units.get(column) or unit_in_name(column) or "arcsec"

    def cell(self, meaning: str, row: int) -> str | None:
        """Return the text of the column that means "class" or "parent", if there is one."""
        name = self.meanings.get(meaning)
        if not name or as_number(cell := self.columns[name][row]) in self.no_data.get(name, ()):
            return None
        return as_text(cell)


class ChosenColumns(TypedDict):
    """Columns of a catalogue by name, None where they are to be recognised."""

    id_column: str | None
    ra_column: str | None
    dec_column: str | None


Keep = Callable[[Catalogue], NDArray[np.bool_]]
"""Which rows of a part of a catalogue are kept."""


def _listed(rows: Sequence[int]) -> str:
    numbers = ", ".join(str(row + 1) for row in sorted(rows)[:4])
    return f"rows {numbers}{', …' if len(rows) > 4 else ''}"


def other_spelling(name: str) -> str:
    """Return an ID without what may differ elsewhere.

    That is the form of accents, "12.0" for 12, the ending of an image, and the marks in our own exports.
    """
    plain_text = unescape(restore(name)) if name.startswith("'") or "\\" in name else name
    return ENDING.sub(r"\1", unicodedata.normalize("NFC", plain_text))


def _rows_by(keys: Sequence[str | None]) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {}
    for row, key in enumerate(keys):
        if key:
            rows.setdefault(key, []).append(row)
    return rows


def load_catalogue(
    path: Path,
    *,
    id_column: str | None = None,
    label_column: str | None = None,
    label_threshold: float | None = None,
    label_meanings: Mapping[str, str | None] | None = None,
    ra_column: str | None = None,
    dec_column: str | None = None,
    needs_ids: bool = False,
    needs_names: bool = True,
    keep: Keep | None = None,
) -> Catalogue:
    """Read a catalogue and find its columns by their usual names.

    A folder of Parquet files (partitioned, or a HATS catalogue) or a Parquet file of many rows is read by
    batches, and stays as Arrow holds it.

    Parameters
    ----------
    path
        The table.
    id_column, label_column, ra_column, dec_column
        Columns by name, where they are not to be recognised.
    label_threshold
        For a label column of numbers: from this value on a candidate is a lens.
    label_meanings
        What some values of the label column mean; see `parse_labels`.
    needs_ids
        Whether candidates shall be joined by ID or file: positions alone will not do.
    needs_names
        Whether it needs IDs or files where it has no positions; else the caller says what is missing.
    keep
        Which rows are kept of what is read by batches, by their IDs, files and positions; default: all.

    Raises
    ------
    InvalidInput
        When the file cannot be read, has no rows, lacks a column that was asked for, has neither IDs nor
        files nor positions, or has a label that could mean either.
    """
    columns: ChosenColumns = {"id_column": id_column, "ra_column": ra_column, "dec_column": dec_column}
    left_out: tuple[str, ...] = ()
    if is_large(path):
        table, columns, left_out = _large_table(path, columns, keep)
    else:
        table = read_table(path)
    catalogue = catalogue_of(
        table,
        path,
        label_column=label_column,
        label_threshold=label_threshold,
        label_meanings=label_meanings,
        **columns,
    )
    catalogue.warnings += left_out
    has_names = "id" in catalogue.meanings or "file" in catalogue.meanings
    if needs_names and not has_names and (needs_ids or not catalogue.position_columns):
        raise InvalidInput(
            f"{path.name} has no columns for IDs (object_id, id …){'' if needs_ids else ','} or files"
            f"{'' if needs_ids else ' or positions (ra, dec)'}, only {', '.join([*table.columns][:12])}. "
            f"Name the column of the IDs with --id-column{', or join by position' if needs_ids else ''}."
        )
    return catalogue


def _large_table(
    path: Path, columns: ChosenColumns, keep: Keep | None
) -> tuple[TableFile, ChosenColumns, tuple[str, ...]]:
    """Read the rows of a large table that are kept; return them, its columns' names, and what is left out."""
    large = ParquetTable.open(path)
    ra, dec = (large.properties.get(f"hats_col_{axis}") for axis in ("ra", "dec"))
    if ra in large.names and dec in large.names and not (columns["ra_column"] or columns["dec_column"]):
        columns = {"id_column": columns["id_column"], "ra_column": ra, "dec_column": dec}
    if not large.count:
        raise InvalidInput(f"The catalogue {path} has no rows. Choose another file.")
    if keep is None:
        return large.rows(None), columns, ()
    probe = catalogue_of(large.head(PROBED), path, **columns)
    keys = list(dict.fromkeys((*probe.meanings.values(), *probe.position_columns)))
    wanted = [np.empty(0, np.int64)]
    for start, part in large.batches(keys):
        wanted.append(start + np.flatnonzero(keep(catalogue_of(part, path, **columns))))
    rows = np.concatenate(wanted)
    if not len(rows):
        raise InvalidInput(
            f"None of the {large.count} rows of {path.name} belongs to what is imported. Check that it "
            "and the images are of one field, or name the columns of IDs and positions."
        )
    others = large.count - len(rows)
    words = (f"{others} of {large.count} rows of {path.name} belong to nothing imported: left out.",)
    return large.rows(rows), columns, words if others else ()


def load_catalogue_of(
    spec: IngestSpec, path: str, *, needs_ids: bool = False, keep: Keep | None = None
) -> Catalogue:
    """Read the catalogue of an import at `path`, its columns as `spec` names them; see `load_catalogue`."""
    return load_catalogue(
        Path(path).expanduser(),
        id_column=spec.id_column,
        label_column=spec.label_column,
        label_threshold=spec.label_threshold,
        label_meanings=spec.meanings_of_labels(),
        ra_column=spec.ra_column,
        dec_column=spec.dec_column,
        needs_ids=needs_ids,
        keep=keep,
    )


def catalogue_of(
    table: TableFile,
    path: Path,
    *,
    id_column: str | None = None,
    label_column: str | None = None,
    label_threshold: float | None = None,
    label_meanings: Mapping[str, str | None] | None = None,
    ra_column: str | None = None,
    dec_column: str | None = None,
) -> Catalogue:
    """Find the columns of a table by their usual names, or by those given; see `load_catalogue`.

    Raises
    ------
    InvalidInput
        When a column that was asked for is absent, or a label could mean either.
    """
    columns, names = in_named_units(table), list(table.columns)
    named = {meaning: find_column(names, meaning) for meaning in ("id", "file", "class", "parent")}
    if id_column:
        named["id"] = require_column(names, id_column, "--id-column")
    positions = read_positions(
        table, file=path.name, ra_column=ra_column, dec_column=dec_column, id_column=named["id"]
    )
    warnings = list(positions.warnings)
    labels: list[str | None] = [None] * len(table)
    if label_column:
        cells = columns[require_column(names, label_column, "--labels")]
        labels = parse_labels(cells, threshold=label_threshold, meanings=label_meanings)
        if named["class"] == "labels" and require_column(names, label_column) == "labels":
            named["class"] = None
        none = [cell for cell, label in zip(cells, labels, strict=True) if label is None and as_number(cell)]
        if none:
            warnings.append(f"{len(none)} rows of {path.name} hold {none[0]} as label, which is no label.")
    return Catalogue(
        path=path,
        columns=columns,
        ids=[id_of(cell) for cell in columns[named["id"]]] if named["id"] else [None] * len(table),
        files=[as_text(cell) for cell in columns[named["file"]]] if named["file"] else [None] * len(table),
        labels=labels,
        ra_deg=positions.ra_deg,
        dec_deg=positions.dec_deg,
        meanings={meaning: name for meaning, name in named.items() if name},
        position_columns=positions.columns,
        units={name: unit for name, unit in table.units.items() if columns[name] is table.columns[name]},
        warnings=tuple(warnings),
    )


def in_named_units(table: TableFile) -> Columns:
    """Return the columns with angles in the unit that their names end in, or in arcseconds for sizes.

    A column `einstein_radius_arcsec` that declares arcminutes, or `theta_E` that declares degrees, would else
    be read in the wrong unit.
    """
    columns = dict(table.columns)
    for name, unit in table.units.items():
        wanted = UNIT_OF_NAME.search(name.lower())
        declared = degrees_per(unit)
        if name not in columns or declared is None or not (wanted or SIZES.search(name.lower())):
            continue
        factor = declared / (UNITS[wanted[1]] if wanted else UNITS["arcsec"])
        if abs(factor - 1.0) > 1e-9:
            absent = measured_no_data(columns[name])
            numbers = [as_number(cell) for cell in columns[name]]
            columns[name] = [None if n is None or n in absent else n * factor for n in numbers]
    return columns


def measured_no_data(cells: Sequence[object]) -> frozenset[float]:
    """Return the values of a column of measurements that mean that there is none.

    In a column of whole numbers, which may be codes, only negative rows of nines and numbers beyond all
    codes count.
    """
    import pandas

    numbers = cells.numbers() if isinstance(cells, Cells) else None
    if numbers is None:
        numbers = pandas.to_numeric(pandas.Series([*cells], dtype=object), errors="coerce").to_numpy(
            np.float64
        )
    finite = numbers[np.isfinite(numbers)]
    if not ((np.abs(finite) >= NO_DATA_FROM) | (finite == -1.0)).any():
        return frozenset()
    absent = no_data_values(np.unique(finite).tolist())
    if (finite == np.rint(finite)).all():
        absent = frozenset(value for value in absent if value <= -NO_DATA_FROM or abs(value) > 1e19)
    return absent


def id_of(cell: object) -> str | None:
    """Return an ID as text; unlike other cells, a text such as "NaN" or "--" is one."""
    return cell.strip() or None if isinstance(cell, str) else as_text(cell)


def as_text(cell: object) -> str | None:
    """Return a cell as text: 12.0 as "12", blanks trimmed, empty ones as None."""
    if cell in EMPTY or (isinstance(cell, float) and not math.isfinite(cell)):
        return None
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip() or None


def plain(cell: object) -> str | int | float | bool | None:
    """Return a cell as a JSON value; numbers in text become numbers unless they begin with zeros."""
    if isinstance(cell, float):
        return cell if math.isfinite(cell) else None
    if isinstance(cell, bool | int):
        return cell
    text = as_text(cell)
    if text is None or (
        len(text) > 1 and text.lstrip("+-")[:1] == "0" and text.lstrip("+-")[1:2] not in (".", "")
    ):
        return text
    number = as_number(text)
    if number is None or not math.isfinite(number) or "_" in text:
        return text
    return int(text) if text.lstrip("+-").isdigit() and len(text) < 16 else number
