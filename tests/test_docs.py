"""The documentation: its commands are commands, and it becomes a site that needs no network."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from lensapp.cli.commands import COMMANDS, make_parser

PROJECT = Path(__file__).parents[1]
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
LINE = re.compile(r"^\s*(?:python -m lensapp|lensapp) (.+)$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_every_command_line_of_a_page_is_understood(page):
    parser = make_parser()
    for line in LINE.findall(page.read_text("utf-8")):
        if "…" not in line:
            parser.parse_args(shlex.split(line.split(" #")[0].rstrip("\\")))


def test_the_app_names_commands_as_they_can_be_typed_after_make_run():
    """The command `lensapp` itself is on the PATH only where the package was installed."""
    bare = re.compile(rf"(?<!-m )\blensapp (?:{'|'.join(COMMANDS)})\b")
    texts = {path: path.read_text("utf-8") for path in (PROJECT / "lensapp").rglob("*.py")}
    assert [f"{path.name}: {found}" for path, text in texts.items() for found in bare.findall(text)] == []


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)]
    made = subprocess.run(build, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr  # strict: a link to nowhere or a page that nobody lists fails
    return folder


def test_the_site_has_every_page_and_every_command(site):
    assert {page.stem for page in PAGES[1:]} <= {page.stem for page in site.glob("*.html")}
    commands = (site / "commands.html").read_text("utf-8")
    assert [name for name in COMMANDS if f'<h3 id="{name}">' not in commands] == []


def test_a_page_of_the_site_fetches_nothing_from_elsewhere(site):
    for page in site.glob("*.html"):
        fetched = re.findall(
            r"<(?:script|img)[^>]*src=\"([^\"]+)|<link[^>]*rel=\"(?:stylesheet|icon)\"[^>]*href=\"([^\"]+)",
            page.read_text("utf-8"),
        )
        assert fetched
        assert [address for pair in fetched for address in pair if "//" in address] == []
