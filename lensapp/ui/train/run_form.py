"""The form of the next run: a recipe of the documents, then every hyper-parameter."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from lensapp.core.errors import LensAppError
from lensapp.core.train.network_specs import NETWORKS, find_network
from lensapp.core.train.networks.info import NetworkInfo
from lensapp.core.train.presets import PRESETS
from lensapp.core.train.tasks import BinaryTask, ClassTask, RegressionTask
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.train import runs
from lensapp.services.train.task_checks import task_words
from lensapp.storage import datasets
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.forms import spec_fields, validated
from lensapp.ui.shared.state import choose, select, selected
from lensapp.ui.shared.widgets import error_box, number

LIKE = "like "
QUEUED = "train-queued"
DEFAULT_RECIPE = "S5"
MAIN_FIELDS = (
    "epochs",
    "batch_size",
    "learning_rate",
    "optimizer",
    "weight_decay",
    "early_stopping_patience",
    "batch_momentum",
)
CLASS_FIELDS = ("class_weights", "monitor")
TASKS = {"binary": "lens or not", "classes": "classes", "regression": "values"}
OTHER_FIELDS = ("seed", "precision", "shuffle")
TRANSFER_FIELDS = ("frozen_fraction", "unfreeze_epoch", "unfreeze_factor", "initial_weights")
NESTED_FIELDS = ("schedule", "augmentation", "normalisation", "input")
DEVICES = ("auto", "cpu", "gpu:0", "gpu:1")


@dataclass(frozen=True)
class Recipe:
    """Where the form starts from."""

    name: str
    title: str
    note: str
    spec: dict[str, Any]


@dataclass(frozen=True)
class Filled:
    """What was entered: dataset version, unvalidated values of a recipe, and a name or an empty text."""

    dataset: str
    values: dict[str, Any]
    name: str
    key: str


def show(ws: Workspace) -> None:
    """Show the form and start the run it describes."""
    st.subheader("New run")
    queued = st.session_state.pop(QUEUED, None)
    if queued:
        st.toast(f"{queued} is queued; its curves are at the top of this page.", icon=":material/show_chart:")
    filled = recipe_form(ws, clear_name=bool(queued))
    if st.button("Start training", type="primary", icon=":material/play_arrow:", key="train-start"):
        _start(ws, filled.dataset, filled.values, name=filled.name or None)


def recipe_form(
    ws: Workspace,
    *,
    purpose: str = "train",
    prefix: str = "new-run",
    suggest: Callable[[Workspace, str], str] = runs.suggest_run_name,
    clear_name: bool = False,
) -> Filled:
    """Show recipe, dataset version, network, initial run, name and every hyper-parameter.

    Parameters
    ----------
    purpose, prefix
        Distinguish the widgets of forms: that of the recipe, and those of its values.
    suggest
        Makes a name from the workspace and the name of the network.
    clear_name
        Empties the name, which has been taken.
    """
    recipe = _choose_recipe(ws, purpose=purpose)
    key = f"{prefix}-{recipe.name}"
    if clear_name:
        st.session_state[f"{key}-name"] = ""
    cells = st.columns(4, vertical_alignment="top")
    with cells[0]:
        dataset_name = _choose_dataset(ws)
    with cells[1]:
        network = _choose_network(recipe, key=key)
    with cells[2]:
        initial = _choose_initial(ws, network.name, key=key)
    with cells[3]:
        suggestion = suggest(ws, network.name)
        name = st.text_input(
            "Name", key=f"{key}-name", placeholder=suggestion, help="Empty takes the name shown."
        )
    task = _choose_task(ws, dataset_name, recipe, key=key)
    values = _hyper_parameters(recipe, network, task["kind"], key=key) | {"task": task}
    values |= {"network": network.name, "initial_run": initial}
    return Filled(dataset_name, values, name.strip(), key)


def _choose_recipe(ws: Workspace, *, purpose: str) -> Recipe:
    current = _current_run(ws)
    options = [*PRESETS] + ([LIKE + current.name] if current else [])
    chosen = st.segmented_control(
        "Recipe",
        options,
        default=DEFAULT_RECIPE,
        required=True,
        key=f"{purpose}-recipe",
        format_func=_recipe_label,
        help="The documents' settings, or those of the run shown; everything stays editable below.",
    )
    if chosen is not None and chosen not in PRESETS and current is not None:
        return Recipe(current.name, current.model, f"The settings of {current.name}.", current.spec)
    preset = PRESETS[chosen if chosen in PRESETS else DEFAULT_RECIPE]
    st.caption(f"{preset.document}. {preset.note}")
    return Recipe(preset.name, preset.title, preset.note, preset.spec.saved())


def _recipe_label(option: str) -> str:
    return f"{option} · {PRESETS[option].title}" if option in PRESETS else option


def _current_run(ws: Workspace) -> Run | None:
    name = selected("run")
    found = (status.run for status in runs.list_statuses(ws) if status.run.name == name)
    return next((run for run in found if runs.has_recipe(run)), None)


def _choose_dataset(ws: Workspace) -> str:
    known = datasets.list_datasets(ws.database)
    name = choose("dataset", [dataset.name for dataset in known], label="Dataset version") or ""
    counts = next(dataset for dataset in known if dataset.name == name).counts.get("train", {})
    st.caption(
        f"{number(sum(counts.values()))} training cutouts, {number(counts.get('lens', 0))} of them lenses"
    )
    return name


def _choose_network(recipe: Recipe, *, key: str) -> NetworkInfo:
    names = list(NETWORKS)
    chosen = st.selectbox(
        "Network",
        names,
        index=names.index(recipe.spec["network"]),
        format_func=_network_title,
        key=f"{key}-network",
        help="The architecture; its options are below.",
    )
    network = find_network(chosen)
    st.caption(network.description)
    return network


def _network_title(name: str) -> str:
    return NETWORKS[name].title


def _choose_initial(ws: Workspace, network: str, *, key: str) -> str | None:
    """Return the run to start warm from, or None for a new network."""
    ready = [
        status.run.name
        for status in runs.list_statuses(ws)
        if status.run.model == network and runs.has_network(ws, status.run)
    ]
    return st.selectbox(
        "Start from",
        [None, *ready],
        format_func=_initial_label,
        key=f"{key}-{network}-initial",
        help=TrainingSpec.model_fields["initial_run"].description,
    )


def _initial_label(name: str | None) -> str:
    return name or "scratch"


def _choose_task(ws: Workspace, dataset_name: str, recipe: Recipe, *, key: str) -> dict[str, Any]:
    """Show what a network can be asked and the fields of the task chosen; return them."""
    given = recipe.spec.get("task") or {"kind": "binary"}
    kinds = {inner.model_fields["kind"].default: inner for inner in (BinaryTask, ClassTask, RegressionTask)}
    left, right = st.columns([2, 3], vertical_alignment="top")
    with left:
        kind = st.segmented_control(
            "Task",
            list(TASKS),
            default=given["kind"],
            required=True,
            key=f"{key}-task",
            format_func=TASKS.__getitem__,
            help=TrainingSpec.model_fields["task"].description,
        )
    with right:
        kept = given if given["kind"] == kind else {}
        offered = task_words(ws, dataset_name, kind)
        fields = spec_fields(kinds[kind], key=f"{key}-task-{kind}", values=kept, columns=2, offered=offered)
    return {"kind": kind, **fields}


def _hyper_parameters(recipe: Recipe, network: NetworkInfo, kind: str, *, key: str) -> dict[str, Any]:
    fields = MAIN_FIELDS if kind == "regression" else MAIN_FIELDS + CLASS_FIELDS
    values = spec_fields(TrainingSpec, key=key, values=recipe.spec, only=fields, columns=3)
    with st.expander(f"Options of {network.title}"):
        st.caption(network.document)
        same = network.name == recipe.spec["network"]
        kept = recipe.spec.get("network_options", {}) if same else {}
        values["network_options"] = spec_fields(
            network.spec, key=f"{key}-{network.name}", values=kept, columns=3
        )
    values |= spec_fields(TrainingSpec, key=key, values=recipe.spec, only=NESTED_FIELDS, columns=3)
    with st.expander("Transfer: frozen layers, published weights"):
        values |= spec_fields(TrainingSpec, key=key, values=recipe.spec, only=TRANSFER_FIELDS, columns=2)
    with st.expander("Device, seed and precision"):
        values |= spec_fields(TrainingSpec, key=key, values=recipe.spec, only=OTHER_FIELDS, columns=2)
        values["device"] = st.selectbox(
            "Device",
            DEVICES,
            index=DEVICES.index(recipe.spec.get("device", "auto")),
            key=f"{key}-device",
            help=TrainingSpec.model_fields["device"].description,
            accept_new_options=True,
        )
    return values


def _start(ws: Workspace, dataset_name: str, values: dict[str, Any], *, name: str | None) -> None:
    spec = validated(TrainingSpec, values)
    if spec is None:
        return
    try:
        run, _ = runs.start_training(ws, dataset_name=dataset_name, spec=spec, name=name)
    except LensAppError as error:
        error_box(error)
        return
    select("run", run.name)
    st.session_state[QUEUED] = run.name
    st.rerun()
