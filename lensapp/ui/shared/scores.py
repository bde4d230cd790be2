"""How scores are written, and what is said where none of them speaks for a lens."""

import math

import streamlit as st

USUAL_THRESHOLD = 0.5


def score_text(score: float) -> str:
    """Return a score with three decimals, or with as many as tell it from 0 or 1: 0.500, 0.00012, 0.99988."""
    distance = min(score, 1 - score)
    decimals = 3 if distance >= 0.01 else min(1 - math.floor(math.log10(max(distance, 1e-6))), 7)
    return f"{score:.{decimals}f}"


def hint_at_low_scores(what: str) -> None:
    """Say what it means that no score speaks for a lens, and what to do; `what` says so of which scores."""
    st.info(
        f"{what} A short training with few lenses ends like this; the order can be good all the same "
        "(AUROC). Choose a lower threshold or review the best; for higher scores train longer, or with "
        "class weights balanced.",
        icon=":material/lightbulb:",
    )
