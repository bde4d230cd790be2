"""What figures show at each stop of the slider of the threshold: the browser moves their marks along with it.

The server draws a figure anew once the slider rests; until then these stand in, worked out by what draws it.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from lensapp.core.evaluate.score_axis import ScoreAxis
from lensapp.services.evaluate.evaluation import Evaluation
from lensapp.ui.evaluate.evaluation_figures import outcome_cells
from lensapp.ui.evaluate.threshold import SLIDER
from lensapp.ui.shared.figures import THRESHOLD

Moves = dict[str, Any]


def line_moves(axis: ScoreAxis) -> Moves:
    """Return where the line of the threshold stands on an axis of scores."""
    stops = axis.stops()
    places = axis.positions(stops)
    return {"slider": SLIDER, "stops": stops.tolist(), "lines": {THRESHOLD: places.tolist()}}


def roc_moves(evaluation: Evaluation, *, floor: float) -> Moves:
    """Return where the threshold lies on a ROC that begins at the false positive rate `floor`."""
    stops, outcomes = evaluation.outcomes_at_stops
    return _mark(
        stops,
        [max(one.false_positive_rate, floor) for one in outcomes],
        [one.completeness for one in outcomes],
    )


def precision_recall_moves(evaluation: Evaluation) -> Moves:
    """Return where the threshold lies in purity against completeness: nowhere if it accepts nothing."""
    stops, outcomes = evaluation.outcomes_at_stops
    return _mark(stops, [one.completeness for one in outcomes], [one.purity for one in outcomes])


@lru_cache(maxsize=8)  # of 10⁵ cutouts it takes 10 ms, at each move of the slider
def confusion_moves(evaluation: Evaluation) -> Moves:
    """Return the words and the tint of the four outcomes."""
    stops, outcomes = evaluation.outcomes_at_stops
    cells: dict[str, dict[str, list[Any]]] = {}
    for confusion in outcomes:
        for cell in outcome_cells(confusion):
            of_cell = cells.setdefault(cell.name, {"text": [], "opacity": []})
            of_cell["text"].append(cell.text)
            of_cell["opacity"].append(round(cell.opacity, 3))
    return {"slider": SLIDER, "stops": stops, "cells": cells}


def _mark(stops: Sequence[float], x: Sequence[float | None], y: Sequence[float | None]) -> Moves:
    return {"slider": SLIDER, "stops": stops, "marks": {THRESHOLD: {"x": _short(x), "y": _short(y)}}}


def _short(values: Sequence[float | None]) -> list[float | None]:
    """Return what no eye tells from these values, in fewer letters."""
    return [None if value is None else float(f"{value:.5g}") for value in values]
