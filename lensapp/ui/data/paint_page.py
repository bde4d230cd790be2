"""The page that paints lenses on real galaxies: what is drawn is edited, tried and seen before it is made."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from lensapp.core.config import Spec
from lensapp.core.data.paint_spec import HostChoice, LensedSourceSpec, MassSpec, PaintSpec
from lensapp.core.errors import LensAppError
from lensapp.services.data.host_choice import host_warning, usual_hosts
from lensapp.services.data.paint_preview import (
    PaintPreview,
    doubts_in_words,
    most_nonlenses,
    nonlenses_of,
    preview_painting,
    previewed,
)
from lensapp.services.data.painting import KIND, nonlenses_in_words, start_painting
from lensapp.services.data.source_names import free_name
from lensapp.services.data.source_quality import account_of
from lensapp.services.data.sources import count_cutouts, ready_sources
from lensapp.storage.records import Source
from lensapp.ui.data.corner_figure import corner_figure
from lensapp.ui.shared import figures
from lensapp.ui.shared.address import kept, one_of, several_of, switch, text
from lensapp.ui.shared.forms import say_if_impossible, spec_fields, validated
from lensapp.ui.shared.job_controls import live_jobs
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_head import page_head
from lensapp.ui.shared.pictures import sheet
from lensapp.ui.shared.state import await_source, get_workspace, go, selected
from lensapp.ui.shared.widgets import (
    counted,
    counts_spaced,
    empty_state,
    error_box,
    errors_shown,
    heading,
    number,
)

ICON = ":material/brush:"
OWN_FIELDS = ("count", "nonlens_ratio", "host_share", "psf_source", "psf_file", "seed")
LONG_FIELDS = ("nonlens_where", "as_bright")  # whose example or label takes a line
CELL_LETTERS = 22  # that fit beside another field at 1280 px
PARTS: dict[str, type[Spec]] = {"choice": HostChoice, "mass": MassSpec, "source": LensedSourceSpec}
HOSTS, COUNT, AS_BRIGHT = "paint-hosts", "paint-count", "paint-as_bright"
PREVIEW, FITTED = "paint-preview", "paint-fitted"
TABS = ("Set", "Hosts", "Lenses", "Sources")
SINGLE, PAIR = 100, 150  # pixels of the screen for a picture, and for one beside its host
HARD_TO_SEE = 10  # S/N of arcs
USES = 4  # of each host, more of which are told of: as many orientations of it are not alike
AT_ONCE = 20_000  # cutouts to choose hosts from, up to which a page opens with a preview: some seconds
USUAL = {name: PaintSpec.model_fields[name].default for name in ("count", "nonlens_ratio")}
UNLIKE = (
    " There are not enough galaxies as bright as the hosts: ask for fewer non-lenses per lens, or add "
    "sources to paint on."
)
PSF_OF_STARS = {0: "no stars: compact objects", 1: "as kept or given"}


def show_paint_page() -> None:
    """Show what can be painted on, its settings beside a preview, and the button that paints."""
    ws = get_workspace()
    page_head("Paint")
    ready = ready_sources(ws)
    if not ready:
        box = empty_state(
            "No galaxies to paint on yet",
            "Lenses painted on real galaxies make a training set that shares sky, noise and neighbours with "
            "a survey. Import cutouts first.",
            icon=ICON,
        )
        if box.button("Import cutouts", type="primary", icon=":material/arrow_forward:", key="paint-first"):
            go("data")
        return
    if HOSTS not in st.session_state:  # the page is opened, and its fields are as usual
        for key in (PREVIEW, FITTED):
            st.session_state.pop(key, None)
    left, right = st.columns([2, 3], gap="large")
    with left:
        spec, tried = _settings(ready)
        hosts = st.container()
    with right:
        live_jobs("paint")  # above the preview, which is longer than a screen
        _lead_to_painted(ready)
        there = spec is not None and _is_previewed(spec, ready, tried=tried)
        preview = _show_preview(spec if there else None, entered=spec)
    if preview is not None and spec is not None:
        with hosts:
            _show_hosts(preview, spec)
        _fit_to_hosts(preview, spec)


def _settings(sources: list[Source]) -> tuple[PaintSpec | None, bool]:
    """Show the settings and the buttons; return the specification when it is one, and if it is tried."""
    ws, ready = get_workspace(), [source.name for source in sources]
    hosts = st.multiselect(
        "Paint on",
        ready,
        **kept("hosts", several_of(ready), [usual_hosts(ws, sources, selected("source"))], key=HOSTS),
        help="Sources whose cutouts show galaxies in their middle; cutouts labelled as lenses are left out.",
        select_all=False,
    )
    warnings = [host_warning(ws, source) for source in sources if source.name in hosts]
    if told := [plain(warning) for warning in warnings if warning]:
        told.append("Field galaxies make better hosts: find some (page Data, Find objects).")
        st.warning("  \n".join(told), icon=":material/warning:")
    suggestion = free_name(get_workspace(), "painted")
    name = st.text_input(
        "Name",
        **kept("name", text(), "", key="paint-name"),
        placeholder=suggestion,
        help="Of the new source; empty takes the name shown.",
    )
    say_if_impossible(name)
    refused, buttons = st.container(), st.container(horizontal=True)  # above the tabs, so in sight
    entered = {"hosts": tuple(hosts), **_tabs(ready)}
    with buttons:
        tried = st.button("Preview", icon=":material/visibility:", key="paint-try")
        sent = st.button("Paint", type="primary", icon=ICON, key="paint-go")
    with refused:
        spec = validated(PaintSpec, entered) if hosts else None
    if spec is not None and sent:
        with refused, errors_shown():
            start_painting(get_workspace(), name=name.strip() or suggestion, spec=spec)
            await_source(name.strip() or suggestion)
            st.toast(f"{plain(name.strip() or suggestion)} is being painted.", icon=ICON)
    return spec, tried


def _tabs(ready: list[str]) -> dict[str, Any]:
    """Show the settings in tabs; return what is entered. Numbers are at first as was fitted to the hosts."""
    tabs = st.tabs(TABS, on_change="rerun", **kept("settings", one_of(TABS), TABS[0], key="paint-tabs"))
    with tabs[0]:
        at_first = st.session_state.get(FITTED)
        entered = spec_fields(PaintSpec, key="paint", values=at_first, only=OWN_FIELDS, keep="")
        if words := adapted_in_words(at_first or USUAL, entered):
            st.caption(words)
        entered |= spec_fields(PaintSpec, key="paint", only=LONG_FIELDS, columns=1, keep="")
    for tab, (field, part) in zip(tabs[1:], PARTS.items(), strict=True):
        with tab:
            offered = {"stamps": ready} if field == "source" else None
            entered[field] = spec_fields(
                part, key=f"paint-{field}", offered=offered, room=CELL_LETTERS, keep=f"{field}."
            )
    return entered


def adapted_in_words(fitted: Mapping[str, float], entered: Mapping[str, Any]) -> str:
    """Return which numbers of the form are not as usual, as so few hosts and non-lenses allow no more."""
    told = [
        f"*{PaintSpec.model_fields[name].title}* is {fitted[name]:g} in place of {usual:g}"
        for name, usual in USUAL.items()
        if fitted[name] != usual and entered.get(name) == fitted[name]
    ]
    return f"Adapted to what these sources have: {', '.join(told)}." if told else ""


def _is_previewed(spec: PaintSpec, sources: list[Source], *, tried: bool) -> bool:
    """Whether there is a preview of just these settings, or is to be one: as asked, or of other hosts.

    It takes some seconds: with a setting changed, or of very many cutouts, it waits for its button.
    """
    before: PaintSpec | None = st.session_state.get(PREVIEW)
    now = previewed(spec)
    if before is None or before.hosts != now.hosts:
        cutouts = sum(count_cutouts(get_workspace(), one) for one in sources if one.name in now.hosts)
        tried = tried or cutouts <= AT_ONCE
    if tried:
        st.session_state[PREVIEW] = now
    return tried or before == now


def _lead_to_painted(ready: list[Source]) -> None:
    """Lead to the newest source that was painted here, where there is one."""
    painted = max((one for one in ready if one.kind == KIND), key=lambda one: one.created_at, default=None)
    if painted is None:
        return
    account = account_of(get_workspace(), painted, write=number)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        why = " ".join(map(plain, account.sentences)) or None  # the preview may warn of the same
        st.markdown(f"Painted last: **{plain(painted.name)}**, {account.kept}.", width="content", help=why)
        if st.button("See it", icon=":material/photo_library:", type="tertiary", key="paint-see"):
            go("data", source=painted.name, view={"view": "cutouts"})
        if st.button("Split it", icon=":material/call_split:", type="tertiary", key="paint-split"):
            go("split", source=painted.name)


def _show_preview(spec: PaintSpec | None, *, entered: PaintSpec | None) -> PaintPreview | None:
    """Show some lenses as they would be painted, and the distributions that they come from.

    Without a `spec` it is said how to get a preview of what is `entered`.
    """
    if spec is None:
        title = "Nothing to preview" if entered is None else "No preview of these settings yet"
        first = "Choose sources to paint on and press" if entered is None else "Press"
        empty_state(
            title,
            f"{first} Preview: some lenses, painted without storing any, and their distributions will appear "
            "here.",
            icon=ICON,
        )
        return None
    try:
        with st.spinner("Painting a few lenses …"):
            preview = preview_painting(get_workspace(), spec)
    except LensAppError as error:
        error_box(error)
        return None
    _warn_of_nonlenses(preview, spec)
    stretch, beside = _choose_looks(preview)
    radii, snr = preview.columns["einstein_radius_arcsec"], preview.columns["arc_snr"]
    order = np.argsort(-snr[: len(preview.painted_flux)], kind="stable")
    sheet(
        preview.pictures(stretch, beside_host=beside)[order],
        captions=[f"S/N {snr[lens]:.0f} · {radii[lens]:.2f}″" for lens in order],
        hints=[f"S/N {snr[lens]:.0f}, Einstein radius {radii[lens]:.2f} arcsec" for lens in order],
        smallest=PAIR if beside else SINGLE,
    )
    st.caption(
        ("Left the host, right with its arcs. " if beside else "")
        + "Below each: signal-to-noise ratio of its arcs, the brightest first, and Einstein radius. "
        + faint_arcs_in_words(snr[order])
        + _middle_in_words(preview)
    )
    figures.show_figure(
        corner_figure(preview.columns, colour=figures.class_colours()["lens"]),
        title="Lenses, sources and arcs of the preview",
        caption=f"{counted(len(radii), 'lens')} of a preview; the diagonal counts them.",
        csv=lambda: figures.csv_text(preview.columns),
        key="paint-corner",
        height=760,
    )
    if doubts := doubts_in_words(preview.columns, redshift_method=spec.mass.redshift_method):
        st.caption(doubts)
    return preview


def _choose_looks(preview: PaintPreview) -> tuple[str, bool]:
    """Ask for the stretch of the pictures, and whether each host stands beside them."""
    words = preview.stretches
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        stretch = st.selectbox(
            "Stretch",
            [*words],
            format_func=words.__getitem__,
            help="From flux to brightness.",
            width=180,
            label_visibility="collapsed",
            **kept("stretch", one_of([*words]), next(iter(words)), key="paint-stretch"),
        )
        beside = st.toggle(
            "Host beside painted",
            **kept("beside", switch(), default=True, key="paint-beside"),
            help="The galaxy as it is, left of what is painted on it, both of one brightness.",
        )
    return stretch, beside


def _middle_in_words(preview: PaintPreview) -> str:
    """Return which part of large cutouts the pictures show."""
    if preview.middle_of is None:
        return ""
    shown, whole = preview.painted_flux.shape[1:3], preview.middle_of
    return f" Shown: the middle {shown[1]} × {shown[0]} of {whole[1]} × {whole[0]} pixels."


def faint_arcs_in_words(snr: NDArray[np.float64]) -> str:
    """Return how many of some lenses have arcs that are hard to see, and what would leave them out."""
    faint = int(np.count_nonzero(snr < HARD_TO_SEE))
    if not faint:
        return ""
    have = "has" if faint == 1 else "have"
    return (
        f"{number(faint)} of these {number(len(snr))} {have} an S/N below {HARD_TO_SEE}, where arcs are hard "
        "to see by eye."
    )


def _warn_of_nonlenses(preview: PaintPreview, spec: PaintSpec) -> None:
    """Say where there would be fewer non-lenses than are asked for: of those as bright as hosts, about."""
    count, about = nonlenses_of(preview, spec).count, "about " if spec.as_bright else ""
    if count is not None:
        for sentence in nonlenses_in_words(spec.saved(), count):
            st.warning(f"By this preview, a painting would have {about}{sentence}", icon=":material/warning:")


def uses_in_words(hosts: int, lenses: int) -> str:
    """Return how often each host is painted on, and how many lenses use them as often as is well told."""
    have = counted(hosts, "host")
    if lenses <= hosts:
        return f"{have} for {counted(lenses, 'lens')}: each is used once at most."
    often = f"{have}: each is used about {number(lenses / hosts, digits=2)} times"
    fitting = USES * hosts
    if lenses <= fitting:
        return f"{often}."
    return (
        f"{often}, and a network may learn so few galaxies by heart. {counted(fitting, 'lens')} would use "
        f"each {USES} times."
    )


def _show_uses(preview: PaintPreview, spec: PaintSpec) -> None:
    """Say how often each host is used; where too often, offer a number of lenses that is not."""
    if preview.hosts is None:
        return
    words, fitting = uses_in_words(preview.hosts, spec.count), USES * preview.hosts
    if spec.count <= fitting:
        st.caption(words)
        return
    with st.container(border=True, gap="small", key="paint-uses"):
        st.markdown(f":material/warning: {words}")
        st.button(f"Set {counted(fitting, 'lens')}", key="paint-fewer", on_click=_ask_for, args=(fitting,))


def _ask_for(count: int) -> None:
    """Ask for another number of lenses, which the next preview is of."""
    st.session_state[COUNT] = count


def fitted_to(preview: PaintPreview, spec: PaintSpec, before: Mapping[str, float]) -> dict[str, float]:
    """Return as many lenses as use each host a few times, and no more non-lenses for each than there are.

    Neither is more than usual. What differs from what was fitted `before` somebody has entered: it stays,
    and so does what was fitted.
    """
    fitted = {**before}
    if spec.count == before["count"]:
        uses = USUAL["count"] if preview.hosts is None else USES * preview.hosts
        fitted["count"] = min(int(USUAL["count"]), int(uses))
    count = fitted["count"] if spec.count == before["count"] else spec.count
    if spec.nonlens_ratio == before["nonlens_ratio"]:
        usual = spec.replaced(count=int(count), nonlens_ratio=USUAL["nonlens_ratio"])
        most = most_nonlenses(preview, usual)
        each = USUAL["nonlens_ratio"] if most is None else most / count
        fitted["nonlens_ratio"] = min(USUAL["nonlens_ratio"], math.floor(100 * each) / 100)
    return fitted


def _fit_to_hosts(preview: PaintPreview, spec: PaintSpec) -> None:
    """Let the numbers that nobody has entered be those that fit the hosts."""
    before = st.session_state.get(FITTED, USUAL)
    st.session_state[FITTED] = fitted = fitted_to(preview, spec, before)
    if fitted != before:
        st.rerun()


def _show_brightness(preview: PaintPreview, spec: PaintSpec) -> None:
    """Say how bright painted hosts and non-lenses are; where they differ, offer those as bright as hosts."""
    both = nonlenses_of(preview, spec).brightness
    if both is None:
        return
    words = (
        f"Median {plain(preview.magnitude_name)}: lenses, by their hosts, {both.lenses.in_words()}, "
        f"non-lenses {both.others.in_words()}."
    )
    if not both.differs:
        st.caption(words)
        return
    with st.container(border=True, gap="small", key="paint-brightness"):
        st.markdown(
            f":material/warning: {words} A network may learn brightness in place of "
            "arcs; in a search among galaxies like the hosts it would then fail."
            + (UNLIKE if spec.as_bright else "")
        )
        if not spec.as_bright:
            st.button(
                "Take non-lenses as bright as hosts", key="paint-alike", on_click=_ask_for_alike, args=(spec,)
            )


def _ask_for_alike(spec: PaintSpec) -> None:
    """Ask for non-lenses as bright as hosts, with a preview of them."""
    st.session_state[AS_BRIGHT] = True
    st.session_state[PREVIEW] = previewed(spec.replaced(as_bright=True))


def _show_hosts(preview: PaintPreview, spec: PaintSpec) -> None:
    """Show how many hosts are left after each cut, how often each is used, and the PSF."""
    widths = ", ".join(
        f"{band} {width:.2f}″ ({PSF_OF_STARS.get(stars, f'{stars} stars')})"
        for band, width, stars in zip(preview.bands, preview.psf_fwhm_arcsec, preview.psf_stars, strict=True)
    )
    unit = "" if preview.calibrated else " · unit of flux unknown: arcs by signal to noise"
    cuts = [{"cut": what, "left": count} for what, count in preview.counts.items()]
    _show_uses(preview, spec)
    _show_brightness(preview, spec)
    heading("Hosts, cut by cut")
    st.dataframe(
        counts_spaced(pd.DataFrame(cuts)),
        hide_index=True,
        column_config={"cut": st.column_config.Column(width=260), "left": st.column_config.Column(width=70)},
        height="content",
        key="paint-cuts",
    )
    if preview.left_out:
        st.caption(
            f"{counted(preview.left_out, 'galaxy')} left out for artefacts: trails, stars ten times as "
            "bright, edges or a noise that stands out (Hosts, *Without artefacts*)."
        )
    lost, asked = preview.off_sequence
    if lost:
        st.caption(
            f"{number(lost)} of {counted(asked, 'host')} left out: off the red sequence colours tell no "
            "redshift. With a *Column of redshifts* (Lenses) those that have one stay."
        )
    st.caption(plain(f"PSF {widths}{unit}"))
