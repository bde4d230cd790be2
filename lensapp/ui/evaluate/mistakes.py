"""What the network was surest of, wrongly and rightly, as images that open in Inspect or are explained."""

from functools import partial

import streamlit as st

from lensapp.services.evaluate.calibrations import calibrated_by_id
from lensapp.services.evaluate.evaluation import Evaluation, Outcome, surest
from lensapp.services.train.runs import has_network
from lensapp.storage.records import Cutout, Run
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.cutout_sheet import show_cutouts
from lensapp.ui.evaluate.explain import (
    ask_for_explanation,
    choose_overlay,
    explain_shown,
    explained_cutout_id,
    overlaid,
    show_explanation,
)
from lensapp.ui.shared.scores import scores_text
from lensapp.ui.shared.widgets import heading

SHOWN = 12
REVIEWED = 200
INSPECT, EXPLAIN = "Inspect", "Explain"
TITLES: dict[Outcome, str] = {
    "false_positive": "Worst false positives",
    "false_negative": "Worst false negatives",
    "true_positive": "Surest lenses found",
}


def _choose_click() -> str | None:
    return st.segmented_control(
        "Click a cutout to",
        (INSPECT, EXPLAIN),
        default=EXPLAIN if explained_cutout_id() is not None else INSPECT,
        required=True,
        key="evaluate-click",
        help="Inspect opens a review that begins with it; Explain shows which of its regions the score "
        "rests on: is it right, or wrong, for the right reason?",
    )


def show_mistakes(ws: Workspace, run: Run, evaluation: Evaluation, *, threshold: float) -> None:
    """Show the worst false positives and false negatives side by side, and lenses found to compare."""
    click = _choose_click() if has_network(ws, run) else INSPECT
    shown: list[int] = []
    overlay = choose_overlay() if click == EXPLAIN else None
    outcomes = [outcome for outcome in TITLES if outcome != "true_positive" or click == EXPLAIN]
    worst = {
        outcome: surest(evaluation, outcome, threshold=threshold, limit=REVIEWED) for outcome in outcomes
    }
    pairs = [(one["cutout_id"].tolist(), one["score"].tolist()) for one in worst.values()]
    scores = {key: score for ids, values in pairs for key, score in zip(ids, values, strict=True)}
    chances = calibrated_by_id(ws, run, scores)

    def caption_of(cutout: Cutout) -> str:
        return f"{scores_text(scores[cutout.id], chances.get(cutout.id))}  {cutout.object_class or ''}"

    for column, outcome in zip(st.columns(len(outcomes), gap="medium"), outcomes, strict=True):
        with column:
            heading(f"{TITLES[outcome]}")
            ids = worst[outcome]["cutout_id"].tolist()
            side = f"score {'<' if outcome == 'false_negative' else '≥'} {threshold:.3g}"
            if not ids:
                st.caption(f"None at {side}.")
                continue
            shown += ids[:SHOWN]
            show_cutouts(
                ws,
                ids,
                limit=SHOWN,
                caption_of=caption_of,
                review_name=f"{evaluation.run}-{outcome.replace('_', '-')}s",
                run_name=evaluation.run,
                key=outcome,
                explain=partial(ask_for_explanation, ws, evaluation.run) if overlay else None,
                drawn=partial(overlaid, ws, evaluation.run, overlay) if overlay else None,
            )
            verb = (click or INSPECT).lower()
            st.caption(f"{len(ids)} at {side}, {evaluation.part} part. Click one to {verb} it.")
    if overlay is not None:
        if shown:
            explain_shown(ws, evaluation.run, shown)
        show_explanation(ws, evaluation.run, opacity=overlay.opacity)
