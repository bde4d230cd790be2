"""What a search would try, shown beside its form before the first one is started."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from lensapp.core.errors import InvalidInput
from lensapp.core.train.search_space import AnyRange, Choices, figure_words, parse_space
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.widgets import counted, heading
from lensapp.ui.train.study_form import Plan, fixed_value
from lensapp.ui.train.study_plots import words
from lensapp.ui.train.trials_told import trials_words


def show_search_plan(plan: Plan) -> None:
    """Show the settings that a search would try, and how many trials there are; the form has their time."""
    try:
        space = parse_space(str(plan.values.get("space", "")), TrainingSpec.parse(plan.filled.values))
    except InvalidInput as error:
        st.info(plain(str(error)), icon=":material/info:")
        return
    with st.container(border=True, gap="small"):
        heading("What this search would try")
        st.dataframe(
            pd.DataFrame(plan_rows(plan, space)),
            hide_index=True,
            height="content",
            key="search-plan",
        )
        st.markdown(trials_words(plan.values, epochs=_epochs(plan, space)))


def plan_rows(plan: Plan, space: Mapping[str, AnyRange]) -> list[dict[str, str]]:
    """Return a row for each setting: its value in the recipe, what is tried and how values are drawn."""
    return [
        {
            "setting": words(name),
            "in the recipe": fixed_value(plan.filled, name),
            "tried": _tried(limits),
            "drawn": _drawn(limits),
        }
        for name, limits in space.items()
    ]


def _tried(limits: AnyRange) -> str:
    if isinstance(limits, Choices):
        return ", ".join(str(one) for one in limits.values)
    return f"{figure_words(limits.low)} to {figure_words(limits.high)}"


def _drawn(limits: AnyRange) -> str:
    if isinstance(limits, Choices):
        return "one of these"
    return "evenly in the logarithm" if limits.log else "evenly"


def _epochs(plan: Plan, space: Mapping[str, AnyRange]) -> str:
    """Return how many epochs a trial lasts at most."""
    limits = space.get("epochs")
    if limits is None:
        return counted(int(plan.filled.values["epochs"]), "epoch")
    return f"{_tried(limits)} epochs"
