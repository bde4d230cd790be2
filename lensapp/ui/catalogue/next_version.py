"""Freeze the next dataset version, and train on it: what votes and hard negatives have in common."""

from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

import streamlit as st

from lensapp.services.catalogue.feedback import (
    Retraining,
    changed_from_scratch,
    retrain,
    retraining,
    start_of,
)
from lensapp.services.split.versions import next_name, stem_of
from lensapp.storage.records import Dataset, Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.catalogue.table import class_name
from lensapp.ui.shared.address import kept, one_of, put, text
from lensapp.ui.shared.forms import say_if_impossible
from lensapp.ui.shared.markup import plain, plain_all
from lensapp.ui.shared.page_head import ButtonType
from lensapp.ui.shared.state import go, select
from lensapp.ui.shared.widgets import Plan, Rules, counted, with_middle

MOST_PICTURES = 24
MOST_NAMED = 3  # reviews
TAKE_MIDDLE = "Take the middle of each only"
MIDDLE_HELP = "The new version remembers it; whoever trains on it or scores with its networks sees the same."
AS_IT, SCRATCH, WARM = "as it began", "from scratch", "from its weights"


def planned(plan: Callable[[Rules], Plan], rules: Rules, *, key: str) -> Plan | None:
    """Return what is planned by the rules; of larger cutouts once their middle is asked for, else None."""
    return with_middle(plan, rules, label=TAKE_MIDDLE, key=key, help_text=MIDDLE_HELP)


def labels_in_words(counts: Mapping[str, int], *, new: bool = False) -> str:
    """Return "27 lenses and 73 non-lenses", or "27 new lenses and …" with `new`, for counts by label."""
    before = "new " if new else ""
    return " and ".join(
        counted(count, f"{before}{class_name(label)}") for label, count in sorted(counts.items()) if count
    )


def reviews_in_words(names: Sequence[str]) -> str:
    """Return the names of reviews for Markdown, or only how many there are where they are many."""
    return plain_all(names) if len(names) <= MOST_NAMED else counted(len(names), "review")


def choose_to_freeze(
    ws: Workspace, parent: Dataset, *, key: str, kind: ButtonType = "primary", stacked: bool = False
) -> str | None:
    """Ask for the name of a new version; return it, "" for the usual one, once it is to be frozen.

    The button, of this `kind`, stands beside the name, or below it where they are `stacked`.
    """
    left, right = (st.container(), st.container()) if stacked else st.columns(2, vertical_alignment="bottom")
    with left:
        typed = st.text_input(
            "Name of the new version",
            placeholder=next_name(ws, stem_of(parent.name)),
            **kept("name", text(), "", key=f"{key}-name-{parent.name}"),
        )
        say_if_impossible(typed)
    with right:
        pressed = st.button(
            "Freeze new version",
            type=kind,
            icon=":material/ac_unit:",
            key=f"{key}-freeze",
            width="stretch",
        )
    return typed.strip() if pressed else None


def rerun_with(made: Dataset) -> NoReturn:
    """Select the version that was frozen; what stands on top of the page then says what it holds."""
    select("dataset", made.name)
    for asked in ("version", "name"):  # of the one before
        put(asked, [])
    st.rerun()


def show_retraining(ws: Workspace, *, negatives_of: Source | None = None) -> bool:
    """Offer to train again on the newest version that votes or hard negatives have made.

    With `negatives_of` only where it holds hard negatives of that source. Return whether it is the next step:
    nothing has been trained on that version.
    """
    offer = retraining(ws)
    if offer is None:
        return False
    newest = offer.dataset
    if negatives_of is not None and newest.spec.get("source") != negatives_of.name:
        return False
    with st.container(border=True, key="feedback-made"):
        st.markdown(f":material/check_circle: **{plain(newest.name)}** {_what_it_holds(offer)}.")
        if offer.trained is not None:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.caption(
                    f"Trained on it: {plain(offer.trained.name)}, {offer.trained.state}.", width="content"
                )
                if st.button(f"See {plain(offer.trained.name)}", type="tertiary", key="feedback-trained"):
                    go("train", run=offer.trained.name, dataset=newest.name)
        if not offer.recipes:
            if st.button("Train on it", type="primary", key="feedback-train"):
                go("train", dataset=newest.name)
        else:
            _offer_recipes(ws, offer)
    return offer.trained is None


def _what_it_holds(offer: Retraining) -> str:
    """Return what the newest version has that the one before it had not, as Markdown."""
    spec = offer.dataset.spec
    if "reviews" in spec:
        holds = f"holds the votes of {reviews_in_words(spec['reviews'])}"
    else:
        negatives = sum(spec.get("added", {}).values())
        holds = (
            f"holds {counted(negatives, 'non-lens')} of {plain(spec['source'])}, those with the highest "
            f"scores of {plain(spec['run'])}"
        )
    more = {label: count for label, count in offer.gained.items() if count > 0}
    if "reviews" in spec and offer.parent and more:
        holds += f": {labels_in_words(more)} more than {plain(offer.parent)}"
    return holds


def _offer_recipes(ws: Workspace, offer: Retraining) -> None:
    """Offer to train with the settings of a run, from scratch or from its weights."""
    newest = offer.dataset
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        with st.container(width=200):
            recipe = st.selectbox(
                "With the settings of",
                offer.recipes,
                **kept("retrain_like", one_of(offer.recipes), offer.recipes[0], key="feedback-recipe"),
            )
        begun = start_of(ws, dataset_name=newest.name, recipe=recipe)
        starts = (
            {SCRATCH: None, WARM: recipe} if begun is None else {AS_IT: begun, SCRATCH: None, WARM: recipe}
        )
        key = "feedback-start" if begun is None else "feedback-start-further"
        start = st.segmented_control(
            "Start",
            list(starts),
            required=True,
            format_func=lambda one: f"from {begun}, as it did" if one == AS_IT else one,
            **kept("retrain_from", one_of(list(starts)), next(iter(starts)), key=key),
            width="content",
            help=_starts_in_words(recipe, begun),
        )
        pressed = st.button(
            "Train again",
            type="primary" if offer.trained is None else "secondary",
            icon=":material/model_training:",
            key="feedback-retrain",
            width="stretch",
        )
    if start == SCRATCH and (changed := changed_from_scratch(ws, recipe)):
        st.caption(f"{plain(recipe)} did not begin from scratch: now with {changed}, as our recipe has it.")
    if pressed:
        run_name = retrain(ws, dataset_name=newest.name, recipe=recipe, initial_run=starts[start])
        go("train", run=run_name, dataset=newest.name)


def _starts_in_words(recipe: str, begun: str | None) -> str:
    """Return what a training can begin with, as Markdown."""
    as_it = "" if begun is None else f"From {plain(begun)}, as it did: what {plain(recipe)} began with. "
    return (
        f"{as_it}From scratch: random weights. From its weights: the best network of {plain(recipe)} "
        "is trained further (warm start), which takes fewer epochs and keeps what it has learned."
    )
