"""Figures that follow the slider of the threshold: at each stop as they are drawn for that threshold."""

import json
from functools import partial
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from sklearn.metrics import confusion_matrix

from lensapp.services.evaluate import evaluation as service
from lensapp.services.evaluate.evaluation import Evaluation
from lensapp.storage.evaluations import StoredEvaluation
from lensapp.ui.drawing.component import MODULES
from lensapp.ui.evaluate import evaluation_figures as drawn
from lensapp.ui.evaluate.moves import confusion_moves, line_moves, precision_recall_moves, roc_moves
from support.node import evaluate

COLOURS = {"lens": "#e69f00", "nonlens": "#56b4e9"}
LINES = ("#000000", "#111111")
FLOOR = 0.01
CHANGES = """({ changes }, [plot, moves, values]) => values.map((value) => changes(plot, moves, value))"""
in_node = partial(evaluate, "moves", CHANGES, folder=MODULES.folder)
FOLLOW = """({ follow }, records) => {
  const gone = [];
  const figure = (slider) => ({ moves: { slider }, go: (at) => gone.push([slider, at]) });
  const figures = ['ours', 'theirs'].map(figure);
  const thumbs = Object.fromEntries(records.map(({ slider, text }) => [slider, {
    getAttribute: () => text, // what it says by now, whichever record tells of it
    closest: (selector) => (selector === `.st-key-${slider}` ? {} : null),
  }]));
  follow(records.map(({ slider }) => ({ target: thumbs[slider] })), figures);
  return gone;
}"""


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    rng = np.random.default_rng(3)
    labels = np.arange(60) < 20
    scores = np.where(labels, rng.beta(3, 2, 60), rng.beta(2, 4, 60)).astype(np.float32)
    return evaluation_of(scores, labels)


def evaluation_of(scores: np.ndarray, labels: np.ndarray) -> Evaluation:
    return Evaluation(
        "run", "test", False, StoredEvaluation(np.arange(labels.size), labels, scores[:, None], {})
    )


def changed(figure: go.Figure, moves: dict[str, Any], thresholds: list[float]) -> list[dict[str, Any]]:
    """Return what the browser changes of a figure at each of the thresholds."""
    found: list[dict[str, Any]] = in_node([json.loads(figure.to_json()), moves, thresholds])
    return found


def test_outcomes_at_the_stops_are_those_of_scikit_learn(evaluation: Evaluation) -> None:
    stops, outcomes = evaluation.outcomes_at_stops
    assert len(stops) < 62  # where they change, and no more
    for stop in evaluation.score_axis.stops()[::9]:
        outcome = outcomes[np.searchsorted(stops, stop, side="right") - 1]
        tn, fp, fn, tp = confusion_matrix(evaluation.labels, evaluation.scores >= stop).ravel()
        assert (outcome.tp, outcome.fp, outcome.fn, outcome.tn) == (tp, fp, fn, tn)


def test_marks_lie_where_the_figure_of_that_threshold_has_them(evaluation: Evaluation) -> None:
    thresholds = [0.0, 0.2, 0.5, 0.731, 1.0]

    def roc_at(threshold: float) -> go.Figure:
        at = evaluation.figures_at(threshold).confusion
        point = (at.false_positive_rate, at.completeness)
        return drawn.roc_figure(
            {"run": service.roc_columns(evaluation)}, colours=LINES, point=point, smallest=FLOOR
        )

    moved = changed(roc_at(0.5), roc_moves(evaluation, floor=FLOOR), thresholds)
    for threshold, change in zip(thresholds, moved, strict=True):
        figure = roc_at(threshold)
        [mark] = [index for index, trace in enumerate(figure.data) if trace.name == "threshold"]
        assert change["traces"] == [mark]
        assert change["trace"]["x"][0] == pytest.approx(figure.data[mark].x, rel=1e-4)
        assert change["trace"]["y"][0] == pytest.approx(figure.data[mark].y, rel=1e-4)


def test_words_and_tints_of_outcomes_are_those_of_that_threshold(evaluation: Evaluation) -> None:
    def confusion_at(threshold: float) -> go.Figure:
        return drawn.confusion_figure(
            evaluation.figures_at(threshold).confusion, colours=COLOURS, ink="#ffffff"
        )

    thresholds = [0.1, 0.333, 0.999]
    moved = changed(confusion_at(0.5), confusion_moves(evaluation), thresholds)
    for threshold, change in zip(thresholds, moved, strict=True):
        figure = confusion_at(threshold)
        for index, (note, shape) in enumerate(
            zip(figure.layout.annotations, figure.layout.shapes, strict=True)
        ):
            assert change["layout"][f"annotations[{index}].text"] == note.text
            assert change["layout"][f"shapes[{index}].opacity"] == pytest.approx(shape.opacity, abs=1e-3)


def test_the_line_of_the_threshold_moves_on_an_axis_by_logit() -> None:
    scores = np.geomspace(1e-5, 2e-2, 40).astype(np.float32)
    evaluation = evaluation_of(scores, np.arange(40) >= 30)
    axis = evaluation.score_axis
    assert axis.logit
    figure = drawn.score_figure(service.score_histogram(evaluation), threshold=1e-3, axis=axis)
    stop = float(axis.stops()[123])
    [change] = changed(figure, line_moves(axis), [stop])
    assert change["layout"] == {
        "shapes[0].x0": pytest.approx(np.log(stop / (1 - stop))),
        "shapes[0].x1": pytest.approx(np.log(stop / (1 - stop))),
    }
    assert change["traces"] == []


def test_where_nothing_is_accepted_there_is_no_purity_to_mark() -> None:
    evaluation = evaluation_of(
        np.array([0.9, 0.6, 0.6, 0.1], np.float32), np.array([True, True, False, False])
    )
    columns = {"run": service.precision_recall_columns(evaluation)}
    figure = drawn.precision_recall_figure(columns, colours=LINES, point=(1.0, 2 / 3), share=0.5)
    moved = changed(figure, precision_recall_moves(evaluation), [0.05, 0.5, 0.95])
    # By hand: all four accepted, two of them lenses; three accepted, two of them lenses; none.
    assert [change["trace"] for change in moved] == [
        {"x": [[1.0]], "y": [[0.5]]}, {"x": [[1.0]], "y": [[0.66667]]}, {"x": [[0.0]], "y": [[None]]},
    ]  # fmt: skip


def test_each_figure_follows_its_own_slider_where_several_records_come_at_once() -> None:
    records = [
        {"slider": "another page's", "text": "7"},
        {"slider": "ours", "text": "0.2"},
        {"slider": "ours", "text": "0.4"},
        {"slider": "theirs", "text": "0.9"},
    ]
    gone = evaluate("moves", FOLLOW, records, folder=MODULES.folder)
    assert gone == [["ours", 0.4], ["theirs", 0.9]]


def test_a_slider_that_says_no_number_moves_nothing() -> None:
    records = [{"slider": "ours", "text": "none"}, {"slider": "theirs", "text": "0.5"}]
    assert evaluate("moves", FOLLOW, records, folder=MODULES.folder) == [["theirs", 0.5]]
