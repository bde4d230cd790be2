"""The known non-lenses that a run takes for lenses: which would be added, freeze, retrain."""

import pandas as pd
import streamlit as st

from lensapp.core.catalogue.negatives_spec import HardNegativesSpec
from lensapp.services.catalogue.feedback import parent_names
from lensapp.services.catalogue.hard_negatives import (
    HardNegativesPlan,
    NoneLeft,
    Nonlenses,
    freeze_hard_negatives,
    known_nonlenses,
    plan_hard_negatives,
)
from lensapp.services.data.pictures import cutouts_by_id
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.catalogue.feedback import (
    MOST_PICTURES,
    choose_to_freeze,
    planned,
    rerun_with,
    show_retraining,
)
from lensapp.ui.catalogue.table import score_in_words, show_rows
from lensapp.ui.gallery.contact_sheet import contact_sheet
from lensapp.ui.shared.address import kept, one_of
from lensapp.ui.shared.forms import spec_fields, validated
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.state import go
from lensapp.ui.shared.widgets import counted, empty_state, errors_shown, number

KEY = "negatives"
FURTHER = ("class_column", "validation_share", "seed")


def show_hard_negatives(ws: Workspace, source: Source, run_name: str | None) -> None:
    """Show the panel for a source and the run whose scores of it are looked at, None where it has none."""
    if run_name is None:
        box = empty_state(
            f"{source.name} has no scores yet",
            "Once a network has scored it, those of its known non-lenses that the network takes for lenses "
            "can be added to the next dataset version, with their classes.",
            icon=":material/gpp_bad:",
        )
        if box.button("Score", type="primary", icon=":material/stacked_bar_chart:", key="negatives-score"):
            go("score", source=source.name)
        return
    names = parent_names(ws, source.name, run_name=run_name)
    if not names:
        st.info("There is no dataset version yet to add non-lenses to. Split labelled cutouts first.")
        return
    left, right = st.columns([2, 3], gap="large")
    with left, errors_shown():
        parent = st.selectbox(
            "Add them to the version",
            names,
            **kept("version", one_of(names), names[0], key=f"negatives-parent-{run_name}-{len(names)}"),
            help="It stays as it is; a new version is made. Suggested: that of the network, or its newest "
            "descendant.",
        )
        spec, known = _choose(ws, source)
    with right, errors_shown():
        show_retraining(ws, negatives_of=source)
        if spec is None or known is None:
            return
        if not len(known.kind):
            st.info(
                f"No cutout of {plain(source.name)} is known to be no lens: none is labelled so or graded X. "
                "Import it with labels, or grade the best of it in Inspect."
            )
            return
        plan = _planned(ws, source, known, spec, run_name=run_name, parent=parent)
        if plan is not None:
            _show_plan(ws, plan)


def _planned(
    ws: Workspace, source: Source, known: Nonlenses, spec: HardNegativesSpec, *, run_name: str, parent: str
) -> HardNegativesPlan | None:
    """Return what would be added; where nothing is left to add, say so and return None."""
    try:
        return planned(
            lambda asked: plan_hard_negatives(
                ws,
                dataset_name=parent,
                source_name=source.name,
                run_name=run_name,
                spec=asked,
                known=known,
            ),
            spec,
            key=f"negatives-middle-{parent}",
        )
    except NoneLeft as reason:
        st.info(plain(str(reason)), icon=":material/done_all:")
        return None


def _choose(ws: Workspace, source: Source) -> tuple[HardNegativesSpec | None, Nonlenses | None]:
    """Ask which non-lenses are taken; return that, and those that are known."""
    above = st.container()
    with st.expander("Further settings"):
        entered = spec_fields(HardNegativesSpec, key=KEY, only=FURTHER, keep="")
        further = validated(HardNegativesSpec, entered)
    if further is None:
        return None, None
    known = known_nonlenses(ws, source, further)
    classes = sorted(set(known.kind.tolist()))
    with above:
        entered |= spec_fields(
            HardNegativesSpec, key=KEY, skip=(*FURTHER, "crop"), offered={"classes": classes}, keep=""
        )
    return validated(HardNegativesSpec, entered), known


def _show_plan(ws: Workspace, plan: HardNegativesPlan) -> None:
    total, scores = len(plan.columns["score"]), plan.columns["score"]
    st.markdown(
        f"**{counted(total, 'non-lens')} of {plain(plan.source.name)} would be added to "
        f"{plain(plan.parent.name)}**"
    )
    show_rows(classes_table(plan), key="negatives-classes")
    refused = "".join(f"; {number(count)} not: {reason}" for reason, count in plan.refused.items())
    st.caption(
        f"Scores by {plain(plan.run.name)} from {score_in_words(float(scores[0]))} down to "
        f"{score_in_words(float(scores[-1]))}{plain(refused)}. The test part stays as it is."
    )
    name = choose_to_freeze(ws, plan.parent, key="negatives")
    if name is not None:
        made = freeze_hard_negatives(ws, plan, name=name or None)
        rerun_with(made, f"{counted(total, 'non-lens')} of {plan.source.name}")
    first = plan.columns["cutout_id"][:MOST_PICTURES].tolist()
    described = {
        key: f"{score_in_words(float(score))}\n{kind}"
        for key, score, kind in zip(first, scores, plan.columns["kind"], strict=False)
    }
    cutouts = cutouts_by_id(ws, first)
    captions = [described[cutout.id] for cutout in cutouts]
    contact_sheet(ws, cutouts, key="hard-negatives", captions=captions, run_name=plan.run.name)


def classes_table(plan: HardNegativesPlan) -> pd.DataFrame:
    """Return one row per class of known non-lenses: how many there are, how many would be added, by score."""
    best: dict[str, float] = {}
    for kind, score in zip(plan.columns["kind"].tolist(), plan.columns["score"].tolist(), strict=True):
        best.setdefault(kind, score)
    return pd.DataFrame(
        {
            "class": kind,
            "known": plan.known[kind],
            "to be added": plan.added.get(kind, 0),
            "highest score": score_in_words(best[kind]) if kind in best else "–",
        }
        for kind in sorted(plan.known, key=lambda one: (-plan.added.get(one, 0), one))
    )
