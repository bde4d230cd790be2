"""The threshold that decides lens or not: a slider and suggestions, kept in the address."""

from collections.abc import Callable

import streamlit as st

from lensapp.core.evaluate.score_axis import AIM_LABELS, ScoreAxis, at_least, threshold_text
from lensapp.core.numerals import score_text
from lensapp.services.evaluate.evaluation import Evaluation, better_than_usual, usual_threshold
from lensapp.services.evaluate.expectations import few_for_threshold
from lensapp.ui.evaluate.survey_figures import share
from lensapp.ui.shared.scores import USUAL_THRESHOLD, hint_at_low_scores
from lensapp.ui.shared.state import select, selected, take_threshold
from lensapp.ui.shared.widgets import counted, number

SLIDER, AIMS = "evaluate-threshold", "evaluate-aims"
_SPREAD = {
    False: "The slider spans the scores of this run evenly, not 0 to 1: they lie close together.",
    True: "Most scores of this run are near 0 or near 1, so the slider is spread by their logit, "
    "ln(p / (1 − p)): steps are fine at its ends and coarse in its middle.",
}


def current_threshold(run: str, usual: float = USUAL_THRESHOLD) -> float:
    """Return the threshold of a run that a page shows, which the address says then.

    It is the usual one where none was chosen, or what is no number between 0 and 1.
    """
    take_threshold(run)
    try:
        value = float(selected("threshold") or usual)
    except ValueError:
        return usual
    return value if 0.0 <= value <= 1.0 else usual


def _slider(axis: ScoreAxis, current: float, *, on_change: Callable[[], None]) -> float:
    """Show the slider: in steps of 0.001, or over the scores there are where these lie close together."""
    help_text = "Cutouts with at least this score are accepted; every figure below follows it."
    if axis.whole:
        return st.slider(
            "Threshold", 0.0, 1.0, step=0.001, format="%.3f", key=SLIDER, on_change=on_change, help=help_text
        )
    by_text = {f"{score:.4g}": score for score in axis.stops().tolist()}
    by_text[f"{current:.4g}"] = current  # to its last digit
    return float(
        st.select_slider(
            "Threshold",
            sorted(by_text.values()),
            format_func=lambda score: f"{score:.4g}",
            key=SLIDER,
            on_change=on_change,
            help=f"{help_text} {_SPREAD[axis.logit]}",
        )
    )


def choose_threshold(evaluation: Evaluation, why_low: Callable[[], str]) -> float:
    """Show the slider and the suggested thresholds; return the threshold, which the address keeps.

    `why_low` is asked for the reason where no score reaches 0.5.
    """
    usual, why = usual_threshold(evaluation)
    current = current_threshold(evaluation.run, usual)
    st.session_state[SLIDER] = current
    proposals = evaluation.proposals
    suggestions = {} if proposals is None else {one.name: one for one in proposals.thresholds}

    def take_slider() -> None:
        select("threshold", f"{st.session_state[SLIDER]:.6g}")

    def take_suggestion() -> None:
        name = st.session_state[AIMS]
        if name in suggestions:
            select("threshold", repr(min(max(suggestions[name].threshold, 0.0), 1.0)))

    left, right = st.columns([1, 3], vertical_alignment="bottom")
    with left:
        threshold = _slider(evaluation.score_axis, current, on_change=take_slider)
    with right:
        if proposals is None:
            st.caption(
                "Thresholds are proposed on the validation part. Evaluate again to see them; "
                "a dataset without a validation part has none."
            )
        elif not suggestions:
            st.caption(f"No threshold can be proposed: {proposals.not_proposed['all']}.")
        else:
            meanings = [f"{AIM_LABELS[one.name]}: {one.meaning}" for one in proposals.thresholds]
            absent = [f"{AIM_LABELS[name]} ({reason})" for name, reason in proposals.not_proposed.items()]
            st.pills(
                f"Set it for (chosen on the {proposals.part} part: {counted(proposals.n_positive, 'lens')}, "
                f"{counted(proposals.n_negative, 'non-lens')})",
                list(suggestions),
                key=AIMS,
                wrap=True,
                format_func=lambda name: AIM_LABELS[name].removeprefix("best "),  # in one row
                on_change=take_suggestion,
                help="; ".join(meanings) + (f". Not offered: {'; '.join(absent)}." if absent else "."),
            )
    if proposals is not None and (few := few_for_threshold(proposals)):
        first, _, rest = few.partition(": ")
        st.caption(f":material/warning: {first}.", help=f"{rest[:1].upper()}{rest[1:]}")
    began = current == usual and selected("threshold") is None
    _say_what_it_gives(evaluation, threshold, why=why if began else "", why_low=why_low)
    return threshold


def _say_what_it_gives(
    evaluation: Evaluation, threshold: float, *, why: str, why_low: Callable[[], str]
) -> None:
    """Say what the threshold accepts, or what misleads at it; `why` tells where it begins in place of 0.5.

    A run that has something to be warned of at one threshold has a box at all of them, as high as that
    warning: what is below does not move with the slider.
    """
    misleads = better_than_usual(evaluation) is not None
    lowest, highest = float(evaluation.scores.min()), float(evaluation.scores.max())
    if not misleads and lowest < USUAL_THRESHOLD <= highest:
        with st.container(key="evaluate-says"):
            st.caption(_accepted_in_words(evaluation, threshold))
        return
    with st.container(key="evaluate-says-in-a-box" if misleads else "evaluate-says-why-low"):
        if misleads:
            _say_beside_usual(evaluation, threshold)
        elif lowest >= USUAL_THRESHOLD:
            _say_all_high(evaluation, threshold, why=why)
        elif why:
            st.info(
                f"No score reaches {USUAL_THRESHOLD:g}: the highest is {score_text(highest)}. The threshold "
                f"begins at {score_text(threshold)}, {why}. The ranking can still be good (AUROC).",
                icon=":material/lightbulb:",
            )
        elif highest < threshold:
            hint_at_low_scores(
                f"No score reaches {threshold_text(threshold)}: the highest is {score_text(highest)}.",
            )
        else:
            st.info(_accepted_in_words(evaluation, threshold), icon=":material/rule:")
        if not misleads and highest < USUAL_THRESHOLD and (reason := why_low()):
            st.caption("Why the scores are low", help=reason)


def _say_all_high(evaluation: Evaluation, threshold: float, *, why: str) -> None:
    """Say that the usual threshold accepts everything, and what this one gives or where it begins."""
    said = (
        f"Every score reaches {USUAL_THRESHOLD:g}: the lowest is {score_text(evaluation.scores.min())}.",
        f"The threshold begins at {score_text(threshold)}, {why}." if why else "",
        _accepted_in_words(evaluation, threshold),
    )
    st.info(" ".join(filter(None, said)), icon=":material/lightbulb:")


def _accepted_in_words(evaluation: Evaluation, threshold: float) -> str:
    """Return how many lenses and non-lenses a threshold accepts, or that no score reaches it."""
    at = evaluation.figures_at(threshold)
    accepted = at.confusion
    if accepted.tp + accepted.fp == 0:
        return f"No score reaches {threshold_text(threshold)}; choose a lower threshold."
    lenses, others = counted(at.n_positive, "lens"), counted(evaluation.counts.n_negative, "non-lens")
    return (
        f"Accepted at {at_least(threshold)}: {number(accepted.tp)} of {lenses} (completeness "
        f"{share(at.completeness)}) and {number(accepted.fp)} of {others}; purity {share(at.purity or 0.0)}."
    )


def _say_beside_usual(evaluation: Evaluation, threshold: float) -> None:
    """Say what the threshold gives beside 0.5, which gives far less than that of the best F1; offer these."""
    better = better_than_usual(evaluation)
    if better is None:
        return
    usual, other = evaluation.figures_at(USUAL_THRESHOLD), better.threshold
    lenses, purity = counted(usual.n_positive, "lens"), share(usual.purity or 0.0)
    at_usual = (
        f"it accepts {usual.confusion.tp} of {lenses} (completeness {share(usual.completeness)}, "
        f"purity {purity})."
    )
    if threshold == USUAL_THRESHOLD:
        said = (
            f"**{USUAL_THRESHOLD:g} misleads here:** {at_usual} At {threshold_text(other)}, "
            f"{AIM_LABELS[better.name]} on the validation part, completeness is "
            f"{share(better.completeness)} and purity {share(better.purity)}."
        )
        icon = ":material/lightbulb:"
    else:
        other, icon = USUAL_THRESHOLD, ":material/rule:"
        said = (
            f"{_accepted_in_words(evaluation, threshold)} At {USUAL_THRESHOLD:g}, the usual one, {at_usual}"
        )
    offer_threshold(said, other, icon=icon, key="evaluate-set-better")


def offer_threshold(said: str, threshold: float, *, icon: str, key: str) -> None:
    """Say why another threshold is worth a look, with the button that sets it."""
    words, button = st.columns([6, 1], vertical_alignment="center")
    words.info(said, icon=icon)
    button.button(
        f"Set {threshold_text(threshold)}",
        key=key,
        width="stretch",
        on_click=select,
        args=("threshold", repr(threshold)),
    )
