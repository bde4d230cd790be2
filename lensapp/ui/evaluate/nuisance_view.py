"""The part of the Evaluate page that shows how scores answer to what should not matter."""

import streamlit as st

from lensapp.services.evaluate import nuisances as service
from lensapp.services.evaluate.evaluation import Evaluation
from lensapp.services.evaluate.figure_tables import nuisance_table
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.tables import show_table
from lensapp.ui.shared.job_controls import start_button, watch_job
from lensapp.ui.shared.widgets import counted, number

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
    show_table(
        nuisance_table(service.nuisances(stored, threshold=threshold)),
        title="Scores after each change",
        caption=f"{evaluation.part} part: n = {number(len(stored.labels))}, of them "
        f"{counted(int(stored.labels.sum()), 'lens')}, at score ≥ {threshold:.3g}.",
        terms=TERMS,
        digits=4,
        file_name="nuisances",
        key="evaluate-nuisances",
    )
    st.caption(service.augmentation_in_words(service.augmentation(stored)))
