"""Feed grades back into training: the rules, what they would change, freeze, retrain."""

from collections.abc import Callable, Sequence
from typing import NoReturn

import pandas as pd
import streamlit as st

from lensapp.core.catalogue.feedback_rules import ADDED, RELABELLED
from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.inspect.consensus_methods import METHODS
from lensapp.services.catalogue.feedback import (
    feed_back,
    freeze_votes,
    parent_names,
    retrain,
    retraining,
)
from lensapp.services.catalogue.feedback_plans import FeedbackPlan, has_known_labels, plan_feedback
from lensapp.services.data.pictures import cutouts_by_id
from lensapp.services.split.versions import next_name, stem_of
from lensapp.storage.records import Dataset, Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.catalogue.table import class_name, show_rows
from lensapp.ui.gallery.contact_sheet import contact_sheet
from lensapp.ui.inspect.consensus_form import say_what_is_doubtful, without_meaning
from lensapp.ui.shared.address import kept, one_of, text
from lensapp.ui.shared.figures import PART_NAMES
from lensapp.ui.shared.forms import spec_fields, validated
from lensapp.ui.shared.markup import plain, plain_all
from lensapp.ui.shared.state import go, select
from lensapp.ui.shared.widgets import Plan, Rules, counted, empty_state, errors_shown, number, with_middle

FROZEN = "feedback-frozen"
MOST_PICTURES = 24
ORIGIN_WORDS = {"demo": "the demo's truth", "import": "the imported catalogue"}
TAKE_MIDDLE = "Take the middle of each only"
MIDDLE_HELP = "The new version remembers it; whoever trains on it or scores with its networks sees the same."
SCRATCH, WARM = "from scratch", "from its weights"


def show_feedback(ws: Workspace, source: Source, review_names: Sequence[str], *, voted: bool) -> None:
    """Show the panel; `voted` says whether the reviews hold any vote."""
    if not voted:
        box = empty_state(
            f"No votes on {source.name} to feed back yet",
            "Grades given in Inspect become labels here: choose which grades mean lens and which non-lens, "
            "look at what would change, freeze a new dataset version and retrain from it.",
            icon=":material/replay:",
        )
        if box.button("Inspect", type="primary", icon=":material/grid_view:", key="feedback-inspect"):
            go("inspect")
        return
    left, right = st.columns([2, 3], gap="large")
    with left:
        names = parent_names(ws, source.name)
        parent = None
        if names:
            parent = st.selectbox(
                "Add the votes to the version",
                names,
                **kept("version", one_of(names), names[0], key=f"feedback-parent-{len(names)}"),
                help="It stays as it is; a new version is made. Suggested: that of the network which chose "
                "the candidates, or its newest descendant.",
            )
        else:
            st.info("There is no dataset version yet: the votes alone will make the first one.")
        rules = _choose_rules(relabel=parent is None or not has_known_labels(ws, parent))
    if rules is None:
        return
    with right, errors_shown():
        say_what_is_doubtful(ws, review_names, rules)
        if parent is None:
            st.markdown(
                f"**The votes on {plain(source.name)} alone will be split into training, validation and "
                "test**"
            )
            if st.button(
                "Freeze first version", type="primary", icon=":material/ac_unit:", key="feedback-first"
            ):
                made = freeze_votes(ws, review_names=review_names, rules=rules)
                labels = sum(sum(labels.values()) for labels in made.counts.values())
                rerun_with(made, f"{counted(labels, 'label')} from votes")
            show_retraining(ws)
        else:
            plan = planned(
                lambda asked: plan_feedback(ws, dataset_name=parent, review_names=review_names, rules=asked),
                rules,
                key=f"feedback-middle-{parent}",
            )
            if plan is not None:
                _show_plan(ws, source, plan)


def planned(plan: Callable[[Rules], Plan], rules: Rules, *, key: str) -> Plan | None:
    """Return what is planned by the rules; of larger cutouts once their middle is asked for, else None."""
    return with_middle(plan, rules, label=TAKE_MIDDLE, key=key, help_text=MIDDLE_HELP)


def _choose_rules(*, relabel: bool) -> FeedbackRules | None:
    """Ask for the rules; `relabel` is whether votes change labels unless the reader says otherwise."""
    method = st.segmented_control(
        "Consensus",
        list(METHODS),
        required=True,
        format_func=METHODS.__getitem__,
        help=FeedbackRules.model_fields["method"].description,
        **kept("consensus", one_of(list(METHODS)), "mean", key="feedback-method"),
    )
    entered = spec_fields(
        FeedbackRules,
        key="feedback-rules",
        values={"relabel": relabel},
        columns=2,
        skip=(*without_meaning(method), "crop"),
        keep="",
    )
    rules = validated(FeedbackRules, {**entered, "method": method})
    if rules is not None:
        st.caption("\n".join(f"- {plain(line)}" for line in rules.sentences()))
    return rules


def _show_plan(ws: Workspace, source: Source, plan: FeedbackPlan) -> None:
    if not plan.changes:  # after freezing, what was made stands where the reader is
        show_retraining(ws)
    votes = f"the votes of {plain_all(plan.reviews)}"
    st.markdown(
        f"**What {votes} would change**"
        if plan.changes
        else f"**{plain(plan.parent.name)} and {votes}: nothing to change**"
    )
    counts = counts_table(plan)
    right = st.column_config.TextColumn(alignment="right")
    show_rows(counts, key="feedback-counts", **dict.fromkeys(counts.columns[1:], right))
    show_rows(outcomes_table(plan), key="feedback-outcomes")
    _say_what_becomes_of_labels(plan)
    name = choose_to_freeze(ws, plan.parent, key="feedback", disabled=not plan.changes)
    if not plan.changes and not _just_frozen(ws, plan):
        st.info(why_nothing_changes(plan), icon=":material/info:")
    if name is not None:
        made = feed_back(
            ws,
            dataset_name=plan.parent.name,
            review_names=plan.reviews,
            rules=plan.rules,
            name=name or None,
        )
        labels = plan.outcomes.get(ADDED, 0) + sum(plan.relabelled.values())
        rerun_with(made, f"{counted(labels, 'label')} from votes")
    _show_changed(ws, source, plan)
    if plan.changes:
        show_retraining(ws)


def _just_frozen(ws: Workspace, plan: FeedbackPlan) -> bool:
    """Return whether the version holds these votes already, as the box for retraining says."""
    offer = retraining(ws)
    return offer is not None and offer.dataset.id == plan.parent.id


def why_nothing_changes(plan: FeedbackPlan) -> str:
    """Say why votes neither add nor change a label, what Relabel would do, and what else there is to do."""
    held, graded = sum(plan.held_origins.values()), sum(plan.outcomes.values())
    name, known = plan.parent.name, ORIGIN_WORDS.keys() & plan.held_origins.keys()
    if not known:
        return plain(f"Nothing in {name} would change: grade further candidates or change the rules.")
    words = " and ".join(text for origin, text in ORIGIN_WORDS.items() if origin in known)
    who = f"all {counted(graded, 'graded candidate')}"
    if held < graded:
        who = f"{number(held)} of the {counted(graded, 'graded candidate')}"
    said = f"Nothing would change: {who} are in {name} already, with labels from {words}, which stay."
    if "demo" in known:
        said += " That is normal for a demo, which has a label for every candidate."
    if count := sum(plan.kept_origins.values()):
        said += f" With Relabel on the votes count more: {counted(count, 'label')} would change."
    return plain(f"{said} Votes on candidates without a label would be added.")


def _say_what_becomes_of_labels(plan: FeedbackPlan) -> None:
    """Say how many labels of other origin the votes change, or would change if relabelling were on."""
    for origin, words in ORIGIN_WORDS.items():
        if count := plan.replaced_origins.get(origin, 0):
            st.warning(
                f"{counted(count, 'label')} from {words} would change. "
                "Switch Relabel off to keep known labels.",
                icon=":material/warning:",
            )
    if plan.changes and (count := sum(plan.kept_origins.values())):
        words = " and ".join(name for origin, name in ORIGIN_WORDS.items() if origin in plan.kept_origins)
        of_origin = f" from {words}" if words else ""
        st.info(
            f"{counted(count, 'label')}{of_origin} would change with Relabel on: the votes say otherwise. "
            "Known labels stay unless you switch it on.",
            icon=":material/shield:",
        )


def _show_changed(ws: Workspace, source: Source, plan: FeedbackPlan) -> None:
    """Show the candidates that would be added or relabelled, with the label they would get."""
    names = ("cutout_id", "source_id", "outcome", "grade", "label")
    captions_by_id = {
        int(key): f"{grade} → {class_name(str(label))}"
        for key, owner, outcome, grade, label in zip(*(plan.columns[n] for n in names), strict=True)
        if outcome in (ADDED, RELABELLED) and owner == source.id
    }
    if captions_by_id:
        cutouts = cutouts_by_id(ws, list(captions_by_id)[:MOST_PICTURES])
        captions = [captions_by_id[cutout.id] for cutout in cutouts]
        contact_sheet(ws, cutouts, key="feedback", captions=captions)


def counts_table(plan: FeedbackPlan) -> pd.DataFrame:
    """Return one row per part: numbers of each label in the parent and in the new version."""
    rows = []
    for part, labels in plan.counts.items():
        before = plan.parent.counts.get(part, {})
        row: dict[str, str] = {"part": PART_NAMES.get(part, part)}
        for label in sorted({*labels, *before}):
            now, then = labels.get(label, 0), before.get(label, 0)
            change = f" ({'+' if now > then else ''}{number(now - then)})" if now != then else ""
            row[class_name(label)] = f"{number(now)}{change}"
        rows.append(row)
    return pd.DataFrame(rows)


def outcomes_table(plan: FeedbackPlan) -> pd.DataFrame:
    """Return how many graded candidates meet which outcome, and how many were not graded."""
    changed = "; ".join(
        f"{what.replace('nonlens', 'non-lens')}: {count}" for what, count in plan.relabelled.items()
    )
    rows = [
        {
            "candidates": count,
            "outcome": f"relabelled ({changed})" if outcome == RELABELLED else outcome,
        }
        for outcome, count in plan.outcomes.items()
    ]
    rows.append({"candidates": plan.ungraded, "outcome": "without a vote: ignored"})
    return pd.DataFrame(rows)


def choose_to_freeze(ws: Workspace, parent: Dataset, *, key: str, disabled: bool = False) -> str | None:
    """Ask for the name of a new version; return it, "" for the usual one, once it is to be frozen."""
    left, right = st.columns(2, vertical_alignment="bottom")
    with left:
        typed = st.text_input(
            "Name of the new version",
            placeholder=next_name(ws, stem_of(parent.name)),
            **kept("name", text(), "", key=f"{key}-name"),
        )
    with right:
        pressed = st.button(
            "Freeze new version",
            type="primary",
            icon=":material/ac_unit:",
            key=f"{key}-freeze",
            disabled=disabled,
            width="stretch",
        )
    return typed.strip() if pressed else None


def rerun_with(made: Dataset, holds: str) -> NoReturn:
    """Select the version that was frozen, and say so after the rerun; `holds` is what is new in it."""
    select("dataset", made.name)
    st.session_state[FROZEN] = f"{made.name} is frozen, with {holds}."
    st.rerun()


def say_what_was_frozen() -> None:
    """Say what the last click froze, if it did."""
    if message := st.session_state.pop(FROZEN, None):
        st.toast(plain(message), icon=":material/ac_unit:")


def show_retraining(ws: Workspace, *, negatives_of: Source | None = None) -> None:
    """Offer to retrain from the newest version that votes or hard negatives have made.

    With `negatives_of` only where it holds hard negatives of that source.
    """
    offer = retraining(ws)
    if offer is None:
        return
    newest = offer.dataset
    if negatives_of is not None and newest.spec.get("source") != negatives_of.name:
        return
    with st.container(border=True):
        if "reviews" in newest.spec:
            holds = f"the votes of {plain_all(newest.spec['reviews'])}"
        else:
            negatives = sum(newest.spec.get("added", {}).values())
            holds = (
                f"{counted(negatives, 'non-lens')} of {plain(newest.spec['source'])}, those with the highest "
                f"scores of {plain(newest.spec['run'])}"
            )
        st.markdown(f":material/check_circle: **{plain(newest.name)}** holds {holds}.")
        if not offer.recipes:
            if st.button("Train from it", type="primary", key="feedback-train"):
                go("train", dataset=newest.name)
            return
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            with st.container(width=200):
                recipe = st.selectbox(
                    "With the settings of",
                    offer.recipes,
                    **kept("retrain_like", one_of(offer.recipes), offer.recipes[0], key="feedback-recipe"),
                )
            start = st.segmented_control(
                "Start",
                [SCRATCH, WARM],
                required=True,
                **kept("retrain_from", one_of([SCRATCH, WARM]), SCRATCH, key="feedback-start"),
                width="content",
                help=f"From scratch: random weights. From its weights: the best network of {plain(recipe)} "
                "is trained further (warm start), which takes fewer epochs and keeps what it has learned.",
            )
        pressed = st.button(
            "Retrain from it",
            type="primary",
            icon=":material/model_training:",
            key="feedback-retrain",
            width="stretch",
        )
        if pressed:
            run_name = retrain(ws, dataset_name=newest.name, recipe=recipe, warm=start == WARM)
            go("train", run=run_name, dataset=newest.name)
