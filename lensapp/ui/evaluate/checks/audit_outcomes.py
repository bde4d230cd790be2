"""What each check of an audit found, in a few words beside a light."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import streamlit as st

from lensapp.core.evaluate.audits.shortcuts import is_strong
from lensapp.core.plurals import counted, thin_spaced
from lensapp.ui.evaluate.checks.audit_figures import CHANCE_AUROC
from lensapp.ui.shared.traffic_lights import LIGHTS

WORST_FIRST = ("red", "amber", "grey", "green")
SHIFT_WORDS = {"red": "differs much", "amber": "differs", "grey": "cannot tell", "green": "alike"}


class Outcome(NamedTuple):
    """A check by its name, the colour of its light and what it found."""

    check: str
    light: str
    words: str


def outcomes_of(found: Mapping[str, Any], realism: Sequence[Mapping[str, Any]]) -> list[Outcome]:
    """Return what each check of an audit found; `realism` are the comparisons that were made."""
    return [
        _shortcuts(found["shortcuts"]),
        _leakage(found["leakage"]),
        _label_noise(found["label_noise"]),
        _shift(found["shift"]),
        _realism(realism),
    ]


def show_outcomes(outcomes: Sequence[Outcome]) -> None:
    """Show the outcomes beside each other."""
    for cell, one in zip(st.columns(len(outcomes), gap="small"), outcomes, strict=True):
        cell.markdown(f"{LIGHTS[one.light]} **{one.check}**  \n:small[{one.words}]")


def _shortcuts(shortcuts: Mapping[str, Any]) -> Outcome:
    if "reason" in shortcuts:
        return Outcome("Shortcuts", "grey", "not checked")
    strong, kinds = sum(map(is_strong, shortcuts["found"])), len(shortcuts["found"])
    if not strong:
        return Outcome("Shortcuts", "green", f"none of {kinds} tells much")
    return Outcome("Shortcuts", "amber", f"{strong} of {kinds} {'tells' if strong == 1 else 'tell'} much")


def _leakage(leaks: Any) -> Outcome:
    if isinstance(leaks, Mapping):
        return Outcome("Leakage", "grey", "not checked")
    shared = sum(leak["objects"] for leak in leaks)
    if not shared:
        return Outcome("Leakage", "green", "no shared object")
    return Outcome("Leakage", "red", f"{counted(shared, 'object')} shared")


def _label_noise(noise: Mapping[str, Any]) -> Outcome:
    if "reason" in noise or not noise["judged"]:
        return Outcome("Label noise", "grey", "no label judged")
    suspects = f"{thin_spaced(noise['suspects'])} of {counted(noise['judged'], 'label')} suspect"
    return Outcome("Label noise", "amber" if noise["suspects"] else "green", suspects)


def _shift(checks: Sequence[Mapping[str, Any]]) -> Outcome:
    lights = [check["light"] for check in checks if "reason" not in check]
    if not lights:
        return Outcome("Shift", "grey", "no other source")
    worst = min(lights, key=WORST_FIRST.index)
    among = "" if len(lights) == 1 else f"{lights.count(worst)} of {len(lights)} sources: "
    return Outcome("Shift", worst, f"{among}{SHIFT_WORDS[worst]}")


def _realism(compared: Sequence[Mapping[str, Any]]) -> Outcome:
    probes = [one[name] for one in compared for name in ("photometry", "features") if one[name]]
    if not probes:
        return Outcome("Realism", "grey", "not compared")
    best = max(probes, key=lambda probe: float(probe["auroc"]))
    if best["low"] <= CHANCE_AUROC:
        return Outcome("Realism", "green", "not told apart")
    return Outcome("Realism", "amber", f"told apart, AUROC {best['auroc']:.3f}")
