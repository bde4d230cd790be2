"""Feed grades back into training: the rules, what they would change, freeze, retrain."""

from collections.abc import Sequence

import streamlit as st

from lensapp.core.catalogue.feedback_spec import FeedbackRules
from lensapp.core.inspect.consensus_methods import METHODS
from lensapp.services.catalogue.feedback import feed_back, freeze_votes, parent_names, retraining
from lensapp.services.catalogue.feedback_plans import (
    FeedbackPlan,
    doubts_of,
    has_known_labels,
    plan_feedback,
)
from lensapp.services.catalogue.hasty_votes import MOSTLY, hasty_share
from lensapp.services.data.demo import searched_with
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.catalogue.feedback_plan import (
    say_that_all_is_hasty,
    say_what_becomes_of_labels,
    say_what_contradicts,
    say_what_is_hasty,
    show_changed,
    show_what_changes,
    show_what_stays_out,
    why_nothing_changes,
)
from lensapp.ui.catalogue.next_version import choose_to_freeze, planned, rerun_with, show_retraining
from lensapp.ui.inspect.consensus_form import say_what_is_doubtful, without_meaning
from lensapp.ui.shared.address import kept, one_of
from lensapp.ui.shared.forms import spec_fields, validated
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.state import go
from lensapp.ui.shared.widgets import empty_state, errors_shown, heading, text_table

OF_MEAN = "leave_out_contradicted"  # a rule of the mean grade alone
RULES_KEY = "feedback-rules"
FIRST_RULES = ("lens_grades", "nonlens_grades", "relabel")
IF_HASTY = "count_hasty"  # a rule that is asked for where it changes something


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
        parent, hasty = _choose_version(ws, source), hasty_share(ws, review_names)
        rules = _choose_rules(relabel=parent is None or not has_known_labels(ws, parent), hasty=hasty)
        below = st.container()  # of one plan, above what holds for all
        if rules is None:
            return
        heading("What becomes of candidates")
        text_table([{"candidates": which, "become": meaning} for which, meaning in rules.meanings()])
    with right, errors_shown():
        if hasty == 1 and not rules.count_hasty:
            say_that_all_is_hasty(review_names)
            return
        say_what_is_doubtful(ws, review_names, rules)
        if parent is None:
            st.markdown(
                f"**The votes on {plain(source.name)} alone will be split into training, validation and "
                "test**"
            )
            too_fast, contradictions = doubts_of(ws, review_names, rules)
            say_what_is_hasty(too_fast)
            say_what_contradicts(contradictions)
            if st.button(
                "Freeze first version", type="primary", icon=":material/ac_unit:", key="feedback-first"
            ):
                made = freeze_votes(ws, review_names=review_names, rules=rules)
                rerun_with(made)
            show_retraining(ws)
        else:
            plan = planned(
                lambda asked: plan_feedback(ws, dataset_name=parent, review_names=review_names, rules=asked),
                rules,
                key=f"feedback-middle-{parent}",
            )
            if plan is not None:
                with below:
                    show_what_stays_out(plan)
                _show_plan(ws, source, plan)


def _choose_version(ws: Workspace, source: Source) -> str | None:
    """Ask which version the votes are added to; None where there is none yet."""
    names = parent_names(ws, source.name)
    if not names:
        st.info("There is no dataset version yet: the votes alone will make the first one.")
        return None
    version: str = st.selectbox(
        "Add the votes to the version",
        names,
        **kept("version", one_of(names), names[0], key=f"feedback-parent-{len(names)}"),
        help="It stays as it is; a new version is made. Suggested: that of the network which chose "
        "the candidates, or its newest descendant.",
    )
    return version


def _choose_rules(*, relabel: bool, hasty: float) -> FeedbackRules | None:
    """Ask for the rules; `relabel` is whether votes change labels unless the reader says otherwise.

    `hasty` is the share of votes given too fast: where it is large they do not count at first.
    """
    first = (*FIRST_RULES, IF_HASTY) if hasty else FIRST_RULES
    entered = spec_fields(
        FeedbackRules,
        key=RULES_KEY,
        values={"relabel": relabel, IF_HASTY: hasty <= MOSTLY},
        columns=2,
        only=first,
        keep="",
    )
    with st.expander("Further rules"):
        method = _choose_method()
        weighted = () if method == "mean" else (OF_MEAN,)
        entered |= spec_fields(
            FeedbackRules,
            key=RULES_KEY,
            columns=2,
            skip=(*without_meaning(method), *weighted, *FIRST_RULES, IF_HASTY, "crop"),
            keep="",
        )
    return validated(FeedbackRules, {**entered, "method": method})


def _choose_method() -> str:
    """Ask how votes are combined."""
    method = st.segmented_control(
        "Consensus",
        list(METHODS),
        required=True,
        format_func=METHODS.__getitem__,
        help=FeedbackRules.model_fields["method"].description,
        **kept("consensus", one_of(list(METHODS)), "mean", key="feedback-method"),
    )
    return str(method)


def _show_plan(ws: Workspace, source: Source, plan: FeedbackPlan) -> None:
    """Show what a plan changes, and freeze it; else what was made and what comes next."""
    if not plan.changes:
        show_retraining(ws)
        if not _just_frozen(ws, plan):
            st.info(why_nothing_changes(plan, instead=searched_with(ws, source)), icon=":material/info:")
        return
    show_what_changes(plan)
    say_what_is_hasty(plan.hasty)
    say_what_contradicts(plan.contradictions)
    name = choose_to_freeze(ws, plan.parent, key="feedback")
    if name is not None:
        made = feed_back(
            ws,
            dataset_name=plan.parent.name,
            review_names=plan.reviews,
            rules=plan.rules,
            name=name or None,
        )
        rerun_with(made)
    say_what_becomes_of_labels(plan)
    show_changed(ws, plan)
    show_retraining(ws)


def _just_frozen(ws: Workspace, plan: FeedbackPlan) -> bool:
    """Return whether the version holds these votes already, as the box for retraining says."""
    offer = retraining(ws)
    return offer is not None and offer.dataset.id == plan.parent.id
