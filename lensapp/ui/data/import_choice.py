"""What to import: a folder or file that is typed, browsed to, used lately, or sent by the browser."""

import streamlit as st

from lensapp.core.data.ingest_spec import IngestSpec
from lensapp.ui.data.file_choice import PathField, close_ways, reopen_ways, show_ways, take_sent, was_taken

FIELD = PathField("import", "cutouts", sent="Drop cutouts here and, if there is one, their catalogue")


def choose_path(*, checked: bool, first: str = "") -> tuple[str, bool, st.delta_generator.DeltaGenerator]:
    """Ask what to import; return its path, whether to look at its files now, and where to say what is wrong.

    That place is right below the path, above everything that unfolds. Once files are `checked` the way on is
    to import them. The path is the `first` until another is typed.
    """
    st.session_state.setdefault(FIELD.path, first)
    with (
        st.form("import-choice", border=False),  # so that Enter in the field begins, too
        st.container(horizontal=True, vertical_alignment="bottom", gap="small"),
    ):
        info = IngestSpec.model_fields["path"]
        path = st.text_input(
            str(info.title),
            key=FIELD.path,
            help=info.description,
            placeholder="Type a path on the machine that runs the app, or choose below",
            width="stretch",
        ).strip()
        sent = st.form_submit_button(
            "Dry run",
            type="secondary" if checked else "primary",
            icon=":material/science:",
            on_click=_begin,
        )
    beside = st.container()
    show_ways(FIELD, first=None if path else "browse", send=sent and not path)
    return path, sent or was_taken(FIELD), beside


def take_upload() -> None:
    """Take the folder of files just sent, before the widgets of this run are made."""
    take_sent(FIELD)


def reopen_after_refusal() -> None:
    """Show again what the path was chosen with, before the widgets of this run are made."""
    reopen_ways(FIELD)


def forget_path() -> None:
    """Begin without a path, before the widgets of this run are made."""
    st.session_state.pop(FIELD.path, None)


def _begin() -> None:
    """Put away what a path was chosen with; without one it stays, or is opened, to choose one by."""
    if st.session_state.get(FIELD.path, "").strip():
        close_ways(FIELD)
    elif st.session_state.get(FIELD.way) is None:
        st.session_state[FIELD.way] = "browse"
