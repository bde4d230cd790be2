"""Take a table of known lenses from the user; the workspace keeps it."""

from hashlib import sha256

import streamlit as st

from lensapp.services.data.known_lenses import (
    DEFAULT_RADIUS_ARCSEC,
    FILTER_COLUMNS,
    SAME_LENS_ARCSEC,
    KnownLenses,
    filter_kept_lenses,
    keep_known_lenses,
    kept_known_lenses,
)
from lensapp.ui.shared.address import decimal, kept, switch, text, will_hold
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_words import in_page_words
from lensapp.ui.shared.state import get_workspace
from lensapp.ui.shared.uploads import TABLE_ENDINGS, uploaded_table
from lensapp.ui.shared.widgets import counted, errors_shown, number, number_within

MATCHED = "catalogue-known-matched"
UPLOADED = "catalogue-known-taken"
LEFT_OUT = "known_lenses"  # in the address, 0 where they are
FILTERED = "catalogue-known-filtered"
POSITION_HELP = "Where the table has unusual names, or several positions. Units are those it declares."


def known_lenses_popover() -> tuple[KnownLenses | None, float]:
    """Show the table of known lenses that the workspace keeps, and take another in its place.

    Returns those to match, None where there are none or they are left out, and the usual radius.
    """
    ws = get_workspace()
    before = kept_known_lenses(ws)
    matched = will_hold(LEFT_OUT, switch(), default=True, key=MATCHED)
    with st.popover(_label(before, matched=matched), icon=":material/my_location:"):
        described = st.container()  # what is kept stands first, whatever was uploaded in this browser
        _take_table()
        radius = number_within(
            "Radius (arcsec)", 0.1, 60.0, step=0.5,
            **kept("known_radius", decimal(), DEFAULT_RADIUS_ARCSEC, key="catalogue-known-radius"),
        )  # fmt: skip
        known = kept_known_lenses(ws)
        if known is not None:
            matched = st.toggle(
                "Match candidates with them",
                help="Off: neither the list nor exports tell which candidates are known. The table stays in "
                "the workspace, where Inspect, Split and Score use it too.",
                **kept(LEFT_OUT, switch(), default=True, key=MATCHED),
            )
            known = _choose_filters(known)
            with described:
                _describe(known)
    if _size(known) != _size(before):
        st.rerun()  # the label was written before
    return known if matched else None, radius


def _size(known: KnownLenses | None) -> int | None:
    return None if known is None else len(known)


def _label(known: KnownLenses | None, *, matched: bool) -> str:
    """Return what stands on the button: how many lenses the table holds, and whether they are left out."""
    if known is None:
        return "Known lenses"
    return f"Known lenses · {number(len(known))}" + ("" if matched else ", left out")


def _take_table() -> None:
    """Ask for a table and how it is read; keep it in the workspace once it is given."""
    uploaded = st.file_uploader(
        "Table of known lenses",
        type=TABLE_ENDINGS,
        key="catalogue-known-file",
        help="Needs right ascension and declination (ICRS), in degrees or as its units say; columns are "
        "found by their names. The workspace keeps it for all who use it, in place of the one before.",
    )
    radius_column, (left, right) = st.container(), st.columns(2)
    asked = {
        "radius_column": radius_column.text_input(
            "Column with each one's own radius (arcsec)", placeholder="none",
            help="Where a cell is empty, the radius below holds.",
            **kept("known_column", text(), "", key="catalogue-known-column"),
        ),
        "ra_column": left.text_input(
            "Column of right ascensions", placeholder="by its name", help=POSITION_HELP,
            **kept("known_ra", text(), "", key="catalogue-known-ra"),
        ),
        "dec_column": right.text_input(
            "Column of declinations", placeholder="by its name", help=POSITION_HELP,
            **kept("known_dec", text(), "", key="catalogue-known-dec"),
        ),
    }  # fmt: skip
    columns = {name: column.strip() or None for name, column in asked.items()}
    if uploaded is None:
        st.session_state.pop(UPLOADED, None)
        return
    given = (sha256(uploaded.getvalue()).hexdigest(), uploaded.name, columns)
    if st.session_state.get(UPLOADED) != given:
        with uploaded_table(uploaded) as path, errors_shown():
            keep_known_lenses(get_workspace(), path, **columns)
            st.session_state[UPLOADED] = given


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
    st.caption(f"{counted(len(known), 'known lens')} of {plain(known.file)}{_of_rows(known)}.")
    for warning in known.warnings:
        st.warning(plain(in_page_words(warning)), icon=":material/warning:")


def _of_rows(known: KnownLenses) -> str:
    """Return what became of the rows of a table that are no lenses of their own, empty where each is one."""
    others = {
        "without a position": known.without_position,
        f"within {SAME_LENS_ARCSEC:g}″ of an earlier row, the same lens": known.duplicates,
        "left out by the filters": known.filtered_out,
    }
    told = [f"{number(count)} {words}" for words, count in others.items() if count]
    rows = counted(len(known) + sum(others.values()), "row")
    return f", which has {rows}: {'; '.join(told)}" if told else ""
