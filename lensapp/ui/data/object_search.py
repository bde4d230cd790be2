"""The form that searches the cutouts of a source for objects, and what it would find."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st
from plotly.graph_objects import Figure

from lensapp.core.data.find_spec import FindObjectsSpec
from lensapp.core.errors import LensAppError
from lensapp.core.plurals import first_of
from lensapp.services.data.find_preview import FindPreview, preview_finding
from lensapp.services.data.object_finding import (
    SMALL_FIELD,
    reason_against,
    sources_alike,
    start_finding,
    usual_size,
)
from lensapp.services.data.object_search import reasons_in_words
from lensapp.services.data.painting import KIND as PAINTED
from lensapp.services.data.source_names import free_name
from lensapp.services.data.sources import ready_sources
from lensapp.storage.records import Source
from lensapp.ui.data.field_example import show_fields_wanted
from lensapp.ui.shared import figures
from lensapp.ui.shared.address import kept, one_of
from lensapp.ui.shared.forms import spec_fields, validated
from lensapp.ui.shared.job_controls import live_jobs
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.pictures import picture_data, sheet
from lensapp.ui.shared.state import ask_to_go, await_source, get_workspace, go, selected
from lensapp.ui.shared.widgets import counted, empty_state, error_box, errors_shown, number

ICON = ":material/filter_center_focus:"
MAIN_FIELDS = ("label", "band", "snr", "exclude_radius_arcsec")
WIDE_FIELD = "keep"  # whose choices take a line
PREVIEW, ALIKE = "find-preview", "alike"
OWN_SIZE = "own size"
MOST_OFFERED, MOST_NAMED = 4, 6
IMAGE_PIXELS = 420
LEFT_OUT_GREY = "#b8bcc4"  # on the sky of an image, which is dark in both themes
SMALLEST = 96  # pixels of the screen for a picture of the preview


def show_object_search(source: Source) -> None:
    """Ask how objects of a source's cutouts shall be found and cut out, try it, and queue the search."""
    st.caption(
        "Galaxies beside the targets of larger images are real hosts to paint arcs on and, labelled "
        "non-lens, real non-lenses: hardly any of them is a lens. They are detected, measured and cut out as "
        "a new source; a split keeps those of one image together."
    )
    like = _choose_alike(source)
    size = usual_size(source) if like is None else like.height
    reason = reason_against(source, size)
    if reason is None:
        _show_search(source, like, size, tries_at_once=True)
        return
    live_jobs("objects")
    if source.pixel_scale_arcsec is None:
        _offer_fields(
            source,
            like,
            f"**{ICON} A pixel scale is needed**, for distances to targets: that of {plain(source.name)} is "
            "unknown. Import it again with “Pixel scale (arcsec)”, or from files with a WCS.",
        )
        return
    _offer_fields(
        source,
        like,
        f"**{ICON} Larger images are needed.** {plain(source.name)} has {reason}: beside the target there is "
        f"no room for cutouts of {size} pixels. Search survey tiles, or fields several cutouts wide.",
    )
    with st.expander(f"Search {plain(source.name)} all the same", icon=ICON):
        _show_search(source, like, size, tries_at_once=False)


def _show_search(source: Source, like: Source | None, size: int, *, tries_at_once: bool) -> None:
    """Show the form beside what a search would find."""
    left, right = st.columns([4, 5], gap="large")
    with left:
        spec = _settings(source, like, size, tries_at_once=tries_at_once)
    with right:
        if tries_at_once:
            live_jobs("objects")
        _show_preview(source, spec)


def _choose_alike(source: Source) -> Source | None:
    """Ask which source the new cutouts are to be as large as: at first one of the version shown, if any."""
    ws = get_workspace()
    alike = {one.name: one for one in sources_alike(ws, source, dataset=selected("dataset"))}
    if not alike:
        return None
    options, first = [*alike, OWN_SIZE], next(iter(alike.values()))
    if reason_against(source, first.height) and not reason_against(source, usual_size(source)):
        options = [OWN_SIZE, *alike]
    with st.container(width=420):
        name = st.selectbox(
            "New cutouts as large as those of",
            options,
            format_func=lambda name: name if name == OWN_SIZE else f"{name} · {alike[name].height} pixels",
            help="So both can be split and trained on together. A quarter of the image is the usual size of "
            "their own.",
            **kept(ALIKE, one_of(options), options[0], key=f"find-alike-{source.id}"),
        )
    return alike.get(name)


def _offer_fields(source: Source, like: Source | None, words: str) -> None:
    """Say in `words` that a source is not one to search; say which ones are, and where such come from."""
    ready = ready_sources(get_workspace())  # of painted ones the hosts are to be searched
    others = [one for one in ready if one.id != source.id and one.kind != PAINTED]
    others.sort(key=lambda one: -one.slots * one.height * one.width)  # what holds most objects first
    reasons = [(one, reason_against(one, like.height if like else usual_size(one))) for one in others]
    fields = [one for one, why in reasons if why is None][:MOST_OFFERED]
    with st.container(border=True, gap="small", key="find-fields"):
        st.markdown(words)
        with st.container(horizontal=True, gap="small"):
            for one in fields:
                st.button(
                    f"{plain(one.name)} · {one.width} × {one.height} pixels",
                    icon=ICON,
                    type="primary" if one is fields[0] else "secondary",
                    key=f"find-in-{one.id}",
                    on_click=ask_to_go,
                    args=("data",),
                    kwargs={"source": one.name, "view": {"view": "objects"}},
                )
            if st.button(
                "Import fields",
                icon=":material/download:",
                type="secondary" if fields else "primary",
                key="find-import",
            ):
                go("data", view={"view": "import"})
        size = like.height if like else usual_size(source)
        least = SMALL_FIELD * size
        st.markdown(
            f"A field to search is a FITS image per band, or a cube, at least **{least} × {least} pixels** "
            f"for cutouts of {size}, with a WCS or a known pixel scale; all fields of a source have one size."
        )
        show_fields_wanted(size)
        named = [f"{plain(one.name)} ({why})" for one, why in reasons if why is not None]
        if named:
            st.caption(f"Not to be searched either: {first_of(named, MOST_NAMED, between='; ')}.")
        st.caption(
            "Coadded tiles are in the archives of the surveys: bricks of the Legacy Surveys, sky cells of "
            "Pan-STARRS1, mosaics of Euclid, patches of Rubin and HSC; cutout services give fields of an "
            "arcminute, too. Import them as images of one size."
        )


def _settings(
    source: Source, like: Source | None, size: int, *, tries_at_once: bool
) -> FindObjectsSpec | None:
    """Show the form; return what is to be previewed."""
    suggestion = free_name(get_workspace(), f"{source.name}-objects")
    key = f"find-{source.id}"
    usual: dict[str, Any] = {"size": size, "label": "nonlens"}
    with st.form(key):
        left, right = st.columns(2)
        name = left.text_input("Name of the new source", key=f"{key}-name", placeholder=suggestion)
        with right:
            of_size = key if like is None else f"{key}-{like.id}"
            entered = spec_fields(FindObjectsSpec, key=of_size, values=usual, only=("size",), columns=1)
        refusal, buttons = st.container(), st.container(horizontal=True)  # above, so that they stay in sight
        entered |= spec_fields(FindObjectsSpec, key=key, values=usual, only=(WIDE_FIELD,), columns=1)
        entered |= spec_fields(FindObjectsSpec, key=key, values=usual, only=MAIN_FIELDS, columns=2)
        with st.expander("More"):
            skipped = ("size", *MAIN_FIELDS, WIDE_FIELD)
            entered |= spec_fields(FindObjectsSpec, key=f"{key}-more", skip=skipped, columns=2)
        with buttons:
            tried = st.form_submit_button("Preview", icon=":material/visibility:")
            sent = st.form_submit_button("Find objects", type="primary", icon=ICON)
    before: tuple[int, FindObjectsSpec | None] = st.session_state.get(PREVIEW, (source.id, None))
    known = PREVIEW in st.session_state and before[0] == source.id
    if not tried and not sent and (known or not tries_at_once):
        return before[1] if known else None
    with refusal:
        spec = validated(FindObjectsSpec, entered)
    st.session_state[PREVIEW] = source.id, spec
    if spec is None or not sent:
        return spec
    with refusal, errors_shown():
        _start(source, name.strip() or suggestion, spec)
    return None


def _start(source: Source, name: str, spec: FindObjectsSpec) -> None:
    start_finding(get_workspace(), source_name=source.name, name=name, spec=spec)
    if reason_against(source, spec.size) is None:
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
    _show_image(preview)
    with_magnitude = np.isfinite(preview.magnitudes)
    told = [
        f"{preview.band} {mag:.1f} mag" if known else f"S/N {snr:.0f}"
        for mag, known, snr in zip(preview.magnitudes, with_magnitude, preview.snr, strict=True)
    ]
    sheet(
        preview.pictures,
        captions=told,
        hints=[f"{name}: {one}" for name, one in zip(preview.names, told, strict=True)],
        smallest=SMALLEST,
    )


def _show_image(preview: FindPreview) -> None:
    """Show one of the searched images, what was detected in it circled."""
    if not len(preview.marks["x"]):
        return
    objects, kept = counted(len(preview.marks["x"]), "object"), int(preview.marks["kept"].sum())
    figures.show_figure(
        image_figure(preview, colours=figures.line_colours()),
        title=f"Detected in {preview.image_name}",
        caption=f"n = {objects} in one image, {number(kept)} kept",
        csv=lambda: figures.csv_text(preview.marks),
        key="find-image",
        height=IMAGE_PIXELS,
        aspect=preview.image.shape[1] / preview.image.shape[0],
    )


def image_figure(preview: FindPreview, *, colours: Sequence[str]) -> Figure:
    """Draw a searched image with a circle around each object that is kept, a faint cross on the others."""
    rows, columns = preview.image.shape[:2]
    figure = Figure()
    edges = {"x": -0.5, "y": rows - 0.5, "sizex": columns, "sizey": rows, "xref": "x", "yref": "y"}
    figure.add_layout_image(source=picture_data(preview.image), layer="below", sizing="stretch", **edges)
    for name, chosen, symbol, colour, opacity in (
        ("kept", preview.marks["kept"], "circle-open", colours[0], 1.0),
        ("left out", ~preview.marks["kept"], "x-thin-open", LEFT_OUT_GREY, 0.75),
    ):
        figure.add_scatter(
            x=preview.marks["x"][chosen],
            y=preview.marks["y"][chosen],
            customdata=list(
                zip(
                    preview.marks["snr"][chosen].tolist(),
                    preview.marks["reason"][chosen].tolist(),
                    strict=True,
                )
            ),
            mode="markers",
            name=name,
            marker={
                "symbol": symbol,
                "size": 18 if name == "kept" else 11,
                "color": colour,
                "opacity": opacity,
                "line": {"width": 2, "color": colour},
            },
            hovertemplate=("" if name == "kept" else "left out: %{customdata[1]}<br>")
            + "S/N %{customdata[0]:.0f}, pixel %{x:.0f}, %{y:.0f}",
        )
    axis = {"showgrid": False, "showticklabels": False, "ticks": ""}
    figure.update_xaxes(range=[-0.5, columns - 0.5], **axis)
    figure.update_yaxes(range=[-0.5, rows - 0.5], scaleanchor="x", **axis)
    return figure
