"""The line that tells of another run than the one a page is about, with a button that shows it."""

from functools import partial

import streamlit as st

from lensapp.services.evaluate.compare.better_told import BetterRun
from lensapp.ui.shared.markup import plain, shortened
from lensapp.ui.shared.state import ask_to_go, select

NAME_LETTERS = 24  # of a name in the line, which stands in one row on a window of 1280 px


def show_other_run(other: BetterRun | None, *, page: str | None = None) -> None:
    """Say in a line why one would look at another run, with a button that shows it here or on `page`."""
    if other is None:
        return
    opened = partial(select, "run") if page is None else lambda run: ask_to_go(page, run=run)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="other-run"):
        words = other.why
        for one in sorted(other.named, key=len, reverse=True):
            words = words.replace(one, shortened(one, most=NAME_LETTERS))
        whole = None if words == other.why else plain(other.why)
        st.caption(f":material/info: {plain(words)}", width="content", help=whole)
        st.button(
            f"Show {plain(shortened(other.run.name, most=NAME_LETTERS))}",
            help=None if len(other.run.name) <= NAME_LETTERS else plain(other.run.name),
            type="tertiary",
            icon=":material/arrow_forward:",
            key="to-other-run",
            on_click=opened,
            args=(other.run.name,),
        )
