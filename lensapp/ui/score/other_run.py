"""The line on Score that tells of another run: that has scored the source already, or that is better."""

from collections.abc import Sequence

import streamlit as st

from lensapp.services.score.other_runs import other_run
from lensapp.storage.records import Run, Source
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.state import select


def show_other_run(ws: Workspace, run: Run, source: Source, trained: Sequence[Run]) -> None:
    """Say in a line that another run has scored a source, or is better, with a button that shows it."""
    other = other_run(ws, run, source, trained)
    if other is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="score-other-run"):
        st.caption(f":material/info: {plain(other.why)}", width="content")
        st.button(
            f"Show {plain(other.run.name)}",
            type="tertiary",
            icon=":material/arrow_forward:",
            key="score-to-other-run",
            on_click=select,
            args=("run", other.run.name),
        )
