"""What `make docs` adds to the pages in this folder: the command reference, the changelog."""

import argparse
import hashlib
import html
import logging
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

PROJECT = Path(__file__).parents[1]
TAKEN_FROM = PROJECT / "docs" / "images" / "taken-from.txt"
SHOWN = ("pages", "lensapp/ui", ".streamlit")
log = logging.getLogger("mkdocs.hooks.site")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made from the code, never written by hand."""
    files.append(File.generated(config, "commands.md", content=command_reference()))
    changes = (PROJECT / "CHANGELOG.md").read_text("utf-8").replace("](docs/", "](")
    files.append(File.generated(config, "changelog.md", content=changes))
    if not TAKEN_FROM.exists() or TAKEN_FROM.read_text("utf-8").strip() != digest_of_pages():
        log.info("The pictures are older than the pages: `make screenshots` takes them anew.")
    return files


def digest_of_pages() -> str:
    """Return a checksum of all that decides what a page looks like."""
    digest = hashlib.sha256()
    for folder in SHOWN:
        for path in sorted((PROJECT / folder).rglob("*")):
            if path.is_file() and path.suffix in {".py", ".css", ".js", ".html", ".toml"}:
                digest.update(path.relative_to(PROJECT).as_posix().encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()


def command_reference() -> str:
    """Return every command with its arguments and options, by rooms, as Markdown."""
    sys.path.insert(0, str(PROJECT))  # MkDocs takes back what is changed while it loads this file
    from lensapp.cli.commands import COMMANDS, ROOMS, make_parser

    parsers = next(
        action.choices for action in make_parser()._actions if isinstance(action, argparse._SubParsersAction)
    )
    lines = [
        "# Commands",
        "",
        "`python -m lensapp [--workspace DIR] COMMAND … [--json]`, or `lensapp` where it is installed.",
        "The form of a page has the same fields. Exit status 2 and one line on stderr mean something that",
        "you can mend.",
    ]
    for room, title in ROOMS.items():
        lines += ["", f"## {title}"]
        for entry in COMMANDS.values():
            if entry.room == room:
                lines += ["", *_one_command(entry.name, parsers[entry.name])]
    return "\n".join(lines) + "\n"


def _one_command(name: str, parser: argparse.ArgumentParser) -> list[str]:
    rows = []
    for action in parser._actions:
        if action.dest in {"help", "json", "workspace"} or action.help == argparse.SUPPRESS:
            continue
        value = str(action.metavar or action.dest.upper()) if action.nargs != 0 else ""
        if value.startswith("{"):
            value = value[1:-1].replace(",", " | ")
        named = ", ".join(action.option_strings) or str(action.metavar or action.dest)
        shown = f"`{named}`" + (f" {_cell(value)}" if action.option_strings and value else "")
        rows.append(f"| {shown} | {_cell(' '.join((action.help or '').replace('%%', '%').split()))} |")
    text = [paragraph.strip() for paragraph in (parser.description or "").split("\n\n")]
    lines = [f"### {name} {{ #{name} }}", "", *"\n\n".join(text).split("\n")]
    return [*lines, "", "| option | what it does |", "|---|---|", *rows] if rows else lines


def _cell(text: str) -> str:
    return html.escape(text, quote=False).replace("|", "&#124;")
