"""Why a run gives one cutout its score, beside the cutout."""

import html
from typing import Any

import streamlit as st

from lensapp.core.data.overlays import AGAINST, FOR
from lensapp.core.errors import LensAppError
from lensapp.services.data.pictures import pictures_by_id
from lensapp.services.evaluate import explanations
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.job_controls import start_button, watch_job
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.pictures import describe_cutout, picture_data
from lensapp.ui.shared.widgets import error_box, number

EXPLAINED = "explain"
LOW_FIDELITY = 0.3
STYLE = """<style>
.why { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 12px; max-width: 1200px; }
.why figure { margin: 0; }
.why img { width: 100%; display: block; border-radius: 4px; image-rendering: pixelated; }
.why figcaption { font-size: 0.8rem; line-height: 1.4; padding-top: 4px; opacity: 0.85; }
.why i { display: inline-block; width: 0.7em; height: 0.7em; border-radius: 2px; margin-right: 0.3em; }
</style>"""


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


def show_explanation(ws: Workspace, run_name: str) -> None:
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
        + _panels_html(explanations.panels(explanation, picture), about=str(explanation.figures["about"]))
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
    }
    parts = [
        f'<figure><img src="{picture_data(picture)}" alt="{name}">'
        f"<figcaption>{captions[name]}</figcaption></figure>"
        for name, picture in panels.items()
    ]
    return f'<div class="why">{"".join(parts)}</div>'


def _reading(figures: dict[str, Any]) -> str:
    """Return in a sentence or two what the maps rest on."""
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
    return "; ".join(parts) + "."
