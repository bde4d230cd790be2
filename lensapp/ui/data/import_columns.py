"""Which columns of a catalogue mean what, and what its classes mean: chosen from what the file holds."""

import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from lensapp.core.data.column_names import UNKNOWN_WORDS, label_of_word
from lensapp.core.data.ingest_spec import LABEL_MEANINGS
from lensapp.core.errors import LensAppError
from lensapp.services.data.import_paths import CatalogueLook, look_at_catalogue
from lensapp.ui.shared.markup import plain
from lensapp.ui.shared.state import get_workspace
from lensapp.ui.shared.widgets import counted, error_box, number, optional_within

Values = Mapping[str, Any]
MEANING_WORDS = {"lens": "lens", "nonlens": "non-lens", "none": "no label", "out": "leave out"}
WAYS_OF_LABELS = {"threshold": "By a threshold", "classes": "By each value"}
PER_ROW = 4


def choose_columns(values: Values, *, key: str) -> dict[str, Any]:
    """Show the columns of the catalogue in `values`; return the fields of the import as they are chosen."""
    catalogue = str(values["catalogue"])
    try:
        look = _look(catalogue, _changed_at(catalogue))
    except LensAppError as error:
        error_box(error)
        return {}
    name = plain(Path(catalogue).name)
    st.markdown(
        f"**Columns of {name}** · {counted(look.rows, 'row')}, {counted(len(look.columns), 'column')}"
    )
    ra, dec = (*look.position_columns, *look.position_columns)[:2] if look.position_columns else (None, None)
    recognised = {"id_column": look.id_column, "ra_column": ra, "dec_column": dec, "label_column": None}
    titles = {"id_column": "IDs", "ra_column": "Right ascension", "dec_column": "Declination"}
    chosen: dict[str, Any] = {}
    for cell, (field, usual) in zip(st.columns(PER_ROW), recognised.items(), strict=True):
        none = f"{usual} (recognised)" if usual else "none recognised"
        options: list[str | None] = [None, *look.columns]
        given = values.get(field)
        chosen[field] = cell.selectbox(
            titles.get(field, "Labels"),
            options,
            index=options.index(given) if given in options else 0,
            format_func=partial(_column_words, none="no labels" if field == "label_column" else none),
            key=f"{key}-{field}",
        )
    return chosen | _meanings(look, chosen["label_column"], values, key=key)


def _column_words(column: str | None, *, none: str) -> str:
    return none if column is None else column


def readable_labels(catalogue: str) -> str | None:
    """Return the column of a catalogue that is called labels or alike, where each of its values is one."""
    look = _look(catalogue, _changed_at(catalogue))
    column = look.label_column
    return column if column and all(map(_usual, look.values.get(column, {"?!": 1}))) else None


def _meanings(look: CatalogueLook, column: str | None, values: Values, *, key: str) -> dict[str, Any]:
    """Ask what each value of the label column means, or from which number on it means a lens."""
    if column is None:
        return {"label_meanings": (), "label_threshold": None}
    if _is_by_threshold(look, column, values, key=key):
        limits, before = look.limits.get(column), values.get("label_threshold")
        middle = float(f"{sum(limits) / 2:.3g}") if limits else None
        threshold = optional_within(
            "A lens from this value on", *(limits or (-math.inf, math.inf)),
            value=middle if before is None else before, key=f"{key}-threshold-{column}",
            format="%g", width=320,
        )  # fmt: skip
        if limits:
            st.caption(f"{plain(column)} goes from {number(limits[0])} to {number(limits[1])}.")
        return {"label_meanings": (), "label_threshold": threshold}
    stated = dict(text.rpartition("=")[::2] for text in values.get("label_meanings") or ())
    options, meanings = list(LABEL_MEANINGS), []
    cells = [cell for _ in range(0, len(look.values[column]), PER_ROW) for cell in st.columns(PER_ROW)]
    for cell, (value, rows) in zip(cells, look.values[column].items(), strict=False):
        usual = _usual(value)
        given = stated.get(value, usual or "none")
        meaning = cell.selectbox(
            f"{plain(value) or 'empty'} · {number(rows)}",
            options,
            index=options.index(given) if given in options else options.index("none"),
            format_func=MEANING_WORDS.__getitem__,
            key=f"{key}-means-{column}-{value}",
        )
        if meaning != usual:
            meanings.append(f"{value}={meaning}")
    return {"label_meanings": tuple(meanings), "label_threshold": None}


def _is_by_threshold(look: CatalogueLook, column: str, values: Values, *, key: str) -> bool:
    """Return whether a column tells lenses from a number on; ask where its values may be classes, too."""
    if column not in look.values:
        return True
    stated = values.get("label_threshold") is not None
    if not stated and column not in look.limits:
        return False
    by_classes = values.get("label_column") == column and bool(values.get("label_meanings"))
    way = st.segmented_control(
        "Lenses by",
        list(WAYS_OF_LABELS),
        default="classes" if by_classes and not stated else "threshold",
        required=True,
        format_func=WAYS_OF_LABELS.__getitem__,
        key=f"{key}-way-{column}",
        label_visibility="collapsed",
    )
    return way == "threshold"


def _usual(value: str) -> str | None:
    """Return what a value of a label column is read as by itself, None where it would be refused."""
    if value.lower() in UNKNOWN_WORDS:
        return "none"
    return label_of_word(value)  # which knows 1 and 0 too


@st.cache_data(max_entries=16, scope="session", show_spinner="Reading the catalogue…")
def _look(path: str, _changed: float) -> CatalogueLook:
    return look_at_catalogue(get_workspace(), path)


def _changed_at(path: str) -> float:
    file = Path(path).expanduser()
    return file.stat().st_mtime if file.exists() else 0.0
