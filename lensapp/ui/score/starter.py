"""The starter network: offered wherever a network is chosen and told apart from others, with its card."""

from collections.abc import Container, Sequence

import streamlit as st

from lensapp.services.selected_chain import proposed_run
from lensapp.services.train.run_listing import studies_last
from lensapp.services.train.starter import (
    REMARK,
    STARTER_NAME,
    install_starter,
    is_starter,
    starter_card,
    why_not_further,
)
from lensapp.storage.records import Dataset, Run, Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.state import choose, get_workspace, go, recipe_key, selected

STILL_LEARNING = "still training, with the best network so far"


def choose_run(
    ws: Workspace, trained: Sequence[Run], imported: Sequence[Source], *, under_way: Container[str] = ()
) -> Run:
    """Show the runs that have a network, the starter network among them always, and return the chosen one.

    The best that has scored the selected source of those `imported` is proposed, else the best that takes
    it. Folds and trials come last, as
    do those `under_way`, which say that they still learn. The starter network becomes a run of the workspace
    when it is chosen first; a run of the user's own with its name stays.
    """
    offered = sorted(studies_last(ws, trained), key=lambda run: run.name in under_way)
    names = [run.name for run in offered]
    first = None
    if offered and selected("run") is None:
        source = next((one for one in imported if one.name == selected("source")), None)
        first = proposed_run(ws, offered, source).name
    names += [] if STARTER_NAME in names else [STARTER_NAME]
    own = any(run.name == STARTER_NAME and not is_starter(run) for run in trained)
    remarks = {name: STILL_LEARNING for name in names if name in under_way}
    remarks |= {} if own else {STARTER_NAME: REMARK}
    name = choose("run", names, label="Run", remarks=remarks, first=first)
    return next((run for run in trained if run.name == name), None) or install_starter(ws)


def offer_starter(versions: Sequence[Dataset] = ()) -> None:
    """Offer to score cutouts with the starter network, beside its card.

    Of the dataset versions it is trained further on the newest whose bands it reads.
    """
    with st.container(border=True, key="starter", gap="small"):
        st.markdown("A small trained network comes with the program, for ground-based cutouts in g, r and i.")
        buttons = st.container(horizontal=True)
    with buttons:
        show_starter_card()
        if st.button(
            "Score your cutouts with the starter network",
            icon=":material/rocket_launch:",
            key="score-with-starter",
        ):
            go("score", run=install_starter(get_workspace()).name)
        fitting = [one.name for one in versions if why_not_further(one.bands) is None]
        if fitting and st.button(
            "Train it further on your labels",
            icon=":material/model_training:",
            key="train-from-starter",
            help="Opens Train with its recipe, and with its weights to start from.",
        ):
            go("train", dataset=fitting[0], view={recipe_key("train"): STARTER_NAME})


def show_starter_card() -> None:
    """Show on demand what the starter network learned from, what it can do and what not."""
    with st.popover("Card of the starter network", icon=":material/id_card:", width="content"):
        st.markdown(starter_card())
