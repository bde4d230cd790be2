"""The form that searches the cutouts of a source for objects, and what it would find."""

from typing import Any

import numpy as np
import streamlit as st

from lensapp.core.data.find_spec import FindObjectsSpec
from lensapp.core.errors import LensAppError
from lensapp.services.data.find_preview import preview_finding
from lensapp.services.data.object_finding import start_finding, usual_size
from lensapp.services.data.object_search import reasons_in_words
from lensapp.services.data.source_names import free_name
from lensapp.storage.records import Source
from lensapp.ui.shared.forms import spec_fields, validated
from lensapp.ui.shared.job_controls import live_jobs
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.pictures import sheet
from lensapp.ui.shared.state import await_source, get_workspace
from lensapp.ui.shared.widgets import counted, empty_state, error_box, errors_shown, number

ICON = ":material/filter_center_focus:"
SMALL_FIELD = 3  # sides of a new cutout that an image needs, for objects beside its target
MAIN_FIELDS = ("size", "label", "band", "snr", "exclude_radius_arcsec")
WIDE_FIELD = "keep"  # whose choices take a line
PREVIEW = "find-preview"


def show_object_search(source: Source) -> None:
    """Ask how objects of a source's cutouts shall be found and cut out, try it, and queue the search."""
    st.caption(
        "Galaxies beside the targets of larger images are real hosts to paint arcs on and, labelled "
        "non-lens, real non-lenses: hardly any of them is a lens. They are detected, measured and cut out as "
        "a new source; a split keeps those of one image together."
    )
    left, right = st.columns([4, 5], gap="large")
    with left:
        spec = _settings(source)
    with right:
        live_jobs("objects")
        _show_preview(source, spec)


def _settings(source: Source) -> FindObjectsSpec | None:
    """Show the form; return what is to be previewed."""
    ws = get_workspace()
    suggestion = free_name(ws, f"{source.name}-objects")
    size, model = usual_size(ws, source)
    if model is not None:
        st.caption(
            plain(f"{size} × {size} pixels, as in {model}: so both can be split and trained on together.")
        )
    if _is_single(source, size):
        st.warning(
            f"These are single cutouts of {source.width} × {source.height} pixels, not fields: beside its "
            f"target one of {size} × {size} pixels hardly fits, and few objects, if any, will be found. "
            "Larger images of the same positions hold more.",
            icon=":material/crop_free:",
        )
    key = f"find-{source.id}"
    usual: dict[str, Any] = {"size": size, "label": "nonlens"}
    with st.form(key):
        name = st.text_input("Name of the new source", key=f"{key}-name", placeholder=suggestion)
        refusal, buttons = st.container(), st.container(horizontal=True)  # above, so that they stay in sight
        entered = spec_fields(FindObjectsSpec, key=key, values=usual, only=(WIDE_FIELD,), columns=1)
        entered |= spec_fields(FindObjectsSpec, key=key, values=usual, only=MAIN_FIELDS, columns=2)
        with st.expander("More"):
            skipped = (*MAIN_FIELDS, WIDE_FIELD)
            entered |= spec_fields(FindObjectsSpec, key=f"{key}-more", skip=skipped, columns=2)
        with buttons:
            tried = st.form_submit_button("Preview", icon=":material/visibility:")
            sent = st.form_submit_button("Find objects", type="primary", icon=ICON)
    before: tuple[int, FindObjectsSpec | None] = st.session_state.get(PREVIEW, (source.id, None))
    known = PREVIEW in st.session_state and before[0] == source.id
    if not tried and not sent and (known or _is_single(source, size)):
        return before[1] if known else None
    with refusal:
        spec = validated(FindObjectsSpec, entered)
    st.session_state[PREVIEW] = source.id, spec
    if spec is None or not sent:
        return spec
    with refusal, errors_shown():
        _start(source, name.strip() or suggestion, spec)
    return None


def _is_single(source: Source, size: int) -> bool:
    """Whether the images of a source hardly show more than their target in cutouts of some size."""
    return min(source.height, source.width) < SMALL_FIELD * size


def _start(source: Source, name: str, spec: FindObjectsSpec) -> None:
    start_finding(get_workspace(), source_name=source.name, name=name, spec=spec)
    if not _is_single(source, usual_size(get_workspace(), source)[0]):
        await_source(name)  # a handful of objects does not become what the round is about
    st.rerun()


def _show_preview(source: Source, spec: FindObjectsSpec | None) -> None:
    """Show some of the objects that a search would keep, and why others are left out."""
    if spec is None:
        empty_state(
            "Nothing tried yet",
            "Preview searches a few of the images without storing anything: some of the objects it would cut "
            "out, and how many are left out for which reason, will appear here.",
            icon=ICON,
        )
        return
    try:
        with st.spinner("Searching a few images …"):
            preview = preview_finding(get_workspace(), source.name, spec)
    except LensAppError as error:
        error_box(error)
        return
    st.markdown(
        f"Preview of {number(preview.searched)} of {counted(preview.images, 'image')}: "
        f"**{number(preview.kept)} of {counted(preview.detected, 'object')} kept**"
    )
    if preview.left_out:
        st.caption(f"Left out: {reasons_in_words(preview.left_out, write=number)}.")
    with_magnitude = np.isfinite(preview.magnitudes)
    told = [
        f"{preview.band} {mag:.1f} mag" if known else f"S/N {snr:.0f}"
        for mag, known, snr in zip(preview.magnitudes, with_magnitude, preview.snr, strict=True)
    ]
    sheet(
        preview.pictures,
        captions=told,
        hints=[f"{name}: {one}" for name, one in zip(preview.names, told, strict=True)],
    )
