"""The part of the Evaluate page that shows how scores answer to what should not matter."""

import pandas as pd
import streamlit as st

from lensapp.services.evaluate import nuisances as service
from lensapp.services.evaluate.evaluation import Evaluation
from lensapp.services.evaluate.nuisances import Augmentation
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.tables import show_table
from lensapp.ui.shared.job_controls import start_button, watch_job
from lensapp.ui.shared.widgets import number

TERMS = {
    "mean |Δ score|": "Mean absolute difference of the score of a cutout.",
    "drift": "Mean difference of the score: above 0 where scores rise.",
    "Δ completeness": "Difference of the share of lenses accepted at the threshold.",
    "Δ false positive rate": "Difference of the share of non-lenses accepted at the threshold.",
}


def show_nuisances(ws: Workspace, evaluation: Evaluation, *, threshold: float) -> None:
    """Show how scores change with orientation, seeing, noise, bands and zero point, or offer to try."""
    st.subheader("What should not matter")
    if watch_job(ws, "nuisance", run=evaluation.run, part=evaluation.part):
        return
    stored = service.stored_nuisance(ws, evaluation.run, part=evaluation.part)
    if stored is None:
        st.caption(
            "How far scores change when cutouts are turned, mirrored, shifted, blurred, noisier, without a "
            "band or calibrated wrongly, and what averaging over orientations gains, will appear here."
        )
        start_button(
            "Change the cutouts",
            start=service.start_nuisance,
            ws=ws,
            run_name=evaluation.run,
            part=evaluation.part,
        )
        return
    told = service.nuisances(stored, threshold=threshold)
    names = ("mean_change", "drift", "completeness", "false_positive_rate")
    columns = {title: [getattr(one, name) for one in told] for title, name in zip(TERMS, names, strict=True)}
    show_table(
        pd.DataFrame({"change": [one.change for one in told]} | columns),
        title="Scores after each change",
        caption=f"{evaluation.part} part: n = {number(len(stored.labels))}, of them "
        f"{number(int(stored.labels.sum()))} lenses, at score ≥ {threshold:.3g}.",
        terms=TERMS,
        digits=4,
        file_name="nuisances",
        key="evaluate-nuisances",
    )
    st.caption(_augmentation_in_words(service.augmentation(stored)))


def _augmentation_in_words(told: Augmentation) -> str:
    count = told.orientations
    cost = f"Averaging the scores of all {count} orientations takes {count} times as long"
    if told.auroc is None:
        return f"{cost}."
    return (
        f"{cost} and changes the AUROC from {told.auroc.second:.4f} to {told.auroc.first:.4f} "
        f"({told.auroc.difference:+.4f}, 95 %: {told.auroc.low:+.4f} to {told.auroc.high:+.4f}; "
        f"p = {told.auroc.p_value:.2g}, both resampled together)."
    )
