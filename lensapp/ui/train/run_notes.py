"""Note and tags of the selected run."""

from collections.abc import Sequence

import streamlit as st

from lensapp.services.train.run_notes import annotate_run, tags_in_use
from lensapp.services.train.runs import RunStatus
from lensapp.storage.workspace import Workspace
from lensapp.ui.shared.widgets import errors_shown


def show_notes(ws: Workspace, status: RunStatus, statuses: Sequence[RunStatus]) -> None:
    """Show tags and note of a run in a row; what is entered is kept at once."""
    run = status.run
    # The widgets are those of this text: what somebody else has written since appears.
    key = f"notes-{run.name}-{hash((run.note, *run.tags))}"
    left, right = st.columns([1, 2], vertical_alignment="top")
    tags = left.multiselect(
        "Tags",
        tags_in_use(one.run for one in statuses),
        run.tags,
        key=f"{key}-tags",
        accept_new_options=True,
        placeholder="such as: paper",
        help="Words by which runs are found again; the table below can be searched for them.",
        select_all=False,
    )
    note = right.text_input(
        "Note", run.note, key=f"{key}-note", placeholder="what this run was to show", max_chars=4000
    )
    if (note.strip(), tags) == (run.note, run.tags):
        return
    with errors_shown():
        annotate_run(ws, run.name, note=note, tags=tags)
        st.rerun()
