"""Which part of a review the gallery shows, and in what order: in the address, as filters of pages are."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

import streamlit as st

from lensapp.ui.shared.address import put_together
from lensapp.ui.shared.filters import WHERE

SHOW, SORT, HIGHEST = "show", "sort", "highest"
MOST_CHARACTERS, MOST_MARKS = 2000, 30


class ReviewPart(TypedDict):
    """What the bar above the mosaic holds; see `part.js`."""

    show: list[str]
    where: str
    sort: str
    highest: bool


def asked_part() -> ReviewPart:
    """Return the part that the address asks for; all of the review where it says nothing."""
    where, sort = (st.query_params.get(name, "").strip()[:MOST_CHARACTERS] for name in (WHERE, SORT))
    return {
        "show": sorted(set(st.query_params.get_all(SHOW)))[:MOST_MARKS],
        "where": where,
        "sort": sort,
        "highest": bool(sort) and st.query_params.get(HIGHEST) == "1",
    }


def put_part(part: Mapping[str, object]) -> None:
    """Let the address ask for what was set in the bar; without values for the whole review."""
    show, said = part.get("show"), {}
    for name in (WHERE, SORT):
        text = str(part.get(name) or "").strip()[:MOST_CHARACTERS]
        said[name] = [text] if text else []
    said[SHOW] = [str(one) for one in show][:MOST_MARKS] if isinstance(show, Sequence) else []
    said[HIGHEST] = ["1"] if said[SORT] and part.get("highest") else []
    put_together(said)
