"""What the network was surest of, wrongly and rightly, as images that open in the lightbox."""

from functools import partial

import streamlit as st

from lensapp.core.evaluate.score_axis import threshold_text
from lensapp.services.evaluate.calibrations import calibrated_by_id
from lensapp.services.evaluate.evaluation import Evaluation, Outcome, surest
from lensapp.services.evaluate.seen_pictures import size_where_cropped
from lensapp.services.train.runs import has_network
from lensapp.storage.records import Cutout, Run
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.cutout_sheet import show_cutouts, shown_in_words
from lensapp.ui.evaluate.explain import choose_overlay, explain_shown, overlaid
from lensapp.ui.shared.scores import scores_text
from lensapp.ui.shared.widgets import heading, number

SHOWN = 12
REVIEWED = 200
TITLES: dict[Outcome, str] = {
    "false_positive": "Worst false positives",
    "false_negative": "Worst false negatives",
    "true_positive": "Surest lenses found",
}


NOUNS: dict[Outcome, str] = {
    "false_positive": "false positive",
    "false_negative": "false negative",
    "true_positive": "lens found",
}


def _side(outcome: Outcome, threshold: float) -> str:
    return f"score {'<' if outcome == 'false_negative' else '≥'} {threshold_text(threshold)}"


def show_mistakes(ws: Workspace, run: Run, evaluation: Evaluation, *, threshold: float) -> None:
    """Show the worst false positives and false negatives side by side, and lenses found to compare."""
    overlay = choose_overlay() if has_network(ws, run) else None
    explaining = st.container()
    shown: list[int] = []
    outcomes = [outcome for outcome in TITLES if outcome != "true_positive" or overlay is not None]
    every = len(evaluation.scores)
    worst = {outcome: surest(evaluation, outcome, threshold=threshold, limit=every) for outcome in outcomes}
    pairs = [
        (one["cutout_id"][:REVIEWED].tolist(), one["score"][:REVIEWED].tolist()) for one in worst.values()
    ]
    scores = {key: score for ids, values in pairs for key, score in zip(ids, values, strict=True)}
    chances = calibrated_by_id(ws, run, scores)
    first = [key for ids, _ in pairs for key in ids[:SHOWN]]
    seen = size_where_cropped(ws, run, first)

    def caption_of(cutout: Cutout) -> str:
        return f"{scores_text(scores[cutout.id], chances.get(cutout.id))}  {cutout.object_class or ''}"

    some = [outcome for outcome in outcomes if len(worst[outcome]["cutout_id"])]
    for column, outcome in zip(st.columns(len(some), gap="medium") if some else (), some, strict=True):
        with column:
            heading(f"{TITLES[outcome]}")
            count, ids = len(worst[outcome]["cutout_id"]), worst[outcome]["cutout_id"][:REVIEWED].tolist()
            side = _side(outcome, threshold)
            shown += ids[:SHOWN]
            show_cutouts(
                ws,
                ids,
                limit=SHOWN,
                caption_of=caption_of,
                review_name=f"{evaluation.run}-{outcome.replace('_', '-')}s",
                run_name=evaluation.run,
                key=outcome,
                drawn=partial(overlaid, ws, evaluation.run, overlay) if overlay else None,
                seen=seen,
            )
            st.caption(f"{number(count)} at {side}, {evaluation.part} part{shown_in_words(count, SHOWN)}.")
    if absent := [outcome for outcome in outcomes if outcome not in some]:
        none = [f"{NOUNS[outcome]} at {_side(outcome, threshold)}" for outcome in absent]
        st.caption(f"No {', and no '.join(none)}.")
    if seen is not None:
        st.caption(
            f"Shown is what the network saw of each: the middle {seen[0]}×{seen[1]} pixels. "
            "A click opens the whole cutout."
        )
    if overlay is not None and shown:
        with explaining:
            explain_shown(ws, evaluation.run, shown)
