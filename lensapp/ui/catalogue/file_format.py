"""The format of the file that Catalogue exports: one choice, for its button and for the view Export."""

import streamlit as st

from lensapp.services.catalogue.usual_export import usual_ending
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.address import kept, one_of

FORMATS = {
    "FITS": (".fits", "A binary table with units, for TOPCAT, astropy and most tools of astronomy."),
    "CSV": (".csv", "A plain table for spreadsheets and any program."),
    "ECSV": (".ecsv", "A plain table with units, for astropy."),
    "Parquet": (".parquet", "A compact table for pandas and databases."),
    "VOTable": (".vot", "A table with units and UCDs, for TOPCAT and Aladin."),
    "DS9 regions": (".reg", "Circles with id, grade and score, to lay over images."),
}
IN_ADDRESS = "format"


def choose_format(ws: Workspace) -> str:
    """Ask for a format; at first it is the one last used. Return its name."""
    return str(
        st.segmented_control(
            "Format",
            list(FORMATS),
            required=True,
            **kept(IN_ADDRESS, one_of(list(FORMATS)), _usual_format(ws), key="export-format"),
        )
    )


def chosen_format(ws: Workspace) -> str:
    """Return the name of the format chosen in the view Export, or of the one last used."""
    asked = st.query_params.get(IN_ADDRESS)
    return asked if asked in FORMATS else _usual_format(ws)


def _usual_format(ws: Workspace) -> str:
    usual = usual_ending(ws)
    return next(name for name, (ending, _) in FORMATS.items() if ending == usual)
