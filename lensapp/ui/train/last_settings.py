"""What the last training by a recipe changed of it: the form of the next one begins with that."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from lensapp.core.config import label_of
from lensapp.core.plurals import first_of
from lensapp.core.train.network_specs import NETWORKS
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.train import runs
from lensapp.services.train.beginnings import OF_BEGINNING, from_scratch, scratch_in_words
from lensapp.services.train.durations import learning_of
from lensapp.services.train.run_listing import trained_along
from lensapp.services.train.starter import is_starter
from lensapp.storage.records import Dataset, Run
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.address import kept, switch
from lensapp.ui.shared.forms import make_field
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.widgets import number
from lensapp.ui.train.recipe_cards import Recipe, recipes_offered

SEARCHED = 30  # of the newest trainings of a dataset version and those before it
NAMED = 3  # changed settings in the line; its help names all
FEW = 3  # changed settings, up to which a training tells which recipe the form begins with
NO_SETTINGS = ("version", "network", "fold", "folds", "fold_seed")


def last_by_recipe(ws: Workspace, trained: Sequence[Run], dataset: Dataset) -> dict[str, Run]:
    """Return the last training by each recipe, by its name, on a dataset version or one that it came from.

    A training is by the recipe of which it changed least. Folds and trials of studies do not count.
    """
    along = trained_along(ws, trained, dataset)
    own = [run for run in along if runs.has_recipe(run) and not is_starter(run)]
    last: dict[str, Run] = {}
    recipes = recipes_offered(None)
    for run in own[:SEARCHED]:
        alike = [one for one in recipes.values() if learning_of(one.spec) == learning_of(run.spec)]
        if alike:
            nearest = min(alike, key=lambda one: len(changed_settings(run.spec, one.spec)))
            last.setdefault(nearest.name, run)
    return last


def recipe_to_begin_with(last: Mapping[str, Run]) -> str | None:
    """Return the recipe of the last training, unless that changed much of it; None where nothing tells it."""
    recipes = recipes_offered(None)
    newest = max(last.items(), key=lambda one: (one[1].created_at, one[1].id), default=None)
    if newest is None:
        return None
    name, run = newest
    labelled = learning_of(run.spec)[1] != "contrastive"  # one without labels prepares another
    return name if labelled and len(changed_settings(run.spec, recipes[name].spec)) <= FEW else None


def changed_settings(spec: Mapping[str, Any], recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a training that differ from those of a recipe, also what it began with."""
    used, before = _complete(spec), _complete(recipe)
    return {
        name: used[name]
        for name in ("initial_run", *TrainingSpec.model_fields)
        if name not in NO_SETTINGS and used[name] != before[name]
    }


def _complete(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with the usual ones where they say nothing, also of the network."""
    settings = TrainingSpec().saved() | dict(spec)
    network = NETWORKS.get(settings["network"])
    usual = {} if network is None else network.spec().saved()
    return settings | {"network_options": usual | (settings["network_options"] or {})}


def as_in_last(recipe: Recipe, last: Run | None, starts: Collection[str], *, key: str) -> Recipe:
    """Say what the last training changed of a recipe; return the recipe so changed, unless switched off.

    The weights that it began with are taken over where they are among `starts`; else what goes with them is
    the recipe's own.
    """
    changed = {} if last is None else changed_settings(last.spec, recipe.spec)
    begun = None if last is None else last.spec.get("initial_run")
    lost = begun is not None and begun not in starts
    if lost:
        changed = {name: value for name, value in changed.items() if name not in OF_BEGINNING}
    if last is None or not (changed or lost):
        return recipe
    if changed:
        words = [_in_words(name, value) for name, value in changed.items()]
        named = first_of(words, NAMED)
        wanted = st.toggle(
            f"As in {plain(last.name)}: {plain(named)}",
            help=f"Changed in that training: {plain(', '.join(words))}. Off: the recipe's own values.",
            **kept("as_last", switch(), default=True, key=f"{key}-as-last"),
        )
        if not wanted:
            return recipe
    if lost:
        st.caption(
            f"{plain(last.name)} began with the weights of {plain(str(begun))}, which are not to be had for "
            "this version: start, learning rate and epochs are the recipe's."
        )
    return replace(recipe, spec=recipe.spec | changed)


def begun_as_offered(recipe: Recipe, starts: Collection[str]) -> Recipe:
    """Return a recipe that begins with weights to be had; say so where it is changed to one from scratch."""
    begun = recipe.spec.get("initial_run")
    if begun is None or begun in starts:
        return recipe
    st.caption(
        f"{plain(recipe.title)}, which began with the weights of {plain(str(begun))}: here from scratch, "
        f"with {scratch_in_words(recipe.spec)}."
    )
    return replace(recipe, spec=from_scratch(recipe.spec))


def _in_words(name: str, value: Any) -> str:
    """Return a setting with its value, or its name alone where the value is one of several numbers."""
    if name == "initial_run":
        return "from scratch" if value is None else f"from the weights of {value}"
    info = TrainingSpec.model_fields[name]
    label = label_of(name, info)
    label = label[0].lower() + label[1:]
    if isinstance(value, bool):
        return f"{label} {'on' if value else 'off'}"
    if isinstance(value, int | float):
        return f"{label} {number(value)}"
    if value is None or isinstance(value, str):
        field = make_field(name, info, {name: value}, key="")
        return f"{label} {(field.when_empty or 'none') if value is None else field.option(value)}"
    return label
