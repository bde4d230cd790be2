"""Figures beside audits: what is measured has its limits."""

import pytest
from plotly.graph_objects import Figure

from lensapp.services.evaluate.figure_tables import shortcut_limits, suspect_shares
from lensapp.ui.evaluate.checks.audit_figures import shortcut_figure, suspects_figure
from lensapp.ui.evaluate.checks.audit_outcomes import outcomes_of
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


def test_an_audit_begins_with_what_each_check_found() -> None:
    shortcut = {"title": "noise", "kind": "noise", "auroc": 0.8, "low": 0.7, "high": 0.9, "telling": []}
    weak = {**shortcut, "auroc": 0.55, "low": 0.45, "high": 0.65}
    found = {
        "shortcuts": {"found": [shortcut, weak]},
        "leakage": [{"objects": 0}, {"objects": 2}],
        "label_noise": {"judged": 25, "suspects": 1},
        "shift": [{"light": "green"}, {"light": "red"}, {"reason": "other bands"}],
    }
    realism = [{"photometry": {"auroc": 0.9, "low": 0.8}, "features": None}]
    assert outcomes_of(found, realism) == [
        ("Shortcuts", "amber", "1 of 2 tells much"),
        ("Leakage", "red", "2 objects shared"),
        ("Label noise", "amber", "1 of 25 labels suspect"),
        ("Shift", "red", "1 of 2 sources: differs much"),
        ("Realism", "amber", "told apart, AUROC 0.900"),
    ]
    clean = {
        "shortcuts": {"found": [weak]},
        "leakage": [{"objects": 0}],
        "label_noise": {"judged": 25, "suspects": 0},
        "shift": [],
    }
    told = [one[1:] for one in outcomes_of(clean, [])]
    assert told == [
        ("green", "none of 1 tells much"),
        ("green", "no shared object"),
        ("green", "0 of 25 labels suspect"),
        ("grey", "no other source"),
        ("grey", "not compared"),
    ]
    unread = {key: {"reason": "too few"} for key in ("shortcuts", "leakage", "label_noise")} | {"shift": []}
    assert {one.light for one in outcomes_of(unread, [])} == {"grey"}
