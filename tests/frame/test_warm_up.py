"""What the server loads once it has begun."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
SCRIPT = """
import sys
from lensapp.ui.warm_up import load_pages
load_pages()
print(*sys.modules)
"""
SLOW_TO_LOAD = {"astropy.coordinates", "astropy.wcs", "keras", "sklearn", "tensorflow"}


def test_modules_of_all_pages_are_there_and_no_page_has_run() -> None:
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True, timeout=120)
    loaded = set(done.stdout.split())
    wanted = set()
    for page in (PROJECT / "pages").glob("*.py"):
        [line] = [line for line in page.read_text("utf-8").splitlines() if line.startswith("from lensapp")]
        _, package, _, name = line.split()
        wanted.add(package if package.endswith("_page") else f"{package}.{name}")
    assert len(wanted) == len([*(PROJECT / "pages").glob("*.py")])
    assert wanted | {"streamlit.emojis", "scipy.stats"} <= loaded
    assert "lensapp.ui.main" not in loaded
    assert not SLOW_TO_LOAD & loaded  # the first showing of a page would wait for it


@pytest.mark.parametrize(
    "module",
    ["lensapp.ui.home.home_page", "lensapp.services.inspect.votes", "lensapp.services.catalogue.export"],
)
def test_neither_the_first_page_nor_a_short_command_waits_for_the_tests_of_statistics(module: str) -> None:
    script = f"import sys, {module}; sys.exit('scipy.stats' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", script], cwd=PROJECT, timeout=120, check=False).returncode == 0
    )


COLLECTED = """
import gc
from lensapp.ui.warm_up import load_pages, set_aside_what_stays
load_pages()
set_aside_what_stays()
print(gc.get_freeze_count(), len(gc.get_objects()), gc.isenabled())
"""


def test_a_collection_after_a_run_looks_at_no_object_of_a_library() -> None:
    command = [sys.executable, "-c", COLLECTED]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True, timeout=120)
    frozen, left, enabled = done.stdout.split()
    assert int(frozen) > 200_000
    assert int(left) < 0.01 * int(frozen)
    assert enabled == "True"
