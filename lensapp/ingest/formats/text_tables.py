"""Read tables written as text, in the shapes that spreadsheets, TOPCAT, VizieR and people give them."""

import codecs
import csv
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from lensapp.core.errors import InvalidInput

SEPARATORS = ",\t;|"
BLANKS = "blanks"
LOOKED_AT = 20  # rows of data by which the separator is chosen
LONGEST_HEAD = 10_000
LARGEST_LINE = 10_000_000
REST = "\0rest"  # cells beyond the header's last, which are empty where rows end in separators

_DASHES = re.compile(r"\s*-*\s*")
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d*(\.\d{3})*,\d+([eE][+-]?\d+)?\s*")


@dataclass(frozen=True)
class _Shape:
    """How a text is to be read.

    `data_line` is the first line of the rows, counted from 0, None where there are no rows; `beyond` is
    how many cells rows may have beyond the header's last.
    """

    encoding: str
    separator: str
    names: list[str]
    units: dict[str, str]
    data_line: int | None
    beyond: int
    has_comments: bool


def is_ecsv(path: Path) -> bool:
    """Return whether a text begins as ECSV does."""
    with path.open("rb") as file:
        return file.read(16).removeprefix(codecs.BOM_UTF8).startswith(b"# %ECSV")


def read_text_table(
    path: Path, *, choose: Callable[[Sequence[str]], Sequence[str]] | None = None
) -> tuple[list[str], dict[str, list[Any]], dict[str, str]]:
    """Return the names of all columns, the texts of those chosen, and the units that a line declares.

    UTF-8, UTF-16 with a mark, or the Windows alphabet; separated by commas, semicolons, tabs, bars or
    blanks; comment lines before the header, or a header that is a comment; a spreadsheet's `sep=` line;
    VizieR's lines of units and dashes; rows that end in a separator; decimal commas unless commas separate.

    Raises
    ------
    InvalidInput
        When a row has more filled cells than the header has names.
    """
    with path.open("rb") as file:
        start = file.read(4096)
    wide = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if not wide and b"\0" in start:
        raise InvalidInput(
            f"{path.name} holds binary data and is no table in text. Choose another file, or give it the "
            "ending of its format, such as .fits or .parquet."
        )
    try:
        shape = _shape_of(path, "utf-16" if wide else "utf-8-sig")
        table = _parse(path, shape)
    except UnicodeDecodeError:
        shape = _shape_of(path, "cp1252")
        table = _parse(path, shape)
    if shape.has_comments and len(table):
        table = table[~table.iloc[:, 0].str.startswith("#")]
    beyond = (table.iloc[:, len(shape.names) :] != "").any(axis=1).to_numpy()
    if beyond.any():
        raise InvalidInput(
            f"Row {int(beyond.argmax()) + 1} of {path.name} has more cells than its header has names "
            f"({len(shape.names)}), so which column each belongs to is unknown. Give every column a name."
        )
    chosen = shape.names if choose is None else list(choose(shape.names))
    columns = {name: table[name].tolist() for name in chosen}
    if shape.separator not in (",", BLANKS):
        columns = {name: _with_points(cells) for name, cells in columns.items()}
    if choose is None:  # a separator at the end of the header too makes a column without name or cells
        empty = [name for name in columns if not name or name.startswith(".")]
        columns = {name: cells for name, cells in columns.items() if name not in empty or any(cells)}
    return shape.names, columns, shape.units


def _shape_of(path: Path, encoding: str) -> _Shape:
    """Find the header, the separator and where the rows begin."""
    lines: list[tuple[int, str]] = []
    comments: list[str] = []
    separator = None
    with path.open(encoding=encoding) as file:
        for number in range(LONGEST_HEAD):
            line = file.readline(LARGEST_LINE)
            if not line or len(lines) > LOOKED_AT:
                break
            text = line.rstrip("\r\n")
            if text.startswith("#"):
                comments += [text.lstrip("#")] * (not lines)
            elif not lines and (match := re.fullmatch(r'"?sep=(.)"?', text.strip(), re.IGNORECASE)):
                separator = match[1]
            elif text.strip():
                lines.append((number, text))
    if not lines:
        return _Shape(encoding, ",", [], {}, None, 0, has_comments=False)
    separator = separator or _separator([text for _, text in lines])
    rows = [_cells(text, separator) for _, text in lines]
    first = 0
    header = rows[0]
    if comments and _is_header_of(comment := _cells(comments[-1], separator), header):
        header = comment
    else:
        first = 1
    units: dict[str, str] = {}
    names = _distinct(header)
    # VizieR writes a line of units, then one of dashes; either may be absent.
    head = range(first, min(first + 2, len(rows)))
    dashes = next(
        (n for n in head if any(map(str.strip, rows[n])) and all(map(_DASHES.fullmatch, rows[n]))), None
    )
    if dashes is not None:
        if dashes > first:
            units = {
                name: unit.strip() for name, unit in zip(names, rows[first], strict=False) if unit.strip()
            }
        first = dashes + 1
    data_line = lines[first][0] if first < len(lines) else None
    beyond = 1 + max((len(row) - len(names) for row in rows[first:]), default=0)
    return _Shape(encoding, separator, names, units, data_line, max(1, beyond), has_comments=bool(comments))


def _separator(lines: Sequence[str]) -> str:
    """Return the separator that gives every row the same number of cells; of several, that of most cells."""
    widths = {}
    for mark in SEPARATORS:
        counts = [len(row) for row in csv.reader(lines, delimiter=mark, skipinitialspace=True)]
        alike = all(count in (counts[0], counts[0] + 1) for count in counts[:LOOKED_AT])
        widths[mark] = (alike and counts[0] > 1, counts[0])
    best = max(widths, key=lambda mark: widths[mark])
    if widths[best][1] > 1:
        return best
    counts = [len(_cells(line, BLANKS)) for line in lines]
    return BLANKS if counts[0] > 1 and len(lines) > 1 and len(set(counts)) == 1 else ","


def _cells(line: str, separator: str) -> list[str]:
    if separator == BLANKS:
        line, separator = " ".join(line.split()), " "
    return next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])


def _is_header_of(comment: Sequence[str], first_row: Sequence[str]) -> bool:
    """Return whether a comment names the columns: a word for each cell of a row that holds numbers."""
    return (
        len(comment) > 1
        and len(first_row) - len(comment) in (0, 1)
        and any(map(_NUMBER.fullmatch, first_row))
        and not any(map(_NUMBER.fullmatch, comment))
    )


def _distinct(names: Sequence[str]) -> list[str]:
    """Return names without blanks around them; a repeated one gets a number, as pandas gives it."""
    seen: dict[str, int] = {}
    distinct = []
    for name in (name.strip() for name in names):
        count = seen.get(name, 0)
        seen[name] = count + 1
        distinct.append(f"{name}.{count}" if count else name)
    return distinct


def _parse(path: Path, shape: _Shape) -> Any:
    """Return the rows as a frame of texts, with a column for each name and for cells beyond the last."""
    import pandas

    names = [*shape.names, *(f"{REST}{number}" for number in range(1, 1 + shape.beyond))]
    if shape.data_line is None:
        return pandas.DataFrame(columns=names, dtype=str)
    if shape.separator == BLANKS:
        with path.open(encoding=shape.encoding) as file:
            rows = [_cells(line, BLANKS) for line in islice(file, shape.data_line, None) if line.strip()]
        cells = [row + [""] * (len(names) - len(row)) for row in rows]
        return pandas.DataFrame(cells, columns=names, dtype=str)
    with warnings.catch_warnings():
        warnings.simplefilter("error", pandas.errors.ParserWarning)  # cells beyond the last column
        return pandas.read_csv(
            path,
            sep=shape.separator,
            header=None,
            names=names,
            index_col=False,
            skiprows=shape.data_line,
            dtype=str,
            keep_default_na=False,
            encoding=shape.encoding,
            skipinitialspace=True,
        )


def _with_points(cells: list[str]) -> list[str]:
    """Return a column of numbers with decimal commas with points; other columns as they are."""
    if not any("," in cell for cell in cells):
        return cells
    if not all(
        _DECIMAL_COMMA.fullmatch(cell) if "," in cell else not cell or _NUMBER.fullmatch(cell)
        for cell in cells
    ):
        return cells
    return [cell.replace(".", "").replace(",", ".") if "," in cell else cell for cell in cells]
