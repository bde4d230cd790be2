"""The data page: the cutouts of a source first, then quality, catalogue, sky and import."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator

from lensapp.core.data.column_names import column_label
from lensapp.core.plurals import noun
from lensapp.services.data.filters import catalogue_columns, sorted_ids
from lensapp.services.data.pictures import cutouts_by_id
from lensapp.services.data.source_tables import column_of, labels_of
from lensapp.services.data.sources import ready_sources, unit_briefly, unit_in_words
from lensapp.storage.records import Cutout, Source
from lensapp.ui.data import import_steps
from lensapp.ui.data.catalogue_view import show_catalogue
from lensapp.ui.data.object_search import show_object_search
from lensapp.ui.data.quality_view import show_quality
from lensapp.ui.data.realism import show_realism
from lensapp.ui.data.sky_view import show_sky
from lensapp.ui.gallery.contact_sheet import contact_sheet
from lensapp.ui.shared.address import any_whole, kept, one_of, put, switch
from lensapp.ui.shared.figures import CLASS_NAMES, class_colours, label_colours
from lensapp.ui.shared.filters import PAGE_NUMBER, WHERE, ask_kept_ids
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_head import page_head
from lensapp.ui.shared.page_views import choose_view
from lensapp.ui.shared.pictures import describe_cutout
from lensapp.ui.shared.state import (
    VIEW,
    awaited_source,
    choose,
    get_workspace,
    note_at_work,
    stay_here,
    take_awaited,
)
from lensapp.ui.shared.widgets import counted, number, number_within

PAGE_SIZES = (48, 96, 192)
VIEWS = {
    "cutouts": ":material/photo_library: Cutouts",
    "quality": ":material/fact_check: Quality",
    "catalogue": ":material/table_rows: Catalogue",
    "sky": ":material/public: Sky",
    "objects": ":material/filter_center_focus: Find objects",
    "realism": ":material/compare: Realism",
    "import": ":material/download: Import",
}
OWN_COLUMNS = {"id": "name", "ra": "RA", "dec": "Dec", "class": "class", "masked": "masked share"}
ORDERS = {"given": "as given", "random": "random", "column": "by column"}
TAKEN = "data-sources-taken"  # how often a source that was awaited has been shown
CLASSES = ("all", "lens", "nonlens", "unlabelled")


def show_data_page() -> None:
    """Show the cutouts of a source, or one of its other views; the import where there is no source."""
    ready = ready_sources(get_workspace())
    page_head("Data")
    if not ready:
        st.subheader("Import cutouts")
        import_steps.show_import()
        return
    _follow_click()
    if take_awaited([source.name for source in ready]):
        put(VIEW, [])
        put(WHERE, [])  # of the source before, whose columns the new one may lack
        # Another widget: that of before would win, and a rerun asked for meanwhile would bring it back.
        st.session_state[TAKEN] = st.session_state.get(TAKEN, 0) + 1
    row = st.container(horizontal=True, vertical_alignment="center", gap="small", key="data-row")
    below = st.container()
    with row:
        longest = max(len(source.name) for source in ready)
        with st.container(width=min(max(175, 60 + 8 * longest), 420)):
            names = [source.name for source in ready]
            name = choose("source", names, label="Source", labelled=False, said_in=below)
        taken = st.session_state.get(TAKEN, 0)
        view = choose_view(VIEWS, key=f"data-view-{taken}" if taken else "data-view", said_in=below)
    note_at_work()
    source = next(source for source in ready if source.name == name)
    if view == "import":
        import_steps.show_import()
        return
    labels = labels_of(get_workspace(), source)
    counts = {key: int(np.count_nonzero(labels == key)) for key in CLASSES[1:]}
    scale = f" at {source.pixel_scale_arcsec:g} arcsec/pixel" if source.pixel_scale_arcsec else ""
    parts = [
        counted(len(labels), "cutout"),
        *(counted(count, CLASS_NAMES[key]) for key, count in counts.items() if count and key != CLASSES[-1]),
        *([f"{number(counts[CLASSES[-1]])} without a label"] if counts[CLASSES[-1]] else []),
        f"{noun(len(source.bands), 'band')} {', '.join(source.bands)}",
        f"{source.width} × {source.height} pixels{scale}",
        f"unit: {unit_briefly(get_workspace(), source)}",
    ]
    brief, whole = parts[-1].removeprefix("unit: "), unit_in_words(get_workspace(), source)
    st.caption(plain(" · ".join(parts)), help=None if brief == whole else plain(f"Unit: {whole}"))
    {
        "cutouts": _show_cutouts,
        "quality": show_quality,
        "catalogue": show_catalogue,
        "sky": show_sky,
        "objects": show_object_search,
        "realism": show_realism,
    }[view](source)


def _follow_click() -> None:
    """Let a view that is clicked in the run that would open the awaited source win over that."""
    taken = st.session_state.get(TAKEN, 0)
    clicked = st.session_state.get(f"data-view-{taken}" if taken else "data-view")
    shown = st.query_params.get(VIEW, next(iter(VIEWS)))
    if awaited_source() is not None and clicked not in (None, shown):
        put(VIEW, [clicked])
        stay_here()


def _show_cutouts(source: Source) -> None:
    """Show one page of a source's cutouts, of a class, with a filter and in an order."""
    with st.container(horizontal=True, vertical_alignment="top", gap="small"):
        with st.container(width="stretch"):
            fulfilling, _ = ask_kept_ids(
                get_workspace(), source, key=f"data-filter-{source.name}", labelled=False
            )
        paging = st.container(horizontal=True, vertical_alignment="center", gap="small", width="content")
    below = st.container()
    held = {*labels_of(get_workspace(), source).tolist()}
    classes = [key for key in CLASSES if key == "all" or key in held]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        label = st.segmented_control(
            "Class",
            classes,
            required=True,
            label_visibility="collapsed",
            format_func=lambda key: CLASS_NAMES.get(key, key),
            **kept("class", one_of(classes), "all", resets=[PAGE_NUMBER]),
        )
        order, order_by, descending = _choose_order(source)
        ids = _ordered(source, fulfilling, label=label, order=order, order_by=order_by, descending=descending)
    with paging:
        ids = ids[_choose_page(len(ids), said_in=below)]
    if not len(ids):
        st.info(
            "No cutout of this source has that class and fulfils the filter.", icon=":material/filter_alt:"
        )
        return
    cutouts = cutouts_by_id(get_workspace(), ids.tolist())
    colours = class_colours()
    present = {cutout.label or "unlabelled" for cutout in cutouts}
    contact_sheet(
        get_workspace(),
        cutouts,
        key="data",
        captions=[_caption(cutout, order_by) for cutout in cutouts],
        hints=[describe_cutout(cutout, with_columns=True) for cutout in cutouts],
        colours=label_colours(cutout.label for cutout in cutouts),
        legend={CLASS_NAMES[key]: colours[key] for key in CLASSES[1:] if key in present},
    )


def _caption(cutout: Cutout, order_by: str | None) -> str:
    """Return the name of a cutout, and what it is sorted by."""
    value = cutout.properties.get(order_by) if order_by else None
    if order_by == "masked":
        value = cutout.masked_fraction
    if not isinstance(value, int | float | str):
        return cutout.candidate_id
    return f"{cutout.candidate_id}\n{value if isinstance(value, str) else number(float(value), digits=4)}"


def _choose_page(count: int, *, said_in: DeltaGenerator) -> slice:
    """Ask how many of so many cutouts stand on a page, and for the page; return which they are."""
    with st.container(width=115):
        size = st.selectbox(
            "On a page",
            PAGE_SIZES,
            format_func="{} a page".format,
            label_visibility="collapsed",
            **kept("per_page", one_of(PAGE_SIZES), PAGE_SIZES[0], resets=[PAGE_NUMBER]),
        )
    last = max(-(-count // size), 1)
    before, field, after = (
        st.container(width="content"),
        st.container(width=105),
        st.container(width="content"),
    )
    with field:
        page = number_within(
            "Page",
            1,
            last,
            said_in=said_in,
            step=1,
            label_visibility="collapsed",
            **kept(PAGE_NUMBER, any_whole(), 1),
        )
    for box, step, words in ((before, -1, "Previous"), (after, 1, "Next")):
        box.button(
            words,
            key=f"page-{words.lower()}",
            disabled=not 1 <= page + step <= last,
            on_click=_turn_to,
            args=(page + step,),
        )
    st.caption(f"of {counted(last, 'page')}", width="content")
    return slice((page - 1) * size, page * size)


def _turn_to(page: int) -> None:
    st.session_state[PAGE_NUMBER] = page


def _choose_order(source: Source) -> tuple[str, str | None, bool]:
    """Ask for the order of the cutouts: which, the column where it is by one, and whether highest first."""
    order = st.segmented_control(
        "Order",
        list(ORDERS),
        required=True,
        label_visibility="collapsed",
        format_func=ORDERS.__getitem__,
        **kept("order", one_of(list(ORDERS)), next(iter(ORDERS)), resets=[PAGE_NUMBER]),
    )
    order_by, descending = None, False
    if order == "column":
        names = [*OWN_COLUMNS, *catalogue_columns(get_workspace(), source)]
        with st.container(width=205):
            order_by = st.selectbox(
                "Column",
                names,
                format_func=lambda name: OWN_COLUMNS.get(name) or column_label(name),
                label_visibility="collapsed",
                **kept("by", one_of(names), names[0], resets=[PAGE_NUMBER]),
            )
        descending = st.toggle(
            "Highest first", **kept("highest", switch(), default=False, resets=[PAGE_NUMBER])
        )
    return str(order), order_by, descending


def _ordered(
    source: Source,
    fulfilling: NDArray[np.int64] | None,
    *,
    label: str,
    order: str,
    order_by: str | None,
    descending: bool,
) -> NDArray[np.int64]:
    """Return the cutouts of a class, of those that a filter keeps, in an order."""
    ws = get_workspace()
    ids: NDArray[np.int64] = column_of(ws, source, "id")
    if label != "all":
        ids = ids[labels_of(ws, source) == label]
    if fulfilling is not None:
        ids = ids[np.isin(ids, fulfilling)]
    if order_by is not None:
        return sorted_ids(ws, source, ids, order_by, descending=descending)
    return np.random.default_rng(source.id).permutation(ids) if order == "random" else ids
