"""Figures beside audits: what is measured has its limits."""

import pytest
from plotly.graph_objects import Figure

from lensapp.services.evaluate.figure_tables import shortcut_limits, suspect_shares
from lensapp.ui.evaluate.checks.audit_figures import shortcut_figure, suspects_figure
from lensapp.ui.evaluate.evaluation_figures import _add_point


def test_the_ring_of_the_threshold_is_whole_at_the_edge() -> None:
    figure = Figure()
    _add_point(figure, 1.0, 1.0)
    assert figure.data[0].cliponaxis is False


def test_what_tells_lenses_is_drawn_with_limits_beside_chance() -> None:
    measured = {"auroc": 0.9, "low": 0.85, "high": 0.93}
    sky = {"title": "the sky", "auroc": 0.48, "low": 0.4, "high": 0.56}
    told = shortcut_limits({"network": measured, "shortcuts": {"found": [sky]}})
    assert told["name"].tolist() == ["the network", "the sky"]
    figure = shortcut_figure(told, colours=("#111111", "#222222"), ink="#000000")
    assert [trace.x[0] for trace in figure.data] == [0.9, 0.48]
    assert figure.data[1].error_x.arrayminus[0] == pytest.approx(0.08)
    [chance] = figure.layout.shapes
    assert chance.x0 == chance.x1 == 0.5
    assert figure.layout.xaxis.range[0] < 0.4, "limits below chance are seen whole"
    assert list(figure.layout.yaxis.categoryarray)[-1] == "the network", "which is on top"


def test_the_share_of_suspect_labels_is_drawn_by_class_and_source() -> None:
    shares = [
        {"of": "label", "name": "nonlens", "suspects": 0, "judged": 40},
        {"of": "source", "name": "sky", "suspects": 5, "judged": 50},
    ]
    told = suspect_shares({"shares": shares})
    assert told["name"].tolist() == ["labelled non-lens", "sky"]
    assert told["value"].tolist() == [0.0, 0.1]
    # Wilson by hand: z² / (n + z²) of none of 40
    assert told["high"][0] == pytest.approx(3.8415 / 43.8415, abs=1e-4)
    assert told["text"].tolist() == ["0 of 40", "5 of 50"]
    figure = suspects_figure(told, colour="#111111", ink="#000000")
    assert figure.layout.xaxis.range[1] > told["high"].max()
    assert suspect_shares({}).empty, "of an audit from before"
