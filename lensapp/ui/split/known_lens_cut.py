"""Choose on the Split page whether known lenses leave the non-lenses."""

import streamlit as st

from lensapp.services.data.known_lenses import DEFAULT_RADIUS_ARCSEC, kept_known_lenses
from lensapp.services.split.known_lens_cut import KnownCut
from lensapp.ui.shared.address import decimal, kept, switch
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.state import get_workspace
from lensapp.ui.shared.widgets import number, number_within


def choose_known_cut() -> KnownCut | None:
    """Show the switch; return what to leave out, or None."""
    known = kept_known_lenses(get_workspace())
    if known is None:
        st.caption(
            "Known lenses can be taken out of the non-lenses: give a table of them under Catalogue → Known "
            "lenses."
        )
        return None
    wanted = st.toggle(
        "Exclude known lenses",
        **kept("without_known", switch(), default=False, key="split-without-known"),
        help=f"Non-lenses at one of the {number(len(known))} known lenses of {plain(known.file)} are in "
        "no part.",
    )
    if not wanted:
        return None
    radius = number_within(
        "Radius (arcsec)",
        0.1,
        60.0,
        step=0.5,
        **kept("known_radius", decimal(), DEFAULT_RADIUS_ARCSEC, key="split-known-radius"),
    )
    return KnownCut(known, radius)
