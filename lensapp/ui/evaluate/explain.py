"""Why a run gives one cutout its score, beside the cutout."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from lensapp.core.data.overlays import AGAINST, FOR, STRONGEST, Picture
from lensapp.core.errors import LensAppError
from lensapp.services.data.pictures import pictures_by_id
from lensapp.services.evaluate import explanations
from lensapp.storage.records import Cutout
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.address import kept, one_of, whole
from lensapp.ui.shared.job_controls import start_button, watch_job
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.pictures import describe_cutout, picture_data
from lensapp.ui.shared.widgets import error_box, number

EXPLAINED = "explain"
LOW_FIDELITY = 0.3
STYLE = """<style>
.why { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: 12px; }
.why figure { margin: 0; }
.why img { width: 100%; display: block; border-radius: 4px; image-rendering: pixelated; }
.why figcaption { font-size: 0.8rem; line-height: 1.4; padding-top: 4px; opacity: 0.85; }
.why i { display: inline-block; width: 0.7em; height: 0.7em; border-radius: 2px; margin-right: 0.3em; }
</style>"""


MAP_NAMES = {
    "regions": "LIME",
    "occlusion": "Occlusion",
    "grad_cam": "Grad-CAM",
    "integrated": "Integrated gradients",
}
NO_MAP = "none"
MAP_KEY, OPACITY_KEY = "evaluate-map", "evaluate-map-opacity"
UNLIKE = 0.5  # a map that random weights give as well does not show what was learnt


@dataclass(frozen=True)
class Overlay:
    """The map laid over cutouts, and how strongly."""

    name: str
    opacity: float


def choose_overlay() -> Overlay:
    """Return which map lies over the cutouts, as chosen on the page."""
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        name = st.segmented_control(
            "Map over the cutouts",
            (NO_MAP, *MAP_NAMES),
            required=True,
            **kept("map", one_of((NO_MAP, *MAP_NAMES)), NO_MAP, key=MAP_KEY),
            format_func=lambda name: MAP_NAMES.get(name, name),
            help="Orange speaks for a lens, blue against. LIME and occlusion hide parts of the cutout; "
            "Grad-CAM (Selvaraju et al. 2017) and integrated gradients (Sundararajan et al. 2017) ask the "
            "network's own gradients, which a committee has not.",
        )
    with right:
        percent = st.slider(
            "Opacity",
            0,
            100,
            format="%d %%",
            **kept("opacity", whole(0, 100), round(100 * STRONGEST), key=OPACITY_KEY),
        )
    return Overlay(name or NO_MAP, percent / 100)


def overlaid(ws: Workspace, run_name: str, overlay: Overlay, cutout: Cutout, picture: Picture) -> Picture:
    """Return the picture of a cutout under the map that was chosen, where it has been explained."""
    explanation = None
    if overlay.name != NO_MAP:
        explanation = explanations.stored_explanation(ws, run_name, cutout.id)
    if explanation is None or overlay.name not in explanation.maps:
        return picture
    return explanations.overlay(explanation, picture, overlay.name, 1, overlay.opacity)


def explain_shown(ws: Workspace, run_name: str, cutout_ids: Sequence[int]) -> None:
    """Offer to explain all cutouts that are shown, in one job, and say how far random weights agree."""
    found = [explanations.stored_explanation(ws, run_name, one) for one in cutout_ids]
    missing = [one for one, explanation in zip(cutout_ids, found, strict=True) if explanation is None]
    if missing:
        if not watch_job(ws, "explain", run=run_name, cutouts=missing):
            start_button(
                f"Explain all {len(missing)}"
                if len(missing) == len(cutout_ids)
                else f"Explain the other {len(missing)}",
                start=explanations.start_explanations,
                ws=ws,
                run_name=run_name,
                cutout_ids=missing,
            )
        return
    likenesses = explanations.likeness_to_random([one for one in found if one is not None])
    if likenesses:
        parts = [f"{MAP_NAMES[name]} ρ = {value:.2f}" for name, value in likenesses.items()]
        st.caption(
            "Sanity check (Adebayo et al. 2018), median likeness to the maps of the same network with random "
            f"weights: {', '.join(parts)}; near 0 is right."
        )


def explained_cutout_id() -> int | None:
    """Return the ID of the cutout that the address asks to explain, if any."""
    text = str(st.query_params.get(EXPLAINED, ""))
    return int(text) if text.isdecimal() else None


def ask_for_explanation(ws: Workspace, run_name: str, cutout_id: int) -> None:
    """Ask for an explanation: the address keeps it, and it is computed unless it is stored."""
    st.query_params[EXPLAINED] = str(cutout_id)
    if explanations.stored_explanation(ws, run_name, cutout_id) is not None:
        return
    try:
        explanations.start_explanation(ws, run_name=run_name, cutout_id=cutout_id)
    except LensAppError as error:
        error_box(error)


def show_explanation(ws: Workspace, run_name: str, *, opacity: float = STRONGEST) -> None:
    """Show the explanation asked for, or how to get one."""
    cutout_id = explained_cutout_id()
    cutouts, pictures = pictures_by_id(ws, [] if cutout_id is None else [cutout_id])
    if not cutouts:
        st.caption("Click a cutout above: the regions that its score rests on will appear here.")
        return
    [cutout], [picture] = cutouts, pictures
    if watch_job(ws, "explain", run=run_name, cutout=cutout.id):
        return
    explanation = explanations.stored_explanation(ws, run_name, cutout.id)
    st.markdown(f"**Why {number(explanation.figures['value'])}?**" if explanation else "**Why?**")
    st.caption(plain(describe_cutout(cutout)))
    if explanation is None:
        start_button(
            "Explain", start=explanations.start_explanation, ws=ws, run_name=run_name, cutout_id=cutout.id
        )
        return
    st.html(
        STYLE
        + _panels_html(
            explanations.panels(explanation, picture, opacity=opacity),
            about=str(explanation.figures["about"]),
        )
    )
    st.caption(_reading(explanation.figures))
    if explanation.figures["fidelity"] < LOW_FIDELITY:
        st.info(
            "The regions explain little of the score: it depends on how they go together. "
            "Trust the occlusion map more.",
            icon=":material/info:",
        )


def _panels_html(panels: dict[str, Any], *, about: str) -> str:
    about = html.escape(about)
    colours = [f'<i style="background:rgb{colour}"></i>' for colour in (FOR, AGAINST)]
    captions = {
        "cutout": "The cutout",
        "regions": f"LIME: {colours[0]}showing the region raises the {about}, {colours[1]}lowers it",
        "occlusion": f"Occlusion: {colours[0]}hiding the surroundings lowers the {about}, "
        f"{colours[1]}raises it",
        "grad_cam": f"Grad-CAM: {colours[0]}inner maps that raise the {about}, {colours[1]}lower it",
        "integrated": f"Integrated gradients: {colours[0]}light that raises the {about}, "
        f"{colours[1]}lowers it",
    }
    parts = [
        f'<figure><img src="{picture_data(picture)}" alt="{name}">'
        f"<figcaption>{captions[name]}</figcaption></figure>"
        for name, picture in panels.items()
    ]
    return f'<div class="why">{"".join(parts)}</div>'


def _reading(figures: dict[str, Any]) -> str:
    """Return in a few sentences what the maps rest on, and how far those of gradients can be trusted."""
    agreement, central = figures["agreement"], figures["central_share"]
    parts = [
        f"{figures['perturbations']} copies with about half of {figures['segments']} regions hidden by the "
        f"cutout's own sky; with all hidden the {figures['about']} is {number(figures['baseline'])}",
        f"the linear model explains {100 * max(figures['fidelity'], 0.0):.0f} % of the changes"
        + (" of the logit" if figures.get("explained") == "logit" else ""),
    ]
    if agreement is not None:
        parts.append(f"both maps agree with r = {agreement:.2f}")
    if central is not None:
        parts.append(f"{100 * central:.0f} % of the weight lies in the middle fifth of the image")
    words = "; ".join(parts) + ". "
    told = figures.get("gradients")
    if told is None:
        return words + str(figures.get("without_gradients") or "")
    likeness = [
        f"{MAP_NAMES[name]} ρ = {value:.2f}" + (" (hardly what was learnt)" if abs(value) > UNLIKE else "")
        for name, value in told["randomised"].items()
        if value is not None
    ]
    if likeness:
        words += f"Likeness to maps of the network with random weights: {', '.join(likeness)}."
    if told["gap"] is not None:
        words += f" Integrated gradients miss their sum by {100 * told['gap']:.1f} %."
    return words
