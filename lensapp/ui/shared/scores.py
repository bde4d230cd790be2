"""How scores are written, and what is said where none of them speaks for a lens."""

import plotly.graph_objects as go
import streamlit as st

from lensapp.core.evaluate.score_axis import ScoreAxis
from lensapp.ui.shared.figures import score_ticks, shortened

USUAL_THRESHOLD = 0.5
MOST_DECIMALS = 7  # of single precision near 1


def score_text(score: float) -> str:
    """Return a score with 3 decimals, near 0 or 1 with two digits of the distance: 0.500, 0.00012, 0.99988.

    What single precision no longer tells from 0 or 1 is written 0.000 or 1.000.
    """
    if round(score, MOST_DECIMALS) in (0, 1):
        return f"{score:.3f}"
    exponent = f"{min(score, 1 - score):.1e}".partition("e")[2]
    return f"{score:.{min(max(1 - int(exponent), 3), MOST_DECIMALS)}f}"


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
    figure.update_xaxes(title=f"{title}, by logit" if axis.logit else title)
    figure.update_xaxes(range=[low - margin, high + margin])
    if axis.logit:
        ticks = axis.ticks()
        figure.update_xaxes(tickvals=axis.positions(ticks), ticktext=score_ticks(ticks))


def hint_at_low_scores(what: str) -> None:
    """Say what it means that no score speaks for a lens, and what to do; `what` says so of which scores."""
    st.info(
        f"{what} A short training with few lenses ends like this; the order can be good all the same "
        "(AUROC). Choose a lower threshold or review the best; for higher scores train longer, or with "
        "class weights balanced.",
        icon=":material/lightbulb:",
    )
