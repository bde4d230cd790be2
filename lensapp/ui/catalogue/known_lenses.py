"""Take a table of known lenses from the user; the workspace keeps it."""

import tempfile
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from lensapp.core.errors import LensAppError
from lensapp.services.data.known_lenses import DEFAULT_RADIUS_ARCSEC, keep_known_lenses, kept_table
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.state import get_workspace
from lensapp.ui.shared.widgets import error_box, number

COUNT = "catalogue-known-count"
UPLOADED = "catalogue-known-taken"
ENDINGS = ["csv", "ecsv", "fits", "fit", "vot", "xml", "parquet"]


class KnownLensMatch(NamedTuple):
    """The table of known lenses to match, if one is given, its column of radii and the usual radius."""

    table: str | None
    radius_column: str | None
    radius_arcsec: float


def known_lenses_popover() -> KnownLensMatch:
    """Show where a table of known lenses can be given; return how to match it."""
    ws = get_workspace()
    count: int | None = st.session_state.get(COUNT)
    with st.popover(
        "Known lenses" if count is None else f"Known lenses · {count}", icon=":material/my_location:"
    ):
        uploaded = st.file_uploader(
            "Table of known lenses",
            type=ENDINGS,
            key="catalogue-known-file",
            help="Needs right ascension and declination in degrees (ICRS); columns are found by their names.",
        )
        column = st.text_input(
            "Column with each one's own radius (arcsec)",
            key="catalogue-known-column",
            placeholder="none",
            help="Where a cell is empty, the radius below holds.",
        ).strip()
        if uploaded is None:
            count = None
        elif count is None or st.session_state.get(UPLOADED) != (
            sha256(uploaded.getvalue()).hexdigest(),
            uploaded.name,
            column,
        ):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / Path(uploaded.name).name
                path.write_bytes(uploaded.getvalue())
                try:  # the gallery marks them too
                    count = len(keep_known_lenses(ws, path, radius_column=column or None))
                except LensAppError as error:
                    error_box(error)
                    count = None
            st.session_state[UPLOADED] = (sha256(uploaded.getvalue()).hexdigest(), uploaded.name, column)
        st.session_state[COUNT] = count
        radius = st.number_input(
            "Radius (arcsec)", 0.1, 60.0, DEFAULT_RADIUS_ARCSEC, step=0.5, key="catalogue-known-radius"
        )
        kept = None if count is None else kept_table(ws)
        if kept is None or count is None:
            return KnownLensMatch(None, None, float(radius))
        table, radius_column = kept
        st.caption(f"{number(count)} known lenses of {plain(table.name)}")
    return KnownLensMatch(str(table), radius_column, float(radius))
