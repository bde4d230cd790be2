"""Feed grades back into training: the rules, what they would change, freeze, retrain."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from lensapp.core.catalogue.feedback_rules import ADDED, RELABELLED
from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.errors import LensAppError
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.catalogue import feedback
from lensapp.services.catalogue.feedback import FeedbackPlan
from lensapp.services.split.versions import next_name, stem_of
from lensapp.services.train import runs
from lensapp.storage import datasets, reviews
from lensapp.storage.records import Dataset, Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.catalogue.table import class_name, show_rows
from lensapp.ui.inspect.consensus_form import METHODS, without_meaning
from lensapp.ui.shared.forms import spec_fields, validated
from lensapp.ui.shared.pictures import read_pictures, sheet
from lensapp.ui.shared.state import go, select
from lensapp.ui.shared.widgets import empty_state, error_box, number

FROZEN = "feedback-frozen"
SHOWN = 24
KNOWN_ORIGINS = {"demo": "the demo's truth", "import": "the imported catalogue"}
SCRATCH, WARM = "from scratch", "warm, from the network before"


def show(ws: Workspace, source: Source, review_names: Sequence[str]) -> None:
    """Show the panel."""
    if told := st.session_state.pop(FROZEN, None):
        st.toast(told, icon=":material/ac_unit:")
    voted = reviews.votes_per_review(ws.database)
    if not any(reviews.get_review(ws.database, name).id in voted for name in review_names):
        box = empty_state(
            f"No votes on {source.name} yet",
            "Grades given in Inspect become labels here: choose which grades mean lens and which non-lens, "
            "look at what would change, freeze a new dataset version and retrain from it.",
            icon=":material/replay:",
        )
        if box.button("Inspect", type="primary", icon=":material/grid_view:", key="feedback-inspect"):
            go("inspect")
        return
    left, right = st.columns([2, 3], gap="large")
    with left:
        parent = _choose_parent(ws, source)
        rules = _choose_rules()
    if rules is None:
        return
    with right:
        _preview(ws, parent, source, review_names, rules)


def _choose_parent(ws: Workspace, source: Source) -> str | None:
    """Choose the version that the votes are added to; the suggested one first."""
    names = [dataset.name for dataset in datasets.list_datasets(ws.database)]
    if not names:
        st.info("There is no dataset version yet: the votes alone will make the first one.")
        return None
    suggested = feedback.suggest_dataset(ws, source.name)
    index = names.index(suggested) if suggested in names else 0
    return st.selectbox(
        "Add the votes to the version",
        names,
        index=index,
        key=f"feedback-parent-{len(names)}",
        help="It stays as it is; a new version is made. Suggested: that of the network which chose the "
        "candidates, or its newest descendant.",
    )


def _choose_rules() -> FeedbackRules | None:
    method = st.segmented_control(
        "Consensus",
        list(METHODS),
        default="mean",
        required=True,
        format_func=METHODS.__getitem__,
        help=FeedbackRules.model_fields["method"].description,
        key="feedback-method",
    )
    entered = spec_fields(FeedbackRules, key="feedback-rules", columns=2, skip=without_meaning(method))
    rules = validated(FeedbackRules, {**entered, "method": method})
    if rules is not None:
        st.markdown("\n".join(f"- {line}" for line in rules.sentences()))
    return rules


def _preview(
    ws: Workspace, parent: str | None, source: Source, review_names: Sequence[str], rules: FeedbackRules
) -> None:
    try:
        if parent is None:
            _freeze_first(ws, source, review_names, rules)
            _retrain(ws)
            return
        plan = feedback.preview_feed_back(ws, dataset_name=parent, review_names=review_names, rules=rules)
    except LensAppError as error:
        error_box(error)
        return
    if not plan.changes:  # after freezing, what was made stands where the reader is
        _retrain(ws)
    st.markdown(f"**What the votes of {', '.join(plan.reviews)} would change**")
    show_rows(counts_table(plan), key="feedback-counts")
    show_rows(outcomes_table(plan), key="feedback-outcomes")
    _warn_of_known_labels(ws, plan)
    _pictures(source, plan)
    _freeze(ws, plan)
    if plan.changes:
        _retrain(ws)


def _warn_of_known_labels(ws: Workspace, plan: FeedbackPlan) -> None:
    """Warn when votes would replace labels known from a simulation or a catalogue."""
    members = datasets.member_columns(ws.database, plan.parent.id)
    changed = plan.columns["cutout_id"][plan.columns["outcome"] == RELABELLED]
    origins = Counter(members["label_from"][np.isin(members["cutout_id"], changed)].tolist())
    for origin, words in KNOWN_ORIGINS.items():
        if count := origins[origin]:
            st.warning(
                f"{number(count)} {'label' if count == 1 else 'labels'} from {words} would change. "
                "Switch Relabel off to keep known labels.",
                icon=":material/warning:",
            )


def counts_table(plan: FeedbackPlan) -> pd.DataFrame:
    """Return one row per part: numbers of each label in the parent and in the new version."""
    rows = []
    for part, labels in plan.counts.items():
        before = plan.parent.counts.get(part, {})
        row: dict[str, str] = {"part": part}
        for label in sorted({*labels, *before}):
            now, then = labels.get(label, 0), before.get(label, 0)
            change = f" ({now - then:+d})" if now != then else ""
            row[class_name(label)] = f"{number(now)}{change}"
        rows.append(row)
    return pd.DataFrame(rows)


def outcomes_table(plan: FeedbackPlan) -> pd.DataFrame:
    """Return how many graded candidates meet which outcome, and how many were not graded."""
    changed = "; ".join(f"{what}: {count}" for what, count in plan.relabelled.items())
    rows = [
        {
            "graded candidates": count,
            "outcome": f"relabelled ({changed})" if outcome == RELABELLED else outcome,
        }
        for outcome, count in plan.outcomes.items()
    ]
    rows.append({"graded candidates": plan.ungraded, "outcome": "without a vote: ignored"})
    return pd.DataFrame(rows)


def _pictures(source: Source, plan: FeedbackPlan) -> None:
    """Show the candidates that would be added or relabelled, with the label they would get."""
    columns = plan.columns
    changed = [
        place
        for place, outcome in enumerate(columns["outcome"].tolist())
        if outcome in (ADDED, RELABELLED) and int(columns["source_id"][place]) == source.id
    ][:SHOWN]
    if not changed:
        return
    label = {int(columns["cutout_id"][place]): str(columns["label"][place]) for place in changed}
    grade = {int(columns["cutout_id"][place]): str(columns["grade"][place]) for place in changed}
    cutouts, pictures = read_pictures(source, list(label))
    captions = [f"{grade[cutout.id]} → {class_name(label[cutout.id])}" for cutout in cutouts]
    sheet(pictures, captions=captions, hints=[cutout.candidate_id for cutout in cutouts], smallest=72)


def _freeze(ws: Workspace, plan: FeedbackPlan) -> None:
    suggestion = next_name(ws, stem_of(plan.parent.name))
    left, right = st.columns(2, vertical_alignment="bottom")
    with left:
        typed = st.text_input("Name of the new version", placeholder=suggestion, key="feedback-name")
    with right:
        pressed = st.button(
            "Freeze new version",
            type="primary",
            icon=":material/ac_unit:",
            key="feedback-freeze",
            disabled=not plan.changes,
            width="stretch",
        )
    if not plan.changes:
        st.caption("Nothing would change: grade further candidates or change the rules.")
    if pressed:
        _freeze_now(ws, plan, typed.strip() or None)


def _freeze_now(ws: Workspace, plan: FeedbackPlan, name: str | None) -> None:
    try:
        made = feedback.feed_back(
            ws,
            dataset_name=plan.parent.name,
            review_names=plan.reviews,
            rules=plan.rules,
            name=name,
        )
    except LensAppError as error:
        error_box(error)
        return
    _tell_frozen(made, plan.outcomes.get(ADDED, 0) + sum(plan.relabelled.values()))
    st.rerun()


def _tell_frozen(made: Dataset, changes: int) -> None:
    select("dataset", made.name)
    labels = f"with {number(changes)} label{'' if changes == 1 else 's'} from votes"
    st.session_state[FROZEN] = f"{made.name} is frozen, {labels}."


def _freeze_first(ws: Workspace, source: Source, review_names: Sequence[str], rules: FeedbackRules) -> None:
    st.markdown(f"**The votes on {source.name} alone will be split into training, validation and test**")
    if not st.button("Freeze first version", type="primary", icon=":material/ac_unit:", key="feedback-first"):
        return
    made = feedback.freeze_votes(ws, review_names=review_names, rules=rules)
    _tell_frozen(made, datasets.count_members(ws.database, made.id))
    st.rerun()


def _retrain(ws: Workspace) -> None:
    """Offer to retrain from the newest version that votes have made."""
    made = [dataset for dataset in datasets.list_datasets(ws.database) if dataset.spec.get("reviews")]
    if not made:
        return
    newest = made[0]
    with st.container(border=True):
        st.markdown(f":material/check_circle: **{newest.name}** holds the votes of {_reviews(newest)}.")
        names = [
            status.run.name
            for status in runs.list_statuses(ws)
            if runs.has_recipe(status.run) and runs.has_network(ws, status.run)
        ]
        if not names:
            if st.button("Train from it", type="primary", key="feedback-train"):
                go("train", dataset=newest.name)
            return
        cells = st.columns([2, 3, 2], vertical_alignment="bottom")
        with cells[0]:
            reviewed = _reviewed_runs(ws, newest)
            first = next((place for place, name in enumerate(names) if name in reviewed), 0)
            recipe = st.selectbox("With the settings of", names, index=first, key="feedback-recipe")
        with cells[1]:
            start = st.segmented_control(
                "Start", [SCRATCH, WARM], default=SCRATCH, required=True, key="feedback-start"
            )
        with cells[2]:
            pressed = st.button(
                "Retrain from it",
                type="primary",
                icon=":material/model_training:",
                key="feedback-retrain",
                width="stretch",
            )
        if pressed:
            _start(ws, newest, recipe, initial=recipe if start == WARM else None)


def _reviews(dataset: Dataset) -> str:
    return ", ".join(dataset.spec.get("reviews", []))


def _reviewed_runs(ws: Workspace, dataset: Dataset) -> set[str]:
    """Return the runs whose scores the reviews behind a dataset version showed."""
    found = {review.name: review.run_id for review in reviews.list_reviews(ws.database)}
    keys = {found.get(name) for name in dataset.spec.get("reviews", [])} - {None}
    return {status.run.name for status in runs.list_statuses(ws) if status.run.id in keys}


def _start(ws: Workspace, dataset: Dataset, recipe: str, *, initial: str | None) -> None:
    values = runs.run_status(ws, recipe).run.spec
    try:
        spec = TrainingSpec.parse({**values, "initial_run": initial})
        run, _ = runs.start_training(ws, dataset_name=dataset.name, spec=spec)
    except LensAppError as error:
        error_box(error)
        return
    go("train", run=run.name, dataset=dataset.name)
