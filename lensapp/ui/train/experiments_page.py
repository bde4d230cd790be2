"""The page of studies: cross-validations and searches of hyper-parameters, live, and the next one."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from lensapp.core.train.network_specs import network_title
from lensapp.core.train.study_spec import StudyKind
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.train import studies
from lensapp.services.train.runs import training_datasets
from lensapp.services.train.study_figures import seconds_trained
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.address import ARRIVED, names_said_of, put
from lensapp.ui.shared.job_controls import (
    badge_and_buttons,
    choose_followed,
    fraction_done,
    redraw_when_changed,
    show_troubles,
)
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_head import page_head
from lensapp.ui.shared.page_views import choose_view
from lensapp.ui.shared.state import VIEW, get_workspace, go, select, selected
from lensapp.ui.shared.widgets import (
    absolute_time,
    clock_time,
    counted,
    duration,
    empty_state,
    errors_shown,
    time_left,
)
from lensapp.ui.split.folds_figure import show_folds
from lensapp.ui.train.kfold import show_kfold
from lensapp.ui.train.run_form import FORM_AND_RUN
from lensapp.ui.train.search import show_search
from lensapp.ui.train.search_plan import show_search_plan
from lensapp.ui.train.study_form import Plan, show_study_form

VIEWS = {"kfold": "Cross-validation", "search": "Search"}
KIND = "kind"  # what addresses once called the view
WITHOUT_STUDY: dict[StudyKind, tuple[str, str, tuple[str, ...]]] = {
    "kfold": (
        "No cross-validation yet",
        "Choose a recipe and start; here you get:",
        (
            "**ROC of every fold**, their mean and scatter",
            "**completeness and purity** against threshold",
            "**AUROC, TPR0, TPR10** of each, mean ± standard deviation",
            "**a run of each fold**, which scores and is compared",
        ),
    ),
    "search": (
        "No search yet",
        "Trials with different settings are trained and ranked. Choose a recipe and what to try, and start; "
        "here you get, live:",
        (
            "**the value of each trial**, and the best so far",
            "**which setting matters most**, from four complete trials on",
            "**the settings of each trial** and what they gave, side by side",
            "**the best run**, which scores and is compared like any other",
        ),
    ),
}


def show_experiments_page() -> None:
    """Show one study, live, and the form of the next; a view for each kind."""
    ws = get_workspace()
    kinds: tuple[StudyKind, ...] = ("kfold", "search")
    listed = {kind: studies.list_studies(ws, kind) for kind in kinds}
    busy = any(one.moving for of_kind in listed.values() for one in of_kind)
    page_head("Experiments", step="primary" if busy else "secondary")
    if not training_datasets(ws):
        box = empty_state(
            "No dataset to experiment on yet",
            "Cross-validations and searches train on a frozen dataset version. Split a source first.",
            icon=":material/call_split:",
        )
        if box.button(
            "Split a source", icon=":material/call_split:", type="primary", key="experiments-to-split"
        ):
            go("split")
        return
    if KIND in st.query_params:
        put(VIEW, st.query_params.get_all(VIEW) or st.query_params.get_all(KIND))
        put(KIND, [])
    for of_view, of_kind in listed.items():  # who arrives with a study and no view is shown that of its kind
        arrived = st.session_state.get(ARRIVED, False) and VIEW not in st.query_params
        if arrived and selected("study") in [one.study.name for one in of_kind]:
            put(VIEW, [of_view] if of_view != next(iter(VIEWS)) else [])
    other_settings = names_said_of(*TrainingSpec.model_fields, "range", "space")
    view = choose_view(VIEWS, key="experiments-view", resets=other_settings)
    kind: StudyKind = "search" if view == "search" else "kfold"
    statuses = listed[kind]
    others = [one for other, of_kind in listed.items() if other != kind for one in of_kind]
    if selected("study") in [one.study.name for one in others]:  # the reader turned from it to the other kind
        select("study", None)
    with st.container(key="train-columns"):
        form, results = st.columns(FORM_AND_RUN, gap="medium")
    with form, st.container(key="study-form"):
        plan = show_study_form(ws, kind, busy=busy)
    with results, st.container(key="study-results"):
        _show_results(ws, kind, statuses, plan)


def _show_results(
    ws: Workspace, kind: StudyKind, statuses: Sequence[studies.StudyStatus], plan: Plan
) -> None:
    """Show the study that is followed, or what one will give."""
    if statuses:
        status = choose_followed(statuses, kind="study", live_status=_live_status)
        version = _version_of(ws, status)
        if told := other_version_in_words(version, plan.filled.dataset.name):
            st.warning(told, icon=":material/difference:")
        else:
            st.caption(f"Of **{plain(version)}**, as the form beside it.")
        show_one = show_kfold if status.study.kind == "kfold" else show_search
        show_one(ws, status)
        return
    if kind == "kfold":
        _show_folds_to_come(ws, plan)
    else:
        show_search_plan(plan)
    title, text, given = WITHOUT_STUDY[kind]
    box = empty_state(title, text, icon=":material/science:")
    for words in (given[:2], given[2:]):
        for cell, one in zip(box.columns(2), words, strict=True):
            cell.markdown(f":material/check: {one}")


def _show_folds_to_come(ws: Workspace, plan: Plan) -> None:
    """Show how the chosen numbers deal the version's cutouts to folds."""
    with errors_shown():
        dealt = studies.fold_counts(
            ws, plan.filled.dataset.name, folds=int(plan.values["folds"]), seed=int(plan.values["seed"])
        )
        show_folds(dealt.folds, dealt.test, key="kfold-scheme")


def _live_status(name: str) -> None:
    """Show how the study stands, once a second; redraw the page when an epoch or a run has ended."""
    ws = get_workspace()
    status = studies.study_status(ws, name)
    progress: dict[str, Any] = dict(status.job.progress) if status.job else {}
    stage = (name, status.state, progress.get("run"), progress.get("epoch"))
    redraw_when_changed(stage, key="experiments-drawn")
    ended = "" if status.active else _what_ended(ws, status)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", height=40, border=False):
        badge_and_buttons(
            ws,
            status,
            page="experiments",
            resume_help="Continues with the epoch in which it was interrupted.",
            stop_help="Ends the study; what its runs have learned is kept.",
        )
        if ended:
            st.markdown(ended, help=f"Started {absolute_time(status.study.created_at)}", width="content")
    if status.active:
        text = what_goes_on(status.state, progress)
        if progress and status.state != "queued":
            if status.state == "running" and progress.get("seconds_left") is not None:
                text += f" · about **{time_left(float(progress['seconds_left']))}**"
            if spent := seconds_trained(studies.members(ws, status.study)):
                text += f" · {duration(spent)} of training so far"
        st.progress(fraction_done(status.job), text=text)
    show_troubles(ws, status)


def what_goes_on(state: str, progress: dict[str, Any]) -> str:
    """Return what a study does at the moment, in the words that the list of jobs has for it."""
    if state == "queued":
        return "waits for a worker"
    return f"**{plain(str(progress.get('message') or 'starting'))}**"


def other_version_in_words(of_study: str, of_form: str) -> str:
    """Return that the results are of another dataset version than the form beside them; else nothing."""
    if of_study == of_form:
        return ""
    return f"These results are of **{plain(of_study)}**; the form beside them is set to **{plain(of_form)}**."


def _version_of(ws: Workspace, status: studies.StudyStatus) -> str:
    """Return the name of the dataset version of a study."""
    key = status.study.dataset_id
    return next((one.name for one in training_datasets(ws) if one.id == key), "another version")


def _what_ended(ws: Workspace, status: studies.StudyStatus) -> str:
    """Return network, runs, total time and end of a study that is not under way."""
    network = network_title(status.study.spec["training"]["network"])
    entries = studies.members(ws, status.study)
    seconds = seconds_trained(entries)
    took = f" in {duration(seconds)} together" if seconds else ""
    last = status.study.finished_at
    ended = f" · ended {clock_time(last)}" if last is not None else ""
    return f"**{plain(network)}** · {counted(len(entries), 'training')}{took}{ended}"
