"""The view that lays a source of real cutouts beside a simulated one: whether, and by what, they differ."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from plotly.graph_objects import Figure, Scatter
from plotly.subplots import make_subplots

from lensapp.core.evaluate.audits.realism import FEWEST, chance_scatter
from lensapp.core.evaluate.audits.realism_spec import RealismSpec
from lensapp.services.data.sources import (
    count_cutouts,
    label_counts,
    ready_sources,
    words_if_made,
)
from lensapp.services.evaluate.realism import (
    by_what_they_tell,
    labels_worth_comparing,
    pictures_beside,
    reason_against,
    start_audit,
    tells_nothing,
    verdict,
)
from lensapp.services.train import job_control
from lensapp.storage.records import Source
from lensapp.ui.data.realism_example import show_example
from lensapp.ui.shared import figures
from lensapp.ui.shared.address import kept, one_of
from lensapp.ui.shared.forms import spec_fields, validated
from lensapp.ui.shared.job_controls import watch_job
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.pictures import sheet
from lensapp.ui.shared.state import ask_to_go, get_workspace, go
from lensapp.ui.shared.widgets import counted, empty_state, errors_shown, number

ACROSS, FIGURE_HEIGHT = 3, 270
PICTURES = 6
LOST = "Of the AUROC of all measures, where this one is left out."
MAIN_FIELDS = ("label", "run", "sample")
FEW, MOST_OFFERED = 100, 3  # cutouts below which chance moves an area by 0.04 and more; sources


def roles_of(shown: str, other: str, kinds: Mapping[str, str]) -> dict[str, str]:
    """Return which of two sources is audited as simulated: the one that is, else the one shown."""
    if kinds[other] and not kinds[shown]:
        return {"real": shown, "simulated": other}
    return {"real": other, "simulated": shown}


def show_realism(source: Source) -> None:
    """Audit the source against another, one of them simulated or painted; show what was found."""
    ws = get_workspace()
    ready = ready_sources(ws)
    kinds = words_if_made(ready)
    reasons = {one.name: reason_against(ws, source, one) for one in ready if one.id != source.id}
    counts = {one.name: count_cutouts(ws, one) for one in ready}
    labels = {one.name: label_counts(ws, one) for one in ready}
    every = by_what_they_tell(source, ready, kinds, labels)
    others = [name for name in every if reasons[name] is None]
    others.sort(key=lambda name: counts[name] < FEWEST)
    if not others:
        _show_without_others(source, reasons)
        return
    newest = job_control.latest_job(ws, "realism", simulated=source.name)
    usual = newest.payload["real"] if newest is not None and newest.payload["real"] in others else others[0]
    chosen, beside = st.columns([2, 5], gap="medium", vertical_alignment="bottom")
    other = chosen.selectbox(
        "Compare with",
        others,
        format_func=lambda name: f"{name} ({kinds[name]})" if kinds[name] else name,
        **kept("real", one_of(others), usual, key=f"realism-real-{source.id}"),
    )
    if left_out := _listed(reasons):
        beside.caption(f"Not comparable: {left_out}.")
    pair = roles_of(source.name, other, kinds)
    named = {one.name: one for one in ready}
    same = [one.name for one in ready if tells_nothing(one, source, named, labels)]
    fitting = [
        name for name in others if not kinds[name] and counts[name] >= FEWEST and name not in (other, *same)
    ]
    vain = vain_in_words(pair, kinds, same=other in same)
    if vain:
        _say_that_it_is_in_vain(source, vain, fitting)
    else:
        _say_what_is_read_off(pair, kinds)
        _say_without_lenses(pair, kinds, labels)
    enough = _say_what_counts_tell(pair, counts)
    _show_beside(pair, kinds)
    if not enough:
        show_example()
    elif not watch_job(ws, "realism", **pair):
        _show_audit(source, pair, kinds, in_vain=bool(vain))


def _show_audit(source: Source, pair: Mapping[str, str], kinds: Mapping[str, str], *, in_vain: bool) -> None:
    """Show what an audit of two sources found, or what one would give, and the form that starts it."""
    ws = get_workspace()
    job = job_control.latest_job(ws, "realism", **pair)
    result = job.result if job is not None and job.state == "done" else None
    known = bool(result)
    if result:
        show_result(result, kinds)
    folded = "Audit again" if known else "Audit all the same"
    with st.expander(folded, icon=":material/compare:") if known or in_vain else nullcontext():
        spec = _ask_spec(f"realism-{source.id}", label=labels_worth_comparing(ws, **pair))
    if not known:
        show_example()
    if spec is not None:
        with errors_shown():
            start_audit(ws, **pair, spec=spec)
            st.rerun()


def _say_what_is_read_off(pair: Mapping[str, str], kinds: Mapping[str, str]) -> None:
    one, other = (f"**{plain(pair[role])}**" for role in ("simulated", "real"))
    if not kinds[pair["simulated"]]:
        st.markdown(
            f"**Neither is simulated**, unless it was so before it was imported. Read off whether a "
            f"classifier tells the cutouts of {one} from those of {other}: at an AUROC of 0.5, which is "
            "chance, they are alike; above it a network that has lenses of the one and non-lenses of the "
            "other can learn the difference in place of lenses."
        )
        return
    st.markdown(
        f"Read off whether a classifier tells the cutouts of {one}, {kinds[pair['simulated']]}, from those "
        f"of {other}, taken as real: at an AUROC of 0.5, which is chance, they pass for real; above it "
        "networks can learn the difference in place of lenses."
    )


def _say_what_counts_tell(pair: Mapping[str, str], counts: Mapping[str, int]) -> bool:
    """Warn where a source has few cutouts; return whether both have enough to be audited."""
    fewest = min(pair.values(), key=lambda name: counts[name])
    of_fewest = f"**{plain(fewest)}** has {counted(counts[fewest], 'cutout')}"
    if counts[fewest] < FEWEST:
        st.warning(
            f"{of_fewest}, too few to tell anything but by eye: an audit takes {FEWEST} of each source, "
            f"better {FEW}. Compare larger sources.",
            icon=":material/warning:",
        )
        return False
    if counts[fewest] < FEW:
        scatter = chance_scatter(*(counts[pair[role]] for role in ("real", "simulated")))
        st.warning(
            f"{of_fewest}: even of two sources that are alike the AUROC then falls anywhere between "
            f"{0.5 - scatter:.2f} and {min(0.5 + scatter, 1.0):.2f}. Only more than that tells anything.",
            icon=":material/warning:",
        )
    return True


def vain_in_words(pair: Mapping[str, str], kinds: Mapping[str, str], *, same: bool) -> str:
    """Return why comparing two sources tells nothing of realism, empty where it tells something.

    `same` of two that hold the same pixels.
    """
    real, simulated = (plain(pair[role]) for role in ("real", "simulated"))
    if kinds[pair["real"]]:
        return (
            "**Neither is real.** How two simulations differ tells nothing about realism: "
            "compare with real cutouts of your survey."
        )
    if same and kinds[pair["simulated"]]:
        return (
            f"**{simulated} is painted on galaxies of {real}.** Both show the same galaxies, sky and noise; "
            f"only the arcs differ, and {real} has too few labelled lenses to compare them with. Only a "
            f"source of {FEWEST} confirmed lenses or more tells whether arcs look real."
        )
    if same:
        return f"**{simulated} and {real} show the same sky**: that they look alike tells nothing."
    return ""


def _say_without_lenses(
    pair: Mapping[str, str], kinds: Mapping[str, str], labels: Mapping[str, Mapping[str, int]]
) -> None:
    """Say what cannot be told where the real source has few lenses or none."""
    lenses = labels[pair["real"]].get("lens", 0)
    if kinds[pair["simulated"]] and lenses < FEWEST:
        has = f"has {counted(lenses, 'lens')} among its labels" if lenses else "has no labelled lenses"
        st.caption(
            f"{plain(pair['real'])} {has}: what tells both apart may be that one has arcs, not that they "
            f"look wrong. Only a source of {FEWEST} confirmed lenses or more tells whether arcs look real."
        )


def _say_that_it_is_in_vain(source: Source, why: str, fitting: Sequence[str]) -> None:
    """Say why a comparison tells nothing of realism, and offer a real source that fits."""
    with st.container(border=True, gap="small", key="realism-both"):
        st.markdown(f":material/warning: {why}")
        with st.container(horizontal=True, gap="small"):
            for name in fitting[:MOST_OFFERED]:
                st.button(
                    f"Compare with {plain(name)}",
                    type="primary" if name == fitting[0] else "secondary",
                    icon=":material/compare:",
                    key=f"realism-with-{name}",
                    on_click=ask_to_go,
                    args=("data",),
                    kwargs={"source": source.name, "view": {"view": "realism", "real": name}},
                )
            if not fitting and st.button(
                "Import real cutouts", icon=":material/download:", key="realism-real"
            ):
                go("data", view={"view": "import"})


def _ask_spec(key: str, *, label: str) -> RealismSpec | None:
    """Show the form of an audit, at first of the cutouts of a label; return what was asked for once sent."""
    key = f"{key}-{label}"
    with st.form(key, enter_to_submit=False):
        entered = spec_fields(RealismSpec, key=key, values={"label": label}, only=MAIN_FIELDS, columns=3)
        button = st.container()  # above what is folded, so that it stays in sight
        with st.expander("More"):
            entered |= spec_fields(RealismSpec, key=key, skip=MAIN_FIELDS, columns=3)
        sent = button.form_submit_button("Audit realism", type="primary", icon=":material/compare:")
    return validated(RealismSpec, entered) if sent else None


def called(pair: Mapping[str, Any], kinds: Mapping[str, str]) -> dict[str, str]:
    """Return what stands above each of two sources: its name, and what it is, where one is not real."""
    real, simulated = pair["real"], pair["simulated"]
    if not kinds[simulated]:  # `roles_of` takes one that is not real as simulated
        return {"real": real, "simulated": simulated}
    return {
        "real": f"{real} ({kinds[real] or 'real'})",
        "simulated": f"{simulated} ({kinds[simulated]})",
    }


def _show_beside(pair: Mapping[str, str], kinds: Mapping[str, str]) -> None:
    """Show some cutouts of both sources side by side, of the same part of the sky."""
    pictures = pictures_beside(get_workspace(), pair["real"], pair["simulated"], count=PICTURES)
    words = called(pair, kinds)
    # Pictures of both stand in one row, also where one name takes two lines.
    cells = st.columns(2, gap="medium", vertical_alignment="bottom")
    for cell, kind, shown in zip(cells, ("real", "simulated"), pictures, strict=True):
        with cell:
            st.caption(plain(words[kind]))
            sheet(shown, columns=PICTURES)


def _listed(reasons: Mapping[str, str | None]) -> str:
    """Return the sources that cannot be compared, each with its reason."""
    return "; ".join(f"{plain(name)} ({reason})" for name, reason in reasons.items() if reason)


def _show_without_others(source: Source, reasons: Mapping[str, str | None]) -> None:
    """Say what would be here were there a source to compare with, and why those that are there are none."""
    left_out = "; ".join(f"{name} ({reason})" for name, reason in reasons.items())
    box = empty_state(
        "No other source to compare with" if reasons else "No other source yet",
        "Whether a classifier can tell simulated cutouts from real ones, and by which measures, will "
        "appear here once there is another source to compare with."
        + (f" Not comparable with {source.name}: {left_out}." if reasons else ""),
        icon=":material/compare:",
    )
    with box.container(horizontal=True, horizontal_alignment="center"):
        if st.button("Import cutouts", type="primary", icon=":material/download:", key="realism-import"):
            go("data", view={"view": "import"})


def show_result(result: dict[str, Any], kinds: Mapping[str, str]) -> None:
    """Show the verdict of an audit, the areas of its probes and what tells its sources apart.

    `kinds` are those of `words_if_made`; a source that is no longer there is what it was audited as.
    """
    st.markdown(f"**{plain(verdict(result))}**")
    counts = ", ".join(f"{number(count)} of {plain(name)}" for name, count in result["cutouts"].items())
    probes = {"photometry (boosted trees)": result["photometry"]}
    if result["features"]:
        probes[f"features of {result['features']['run']} (linear)"] = result["features"]
    areas = [
        f"AUROC by {plain(name)} {one['auroc']:.3f} (95\u00a0%: {one['low']:.3f}–{one['high']:.3f})"
        for name, one in probes.items()
    ]
    unit = "" if result["calibrated"] else " · without brightness and colours, as units of flux are unknown"
    st.caption(" · ".join([counts, *areas]) + unit)
    compared = result["photometry"].get("distributions")
    if compared:
        words = called(result, {result["real"]: "", result["simulated"]: "simulated", **kinds})
        figures.show_figure(
            measures_figure(
                compared, names=(words["real"], words["simulated"]), colours=figures.line_colours()
            ),
            title=f"The measures that tell most, in {result['real']} and in {result['simulated']}",
            caption=f"{counts}; the outermost bins hold what lies beyond",
            csv=lambda: figures.csv_text(_table_of(compared)),
            key="realism-measures",
            height=FIGURE_HEIGHT * -(-len(compared) // ACROSS),
        )
    else:
        st.caption("Audit once more to see the distributions of these measures.")
    giveaways = [
        {
            "told by": one["theme"],
            "measure": one["column"],
            f"median, {result['real']}": one["real"],
            f"median, {result['simulated']}": one["simulated"],
            "AUROC alone": one["alone"],
            "lost without": one["drop"],
        }
        for one in result["photometry"]["giveaways"]
    ]
    decimals = st.column_config.NumberColumn(format="%.3f")
    st.dataframe(
        pd.DataFrame(giveaways),
        hide_index=True,
        column_config=dict.fromkeys(list(giveaways[0])[2:] if giveaways else [], decimals)
        | {"lost without": st.column_config.NumberColumn(format="%.3f", help=LOST)},
    )


def measures_figure(
    compared: Sequence[dict[str, Any]], *, names: tuple[str, str], colours: Sequence[str]
) -> Figure:
    """Draw the distribution of each measure in real cutouts over that in simulated ones."""
    across = min(len(compared), ACROSS)
    figure = make_subplots(-(-len(compared) // across), across, horizontal_spacing=0.05)
    looks = zip(("real", "simulated"), names, colours, ("solid", "dash"), strict=False)
    for kind, name, colour, dash in looks:
        for place, one in enumerate(compared):
            edges = np.asarray(one["edges"])
            figure.add_trace(
                Scatter(
                    x=(edges[1:] + edges[:-1]) / 2,
                    y=one[kind],
                    name=name,
                    legendgroup=kind,
                    showlegend=not place,
                    mode="lines",
                    line={"shape": "hvh", "color": colour, "width": 1.8, "dash": dash},
                    fill="tozeroy",
                    fillcolor=figures.faded(colour, 0.15),
                    hovertemplate="%{x:.3g}: %{y:.3f}",
                ),
                row=1 + place // across,
                col=1 + place % across,
            )
    for place, one in enumerate(compared):
        where = {"row": 1 + place // across, "col": 1 + place % across}
        in_magnitudes = "magnitude" in one["column"] or one["theme"].startswith("colour")
        figure.update_xaxes(title=one["column"] + (" (mag)" if in_magnitudes else ""), **where)
        figure.update_yaxes(rangemode="tozero", title="share", nticks=5, **where)
    return figure


def _table_of(compared: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return distributions as columns, a row for each bin of each measure."""
    rows = [
        (one["column"], low, high, real, simulated)
        for one in compared
        for low, high, real, simulated in zip(
            one["edges"][:-1], one["edges"][1:], one["real"], one["simulated"], strict=True
        )
    ]
    names = ("measure", "from", "to", "share_real", "share_simulated")
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
