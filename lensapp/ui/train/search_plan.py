"""What a search would try, shown beside its form before the first one is started."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from lensapp.core.errors import InvalidInput
from lensapp.core.train.search_space import AnyRange, Choices, figure_words, parse_space
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.widgets import counted, heading
from lensapp.ui.train.study_form import Plan, fixed_value
from lensapp.ui.train.study_plots import words


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


def trials_words(values: Mapping[str, Any], *, epochs: str) -> str:
    """Return in sentences how many trials there are, how their settings are chosen and which end early."""
    trials, first, warm = (int(values[name]) for name in ("trials", "startup_trials", "warmup_epochs"))
    sentences = [f"**{counted(trials, 'trial')}**, each a run of {epochs} that scores like any other."]
    if values["sampler"] == "random" or first >= trials:
        sentences.append("All are drawn at random.")
    else:
        sentences.append(
            f"The first {first} are drawn at random, the {trials - first} after them where the results so "
            "far are best (TPE)."
        )
    if values["pruner"] == "median" and first < trials:
        sentences.append(
            f"After the first {first}, those behind the median of the others from epoch {warm} on end early."
        )
    elif values["pruner"] == "hyperband":
        sentences.append(
            f"The poorer ones end early from epoch {warm} on, by successive halving (Hyperband)."
        )
    else:
        sentences.append("None ends early.")
    return " ".join(sentences)
