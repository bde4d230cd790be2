"""Read a table of candidates and find the row of each, by file, by ID or by position."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.column_names import find_column, parse_labels, require_column
from lensapp.core.errors import InvalidInput
from lensapp.ingest.formats.table_files import Columns, read_columns
from lensapp.ingest.refusals import Refused

EMPTY = (None, "", "nan", "NaN", "--")


@dataclass
class Catalogue:
    """A table of candidates; every ID is a text.

    Attributes
    ----------
    ids, files, labels
        One entry per row, None where the cell is empty.
    ra_deg, dec_deg : shape (n,)
        NaN where unknown.
    """

    path: Path
    columns: Columns
    ids: list[str | None]
    files: list[str | None]
    labels: list[str | None]
    ra_deg: NDArray[np.float64]
    dec_deg: NDArray[np.float64]
    meanings: dict[str, str] = field(default_factory=dict)

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
        from scipy.spatial import cKDTree

        from lensapp.core.data.sky import unit_vectors

        rows = np.flatnonzero(np.isfinite(self.ra_deg + self.dec_deg))
        return cKDTree(unit_vectors(self.ra_deg[rows], self.dec_deg[rows])), rows

    def find(self, candidate_id: str, paths: Sequence[Path]) -> int | None:
        """Return the row of a candidate by one of its files, else by its ID.

        Rows that fit alike and contradict each other about the label are refused.
        """
        by_path, by_name = [], []
        if self.rows_by_file_name:
            by_path = [row for path in paths for row in self.rows_by_path.get(str(path.resolve()), [])]
            by_name = [row for path in paths for row in self.rows_by_file_name.get(path.name, [])]
        by_id = self.rows_by_id.get(candidate_id, [])
        by_short_id = self.rows_by_id.get(candidate_id.rsplit("/", 1)[-1], [])
        matches = by_path or by_id or by_name or by_short_id
        if len({self.labels[row] for row in matches}) > 1:
            raise Refused(
                "label", f"the catalogue has {len(matches)} rows for {candidate_id} with different labels"
            )
        return matches[0] if matches else None

    def nearest(self, ra_deg: float, dec_deg: float, *, radius_arcsec: float) -> int | None:
        """Return the row nearest to a position, or None beyond the radius."""
        from lensapp.core.data.sky import chord, unit_vectors

        tree, rows = self.sky_tree
        if not rows.size:
            return None
        distance, index = tree.query(unit_vectors(ra_deg, dec_deg), distance_upper_bound=chord(radius_arcsec))
        return int(rows[index]) if math.isfinite(distance) else None

    def position(self, row: int) -> tuple[float, float] | None:
        """Return the position of a row in ICRS degrees."""
        ra, dec = float(self.ra_deg[row]), float(self.dec_deg[row])
        return (ra, dec) if math.isfinite(ra + dec) else None

    def properties(self, row: int) -> dict[str, Any]:
        """Return the filled cells of a row as plain JSON values."""
        cells = {name: plain(values[row]) for name, values in self.columns.items()}
        return {name: value for name, value in cells.items() if value is not None}

    def cell(self, meaning: str, row: int) -> str | None:
        """Return the text of the column that means "class" or "parent", if there is one."""
        name = self.meanings.get(meaning)
        return as_text(self.columns[name][row]) if name else None


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
) -> Catalogue:
    """Read a catalogue and find its columns by their usual names.

    Raises
    ------
    InvalidInput
        When the file cannot be read, has no rows, lacks a column that was asked for, has neither IDs nor
        files nor positions, or has a label that could mean either.
    """
    columns = read_columns(path)
    names = list(columns)
    named = {
        meaning: find_column(names, meaning) for meaning in ("id", "file", "ra", "dec", "class", "parent")
    }
    if id_column:
        named["id"] = require_column(names, id_column)
    if not named["id"] and not named["file"] and not (named["ra"] and named["dec"]):
        raise InvalidInput(
            f"{path.name} has no columns for IDs (object_id, id …), files or positions (ra, dec), only "
            f"{', '.join(names[:12])}. Name the column of the IDs."
        )
    rows = len(next(iter(columns.values())))
    labels: list[str | None] = [None] * rows
    if label_column:
        cells = columns[require_column(names, label_column)]
        labels = parse_labels(cells, threshold=label_threshold)
    ra, dec = (
        np.array([_number(cell) for cell in columns[name]], np.float64) if name else np.full(rows, np.nan)
        for name in (named["ra"], named["dec"])
    )
    return Catalogue(
        path=path,
        columns=columns,
        ids=[as_text(cell) for cell in columns[named["id"]]] if named["id"] else [None] * rows,
        files=[as_text(cell) for cell in columns[named["file"]]] if named["file"] else [None] * rows,
        labels=labels,
        ra_deg=np.where((ra >= 0) & (ra <= 360), ra, np.nan),
        dec_deg=np.where(np.abs(dec) <= 90, dec, np.nan),
        meanings={meaning: name for meaning, name in named.items() if name},
    )


def _number(cell: object) -> float:
    try:
        return float(cell) if isinstance(cell, str | int | float) else math.nan
    except ValueError:
        return math.nan


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
    number = _number(text)
    if not math.isfinite(number) or "_" in text:
        return text
    return int(text) if text.lstrip("+-").isdigit() and len(text) < 16 else number
