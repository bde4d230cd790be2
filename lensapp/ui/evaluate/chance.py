"""A warning of runs that tell lenses no better than chance."""

from collections.abc import Sequence

import streamlit as st

from lensapp.services.evaluate.evaluation import Evaluation
from lensapp.ui.shared.markup import plain


def warn_of_chance(evaluations: Sequence[Evaluation]) -> None:
    """Warn of runs whose scores tell lenses no better than chance."""
    told = {one.run: one.no_better_than_chance for one in evaluations}
    words = [f"**{plain(run)}**: {sentence}" for run, sentence in told.items() if sentence]
    if words:
        st.warning("  \n".join(words), icon=":material/warning:")
