"""Forms of the Compare page: a new comparison, and a committee of ticked runs."""

from collections.abc import Sequence
from typing import Any

import annotated_types
import streamlit as st

from lensapp.core.config import bound_of
from lensapp.core.errors import LensAppError
from lensapp.core.train.baseline_spec import KINDS as BASELINES
from lensapp.core.train.baseline_spec import BaselineSpec
from lensapp.core.train.committees import COMBINATIONS, CommitteeSpec
from lensapp.core.train.comparison_spec import ComparisonSpec
from lensapp.core.train.presets import PRESETS
from lensapp.core.train.recommended import RECOMMENDED, offered_networks, recipe_title
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.data.sources import ready_sources
from lensapp.services.evaluate.combinations import compare_combinations
from lensapp.services.evaluate.committees import make_committee, suggest_committee_name
from lensapp.services.evaluate.figure_tables import ways_table
from lensapp.services.train import comparisons, runs, studies
from lensapp.services.train.comparisons import Compared
from lensapp.services.train.durations import Paces, paces_of
from lensapp.storage.records import Dataset
from lensapp.storage.workspace import Workspace
from lensapp.ui.evaluate.compare.compare_preview import recipe_of, show_preview
from lensapp.ui.evaluate.page_example import show_compare_example
from lensapp.ui.evaluate.tables import show_table
from lensapp.ui.shared.address import (
    any_whole,
    decimal,
    kept,
    one_of,
    optional,
    put_together,
    several_of,
    switch,
    text,
)
from lensapp.ui.shared.forms import say_if_impossible, validated
from lensapp.ui.shared.job_controls import spread_field
from lensapp.ui.shared.markup import plain, plain_all, shortened
from lensapp.ui.shared.page_head import ButtonType, lead_to_cutouts
from lensapp.ui.shared.state import VIEW, choose, go, select
from lensapp.ui.shared.widgets import (
    counted,
    duration,
    empty_state,
    error_box,
    errors_shown,
    heading,
    number,
    number_within,
    optional_within,
    question,
)
from lensapp.ui.train.training_time import time_in_all

NEW, COSTS = "new", "costs"
"""Views of the page: the form, and what a comparison under way is followed on."""
FORM_WIDTH = 760  # pixels: wider, its few fields are far apart
WHAT_ONE_GETS = (
    "All are trained and measured on the same cutouts. You get: which is better, with a paired test of "
    "whether chance would give as much; scores of each that can be calibrated; and, of the best together, a "
    "combined score as a committee."
)
AT_FIRST = tuple(one.preset for one in RECOMMENDED.values())
OFFERED = [
    *AT_FIRST,
    *(one.name for one in PRESETS.values() if one.spec.task.kind == "binary" and one.name not in AT_FIRST),
    *offered_networks(),
]
INPUTS = ComparisonSpec.model_fields["baselines_on"].default
QUEUED = "compare-queued"
LEAST_MINUTES, MOST_MINUTES = 0.01, 100_000.0
LETTERS_OF_NAMES, LONGEST_NAME = 34, 26  # that the row has room for at 1280 pixels, and of one name
MADE = "compare-committee-made"


def show_no_dataset(ws: Workspace) -> None:
    """Say that networks need a dataset version to be compared on, and lead to where one is made."""
    box = empty_state(
        "No dataset to compare networks on yet",
        "Networks are compared on one frozen dataset version. Split a source first.",
        icon=":material/leaderboard:",
    )
    if not ready_sources(ws):
        lead_to_cutouts(box, key="compare-to-cutouts")
    elif box.button("Split a source", icon=":material/call_split:", type="primary", key="compare-to-split"):
        go("split")
    show_compare_example()


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


def show_comparison_form(ws: Workspace, evaluated: list[str], *, start: ButtonType = "primary") -> None:
    """Ask three questions of a new comparison, the rest folded, and start it; beside stands what it compares.

    `start` is the type of the button that starts it.
    """
    queued = st.session_state.pop(QUEUED, None)
    if queued:
        st.toast(f"{plain(queued)} is queued.", icon=":material/schedule:")
    with st.container(horizontal=True, gap="medium"):
        form = st.container(width=FORM_WIDTH)
        beside = st.container(key="compare-beside-form")
    with form:
        heading("New comparison")
        st.caption(WHAT_ONE_GETS)
        with question("On which cutouts?"):
            versions = {dataset.name: dataset for dataset in runs.training_datasets(ws)}
            dataset = versions[str(choose("dataset", list(versions), label="Dataset version"))]
        with question("Which networks?"):
            names = _ask_networks()
        with question("How long is each trained?"):
            epochs = number_within(
                "Epochs",
                *_limits("epochs"),
                step=1,
                width=200,
                **kept("epochs", any_whole(), 10, key="compare-epochs"),
                help="Passes through the training part, the same for all.",
            )
        with st.expander("More settings", icon=":material/tune:"):
            further, minutes = _ask_further(evaluated)
            spread = spread_field(ws, key="compare-spread")
            suggestion = studies.suggest_study_name(ws, comparisons.KIND)
            in_address = kept("name", text(), "", key=f"compare-name-{suggestion}")
            name = st.text_input("Name", placeholder=suggestion, **in_address)
            say_if_impossible(name)
        paces = paces_of(ws, [status.run for status in runs.list_statuses(ws)])
        refused = st.container()  # in sight, as the button is
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            pressed = st.button(
                "Train and compare", type=start, icon=":material/play_arrow:", key="compare-start"
            )
            st.caption(_time_in_all(names, dataset, paces, epochs=epochs, minutes=minutes))
    with beside:
        kinds = further["baselines"]
        others = [BaselineSpec(baseline=kind, on=on).label for on in INPUTS for kind in kinds]
        others += further["runs"]
        show_preview(names, others, dataset, paces, epochs=epochs, minutes=minutes)
    training = further.pop("training") | ({} if minutes is not None else {"epochs": epochs})
    values = {**_by_kind(names), **further, "training": training, "minutes": minutes}
    if pressed:
        with refused:
            _start(ws, dataset.name, values, name=name.strip() or suggestion, spread=spread)


def _ask_networks() -> list[str]:
    """Ask which recipes and networks are trained: at first those that are recommended."""
    return st.multiselect(
        "Recipes and networks",
        OFFERED,
        format_func=recipe_title,
        **kept("networks", several_of(OFFERED), list(AT_FIRST), key="compare-networks"),
        placeholder="none",
        select_all=False,
        help="Recipes that tell lenses from non-lenses, each with its own settings; then networks, which are "
        "trained by the usual ones.",
    )


def _limits(name: str) -> tuple[int, int]:
    """Return the least and the largest whole number that a setting of a training may be."""
    info = TrainingSpec.model_fields[name]
    return bound_of(info, annotated_types.Ge, "ge"), bound_of(info, annotated_types.Le, "le")


def _by_kind(names: list[str]) -> dict[str, list[str]]:
    """Return recipes and networks apart, as a ComparisonSpec has them."""
    return {
        "presets": [name for name in names if name in PRESETS],
        "models": [name for name in names if name not in PRESETS],
    }


def _ask_further(evaluated: list[str]) -> tuple[dict[str, Any], float | None]:
    """Ask for what seldom matters; return values of a ComparisonSpec, and the minutes of each training."""
    beside = st.multiselect(
        "Runs beside them",
        evaluated,
        placeholder="none",
        select_all=False,
        **kept("beside", several_of(evaluated), [], key="compare-beside"),
        help="Trained before: they are measured only.",
    )
    classical = st.checkbox(
        "Classical baselines",
        **kept("baselines", switch(), default=False, key="compare-baselines"),
        help="Decision tree, SVM, MLP and logistic regression on pixels and on morphology. Only their "
        "evaluation is kept: they cannot score a source.",
    )
    cells = st.columns(3, vertical_alignment="bottom")
    below = st.container()
    with cells[0]:
        batch = optional_within(
            "Batch size", *_limits("batch_size"), said_in=below, value=None, step=1,
            placeholder="recipe's own", help="Cutouts per step; empty takes 128, or what the recipe says.",
            **kept("batch_size", optional(any_whole()), None, key="compare-batch"),
        )  # fmt: skip
    with cells[1]:
        minutes = optional_within(
            "Minutes each", LEAST_MINUTES, MOST_MINUTES, said_in=below, value=None, step=1.0,
            placeholder="no limit",
            help="Each training ends after this time, and not by its epochs; its best network counts.",
            **kept("minutes", decimal(), None, key="compare-minutes"),
        )  # fmt: skip
    with cells[2]:
        seed = number_within(
            "Seed", *_limits("seed"), said_in=below, step=1, help="The same for all.",
            **kept("seed", any_whole(), 0, key="compare-seed"),
        )  # fmt: skip
    training = {"seed": seed} | ({"batch_size": batch} if batch is not None else {})
    return {"training": training, "runs": beside, "baselines": BASELINES if classical else ()}, minutes


def _time_in_all(
    names: list[str], dataset: Dataset, paces: Paces, *, epochs: int, minutes: float | None
) -> str:
    """Return how long all trainings will take together, as far as it is known."""
    if not names:
        return ""
    if minutes is not None:
        return f"≈ {duration(60 * minutes * len(names))} in all."
    times = [paces.expected(recipe_of(name, epochs=epochs), dataset) for name in names]
    return time_in_all(times, epochs=epochs)


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
    put_together({"study": [study.name], "compare": [], VIEW: [COSTS]})  # where its progress is seen
    st.rerun()


def chosen_words(names: Sequence[str]) -> str:
    """Return how many runs are chosen, and as many of their names as a row has room for."""
    if not names:
        return "Choose runs"
    shown = [shortened(name, most=LONGEST_NAME) for name in names]
    fitting = next(
        (count for count in range(len(shown), 1, -1) if len(", ".join(shown[:count])) <= LETTERS_OF_NAMES), 1
    )
    more = "" if fitting == len(shown) else f" and {len(shown) - fitting} more"
    return f"**{counted(len(names), 'run')}:** {plain(', '.join(shown[:fitting]))}{more}"
