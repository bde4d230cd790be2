"""The threshold that decides lens or not: a slider and suggestions, kept in the address; what it gives."""

from collections.abc import Callable

import streamlit as st

from lensapp.core.evaluate.score_axis import AIM_LABELS, ScoreAxis, at_least, threshold_text
from lensapp.core.numerals import score_text
from lensapp.services.evaluate.evaluation import Evaluation, better_than_usual, usual_threshold
from lensapp.services.evaluate.expectations import few_for_threshold
from lensapp.ui.evaluate.survey_figures import share
from lensapp.ui.shared.scores import USUAL_THRESHOLD
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


def choose_threshold(evaluation: Evaluation, *, of_table: bool = False) -> float:
    """Show the slider and the suggested thresholds; return the threshold, which the address keeps.

    `of_table` tells that the scores come from a table, which nothing measures anew.
    """
    current = current_threshold(evaluation.run, usual_threshold(evaluation)[0])
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
        if proposals is None and of_table:
            st.caption(
                "No thresholds are proposed: that takes scores of lenses and non-lenses of a validation "
                "part, and the table has none."
            )
        elif proposals is None:
            st.caption(
                "Thresholds are proposed on the validation part. Evaluate again to see them; "
                "a dataset without a validation part has none."
            )
        elif not suggestions:
            st.caption(f"No threshold can be proposed: {proposals.not_proposed['all']}.")
        else:
            meanings = [f"{AIM_LABELS[one.name]}: {one.meaning}" for one in proposals.thresholds]
            absent = [f"{AIM_LABELS[name]} ({reason})" for name, reason in proposals.not_proposed.items()]
            few = few_for_threshold(proposals)
            st.pills(
                f"Set it for (chosen on the {proposals.part} part: {counted(proposals.n_positive, 'lens')}, "
                f"{counted(proposals.n_negative, 'non-lens')}{', few :material/warning:' if few else ''})",
                list(suggestions),
                key=AIMS,
                wrap=True,
                format_func=lambda name: AIM_LABELS[name].removeprefix("best "),  # in one row
                on_change=take_suggestion,
                help=(f"{few}\n\n" if few else "")
                + "; ".join(meanings)
                + (f". Not offered: {'; '.join(absent)}." if absent else "."),
            )
    return threshold


def say_what_it_gives(evaluation: Evaluation, threshold: float, why_low: Callable[[], str]) -> None:
    """Say what the threshold accepts, or what misleads at it; `why_low` tells why no score reaches 0.5.

    It is as high at one threshold as at another: what is below does not move with the slider.
    """
    lowest, highest = float(evaluation.scores.min()), float(evaluation.scores.max())
    accepted, hint, other = _accepted_in_words(evaluation, threshold), "", None
    usual, why = usual_threshold(evaluation)
    began = threshold == usual and selected("threshold") is None
    if threshold == USUAL_THRESHOLD and (misleads := _why_half_misleads(evaluation)) is not None:
        accepted, hint, other = misleads
    elif lowest >= USUAL_THRESHOLD:
        accepted = f"Every score reaches {USUAL_THRESHOLD:g} (lowest: {score_text(lowest)}). {accepted}"
        hint = f"The threshold begins at {score_text(threshold)}, {why}." if began else ""
    elif highest < USUAL_THRESHOLD and began:
        accepted = (
            f":material/lightbulb: No score reaches {USUAL_THRESHOLD:g} (highest: {score_text(highest)}): "
            f"the threshold begins at {score_text(threshold)}, {why}."
        )
        hint = "The ranking can still be good (AUROC)."
    if highest < USUAL_THRESHOLD:
        hint = f"{hint} {why_low()}".strip()
    with st.container(key="evaluate-says", horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(accepted, help=hint or None, width="stretch")
        if other is not None:
            st.button(
                f"Set {threshold_text(other)}",
                key="evaluate-set-better",
                on_click=select,
                args=("threshold", repr(other)),
            )


def _accepted_in_words(evaluation: Evaluation, threshold: float) -> str:
    """Return how many lenses and non-lenses a threshold accepts, or that no score reaches it."""
    at = evaluation.figures_at(threshold)
    accepted = at.confusion
    if accepted.tp + accepted.fp == 0:
        highest = score_text(float(evaluation.scores.max()))
        return f"No score reaches {threshold_text(threshold)} (highest: {highest}); choose a lower threshold."
    lenses, others = counted(at.n_positive, "lens"), counted(evaluation.counts.n_negative, "non-lens")
    return (
        f"Accepted at {at_least(threshold)}: {number(accepted.tp)} of {lenses} (completeness "
        f"{share(at.completeness)}) and {number(accepted.fp)} of {others}; purity {share(at.purity or 0.0)}."
    )


def _why_half_misleads(evaluation: Evaluation) -> tuple[str, str, float] | None:
    """Return that 0.5 gives far less than the threshold of the best F1, in short and in full, and that one.

    None where it does about as well.
    """
    better = better_than_usual(evaluation)
    if better is None:
        return None
    usual, other = evaluation.figures_at(USUAL_THRESHOLD), threshold_text(better.threshold)
    found = f"it accepts {usual.confusion.tp} of {counted(usual.n_positive, 'lens')}"
    gives = f"completeness is {share(better.completeness)} and purity {share(better.purity)}."
    aim = AIM_LABELS[better.name]
    return (
        f":material/lightbulb: **{USUAL_THRESHOLD:g} misleads here:** {found}. At {other} ({aim}) {gives}",
        f"At {USUAL_THRESHOLD:g} {found} (completeness {share(usual.completeness)}, purity "
        f"{share(usual.purity or 0.0)}). At {other}, {aim} on the validation part, {gives}",
        better.threshold,
    )


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
