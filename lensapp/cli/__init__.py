"""The command line: the same services as the web app, headless."""

import json
import os
import sys
from typing import Any

from lensapp.core.errors import LensAppError

MOST_ROWS = 20  # of a list within a report, on the terminal


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return 0, or 2 after one line on stderr for anything the user can mend."""
    from lensapp.cli.commands import USER_ERROR, make_parser

    parsed = make_parser().parse_args(arguments)
    # TensorFlow's start-up messages would hide ours; a user who wants them sets the variable.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        result = parsed.function(parsed)
    except LensAppError as error:
        sys.stderr.write(" ".join(str(error).split()) + "\n")
        return USER_ERROR
    except BrokenPipeError:
        return 0
    if parsed.json and result is not None:
        sys.stdout.write(json.dumps(result, default=str) + "\n")
    elif isinstance(result, list):
        sys.stdout.write(table_text(result) + "\n")
    elif result is not None:
        sys.stdout.writelines(f"{key}: {_cell_text(value)}\n" for key, value in result.items())
    return 0


def table_text(rows: list[dict[str, Any]]) -> str:
    """Return rows as a table for reading."""
    if not rows:
        return "none"
    cells = [list(rows[0])] + [[_cell_text(value) for value in row.values()] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def _cell_text(value: Any) -> str:
    """Return a value for reading."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        lines = [f"\n  {json.dumps(item, default=str, ensure_ascii=False)}" for item in value[:MOST_ROWS]]
        more = len(value) - MOST_ROWS
        return "".join(lines) + (f"\n  and {more} more; --json lists all" if more > 0 else "")
    if isinstance(value, dict | list):
        return json.dumps(value, default=str, ensure_ascii=False)
    return str(value)
