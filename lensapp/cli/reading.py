"""What a command returns as text for reading: lines, tables, words instead of values of Python."""

from collections.abc import Mapping, Sequence
from typing import Any

MOST_ROWS = 20  # of a table within a report
WIDEST_CELL = 72
NOTHING = "–"
WORDS = {"nonlens": "non-lens"}  # how it is called where people read


def result_text(result: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> str:
    """Return a listing as a table, a report as lines `name: value` with its tables below."""
    if not isinstance(result, Mapping):
        return table_text(result)
    return _lines(result)


def _lines(report: Mapping[str, Any], *, indent: str = "") -> str:
    texts = {key: _value_text(value, indent=f"{indent}  ") for key, value in report.items()}
    return "\n".join(
        f"{indent}{key}:{text if text[:1].isspace() else f' {text}'}" for key, text in texts.items()
    )


def table_text(rows: Sequence[Mapping[str, Any]], *, indent: str = "") -> str:
    """Return rows as a table; a column for every name, cells that are too wide cut with three dots."""
    if not rows:
        return "none"
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[_word(name) for name in names]]
    texts = ([_cell_text(row.get(name)) for name in names] for row in rows)
    cells += [[t if len(t) <= WIDEST_CELL else f"{t[: WIDEST_CELL - 1]}…" for t in row] for row in texts]
    widths = [max(len(row[column]) for row in cells) for column in range(len(names))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )
    return "\n".join(indent + line for line in lines)


def _value_text(value: Any, *, indent: str) -> str:
    """Return a value of a report: rows as a table below its name, anything else in the line."""
    if isinstance(value, Mapping) and value and all(isinstance(inner, Mapping) for inner in value.values()):
        value = [{"": key, **inner} for key, inner in value.items()]
    if _are_rows(value):
        more = len(value) - MOST_ROWS
        rest = f"\n{indent}and {more} more; --json lists all" if more > 0 else ""
        return f"\n{table_text(value[:MOST_ROWS], indent=indent)}{rest}"
    if isinstance(value, Mapping) and any(map(_are_rows, value.values())):
        return f"\n{_lines(value, indent=indent)}"
    return _cell_text(value)


def _are_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, Mapping) for row in value)


def _cell_text(value: Any) -> str:
    """Return a value in one line."""
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{_word(key)} {_inner_text(inner)}" for key, inner in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(_inner_text(inner) for inner in value) or "none"
    return _word(value)


def _inner_text(value: Any) -> str:
    text = _cell_text(value)
    return f"({text})" if isinstance(value, Mapping | list | tuple) and value else text


def _word(value: Any) -> str:
    return WORDS.get(str(value), str(value))
