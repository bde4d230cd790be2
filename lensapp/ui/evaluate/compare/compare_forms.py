"""Forms of the Compare page: a new comparison, and a committee of ticked runs."""

from typing import Any

import streamlit as st

from lensapp.core.errors import LensAppError
from lensapp.core.train.baseline_spec import KINDS as BASELINES
from lensapp.core.train.committees import COMBINATIONS, CommitteeSpec
from lensapp.core.train.comparison_spec import ComparisonSpec
from lensapp.core.train.network_specs import NETWORKS
from lensapp.core.train.presets import PRESETS
from lensapp.services.evaluate.combinations import compare_combinations
from lensapp.services.evaluate.committees import make_committee, suggest_committee_name
from lensapp.services.evaluate.figure_tables import ways_table
from lensapp.services.train import comparisons, runs, studies
from lensapp.services.train.comparisons import Compared
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.tables import show_table
from lensapp.ui.shared.address import decimal, kept, one_of, optional, several_of, switch, text, whole
from lensapp.ui.shared.forms import validated
from lensapp.ui.shared.job_controls import spread_field
from lensapp.ui.shared.markup import plain, plain_all
from lensapp.ui.shared.state import choose, go, select
from lensapp.ui.shared.widgets import error_box, errors_shown, number

QUEUED = "compare-queued"
MOST = 10**9  # that the address takes; the specification says what may be
MADE = "compare-committee-made"


def show_committee_form(ws: Workspace, rows: list[Compared], ticked: list[str]) -> None:
    """Offer to make a committee of the ticked rows that have networks."""
    _offer_what_was_made(ws)
    members = [row.run for row in rows if row.run in ticked and row.kind == "network"]
    if len(members) < 2:
        return
    with st.form("compare-committee", border=True):
        st.markdown(f":material/groups: **A committee of {plain_all(members)}**")
        cells = st.columns([2, 3, 1], vertical_alignment="bottom")
        suggestion = suggest_committee_name(ws)
        name = cells[0].text_input("Name", placeholder=suggestion, key=f"committee-name-{suggestion}")
        combine = cells[1].segmented_control(
            "Scores are combined by",
            COMBINATIONS,
            required=True,
            **kept("combine", one_of(COMBINATIONS), "mean", key="committee-combine"),
            help=CommitteeSpec.model_fields["combine"].description,
        )
        pressed = cells[2].form_submit_button("Make it", type="primary", width="stretch")
    if st.toggle(
        "Compare the ways to combine them",
        **kept("ways", switch(), default=False, key="committee-ways"),
        help="Measures each way on the test part, beside the best single network. Members must have been "
        "evaluated on their validation part too, where three of the ways are fitted.",
    ):
        _show_ways(ws, members)
    if not pressed:
        return
    try:
        made = make_committee(ws, name=name.strip() or suggestion, members=members, combine=combine)
    except LensAppError as error:
        error_box(error)
        return
    select("run", made.name)
    st.session_state[MADE] = made.name
    st.rerun()


def _offer_what_was_made(ws: Workspace) -> None:
    """Say which committee was made, with the way to where it is measured, until that is done."""
    name = str(st.session_state.get(MADE, ""))
    if not any(status.name == name and not status.run.evaluation for status in runs.list_statuses(ws)):
        return
    st.success(f"{plain(name)} is ready: measure it to see it here, or score a source with it.")
    with st.container(horizontal=True, gap="small"):
        if st.button(f"Evaluate {plain(name)}", icon=":material/query_stats:", key="committee-to-evaluate"):
            with errors_shown():
                runs.start_evaluation(ws, run_name=name)
                go("evaluate", run=name)
        if st.button(
            f"Score with {plain(name)}", icon=":material/stacked_bar_chart:", key="committee-to-score"
        ):
            go("score", run=name)


def _show_ways(ws: Workspace, members: list[str]) -> None:
    try:
        compared = compare_combinations(ws, members)
    except LensAppError as error:
        error_box(error)
        return
    lenses = f"{number(compared.n_positive)} of them lenses"
    show_table(
        ways_table(compared),
        title="What each way of combining gives",
        caption=f"{compared.part} part: n = {number(compared.n)}, {lenses}; 95 % limits in brackets; gain, "
        f"with p of none, on {compared.best}, the best single network on the validation part, where "
        "weighted, bayes and stacking are fitted.",
        terms={},
        digits=3,
        file_name="committee-ways",
        key="committee-ways-table",
    )


def show_comparison_form(ws: Workspace, evaluated: list[str]) -> None:
    """Show the form of a new comparison and start it."""
    st.subheader("New comparison")
    st.caption(
        "Each network is trained on the dataset version with the same budget and measured on the test part; "
        "runs beside them are measured only."
    )
    queued = st.session_state.pop(QUEUED, None)
    if queued:
        st.toast(f"{plain(queued)} is queued.", icon=":material/schedule:")
    dataset_name, chosen = _choose_compared(ws, evaluated)
    values = _budget() | chosen
    spread = spread_field(ws, key="compare-spread")
    cells = st.columns([2, 2, 5], vertical_alignment="bottom")
    with cells[0]:
        suggestion = studies.suggest_study_name(ws, comparisons.KIND)
        name = st.text_input(
            "Name", placeholder=suggestion, **kept("name", text(), "", key=f"compare-name-{suggestion}")
        )
    with cells[1]:
        pressed = st.button("Compare", type="primary", icon=":material/play_arrow:", key="compare-start")
    if pressed:
        _start(ws, dataset_name, values, name=name.strip() or suggestion, spread=spread)


def _choose_compared(ws: Workspace, evaluated: list[str]) -> tuple[str, dict[str, list[str]]]:
    """Ask for a dataset version, and for the networks, recipes and runs that are compared on it."""
    left, right = st.columns([2, 3], vertical_alignment="top")
    with left:
        dataset_name = choose(
            "dataset",
            [dataset.name for dataset in runs.training_datasets(ws)],
            label="Dataset version",
        )
    with right:
        beside = st.multiselect(
            "Runs beside them",
            evaluated,
            placeholder="none",
            select_all=False,
            **kept("beside", several_of(evaluated), [], key="compare-beside"),
        )
    models = st.multiselect(  # names are long and several are chosen: each has a row of its own
        "Networks",
        list(NETWORKS),
        format_func=lambda name: NETWORKS[name].title,
        **kept("networks", several_of(list(NETWORKS)), [], key="compare-models"),
        placeholder="none",
        select_all=False,
    )
    published = [preset.name for preset in PRESETS.values() if preset.spec.task.kind == "binary"]
    presets = st.multiselect(
        "Published recipes",
        published,
        format_func=lambda name: PRESETS[name].title,
        **kept("recipes", several_of(published), [], key="compare-presets"),
        placeholder="none",
        help="Those that tell lenses from non-lenses, as the runs beside them do.",
        select_all=False,
    )
    return str(dataset_name), {"models": models, "presets": presets, "runs": beside}


def _budget() -> dict[str, Any]:
    """Show the settings that hold for all networks; return them as values of a ComparisonSpec."""
    cells = st.columns(5, vertical_alignment="bottom")
    with cells[0]:
        epochs = st.number_input(
            "Epochs",
            step=1,
            **kept("epochs", whole(1, MOST), 10, key="compare-epochs"),
            help="Passes through the training part.",
        )
    with cells[1]:
        batch = st.number_input(
            "Batch size", value=None, step=1, placeholder="recipe's own",
            help="Cutouts per step; empty takes 128, or what the recipe says.",
            **kept("batch_size", optional(whole(1, MOST)), None, key="compare-batch"),
        )  # fmt: skip
    with cells[2]:
        minutes = st.number_input(
            "Minutes each", value=None, step=1.0, placeholder="no limit",
            help="Each training ends after this time, and not by its epochs; its best network counts.",
            **kept("minutes", decimal(0.0, MOST), None, key="compare-minutes"),
        )  # fmt: skip
    with cells[3]:
        seed = st.number_input(
            "Seed", step=1, help="The same for all.", **kept("seed", whole(0, MOST), 0, key="compare-seed")
        )
    with cells[4]:
        classical = st.checkbox(
            "Classical baselines",
            **kept("baselines", switch(), default=False, key="compare-baselines"),
            help="Decision tree, SVM, MLP and logistic regression on pixels and on morphology. Only their "
            "evaluation is kept: they cannot score a source.",
        )  # fmt: skip
    training = {"epochs": epochs, "seed": seed} | ({"batch_size": batch} if batch is not None else {})
    if minutes is not None:
        training.pop("epochs")
    return {"training": training, "minutes": minutes, "baselines": BASELINES if classical else ()}


def _start(
    ws: Workspace, dataset_name: str, values: dict[str, Any], *, name: str, spread: str | None
) -> None:
    spec = validated(ComparisonSpec, values)
    if spec is None:
        return
    try:
        study, _ = comparisons.start_comparison(
            ws, dataset_name=dataset_name, spec=spec, name=name, spread=spread
        )
    except LensAppError as error:
        error_box(error)
        return
    st.session_state[QUEUED] = study.name
    st.query_params["study"] = study.name
    st.query_params.pop("compare", None)
    st.rerun()
