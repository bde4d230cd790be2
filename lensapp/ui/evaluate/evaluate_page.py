"""The page that measures a run: one threshold, every curve, and what the network got wrong."""

from collections.abc import Sequence

import streamlit as st

from lensapp.core.errors import NotFound
from lensapp.core.train.committees import MODEL as COMMITTEE
from lensapp.services.data.sources import ready_sources
from lensapp.services.evaluate.compare.better_told import better_told
from lensapp.services.evaluate.compare.same_part import run_before
from lensapp.services.evaluate.evaluation import (
    Evaluation,
    ValueEvaluation,
    comparable_runs,
    is_evaluated,
    load_evaluation,
    task_of,
)
from lensapp.services.imported_tables import why_not_measured
from lensapp.services.train import runs
from lensapp.services.train.run_listing import studies_last
from lensapp.services.train.starter import REMARK, STARTER_NAME, is_starter, starter_card
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.checks.audit_view import show_audit
from lensapp.ui.evaluate.compare.other_run import show_other_run
from lensapp.ui.evaluate.page_example import show_evaluate_example
from lensapp.ui.evaluate.score_view import show_classes, show_scores
from lensapp.ui.evaluate.value_view import show_values
from lensapp.ui.shared.address import digest, in_fragment_run
from lensapp.ui.shared.job_controls import following, start_button, training_text, watch_job
from lensapp.ui.shared.markup import plain, shortened
from lensapp.ui.shared.page_head import lead_to_cutouts, page_head
from lensapp.ui.shared.state import choose, get_workspace, go, say_what_stands_in, select, selected
from lensapp.ui.shared.widgets import empty_state

ICON = ":material/query_stats:"
COMPARE, PART = "compare", "part"
PART_KEY = "evaluate-part"
TEST = "test"
PARTS = ("test", "validation")
NAME_LETTERS = 14  # of a name on a button


def show_evaluate_page() -> None:
    """Show what a run scored, or estimated, on a part of its dataset, or offer to measure it."""
    ws = get_workspace()
    page_head("Evaluate")
    statuses = studies_last(ws, runs.list_statuses(ws))
    under_way = {one.name: one for one in statuses if one.active and runs.has_recipe(one.run)}
    trained = [
        status.run
        for status in sorted(statuses, key=lambda one: one.name in under_way)
        if not is_starter(status.run) and (status.run.evaluation or runs.is_scored(ws, status.run))
    ]
    names = [run.name for run in trained]
    starter = selected("run") == STARTER_NAME and STARTER_NAME not in names
    if not trained and under_way and not starter:
        _follow_training(ws, next(iter(under_way)))
        return
    if not trained and not starter:
        _show_nothing(ws)
        return
    left, middle, right = st.columns([4, 2, 5], vertical_alignment="top")  # several runs take several rows
    with left:
        offered = [*names, STARTER_NAME] if starter else names
        remarks = {name: training_text(one) for name, one in under_way.items()}
        remarks |= {STARTER_NAME: REMARK} if starter else {}
        name = choose("run", offered, label="Run", remarks=remarks)
    if starter and name == STARTER_NAME:
        st.info(
            "The starter network learned from cutouts that are not in this workspace, so there is nothing "
            "here to measure it on. Its card tells what it reached elsewhere. To measure it on your labels, "
            "train it further on them.",
            icon=ICON,
        )
        st.markdown(starter_card())
        return
    run = next(run for run in trained if run.name == name)
    with middle:
        part = _choose_part()
    with right, st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        compared = _choose_compared(comparable_runs(ws, run, part=part), run)
        _offer_comparison(ws, run, part=part)
    if part == TEST:
        show_other_run(better_told(ws, run))
    if run.name in under_way and not is_evaluated(ws, run, part=part):
        if not watch_job(ws, "evaluate", run=run.name):
            _follow_training(ws, run.name, part=part)
        return
    _show_measured(ws, run, part=part, compared=compared)


def _show_nothing(ws: Workspace) -> None:
    """Say that there is no network yet, lead to the first, and show what will be told of it."""
    box = empty_state(
        "No trained network yet",
        "ROC, confusion matrix, purity and completeness, and the worst mistakes of a run will appear "
        "here, measured on the test part that training never sees.",
        icon=ICON,
    )
    if not ready_sources(ws):
        lead_to_cutouts(box, key="evaluate-to-cutouts")
    elif box.button("Train a network", icon=":material/model_training:", type="primary", key="to-train"):
        go("train")
    show_evaluate_example()


def _follow_training(ws: Workspace, run_name: str, *, part: str | None = None) -> None:
    """Say of a run that learns still how far it is, with the way to its curves.

    Where a `part` is named its best network so far can be measured on it.
    """
    following(_say_training, moving=runs.run_status(ws, run_name).moving)(run_name, part)


def _say_training(run_name: str, part: str | None) -> None:
    ws = get_workspace()
    status = runs.run_status(ws, run_name)
    if not status.active and in_fragment_run():
        st.rerun(scope="app")
    box = empty_state(
        f"{run_name} {training_text(status)}",
        "ROC, confusion matrix, purity and completeness, and its worst mistakes will appear here, measured "
        "on the test part that training never sees.",
        icon=ICON,
    )
    with box.container(horizontal=True, horizontal_alignment="center"):
        if st.button("Watch its training", icon=":material/show_chart:", type="primary", key="to-training"):
            go("train", run=run_name)
        if part is not None:
            _start_button("Evaluate its best network so far", ws, status.run, part=part, secondary=True)


def _show_measured(ws: Workspace, run: Run, *, part: str, compared: Sequence[str]) -> None:
    """Show what a run reached on a part of its dataset beside others, or offer to measure it."""
    under_way = watch_job(ws, "evaluate", run=run.name)
    try:
        evaluation = load_evaluation(ws, run.name, part=part)
    except NotFound:
        if under_way:
            return
        if why := why_not_measured(ws, run, part=part):
            empty_state(f"{run.name} cannot be measured here", why, icon=ICON)
            return
        box = empty_state(
            f"{run.name} has not been evaluated" + ("" if part == TEST else f" on the {part} part"),
            _what_evaluation_does(ws, run, part=part),
            icon=ICON,
        )
        with box:
            _start_button("Evaluate", ws, run, part=part)
        return
    if evaluation.outdated and not under_way:
        st.warning("The network has changed since it was evaluated.", icon=":material/history:")
        _start_button("Evaluate again", ws, run, part=part)
    others = [load_evaluation(ws, name, part=part) for name in compared]
    if isinstance(evaluation, ValueEvaluation):
        show_values(ws, evaluation, [other for other in others if isinstance(other, ValueEvaluation)])
        show_audit(ws, run)
        return
    if evaluation.classes:
        show_classes(evaluation)
        st.subheader(f"{plain(' and '.join(task_of(ws, run).positive))} against the rest")
    show_scores(ws, run, evaluation, [other for other in others if isinstance(other, Evaluation)])


def _what_evaluation_does(ws: Workspace, run: Run, *, part: str) -> str:
    if run.is_external:
        return f"Its scores of the {part} part will be compared with the labels."
    does = (
        f"score the {part} part under four rotations"
        if task_of(ws, run).scores_candidates
        else f"estimate the values of the {part} part"
    )
    return f"Its {'networks' if run.model == COMMITTEE else 'best network'} will {does}."


def _choose_part() -> str:
    """Show the parts that can be measured; the address keeps the choice."""
    asked = selected(PART)
    st.session_state[PART_KEY] = asked if asked in PARTS else TEST
    st.segmented_control(
        "Part",
        PARTS,
        required=True,
        key=PART_KEY,
        help="The test part is measured once at the end; choose settings by the validation part.",
        on_change=lambda: select(PART, st.session_state[PART_KEY]),
    )
    return str(st.session_state[PART_KEY])


def _choose_compared(names: list[str], run: Run) -> list[str]:
    """Return the runs to lay beside a run, chosen among `names`; the address keeps the choice."""
    asked = st.query_params.get(COMPARE, "").split(",")
    compared = st.multiselect(
        "Compare with",
        names,
        [name for name in asked if name in names],
        key=f"evaluate-compare-{run.name}-{digest(asked)}",  # Back changes what is asked
        placeholder="other evaluated runs" if names else "no other run is evaluated",
        disabled=not names,
        select_all=False,
    )
    if absent := [name for name in asked if name and name not in (*names, run.name)]:
        say_what_stands_in(", ".join(absent))
    if compared:
        st.query_params[COMPARE] = ",".join(compared)
    else:
        st.query_params.pop(COMPARE, None)
    return compared


def _offer_comparison(ws: Workspace, run: Run, *, part: str) -> None:
    """Lead from a run to its comparison with the one that it was retrained from, or the run before it."""
    if not is_evaluated(ws, run, part=part) or (before := run_before(ws, run, part=part)) is None:
        return
    if st.button(
        f"Compare with {plain(shortened(before, most=NAME_LETTERS))}",
        icon=":material/leaderboard:",
        key="evaluate-to-compare",
        help=f"{plain(before)}: the run that it began from, or that of the same network on the version "
        "before, on the same cutouts. Is the new one better?",
    ):
        go("compare", view={COMPARE: f"{run.name},{before}"})


def _start_button(label: str, ws: Workspace, run: Run, *, part: str, secondary: bool = False) -> None:
    other = {} if part == TEST else {"part": part}
    start_button(label, start=runs.start_evaluation, ws=ws, secondary=secondary, run_name=run.name, **other)
