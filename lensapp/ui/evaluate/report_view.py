"""Downloads of the Evaluate page: the report, the model card and the figures for a paper."""

import streamlit as st

from lensapp.core.evaluate.prevalence import SurveySpec
from lensapp.services.evaluate.evaluation import Measured
from lensapp.services.reports.run_report import (
    RunReport,
    card_markdown,
    report_html,
    run_report,
    zipped_figures,
)
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.widgets import download


def offer_reports(
    ws: Workspace, evaluation: Measured, *, threshold: float = 0.5, survey: SurveySpec | None = None
) -> None:
    """Offer what is known of a run as files, at the threshold and for the survey of the page."""
    name = f"{evaluation.run}-{evaluation.part}"

    def report() -> RunReport:
        return run_report(ws, evaluation.run, part=evaluation.part, threshold=threshold, survey=survey)

    st.subheader("Report")
    with st.container(horizontal=True, vertical_alignment="center"):
        download("Report (HTML)", lambda: report_html(report()), file_name=f"{name}.html", mime="text/html")
        download(
            "Model card (Markdown)",
            lambda: card_markdown(report()),
            file_name=f"{name}.md",
            mime="text/markdown",
        )
        for kind in ("PDF", "SVG"):
            download(
                f"Figures ({kind})",
                lambda kind=kind: zipped_figures(report(), picture_format=kind.lower()),
                file_name=f"{name}-figures-{kind.lower()}.zip",
                mime="application/zip",
            )
    st.caption(
        "The report is one file that needs no network: figures, limits, settings, data and audits as on this "
        "page. Figures are 88 mm wide, the column of a paper."
    )
