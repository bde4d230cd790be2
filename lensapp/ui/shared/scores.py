"""How scores are written, and what is said where none of them speaks for a lens."""

import streamlit as st

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


def hint_at_low_scores(what: str) -> None:
    """Say what it means that no score speaks for a lens, and what to do; `what` says so of which scores."""
    st.info(
        f"{what} A short training with few lenses ends like this; the order can be good all the same "
        "(AUROC). Choose a lower threshold or review the best; for higher scores train longer, or with "
        "class weights balanced.",
        icon=":material/lightbulb:",
    )
