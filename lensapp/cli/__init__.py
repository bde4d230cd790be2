"""The command line: the same services as the web app, headless."""

import argparse
import json
import os
import sys
from typing import Any, NoReturn

from lensapp.core.errors import LensAppError

USER_ERROR = 2


class OneLineParser(argparse.ArgumentParser):
    """A parser whose errors are one line that ends in a remedy."""

    def error(self, message: str) -> NoReturn:
        """Print `message` on one line and exit with status 2."""
        self.exit(USER_ERROR, f"{self.prog}: {message}. See '{self.prog} --help'.\n")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return 0, or 2 after one line on stderr for anything the user can mend."""
    from lensapp.cli.parser import make_parser

    parsed = make_parser().parse_args(arguments)
    # TensorFlow's start-up messages would hide ours; a user who wants them sets the variable.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        result = parsed.command(parsed)
    except LensAppError as error:
        sys.stderr.write(" ".join(str(error).split()) + "\n")
        return USER_ERROR
    except BrokenPipeError:
        return 0
    if result is not None:
        _print(result, as_json=parsed.json)
    return 0


def _print(result: Any, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(result, default=str) + "\n")
    elif isinstance(result, list):
        sys.stdout.write(_table(result) + "\n")
    else:
        for key, value in result.items():
            sys.stdout.write(f"{key}: {_text(value)}\n")


def _table(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "none"
    cells = [list(rows[0])] + [[_text(value) for value in row.values()] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "".join(f"\n  {json.dumps(item, default=str)}" for item in value)
    if isinstance(value, dict | list):
        return json.dumps(value, default=str)
    return str(value)
