"""The form of the next cross-validation or search: a recipe as on the Train page, and what to do with it."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st

from lensapp.core.errors import InvalidInput
from lensapp.core.train.search_space import Choices, Setting, figure_words, parse_space, settings_of
from lensapp.core.train.study_spec import KfoldSpec, SearchSpec, StudyKind
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.train import studies
from lensapp.services.train.durations import Paces, epochs_of, paces_of
from lensapp.services.train.runs import list_statuses
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.address import kept, several_of, text, will_hold
from lensapp.ui.shared.forms import spec_fields, validated
from lensapp.ui.shared.job_controls import spread_field
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.state import select
from lensapp.ui.shared.widgets import errors_shown, fold, heading
from lensapp.ui.train.run_form import Filled, recipe_form
from lensapp.ui.train.study_plots import words
from lensapp.ui.train.training_time import time_in_all
from lensapp.ui.train.trials_told import may_end_early

QUEUED = "study-queued"
TITLES = {"kfold": "New cross-validation", "search": "New search"}
OF_TRIALS = ("trials", "timeout_seconds")
FEWEST_FOLDS = 2
FIRST_SEARCH_SECONDS, FEWEST_TRIALS = 600.0, 4  # of a search as the form begins
FOLDED_LETTERS = 30  # of choices side by side that a column of the form holds
USUAL = ("learning_rate", "batch_size", "weight_decay")


@dataclass(frozen=True)
class Plan:
    """What a form describes: a recipe, and unvalidated values of what is done with it."""

    filled: Filled
    values: Mapping[str, Any]


def show_study_form(ws: Workspace, kind: StudyKind, *, busy: bool) -> Plan:
    """Show the form, which scrolls, and below it the button that starts the study; return what it describes.

    The button is a secondary one while a study goes on (`busy`).
    """
    with st.container(key="train-form", gap="small"):
        heading(TITLES[kind])
        queued = st.session_state.pop(QUEUED, None)
        if queued:
            st.toast(f"{plain(queued)} is queued.", icon=":material/schedule:")
        trained = [status.run for status in list_statuses(ws)]
        paces = paces_of(ws, trained)
        with st.container(key="train-form-fields", gap="small"):
            filled, values = _fields(ws, kind, trained, paces, clear_name=bool(queued))
            spread = spread_field(ws, key=f"{kind}-spread")
        with st.container(key="train-form-start", gap="xsmall"):
            refused = st.container(gap="xsmall")  # in sight, as the button is
            started = st.button(
                "Start cross-validation" if kind == "kfold" else "Start search",
                type="secondary" if busy else "primary",
                icon=":material/play_arrow:",
                key=f"{kind}-start",
                width="stretch",
            )
            st.caption(_time_words(filled, values, paces, kind=kind))
    if started:
        with refused:
            _start(ws, kind, filled, values, spread=spread)
    return Plan(filled, values)


def _time_words(filled: Filled, values: Mapping[str, Any], paces: Paces, *, kind: StudyKind) -> str:
    """Return how long all trainings of a study take together, as far as it is known; first what is amiss."""
    epochs = epochs_of(filled.values)
    if kind == "kfold":
        folds = int(values["folds"])
        if folds < FEWEST_FOLDS:
            return f"Set “Folds” to {FEWEST_FOLDS} or more: then the time is told."
        each = paces.expected(filled.values, filled.dataset, folds=folds)
        return time_in_all([each] * folds if each else [None], epochs=epochs)
    each = paces.expected(filled.values, filled.dataset)
    trials = [each] * int(values["trials"]) if each else [None]
    in_all = time_in_all(trials, epochs=epochs, at_most=values["timeout_seconds"])
    return in_all + (" Trials that fall behind end earlier." if each and may_end_early(values) else "")


def _fields(
    ws: Workspace, kind: StudyKind, trained: Sequence[Run], paces: Paces, *, clear_name: bool
) -> tuple[Filled, dict[str, Any]]:
    """Show the recipe and, before its values, what is done with it: folds or settings to try."""
    filled = recipe_form(
        ws,
        trained,
        paces,
        purpose=kind,
        prefix=f"new-{kind}",
        columns=2,
        suggest=lambda _network: studies.suggest_study_name(ws, kind),
        clear_name=clear_name,
        **({"asked_apart": _searched} if kind == "search" else {}),
    )
    with filled.below_recipe:
        return filled, _kfold_fields(ws, filled) if kind == "kfold" else _search_fields(filled, paces)


def _start(
    ws: Workspace, kind: StudyKind, filled: Filled, values: dict[str, Any], *, spread: str | None
) -> None:
    training = validated(TrainingSpec, filled.values, name=filled.name)
    if training is None:
        return
    dataset_name = filled.dataset.name
    with errors_shown():
        if kind == "kfold":
            spec = KfoldSpec.parse(values | {"training": training.saved()})
            study, _ = studies.start_kfold(
                ws, dataset_name=dataset_name, spec=spec, name=filled.name or None, spread=spread
            )
        else:
            space = parse_space(str(values.get("space", "")), training)
            ranges = {setting: limits.saved() for setting, limits in space.items()}
            search = SearchSpec.parse(values | {"training": training.saved(), "space": ranges})
            study, _ = studies.start_search(
                ws, dataset_name=dataset_name, spec=search, name=filled.name or None, spread=spread
            )
        select("study", study.name)
        st.session_state[QUEUED] = study.name
        st.rerun()


def _kfold_fields(ws: Workspace, filled: Filled) -> dict[str, Any]:
    """Show number of folds and seed; those of the dataset version, where it was split with folds."""
    frozen_folds = studies.own_folds(ws, filled.dataset.name)
    values = spec_fields(
        KfoldSpec,
        key=f"kfold-{filled.dataset.name}",
        values={"folds": frozen_folds} if frozen_folds >= 2 else None,
        only=("folds", "seed"),
        columns=2,
        keep="kfold.",
    )
    st.caption(
        f"{plain(filled.dataset.name)} was split with {frozen_folds} folds; these are used, the same for all "
        "networks."
        if frozen_folds >= 2 and values["folds"] == frozen_folds
        else "Training and validation part together are dealt by whole groups; the test part is kept aside."
    )
    return values


def _trials_at_first(filled: Filled, paces: Paces) -> int:
    """Return how many trials a search begins with: of about ten minutes here, as far as that is known.

    A session keeps the number: another recipe, or a training that has ended, does not change it unasked.
    """
    each, usual = (
        paces.expected(filled.values, filled.dataset),
        int(SearchSpec.model_fields["trials"].default),
    )
    if each is None:
        return usual
    fitting = min(max(int(FIRST_SEARCH_SECONDS / each.seconds), FEWEST_TRIALS), usual)
    return int(st.session_state.setdefault("search-first-trials", fitting))


def _search_fields(filled: Filled, paces: Paces) -> dict[str, Any]:
    """Show the settings to try, each with its range, how many trials, and folded how these are chosen."""
    tried = st.container(gap="small")
    fields = partial(spec_fields, SearchSpec, key="search", columns=2, keep="search.", room=FOLDED_LETTERS)
    values = fields(only=OF_TRIALS, values={"trials": _trials_at_first(filled, paces)})
    with fold("How trials are chosen and ended", key="search-trials-fold"):
        values |= fields(skip=("training", "space", "version", *OF_TRIALS))
    with suppress(InvalidInput), tried:  # said when the study is started
        values["space"] = _space_fields(filled, settings_of(TrainingSpec.parse(filled.values)))
    return values


def _searched(key: str, recipe: Mapping[str, Any]) -> list[str]:
    """Return the settings that a search tries, each shown with its range and not with one value too."""
    with suppress(InvalidInput):  # said when the study is started
        settings = list(settings_of(TrainingSpec.parse(dict(recipe))))
        return will_hold("space", several_of(settings), _usually_tried(settings), key=f"{key}-space")
    return []


def _usually_tried(settings: Iterable[str]) -> list[str]:
    there = {*settings}
    return [name for name in USUAL if name in there]


def _space_fields(filled: Filled, settings: Mapping[str, Setting]) -> str:
    """Show the settings to try, each with a field for its range; return them as text."""
    names = st.multiselect(
        "Settings to try",
        list(settings),
        format_func=words,
        help="Every setting of the recipe and of its network that has bounds or alternatives.",
        **kept(
            "space",
            several_of(list(settings)),
            _usually_tried(settings),
            key=f"{filled.key}-space",
        ),
    )
    ranges = []
    for name in names:
        setting, limits = settings[name], settings[name].limits
        if isinstance(limits, Choices):
            suggestion, notation = "|".join(map(str, limits.values)), "Choices, as A|B."
        else:
            suggestion = f"{figure_words(limits.low)} to {figure_words(limits.high)}"
            notation = "Range, as 10⁻⁵ to 0.1; 1e-5:0.1 is read as well."
        entered = st.text_input(
            f"{setting.title}, in place of {plain(fixed_value(filled, name))}",
            help=f"{setting.description} {notation}",
            **kept(f"range.{name}", text(), suggestion, key=f"{filled.key}-range-{name}"),
        )
        ranges.append(f"{name}={entered.strip() or suggestion}")
    return ",".join(ranges)


def fixed_value(filled: Filled, name: str) -> str:
    """Return the value that a setting has in the recipe, and no more when it is searched."""
    value: Any = filled.values
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return figure_words(value) if isinstance(value, float) else "none" if value is None else str(value)
