"""A contact sheet whose pictures can be clicked."""

import html
from collections.abc import Callable, Sequence

import streamlit as st

from lensapp.ui.shared.pictures import Pictures, picture_data

STYLE = """<style>
[class*="st-key-picks-"] {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(84px, 1fr)); gap: 6px;
}
[class*="st-key-pick-"] { position: relative; }
[class*="st-key-pick-"] figure { margin: 0; }
[class*="st-key-pick-"] img { width: 100%; display: block; border-radius: 3px; }
[class*="st-key-pick-"] figcaption {
  font-size: 0.74rem; line-height: 1.35; opacity: 0.85; white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis; padding-top: 2px; font-variant-numeric: tabular-nums;
}
[class*="st-key-pick-"] [data-testid="stElementContainer"]:has([data-testid="stButton"]) {
  position: absolute; inset: 0; width: 100%; z-index: 1;
}
[class*="st-key-pick-"] [data-testid="stButton"], [class*="st-key-pick-"] button {
  width: 100%; height: 100%; opacity: 0; cursor: zoom-in;
}
[class*="st-key-pick-"]:hover img, [class*="st-key-pick-"]:focus-within img {
  outline: 2px solid var(--st-primary-color); outline-offset: -2px;
}
</style>"""


def pickable_sheet(
    pictures: Pictures,
    *,
    captions: Sequence[str],
    names: Sequence[str],
    on_pick: Callable[[int], None],
    key: str,
    verb: str = "Inspect",
) -> None:
    """Show pictures (n, row, column, 3) as a grid; a click calls `on_pick` with the picture's index.

    Parameters
    ----------
    captions
        One short line below each.
    names
        What a screen reader says and the pointer shows.
    key
        Distinguishes sheets on one page.
    verb
        What a click does, for screen readers.
    """
    st.html(STYLE)
    with st.container(key=f"picks-{key}"):
        for index in range(len(pictures)):
            with st.container(key=f"pick-{key}-{index}", gap=None):
                name = html.escape(names[index], quote=True)
                st.html(
                    f'<figure><img src="{picture_data(pictures[index])}" alt="{name}" title="{name}">'
                    f"<figcaption>{html.escape(captions[index])}</figcaption></figure>"
                )
                if st.button(f"{verb} {names[index]}", key=f"{key}-{index}"):
                    on_pick(index)
