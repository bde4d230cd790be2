"""Runs that did not begin alike: what is told of it, and how their figures are drawn apart."""

from pathlib import Path

import pytest

from lensapp.core.evaluate.score_axis import ScoreAxis
from lensapp.services.evaluate.compare.lineage import beginnings_in_words
from lensapp.services.evaluate.compare.scatter import alike
from lensapp.services.train.comparisons import compared_runs
from lensapp.storage import runs
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.compare import compare_figures
from support.pages_workspace import add_dataset, add_run, add_survey


@pytest.fixture
def ws(tmp_path: Path):
    workspace = Workspace.open(tmp_path / "workspace")
    yield workspace
    workspace.database.close()


def test_a_run_that_began_from_anothers_weights_says_so_and_what_that_cost(ws: Workspace) -> None:
    source = add_survey(ws)
    dataset = add_dataset(ws, source)
    first = add_run(ws, dataset, "first")
    runs.create_run(
        ws.database, name="second", dataset_id=dataset.id, model="elu_cnn", spec={"initial_run": "first"}
    )
    epochs = first.summary["epochs"]
    assert beginnings_in_words(ws, ["second", "first"]) == (
        f"second began from the weights of first, after its {epochs} epochs."
    )
    assert beginnings_in_words(ws, ["first"]) == ""
    assert [row.after for row in compared_runs(ws, ["second", "first"])] == [f"first's {epochs}", ""]


def test_axes_of_scores_are_of_one_kind_where_one_has_to_be_by_logit() -> None:
    linear, logit = ScoreAxis(logit=False, low=0.0, high=1.0), ScoreAxis(logit=True, low=1e-4, high=0.9)
    across, upwards = alike(logit, linear)
    assert across == upwards
    assert across.logit
    assert across.low < 1e-4
    assert across.high > 0.9
    assert alike(linear, linear) == (linear, linear)


def test_points_of_one_cost_stand_beside_each_other() -> None:
    moved = compare_figures.dodged([400_000, 400_000, 9_000])
    assert moved[0] < 400_000 < moved[1]
    assert moved[2] == 9_000
