"""What the README points at exists."""

import re
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
README = (PROJECT / "README.md").read_text("utf-8")


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
