"""Export the filtered catalogue: one click downloads the very bytes that were written."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from lensapp.services.catalogue.export import export_catalogue
from lensapp.services.catalogue.formats import files_of
from lensapp.storage.workspace import Workspace
from lensapp.ui.catalogue import sending
from lensapp.ui.inspect.consensus_form import METHODS
from lensapp.ui.shared.widgets import empty_state, number

if TYPE_CHECKING:
    from lensapp.ui.catalogue.catalogue_page import Filters

FORMATS = {
    "FITS": (".fits", "One file: catalogue and votes as two tables, provenance in the header."),
    "CSV": (".csv", "Three files; no cell can become a spreadsheet formula."),
    "ECSV": (".ecsv", "Two files with units and provenance in their headers, for astropy."),
    "Parquet": (".parquet", "Two files, compact, for pandas and databases."),
    "VOTable": (".vot", "One file with UCDs, for TOPCAT and Aladin."),
    "DS9 regions": (".reg", "Positions with grades, to lay over images."),
}
MIME = {
    ".csv": "text/csv",
    ".ecsv": "text/plain",
    ".fits": "application/fits",
    ".parquet": "application/vnd.apache.parquet",
    ".vot": "application/x-votable+xml",
    ".reg": "text/plain",
    ".json": "application/json",
}


def show(ws: Workspace, filters: "Filters", table: pd.DataFrame) -> None:
    """Show format and download buttons; the filters above decide what is exported."""
    if table.empty:
        empty_state(
            "Nothing to export",
            "No candidate passes the filters. Widen them, or add – to the grades for those without votes.",
            icon=":material/filter_alt:",
        )
        sending.votes_in(ws, filters.source.name)
        return
    chosen = st.segmented_control("Format", list(FORMATS), default="FITS", required=True, key="export-format")
    ending, meaning = FORMATS[chosen or "FITS"]
    out = ws.exports_folder / f"{filters.name}{ending}"
    st.caption(
        f"{meaning} {number(len(table))} candidates of {', '.join(one.name for one in filters.sources)} with "
        f"id, source, RA, Dec, score, run, grade, mean, scatter, votes{_probability(filters)} and known-lens "
        f"match. Consensus: {METHODS[filters.method.method]}, {filters.method.grading()}."
    )
    with st.container(horizontal=True, gap="small"):
        for place, path in enumerate(files_of(out) or {}):
            st.download_button(
                _label(path, out),
                partial(exported_bytes, ws, filters, out, path),
                file_name=path.name,
                mime=MIME.get(path.suffix, "application/octet-stream"),
                icon=":material/download:",
                type="primary" if place == 0 else "secondary",
                key=f"export-{path.name}",
                on_click="ignore",
            )
    sending.show(ws, filters, table)
    st.caption(f"The files also stay in {out.parent.name}/ of the workspace.")
    sending.votes_in(ws, filters.source.name)


def _probability(filters: "Filters") -> str:
    return "" if filters.method.method == "mean" else ", probability"


def _label(path: Path, out: Path) -> str:
    if path == out:
        return f"Download {path.name}"
    return "Every vote" if path.stem.endswith("votes") else "Provenance"


def exported_bytes(ws: Workspace, filters: "Filters", out: Path, wanted: Path) -> bytes:
    """Write the export and return the bytes of one of its files."""
    export_catalogue(ws, out=out, **filters.options())
    return wanted.read_bytes()
