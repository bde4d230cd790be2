"""Which cutouts a filter keeps: columns of the catalogue, and what the app itself knows of each."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lensapp.core.align import ABSENT, rows_of
from lensapp.core.data.conditions import Column, Texts, parse_filter, spelling_of
from lensapp.storage.columns.source_columns import KEY, OWN, column_groups, column_infos, read_columns
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace

SOURCE = "source"
Ids = NDArray[np.int64]


def kept_by(
    ws: Workspace,
    owners: Sequence[Source],
    where: str,
    *,
    ids: Ids,
    known: Mapping[str, Column] | None = None,
) -> NDArray[np.bool_]:
    """Return which cutouts (n,) of some sources fulfil a filter; unknown values fulfil nothing.

    Parameters
    ----------
    ids
        The cutouts, each of one of the sources.
    known
        Further columns, in the order of `ids`, such as the score of a run; they go before the catalogue's.

    Raises
    ------
    InvalidInput
        When the filter cannot be read, names a column that none of the sources has, or compares numbers
        with texts.
    """
    parsed = parse_filter(where)
    columns = columns_of(ws, owners, parsed.names, ids=ids, known=known)
    return parsed.holds(columns, len(ids))


def columns_of(
    ws: Workspace,
    owners: Sequence[Source],
    names: Sequence[str],
    *,
    ids: Ids,
    known: Mapping[str, Column] | None = None,
) -> dict[str, Column]:
    """Return columns of cutouts by name, each (n,), unknown where a source has none; see `kept_by`."""
    known = known or {}
    held = [[SOURCE, *(one.name for one in column_infos(ws, source))] for source in owners]
    every = list(dict.fromkeys([*known, *(name for of_source in held for name in of_source)]))
    every.sort(key=lambda name: name in known or name == SOURCE or name in OWN)  # an error lists the first
    spelt = {name: spelling_of(name, every) for name in names}
    columns: dict[str, Column] = {name: known[own] for name, own in spelt.items() if own in known}
    wanted = [name for name in spelt if name not in columns]
    parts: dict[str, list[Column]] = {name: [] for name in wanted}
    rows_before, row = 0, np.full(len(ids), ABSENT, np.int64)
    for source, of_source in zip(owners, held, strict=True):
        if not wanted:
            break
        read = read_columns(ws, source, [KEY, *{spelt[name] for name in wanted} & set(of_source) - {SOURCE}])
        keys = np.asarray(read[KEY], np.int64)
        own = np.arange(len(keys)) if np.array_equal(keys, ids) else rows_of(ids, keys)
        row = np.where(own == ABSENT, row, own + rows_before)
        rows_before += len(keys)
        for name in wanted:
            if spelt[name] == SOURCE:
                parts[name].append(Texts(np.zeros(len(keys), np.int8), np.array([source.name], object)))
            else:
                parts[name].append(read.get(spelt[name], np.full(len(keys), np.nan)))
    return columns | {name: _taken(of_sources, row) for name, of_sources in parts.items()}


def kept_in_groups(
    ws: Workspace,
    source: Source,
    where: str | None,
    *,
    known: Mapping[str, Callable[[Ids], NDArray[np.float64]]],
    also: Sequence[str] = (),
) -> Iterator[tuple[NDArray[np.bool_], Ids, dict[str, Column]]]:
    """Yield which cutouts of a source fulfil a filter, some ten thousand at a time, however many there are.

    Parameters
    ----------
    where
        The filter; all fulfil None.
    known
        Further columns, each asked for by cutouts.
    also
        Columns of the source that are given beside these, whether the filter names them or not.

    Yields
    ------
    kept, ids, columns
        Of each group: which are kept, the cutouts, and by name those of `known`, of `also` and of the filter.

    Raises
    ------
    InvalidInput
        As `kept_by`.
    """
    parsed = None if where is None else parse_filter(where)
    every = [*known, SOURCE, *(one.name for one in column_infos(ws, source))]
    spelt = {name: spelling_of(name, every) for name in (parsed.names if parsed else ())}
    stored = {KEY, *also, *(own for own in spelt.values() if own not in known and own != SOURCE)}
    for read in column_groups(ws, source, sorted(stored)):
        ids = np.asarray(read[KEY], np.int64)
        columns = read | {name: column(ids) for name, column in known.items()}
        columns[SOURCE] = Texts(np.zeros(len(ids), np.int8), np.array([source.name], object))
        named = {name: columns[own] for name, own in spelt.items()}
        yield np.ones(len(ids), bool) if parsed is None else parsed.holds(named, len(ids)), ids, columns


def _taken(parts: Sequence[Column], rows: NDArray[np.int64]) -> Column:
    """Return rows of a column that lies in parts, unknown for -1."""
    if not any(isinstance(part, Texts) for part in parts):
        values = np.concatenate([np.asarray(part) for part in parts])
        if (rows == ABSENT).any() or not len(values):
            values, rows = (
                np.append(values.astype(float), np.nan),
                np.where(rows == ABSENT, len(values), rows),
            )
        return values if np.array_equal(rows, np.arange(len(values))) else values[rows]
    texts = [
        part
        if isinstance(part, Texts)  # what is a number in one source may be a text in another
        else Texts.of([None if np.isnan(number) else f"{number:g}" for number in part.tolist()])
        for part in parts
    ]
    starts = np.cumsum([0, *(len(one.values) for one in texts)])
    codes = [
        np.where(one.codes < 0, -1, one.codes + start) for one, start in zip(texts, starts, strict=False)
    ]
    return Texts(np.concatenate(codes), np.concatenate([one.values for one in texts])).take(rows)
