"""The part of the Evaluate page that measures vetoes after the network, and keeps them with the run."""

import streamlit as st

from lensapp.core.evaluate.score_axis import at_least
from lensapp.services.evaluate.evaluation import Evaluation, is_evaluated
from lensapp.services.evaluate.figure_tables import veto_table
from lensapp.services.score import vetoes as service
from lensapp.services.train import runs
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.tables import show_table
from lensapp.ui.shared.widgets import errors_shown


def show_vetoes(ws: Workspace, evaluation: Evaluation, *, threshold: float) -> None:
    """Show what the vetoes kept with a run cost and save, and try or keep another rule."""
    statuses = runs.list_statuses(ws)
    run = next(status.run for status in statuses if status.name == evaluation.run)
    if not is_evaluated(ws, run, part=service.PART):
        return
    st.subheader("Vetoes after the network")
    kept = service.kept_vetoes(ws, run.name)
    with st.form(f"evaluate-veto-{run.name}", border=False):
        left, middle, right = st.columns([3, 2, 1], vertical_alignment="bottom")
        rule = left.text_input(
            "Candidates have to fulfil",
            placeholder="star < 0.5 and mag_r > 16",
            help="Comparisons of columns of the catalogue, of probability_<class> or of estimated values "
            "with numbers. Candidates without a value are kept.",
        )
        others = [status.name for status in statuses if status.name != run.name]
        by = middle.multiselect("Classes or values by", others, placeholder="no other run", select_all=False)
        sent = right.form_submit_button("Measure and keep")
    with errors_shown():
        if sent and rule.strip():
            service.keep_veto(ws, run.name, rule.strip(), threshold=threshold, by=by)
            st.rerun()
        if kept:
            measured = service.measured_vetoes(ws, run.name, threshold=threshold)
            show_table(
                veto_table(measured),
                title="Lenses that vetoes cost and inspections that they save",
                caption=f"{service.PART} part, at {at_least(threshold)}; in brackets: 95 % limits.",
                terms={},
                digits=3,
                file_name="vetoes",
                key="evaluate-vetoes",
            )
            dropped = st.pills("Drop", list(measured), key=f"evaluate-veto-drop-{run.name}")
            if dropped:
                service.remove_veto(ws, run.name, str(dropped))
                st.rerun()
