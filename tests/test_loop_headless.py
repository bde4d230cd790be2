"""The whole round through the command line, on real Pan-STARRS lenses and simulated non-lenses."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

from lensapp.cli import main

PROJECT = Path(__file__).parents[1]
BANDS = "g,r,i,z,y"
QUICK = ["--epochs", "2", "--batch-size", "32", "--network-options", '{"filters": 4, "dense_units": 8}']


class Command:
    """`python -m lensapp` on one workspace: in this process, or in one of its own, which costs seconds."""

    def __init__(self, workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.workspace = workspace
        self.capsys = capsys

    def run(self, *arguments: str | Path, alone: bool = False) -> subprocess.CompletedProcess[str]:
        words = [str(part) for part in ("--workspace", self.workspace, *arguments)]
        if alone:
            command = [sys.executable, "-m", "lensapp", *words]
            return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
        self.capsys.readouterr()
        try:
            status = main(words)
        except SystemExit as left:
            status = int(str(left.code))
        return subprocess.CompletedProcess(words, status, *self.capsys.readouterr())

    def __call__(self, *arguments: str | Path, alone: bool = False) -> Any:
        done = self.run(*arguments, "--json", alone=alone)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert len(lines) == 1, f"expected one JSON object on stdout, received {lines}"
        return json.loads(lines[0])


@pytest.fixture
def lensapp(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(tmp_path / "workspace", capsys)


def labelled_catalogue(shared_data: Path, folder: Path) -> Path:
    """The survey's catalogue with a label column: every system in it is a confirmed lens."""
    path = folder / "labelled.csv"
    with (shared_data / "sled_ps1" / "catalogue.csv").open() as given, path.open("w", newline="") as out:
        rows = list(csv.DictReader(given))
        writer = csv.DictWriter(out, fieldnames=[*rows[0], "is_lens"])
        writer.writeheader()
        writer.writerows([row | {"is_lens": "1"} for row in rows])
    return path


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_round_from_real_fits_to_a_retrained_network_and_a_catalogue(lensapp, shared_data, tmp_path):
    catalogue = labelled_catalogue(shared_data, tmp_path)
    cutouts = shared_data / "sled_ps1" / "cutouts"
    options = ["--catalogue", catalogue, "--labels", "is_lens", "--bands", BANDS, "--size", "48"]
    plan = lensapp("ingest", cutouts, *options, "--dry-run")
    assert plan["accepted"] == 48
    assert lensapp("sources") == []
    taken = lensapp("ingest", cutouts, "--name", "sled", *options, alone=True)
    assert (taken["source"], taken["accepted"], taken["rejected"]) == ("sled", 48, [])
    assert taken["bands"] == BANDS.split(",")

    survey = ["--count", "160", "--lens-fraction", "0.1", "--size", "48", "--bands", BANDS]
    made = lensapp("demo", "--name", "field", *survey, "--pixel-scale-arcsec", "0.25")
    assert (made["source"], made["lenses"]) == ("field", 16)
    assert (made["unlabelled"]["source"], made["unlabelled"]["accepted"]) == ("field-survey", 80)
    frozen = lensapp("split", "sled,field", "--name", "first")
    assert set(frozen["counts"]) == {"train", "validation", "test"}

    run = lensapp("train", "first", "--model", "elu_cnn", *QUICK, alone=True)["run"]
    figures = lensapp("evaluate", run)
    assert 0 <= figures["auroc"] <= 1
    assert sum(figures["confusion"].values()) == sum(frozen["counts"]["test"].values())
    assert lensapp("score", run, "field-survey")["scored"] == 80
    again = lensapp("score", run, "field-survey")
    assert (again["scored"], again["skipped"]) == (0, 80)
    image = tmp_path / "one.npy"
    np.save(image, np.random.default_rng(1).normal(size=(1, 48, 48, 5)).astype(np.float32))
    (scored,) = lensapp("predict", run, image, "--allow-unknown-units", alone=True)
    assert 0 <= scored["score"] <= 1

    for number, grade in enumerate(["A", "A", "B", "C", "X", "X"]):
        asked = ["--candidate", candidate(lensapp, number), "--grade", grade, "--inspector", "Ada"]
        lensapp("vote", "field-survey", *asked)
    second = lensapp("label", "field-survey", "--dataset", "first")
    assert second["outcomes"] == {"added": 5, "grade ignored": 1}
    train = {
        label: second["counts"]["train"][label] - count for label, count in frozen["counts"]["train"].items()
    }
    assert train == {"lens": 3, "nonlens": 2}
    again = lensapp("train", second["dataset"], "--model", "elu_cnn", *QUICK, "--initial-run", run)
    assert again["run"] != run

    out = tmp_path / "catalogue.fits"
    lensapp("export", "field-survey", "--out", out, "--run", run, alone=True)
    assert np.sum(Table.read(out)["votes"] == 1) == 4  # those graded X are no candidates
    lensapp("export", "field-survey", "--out", out, "--run", run, "--grades", "all", alone=True)
    table = Table.read(out)
    assert np.sum(table["votes"] == 1) == 6
    assert len(Table.read(tmp_path / "catalogue_votes.fits")) == 6


def candidate(lensapp: Command, number: int) -> str:
    """The ID of one candidate of the survey without labels, from an exported catalogue."""
    out = lensapp.workspace / "ids.csv"
    if not out.exists():
        lensapp("export", "field-survey", "--out", out)
    with out.open() as file:
        lines = [line for line in file if not line.startswith("#")]
    return list(csv.DictReader(lines))[number]["id"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["split", "nowhere"], "There is no source called 'nowhere'"),
        (["train", "nothing", "--model", "elu_cnn"], "called 'nothing'"),
        (["train", "nothing", "--model", "elu_cnnn"], "elu_cnn"),
        (["train", "nothing"], "Say what to train: --model NAME, --preset NAME or --initial-run RUN"),
        (["train", "nothing", "--preset", "S9"], "S9"),
        (["train", "nothing", "--preset", "S1", "--epochs", "0"], "Epochs"),
        (["evaluate", "nothing"], "There is no run called"),
        (["ingest", "/nowhere/at/all", "--name", "x"], "/nowhere/at/all"),
        (["demo", "--name", "../escape"], "is not a possible name"),
        (["demo", "--name", "x", "--count", "many"], "Number of cutouts"),
        (["export", "nothing", "--out", "x.csv"], "'nothing'"),
        (["vote", "nothing", "--candidate", "1", "--grade", "A", "--inspector", "Ada"], "'nothing'"),
        (["metrics", "/nowhere.csv", "--score", "s", "--label", "l"], "/nowhere.csv"),
        (["fly"], "invalid choice"),
    ],
)
def test_what_the_user_can_mend_is_one_line_and_status_2(lensapp, arguments, message):
    done = lensapp.run(*arguments, alone=arguments[0] in ("fly", "split"))
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
