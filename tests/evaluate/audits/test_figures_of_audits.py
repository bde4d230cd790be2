"""Figures beside audits: what is written over an example runs into no label of an axis."""

from plotly.graph_objects import Figure

from lensapp.ui.evaluate.checks.audit_example import audit_example_figure
from lensapp.ui.evaluate.evaluation_figures import _add_point
from lensapp.ui.shared.figures import middle_panel


def test_the_word_over_an_example_stands_inside_one_panel() -> None:
    figure = audit_example_figure(
        ("#111111", "#222222", "#333333", "#444444"),
        classes={"lens": "#555555", "nonlens": "#666666"},
        ink="#000000",
    )
    panels = [axis.domain for axis in figure.select_xaxes()]
    assert len(panels) == 4
    assert middle_panel(figure) in panels
    assert middle_panel(Figure()) == (0.0, 1.0)


def test_the_ring_of_the_threshold_is_whole_at_the_edge() -> None:
    figure = Figure()
    _add_point(figure, 1.0, 1.0)
    assert figure.data[0].cliponaxis is False
