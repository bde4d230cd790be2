"""What a new comparison would train and measure, beside its form, as its table will list them."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from lensapp.core.train.presets import PRESETS
from lensapp.core.train.recommended import recipe_title
from lensapp.services.train.durations import Paces
from lensapp.storage.records import Dataset
from lensapp.ui.shared.widgets import counted, heading, number, rounded_count
from lensapp.ui.train.training_time import time_words

PARTS = {
    "train": "to learn from",
    "validation": "for the best epoch and the thresholds",
    "test": "to measure on, the same for all",
}


def recipe_of(name: str, *, epochs: int) -> dict[str, Any]:
    """Return the settings with which a recipe or a network is trained for a comparison."""
    spec: dict[str, Any] = PRESETS[name].spec.saved() if name in PRESETS else {"network": name}
    return spec | {"epochs": epochs}


def show_preview(
    names: Sequence[str],
    measured_only: Sequence[str],
    dataset: Dataset,
    paces: Paces,
    *,
    epochs: int,
    minutes: float | None,
) -> None:
    """Show the networks that would be trained, runs and baselines beside them, and the parts with sizes."""
    with st.container(key="compare-preview", border=True, gap="small"):
        heading("What will be compared")
        rows = [_row(name, dataset, paces, epochs=epochs, minutes=minutes) for name in names]
        rows += [dict.fromkeys(("parameters", "time"), "–") | {"network": name} for name in measured_only]
        if not rows:
            st.caption("Nothing yet: choose recipes or networks.")
            return
        columns = ["network", "parameters", "time"]
        st.dataframe(pd.DataFrame(rows)[columns], hide_index=True, height="content", key="compare-planned")
        heading(f"On {dataset.name}")
        st.dataframe(pd.DataFrame(part_rows(dataset)), hide_index=True, height="content", key="compare-parts")
        lenses = dataset.counts.get("test", {}).get("lens", 0)
        st.caption(
            f"The table will have {counted(len(rows), 'row')}: AUROC, TPR0, TPR10 and cost of each, with "
            f"95\u00a0% limits from {counted(lenses, 'lens')} of the test part."
        )


def _row(name: str, dataset: Dataset, paces: Paces, *, epochs: int, minutes: float | None) -> dict[str, str]:
    recipe = recipe_of(name, epochs=epochs)
    parameters = paces.parameters_of(recipe, dataset)
    time = f"≤ {minutes:g} min" if minutes is not None else time_words(paces.expected(recipe, dataset))
    return {
        "network": recipe_title(name),
        "parameters": "–" if parameters is None else rounded_count(parameters),
        "time": time,
    }


def part_rows(dataset: Dataset) -> list[dict[str, str]]:
    """Return a row for each part that is not empty: cutouts, how many are lenses, and what it is for."""
    rows = []
    for part, use in PARTS.items():
        counts = dataset.counts.get(part, {})
        if total := sum(counts.values()):
            rows.append(
                {"part": part, "cutouts": number(total), "lenses": number(counts.get("lens", 0)), "use": use}
            )
    return rows
