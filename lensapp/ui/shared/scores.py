"""How scores are written, and what is said where none of them speaks for a lens."""

from collections.abc import Iterable
from typing import Any

import plotly.graph_objects as go
import streamlit as st
from pandas.io.formats.style import Styler

from lensapp.core.evaluate.score_axis import ScoreAxis
from lensapp.core.numerals import score_text
from lensapp.ui.shared.figures import score_ticks
from lensapp.ui.shared.markup import shortened

USUAL_THRESHOLD = 0.5
MEANING_OF_P = "P: the score as a probability, by the calibration of the run."
LEAST_APART = 0.14  # of the width of a figure in half a page, from one tick to the next


def with_scores_written(style: Styler, columns: Iterable[str]) -> Styler:
    """Return a table whose columns of scores are written as scores are everywhere."""
    own = [name for name in columns if name in style.data.columns]
    return style.format(score_text, subset=own, na_rep="–")


def scores_text(score: float, probability: float | None) -> str:
    """Return a score and, where its run is calibrated, the probability that it means."""
    return score_text(score) + ("" if probability is None else f"\nP {score_text(probability)}")


def score_by(run_name: str, score: float) -> str:
    """Return a score with the run that gave it, to stand below a small picture: "0.883 first"."""
    return f"{score_text(score)} {shortened(run_name, most=10)}"


def spread_scores(figure: go.Figure, axis: ScoreAxis, *, title: str) -> None:
    """Let an axis of scores show the part that there is, with its ticks."""
    low, high = axis.positions([axis.low, axis.high])
    margin = 0.01 * (high - low)
    figure.update_xaxes(range=[low - margin, high + margin], **score_axis(axis, title, apart=LEAST_APART))
    if axis.logit:
        figure.update_xaxes(tickangle=0)


def score_axis(axis: ScoreAxis, title: str, *, apart: float = 0.0) -> dict[str, Any]:
    """Return title and, where it is by logit, ticks of an axis of scores, so far `apart` of its length."""
    if not axis.logit:
        return {"title": title}
    ticks = axis.ticks(apart=apart)
    return {"title": f"{title}, by logit", "tickvals": axis.positions(ticks), "ticktext": score_ticks(ticks)}


def hint_at_low_scores(what: str, why: str = "") -> None:
    """Say that no score speaks for a lens, `why` as far as it is known, and what to do.

    `what` says of which scores.
    """
    order = "The order can be good all the same (AUROC): choose a lower threshold or review the best."
    st.info(" ".join(filter(None, (what, why, order))), icon=":material/lightbulb:")
