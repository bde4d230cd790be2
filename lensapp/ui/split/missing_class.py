"""What can be done about sources that hold lenses only, or no lens."""

from collections.abc import Mapping

import streamlit as st

from lensapp.services.data.filters import with_one_label
from lensapp.services.data.object_finding import fields_to_search
from lensapp.services.split.previews import complements_of
from lensapp.ui.shared.address import address, open_address
from lensapp.ui.shared.filters import WHERE
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.state import get_workspace, go
from lensapp.ui.shared.widgets import number

MOST_OFFERED = 3
KINDS = {"lens": "lenses", "nonlens": "non-lenses"}


def offer_class(source_names: list[str], label: str) -> None:
    """Offer the ways to cutouts of a label that none of some sources has, as a button each."""
    kind = KINDS[label]
    with st.container(gap="xsmall", key="split-missing"):
        for name, counts in complements_of(get_workspace(), source_names, label=label)[:MOST_OFFERED]:
            _offer_source(source_names, name, counts, label=label)
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
            go("data", source=fields, view={"view": "objects", "alike": source_names[0]})
        if st.button(
            f"Import {kind}",
            icon=":material/download:",
            width="stretch",
            key="split-import-class",
            help=f"Where the files have no labels, give all of them one: “One label for all”, "
            f"{kind.replace('lenses', 'lens')}, under “All settings”.",
        ):
            go("data", view={"view": "import"})


def _offer_source(source_names: list[str], name: str, counts: Mapping[str, int], *, label: str) -> None:
    """Offer the cutouts of a label of a source; where it has others too, a filter leaves these out."""
    opened, others = address() | {"sources": [*source_names, name]}, sum(counts.values()) - counts[label]
    if others:
        opened |= {WHERE: [with_one_label(" ".join(address().get(WHERE, [])), name, label)]}
    st.button(
        f"Add the {number(counts[label])} {KINDS[label]} of {plain(name)}",
        icon=":material/add:",
        width="stretch",
        key=f"split-add-{name}",
        on_click=open_address,
        args=(opened,),
        help=f"A filter leaves out the {number(others)} others of {plain(name)}; without it these come too."
        if others
        else None,
    )
