"""Health of the page Workspace: what an examination finds, and what it looks at."""

import time
from typing import Any

import pandas as pd
import streamlit as st

from lensapp.core.acting import may
from lensapp.services.care.doctor import examine, seconds_to_examine
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.page_head import ButtonType
from lensapp.ui.shared.widgets import counted, duration, heading, relative_time

EXAMINED = {  # check of the examination → what a reader calls it, and what must hold
    "database": ("database", "its pages and references are whole"),
    "pixels": ("pixels", "each source has its cutouts, as many as noted"),
    "networks": ("networks", "each finished run has its network"),
    "orphans": ("what belongs to nothing", "each file is of a source, run, review or export that is there"),
    "leftovers": ("temporary files", "none is left of a job that has ended"),
    "jobs": ("jobs", "none says that it runs while nobody works on it"),
    "secret": ("secret key", "only its owner reads the key that signs addresses of pictures"),
}
AT_ONCE_SECONDS = 0.3
FOUND = "workspace-found"  # what was found at the last examination, and when


def examined(ws: Workspace) -> tuple[dict[str, Any] | None, float]:
    """Return what was found in this session and when: at once where that is quick, else None."""
    if FOUND not in st.session_state and seconds_to_examine(ws) < AT_ONCE_SECONDS and may("keep"):
        st.session_state[FOUND] = examine(ws, quick=True, noted=False), time.time()
    found: tuple[dict[str, Any] | None, float] = st.session_state.get(FOUND, (None, 0.0))
    return found


def show_health(ws: Workspace) -> None:
    """Show what an examination finds: at once where that is quick, else when it is asked for."""
    seconds = seconds_to_examine(ws)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        kind: ButtonType = "secondary" if seconds < AT_ONCE_SECONDS else "primary"
        if st.button("Examine", type=kind, icon=":material/stethoscope:", key="examine"):
            st.session_state[FOUND] = examine(ws, quick=True), time.time()
        found, at = examined(ws)
        takes = f"Not examined in this session; it takes about {duration(max(1, seconds))}."
        st.caption(takes if found is None else f"Examined {relative_time(at)}.")
    if found is not None and found["healthy"]:
        st.success(f"{counted(found['files'], 'file')} and the database are sound.", icon=":material/check:")
    for finding in () if found is None else found["findings"]:
        st.warning(plain(f"{finding['what']} {finding['remedy']}"), icon=":material/warning:")
    heading("What is looked at")
    wrong = [one["check"] for one in found["findings"]] if found else []
    rows = []
    for check, (what, wanted) in EXAMINED.items():
        told = "not yet" if found is None else f"{wrong.count(check)} wrong" if check in wrong else "sound"
        rows.append({"outcome": told, "what": what, "what must hold": wanted})
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        width="stretch",
        height="content",
        column_config={
            "outcome": st.column_config.TextColumn(width=90),
            "what": st.column_config.TextColumn(width=190),
        },
    )
    st.caption(
        "Every file can be read besides, and its checksum compared, which takes longer: the documentation, "
        "Running it for a team (docs/deploy.md), says how under *each month*."
    )
