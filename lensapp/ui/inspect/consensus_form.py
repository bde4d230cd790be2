"""Choose how votes are combined, and the prior and thresholds that the method asks for."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from lensapp.core.inspect.consensus_methods import SETTINGS, ConsensusSpec
from lensapp.services.inspect.consensus import doubt_about
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.forms import spec_fields

METHOD_HELP = (
    "Mean grade: A above 2.5, B from 1.5, C from 0.5. SWAP: Bayes' rule with each inspector's rates on "
    "blind tests (Marshall et al. 2016). Dawid–Skene: rates estimated from the votes alone, which takes "
    "three inspectors or more on the same candidates."
)
RARELY_CHANGED = ("initial_skill", "pseudo_count")


def usual_settings(method: str) -> tuple[str, ...]:
    """Return the settings of a method that forms ask for; the others keep their defaults."""
    return tuple(name for name in SETTINGS[method] if name not in RARELY_CHANGED)


def without_meaning(method: str) -> tuple[str, ...]:
    """Return the settings of other methods, and the method itself: what a form with its own choice skips."""
    every = dict.fromkeys(name for names in SETTINGS.values() for name in names)
    return ("method", *(name for name in every if name not in SETTINGS[method]))


def settings_form(method: str, *, key: str) -> dict[str, Any]:
    """Show a widget for each usual setting of a method; return it with what is entered, unvalidated.

    The address keeps what is entered.
    """
    names = usual_settings(method)
    entered = (
        spec_fields(ConsensusSpec, key=f"{key}-{method}", only=names, columns=3, keep="consensus.")
        if names
        else {}
    )
    return {"method": method, **entered}


def say_what_is_doubtful(ws: Workspace, review_names: Sequence[str], spec: ConsensusSpec) -> None:
    """Warn where the votes of some reviews are too few for the method chosen."""
    if warning := doubt_about(ws, review_names=review_names, spec=spec):
        st.warning(warning, icon=":material/warning:")
