"""Why a run gives cutouts their scores: maps laid over them, all of a sheet at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from lensapp.core.data.overlays import (
    AGAINST_WORDS,
    FOR_WORDS,
    SCALE_WORDS,
    STRONGEST,
    Picture,
    legend_gradient,
)
from lensapp.core.numerals import fixed
from lensapp.services.evaluate import explanations
from lensapp.services.evaluate.explanations import MAP_NAMES
from lensapp.storage.records import Cutout
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.address import kept, one_of, switch, whole
from lensapp.ui.shared.job_controls import start_button, watch_job
from lensapp.ui.shared.widgets import duration

NO_MAP = "none"
WANTED_KEY, MAP_KEY, OPACITY_KEY = "evaluate-maps", "evaluate-map", "evaluate-map-opacity"


@dataclass(frozen=True)
class Overlay:
    """The map laid over cutouts, and how strongly."""

    name: str
    opacity: float


def choose_overlay() -> Overlay | None:
    """Return which map lies over the cutouts, as chosen on the page; None where none is wanted."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        wanted = st.toggle(
            "Lay explanations over",
            **kept("maps", switch(), default=False, key=WANTED_KEY),
            help="Which regions each score rests on: is it right, or wrong, for the right reason? A single "
            "cutout is explained in the view that a click on it opens.",
        )
        if not wanted:
            return None
        with st.container(width="content"):
            name = st.segmented_control(
                "Map over the cutouts",
                (NO_MAP, *MAP_NAMES),
                required=True,
                **kept("map", one_of((NO_MAP, *MAP_NAMES)), next(iter(MAP_NAMES)), key=MAP_KEY),
                format_func=lambda name: MAP_NAMES.get(name, name),
                help="Orange speaks for a lens, blue against. LIME and occlusion hide parts of the cutout; "
                "Grad-CAM (Selvaraju et al. 2017) and integrated gradients (Sundararajan et al. 2017) use "
                "the network's own gradients, which a committee does not have.",
            )
        with st.container(width=150):
            percent = st.slider(
                "Opacity",
                0,
                100,
                format="%d %%",
                **kept("opacity", whole(0, 100), round(100 * STRONGEST), key=OPACITY_KEY),
            )
    if name != NO_MAP:
        show_map_legend()
    return Overlay(name or NO_MAP, percent / 100)


def show_map_legend() -> None:
    """Say what the colours of the maps mean, beside the pictures that have them."""
    bar = f'<i style="background: {legend_gradient()}"></i>'
    words = f"<span>{AGAINST_WORDS}</span>{bar}<span>{FOR_WORDS}</span><span>· {SCALE_WORDS}</span>"
    st.html(f'<div class="map-legend">{words}</div>')


def overlaid(ws: Workspace, run_name: str, overlay: Overlay, cutout: Cutout, picture: Picture) -> Picture:
    """Return the picture of a cutout under the map that was chosen, where it has been explained."""
    explanation = None
    if overlay.name != NO_MAP:
        explanation = explanations.stored_explanation(ws, run_name, cutout.id)
    if explanation is None or overlay.name not in explanation.maps:
        return picture
    return explanations.overlay(explanation, picture, overlay.name, 1, overlay.opacity)


def _explained_so_far(have: int, shown: int) -> str:
    if not have:
        return "No map has been worked out for these cutouts yet."
    return f"{have} of these {shown} cutouts {'has' if have == 1 else 'have'} a map so far."


def explain_shown(ws: Workspace, run_name: str, cutout_ids: Sequence[int]) -> None:
    """Offer to explain all cutouts that are shown, in one job, and say how far random weights agree."""
    found = [explanations.stored_explanation(ws, run_name, one) for one in cutout_ids]
    missing = [one for one, explanation in zip(cutout_ids, found, strict=True) if explanation is None]
    if missing:
        begun = explanations.explained_last(ws, run_name, missing)
        if not begun or not watch_job(ws, "explain", run=run_name, cutouts=begun):
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                start_button(
                    f"Explain all {len(missing)}"
                    if len(missing) == len(cutout_ids)
                    else f"Explain the other {len(missing)}",
                    start=explanations.start_explanations,
                    ws=ws,
                    run_name=run_name,
                    cutout_ids=missing,
                )
                time = duration(explanations.expected_seconds(ws, run_name, len(missing)))
                st.caption(f"≈ {time}. {_explained_so_far(len(cutout_ids) - len(missing), len(cutout_ids))}")
        return
    likenesses = explanations.likeness_to_random([one for one in found if one is not None])
    if likenesses:
        parts = [f"{MAP_NAMES[name]} ρ = {fixed(value)}" for name, value in likenesses.items()]
        st.caption(
            "Sanity check (Adebayo et al. 2018), median likeness to the maps of the same network with random "
            f"weights: {', '.join(parts)}; near 0 is right."
        )
