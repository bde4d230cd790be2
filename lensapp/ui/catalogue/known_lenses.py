"""Take a table of known lenses from the user and keep it for the session."""

import tempfile
from pathlib import Path
from typing import Any

import streamlit as st

from lensapp.core.errors import LensAppError
from lensapp.services.data.known_lenses import DEFAULT_RADIUS_ARCSEC, KnownLenses, keep_known_lenses
from lensapp.ui.shared.state import get_workspace
from lensapp.ui.shared.widgets import error_box, number

KNOWN = "catalogue-known-lenses"
TAKEN = "catalogue-known-taken"
ENDINGS = ["csv", "ecsv", "fits", "fit", "vot", "xml", "parquet"]


def known_lenses_popover() -> tuple[KnownLenses | None, float]:
    """Show where a table can be given; return it, if there is one, and the radius of a match in arcsec."""
    known: KnownLenses | None = st.session_state.get(KNOWN)
    with st.popover("Known" if known is None else f"Known · {len(known)}", icon=":material/my_location:"):
        given = st.file_uploader(
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
        if given is not None and (known is None or st.session_state.get(TAKEN) != (given.name, column)):
            known = _take(given, column or None)
            st.session_state[TAKEN] = (given.name, column)
        if given is None:
            known = None
        st.session_state[KNOWN] = known
        radius = st.number_input(
            "Radius (arcsec)", 0.1, 60.0, DEFAULT_RADIUS_ARCSEC, step=0.5, key="catalogue-known-radius"
        )
        if known is not None:
            st.caption(f"{number(len(known))} known lenses of {known.file}")
    return known, float(radius)


def _take(given: Any, column: str | None) -> KnownLenses | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(given.name).name
        path.write_bytes(given.getvalue())
        try:
            return keep_known_lenses(get_workspace(), path, radius_column=column)  # the gallery marks them
        except LensAppError as error:
            error_box(error)
            return None
