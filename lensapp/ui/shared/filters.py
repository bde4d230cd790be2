"""The field for a filter on columns, the same on every page, and what can be named in it."""

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lensapp.core.data.column_names import column_label
from lensapp.core.data.conditions import parse_filter, spelling_of
from lensapp.core.errors import InvalidInput, LensAppError
from lensapp.services.data.filters import Ids, example_filter, filter_columns, kept_ids
from lensapp.services.data.sources import count_cutouts
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.address import kept, text
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.widgets import counted, error_box, number, text_table

NAMES = "Column names"
WHERE, PAGE_NUMBER = "where", "page"  # in the address
HELP = (
    "Comparisons of columns (see Column names) with numbers or with texts in quotation marks, as in "
    "pandas{}, joined by `&` (and), `|` (or), `~` (not) and parentheses; `isnull({})` and "
    "`notnull({})` ask for unknown values, which fulfil nothing else."
)


def filter_fold() -> DeltaGenerator:
    """Return where `ask_filter` takes one line above a figure: folded until something is filtered."""
    return st.expander("Filter", icon=":material/filter_alt:", expanded=bool(st.query_params.get(WHERE)))


def filter_help(example: str, texts: Sequence[str]) -> str:
    """Return how a filter is written, with examples of columns there are: `example`, and a text."""
    names = [name for name in texts if name.isidentifier() and name != "candidate_id"][:1]
    shown = [f"`{example}`"] * bool(example) + [f'`{name} == "…"`' for name in names]
    column = example.split(" ", maxsplit=1)[0] or "column"
    return HELP.format(f", for example {' or '.join(shown)}" if shown else "", column, column)


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
            help=filter_help(example, [one.name for one in columns if one.is_text]),
            label_visibility="visible" if labelled else "collapsed",
            **kept(WHERE, text(), "", key=key, resets=[PAGE_NUMBER]),
        )
        with st.popover(NAMES, icon=":material/list:", help="What a filter may name, with units."):
            units = {one.name: one.unit for one in columns}
            texts = {one.name for one in columns if one.is_text}
            text_table(
                [
                    {
                        "column": name,
                        "meaning": column_label(name, unit=units.get(name, ""))
                        + (" – text" if name in texts else ""),
                    }
                    for name in dict.fromkeys(names)
                ]
            )
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


def ask_kept_ids(
    ws: Workspace, source: Source, *, key: str, labelled: bool = True
) -> tuple[Ids | None, str | None]:
    """Show the field of a filter on one source; return which cutouts fulfil it (None: all), and the filter.

    While what is entered cannot be used, the last one that could holds, and that is said.
    """
    where, usable = ask_filter(ws, [source], key=key, labelled=labelled)
    good = f"{key}-last-usable"
    ids: Ids | None = None
    if usable and where is not None:
        try:
            ids = kept_ids(ws, source, where)
        except LensAppError as error:
            error_box(error)
            usable = False
    if usable:
        st.session_state[good] = where
    else:
        where = st.session_state.get(good)
        ids = None if where is None else kept_ids(ws, source, where)
    total = counted(count_cutouts(ws, source), "cutout")
    if ids is not None:
        verb = "fulfils" if len(ids) == 1 else "fulfil"
        which = "the filter" if usable else f"the filter before, {where}"
        st.caption(plain(f"{number(len(ids))} of {total} {verb} {which}."))
    elif not usable:
        st.caption(f"All {total} are shown until the filter can be used.")
    return ids, where
