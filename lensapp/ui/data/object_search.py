"""The form that searches the cutouts of a source for objects."""

import streamlit as st

from lensapp.core.data.find_spec import FindObjectsSpec
from lensapp.services.data.object_finding import start_finding, usual_size
from lensapp.services.data.source_names import free_name
from lensapp.services.data.sources import only_lenses
from lensapp.storage.records import Source
from lensapp.ui.shared.forms import spec_fields, validated
from lensapp.ui.shared.job_controls import live_jobs
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.state import await_source, get_workspace
from lensapp.ui.shared.widgets import errors_shown

SMALL_FIELD = 3  # sides of a new cutout that an image needs, for objects beside its target
MAIN_FIELDS = ("size", "band", "snr", "keep", "exclude_radius_arcsec", "label")


def show_object_search(source: Source) -> None:
    """Ask how objects of a source's cutouts shall be found and cut out, and queue the search."""
    st.caption(
        "Galaxies beside the targets of larger images are real hosts to paint arcs on and real non-lenses. "
        "They are detected, measured and cut out as a new source; a split keeps those of one image together."
    )
    suggestion = free_name(get_workspace(), f"{source.name}-objects")
    size, model = usual_size(get_workspace(), source)
    if model is not None:
        st.caption(
            plain(f"{size} × {size} pixels, as in {model}: so both can be split and trained on together.")
        )
    usual: dict[str, object] = {"size": size}
    if only_lenses(get_workspace(), source):
        usual["label"] = "nonlens"
        st.caption(
            "All labelled cutouts of this source are lenses, so what lies beside them is labelled "
            "non-lens unless you say otherwise."
        )
    single = min(source.height, source.width) < SMALL_FIELD * size
    if single:
        st.warning(
            f"These are single cutouts of {source.width} × {source.height} pixels, not fields: beside its "
            f"target one of {size} × {size} pixels hardly fits, and few objects, if any, will be found. "
            "Larger images of the same positions hold more.",
            icon=":material/crop_free:",
        )
    key = f"find-{source.id}"
    with st.form(key):
        name = st.text_input("Name of the new source", key=f"{key}-name", placeholder=suggestion)
        entered = spec_fields(FindObjectsSpec, key=key, values=usual, only=MAIN_FIELDS, columns=3)
        with st.expander("More"):
            entered |= spec_fields(FindObjectsSpec, key=f"{key}-more", skip=MAIN_FIELDS, columns=3)
        refusal = st.container()
        sent = st.form_submit_button("Find objects", type="primary")
    live_jobs("objects")
    if not sent:
        return
    with refusal, errors_shown():
        spec = validated(FindObjectsSpec, entered)
        if spec is not None:
            name = name.strip() or suggestion
            start_finding(get_workspace(), source_name=source.name, name=name, spec=spec)
            if not single:  # a handful of objects does not become what the round is about
                await_source(name)
            st.rerun()
