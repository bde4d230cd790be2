"""The part of the Evaluate page that says how well scores are probabilities, and calibrates them."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from lensapp.core.errors import LensAppError
from lensapp.core.evaluate.calibration import Calibration, Reliability
from lensapp.core.evaluate.score_axis import EQUAL_POINTS, shared_axis
from lensapp.services.evaluate import calibrations as service
from lensapp.services.evaluate.evaluation import Evaluation, is_evaluated
from lensapp.services.evaluate.figure_tables import METHOD_NAMES, calibration_table, why_best
from lensapp.services.train import runs
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.tables import show_table
from lensapp.ui.shared import figures
from lensapp.ui.shared.job_controls import start_button
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_words import in_page_words
from lensapp.ui.shared.scores import spread_scores
from lensapp.ui.shared.widgets import error_box, number

BIN_COLUMNS = ("mean_score", "share", "low", "high", "number")
METHOD_KEY = "evaluate-calibration"
REFUSED_KEY = "evaluate-calibration-refused"
TERMS = {
    "NLL": "Mean of −ln of the probability of the true class, on the validation part, each fifth by a map "
    "fitted on the others; smaller is better (Gneiting & Raftery 2007).",
    "ECE": "Mean distance of score and share of lenses over 15 bins of equal numbers (Naeini et al. 2015).",
    "Brier": "Mean squared difference of score and truth, reliability − resolution + uncertainty "
    "(Murphy 1973).",
    "reliability": "Mean squared distance of score and share in the bins; 0 is calibrated.",
    "resolution": "How far the shares of the bins lie from the share of all; more is better.",
}


def show_calibration(ws: Workspace, run: Run, evaluation: Evaluation) -> None:
    """Show the reliability diagram of the raw scores, of those in use and of those best calibrated."""
    used = service.calibration_of(ws, run)
    raw = service.reliability(evaluation, None)
    if raw is None:
        return
    st.subheader("Scores as probabilities")
    methods = service.compare_methods(ws, evaluation)
    best = service.map_by(ws, run.name, service.best_method(methods))
    left, right = st.columns(2)
    with left:
        bins = {"raw score": raw}
        for name, one in _named_maps(used, best).items():
            calibrated = service.reliability(evaluation, one)
            bins |= {name: calibrated} if calibrated else {}
        figures.show_figure(
            reliability_figure(bins, colours=figures.line_colours()),
            title="Share of lenses against score (reliability)",
            caption=f"{evaluation.part} part: n = {number(evaluation.counts.n)}, in bins of equal numbers; "
            f"bars: 95 % (Wilson{evaluation.objects_once})",
            csv=partial(_bins_csv, bins),
            key="evaluate-reliability",
            height=340 + figures.legend_height([*bins, "equal"]),
        )
    with right:
        _show_methods(ws, run, evaluation, methods, used)


def _named_maps(used: Calibration | None, best: Calibration | None) -> dict[str, Calibration]:
    """Return the map that is in use and the best one by the names that the figure gives them."""
    maps = {}
    if used is not None:
        both = best is not None and best.method == used.method
        maps[f"{METHOD_NAMES[used.method]} (in use{', best' if both else ''})"] = used
    if best is not None and (used is None or best.method != used.method):
        maps[f"{METHOD_NAMES[best.method]} (best, not in use)"] = best
    return maps


def _bins_csv(bins: Mapping[str, Reliability]) -> str:
    tables = [
        pd.DataFrame({"scores": name} | {column: getattr(one, column) for column in BIN_COLUMNS})
        for name, one in bins.items()
    ]
    return str(pd.concat(tables).to_csv(index=False))


def _show_methods(
    ws: Workspace,
    run: Run,
    evaluation: Evaluation,
    methods: Sequence[service.CalibrationFigures],
    used: Calibration | None,
) -> None:
    show_table(
        calibration_table(methods),
        title="Calibrations",
        caption=f"{evaluation.part} part; fitted on the validation part only. {why_best(methods)}".strip(),
        terms=TERMS,
        digits=service.LOSS_DIGITS,
        file_name="calibrations",
        key="evaluate-calibrations",
    )
    if used is None and (reason := service.why_none_fits(ws, evaluation)):
        st.caption(f":material/block: No calibration can be fitted. {plain(in_page_words(reason))}")
        return
    if not is_evaluated(ws, run, part=service.PART):
        st.caption(
            "A calibration is fitted to the scores of the validation part. Of these only the thresholds "
            "above were kept: measure that part once."
        )
        start_button(
            "Evaluate on validation", start=runs.start_evaluation, ws=ws, run_name=run.name, part=service.PART
        )
        return
    current = service.RAW if used is None else used.method
    _choose_method(ws, run, current=current, best=service.best_method(methods))


def _choose_method(ws: Workspace, run: Run, *, current: str, best: str) -> None:
    """Ask which calibration stands beside the raw score, the best one proposed where none does."""
    st.session_state[METHOD_KEY] = current

    def take_method(method: Any = None) -> None:  # what it showed would stand at the top of the page
        method = method or st.session_state[METHOD_KEY]
        try:
            if method == service.RAW:
                service.remove_calibration(ws, run.name)
            else:
                service.calibrate(ws, run.name, method=method)
        except LensAppError as error:
            st.session_state[REFUSED_KEY] = error

    names = METHOD_NAMES | {service.RAW: "nothing"}
    st.segmented_control(
        "Show and export beside the raw score",
        list(METHOD_NAMES),
        key=METHOD_KEY,
        required=True,
        format_func=lambda method: f"{names[method]} (best)" if method == best else names[method],
        on_change=take_method,
        help="On Score, in the gallery, in catalogues and in exports. The calibrated score is a probability "
        "for the prevalence of the validation part. It keeps the order of the candidates.",
    )
    if current == service.RAW and best != service.RAW:
        st.button(
            f"Use the best: {METHOD_NAMES[best]}",
            icon=":material/done:",
            key="evaluate-use-best",
            on_click=take_method,
            args=(best,),
        )
    if REFUSED_KEY in st.session_state:
        error_box(st.session_state.pop(REFUSED_KEY))


def reliability_figure(bins: dict[str, Reliability], *, colours: tuple[str, ...]) -> go.Figure:
    """Draw the share of lenses against the mean score of each bin, with 95 % limits.

    By logit where most scores of one kind lie near 0 or 1; there equal score and share make a bent line.
    """
    axis = shared_axis([one.mean_score for one in bins.values()])
    figure = go.Figure()
    symbols = ("circle", "square", "diamond")
    for (name, one), colour, symbol in zip(bins.items(), colours, symbols, strict=False):
        figure.add_scatter(
            x=axis.positions(one.mean_score),
            y=one.share,
            customdata=np.stack([one.mean_score, one.number], axis=1),
            error_y={
                "array": np.maximum(one.high - one.share, 0),
                "arrayminus": np.maximum(one.share - one.low, 0),
                "thickness": 1.2,
            },
            name=name,
            mode="lines+markers",
            line={"color": colour, "width": 1.5},
            marker={"size": 7, "symbol": symbol},
            hovertemplate="mean score %{customdata[0]:.4g}<br>lenses %{y:.3f} of %{customdata[1]:,}",
        )
    equal = axis.grid(EQUAL_POINTS)
    figure.add_scatter(
        x=axis.positions(equal), y=equal, mode="lines", line=figures.CHANCE, name="equal", hoverinfo="skip"
    )
    spread_scores(figure, axis, title="mean score")
    figure.update_yaxes(title="share of lenses", range=[-0.02, 1.04])
    return figure
