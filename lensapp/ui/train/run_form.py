"""The form of the next run: a published recipe, then every hyper-parameter."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st

from lensapp.core.config import Spec
from lensapp.core.errors import InvalidInput
from lensapp.core.train.network_specs import NETWORKS, caution_of
from lensapp.core.train.networks.info import NetworkInfo
from lensapp.core.train.presets import PRESETS
from lensapp.core.train.recommended import RECOMMENDED, offer_of, offered_networks
from lensapp.core.train.tasks import BinaryTask, ClassTask, ContrastiveTask, RegressionTask
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.data.sources import ready_sources
from lensapp.services.train import runs
from lensapp.services.train.starter import STARTER_NAME, starter_recipe
from lensapp.services.train.task_checks import task_words
from lensapp.storage.records import Dataset, Run
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.forms import spec_fields, validated
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.state import choose, recipe_key, select, selected
from lensapp.ui.shared.widgets import errors_shown, number

NAME_HELP = "Empty takes the name shown."
LIKE = "like "
FROM_STARTER = "Starter network"
FURTHER_LEARNING_RATE = 3e-4  # a third of that from scratch, as docs/real-sky.md trains further
QUEUED = "train-queued"
RECOMMENDED_RECIPES = {one.preset: one.word for one in RECOMMENDED.values()}
DEFAULT_RECIPE = next(iter(RECOMMENDED_RECIPES))
MAIN_FIELDS = (
    "epochs",
    "batch_size",
    "learning_rate",
    "optimizer",
    "weight_decay",
    "weight_decay_as",
    "loss",
    "early_stopping_patience",
    "batch_momentum",
    "weight_average",
    "gradient_clip",
)
CLASS_FIELDS = (
    "class_weights",
    "oversampling",
    "monitor",
    "monitor_fpr",
    "label_smoothing",
    "focal_gamma",
    "prior_bias",
    "average_orientations",
)
TASKS: dict[str, tuple[str, type[Spec]]] = {
    "binary": ("lens or not", BinaryTask),
    "classes": ("classes", ClassTask),
    "regression": ("values", RegressionTask),
    "contrastive": ("features", ContrastiveTask),
}
OF_VALIDATION = ("loss", "early_stopping_patience")
OTHER_FIELDS = ("seed", "precision", "shuffle", "event_files", "mlflow")
TRANSFER_FIELDS = ("frozen_fraction", "unfreeze_epoch", "unfreeze_factor", "initial_weights")
OF_CLASSES = ("binary", "classes")
NESTED_FIELDS = ("schedule", "augmentation", "normalisation", "input")
DEVICES = ("auto", "cpu", "gpu:0", "gpu:1")


@dataclass(frozen=True)
class Recipe:
    """Where the form starts from: a name for its widgets, and the values of a recipe."""

    name: str
    spec: dict[str, Any]


@dataclass(frozen=True)
class Filled:
    """What was entered: dataset version, unvalidated values of a recipe, and a name or an empty text."""

    dataset: Dataset
    values: dict[str, Any]
    name: str
    key: str


def show_run_form(ws: Workspace) -> None:
    """Show the form and start the run it describes."""
    st.subheader("New run")
    queued = st.session_state.pop(QUEUED, None)
    if queued:
        st.toast(
            f"{plain(queued)} is queued; its curves are at the top of this page.",
            icon=":material/show_chart:",
        )
    filled = recipe_form(
        ws,
        purpose="train",
        prefix="new-run",
        suggest=lambda network: runs.suggest_run_name(ws, network),
        clear_name=bool(queued),
    )
    if not st.button("Start training", type="primary", icon=":material/play_arrow:", key="train-start"):
        return
    spec = validated(TrainingSpec, filled.values)
    if spec is None:
        return
    with errors_shown():
        run, _ = runs.start_training(
            ws, dataset_name=filled.dataset.name, spec=spec, name=filled.name or None
        )
        select("run", run.name)
        st.session_state[QUEUED] = run.name
        st.rerun()


def recipe_form(
    ws: Workspace, *, purpose: str, prefix: str, suggest: Callable[[str], str], clear_name: bool
) -> Filled:
    """Show recipe, dataset version, network, initial run, name and every hyper-parameter.

    Parameters
    ----------
    purpose, prefix
        Distinguish the widgets of forms: that of the recipe, and those of its values.
    suggest
        Makes a name from the name of the network.
    clear_name
        Empties the name, which has been taken.
    """
    trained = [status.run for status in runs.list_statuses(ws)]
    recipe = _choose_recipe(trained, purpose=purpose)
    key = f"{prefix}-{recipe.name}"
    if clear_name:
        st.session_state[f"{key}-name"] = ""
    # Two and two: names of versions and networks with their papers need half of a page of 1280 px.
    cells = [*st.columns(2, vertical_alignment="top"), *st.columns(2, vertical_alignment="top")]
    with cells[0]:
        versions = {dataset.name: dataset for dataset in runs.training_datasets(ws)}
        dataset = versions[choose("dataset", list(versions), label="Dataset version") or ""]
        counts = dataset.counts.get("train", {})
        lenses = number(counts.get("lens", 0))
        st.caption(f"{number(sum(counts.values()))} training cutouts, {lenses} of them lenses")
    offered = offered_networks()
    with cells[1]:
        network = NETWORKS[
            st.selectbox(
                "Network",
                offered,
                index=offered.index(recipe.spec["network"]),
                format_func=lambda name: offer_of(NETWORKS[name]),
                key=f"{key}-network",
                help="Two that we recommend, then networks of today, then those of the documents, which are "
                "named with their papers; options are below.",
            )
        ]
        st.caption(network.description)
    with cells[2]:
        startable = [run.name for run in trained if run.model == network.name and runs.has_network(ws, run)]
        if network.name == starter_recipe()["network"] and STARTER_NAME not in startable:
            startable.append(STARTER_NAME)
        initial_run = st.selectbox(
            "Start from",
            [None, *startable],
            index=1 + startable.index(STARTER_NAME)
            if recipe.name == STARTER_NAME and STARTER_NAME in startable
            else 0,
            format_func=lambda name: name or "scratch",
            key=f"{key}-{network.name}-initial",
            help=TrainingSpec.model_fields["initial_run"].description,
        )
    name = cells[3].text_input("Name", key=f"{key}-name", placeholder=suggest(network.name), help=NAME_HELP)
    values = _recipe_fields(ws, dataset.name, recipe, network, key=key)
    return Filled(dataset, values | {"network": network.name, "initial_run": initial_run}, name.strip(), key)


def _choose_recipe(trained: list[Run], *, purpose: str) -> Recipe:
    """Show the published recipes, that of the starter network, and that of the selected run.

    The address keeps the choice.
    """
    current = next(
        (
            run
            for run in trained
            if run.name == selected("run") and run.name != STARTER_NAME and runs.has_recipe(run)
        ),
        None,
    )
    key = recipe_key(purpose)
    options = [*RECOMMENDED_RECIPES, *(name for name in PRESETS if name not in RECOMMENDED_RECIPES)]
    options += [STARTER_NAME, *([LIKE + current.name] if current else [])]
    asked = st.query_params.get(key, DEFAULT_RECIPE)
    st.session_state[key] = asked if asked in options else DEFAULT_RECIPE

    def keep() -> None:
        st.query_params[key] = st.session_state[key]

    option = st.segmented_control(
        "Recipe",
        options,
        required=True,
        key=key,
        on_change=keep,
        format_func=_recipe_title,
        help="The two that we recommend, published settings, or those of the selected run; everything stays "
        "editable below.",
    )
    if option == STARTER_NAME:
        st.caption(
            "The network that comes with the program, trained further: its first layers know lenses in "
            "ground-based g, r and i already."
        )
        return Recipe(STARTER_NAME, starter_recipe() | {"learning_rate": FURTHER_LEARNING_RATE})
    if option is not None and option not in PRESETS and current is not None:
        return Recipe(current.name, current.spec)
    preset = PRESETS[option if option in PRESETS else DEFAULT_RECIPE]
    st.caption(f"{preset.document}. {preset.note}")
    return Recipe(preset.name, preset.spec.saved())


def _recipe_title(option: str) -> str:
    if option in RECOMMENDED_RECIPES:
        network = NETWORKS[PRESETS[option].spec.network]
        return f"{RECOMMENDED_RECIPES[option].capitalize()}: {network.title}"
    if option == STARTER_NAME:
        return FROM_STARTER
    return PRESETS[option].title if option in PRESETS else plain(option)


def _recipe_fields(
    ws: Workspace, dataset_name: str, recipe: Recipe, network: NetworkInfo, *, key: str
) -> dict[str, Any]:
    """Show the tasks that a network can learn with the fields of one, then every hyper-parameter."""
    task_of_recipe = recipe.spec.get("task") or {"kind": "binary"}
    unlabelled = tuple(source.name for source in ready_sources(ws))
    looks_at_unlabelled = (recipe.spec.get("unlabelled") or {}).get("kind", "none") != "none"
    left, right = st.columns([2, 3], vertical_alignment="top")
    with left:
        kind = st.segmented_control(
            "Task",
            list(TASKS),
            default=task_of_recipe["kind"],
            required=True,
            key=f"{key}-task",
            format_func=lambda kind: TASKS[kind][0],
            help=TrainingSpec.model_fields["task"].description,
        )
    with right:
        task = spec_fields(
            TASKS[kind][1],
            key=f"{key}-task-{kind}",
            values=task_of_recipe if task_of_recipe["kind"] == kind else {},
            columns=2,
            offered={**task_words(ws, dataset_name, kind), "source": unlabelled},
        )

    fields = partial(spec_fields, TrainingSpec, key=key, values=recipe.spec, offered={"source": unlabelled})
    values: dict[str, Any] = {"task": {"kind": kind, **task}}
    values |= fields(only=fields_of(kind), columns=3)
    values["network_options"] = _network_fields(recipe, network, key=key)
    values |= fields(
        only=(*NESTED_FIELDS, "unlabelled") if kind in OF_CLASSES else NESTED_FIELDS,
        columns=3,
        unfolded=("unlabelled",) if looks_at_unlabelled else (),
    )
    with st.expander("Transfer: frozen layers, published weights"):
        values |= fields(only=TRANSFER_FIELDS, columns=2)
    with st.expander("Device, seed and precision"):
        values |= fields(only=OTHER_FIELDS, columns=2)
        values["device"] = st.selectbox(
            "Device",
            DEVICES,
            index=DEVICES.index(recipe.spec.get("device", "auto")),
            key=f"{key}-device",
            help=TrainingSpec.model_fields["device"].description,
            accept_new_options=True,
        )
    return values


def fields_of(kind: str) -> tuple[str, ...]:
    """Return the plain settings of a recipe that a kind of task has a use for."""
    if kind in OF_CLASSES:
        return MAIN_FIELDS + CLASS_FIELDS
    left_out = OF_VALIDATION if kind == "contrastive" else ()
    return tuple(name for name in MAIN_FIELDS if name not in left_out)


def _network_fields(recipe: Recipe, network: NetworkInfo, *, key: str) -> dict[str, Any]:
    """Show the options of a network, and what speaks against those that are chosen."""
    with st.expander(f"Options of {network.title}"):
        st.caption(network.document)
        options = recipe.spec.get("network_options", {}) if network.name == recipe.spec["network"] else {}
        chosen = spec_fields(network.spec, key=f"{key}-{network.name}", values=options, columns=3)
        if network.family == "own":
            st.warning("Training, scoring and explaining with this network run its code on this machine.")
    with suppress(InvalidInput):  # said when the training is started
        if caution := caution_of(network.name, chosen):
            st.warning(caution)
    return chosen
