"""The part of the Evaluate page that audits a run: shortcuts, leaks, wrong labels, shift and realism."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from lensapp.core.data.column_names import column_label
from lensapp.core.evaluate.audits.audit_spec import AuditSpec
from lensapp.core.evaluate.audits.shortcuts import is_strong
from lensapp.core.numerals import spaced_minus
from lensapp.services.data.sources import ready_sources, words_if_made
from lensapp.services.evaluate.audits import KIND, kept_audit, start_audit
from lensapp.services.evaluate.figure_tables import (
    CLASS_WORDS,
    SHORTCUTS,
    leakage_table,
    realism_table,
    shortcut_limits,
    shortcut_table,
    suspect_shares,
)
from lensapp.services.evaluate.label_noise import ALL_CERTAIN, suspects_title, suspicion_doubt
from lensapp.services.evaluate.realism import realism_of_dataset
from lensapp.storage.records import Cutout, Run
from lensapp.storage.workspace import Workspace
from lensapp.ui.data.realism import show_result
from lensapp.ui.evaluate.checks.audit_example import show_example
from lensapp.ui.evaluate.checks.audit_figures import height_of, shortcut_figure, suspects_figure
from lensapp.ui.evaluate.checks.audit_outcomes import outcomes_of, show_outcomes
from lensapp.ui.evaluate.cutout_sheet import say_if_cut, show_cutouts
from lensapp.ui.evaluate.tables import show_table
from lensapp.ui.shared import figures
from lensapp.ui.shared.forms import spec_form
from lensapp.ui.shared.job_controls import start_button, watch_job
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.traffic_lights import LIGHTS
from lensapp.ui.shared.widgets import counted, errors_shown, heading, number, when

SHOWN, PAIRS_SHOWN = 12, 6
FEW = 8  # columns that a caption can list
LEFT_OUT = "Left out, as one class only has them or they name cutouts"
MEANING = "what it means"  # a sentence or two, which a cell would cut


def show_audit(ws: Workspace, run: Run) -> None:
    """Show what the audit of a run found, or offer to make it."""
    kept = kept_audit(ws, run)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader("Audits", width="content")
        if kept is not None:
            when(kept.found["audited_at"])
    if watch_job(ws, KIND, run=run.name):
        return
    if kept is None:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            start_button("Audit", start=start_audit, ws=ws, secondary=True, run_name=run.name)
            st.caption(
                "What the scores may rest on besides arcs, from the run, its dataset and what it has scored.",
                width="stretch",
            )
        show_example()
    else:
        changes = ["The network or its dataset has changed since this audit."] if kept.outdated else []
        if kept.new_votes:
            votes = "A vote was" if kept.new_votes == 1 else f"{number(kept.new_votes)} votes were"
            changes.append(f"{votes} cast since this audit, and label noise is judged by votes too.")
        if changes:
            st.warning(" ".join(changes), icon=":material/history:")
            settings = AuditSpec.parse(kept.found["spec"])
            start_button(
                "Audit again", start=start_audit, ws=ws, secondary=True, run_name=run.name, spec=settings
            )
        _show_found(ws, run, kept.found)
    with st.expander("Audit with other settings"):
        spec = spec_form(AuditSpec, key=f"audit-{run.id}", submit="Audit with these", columns=3)
    if spec is not None:
        with errors_shown():
            start_audit(ws, run_name=run.name, spec=spec)
            st.rerun()


def _show_found(ws: Workspace, run: Run, found: dict[str, Any]) -> None:
    """Show what each check found, first all in a row of lights."""
    asked = [one for one in found["realism"] if "reason" not in one]
    realism = asked if found["realism"] else realism_of_dataset(ws, run.dataset_id)
    show_outcomes(outcomes_of(found, realism))
    _show_shortcuts(found)
    _show_leakage(ws, run, found["leakage"])
    _show_label_noise(ws, run, found["label_noise"])
    _show_shift(ws, run, found)
    _show_realism(ws, found, realism)


def _show_shortcuts(found: dict[str, Any]) -> None:
    shortcuts = found["shortcuts"]
    if "reason" in shortcuts:
        st.info(f"Shortcuts: {plain(shortcuts['reason'])}")
        return
    figure, beside = st.columns([3, 2], gap="medium")
    with figure:
        _draw_shortcuts(found)
    with beside:
        heading("What they mean")
        _say_what_shortcuts_mean(found)


def _draw_shortcuts(found: dict[str, Any]) -> None:
    counts, told, limits = found["shortcuts"]["cutouts"], shortcut_table(found), shortcut_limits(found)
    figures.show_figure(
        shortcut_figure(limits, colours=figures.line_colours(), ink=figures.ink()),
        title=SHORTCUTS,
        caption=f"n = {number(counts['lens'] + counts['nonlens'])}, {number(counts['lens'])} of them lenses; "
        "logistic regressions, cross-validated by object; the network on the test part; bars: 95\u00a0%",
        csv=lambda: str(told.to_csv(index=False)),
        key="audit-shortcut-figure",
        height=height_of(limits),
    )


def _say_what_shortcuts_mean(found: dict[str, Any]) -> None:
    """Say what each kind of measures tells, what tells much first, and which columns were left out."""
    shortcuts, told = found["shortcuts"], shortcut_table(found)
    strong = {one["title"]: is_strong(one) for one in shortcuts["found"]}
    words = dict(zip(told["told by"], told[MEANING], strict=True))
    for title, said in words.items():
        if strong.get(title):
            st.caption(f":material/warning: {plain(said)}")
    if weak := [said for title, said in words.items() if not strong.get(title, True)]:
        st.caption(plain(" ".join(weak)))
    themselves = ", ".join(map(column_label, shortcuts.get("label_columns", ())))
    also = f"Left out, as the label itself: {themselves}." if themselves else ""
    left_out = [*map(column_label, shortcuts["columns_left_out"])]
    if 0 < len(left_out) <= FEW:
        also += f" {LEFT_OUT}: {', '.join(left_out)}."
    if also:
        st.caption(plain(also.strip()))
    if len(left_out) > FEW:
        with st.popover(f"{counted(len(left_out), 'column')} left out", type="tertiary"):
            st.caption(plain(f"{LEFT_OUT}: {', '.join(left_out)}."))


def _show_leakage(ws: Workspace, run: Run, leaks: Any) -> None:
    if isinstance(leaks, dict):
        st.info(f"Leakage: {plain(leaks['reason'])}")
        return
    if not any(leak["objects"] for leak in leaks):
        heading("Leakage: what the parts of the dataset share")
        st.markdown(f"{LIGHTS['green']} The parts share no object.")
        return
    show_table(
        leakage_table(leaks),
        title="Leakage: what the parts of the dataset share",
        caption="Cutouts of the validation and test parts whose object is in an earlier part, too.",
        terms={},
        digits=0,
        file_name="leakage",
        key="audit-leakage",
    )
    for leak in leaks:
        pairs = [key for first, second, _ in leak["pairs"] for key in (first, second)]
        if pairs:
            st.caption(f"{leak['title'][0].upper()}{leak['title'][1:]}: the closest pairs, side by side.")
            _sheet(ws, run, pairs, {}, name=f"leaks-{leak['reason']}", limit=2 * PAIRS_SHOWN)


def _show_label_noise(ws: Workspace, run: Run, noise: dict[str, Any]) -> None:
    if "reason" in noise:
        st.info(f"Label noise: {plain(noise['reason'])}")
        return
    title = suspects_title(noise)
    heading(f"Label noise: {title[0].lower()}{title[1:]}")
    ranked = " The most suspect first, with the probability of their label." if noise["listed"] else ""
    st.caption(
        f"Confident learning takes {number(noise['suspects'])} of {counted(noise['judged'], 'label')} to be "
        f"wrong, by scores of {plain(noise['origin'])}.{ranked}{_left_out(noise)}"
        if noise["judged"]
        else f"{ALL_CERTAIN}. The audit judges labels of real cutouts."
    )
    shares = suspect_shares(noise)
    if noise["suspects"] and len(shares):
        figures.show_figure(
            suspects_figure(shares, colour=figures.line_colours()[0], ink=figures.ink()),
            title="Share of suspect labels",
            caption=f"n = {number(noise['judged'])} labels judged; bars: 95 % (Wilson)",
            csv=lambda: figures.csv_text(shares),
            key="audit-suspects-figure",
            height=height_of(shares),
        )
    if doubt := suspicion_doubt(noise):
        st.caption(f":material/warning: {doubt}")
    _suspects(ws, run, noise["listed"], "probability", name="label-suspects")
    doubtful = noise.get("doubtful")
    if doubtful:
        with st.expander(f"The next {number(len(doubtful))} in doubt, not taken to be wrong"):
            _suspects(ws, run, doubtful, "probability", name="label-doubts")
    crowd = noise["crowd"]
    if crowd is None:
        return
    people = ", ".join(f"{plain(name)} {quality:.2f}" for name, quality in crowd["inspectors"].items())
    heading("Votes and scores together (CROWDLAB)")
    st.caption(
        f"{len(crowd['listed'])} of {crowd['judged']} judged cutouts contradict their label or stay in "
        f"doubt; how far each inspector can be believed: {people}."
    )
    _suspects(ws, run, crowd["listed"], "quality", name="crowd-suspects")


def _left_out(noise: dict[str, Any]) -> str:
    """Return that the labels of painted lenses and simulated cutouts are certain, where there are some."""
    if not noise.get("painted"):
        return ""
    return f" Left out: {counted(noise['painted'], 'painted or simulated cutout')}, whose label is certain."


def _suspects(ws: Workspace, run: Run, listed: Sequence[dict[str, Any]], figure: str, *, name: str) -> None:
    if not listed:
        return
    words: dict[int, str] = {}
    for one in listed:
        label, suggested = (CLASS_WORDS.get(one[name], one[name]) for name in ("label", "suggested"))
        second_line = f"\n→ {suggested}" if suggested != label else ""
        words[one["cutout"]] = f"{label} {one[figure]:.2f}{second_line}"
    _sheet(ws, run, list(words), words, name=name, limit=SHOWN)


def _sheet(
    ws: Workspace, run: Run, cutout_ids: list[int], words: dict[int, str], *, name: str, limit: int
) -> None:
    def caption_of(cutout: Cutout) -> str:
        return words.get(cutout.id, cutout.candidate_id)

    show_cutouts(
        ws,
        cutout_ids,
        limit=limit,
        caption_of=caption_of,
        review_name=f"{run.name}-{name}",
        run_name=run.name,
        key=f"audit-{name}",
    )
    say_if_cut(len(cutout_ids), limit)


def _show_shift(ws: Workspace, run: Run, found: dict[str, Any]) -> None:
    heading("Shift: other sources beside the training part")
    if not found["shift"]:
        st.caption("The run has scored no cutout outside its dataset. Name a source under other settings.")
    for check in found["shift"]:
        if "reason" in check:
            st.info(f"{plain(check['source'])}: {plain(check['reason'])}")
        else:
            worst = ", ".join(plain(spaced_minus(one["words"])) for one in check["comparisons"][:3])
            st.markdown(f"{LIGHTS[check['light']]} {plain(check['source'])}: {plain(check['words'])}")
            st.caption(f"Differs most in {worst}.")
            odd = {
                one["cutout"]: f"{one['distance']:.1f}\n{spaced_minus(one['quantity'])}"
                for one in check.get("least_alike", ())
            }
            if odd:
                st.caption(
                    "The cutouts least alike: distance in spreads of the training part, what differs most."
                )
                _sheet(ws, run, list(odd), odd, name=f"least-alike-{check['source']}", limit=SHOWN)


def _show_realism(ws: Workspace, found: dict[str, Any], outcomes: Sequence[dict[str, Any]]) -> None:
    heading("Realism: simulated or painted beside real cutouts")
    if not found["realism"]:
        st.caption(
            "As compared under Data, Realism."
            if outcomes
            else "Compares simulated or painted sources of the dataset with real sources in it, or with one "
            "named under other settings; Data, Realism compares any two."
        )
    kinds = words_if_made(ready_sources(ws))
    for one in found["realism"]:
        if "reason" in one:
            st.info(f"{plain(one['real'])}, {plain(one['simulated'])}: {plain(one['reason'])}")
    if len(outcomes) == 1:
        show_result(outcomes[0], kinds)
    elif outcomes:
        show_table(
            realism_table(outcomes),
            title="Simulated cutouts beside those of each real source",
            caption="AUROC of probes that tell them apart; in brackets: 95 % limits; 0.5 is chance.",
            terms={},
            digits=3,
            file_name="realism",
            key="audit-realism",
        )
        for one in outcomes:  # what gives the simulation away in each
            with st.expander(f"{one['simulated']} beside {one['real']}"):
                show_result(one, kinds)
