"""The benchmark for machines with a GPU runs here too, on small cutouts, and says what a machine lacks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
SCRIPT = PROJECT / "benchmarks" / "gpu.sh"


def gpu_sh(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", SCRIPT, *arguments],
        env=os.environ | {"PYTHON": sys.executable} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_dry_run_prints_every_figure() -> None:
    done = gpu_sh("--dry")
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    figures = [line["figure"] for line in lines]
    for name in (
        "training S1",
        "training S4",
        "training S5",
        "training equivariant_resnet",
        "S4 from end",
        "scoring",
    ):
        assert sum(figure.startswith(name) for figure in figures) == 1, name
    for line in lines:
        assert line["ours"] > 0
        assert {"benchmark", "figure", "unit", "ours", "peer", "ratio", "target", "met"} <= set(line)
    assert not any(line["met"] for line in lines[-2:])  # goals are for a GPU


def test_a_bare_machine_is_told_what_it_lacks(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    done = gpu_sh("--dry", PYTHON=str(bare / "bin" / "python"), WHEELS=str(tmp_path / "wheels"))
    assert done.returncode == 2
    assert done.stdout.startswith("Missing: keras namex optree")
    assert "--fetch" in done.stdout
