"""The form of the next run: a published recipe, then every hyper-parameter."""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lensapp.core.config import Spec
from lensapp.core.errors import InvalidInput
from lensapp.core.train.network_specs import NETWORKS, caution_of
from lensapp.core.train.networks.info import NetworkInfo
from lensapp.core.train.recommended import SMALLEST_PIXELS, offer_of, offered_networks
from lensapp.core.train.tasks import BinaryTask, ClassTask, ContrastiveTask, RegressionTask
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.data.sources import ready_sources
from lensapp.services.train import runs
from lensapp.services.train.beginnings import starts_offered
from lensapp.services.train.durations import Paces, epochs_of, paces_of
from lensapp.services.train.runs import RunStatus
from lensapp.services.train.starter import STARTER_NAME
from lensapp.services.train.task_checks import task_words
from lensapp.storage.records import Dataset, Run
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.address import kept, names_said_of, one_of, text, typed
from lensapp.ui.shared.forms import say_if_impossible, spec_fields, validated, within
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_head import ButtonType
from lensapp.ui.shared.state import choose, select
from lensapp.ui.shared.widgets import errors_shown, fold, number
from lensapp.ui.train.last_settings import as_in_last, begun_as_offered, last_by_recipe, recipe_to_begin_with
from lensapp.ui.train.recipe_cards import Recipe, choose_recipe
from lensapp.ui.train.training_time import start_words

NAME_HELP = "Empty takes the name shown."
QUEUED = "train-queued"
MAIN_FIELDS = (
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
FORM = "train-form"  # in which the form scrolls as far as its end
FORM_AND_RUN = 3, 5  # widths of the form and of what is beside it: a card's figures fit a line at 1280 px
DEVICES = ("auto", "cpu", "gpu:0", "gpu:1")


@dataclass(frozen=True)
class Filled:
    """What was entered: dataset version, unvalidated values of a recipe, and a name or an empty text.

    `below_recipe` is room for what is done with the recipe, before its values.
    """

    dataset: Dataset
    values: dict[str, Any]
    name: str
    key: str
    below_recipe: DeltaGenerator


def show_run_form(ws: Workspace, statuses: Sequence[RunStatus], *, start: ButtonType) -> None:
    """Show the form, which scrolls in the place with the key FORM, and the button, of type `start`, below."""
    queued = st.session_state.pop(QUEUED, None)
    if queued:
        st.toast(
            f"{plain(queued)} is queued; its curves are drawn at the top of the page.",
            icon=":material/show_chart:",
        )
    trained = [status.run for status in statuses]
    paces = paces_of(ws, trained)
    with st.container(key="train-form-fields", gap="small"):
        filled = recipe_form(
            ws,
            trained,
            paces,
            purpose="train",
            prefix="new-run",
            columns=2,
            suggest=lambda network: runs.suggest_run_name(ws, network),
            clear_name=bool(queued),
        )
    with st.container(key="train-form-start", gap="xsmall"):
        refused = st.container(gap="xsmall")  # in sight, as the button is
        started = st.button(
            "Start training",
            type=start,
            icon=":material/play_arrow:",
            key="train-start",
            width="stretch",
        )
        time = paces.expected(filled.values, filled.dataset)
        st.caption(plain(start_words(time, epochs=epochs_of(filled.values))))
        if small := _too_small(filled, paces.side_of(filled.dataset)):
            st.warning(plain(small), icon=":material/straighten:")
    if started:
        with refused:
            _start(ws, filled)


def _start(ws: Workspace, filled: Filled) -> None:
    """Start what was entered, or say why not where the page writes."""
    spec = validated(TrainingSpec, filled.values, name=filled.name)
    if spec is None:
        return
    with errors_shown():
        run, _ = runs.start_training(
            ws, dataset_name=filled.dataset.name, spec=spec, name=filled.name or None
        )
        select("run", run.name)
        st.session_state[QUEUED] = run.name
        st.rerun()


def _too_small(filled: Filled, side: int | None) -> str | None:
    """Return that cutouts are too small for the network as its document has it, None where not."""
    network, options = str(filled.values.get("network")), filled.values.get("network_options") or {}
    least = SMALLEST_PIXELS.get(network, 0)
    if side is None or side >= least:
        return None
    usual = NETWORKS[network].spec().saved()
    if any(usual.get(name) != value for name, value in options.items()):
        return None
    return (
        f"This network takes cutouts of {least} × {least} pixels or more; these are {side} × {side}. "
        "Choose another, or import larger cutouts."
    )


def recipe_form(
    ws: Workspace,
    trained: Sequence[Run],
    paces: Paces,
    *,
    purpose: str,
    prefix: str,
    columns: int,
    suggest: Callable[[str], str],
    clear_name: bool,
    asked_apart: Callable[[str, dict[str, Any]], Collection[str]] = lambda _key, _values: (),
) -> Filled:
    """Show dataset version, recipe and the settings most often changed; all others are folded.

    Parameters
    ----------
    trained
        All runs, one of which can be started from.
    purpose, prefix
        Distinguish the widgets of forms: that of the recipe, and those of its values.
    columns
        In which the settings stand.
    suggest
        Makes a name from the name of the network.
    clear_name
        Empties the name, which has been taken.
    asked_apart
        Returns the settings that are asked for below the recipe and not among its values, of the key of the
        form and the recipe with its network.
    """
    versions = {dataset.name: dataset for dataset in runs.training_datasets(ws)}
    dataset = versions[choose("dataset", list(versions), label="Dataset version") or ""]
    last = last_by_recipe(ws, trained, dataset) if purpose == "train" else {}
    begin = recipe_to_begin_with(last)
    recipe = choose_recipe(trained, purpose=purpose, dataset=dataset, paces=paces, begin=begin)
    key = f"{prefix}-{recipe.name}"
    below_recipe, usual = st.container(gap="small"), st.container(gap="small")
    starts = starts_offered(ws, trained, dataset, recipe.spec["network"])
    if purpose != "train":  # weights of a run here have seen the cutouts of which folds are dealt
        starts = [name for name in starts if name == STARTER_NAME]
    with usual:
        recipe = begun_as_offered(as_in_last(recipe, last.get(recipe.name), starts, key=key), starts)
    with fold("All settings", key=f"{key}-all-fold", expanded=recipe.looks_at_unlabelled):
        network = _choose_network(recipe, key=key)
        begun = recipe.spec | {"network": network.name, "network_options": _options(recipe, network)}
        apart = asked_apart(key, begun)
        values = _recipe_fields(ws, dataset.name, recipe, network, key=key, columns=columns, apart=apart)
    with usual:
        if clear_name:
            st.session_state[f"{key}-name"] = ""
        usual_fields = partial(
            spec_fields, TrainingSpec, key=key, values=recipe.spec, keep="", elsewhere=apart
        )
        naming, lasting = st.columns(2)
        with naming:
            name = _ask_name(suggest(network.name), key=f"{key}-name")
        with lasting:
            values |= usual_fields(only=("epochs",), columns=1)
        values |= usual_fields(only=("batch_size", "learning_rate"), columns=2)
        st.caption(_learned_from(dataset, purpose=purpose))
        initial_run = _choose_start(ws, trained, dataset, recipe, network, key=key)
    values |= {"network": network.name, "initial_run": initial_run}
    return Filled(dataset, values, name.strip(), key, below_recipe)


def _ask_name(suggestion: str, *, key: str) -> str:
    name: str = st.text_input(
        "Name", placeholder=suggestion, help=NAME_HELP, **kept("name", text(), "", key=key)
    )
    say_if_impossible(name)
    return name


def _learned_from(dataset: Dataset, *, purpose: str) -> str:
    """Return how many cutouts networks learn from; folds are dealt of two parts."""
    parts, words = ["train"], "training cutouts"
    if purpose == "kfold":
        parts, words = ["train", "validation"], "cutouts of training and validation part"
    counts = [dataset.counts.get(part, {}) for part in parts]
    lenses = sum(part.get("lens", 0) for part in counts)
    return f"{number(sum(sum(part.values()) for part in counts))} {words}, {number(lenses)} of them lenses"


def _choose_network(recipe: Recipe, *, key: str) -> NetworkInfo:
    offered = offered_networks()
    network = NETWORKS[
        st.selectbox(
            "Network",
            offered,
            format_func=lambda name: offer_of(NETWORKS[name]),
            **kept(
                "network",
                one_of(offered),
                recipe.spec["network"],
                key=f"{key}-network",
                resets=names_said_of("network_options", "initial_run"),
            ),
            help="Another network by the same recipe: two that we recommend, with AUROC and training time, "
            "then current networks, then published ones, with their papers.",
        )
    ]
    st.caption(network.description)
    return network


def _choose_start(
    ws: Workspace,
    trained: Sequence[Run],
    dataset: Dataset,
    recipe: Recipe,
    network: NetworkInfo,
    *,
    key: str,
) -> str | None:
    """Show the runs whose weights a training can begin with, and scratch."""
    startable = starts_offered(ws, trained, dataset, network.name)
    begun = recipe.spec.get("initial_run")
    return st.selectbox(
        "Start from",
        [None, *startable],
        format_func=lambda name: name or "scratch",
        placeholder="scratch",
        help=TrainingSpec.model_fields["initial_run"].description,
        **kept(
            "initial_run",
            one_of([None, *startable]),
            begun if begun in startable else None,
            key=f"{key}-{network.name}-initial",
        ),
    )


def _recipe_fields(
    ws: Workspace,
    dataset_name: str,
    recipe: Recipe,
    network: NetworkInfo,
    *,
    key: str,
    columns: int,
    apart: Collection[str],
) -> dict[str, Any]:
    """Show the tasks that a network can learn with the fields of one, then the other settings."""
    unlabelled = tuple(source.name for source in ready_sources(ws))
    task = _task_fields(ws, dataset_name, recipe, key=key, columns=columns, unlabelled=unlabelled)
    kind = task["kind"]
    fields = partial(
        spec_fields,
        TrainingSpec,
        key=key,
        values=recipe.spec,
        offered={"source": unlabelled},
        keep="",
        elsewhere=apart,
    )
    values: dict[str, Any] = {"task": task}
    values |= fields(only=fields_of(kind), columns=columns)
    of_network = within(apart, "network_options")
    values["network_options"] = _network_fields(recipe, network, key=key, columns=columns, apart=of_network)
    values |= fields(
        only=(*NESTED_FIELDS, "unlabelled") if kind in OF_CLASSES else NESTED_FIELDS,
        columns=columns,
        unfolded=("unlabelled",) if recipe.looks_at_unlabelled else (),
    )
    with fold("Transfer: frozen layers, published weights", key=f"{key}-transfer-fold"):
        values |= fields(only=TRANSFER_FIELDS, columns=min(columns, 2))
    with fold("Device, seed and precision", key=f"{key}-machine-fold"):
        values |= fields(only=OTHER_FIELDS, columns=min(columns, 2))
        values["device"] = st.selectbox(
            "Device",
            DEVICES,
            help=TrainingSpec.model_fields["device"].description,
            accept_new_options=True,
            **kept("device", typed(DEVICES), str(recipe.spec.get("device", "auto")), key=f"{key}-device"),
        )
    return values


def _task_fields(
    ws: Workspace, dataset_name: str, recipe: Recipe, *, key: str, columns: int, unlabelled: Sequence[str]
) -> dict[str, Any]:
    """Show the tasks that a network can learn, and the fields of the chosen one."""
    task_of_recipe = recipe.spec.get("task") or {"kind": "binary"}
    kind = st.segmented_control(
        "Task",
        list(TASKS),
        required=True,
        format_func=lambda kind: TASKS[kind][0],
        help=TrainingSpec.model_fields["task"].description,
        **kept(
            "task",
            one_of(list(TASKS)),
            task_of_recipe["kind"],
            key=f"{key}-task",
            resets=[name for name in names_said_of("task") if name != "task"],
        ),
    )
    task = spec_fields(
        TASKS[kind][1],
        key=f"{key}-task-{kind}",
        values=task_of_recipe if task_of_recipe["kind"] == kind else {},
        columns=columns,
        offered={**task_words(ws, dataset_name, kind), "source": unlabelled},
        keep="task.",
    )
    return {"kind": kind, **task}


def fields_of(kind: str) -> tuple[str, ...]:
    """Return the plain settings of a recipe that a kind of task has a use for."""
    if kind in OF_CLASSES:
        return MAIN_FIELDS + CLASS_FIELDS
    left_out = OF_VALIDATION if kind == "contrastive" else ()
    return tuple(name for name in MAIN_FIELDS if name not in left_out)


def _options(recipe: Recipe, network: NetworkInfo) -> dict[str, Any]:
    """Return the options of a network in a recipe; none where the recipe is of another network."""
    return recipe.spec.get("network_options", {}) if network.name == recipe.spec["network"] else {}


def _network_fields(
    recipe: Recipe, network: NetworkInfo, *, key: str, columns: int, apart: Collection[str]
) -> dict[str, Any]:
    """Show the options of a network, and what speaks against those that are chosen."""
    with fold(f"Options of {network.title}", key=f"{key}-{network.name}-fold"):
        st.caption(network.document)
        chosen = spec_fields(
            network.spec,
            key=f"{key}-{network.name}",
            values=_options(recipe, network),
            columns=columns,
            keep="network_options.",
            elsewhere=apart,
        )
        if network.family == "own":
            st.warning("Training, scoring and explaining with this network run its code on this machine.")
    with suppress(InvalidInput):  # said when the training is started
        if caution := caution_of(network.name, chosen):
            st.warning(caution)
    return chosen
