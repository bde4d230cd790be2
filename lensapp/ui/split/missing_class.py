"""What can be done about sources that hold lenses only, or no lens."""

import streamlit as st

from lensapp.services.data.object_finding import fields_to_search
from lensapp.services.split.previews import complements_of
from lensapp.ui.shared.address import address, open_address
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.state import get_workspace, go

MOST_OFFERED = 3
KINDS = {"lens": "lenses", "nonlens": "non-lenses"}


def offer_class(source_names: list[str], label: str) -> None:
    """Offer the ways to cutouts of a label that none of some sources has, as a button each."""
    kind = KINDS[label]
    with st.container(gap="xsmall", key="split-missing"):
        for name in complements_of(get_workspace(), source_names, label=label)[:MOST_OFFERED]:
            st.button(
                f"Add the {kind} of {plain(name)}",
                icon=":material/add:",
                width="stretch",
                key=f"split-add-{name}",
                on_click=open_address,
                args=(address() | {"sources": [*source_names, name]},),
            )
        if label == "lens" and st.button(
            "Paint lenses on these", icon=":material/brush:", width="stretch", key="split-paint"
        ):
            go("paint", source=source_names[0])
        fields = fields_to_search(get_workspace(), source_names) if label == "nonlens" else None
        if fields and st.button(
            "Find objects",
            icon=":material/filter_center_focus:",
            width="stretch",
            key="split-find",
            help=f"Non-lenses cut from your images: galaxies beside the targets of {plain(fields)}.",
        ):
            go("data", source=fields, view={"view": "objects"})
        if st.button(
            f"Import {kind}",
            icon=":material/download:",
            width="stretch",
            key="split-import-class",
            help=f"Where the files have no labels, give all of them one: “One label for all”, "
            f"{kind.replace('lenses', 'lens')}, under “All settings”.",
        ):
            go("data", view={"view": "import"})
