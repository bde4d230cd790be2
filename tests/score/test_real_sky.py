"""Networks on the real sky: what `make real-sky` measures, keeps and says."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from real_sky.measuring import ONE_IN_HUNDRED, RADIUS_ARCSEC, RING, above_sky, blue_excess, figures
from real_sky.page import BINNED
from real_sky.recipes import NETWORKS, RECIPES, SIZE
from real_sky.steps import RESULTS, Steps

from lensapp.services.train.starter import starter_card

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "real-sky.md").read_text("utf-8")
FIGURE = re.compile(r"\b[01]\.\d\d\b")


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_every_figure_of_the_reading_stands_in_a_table() -> None:
    prose, tables = PAGE[PAGE.index("**Reading.**") : PAGE.index("## By what can be seen")], ""
    tables = "\n".join(line for line in PAGE.splitlines() if line.startswith("|"))
    told = [figure for line in prose.splitlines() if line[:1] != "|" for figure in FIGURE.findall(line)]
    assert told
    assert set(told) <= set(FIGURE.findall(tables))


def test_the_page_has_a_row_for_each_recipe_and_network() -> None:
    rows = {tuple(cells(line)[:2]) for line in PAGE.splitlines() if line.startswith("|")}
    assert rows >= {(words, network) for words in RECIPES.values() for network in NETWORKS}
    assert all(stem in PAGE for stem in BINNED)


def test_the_card_and_the_page_measure_the_starter_network_alike() -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| {RECIPES['painted']} | ours"))
    first_seed = cells(row)[-1].split(";")[0]
    _, _, auroc, recall = cells(
        next(line for line in starter_card().splitlines() if line.startswith("| all"))
    )
    assert [auroc.split()[0], recall.split()[0]] == first_seed.split(", ")


def test_what_has_run_is_not_run_again(tmp_path: Path) -> None:
    listed = Steps(tmp_path).run("models")
    assert any(model["name"] == "equivariant_resnet" for model in listed)
    kept = json.loads((tmp_path / RESULTS).read_text("utf-8"))
    assert kept["models"]["seconds"] > 0
    kept["models"]["answer"] = "from the file"
    (tmp_path / RESULTS).write_text(json.dumps(kept), "utf-8")
    assert Steps(tmp_path).run("models") == "from the file"


def test_a_command_that_fails_ends_the_work_and_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="score nothing nowhere ended with 2"):
        Steps(tmp_path).run("score nothing nowhere")
    assert not Steps(tmp_path).answers


def test_limits_hold_for_other_seeds_too() -> None:
    """Of two seeds one puts every lens first and one last: their mean may be either, or neither."""
    lens = np.arange(40) < 20
    scores = pd.DataFrame({"lens": lens, "field": np.arange(40).astype(str)})
    scores["good"], scores["bad"] = np.where(lens, 1.0, -1.0), np.where(lens, -1.0, 1.0)
    assert figures(scores, ["good"])["auroc"][0] == figures(scores, ["good"])[ONE_IN_HUNDRED][0] == 1
    assert figures(scores, ["good", "bad"])["auroc"] == (0.5, 0, 1)
    assert figures(scores, ["good", "good"])["auroc"][1] > 0.8


def test_blue_light_around_a_red_galaxy_is_told_from_the_light_of_the_galaxy() -> None:
    """A ring of 2 in g in noise of 1: an S/N of 2 √n for its n pixels."""
    rng = np.random.default_rng(0)
    pixels = 7 + rng.normal(0, 1, (40, SIZE, SIZE, 3))
    pixels += (200 * np.exp(-((RADIUS_ARCSEC / 0.8) ** 2)))[..., None] * np.array([0.05, 0.5, 1.0])
    pixels[:20, ..., 0] += 2 * RING
    visible = blue_excess(above_sky(pixels.astype(np.float32)))
    assert np.median(visible[:20]) == pytest.approx(2 * np.sqrt(RING.sum()), rel=0.15)
    assert abs(np.median(visible[20:])) < 2


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_the_whole_of_it_runs_at_a_tiny_size(shared_data: Path, tmp_path: Path) -> None:
    script = [sys.executable, str(ROOT / "docs" / "make_real_sky.py"), str(tmp_path), "--quick"]
    done = subprocess.run(
        [*script, "--data", str(shared_data), "--out", str(tmp_path / "page.md")],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "page.md").read_text("utf-8")
    assert all(f"| {words} | S5 | 0." in page or f"| {words} | S5 | 1." in page for words in RECIPES.values())
    assert "train tuned-1-v1" in page
