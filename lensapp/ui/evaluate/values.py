"""The part of the Evaluate page for runs that estimate values with their uncertainties."""

from collections.abc import Sequence
from functools import partial

import pandas as pd
import streamlit as st

from lensapp.core.evaluate.estimation import HEZAVEH_ERRORS
from lensapp.services.evaluate.value_evaluation import ValueEvaluation
from lensapp.services.inspect.ad_hoc_reviews import review_of_cutouts
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate import value_figures
from lensapp.ui.evaluate.mistakes import pictures_of
from lensapp.ui.shared import figures
from lensapp.ui.shared.pickable import pickable_sheet
from lensapp.ui.shared.state import go
from lensapp.ui.shared.widgets import download, number
from lensapp.ui.train.curves import short_name

PER_ROW = 3
HEIGHT = 330
SHOWN = 12
DOCUMENT = "Hezaveh et al. 2017"
MEANINGS = {
    "68 % error": "Half of the width that holds the central 68 % of the errors.",
    "|error| 68 %": "68th percentile of the absolute error, which counts a bias too.",
    "bias": "Mean of estimate minus truth.",
    "RMSE": "Root of the mean squared error.",
    "mean σ": "Mean uncertainty that the network states.",
    "within 68 %": "Share of truths within the central 68 % that the network states; 0.68 if it is true.",
    "within 95 %": "Share of truths within the central 95 % that the network states.",
    "NLL": "Mean negative log-likelihood, the value in units of its spread in the truth.",
    "correlation": "Pearson's, of estimate and truth.",
}


def show(ws: Workspace, found: ValueEvaluation, others: Sequence[ValueEvaluation]) -> None:
    """Show errors beside the document's, estimates against truth, calibration and the worst cutouts."""
    left, right = st.columns(2, gap="medium")
    with left:
        _errors(found, others)
    with right:
        _figures(found)
    _plots(found)
    _worst(ws, found)


def _errors(found: ValueEvaluation, others: Sequence[ValueEvaluation]) -> None:
    table = error_table([found, *others])
    st.markdown(f"**68 % errors, beside {DOCUMENT}**")
    st.dataframe(
        table,
        hide_index=True,
        placeholder="–",
        key="evaluate-errors",
        height="content",
        column_config={
            name: st.column_config.NumberColumn(format="%.3f") for name in table.columns if name != "network"
        },
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(
            f"{found.part} part: n = {number(found.figures.n)}; lengths in arcsec. Theirs: space telescope",
            width="stretch",
        )
        download("CSV", table.to_csv(index=False), file_name="errors-68.csv")


def error_table(runs: Sequence[ValueEvaluation]) -> pd.DataFrame:
    """Return the 68 % error of each value by run, then those of the document's networks."""
    names = list(dict.fromkeys(name for run in runs for name in run.targets))
    rows = [
        {"network": run.run, **{short_name(t.name): t.half_width_68 for t in run.figures.targets}}
        for run in runs
    ]
    if set(names) & set(HEZAVEH_ERRORS["Combined"]):
        rows += [
            {"network": f"{network} ({DOCUMENT})", **{short_name(name): errors.get(name) for name in names}}
            for network, errors in HEZAVEH_ERRORS.items()
        ]
    return pd.DataFrame(rows)


def _figures(found: ValueEvaluation) -> None:
    table = figures_table(found)
    st.markdown("**Figures of each value**")
    st.dataframe(
        table,
        hide_index=True,
        placeholder="–",
        key="evaluate-values",
        height="content",
        column_config={
            name: st.column_config.NumberColumn(format="%.3f", help=meaning)
            for name, meaning in MEANINGS.items()
        },
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        passes = int(found.stored.figures.get("dropout_passes") or 0)
        how = f"{passes} passes with dropout" if passes else "one pass"
        st.caption(f"{found.part} part: n = {number(found.figures.n)}; {how}.", width="stretch")
        download("CSV", table.to_csv(index=False), file_name="values.csv")


def figures_table(found: ValueEvaluation) -> pd.DataFrame:
    """Return one row per value."""
    return pd.DataFrame(
        [
            {
                "value": short_name(one.name),
                "68 % error": one.half_width_68,
                "|error| 68 %": one.absolute_68,
                "bias": one.bias,
                "RMSE": one.rmse,
                "mean σ": one.mean_sigma,
                "within 68 %": one.coverage_68,
                "within 95 %": one.coverage_95,
                "NLL": one.nll,
                "correlation": one.correlation,
            }
            for one in found.figures.targets
        ]
    )


def _plots(found: ValueEvaluation) -> None:
    draws = [partial(_recovered, found, target) for target in found.targets] + [partial(_calibration, found)]
    for start in range(0, len(draws), PER_ROW):
        for cell, draw in zip(st.columns(PER_ROW), draws[start : start + PER_ROW], strict=False):
            with cell:
                draw()


def _recovered(found: ValueEvaluation, target: str) -> None:
    points, bands = found.scatter(target), found.bands(target)
    legend = "legend" if target == found.targets[0] else "none"
    figures.show(
        value_figures.recovered_figure(target, points, bands, colours=figures.line_colours(), legend=legend),
        title=f"Estimated against true {short_name(target)}",
        caption=f"{found.part} part: n = {number(found.figures.n)}; shaded: 68 and 95 % of the estimates",
        csv=lambda: figures.csv_text(found.columns(target)),
        key=f"evaluate-{target}",
        height=HEIGHT,
    )


def _calibration(found: ValueEvaluation) -> None:
    columns = found.calibration()
    figures.show(
        value_figures.calibration_figure(columns, count=found.figures.n, colours=figures.line_colours()),
        title="Are the uncertainties true?",
        caption=f"{found.part} part: n = {number(found.figures.n)}; true on the diagonal, too small below it",
        csv=lambda: figures.csv_text(columns),
        key="evaluate-calibration",
        height=HEIGHT,
    )


def _worst(ws: Workspace, found: ValueEvaluation) -> None:
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    left.markdown("**Estimates furthest from the truth for their uncertainty**")
    with right:
        target = st.pills(
            "Value",
            found.targets,
            default=found.targets[0],
            required=True,
            format_func=short_name,
            key="evaluate-worst",
            label_visibility="collapsed",
        )
    ids, pulls = found.worst(target or found.targets[0], limit=SHOWN)
    cutouts, pictures = pictures_of(ws, ids.tolist())
    errors = dict(zip(ids.tolist(), pulls.tolist(), strict=True))
    pickable_sheet(
        pictures,
        captions=[f"{errors[cutout.id]:+.1f} σ" for cutout in cutouts],
        names=[cutout.candidate_id for cutout in cutouts],
        on_pick=partial(_inspect, ws, found.run, [int(key) for key in ids]),
        key="worst-values",
    )
    st.caption(f"{found.part} part; error in stated standard deviations. Click one to inspect it.")


def _inspect(ws: Workspace, run_name: str, ids: list[int], index: int) -> None:
    order = [*ids[index:], *ids[:index]]
    name = f"{run_name}-outliers"
    go("inspect", review=review_of_cutouts(ws, name=name, cutout_ids=order, run_name=run_name).name)
