"""What the widgets of a page hold, kept in its address: a reload, Back, a second tab, a link show the same.

`kept` gives a widget its key and sees to the rest:

    page = number_within("Page", 1, last, **kept("page", any_whole(), 1))

Streamlit's own `bind="query-params"` drops wrong values without a word, calls parameters after keys of
widgets, writes labels with their icons, knows no ticked rows, and leaves nothing for the browser's Back.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import md5
from typing import Any, Generic, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.state.common import user_key_from_element_id

from lensapp.ui.shared.markup import plain

T = TypeVar("T")
Address = dict[str, list[str]]

WHOLE_RUN = "whole-run"
ARRIVED = "address-arrived"
COME_ANEW = "address-come-anew"  # to another page, not by Back
OPENED = "address-opened"
OWN = "address-of-widgets"  # name → what a widget last let it say, and what it said before
KEYS = "address-keys"  # key of a widget → its name in the address
USUAL = "address-defaults"  # key of a widget → texts of its default in the run before
LEFT = "address-left"
BEFORE = "address-before"  # name → what the address said of it when this run of the script began
HELD = "keys-held-by-browser"
LONGEST = 60
LARGEST_WHOLE = 2**53 - 1  # that a field of the browser takes
NO_ROWS: dict[str, Any] = {"selection": {"rows": [], "columns": [], "cells": []}}


@dataclass(frozen=True)
class Kind(Generic[T]):
    """How a value stands in an address.

    Attributes
    ----------
    read
        Returns the value of its texts; raises ValueError where they are none.
    write
        Returns the texts of a value.
    wanted
        What the texts must be, in words.
    """

    read: Callable[[list[str]], T]
    write: Callable[[T], list[str]]
    wanted: str


def text() -> Kind[str]:
    """Return the kind of a line of text."""
    return Kind(lambda texts: texts[-1].strip(), lambda value: [value] if value else [], "a text")


def switch() -> Kind[bool]:
    """Return the kind of a switch: 1 when it is on."""

    def read(texts: list[str]) -> bool:
        if texts[-1] not in ("0", "1"):
            raise ValueError
        return texts[-1] == "1"

    return Kind(read, lambda value: ["1" if value else "0"], "0 or 1")


def whole(low: int, high: int) -> Kind[int]:
    """Return the kind of a whole number from `low` to `high`."""

    def read(texts: list[str]) -> int:
        value = int(texts[-1])
        if not low <= value <= high:
            raise ValueError
        return value

    return Kind(read, lambda value: [str(int(value))], f"a whole number from {low} to {high}")


def any_whole() -> Kind[int]:
    """Return the kind of a whole number whose limits the field tells, with the nearest that is possible."""
    return replace(whole(-LARGEST_WHOLE, LARGEST_WHOLE), wanted="a whole number")


def decimal() -> Kind[float | None]:
    """Return the kind of a number whose limits the field tells, or of an empty field."""

    def read(texts: list[str]) -> float | None:
        if not texts[-1]:
            return None
        value = float(texts[-1])
        if not math.isfinite(value):
            raise ValueError
        return value

    return Kind(read, lambda value: [] if value is None else [f"{value:.10g}"], "a number")


def optional(kind: Kind[T]) -> Kind[T | None]:
    """Return the kind of a value of another kind, or of an empty field."""
    return Kind(
        lambda texts: kind.read(texts) if texts[-1] else None,
        lambda value: [] if value is None else kind.write(value),
        kind.wanted,
    )


def span(low: int, high: int) -> Kind[tuple[int, int]]:
    """Return the kind of two whole numbers from `low` to `high`, the smaller one first: 56-70."""

    def read(texts: list[str]) -> tuple[int, int]:
        first, last = map(int, texts[-1].split("-"))
        if not low <= first <= last <= high:
            raise ValueError
        return first, last

    return Kind(
        read,
        lambda value: [f"{value[0]}-{value[1]}"],
        f"two whole numbers from {low} to {high}, such as {low}-{high}",
    )


def one_of(options: Sequence[T]) -> Kind[T]:
    """Return the kind of a choice of one of `options`."""
    by_text = {str(option): option for option in options}

    def read(texts: list[str]) -> T:
        if texts[-1] not in by_text:
            raise ValueError
        return by_text[texts[-1]]

    return Kind(read, lambda value: [str(value)], f"one of {_listed(by_text)}")


def several_of(options: Sequence[T], *, most: int | None = None) -> Kind[list[T]]:
    """Return the kind of a choice of several of `options`, of `most` at most."""
    by_text = {str(option): option for option in options}

    def read(texts: list[str]) -> list[T]:
        asked = [one for one in texts if one]
        if not by_text.keys() >= {*asked} or (most is not None and len(asked) > most):
            raise ValueError
        return [by_text[one] for one in asked]

    return Kind(read, lambda value: [str(one) for one in value], f"of {_listed(by_text)}")


def typed(options: Sequence[Any]) -> Kind[Any]:
    """Return the kind of a choice of one of `options`, or of what is typed in its place."""
    by_text = {str(option): option for option in options}
    return Kind(lambda texts: by_text.get(texts[-1], texts[-1]), lambda value: [str(value)], "a text")


def words() -> Kind[list[str]]:
    """Return the kind of several words, chosen or typed."""
    return Kind(lambda texts: [one for one in texts if one], lambda value: [*value], "words")


def ticked(names: Sequence[str]) -> Kind[Mapping[str, Any]]:
    """Return the kind of the rows ticked in a table (`st.dataframe`) whose rows are called `names`.

    The address names them, so that they stay ticked when the table is sorted or filtered otherwise; the key
    of the table must change with its rows.
    """
    row_by_name = {name: row for row, name in enumerate(names)}

    def read(texts: list[str]) -> Mapping[str, Any]:
        asked = [one for one in texts if one]
        if not row_by_name.keys() >= {*asked}:
            raise ValueError
        return {"selection": {**NO_ROWS["selection"], "rows": [row_by_name[one] for one in asked]}}

    def write(value: Mapping[str, Any]) -> list[str]:
        return [names[row] for row in value["selection"]["rows"] if row < len(names)]

    return Kind(read, write, "a row of the table")


def digest(names: Sequence[str]) -> str:
    """Return a short text that differs with the names or their order, for the key of a table."""
    return md5("\0".join(names).encode(), usedforsecurity=False).hexdigest()[:12]


def _listed(texts: Mapping[str, Any]) -> str:
    listed = ", ".join(texts)
    return listed if len(listed) <= LONGEST else f"{listed[:LONGEST]}…"


def kept(
    name: str, kind: Kind[T], default: T, *, key: str | None = None, resets: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the key of a widget whose value the address keeps under `name`; call it just before the widget.

    The address says nothing while the widget holds its default. What it says wins where the reader arrives:
    by a link, a reload, Back, another page. Afterwards the widget wins. A value in the address that cannot be
    is named to the reader, and the default stands in.

    Parameters
    ----------
    name
        In the address; the same in all views of a page in which it means the same.
    default
        What the widget holds unless the address says otherwise; one that held the default of the run before
        follows it to another.
    key
        Of the widget; `name` when it is None. Another key than in the run before reads the address again.
    resets
        Other widgets, whose keys are their names, that return to their defaults when this value changes, such
        as the number of the page.
    """
    key = key or name
    st.session_state.setdefault(KEYS, {})[key] = name
    texts = st.query_params.get_all(name)
    own, usual = st.session_state.setdefault(OWN, {}), st.session_state.setdefault(USUAL, {})
    arriving = _address_wins(name, texts)
    if arriving or key not in st.session_state:
        value = st.session_state[key] = _value(name, kind, default, texts, say=arriving)
    else:
        value = st.session_state[key]
        if (
            kind.write(value) == usual.get(key) != kind.write(default)
        ):  # it held the default, which is another now
            value = st.session_state[key] = default
        if kind.write(value) != kind.write(default):  # still among what can be chosen?
            value = st.session_state[key] = _value(name, kind, default, kind.write(value) or [""], say=False)
        elif kind.write(value) and key not in st.session_state.get(HELD, {key}):
            st.session_state[key] = value  # a run cut short, or a folded widget: it has not been shown yet
    written, usual[key] = kind.write(value), kind.write(default)
    written = [] if written == kind.write(default) else written or [""]
    if not arriving and written != texts:
        for other in resets:
            put(other, [])
            st.session_state.pop(other, None)
    put(name, written)
    # A rerun that was asked for before the browser had heard of this comes with what it said before.
    own[name] = (written, st.session_state.get(BEFORE, {}).get(name, texts))
    return {"key": key}


def will_hold(name: str, kind: Kind[T], default: T, *, key: str) -> T:
    """Return what a widget will hold that is `kept` so, for what is drawn before it and depends on it."""
    texts = st.query_params.get_all(name)
    if _address_wins(name, texts) or key not in st.session_state:
        return _value(name, kind, default, texts, say=False)
    value: T = st.session_state[key]
    return default if kind.write(value) == st.session_state.get(USUAL, {}).get(key) else value


def _address_wins(name: str, texts: Sequence[str]) -> bool:
    """Whether the reader arrives with what the address says, so that it counts and not the widget."""
    own = st.session_state.get(OWN, {})
    arriving = st.session_state.get(ARRIVED, False) and not in_fragment_run()
    return arriving or (name in own and texts not in own[name])


def _value(name: str, kind: Kind[T], default: T, texts: list[str], *, say: bool) -> T:
    if not texts:
        return default
    try:
        return kind.read(texts)
    except ValueError:
        if say:
            asked = ", ".join(texts)
            st.toast(
                f"The address says {plain(name)} = “{plain(asked)}”, but it must be {plain(kind.wanted)}.",
                icon=":material/link_off:",
                duration="long",
            )
        return default


def names_said_of(*fields: str) -> list[str]:
    """Return the names in the address that are one of `fields` of a form, or follow it after a dot."""
    return [name for name in st.query_params if name.partition(".")[0] in fields]


def put(name: str, texts: Sequence[str]) -> None:
    """Let the address say `texts` of `name`, or nothing of it when they are none."""
    said = st.query_params.get_all(name)
    if said != [*texts]:
        st.session_state.setdefault(BEFORE, {}).setdefault(name, said)
        if texts:
            st.query_params[name] = texts
        else:
            st.query_params.pop(name, None)
        st.session_state[LEFT] = address()


def put_together(texts_by_name: Mapping[str, Sequence[str]]) -> None:
    """Let the address say the texts of several names at once: for the browser's Back they are one step."""
    now = address()
    new = now | {name: [*texts] for name, texts in texts_by_name.items()}
    new = {name: texts for name, texts in new.items() if texts}
    if new != now:
        st.query_params.from_dict(new)
        st.session_state[LEFT] = address()


def address() -> Address:
    """Return all that the address says."""
    return {name: st.query_params.get_all(name) for name in st.query_params}


def open_address(texts: Mapping[str, Sequence[str]]) -> None:
    """Let the page begin anew as if its address, which says `texts` now, had been opened; for callbacks."""
    st.query_params.clear()
    st.query_params.update(texts)
    st.session_state[OPENED] = True


def went_back() -> bool:
    """Whether this run follows the browser's Back or Forward, or a view that was opened."""
    context = get_script_run_ctx()
    return OPENED in st.session_state or (context is not None and context.is_history_navigation)


def note_arrival(*, new_page: bool) -> None:
    """Note whether the reader arrives at the page or has been there; called before all widgets.

    So is which widgets the browser holds: one that it does not is told its value again. Streamlit tells it
    once, and a run that the next one cuts short may not have been drawn.
    """
    st.session_state[BEFORE] = {}
    context = get_script_run_ctx()
    st.session_state[ARRIVED] = went_back() or new_page
    st.session_state[COME_ANEW] = new_page and not went_back()
    st.session_state.pop(OPENED, None)
    held = [] if context is None else context.session_state.get_widget_states()
    st.session_state[HELD] = {user_key_from_element_id(one.id) for one in held}


def begin_with(name: str, text: str) -> None:
    """Let a page that the reader comes to, not Back to, begin with `text` where its address says no `name`.

    It is called before the widget whose value is `kept` under that name.
    """
    if st.session_state.get(COME_ANEW) and not in_fragment_run() and name not in st.query_params:
        put(name, [text])


def in_fragment_run() -> bool:
    """Whether a fragment runs by itself and so may ask for a run of the whole page.

    In a run of the whole page it may not: the click that began the run would be lost before its button is
    reached. What has changed is drawn in this very run, or seen by the fragment's next one.
    """
    return not st.session_state.get(WHOLE_RUN)
