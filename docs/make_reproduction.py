"""Run each document's systems on the demo survey, and write claim, command and figure as a page.

Run as `make reproduction`, or `python docs/make_reproduction.py WORKSPACE [--only NAME …] [--page-only]`.
What each command printed is kept in `docs/reproduction.json` as soon as it has ended, with the processor
time it took, so that a killed run goes on where it was and a changed command is run anew. The page is made
from that file alone.
"""

import argparse
import io
import json
import shlex
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from reproduction_cases import CASES, ROWS, SURVEYS  # noqa: E402
from reproduction_page import page  # noqa: E402

from lensapp.cli import main as lensapp  # noqa: E402

RESULTS = ROOT / "docs" / "reproduction.json"
NOTE_SECONDS = 5.0
LONGEST_LIST = 30


def commands(only: list[str]) -> Iterator[str]:
    """Yield every command in the order of its use: each network once, the other cases, then more seeds."""
    yield from SURVEYS
    rows = [row for row in ROWS if not only or row.label in only]
    for row in rows:
        yield from row.commands(0)
    for case in CASES:
        if not only or case.name in only:
            yield from case.commands
    for row in rows:
        for seed in range(1, row.seeds):
            yield from row.commands(seed)


def run(workspace: Path, command: str, kept: dict[str, Any]) -> None:
    """Run one command of the command line unless it has ended before, and keep what it prints.

    One process runs them all, so that no time goes into starting; what a killed one had spent is noted every
    few seconds and counts too.
    """
    if command not in kept:
        forget_what_followed(command, kept)
    entry = kept.setdefault(command, {"processor_seconds": 0.0})
    if "answer" in entry:
        return
    began, before, ended = time.process_time(), entry["processor_seconds"], threading.Event()

    def note() -> None:
        while not ended.wait(NOTE_SECONDS):
            entry["processor_seconds"] = before + time.process_time() - began
            save(kept)

    noting = threading.Thread(target=note)
    noting.start()
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            code = lensapp(["--workspace", str(workspace), *shlex.split(command), "--json"])
    finally:
        ended.set()
        noting.join()
    if code:
        raise SystemExit(f"Not done: python -m lensapp {command}")
    entry["processor_seconds"] = before + time.process_time() - began
    entry["answer"] = condensed(json.loads(printed.getvalue()))
    save(kept)
    forget_networks()


def forget_what_followed(command: str, kept: dict[str, Any]) -> None:
    """Take out what was told of an earlier run of the name that a command gives."""
    words = shlex.split(command)
    if "--name" not in words:
        return
    name = words[words.index("--name") + 1]
    for other in [one for one in kept if name in shlex.split(one.replace(",", " "))]:
        del kept[other]


def forget_networks() -> None:
    """Free what Keras keeps of a network, once it is there."""
    if "keras" in sys.modules:
        from lensapp.learning.studies import study_runs

        study_runs.forget_networks()


def condensed(value: Any) -> Any:
    """Return an answer without its long lists, which are curves."""
    if isinstance(value, dict):
        return {key: condensed(item) for key, item in value.items() if not _is_curve(item)}
    return [condensed(item) for item in value] if isinstance(value, list) else value


def _is_curve(value: Any) -> bool:
    return isinstance(value, list) and len(value) > LONGEST_LIST


def save(kept: dict[str, Any]) -> None:
    """Write all answers, whole or not at all."""
    partial = RESULTS.with_suffix(".partial")
    partial.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf-8")
    partial.replace(RESULTS)


def main() -> None:
    """Run what has not run yet, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="cases and rows; default: all")
    parser.add_argument("--page-only", action="store_true", help="run nothing")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "reproduction.md")
    arguments = parser.parse_args()
    kept: dict[str, Any] = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    for command in () if arguments.page_only else commands(arguments.only):
        run(arguments.workspace, command, kept)
    arguments.out.write_text(page(kept), "utf-8")


if __name__ == "__main__":
    main()
