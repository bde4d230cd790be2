"""Take a table of known lenses from the user; the workspace keeps it."""

from hashlib import sha256

import streamlit as st

from lensapp.services.data.known_lenses import (
    DEFAULT_RADIUS_ARCSEC,
    FILTER_COLUMNS,
    KnownLenses,
    filter_kept_lenses,
    keep_known_lenses,
    kept_known_lenses,
)
from lensapp.ui.shared.address import decimal, kept, text
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_words import in_page_words
from lensapp.ui.shared.state import get_workspace
from lensapp.ui.shared.uploads import TABLE_ENDINGS, uploaded_table
from lensapp.ui.shared.widgets import counted, errors_shown, number

COUNT = "catalogue-known-count"
UPLOADED = "catalogue-known-taken"
FILTERED = "catalogue-known-filtered"
POSITION_HELP = "Where the table has unusual names, or several positions. Units are those it declares."


def known_lenses_popover() -> tuple[KnownLenses | None, float]:
    """Show where a table of known lenses can be given; return those to match and the usual radius."""
    ws = get_workspace()
    count: int | None = st.session_state.get(COUNT)
    with st.popover(
        "Known lenses" if count is None else f"Known lenses · {count}", icon=":material/my_location:"
    ):
        uploaded = st.file_uploader(
            "Table of known lenses",
            type=TABLE_ENDINGS,
            key="catalogue-known-file",
            help="Needs right ascension and declination (ICRS), in degrees or as its units say; columns are "
            "found by their names.",
        )
        radius_column, (left, right) = st.container(), st.columns(2)
        asked = {
            "radius_column": radius_column.text_input(
                "Column with each one's own radius (arcsec)", placeholder="none",
                help="Where a cell is empty, the radius below holds.",
                **kept("known_column", text(), "", key="catalogue-known-column"),
            ),
            "ra_column": left.text_input(
                "Column of RA", placeholder="by its name", help=POSITION_HELP,
                **kept("known_ra", text(), "", key="catalogue-known-ra"),
            ),
            "dec_column": right.text_input(
                "Column of Dec", placeholder="by its name", help=POSITION_HELP,
                **kept("known_dec", text(), "", key="catalogue-known-dec"),
            ),
        }  # fmt: skip
        columns = {name: column.strip() or None for name, column in asked.items()}
        if uploaded is not None:
            given = (sha256(uploaded.getvalue()).hexdigest(), uploaded.name, columns)
            if count is None or st.session_state.get(UPLOADED) != given:
                count = None
                # Kept in the workspace, where the gallery marks its lenses too.
                with uploaded_table(uploaded) as path, errors_shown():
                    count = len(keep_known_lenses(ws, path, **columns))
                st.session_state[UPLOADED] = given
        st.session_state[COUNT] = count = None if uploaded is None else count
        radius = st.number_input(
            "Radius (arcsec)", 0.1, 60.0, step=0.5,
            **kept("known_radius", decimal(0.1, 60.0), DEFAULT_RADIUS_ARCSEC, key="catalogue-known-radius"),
        )  # fmt: skip
        known = None if count is None else kept_known_lenses(ws)
        if known is not None:
            known = _choose_filters(known)
            _describe(known)
    return known, float(radius)


def _choose_filters(known: KnownLenses) -> KnownLenses:
    """Show by which grades, types and references the kept table can be filtered; return what is left."""
    ws, table = get_workspace(), known.table
    entered = st.session_state.pop(FILTERED, False)  # else it shows what is kept, by whomever
    chosen: dict[str, tuple[str, ...]] = {}
    for what in FILTER_COLUMNS:
        counts, name = known.offered.get(what, {}), f"{what}s"
        if counts:
            words = {value: f"{value} ({number(count)})" for value, count in counts.items()}
            key = f"catalogue-known-{name}"
            if not entered:
                st.session_state[key] = [one for one in getattr(table, name) if one in counts]
            picked = st.multiselect(
                f"Only {name}", list(counts), format_func=words.__getitem__, placeholder="all", key=key,
                on_change=_note_filtered,
            )  # fmt: skip
            chosen[name] = tuple(picked)
    if entered:
        with errors_shown():
            filter_kept_lenses(ws, **chosen)
    return kept_known_lenses(ws) or known


def _note_filtered() -> None:
    st.session_state[FILTERED] = True


def _describe(known: KnownLenses) -> None:
    """Say how many lenses a table holds, and what is to be known of it."""
    left_out = (
        f"; {counted(known.without_position, 'row')} without position" if known.without_position else ""
    )
    twice = f"; {counted(known.duplicates, 'further row')} of the same" if known.duplicates else ""
    st.caption(f"{counted(len(known), 'known lens')} of {plain(known.file)}{twice}{left_out}.")
    for warning in known.warnings:
        st.warning(plain(in_page_words(warning)), icon=":material/warning:")
