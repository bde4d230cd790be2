"""The catalogue of a source as a table: its columns in an order to read, filtered, and saved."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.core.catalogue.safe_text import neutralise
from lensapp.core.data.column_names import column_label
from lensapp.services.data.filters import OF_FILES, catalogue_columns, in_reading_order
from lensapp.services.data.source_tables import column_of, labels_of, table_of
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared import figures
from lensapp.ui.shared.address import kept, several_of, text
from lensapp.ui.shared.cutout_export import show_cutout_export
from lensapp.ui.shared.filters import ask_kept_ids
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.pictures import thumbnails
from lensapp.ui.shared.state import get_workspace
from lensapp.ui.shared.widgets import counted, download, number

LAZY_ROWS, FEW_ROWS = 5000, 14
MOST_PICTURED, FEW_PICTURED, PICTURED_PIXELS = 300, 7, 72
MOSTLY, LOOKED_AT = 0.5, 1000  # of the rows, of which so many are looked at
USUAL_COLUMNS = 8
CATALOGUE_LOOKS = {
    "image": st.column_config.ImageColumn("", pinned=True, width=PICTURED_PIXELS),
    "candidate": st.column_config.TextColumn(pinned=True),
    "ra (deg)": st.column_config.NumberColumn("RA (deg)", format="%.5f", help="ICRS"),
    "dec (deg)": st.column_config.NumberColumn("Dec (deg)", format="%.5f", help="ICRS"),
    "masked": st.column_config.NumberColumn(format="%.4g %%"),
}
OFTEN_EMPTY = ("label", "class", "position from", "parent")
DIGITS, MOST_DECIMALS, SMALLEST = 4, 3, 1e-3


def show_catalogue(source: Source) -> None:
    """Show the table of candidates; large ones stay on the server and are read as they are scrolled."""
    ws = get_workspace()
    ids, where = ask_kept_ids(ws, source, key=f"catalogue-view-filter-{source.name}", labelled=False)
    offered = in_reading_order(catalogue_columns(ws, source), source.bands)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width=230):
            part = st.text_input(
                "Candidate contains",
                label_visibility="collapsed",
                placeholder="Candidate contains …",
                **kept("contains", text(), ""),
            ).strip()
        labels = labels_of(ws, source)
        present = sorted(set(labels))
        classes = st.pills(
            "Class",
            present,
            format_func=lambda label: plain(figures.CLASS_NAMES.get(label, label)),
            selection_mode="multi",
            label_visibility="collapsed",
            **kept("classes", several_of(present), []),
        )
        columns = _choose_columns(source, offered)
        download(
            "Whole catalogue (CSV)",
            lambda: safe_csv(table_of(ws, source, columns=offered)),
            file_name=f"{source.name}.csv",
        )
    table = table_of(ws, source, columns=columns)
    keep = np.ones(len(table), bool) if ids is None else np.isin(column_of(ws, source, "id"), ids)
    fulfilling = int(np.count_nonzero(keep))
    if part:
        keep &= table["candidate"].str.contains(part, case=False, regex=False).to_numpy(bool)
    if classes:
        keep &= np.isin(labels, classes)
    rows = table.drop(columns=[name for name in OFTEN_EMPTY if table[name].isna().all()])
    rows = rows if keep.all() else rows[keep]
    pictured = 0 < len(rows) <= MOST_PICTURED
    fewer = "" if pictured or not len(rows) else f" · pictures stand beside up to {MOST_PICTURED}"
    st.caption(f"{number(len(rows))} of {counted(len(table), 'candidate')}{fewer}")
    pictured_ids = column_of(ws, source, "id")[keep].tolist() if pictured else []
    _show_rows(ws, rows, pictured_ids, looks=_looks(table, columns) | CATALOGUE_LOOKS)
    query = CatalogueQuery(of=(source.name,), where=where)
    show_cutout_export(ws, query, count=fulfilling, key="data")


def _show_rows(
    ws: Workspace, rows: pd.DataFrame, pictured_ids: Sequence[int], *, looks: dict[str, Any]
) -> None:
    """Show rows of the catalogue, with the pictures of their cutouts where these are given."""
    shown = filled_first(_in_words(rows))
    if pictured_ids:
        images = thumbnails(ws, pictured_ids)
        shown.insert(0, "image", [images.get(int(key)) for key in pictured_ids])
    few = len(rows) <= (FEW_PICTURED if pictured_ids else FEW_ROWS)
    st.dataframe(
        shown,
        hide_index=True,
        row_height=PICTURED_PIXELS if pictured_ids else None,
        height="content" if few else 560,
        placeholder="–",
        lazy=len(rows) > LAZY_ROWS,
        column_config=looks,
    )


def filled_first(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose columns that most of some thousand rows leave empty come last."""
    some = table.iloc[:: max(len(table) // LOOKED_AT, 1)]
    empty = (some.isna() | (some.astype(str) == "")).mean()
    return table[sorted(table.columns, key=lambda name: float(empty[name]) > MOSTLY)]


def _in_words(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with labels, origins of positions and shares of pixels as a reader is told them."""
    words = {
        "label": figures.CLASS_NAMES,
        "position from": {"wcs": "header", "keyword": "header"},
        "class": {"edge_on": "edge-on"},
    }
    return table.assign(
        masked=100 * table["masked"].astype(float),
        **{
            name: table[name].map(lambda value, known=known: known.get(value, value))
            for name, known in words.items()
            if name in table
        },
    )


def _looks(table: pd.DataFrame, columns: Sequence[str]) -> dict[str, Any]:
    """Return looks of columns: headings for readers, and numbers of one column with the same decimals."""
    looks: dict[str, Any] = {}
    named = {
        heading: name for heading in map(str, table) for name in columns if heading.split(" (")[0] == name
    }
    for heading, name in named.items():
        unit = heading.removeprefix(name).strip(" ()")
        looks[heading] = {"label": column_label(name, unit=unit), "help": f"In filters: {name}"}
    for name in table.select_dtypes("float"):
        values = np.abs(table[name].to_numpy(float))
        values = values[np.isfinite(values) & (values > 0)]
        if not len(values) or (values == np.rint(values)).all():
            continue
        usual = float(np.median(values))
        decimals = int(np.clip(DIGITS - 1 - np.floor(np.log10(usual)), 0, MOST_DECIMALS))
        written = "%.2e" if usual < SMALLEST else f"%.{decimals}f"
        looks[str(name)] = st.column_config.NumberColumn(**looks.get(str(name), {}), format=written)
    return looks


def _choose_columns(source: Source, offered: Sequence[str]) -> list[str]:
    """Ask which columns of its catalogue the table of a source shows."""
    with st.popover("Columns shown", icon=":material/view_column:"):
        columns = st.multiselect(
            "Of the catalogue, besides those every source has",
            offered,
            format_func=column_label,
            placeholder="none" if offered else "it has no further ones",
            disabled=not offered,
            **kept(
                "columns",
                several_of(offered),
                [name for name in offered if name not in OF_FILES][:USUAL_COLUMNS],
                key=f"catalogue-columns-{source.name}",
            ),
        )
    return list(columns)


def safe_csv(table: pd.DataFrame) -> str:
    """Return a table as CSV in which no cell can become a spreadsheet formula."""
    texts = table.select_dtypes(include=["object", "string"])
    guarded = {name: texts[name].astype("string").map(neutralise, na_action="ignore") for name in texts}
    return str(table.assign(**guarded).to_csv(index=False))
