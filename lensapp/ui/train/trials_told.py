"""How the trials of a search are chosen, and which of them end early: one rule for all that is said of it."""

from collections.abc import Mapping
from typing import Any

from lensapp.ui.shared.widgets import counted


def chosen_by_results(values: Mapping[str, Any]) -> bool:
    """Whether any trial is drawn where the results so far are best, and not all at random."""
    return values["sampler"] != "random" and int(values["startup_trials"]) < int(values["trials"])


def may_end_early(values: Mapping[str, Any]) -> bool:
    """Whether any trial may end early: by the median only those after the random ones."""
    by_median = values["pruner"] == "median" and int(values["startup_trials"]) < int(values["trials"])
    return by_median or values["pruner"] == "hyperband"


def trials_words(values: Mapping[str, Any], *, epochs: str) -> str:
    """Return in sentences how many trials there are, how their settings are chosen and which end early."""
    trials, first, warm = (int(values[name]) for name in ("trials", "startup_trials", "warmup_epochs"))
    sentences = [f"**{counted(trials, 'trial')}**, each a run of {epochs} that scores like any other."]
    if chosen_by_results(values):
        sentences.append(
            f"The first {first} are drawn at random, the {trials - first} after them where the results so "
            "far are best (TPE)."
        )
    else:
        sentences.append("All are drawn at random.")
    if not may_end_early(values):
        sentences.append("None ends early.")
    elif values["pruner"] == "median":
        sentences.append(
            f"After the first {first}, those behind the median of the others from epoch {warm} on end early."
        )
    else:
        sentences.append(
            f"The poorer ones end early from epoch {warm} on, by successive halving (Hyperband)."
        )
    return " ".join(sentences)
