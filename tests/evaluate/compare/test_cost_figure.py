"""The figure of a merit against costs: what is of one cost is read as that."""

from types import SimpleNamespace
from typing import Any

from lensapp.ui.evaluate.compare import compare_figures


def test_points_of_one_cost_stand_in_a_band_that_names_it() -> None:
    """They are drawn beside each other, and would be read as of several costs."""
    shared = {"kind": "network", "auroc_low": None, "auroc_high": None, "seconds": 1.0}
    rows: Any = [
        SimpleNamespace(label=name, run=name, auroc=area, parameters=cost, **shared)
        for name, area, cost in (("a", 0.9, 416e3), ("b", 0.8, 416e3), ("c", 0.7, 2e6))
    ]
    figure = compare_figures.cost_figure(
        rows, "parameters", merit="auroc", colours=("#000000",) * 4, ink="#000000"
    )
    [band] = figure.layout.shapes
    across = [x for trace in figure.data for x in trace.x]
    assert band.x0 < min(across) < 416e3 < max(across[:2]) < band.x1 < 2e6
    assert "2 at 416\u202fk" in [one.text for one in figure.layout.annotations]
    apart = compare_figures.cost_figure(
        rows[1:], "parameters", merit="auroc", colours=("#000000",) * 4, ink="#000000"
    )
    assert not apart.layout.shapes
