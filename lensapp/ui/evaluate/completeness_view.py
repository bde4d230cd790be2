"""The part of the Evaluate page that shows which lenses a run accepts: completeness by injection."""

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from lensapp.core.evaluate.intervals import wilson_interval
from lensapp.core.evaluate.score_axis import at_least
from lensapp.core.evaluate.selection_function import HUMAN, JOINT, NETWORK, InjectionSpec, SelectionFunction
from lensapp.core.numerals import score_text
from lensapp.services.data.sources import ready_sources
from lensapp.services.evaluate import completeness as service
from lensapp.services.evaluate.evaluation import Evaluation
from lensapp.services.inspect.joint_completeness import Search, completeness_of
from lensapp.services.train import runs
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.survey_figures import share
from lensapp.ui.evaluate.threshold import offer_threshold
from lensapp.ui.shared import figures
from lensapp.ui.shared.forms import spec_form
from lensapp.ui.shared.job_controls import start_button, watch_job
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_words import in_page_words
from lensapp.ui.shared.state import selected
from lensapp.ui.shared.widgets import counted, download, errors_shown, number

SHOWN_FROM = 0.005  # smallest share that a cell does not show as 0.00
WHO = {NETWORK: "network", HUMAN: "inspectors", JOINT: "both"}
WHOSE = {
    NETWORK: "injected lenses that the network accepts",
    HUMAN: "blind tests that inspectors call a lens",
    JOINT: "blind tests that the network accepts and inspectors call a lens",
}

EXAMPLE_TRIED, EXAMPLE_HALF = 100, (1.1, 32.0)  # lenses in each cell; radius and S/N where half are found
EXAMPLE_HEIGHT = 320
EXAMPLE_WORDS = (
    "**A cell is a kind of lens**: its Einstein radius and how bright its arcs are. The number is the share "
    "of such lenses that the network accepts at the threshold; below it stand its limits.",
    "**Where completeness falls off** is what your search misses: small rings, and arcs lost in the noise.",
    "**Correct a count of lenses** with it: the file holds the share for each radius, S/N and seeing.",
)


def show_completeness(ws: Workspace, run: Run, evaluation: Evaluation, *, threshold: float) -> None:
    """Show the completeness of a run in a source over Einstein radius, S/N and seeing, or measure it."""
    measured = service.measured_sources(ws, run.name)
    differences = runs.fitting_first(ws, run, ready_sources(ws))
    if not differences:
        return
    names = [name for name, difference in differences.items() if not difference or name in measured]
    if not names:
        st.subheader("Completeness by injection")
        st.caption(f"No source has the bands and pixels that {plain(run.name)} reads.")
        return
    chosen_source = selected("source")
    usual = measured[-1] if measured and chosen_source not in measured else chosen_source
    left, middle, right = st.columns([3, 3, 4], vertical_alignment="bottom")
    left.subheader("Completeness by injection")
    source = middle.selectbox(
        "Galaxies of",
        names,
        index=names.index(usual) if usual in names else 0,
        key=f"evaluate-completeness-{run.name}",
        help="Lensed arcs are painted on galaxies of this source, with its PSF and noise, and scored. "
        "Sources that the network cannot read are not listed.",
    )
    if watch_job(ws, service.KIND, run=run.name, source=source):
        return
    if source in measured:
        with errors_shown():
            search = completeness_of(ws, run.name, source, threshold=threshold)
            with right:
                chosen = _choose_function(search)
            _say_why_empty(ws, evaluation, search.network)
            _show_function(ws, run, search, chosen)
    else:
        _offer_measurement(ws, run, source)
    with st.expander("Measure again" if source in measured else "Measure with other settings"):
        spec = spec_form(
            InjectionSpec, key=f"evaluate-injections-{source}", submit="Measure with these", columns=3
        )
    if spec is not None:
        with errors_shown():
            service.start_completeness(ws, run_name=run.name, source_name=source, spec=spec)
            st.rerun()


def _offer_measurement(ws: Workspace, run: Run, source: str) -> None:
    """Show what a measurement will tell, with shares that are no measurement, and what starts it beside."""
    left, right = st.columns([3, 2], gap="medium")
    with left:
        figures.show_example(
            completeness_figure(_example(), ink=figures.ink()),
            title="What completeness by injection shows",
            key="completeness-example",
            height=EXAMPLE_HEIGHT,
        )
    with right:
        for words in EXAMPLE_WORDS:
            st.caption(words)
        start_button(
            "Measure completeness",
            start=service.start_completeness,
            ws=ws,
            secondary=True,
            run_name=run.name,
            source_name=source,
            spec=InjectionSpec(),
        )
        usual = InjectionSpec()
        kinds = len(usual.theta_e_arcsec) * len(usual.arc_snr)
        st.caption(
            f"Paints {number(kinds * usual.per_cell)} lenses, {usual.per_cell} of each of {kinds} kinds, on "
            f"galaxies of {plain(source)}, and scores them."
        )


def _example() -> SelectionFunction:
    """Return shares that rise with Einstein radius and S/N, as those of most networks do."""
    usual = InjectionSpec()
    radii, snr = np.array(usual.theta_e_arcsec), np.array(usual.arc_snr)
    odds = 3.2 * np.log2(radii[:, None] / EXAMPLE_HALF[0]) + 1.6 * np.log2(snr / EXAMPLE_HALF[1])
    number = np.full((len(radii), len(snr), 1), EXAMPLE_TRIED)
    accepted = (EXAMPLE_TRIED * 0.97 / (1 + np.exp(-odds))).round().astype(np.int64)[:, :, None]
    return SelectionFunction(radii, snr, np.array([np.nan]), number, accepted, threshold=0.5)


def _say_why_empty(ws: Workspace, evaluation: Evaluation, network: SelectionFunction) -> None:
    """Say, where no cell of the network's map has a share to show, at which threshold half would be found."""
    if np.nanmax(network.completeness) >= SHOWN_FROM:
        return
    stored = service.load_injections(ws, evaluation.run, network.settings["source"])
    half = service.half_accepted_from(stored)
    confusion = evaluation.figures_at(half).confusion
    others = counted(evaluation.counts.n_negative, "non-lens")
    offer_threshold(
        f"The network accepts {number(int(network.accepted.sum()))} of "
        f"{counted(len(stored.scores), 'injected lens')} at {at_least(network.threshold)}: the highest of "
        f"their scores is {score_text(float(stored.scores.max()))}. Half would be found at {at_least(half)}, "
        f"where {number(confusion.fp)} of the {others} of the {evaluation.part} part are accepted too "
        f"({share(confusion.false_positive_rate)}).",
        half,
        icon=":material/lightbulb:",
        key="evaluate-completeness-half",
    )


def _choose_function(search: Search) -> SelectionFunction:
    """Choose whose completeness is shown and, where it varies, at which seeing."""
    functions = {one.kind: one for one in search.all()}
    who, seeing = st.columns(2, vertical_alignment="bottom")
    kind = NETWORK
    if len(functions) > 1:
        kind = str(
            who.segmented_control(
                "Accepted by",
                list(functions),
                default=NETWORK,
                required=True,
                format_func=WHO.__getitem__,
                key="evaluate-completeness-who",
                help="Inspectors: blind tests whose mean grade is B or better.",
            )
        )
    chosen = functions[kind]
    if len(chosen.seeing_arcsec) == 1:
        return chosen
    layer = seeing.segmented_control(
        "Seeing (arcsec)",
        [-1, *range(len(chosen.seeing_arcsec))],
        default=-1,
        required=True,
        format_func=lambda one: "all" if one < 0 else f"{chosen.seeing_arcsec[one]:.2f}",
        key="evaluate-completeness-seeing",
    )
    return chosen.over_seeing() if layer < 0 else chosen.at_seeing(int(layer))


def _show_function(ws: Workspace, run: Run, search: Search, chosen: SelectionFunction) -> None:
    """Show the heat map of a selection function with the realism of its lenses and its downloads."""
    tried, accepted = int(chosen.number.sum()), int(chosen.accepted.sum())
    low, high = wilson_interval(accepted, tried)
    source = chosen.settings["source"]
    figures.show_figure(
        completeness_figure(chosen, ink=figures.ink()),
        title=f"Share of {WHOSE[chosen.kind]}, by Einstein radius and S/N of the arcs",
        caption=f"{source}: n = {number(tried)}, {accepted / max(tried, 1):.3f} ({low:.3f}–{high:.3f}) "
        f"at {at_least(chosen.threshold)}; in brackets: 95 % (Wilson)",
        csv=lambda: str(chosen.table().to_pandas().to_csv(index=False)),
        key="evaluate-completeness",
        height=110 + 62 * len(chosen.theta_e_arcsec),
    )
    st.caption(plain(in_page_words(chosen.settings["realism"])))
    if search.human is None:
        st.caption(
            "Inspectors' and joint completeness appear once blind tests of a review of this source are "
            "graded (Inspect, share of blind tests) and completeness is measured again."
        )
    if chosen.settings["learned"] == "yes":
        st.caption("The network was trained on all of these galaxies without arcs: its scores may be off.")
    if service.injections_outdated(ws, run, service.load_injections(ws, run.name, source)):
        st.warning("The network has changed since. Measure again.", icon=":material/history:")
    download(
        "Selection function (FITS)",
        lambda: service.fits_bytes(search.all()),
        file_name=f"completeness-{run.name}-{source}.fits",
        mime="application/fits",
    )


def completeness_figure(function: SelectionFunction, *, ink: str) -> go.Figure:
    """Draw the completeness of one seeing by S/N (across) and Einstein radius (up), limits in each cell."""
    shares, number_tried = function.completeness[:, :, 0], function.number[:, :, 0]
    low, high = (limits[:, :, 0] for limits in function.limits())
    across, up = np.arange(shares.shape[1]), np.arange(shares.shape[0])
    named = np.meshgrid(function.arc_snr, function.theta_e_arcsec)
    figure = go.Figure(
        go.Heatmap(
            z=shares,
            x=across,
            y=up,
            zmin=0,
            zmax=1,
            colorscale="Viridis",
            customdata=np.stack([low, high, number_tried, *named], axis=-1),
            colorbar={"title": {"text": "completeness", "font": {"size": 13}}, "thickness": 12},
            xgap=2,
            ygap=2,
            hovertemplate="S/N %{customdata[3]:g}<br>θ<sub>E</sub> %{customdata[4]:g}″<br>"
            "%{z:.3f} (%{customdata[0]:.3f}–"
            "%{customdata[1]:.3f})<br>of %{customdata[2]:,}",
        )
    )
    for row, column in np.ndindex(shares.shape):
        share = shares[row, column]
        text = (
            "–"
            if np.isnan(share)
            else f"<b>{share:.2f}</b><br>{low[row, column]:.2f}–{high[row, column]:.2f}"
        )
        colour = ink if np.isnan(share) else "#000000" if share > 0.45 else "#ffffff"
        figure.add_annotation(x=column, y=row, text=text, showarrow=False, font={"size": 12, "color": colour})
    # Cells by their place: axes of categories take "10" in an annotation for the tenth one.
    figure.update_xaxes(
        title="S/N of the arcs",
        tickvals=across,
        ticktext=[f"{snr:g}" for snr in function.arc_snr],
        showgrid=False,
    )
    figure.update_yaxes(
        title="Einstein radius (arcsec)",
        tickvals=up,
        ticktext=[f"{radius:g}" for radius in function.theta_e_arcsec],
        showgrid=False,
    )
    return figure
