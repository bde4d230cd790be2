"""How a source compares with what a run was trained on, shown before it is scored and beside its scores."""

from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lensapp.core.acting import may
from lensapp.core.errors import LensAppError
from lensapp.core.numerals import spaced_minus
from lensapp.core.plurals import first_of
from lensapp.core.score.quantile_distance import AMBER_FROM, significant_from
from lensapp.core.score.source_check import DOUBT, SourceCheck
from lensapp.services.score.source_checks import check_again, compared, kept_check
from lensapp.services.train import runs
from lensapp.storage.records import Run, Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.cutout_sheet import show_cutouts
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.traffic_lights import LIGHTS
from lensapp.ui.shared.widgets import counted, errors_shown, heading

MEANINGS = {
    "green": "like the training part",
    "grey": "too few cutouts to tell",
    "amber": "somewhat different",
    "red": "unlike the training part",
}
WORDS = {"green": "alike", "grey": "cannot tell", "amber": "differs", "red": "unlike"}
UNALARMING = ("green", "grey")
OUTDATED = "Compared by an earlier version of this program; the present one may find another light."
COLOURS = {"green": "#2aa198", "grey": "#8a8f98", "amber": "#e69f00", "red": "#e0562f"}


def show_source_check(ws: Workspace, run: Run, source: Source, *, scored: bool, learned: int) -> None:
    """Show the traffic light of a source in one line, its quantities below once it is opened.

    The network has `learned` from so many of its cutouts.
    """
    try:
        check = kept = kept_check(ws, run, source) if scored else None
        if check is None:
            with st.spinner("Comparing with the training part…"):
                check = compared(ws, run, source)
    except LensAppError:  # bands or size differ, which is said where the source is used
        return
    least = check.least or significant_from(len(check.comparisons))  # earlier versions kept none
    rows = [
        {
            "light": f"● {WORDS[one.light]}",
            "quantity": spaced_minus(one.quantity),
            "training part": one.training,
            "source": one.source,
            "unit": one.unit,
            "in words": spaced_minus(one.words.removeprefix(f"{one.quantity}: ").removesuffix(DOUBT)),
            "distance": one.distance,
            **({} if one.error is None else {"by chance": one.error}),
            **({} if one.error is None else {"differs from": max(AMBER_FROM, least * one.error)}),
            **({} if one.measured is None else {"measured on": "{:.2f} to {:.2f}".format(*one.measured)}),
        }
        for one in check.comparisons
    ]
    light = "amber" if learned and check.light in UNALARMING else check.light  # its scores flatter
    row = st.container(horizontal=True, vertical_alignment="top", gap="small", key="source-check")
    with row.expander(
        f"{LIGHTS[light]} {plain(headline(check, learned=learned))}"
    ):  # closed: the way on stays in sight
        if check.outdated:
            st.caption(f":material/history: {OUTDATED}")
        if check.light != "green":
            st.markdown(plain(check.words))
        lights = [f"color: {COLOURS[one.light]}" for one in check.comparisons]
        st.dataframe(
            pd.DataFrame(rows).style.apply(lambda _: lights, subset=["light"]),
            hide_index=True,
            height=min(38 + 35 * len(check.comparisons), 320),
            column_config=_columns(least),
        )
        st.caption(
            f"Measured on {check.cutouts} cutouts and {check.training_cutouts} of the training part. A "
            f"quantity differs where its distance is at least {AMBER_FROM:g} spreads and at least "
            f"{least:.1f} of its own sampling errors. What is as far off, but by fewer errors, may be so by "
            "chance: so few cutouts cannot tell."
        )
        _show_least_alike(ws, run, source, check)
    if kept is not None:
        _offer_check(ws, run, source, row=row, outdated=kept.outdated)


def _offer_check(ws: Workspace, run: Run, source: Source, *, row: DeltaGenerator, outdated: bool) -> None:
    """Offer to check a scored source anew, where this may change what is kept with its scores."""
    if not (may("work") and runs.has_network(ws, run)):
        return
    if row.button(
        "Check again",
        icon=":material/refresh:",
        type="secondary" if outdated else "tertiary",
        key="source-check-again",
        help=f"{OUTDATED if outdated else 'Kept since the source was scored.'} Exports and reports tell the "
        "light that is kept.",
    ):
        with errors_shown(), st.spinner("Comparing with the training part…"):
            check_again(ws, run_name=run.name, source_name=source.name)
            st.rerun()


def _columns(least: float) -> dict[str, Any]:
    """Return how the columns are shown; a quantity differs from `least` sampling errors on."""
    return {
        "light": st.column_config.TextColumn(
            width=105, help="; ".join(f"{WORDS[light]}: {meaning}" for light, meaning in MEANINGS.items())
        ),
        "in words": st.column_config.TextColumn(width=225),
        "quantity": st.column_config.TextColumn(width=110),
        "unit": st.column_config.TextColumn(width=60),
        "measured on": st.column_config.TextColumn(
            width=120,
            help="Lowest and highest median of the samples that the network was measured on.",
        ),
        "training part": st.column_config.NumberColumn(width=90, format="%.2f", help="Median."),
        "source": st.column_config.NumberColumn(width=70, format="%.2f", help="Median."),
        "distance": st.column_config.NumberColumn(
            width=70,
            format="%.2f",
            help="Mean distance of five quantiles, or of the middle three where these tell more, in units of "
            "the spread in the training part: amber from 0.5, red from 1.",
        ),
        "differs from": st.column_config.NumberColumn(
            width=90,
            format="%.2f",
            help=f"The distance from which this quantity differs: {AMBER_FROM:g}, or {least:.1f} sampling "
            "errors where these are more.",
        ),
        "by chance": st.column_config.NumberColumn(
            width=80,
            format="± %.2f",
            help=f"Sampling error of the distance. A quantity differs only beyond {least:.1f} of "
            "these: then only one in a hundred parts of the same survey has any that does.",
        ),
    }


def headline(check: SourceCheck, *, learned: int = 0) -> str:
    """Return what a check found on one line: the worst light and the first quantities that have it."""
    if check.light in UNALARMING and learned:
        of_it = counted(learned, "cutout")
        return (
            f"The network learned from {of_it} of this source: it scores these better than cutouts new to it"
        )
    if check.light == "green":
        return "The source looks like the training part"
    worst = max((one.light for one in check.comparisons), key=list(MEANINGS).index)
    if check.light == "grey" and worst == "green":
        return f"Too few cutouts ({check.cutouts}) to tell whether it is like the training part"
    names = [spaced_minus(one.quantity) for one in check.comparisons if one.light == worst]
    if worst != check.light:
        what = "Unlike the training part, but much like what the network was measured on"
    else:
        what = {
            "grey": "Too few cutouts to tell whether it is like the training part",
            "amber": "Somewhat unlike the training part",
            "red": "Unlike the training part",
        }[worst]
    return f"{what}: {first_of(names, 2)}"


def _show_least_alike(ws: Workspace, run: Run, source: Source, check: SourceCheck) -> None:
    """Show the cutouts that are least like the training part, and what sets them apart."""
    if not check.least_alike:
        return
    heading("The cutouts least like the training part")
    odd = {one.cutout: f"{one.distance:.1f}\n{spaced_minus(one.quantity)}" for one in check.least_alike}
    show_cutouts(
        ws,
        list(odd),
        limit=len(odd),
        caption_of=lambda cutout: odd[cutout.id],
        review_name=f"{source.name}-{run.name}-least-alike",
        run_name=run.name,
        key="least-alike",
    )
    st.caption("Distance in spreads of the training part, and what differs most.")
