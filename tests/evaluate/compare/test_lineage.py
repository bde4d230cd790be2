"""Runs that did not begin alike: what is told of it, and how their figures are drawn apart."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from lensapp.services.evaluate.compare.lineage import beginnings_in_words
from lensapp.services.evaluate.compare.scatter import fitted_axes
from lensapp.services.train.comparisons import Compared, compared_runs
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


def test_axes_fit_the_scores_and_are_one_where_both_fill_it() -> None:
    across, upwards = fitted_axes(np.linspace(0.3, 0.9, 50), np.linspace(0.35, 0.95, 50))
    assert across == upwards, "equal scores lie on the diagonal"
    assert 0.2 < across.low < 0.3
    assert 0.95 < across.high < 1
    across, upwards = fitted_axes(np.linspace(0.1, 0.9, 50), np.linspace(0.45, 0.5, 50))
    assert across.high - across.low > 0.8
    assert upwards.high - upwards.low < 0.06, "no smear"


def test_axes_are_both_by_logit_where_one_has_to_be() -> None:
    near = 1 / (1 + np.exp(-np.linspace(-12, 2, 60)))
    across, upwards = fitted_axes(near, np.linspace(0.0, 0.999, 60))
    assert across.logit
    assert upwards.logit
    assert across.low < near.min()


def compared(label: str, auroc: float) -> Compared:
    """Return a row with an AUROC, its interval and 400 000 parameters."""
    fields = {one.name: None for one in dataclasses.fields(Compared)}
    known = {"label": label, "run": label, "kind": "network", "parameters": 400_000, "auroc": auroc}
    return Compared(**fields | known | {"auroc_low": auroc - 0.02, "auroc_high": auroc + 0.02})


def test_points_of_one_cost_stand_beside_each_other_with_their_bars() -> None:
    first, alone, second = compare_figures.drawn_beside([400_000, 9_000, 400_000])
    assert alone == 9_000
    assert first < 400_000 < second
    assert first * second == pytest.approx(400_000**2), "as far on either side, on a logarithmic axis"
    rows = [compared("a", 0.95), compared("b", 0.93)]
    figure = compare_figures.cost_figure(
        rows, "parameters", merit="auroc", colours=["#fff"] * 8, ink="#ffffff"
    )
    bars = [trace.x[0] for trace in figure.data if trace.error_y.array]
    points = next(trace for trace in figure.data if not trace.error_y.array)
    assert bars == list(points.x)
    low, high = figure.layout.xaxis.range
    pixels = np.diff(np.log10(bars)) / (high - low) * compare_figures.PLOT_PIXELS[0]
    assert pixels == pytest.approx(compare_figures.APART_PIXELS)
    assert [cost for _, cost in points.customdata] == [400_000, 400_000], "told under the mouse as it is"
    assert compare_figures.costs_coincide(rows, "parameters", merit="auroc")
    assert not compare_figures.costs_coincide(rows[:1], "parameters", merit="auroc")
    many = compare_figures.drawn_beside([1e5] * 30)
    assert max(many) / min(many) < 10 ** (0.25 * np.log10(4)), "within a quarter of the axis"


def test_a_short_axis_of_costs_has_two_ticks_at_least() -> None:
    for cost in (1e5, 2.1e5, 415_969, 6e5, 9.9e5):
        assert len(compare_figures.cost_ticks([cost])) >= 2
