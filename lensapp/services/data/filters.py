"""The columns of sources that filters name, and the cutouts of a source that a filter keeps."""

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lensapp.core.data.column_names import COLUMN_ALIASES, label_of_word, word_of
from lensapp.core.data.conditions import Column, Texts, parse_filter, spelling_of
from lensapp.core.data.position_names import position_pairs
from lensapp.storage import sources
from lensapp.storage.columns.filtering import SOURCE, kept_by
from lensapp.storage.columns.source_columns import (
    CATALOGUES,
    KEY,
    OWN,
    ColumnInfo,
    column_infos,
    read_columns,
)
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace

Ids = NDArray[np.int64]
MAGNITUDES = ("mag", "magnitude")  # the first word of a magnitude's name, or its last
ERRORS = {"err", "error", "errors", "sigma", "unc", "uncertainty"}
SIZES = {"size", "radius", "radii", "fwhm", "ellipticity", "sersic", "axis", "concentration", "area"}
COLOURS = {"colour", "color"}
OF_FILES = {"north_deg", "east_left", "place_in_file"}  # how a cutout lies in its file, of no use to read
NO_MEASURE = {  # words in names of errors, flags, places within a picture, and numbers that only count
    *("err", "error", "errors", "sigma", "unc", "flag", "flags", "mask", "quality", "zp", "zeropoint"),
    *("east", "north", "left", "below", "dx", "dy", "x", "y", "xpos", "ypos", "row", "column", "offset"),
    *("id", "index", "number", "seed", "count", "ra", "dec", "rank"),
}
SAME_PLACE_DEG = 1e-6  # 4 mas: what tables round positions to
EXAMPLE_DIGITS = 3
EXAMPLE_OF_SCORE = "score > 0.5"


def filter_columns(ws: Workspace, owners: Sequence[Source]) -> list[ColumnInfo]:
    """Return the columns that a filter of some sources may name, each once, those of catalogues first."""
    found = {one.name: one for source in reversed(owners) for one in column_infos(ws, source)}
    every = [ColumnInfo(SOURCE, "", is_text=True), *found.values()]
    return sorted(every, key=lambda one: one.name == SOURCE or one.name in OWN)


def example_filter(ws: Workspace, owners: Sequence[Source], *, known: Sequence[str] = ()) -> str:
    """Return a condition as an example: on a magnitude or else another measure of most cutouts of a source.

    Its limit is near the median. Without a measure it is on the score where that is `known`, else "".
    """
    examples = (_example_of(ws, source.id, source.created_at) for source in owners)
    return next(filter(None, examples), EXAMPLE_OF_SCORE if "score" in known else "")


@lru_cache(maxsize=64)
def _example_of(ws: Workspace, source_id: int, _created_at: float) -> str:
    source = sources.source_by_id(ws.database, source_id)
    measures = [
        one.name
        for one in column_infos(ws, source)
        if not one.is_text and one.name not in OWN and NO_MEASURE.isdisjoint(_words_of(one.name))
    ]
    for name in sorted(measures, key=lambda one: not is_magnitude(one)):
        every = np.asarray(read_columns(ws, source, [name])[name], float)
        values = every[np.isfinite(every)]
        if 2 * len(values) > len(every) and np.ptp(values) > 0:
            return f"{name} < {_rounded_limit(values)}"
    return ""


def _words_of(name: str) -> list[str]:
    return re.split(r"[^a-z]+", name.lower())


def is_magnitude(name: str) -> bool:
    """Return whether a column is one of magnitudes, or of their errors, by its name."""
    words = _words_of(name)
    return words[0] in MAGNITUDES or words[-1] in MAGNITUDES


def _rounded_limit(values: NDArray[np.float64]) -> str:
    """Return the median with as few digits as leave it among the values, with some on either side."""
    median = float(np.median(values))
    for digits in range(1, EXAMPLE_DIGITS):
        limit = float(f"{median:.{digits}g}")
        if 0.25 < np.mean(values < limit) < 0.75:
            return f"{limit:.10g}"
    return f"{float(f'{median:.{EXAMPLE_DIGITS}g}'):.10g}"


def catalogue_columns(ws: Workspace, source: Source) -> list[str]:
    """Return the columns that a source has from its catalogue or its simulation, by name.

    Those that repeat what is known of its cutouts anyway, such as their positions, are left out.
    """
    repeated = _repeated(ws, source.id, source.created_at)
    return [one.name for one in column_infos(ws, source) if one.name not in OWN and one.name not in repeated]


@lru_cache(maxsize=64)
def _repeated(ws: Workspace, source_id: int, _created_at: float) -> frozenset[str]:
    """Return the columns of a catalogue whose every value is what a column of the source itself says."""
    source = sources.source_by_id(ws.database, source_id)
    names = [one.name for one in column_infos(ws, source) if one.name not in OWN]
    plain = {name: name.lower().removeprefix(CATALOGUES) for name in names}
    pairs = [(name, own) for name, word in plain.items() for own in _meanings_of(word)]
    for pair in position_pairs(names):
        pairs += [(pair.ra, "ra"), (pair.dec, "dec")] if pair.dec else []
    read = read_columns(ws, source, dict.fromkeys(one for pair in pairs for one in pair))
    return frozenset(name for name, own in pairs if _agree(read[name], read[own], own))


def _meanings_of(word: str) -> list[str]:
    """Return the own columns that a column of a catalogue with some name may repeat."""
    return [own for own in OWN if word == own or word in COLUMN_ALIASES.get(own, ())]


def _agree(column: Column, own: Column, name: str) -> bool:
    """Return whether a column says the same as an own one wherever it says anything, and says something."""
    if name in ("ra", "dec", "masked"):
        values, known = (np.asarray(_numbers(one), np.float64) for one in (column, own))
        said = np.isfinite(values)
        apart = np.abs(values[said] - known[said])
        return bool(said.any() and (np.minimum(apart, 360.0 - apart) < SAME_PLACE_DEG).all())
    texts, held = (one if isinstance(one, Texts) else Texts.of(map(word_of, one.tolist()))
                   for one in (column, own))  # fmt: skip
    if name == "label":
        texts = Texts(texts.codes, np.array([label_of_word(str(one)) for one in texts.values], object))
    cells = texts.cells()
    said = np.array([cell is not None for cell in cells], bool)
    return bool(said.any() and (cells[said] == held.cells()[said]).all())


def _numbers(column: Column) -> NDArray[np.float64]:
    return column.numbers() if isinstance(column, Texts) else np.asarray(column, np.float64)


def number_columns(ws: Workspace, source: Source) -> list[str]:
    """Return the columns of numbers that a source has from its catalogue, as a table is read."""
    further = set(catalogue_columns(ws, source))
    names = [one.name for one in column_infos(ws, source) if one.name in further and not one.is_text]
    return in_reading_order(names, source.bands)


def in_reading_order(names: Sequence[str], bands: Sequence[str]) -> list[str]:
    """Return names of columns as a table is read: magnitudes, sizes, colours, others, errors near the end.

    Those that differ in their band alone follow the order of the bands, others stay as they were.
    """
    order = [band.lower() for band in bands]

    def rank(name: str) -> tuple[bool, bool, int, int]:
        words = _words_of(name)
        of_bands = [order.index(word) for word in words if word in order]
        kinds = (is_magnitude(name), not SIZES.isdisjoint(words), not COLOURS.isdisjoint(words))
        kind = kinds.index(True) if any(kinds) else len(kinds)
        return name in OF_FILES, not ERRORS.isdisjoint(words), kind, of_bands[0] if of_bands else len(order)

    return sorted(names, key=rank)


def with_one_label(where: str, source_name: str, label: str) -> str:
    """Return a filter that takes of one source only the cutouts of a label, and what `where` takes of all."""
    return _both(where, f'{SOURCE} != "{source_name}" | label == "{label}"')


def with_nonlenses_between(where: str, magnitude: str, lowest: float, highest: float) -> str:
    """Return a filter that takes non-lenses in a range of magnitudes, and what `where` takes of all."""
    return _both(where, f'label == "lens" | {lowest:.1f} <= {magnitude} <= {highest:.1f}')


def _both(where: str, only: str) -> str:
    return f"({where}) & ({only})" if where else only


def kept_ids(ws: Workspace, source: Source, where: str) -> Ids:
    """Return the cutouts of a source that fulfil a filter on its catalogue, in the order of their rows.

    Raises
    ------
    InvalidInput
        As `kept_by`.
    """
    return _kept_ids(ws, source.id, source.created_at, where)


@lru_cache(maxsize=8)
def _kept_ids(ws: Workspace, source_id: int, _created_at: float, where: str) -> Ids:
    source = sources.source_by_id(ws.database, source_id)
    ids = np.asarray(read_columns(ws, source, [KEY])[KEY], np.int64)
    return ids[kept_by(ws, [source], where, ids=ids)]


def kept_rows(ws: Workspace, owners: Sequence[Source], table: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return the rows of a table with `cutout_id` that fulfil a filter on its columns and the catalogues'.

    Raises
    ------
    InvalidInput
        As `kept_by`.
    """
    names = parse_filter(where).names
    every = [*map(str, table.columns), *(one.name for one in filter_columns(ws, owners))]
    wanted = {spelling_of(name, every).lower() for name in names}
    known = {
        name: cells.to_numpy() if pd.api.types.is_numeric_dtype(cells) else Texts.of(cells)
        for name, cells in table.items()
        if str(name).lower() in wanted
    }
    ids = table["cutout_id"].to_numpy(np.int64)
    return table[kept_by(ws, owners, where, ids=ids, known={str(name): one for name, one in known.items()})]


def sorted_ids(ws: Workspace, source: Source, ids: Ids, by: str, *, descending: bool = False) -> Ids:
    """Return cutouts of a source sorted by one of its columns; those whose value is unknown come last.

    Raises
    ------
    InvalidInput
        When the source has no such column.
    """
    name = spelling_of(by, (one.name for one in column_infos(ws, source)))
    columns = read_columns(ws, source, [KEY, name])
    keys, column = np.asarray(columns[KEY], np.int64), columns[name]
    values = column.ranks() if isinstance(column, Texts) else np.asarray(column, float)
    order = np.argsort(-values if descending else values, kind="stable")  # NaN comes last
    in_order = keys[order]
    return in_order if len(ids) == len(keys) else in_order[np.isin(in_order, ids)]
