"""The form of the next cross-validation or search: a recipe as on the Train page, and what to do with it."""

from typing import Any

import streamlit as st

from lensapp.core.errors import InvalidInput, LensAppError
from lensapp.core.train.search_space import Choices, Setting, parse_space, settings_of
from lensapp.core.train.study_spec import KfoldSpec, SearchSpec, StudyKind
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.train import studies
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.forms import spec_fields, validated
from lensapp.ui.shared.state import select
from lensapp.ui.shared.widgets import error_box
from lensapp.ui.train.run_form import Filled, recipe_form
from lensapp.ui.train.study_plots import words

QUEUED = "study-queued"
TITLES = {"kfold": "New cross-validation", "search": "New search"}
USUAL = ("learning_rate", "batch_size", "weight_decay")


def show_study_form(ws: Workspace, kind: StudyKind) -> None:
    """Show the form and start the study it describes."""
    st.subheader(TITLES[kind])
    queued = st.session_state.pop(QUEUED, None)
    if queued:
        st.toast(f"{queued} is queued.", icon=":material/schedule:")
    above = st.container()
    filled = recipe_form(
        ws,
        purpose=kind,
        prefix=f"new-{kind}",
        suggest=lambda _network: studies.suggest_study_name(ws, kind),
        clear_name=bool(queued),
    )
    with above:
        values = _kfold_fields(filled) if kind == "kfold" else _search_fields(filled)
    label = "Start cross-validation" if kind == "kfold" else "Start search"
    if st.button(label, type="primary", icon=":material/play_arrow:", key=f"{kind}-start"):
        _start(ws, kind, filled, values)


def _kfold_fields(filled: Filled) -> dict[str, Any]:
    own = int(filled.dataset.spec.get("folds") or 0)
    values = spec_fields(
        KfoldSpec,
        key=f"kfold-{filled.dataset.name}",
        values={"folds": own} if own >= 2 else None,
        only=("folds", "seed"),
        columns=4,
    )
    st.caption(
        f"{filled.dataset.name} was split with {own} folds; these are used."
        if own >= 2 and values["folds"] == own
        else "Cutouts for training and validation are dealt by whole groups; the test part is kept aside."
    )
    return values


def _search_fields(filled: Filled) -> dict[str, Any]:
    values = spec_fields(
        SearchSpec,
        key="search",
        skip=("training", "space", "version"),
        columns=4,
    )
    try:
        settings = settings_of(TrainingSpec.parse(filled.values))
    except InvalidInput:  # said below, when the study is started
        return values
    names = st.multiselect(
        "Settings to try",
        list(settings),
        [name for name in USUAL if name in settings],
        key=f"{filled.key}-space",
        format_func=words,
        help="Every setting of the recipe and of its network that has bounds or alternatives.",
    )
    values["space"] = ",".join(_range_field(settings[name], key=filled.key) for name in names)
    return values


def _range_field(setting: Setting, *, key: str) -> str:
    """Show the range of a setting as text; return `name=range`."""
    limits = setting.limits
    if isinstance(limits, Choices):
        suggestion, notation = "|".join(map(str, limits.values)), "Choices, as A|B."
    else:
        suggestion, notation = f"{limits.low:g}:{limits.high:g}", "Range, as LOW:HIGH."
    text = st.text_input(
        setting.title,
        suggestion,
        key=f"{key}-range-{setting.name}",
        help=f"{setting.description} {notation}",
        width=320,
    )
    return f"{setting.name}={text.strip() or suggestion}"


def _start(ws: Workspace, kind: StudyKind, filled: Filled, values: dict[str, Any]) -> None:
    training = validated(TrainingSpec, filled.values)
    if training is None:
        return
    try:
        if kind == "kfold":
            spec = KfoldSpec.parse(values | {"training": training.saved()})
            study, _ = studies.start_kfold(
                ws, dataset_name=filled.dataset.name, spec=spec, name=filled.name or None
            )
        else:
            space = parse_space(str(values.get("space", "")), training)
            ranges = {name: limits.saved() for name, limits in space.items()}
            search = SearchSpec.parse(values | {"training": training.saved(), "space": ranges})
            study, _ = studies.start_search(
                ws, dataset_name=filled.dataset.name, spec=search, name=filled.name or None
            )
    except LensAppError as error:
        error_box(error)
        return
    select("study", study.name)
    st.session_state[QUEUED] = study.name
    st.rerun()
