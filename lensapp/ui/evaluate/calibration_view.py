"""The part of the Evaluate page that says how well scores are probabilities, and calibrates them."""

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from lensapp.core.errors import LensAppError
from lensapp.core.evaluate.calibration import Calibration, Reliability
from lensapp.services.evaluate import calibrations as service
from lensapp.services.evaluate.evaluation import Evaluation, is_evaluated
from lensapp.services.evaluate.figure_tables import METHOD_NAMES, calibration_table
from lensapp.services.train import runs
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.tables import show_table
from lensapp.ui.shared import figures
from lensapp.ui.shared.job_controls import start_button
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_words import in_page_words
from lensapp.ui.shared.widgets import error_box, number

BIN_COLUMNS = ("mean_score", "share", "low", "high", "number")
METHOD_KEY = "evaluate-calibration"
REFUSED_KEY = "evaluate-calibration-refused"
TERMS = {
    "ECE": "Mean distance of score and share of lenses over 15 bins of equal numbers (Naeini et al. 2015).",
    "Brier": "Mean squared difference of score and truth, reliability − resolution + uncertainty "
    "(Murphy 1973).",
    "reliability": "Mean squared distance of score and share in the bins; 0 is calibrated.",
    "resolution": "How far the shares of the bins lie from the share of all; more is better.",
}


def show_calibration(ws: Workspace, run: Run, evaluation: Evaluation) -> None:
    """Show the reliability diagram of the raw scores and, where there is one, of the calibrated ones."""
    used = service.calibration_of(ws, run)
    raw = service.reliability(evaluation, None)
    if raw is None:
        return
    st.subheader("Scores as probabilities")
    left, right = st.columns(2)
    with left:
        bins = {"raw score": raw}
        if used is not None:
            calibrated = service.reliability(evaluation, used)
            bins |= {f"calibrated ({METHOD_NAMES[used.method]})": calibrated} if calibrated else {}
        figures.show_figure(
            reliability_figure(bins, colours=figures.line_colours()),
            title="Share of lenses against score (reliability)",
            caption=f"{evaluation.part} part: n = {number(evaluation.counts.n)}; bars: 95 % (Wilson)",
            csv=lambda: figures.csv_text({name: getattr(raw, name) for name in BIN_COLUMNS}),
            key="evaluate-reliability",
        )
    with right:
        _show_methods(ws, run, evaluation, used)


def _show_methods(ws: Workspace, run: Run, evaluation: Evaluation, used: Calibration | None) -> None:
    show_table(
        calibration_table(service.compare_methods(ws, evaluation)),
        title="Calibrations",
        caption=f"{evaluation.part} part; fitted on the validation part only.",
        terms=TERMS,
        digits=4,
        file_name="calibrations",
        key="evaluate-calibrations",
    )
    if used is None and (reason := service.why_none_fits(ws, evaluation)):
        st.caption(f":material/block: No calibration can be fitted. {plain(in_page_words(reason))}")
        return
    if not is_evaluated(ws, run, part=service.PART):
        st.caption(
            "A calibration is fitted to the scores of the validation part. The thresholds above were chosen "
            "by these too, but no more than the thresholds was kept: measure that part once."
        )
        start_button(
            "Evaluate on validation", start=runs.start_evaluation, ws=ws, run_name=run.name, part=service.PART
        )
        return
    current = "none" if used is None else used.method
    st.session_state[METHOD_KEY] = current

    def take_method() -> None:  # shows nothing itself: what it showed would stand at the top of the page
        method = st.session_state[METHOD_KEY]
        try:
            if method == "none":
                service.remove_calibration(ws, run.name)
            else:
                service.calibrate(ws, run.name, method=method)
        except LensAppError as error:
            st.session_state[REFUSED_KEY] = error

    st.segmented_control(
        "Show and export beside the raw score",
        list(METHOD_NAMES),
        key=METHOD_KEY,
        required=True,
        format_func=lambda method: "nothing" if method == "none" else METHOD_NAMES[method],
        on_change=take_method,
        help="On Score, in the gallery, in catalogues and in exports. The calibrated score is a probability "
        "for the prevalence of the validation part. It keeps the order of the candidates.",
    )
    if REFUSED_KEY in st.session_state:
        error_box(st.session_state.pop(REFUSED_KEY))


def reliability_figure(bins: dict[str, Reliability], *, colours: tuple[str, ...]) -> go.Figure:
    """Draw the share of lenses against the mean score of each bin, with 95 % limits."""
    figure = go.Figure()
    for (name, one), colour in zip(bins.items(), colours, strict=False):
        figure.add_scatter(
            x=one.mean_score,
            y=one.share,
            customdata=one.number,
            error_y={
                "array": np.maximum(one.high - one.share, 0),
                "arrayminus": np.maximum(one.share - one.low, 0),
                "thickness": 1.2,
            },
            name=name,
            mode="lines+markers",
            line={"color": colour, "width": 1.5},
            marker={"size": 7},
            hovertemplate="mean score %{x:.4f}<br>lenses %{y:.3f} of %{customdata:,}",
        )
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line=figures.CHANCE, name="equal", hoverinfo="skip")
    figure.update_xaxes(title="mean score", range=[-0.02, 1.02])
    figure.update_yaxes(title="share of lenses", range=[-0.02, 1.04])
    return figure
