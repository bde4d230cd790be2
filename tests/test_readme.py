"""What the README points at exists."""

import ast
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from lensapp.core.train.network_specs import NETWORKS

PROJECT = Path(__file__).parents[1]
README = (PROJECT / "README.md").read_text("utf-8")
ARCHITECTURE = (PROJECT / "docs" / "architecture.md").read_text("utf-8")


@pytest.fixture(scope="module")
def tracked() -> set[str]:
    found = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip("not a git checkout")
    return set(found.stdout.split("\n"))


def test_every_link_of_the_readme_is_a_tracked_file(tracked):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", README)
    assert links
    assert [link for link in links if link not in tracked] == []


def test_every_make_target_of_the_readme_exists():
    targets = set(re.findall(r"^([a-z][a-z-]*):", (PROJECT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", README, re.MULTILINE))
    assert {"run", "test"} <= named <= targets


def test_the_readme_counts_the_networks_that_there_are():
    told = re.findall(r"(\d+) networks", README)
    assert set(told) == {str(sum(info.family != "own" for info in NETWORKS.values()))}


def test_the_environment_of_the_tests_runs_the_app_too_until_requirements_change(tmp_path):
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt", "constraints.txt"):
        shutil.copy(PROJECT / name, tmp_path)
    python = tmp_path / "python"  # `-m venv FOLDER` copies it there, anything else does nothing
    python.write_text('#!/bin/sh\n[ "$2" = venv ] && mkdir -p "$3/bin" && cp "$0" "$3/bin/python" || true\n')
    python.chmod(0o755)

    def make(*options: str) -> str:
        command = ["make", f"PYTHON={python}", *options]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    make(".venv/dev.stamp")
    assert "pip install" not in make("-n", "run")
    later = time.time() + 60
    os.utime(tmp_path / "requirements.txt", (later, later))
    assert "pip install" in make("-n", "run")
    assert "pip install" in make("-n", "test")


def test_every_file_that_the_architecture_names_exists():
    named = re.findall(r"`((?:lensapp|models|pages|tests)/[\w./]*)`", ARCHITECTURE)
    assert len(named) > 15
    assert [path for path in named if not (PROJECT / path).exists()] == []


def test_every_command_that_the_documentation_shows_exists():
    shown = set(re.findall(r"python -m lensapp ([a-z][a-z-]*)", README + ARCHITECTURE))
    listed = subprocess.run(
        [sys.executable, "-m", "lensapp", "--help"], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout
    assert len(shown) > 10
    assert [name for name in shown if not re.search(rf"^\s+{name}\b", listed, re.MULTILINE)] == []


def test_no_folder_holds_more_than_twenty_modules(tracked):
    folders = Counter(
        str(Path(name).parent)
        for name in tracked
        if name.endswith(".py") and not name.endswith("__init__.py") and "migrations" not in name
    )
    assert {folder: count for folder, count in folders.items() if count > 20} == {}


def test_no_function_has_more_than_fifty_lines_without_its_docstring(tracked):
    long = []
    for name in sorted(tracked):
        if not re.match(r"(lensapp|models)/.*\.py$", name) or "migrations" in name:
            continue
        for node in ast.walk(ast.parse((PROJECT / name).read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = node.end_lineno - node.lineno + 1
                if ast.get_docstring(node) is not None:
                    lines -= node.body[0].end_lineno - node.body[0].lineno + 1
                if lines > 50:
                    long.append(f"{name}: {node.name} has {lines}")
    assert long == []
