"""Every function that draws a figure: axes with titles and units, hover values, powers of ten, class colours.

Right colours are those of Okabe & Ito (2008), Color Universal Design.
"""

import ast
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from lensapp.core.evaluate.compare.overlap import Overlap
from lensapp.core.evaluate.crossval import RocBand, Spread, ThresholdSpread
from lensapp.core.evaluate.curves import Confusion
from lensapp.core.evaluate.intervals import Interval
from lensapp.core.evaluate.nuisance import Nuisance
from lensapp.core.evaluate.score_axis import ScoreAxis
from lensapp.core.evaluate.selection_function import SelectionFunction
from lensapp.core.evaluate.subgroups import Subgroup
from lensapp.core.inspect.replay import Replay
from lensapp.core.train.search_space import Choices, FloatRange
from lensapp.services.evaluate.subgroups import LensTrend
from lensapp.services.score.map_density import COLUMNS, ROWS, Cells
from lensapp.ui.catalogue import ledger_figure
from lensapp.ui.data import corner_figure, field_example, object_search, realism, realism_example, sky_view
from lensapp.ui.evaluate import calibration_view, completeness_view, page_example, survey_figures
from lensapp.ui.evaluate import evaluation_figures as evaluated
from lensapp.ui.evaluate.checks import audit_example, audit_figures, nuisance_view
from lensapp.ui.evaluate.compare import compare_figures, side_figures, source_figure
from lensapp.ui.inspect import replay_figure
from lensapp.ui.score import feature_map, map_example, score_example, score_figure
from lensapp.ui.shared import figures
from lensapp.ui.split import folds_figure
from lensapp.ui.train import study_plots

UI = Path(figures.__file__).parents[1]
OKABE_ITO = {"lens": "#e69f00", "non-lens": "#56b4e9", "no label": "#999999"}  # on dark ground
LINES = figures.LINE_COLOURS["dark"]
INK = "#e8eaed"
AXIS = ScoreAxis(logit=False, low=0.0, high=1.0)
RISING = np.array([0.0, 0.5, 1.0])
FALLING = np.array([0.9, 0.5, 0.1])
INTERVAL = Interval(0.8, 0.7, 0.9)
ROC = {"false_positive_rate": RISING, "completeness": RISING, "threshold": FALLING}
BAND = {"false_positive_rate": RISING, "low": RISING, "high": RISING}
PURITY = dict.fromkeys(("purity", "completeness"), RISING)
LIMITS = {f"{name}_{end}": RISING for name in PURITY for end in ("low", "high")}
SPREAD = Spread(mean=RISING, median=RISING, std=RISING / 10)
HALF = np.array([True, False, True, False])


def folds() -> Any:
    rates = ThresholdSpread(RISING, SPREAD, SPREAD, SPREAD)
    return SimpleNamespace(
        names=["a", "b"],
        band=RocBand(RISING, np.stack([RISING] * 2), SPREAD),
        thresholds=rates,
        axis=AXIS,
    )


def limits() -> pd.DataFrame:
    return pd.DataFrame(
        {"name": ["a", "b"], "value": [0.9, 0.6], "low": [0.8, 0.5], "high": [0.95, 0.7], "text": ["", ""]}
    )


def rows() -> Any:
    shared: dict[str, Any] = {
        "accuracy": 0.9,
        "accuracy_low": 0.8,
        "accuracy_high": 0.95,
        "auroc": 0.9,
        "tpr10": 0.5,
    }
    shared |= {"auroc_low": 0.85, "auroc_high": 0.95}
    shared |= {"lenses": 20, "rotation_std": 0.01, "parameters": 2e6, "seconds": 60.0}
    return [
        SimpleNamespace(label=kind, run=kind, kind=kind, **shared)
        for kind in ("network", "committee", "baseline")
    ]


def scattered() -> go.Figure:
    compared: Any = SimpleNamespace(scores=np.stack([FALLING, RISING]), runs=("a", "b"))
    drawn: Any = SimpleNamespace(
        axes=(AXIS, AXIS), lenses=np.array([0]), nonlenses=np.array([1, 2]), density=None,
        edges=lambda _: np.array([0.0, 1.0]),
    )  # fmt: skip
    return side_figures.scatter_figure(compared, drawn, runs=(0, 1), colours=figures.class_colours())


def on_source() -> go.Figure:
    compared: Any = SimpleNamespace(scores=np.stack([FALLING, RISING]), runs=("a", "b"))
    drawn: Any = SimpleNamespace(
        axes=(AXIS, AXIS), lenses=np.array([0, 2]), nonlenses=np.array([1]), density=None,
        edges=lambda _: np.array([0.0, 1.0]),
    )  # fmt: skip
    best = Overlap(np.array([[True, False, False], [False, False, True]]))
    return source_figure.source_figure(compared, drawn, best, colours=LINES, ink=INK)


def mapped(colouring: str) -> go.Figure:
    table = pd.DataFrame(
        {"x": RISING, "y": RISING, "candidate_id": list("abc"), "score": FALLING, "cluster": [0, 1, -1],
         "label": ["lens", "nonlens", "unlabelled"], "grade": ["A", "X", ""], "object_class": list("abc")}
    )  # fmt: skip
    return feature_map.map_figure(table, method="umap", colouring=colouring, theme="dark")


def counted_map() -> go.Figure:
    counts = np.zeros((ROWS, COLUMNS), np.int64)
    counts[3, 4] = 7
    cells = Cells((0.0, 1.0, 0.0, 1.0), np.zeros(7, np.int32), counts)
    return feature_map.density_figure(cells, method="pca", values=None, theme="dark")


def replayed() -> go.Figure:
    result = Replay(4, 2, {"score": np.array([0, 1, 1, 2, 2])})
    return replay_figure.replay_figure(result, names={"score": "best first"}, colours=LINES, marked=2)


def streamed() -> go.Figure:
    version = SimpleNamespace(
        dataset=SimpleNamespace(name="v1", counts={"train": {"lens": 5}, "test": {"lens": 2}})
    )
    record: Any = SimpleNamespace(
        versions=[version], labels={"import": {"lens": 7}}, run=SimpleNamespace(name="r"), scored={"sky": 9}
    )
    return ledger_figure.ledger_figure(record, colours=LINES)


def on_sky() -> go.Figure:
    kinds = np.array(["lens", "nonlens", "unlabelled"])
    positions = sky_view.Positions(RISING, RISING, np.array(list("abc")), kinds)
    figure, _ = sky_view.sky_figure(
        positions, colours=figures.class_colours(), names=figures.CLASS_NAMES, counts=True
    )
    return figure


def compared_measures() -> go.Figure:
    one = {"theme": "brightness in g", "column": "g magnitude within 1.5 arcsec", "edges": [18.0, 19.0, 20.0]}
    shares = {"real": [0.2, 0.8], "simulated": [0.5, 0.5]}
    return realism.measures_figure([one | shares] * 4, names=("sky (real)", "arcs (painted)"), colours=LINES)


NUISANCES = [Nuisance("g missing", 0.36, -0.36, -0.68, None), Nuisance("rotated by 90°", 0.0, 0.0, 0.0, 0.0)]


def circled() -> go.Figure:
    marks = {"x": np.array([2.0, 6.0]), "y": np.array([3.0, 5.0]), "snr": np.array([8.0, 30.0])}
    marks |= {"kept": np.array([False, True]), "reason": np.array(["too faint", ""])}
    preview: Any = SimpleNamespace(image=np.zeros((8, 8, 3), np.uint8), marks=marks)
    return object_search.image_figure(preview, colours=LINES)


TABLE: dict[str, Callable[[], go.Figure]] = {
    "roc_figure": lambda: evaluated.roc_figure(
        {"a": ROC, "b": ROC}, colours=LINES, point=(0.1, 0.5), bands={"a": BAND}, smallest=0.001,
        areas={"a": INTERVAL},
    ),
    "precision_recall_figure": lambda: evaluated.precision_recall_figure(
        {"a": PURITY | {"threshold": FALLING}}, colours=LINES, point=(0.5, 0.5), share=0.2,
        bands={"a": {"completeness": RISING, "low": RISING, "high": RISING}},
    ),
    "confusion_figure": lambda: evaluated.confusion_figure(
        Confusion(tp=7, fp=15, fn=11, tn=57), colours=figures.class_colours(), ink=INK
    ),
    "class_confusion_figure": lambda: evaluated.class_confusion_figure(
        [[3, 1], [0, 4]], ["lens", "ring"], colour=LINES[0], ink=INK
    ),
    "threshold_figure": lambda: evaluated.threshold_figure(
        PURITY | LIMITS | {"threshold": FALLING}, threshold=0.5, axis=AXIS, colours=LINES
    ),
    "rotation_figure": lambda: evaluated.rotation_figure(
        {"label": HALF, "mean": np.ones(4) / 2, "std": np.ones(4) / 9}, axis=AXIS,
        colours=figures.class_colours(),
    ),
    "score_figure": lambda: evaluated.score_figure(
        {"edges": RISING, "lens": np.array([0, 3]), "nonlens": np.array([90_000, 2])},
        threshold=0.5, axis=AXIS,
    ),
    "recovered_figure": lambda: evaluated.recovered_figure(
        "einstein_radius_arcsec", {"truth": RISING, "mean": RISING, "sigma": RISING},
        {"truth": RISING} | {f"{end}_{level}": RISING for end in ("low", "high") for level in ("68", "95")},
        colours=LINES, legend="legend",
    ),
    "calibration_figure": lambda: evaluated.calibration_figure(
        {"nominal": RISING, "einstein_radius_arcsec": RISING}, count=50, colours=LINES
    ),
    "expected_figure": lambda: survey_figures.expected_figure(
        {"threshold": FALLING, "true_candidates": 1e3 * RISING, "false_candidates": 1e8 * RISING},
        threshold=0.5, axis=AXIS, colours=figures.class_colours(),
    ),
    "budget_figure": lambda: survey_figures.budget_figure(
        {"inspected": np.array([1.0, 1e3, 1e6]), "hours": np.array([1.0, 1e3, 1e6]) / 1800, "lenses": RISING,
         "lenses_low": RISING, "lenses_high": RISING}, lenses=1.0, inspected=1e4, colours=LINES,
    ),
    "subgroup_figure": lambda: survey_figures.subgroup_figure(
        [Subgroup("18 – 20", 18.0, 20.0, 5, 9, INTERVAL, INTERVAL, INTERVAL)], by="magnitude",
        colours=figures.class_colours(),
    ),
    "evaluate_example_figure": lambda: page_example.evaluate_example_figure(
        LINES, classes=figures.CLASS_COLOURS["dark"], ink=INK
    ),
    "compare_example_figure": lambda: page_example.compare_example_figure(LINES, ink=INK),
    "score_example_figure": lambda: score_example.score_example_figure(LINES, ink=INK),
    "shortcut_figure": lambda: audit_figures.shortcut_figure(limits(), colours=LINES, ink=INK),
    "suspects_figure": lambda: audit_figures.suspects_figure(limits(), colour=LINES[0], ink=INK),
    "audit_example_figure": lambda: audit_example.audit_example_figure(
        LINES, classes=figures.class_colours(), ink=INK
    ),
    "each_lens_figure": lambda: survey_figures.each_lens_figure(
        LensTrend(RISING, RISING, HALF[: len(RISING)], 0.5, 0.2), by="magnitude (mag)", threshold=0.5,
        axis=AXIS, colours=figures.class_colours(),
    ),
    "nuisance_figure": lambda: nuisance_view.nuisance_figure(
        NUISANCES, lines=LINES, classes=figures.class_colours()
    ),
    "reliability_figure": lambda: calibration_view.reliability_figure(
        {name: SimpleNamespace(mean_score=RISING, share=RISING, low=RISING, high=RISING, number=RISING)  # type: ignore[misc]
         for name in ("raw score", "calibrated")}, colours=LINES,
    ),
    "completeness_figure": lambda: completeness_view.completeness_figure(
        SelectionFunction(np.array([0.5, 1.0]), np.array([5.0, 10.0]), np.array([0.7]), np.full((2, 2, 1), 9),
                          np.full((2, 2, 1), 3), 0.5), ink=INK,
    ),
    "interval_figure": lambda: side_figures.interval_figure(
        pd.DataFrame({"run": ["a"], "AUROC": [0.9], "AUROC from": [0.8], "AUROC to": [0.95]}), "AUROC",
        colours=LINES, p_values={"a": "p = 0.5"},
    ),
    "two_figure": lambda: side_figures.two_figure(
        Overlap(np.stack([HALF, ~HALF])), ["a", "b"], colours=LINES, ink=INK
    ),
    "overlap_figure": lambda: side_figures.overlap_figure(
        Overlap(np.stack([HALF, ~HALF])), ["a", "b"], colour=LINES[0], ink=INK
    ),
    "scatter_figure": scattered,
    "source_figure": on_source,
    "bar_figure": lambda: compare_figures.bar_figure(rows(), "tpr10", colours=LINES, ink=INK),
    "cost_figure": lambda: compare_figures.cost_figure(rows(), "parameters", colours=LINES, ink=INK),
    "map_figure": lambda: mapped("label"),
    "map_example_figure": lambda: map_example.map_example_figure(theme="dark", ink=INK, ground="#111316"),
    "scored_figure": lambda: score_figure.scored_figure(
        {"edges": RISING, "unlabelled": np.array([90_000, 2])}, threshold=0.5, axis=AXIS, reached=2,
        best=(10, 0.4), colours=LINES,
    ),
    "map_figure by score": lambda: mapped("score"),
    "density_figure": counted_map,
    "roc_band_figure": lambda: study_plots.roc_band_figure(folds(), colours=LINES, ink=INK, logarithmic=True),
    "threshold_figure of folds": lambda: study_plots.threshold_figure(folds(), colours=LINES),
    "trials_figure": lambda: study_plots.trials_figure(
        {"trial": np.arange(2), "value": np.array([0.1, 0.2]), "best": np.array([0.1, 0.1]),
         "state": np.array(["complete", "failed"])}, axis="validation loss", colours=LINES,
    ),
    "importance_figure": lambda: study_plots.importance_figure({"learning_rate": 0.7}, colours=LINES),
    "parallel_figure": lambda: study_plots.parallel_figure(
        {"value": FALLING, "size": np.array([8, 16, 8]), "rate": RISING},
        {"size": Choices(values=(8, 16)), "rate": FloatRange(low=0.0, high=1.0)},
        axis="validation loss", minimises=True, ink=INK,
    ),
    "sky_figure": on_sky,
    "measures_figure": compared_measures,
    "example_figure": lambda: realism_example.example_figure(LINES, ink=INK),
    "field_figure": lambda: field_example.field_figure(
        32, colours={"lens": "#e69f00", "nonlens": "#56b4e9"}, ink=INK
    ),
    "folds_figure": lambda: folds_figure.folds_figure(
        [{"lens": 4, "nonlens": 16}, {"lens": 4, "nonlens": 17}], {"lens": 2, "nonlens": 8},
        colours=figures.PART_COLOURS["dark"], ink=INK,
    ),
    "corner_figure": lambda: corner_figure.corner_figure(
        {"einstein_radius_arcsec": RISING, "arc_snr": np.array([5.0, 50.0, 500.0])}, colour=LINES[0]
    ),
    "image_figure": circled,
    "replay_figure": replayed,
    "ledger_figure": streamed,
}  # fmt: skip
WITHOUT_AXES = ("parcoords", "sankey")
LENGTHS = re.compile(r"radius|seeing|redshift|\bRA\b|\bDec\b|time|θ|velocity|magnitude", re.IGNORECASE)
SI_FORMAT = re.compile(r":[^}]*s\}")


@pytest.fixture(scope="module", params=list(TABLE))
def figure(request: pytest.FixtureRequest) -> go.Figure:
    made = TABLE[request.param]()
    made.update_layout(template=figures.template_of("dark"))
    return made


def test_every_function_that_draws_a_figure_is_in_the_table():
    defined = {
        node.name
        for path in UI.rglob("*.py")
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef) and re.fullmatch(r"[a-z]\w*_figure", node.name)
    } - {"show_figure", "guard_figure"}
    assert defined == {name.split(" ")[0] for name in TABLE}


def axes_with_numbers(figure: go.Figure) -> list[Any]:
    """Return the axes with ticks that are numbers; names of runs, classes and bins speak for themselves."""
    axes = []
    for axis in [*figure.select_xaxes(), *figure.select_yaxes()]:
        letter = "x" if axis.plotly_name.startswith("x") else "y"
        key = axis.plotly_name.replace("axis", "")
        values = [
            value
            for trace in figure.data
            if trace.type not in WITHOUT_AXES and (trace[f"{letter}axis"] or letter) == key
            for value in (trace[letter] if trace[letter] is not None else ())
        ]
        named = any(isinstance(value, str) for value in values)
        spelt = axis.ticktext is not None and not any(any(map(str.isdigit, text)) for text in axis.ticktext)
        if values and not named and not spelt and axis.showticklabels is not False:
            axes.append(axis)
    return axes


def test_axes_of_numbers_have_titles_with_units(figure):
    panels = {one.text for one in figure.layout.annotations}  # titles of panels stand above them
    for axis in axes_with_numbers(figure):
        title = axis.title.text
        assert title or any(panel.startswith("cutouts: ") for panel in panels), axis.plotly_name
        if title and LENGTHS.search(title) and "z " not in title:
            assert re.search(r"\((arcsec|deg|s|h|mag|km/s|pixels)\)", title), title


def test_axes_write_powers_of_ten_and_no_prefixes(figure):
    template = figure.layout.template.layout
    for axis, usual in [(one, template.xaxis) for one in figure.select_xaxes()] + [
        (one, template.yaxis) for one in figure.select_yaxes()
    ]:
        assert (axis.exponentformat or usual.exponentformat) == "power"
        assert "s" not in (axis.tickformat or "")
        assert not any(sign in "".join(axis.ticktext or ()) for sign in "µμ")


def test_each_mark_tells_its_values_without_prefixes(figure):
    for trace in figure.data:
        if trace.type == "parcoords" or trace.hoverinfo == "skip":
            continue
        told = trace.link.hovertemplate if trace.type == "sankey" else trace.hovertemplate
        assert told, trace.name
        assert not SI_FORMAT.search(told), told


def look_of(trace: Any) -> tuple[Any, ...]:
    """Return what tells a trace from others without its colour."""
    line = trace.line if "line" in trace else go.scatter.Line()
    pattern = trace.marker.pattern.shape if trace.type == "bar" else None
    symbol = trace.marker.symbol if "symbol" in trace.marker else None
    return (line.dash if "lines" in (trace.mode or "") else None, symbol, pattern)


def test_classes_have_their_colours_and_differ_without_them(figure):
    of_class = [trace for trace in figure.data if (trace.name or "").split(" (")[0] in OKABE_ITO]
    for trace in of_class:
        colour = (trace.line.color if "lines" in (trace.mode or "") else None) or trace.marker.color
        assert colour == OKABE_ITO[trace.name.split(" (")[0]]
    assert len({look_of(trace) for trace in of_class}) == len(of_class)


def test_bars_have_their_limits():
    for merit, low, high in (("auroc", 0.85, 0.95), ("accuracy", 0.8, 0.95)):
        bar, *_ = compare_figures.bar_figure(rows(), merit, colours=LINES, ink=INK).data
        assert (bar.x[0] - bar.error_x.arrayminus[0], bar.x[0] + bar.error_x.array[0]) == pytest.approx(
            (low, high)
        )


def test_curves_of_several_runs_differ_without_their_colours():
    lines = [
        trace for trace in TABLE["roc_figure"]().data if trace.name in ("a", "b") and trace.mode == "lines"
    ]
    assert len({trace.line.dash for trace in lines}) == 2


def test_a_number_on_an_axis_is_a_power_of_ten():
    assert [figures.power_of_ten(one) for one in (1e-4, 2e-4, 1e5, 0.1, 1)] == [
        "10⁻⁴",
        "2 × 10⁻⁴",
        "10⁵",
        "0.1",
        "1",
    ]


def test_a_logarithmic_axis_of_numbers_has_them_as_text_has_them():
    assert figures.decade_ticks(-1, 5) == {
        "tickvals": [0.1, 1.0, 10.0, 100.0, 1000.0, 10_000.0, 100_000.0],
        "ticktext": ["0.1", "1", "10", "100", "1\u202f000", "10\u202f000", "10⁵"],
    }
    assert figures.score_ticks([1e-4, 0.01, 0.5, 0.9999]) == ["10⁻⁴", "0.01", "0.5", "0.9999"]


def test_long_names_are_broken_where_they_can_be():
    assert figures.wrapped("equivariant-resnet-ps1-hosts-arcs-seed1-v2") == (
        "equivariant-resnet-<br>ps1-hosts-arcs-seed1-<br>v2"
    )
    assert figures.wrapped("short") == "short"
    assert figures.wrapped("<b>") == "&lt;b&gt;"
