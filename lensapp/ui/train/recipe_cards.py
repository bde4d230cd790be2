"""Recipes to choose from as cards: recommended ones, today's networks, those of the documents."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from lensapp.core.train.network_specs import NETWORKS
from lensapp.core.train.presets import PRESETS
from lensapp.core.train.recommended import (
    MEASURED,
    RECOMMENDED,
    group_of,
    offered_networks,
    paper_of,
    recipe_title,
)
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.train import runs
from lensapp.services.train.durations import Duration, Paces, epochs_of, learning_of
from lensapp.services.train.starter import STARTER_NAME, is_starter, starter_recipe, why_not_further
from lensapp.storage.records import Dataset, Run
from lensapp.ui.shared.address import kept, names_said_of, one_of
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.state import recipe_key, selected
from lensapp.ui.shared.widgets import counted, rounded_count
from lensapp.ui.train.training_time import time_words

STYLE = Path(__file__).with_name("train.css")
LIKE = "like "
SEEN_LETTERS = 76  # of title and text, in two lines beside the form at 1280 px
MEANING = (
    "AUROC: on the test part of the demo survey, after training by the recommended recipe. Time: of the "
    "whole training on the part chosen, loading and saving included, going by trainings here; before the "
    "first one a span, from that on our own machine to that on a slow one. Param.: parameters of the network "
    "for the cutouts chosen."
)
FURTHER_LEARNING_RATE = 3e-4  # a third of that from scratch, as docs/real-sky.md trains further
WORDS = {one.preset: one.word for one in RECOMMENDED.values()}
DEFAULT_RECIPE = next(iter(WORDS))
OWN_PRESETS = ("OURS", *WORDS)
OF_TODAY = ("SIMCLR", "FIXMATCH")
HEADINGS = ("Recommended", "Current networks and methods", "From the documents", "From a run")


@dataclass(frozen=True)
class Recipe:
    """Values that a form begins with.

    Attributes
    ----------
    name
        Of the card; distinguishes the widgets of forms.
    title, text
        What it is called, and what is said of it in a sentence or two.
    group
        Number of its heading.
    """

    name: str
    title: str
    text: str
    spec: dict[str, Any]
    group: int

    @property
    def looks_at_unlabelled(self) -> bool:
        """Whether cutouts without labels are looked at beside those with labels."""
        return learning_of(self.spec)[2] != "none"


def recipes_offered(current: Run | None) -> dict[str, Recipe]:
    """Return all recipes by name, and that of a run, in the order in which they are offered."""
    today = PRESETS[RECOMMENDED["equivariant_resnet"].preset].spec.saved()
    recipes = [_preset(name, 0) for name in WORDS]
    recipes.append(
        Recipe(
            STARTER_NAME,
            "Starter network, trained further",
            "Comes with the program; its first layers know lenses in ground-based g, r and i already.",
            starter_recipe() | {"learning_rate": FURTHER_LEARNING_RATE, "initial_run": STARTER_NAME},
            0,
        )
    )
    in_presets = {preset.spec.network for preset in PRESETS.values()}
    by_group: dict[str, list[Recipe]] = {"today": [], "document": []}
    for name in offered_networks():
        info, group = NETWORKS[name], group_of(NETWORKS[name])
        if group in by_group and name not in in_presets:
            title = info.title if group == "today" else f"{info.title} ({paper_of(info)})"
            spec = today | {"network": name, "network_options": {}}
            heading = 1 if group == "today" else 2
            by_group[group].append(Recipe(name, title, info.description, spec, heading))
    recipes += [_preset("OURS", 1), *by_group["today"]]
    recipes += [_preset(name, 1) for name in OF_TODAY]
    documents = [name for name in PRESETS if name not in (*OWN_PRESETS, *OF_TODAY)]
    recipes += [*(_preset(name, 2) for name in documents), *by_group["document"]]
    if current is not None:
        name = LIKE + current.name
        recipes.append(Recipe(name, name, "All settings as they were in that run.", current.spec, 3))
    return {recipe.name: recipe for recipe in recipes}


def _preset(name: str, group: int) -> Recipe:
    preset = PRESETS[name]
    document = "" if group == 0 else f"{preset.document}. "
    return Recipe(name, recipe_title(name), f"{document}{preset.note}", preset.spec.saved(), group)


def figures_line(recipe: Recipe, time: Duration | None, parameters: int | None) -> str:
    """Return what was measured on the demo survey, epochs, the time here and the parameters, in a line."""
    network, task, unlabelled = learning_of(recipe.spec)
    changed = bool(recipe.spec.get("network_options"))
    from_scratch = not recipe.spec.get("initial_run")
    parts = []
    if network in MEASURED and not changed and from_scratch and (task, unlabelled) == ("binary", "none"):
        parts.append(f"AUROC {MEASURED[network].auroc:.2f}")
    before = " · " if time is None else ", " if time.guessed else " "
    parts.append(f"{counted(epochs_of(recipe.spec), 'epoch')}{before}{time_words(time)}")
    if parameters is not None:
        parts.append(f"{rounded_count(parameters)} param.")
    return " · ".join(parts)


def choose_recipe(
    trained: Sequence[Run], *, purpose: str, dataset: Dataset, paces: Paces, begin: str | None = None
) -> Recipe:
    """Show the recommended recipes as cards, the others in a list that is searched by typing.

    Unless the address names one it is that to `begin` with, or else the first.
    Below them stands what is said of the chosen one, which has a card too; the address keeps the choice.
    """
    taken = (run for run in trained if run.name == selected("run") and not is_starter(run))
    current = next((run for run in taken if runs.has_recipe(run)), None)
    recipes = recipes_offered(current)
    barred = why_not_further(dataset.bands)
    further = recipes[STARTER_NAME] if barred is None else recipes.pop(STARTER_NAME)
    key = recipe_key(purpose)

    def line(name: str) -> str:
        spec = recipes[name].spec
        return figures_line(recipes[name], paces.expected(spec, dataset), paces.parameters_of(spec, dataset))

    said = names_said_of(*TrainingSpec.model_fields, "range", "space", "as_last")
    usual = begin if begin in recipes else DEFAULT_RECIPE
    in_address = kept(key, one_of(list(recipes)), usual, resets=said)
    name = st.session_state[key]
    cards = [one for one, recipe in recipes.items() if not recipe.group or one == name]
    st.session_state[key] = name  # another list of cards is another widget, which begins with its first
    st.html(STYLE)
    st.html(_headings_style(key, [recipes[one] for one in cards]))
    with st.container(key=f"recipe-cards-{purpose}", gap="xsmall"):
        st.radio(
            "Recipe",
            cards,
            captions=list(map(line, cards)),
            format_func=lambda one: f"**{plain(recipes[one].title)}**",
            label_visibility="collapsed",
            **in_address,
        )
        if barred is not None:
            st.markdown(f":gray[:material/block: {plain(further.title)}]  \n:gray[:small[{plain(barred)}]]")
        _choose_other({one: recipe for one, recipe in recipes.items() if one not in cards}, key=key)
    chosen = recipes[name]
    with st.container(key=f"recipe-said-{purpose}"):
        begun = opening(chosen.text, SEEN_LETTERS - len(chosen.title))
        whole = f"**{plain(chosen.title)}**: {plain(chosen.text)}"
        st.caption(f"**{plain(chosen.title)}**: {plain(begun)}", help=f"{whole}\n\n{MEANING}")
    return chosen


def _choose_other(recipes: Mapping[str, Recipe], *, key: str) -> None:
    """Show the recipes that have no card in a list, which gives the one that is chosen a card."""

    def take() -> None:
        st.session_state[key] = st.session_state[f"{key}-others"]
        st.session_state[f"{key}-others"] = None

    st.selectbox(
        "Other recipes",
        list(recipes),
        index=None,
        format_func=lambda one: recipes[one].title,
        placeholder=f"{len(recipes)} other recipes: type a name",
        label_visibility="collapsed",
        key=f"{key}-others",
        on_change=take,
        filter_mode="contains",
    )


def opening(text: str, most: int) -> str:
    """Return the whole phrases of a text that so many letters hold, with dots where more follows."""
    if len(text) <= most:
        return text
    ends = [found.start() for found in re.finditer(r"[.,:;] ", text) if found.start() <= most]
    return f"{text[: ends[-1] if ends else text.rfind(' ', 0, max(most, 1))]} …"


def _headings_style(key: str, recipes: Sequence[Recipe]) -> str:
    """Return the style that puts headings above the first card of each group: a list has none of its own."""
    rules = []
    for group, heading in enumerate(HEADINGS):
        first = next((place for place, one in enumerate(recipes, start=1) if one.group == group), None)
        measured = any("AUROC" in figures_line(one, None, None) for one in recipes if one.group == group)
        by_ours = ", by our recipe" if group > 1 else ""
        of_demo = f" (AUROC: demo survey{by_ours})" if measured else ""
        if first is not None:
            card = f'.st-key-{key} [role="radiogroup"] > :nth-child({first})::before'
            rules.append(f'{card} {{ content: "{heading}{of_demo}"; }}')
    return f"<style>{' '.join(rules)}</style>"
