"""The field for a filter on columns, the same on every page, and what can be named in it."""

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lensapp.core.data.conditions import parse_filter, spelling_of
from lensapp.core.errors import InvalidInput
from lensapp.services.data.filters import example_filter, filter_columns
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.address import kept, text
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.widgets import error_box

NAMES = "Column names"
WHERE, PAGE_NUMBER = "where", "page"  # in the address
HELP = (
    "Comparisons of columns (see Column names) with numbers or with texts in quotation marks, as in pandas, "
    "for example `18 < mag_i < 22`, "
    '`field in ["EDF-N", "EDF-S"]`, joined by `&` (and), `|` (or), `~` (not) and parentheses; '
    "`isnull(z)` and `notnull(z)` ask for unknown values, which fulfil nothing else."
)


def filter_fold() -> DeltaGenerator:
    """Return where `ask_filter` takes one line above a figure: folded until something is filtered."""
    return st.expander("Filter", icon=":material/filter_alt:", expanded=bool(st.query_params.get(WHERE)))


def ask_filter(
    ws: Workspace,
    owners: Sequence[Source],
    *,
    key: str,
    known: Sequence[str] = (),
    and_others: bool = False,
    labelled: bool = True,
) -> tuple[str | None, bool]:
    """Show the field with the columns there are; return the filter, and whether it can be used.

    The address keeps what is entered. What is wrong with it is said below.

    Parameters
    ----------
    known
        Further columns that the page knows, such as score.
    and_others
        Whether there may be more that only what is filtered can tell; it then checks their names.
    labelled
        Whether its name stands above the field, else in it: that saves a row above pictures.
    """
    columns = filter_columns(ws, owners)
    names, example = [*known, *(one.name for one in columns)], example_filter(ws, owners, known=known)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        entered = st.text_input(
            "Filter",
            placeholder=example if labelled else f"Filter, such as {example}" if example else "Filter",
            help=HELP,
            label_visibility="visible" if labelled else "collapsed",
            **kept(WHERE, text(), "", key=key, resets=[PAGE_NUMBER]),
        )
        with st.popover(NAMES, icon=":material/list:", help="What a filter may name, with units."):
            units = {one.name: one.unit for one in columns if one.unit}
            texts = {one.name for one in columns if one.is_text}
            listed = [
                f"| {plain(name)} | {'text' if name in texts else plain(units.get(name, ''))} |"
                for name in dict.fromkeys(names)
            ]
            st.markdown("\n".join(["| column | unit |", "|---|---|", *listed]))
    where = str(entered).strip()
    if not where:
        return None, True
    try:
        used = parse_filter(where).names
    except InvalidInput as error:
        error_box(error)
        return None, False
    try:
        for name in () if and_others else used:
            spelling_of(name, [*(one.name for one in columns), *known])
    except InvalidInput as error:
        error_box(InvalidInput(f"{error} {NAMES}, beside the filter, lists all."))
        return None, False
    return where, True
