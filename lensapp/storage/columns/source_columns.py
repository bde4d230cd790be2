"""Every column of a source's catalogue, in a Parquet file beside its pixels, from which filters read.

The database keeps what is known of a cutout with its row, for one cutout at a time. A source that is ready
never changes, so the same by columns is written once, when it becomes ready or when it is first asked for.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from lensapp.core.data.conditions import UNKNOWN, Column, Texts
from lensapp.storage import sources
from lensapp.storage.database import Database
from lensapp.storage.files import whole_file
from lensapp.storage.queries import Columns
from lensapp.storage.records import Source
from lensapp.storage.workspace import Workspace

COLUMNS = "columns.parquet"
KEY = "cutout_id"
UNITS = "units"  # key of a source's quality report: unit by column, as the catalogue declares it
OWN = {
    "id": "candidate_id",
    "ra": "ra_deg",
    "dec": "dec_deg",
    "label": "label",
    "class": "object_class",
    "parent": "parent",
    "masked": "masked_fraction",
}
FILED = {column: name for name, column in OWN.items()} | {"id": KEY, "source_id": "", "row": ""}
OWN_TYPES = {KEY: pa.int64()} | {
    name: pa.float64() if column in sources.CUTOUT_TYPES else pa.string() for name, column in OWN.items()
}
OWN_UNITS = {"ra": "deg", "dec": "deg"}
CATALOGUES = "catalogue."  # before the name of a catalogue's column that has the name of an own one
UNIT, OF = b"unit", b"source"
ROWS_OF_GROUP = 1 << 17
INT64 = np.iinfo(np.int64)


@dataclass(frozen=True)
class ColumnInfo:
    """A column of a source: its name, its unit ("" for none) and whether it holds texts."""

    name: str
    unit: str
    is_text: bool


def write_columns(ws: Workspace, source: Source) -> None:
    """Write the columns of a source that is ready; OSError where its folder cannot be written to."""
    table = _table(ws.database, source)
    with whole_file(ws.cutouts_folder(source.name) / COLUMNS) as partial:
        pq.write_table(table, partial, row_group_size=ROWS_OF_GROUP)


def complete_source(ws: Workspace, source_id: int, *, quality: dict[str, Any]) -> None:
    """Mark a source as ready with its quality report, and write its columns."""
    sources.finish_source(ws.database, source_id, quality=quality)
    write_columns(ws, sources.source_by_id(ws.database, source_id))


def column_infos(ws: Workspace, source: Source) -> list[ColumnInfo]:
    """Return the columns of a source: its own, such as ra and label, then those of its catalogue."""
    with _opened(_stored(ws, source)) as file:
        schema = file.schema_arrow
    return [
        ColumnInfo(one.name, (one.metadata or {}).get(UNIT, b"").decode(), pa.types.is_string(one.type))
        for one in schema
        if one.name != KEY
    ]


def read_columns(ws: Workspace, source: Source, names: Iterable[str]) -> dict[str, Column]:
    """Return columns of a source by name, in the order of its rows; `cutout_id` is one too.

    Numbers come as arrays, NaN where unknown; texts as `Texts`.
    """
    stored = _stored(ws, source)
    written_ns = stored.stat().st_mtime_ns if isinstance(stored, Path) else 0
    return {name: column_of(stored, written_ns, name) for name in names}


def cutout_columns(
    ws: Workspace,
    source_ids: Sequence[int],
    *,
    columns: Sequence[str],
    among: NDArray[np.int64] | None = None,
) -> Columns:
    """Return columns of every cutout of some sources, as `sources.cutout_columns`, by its names.

    Of sources that are ready they come out of the files of columns, where a million rows take some hundredths
    of a second; the database takes seconds. With `among` only the cutouts with these IDs come.
    """
    parts: list[Columns] = []
    for source_id in sorted({int(key) for key in source_ids}):
        source = sources.source_by_id(ws.database, source_id)
        if source.state == sources.READY and all(name in FILED for name in columns):
            read = read_columns(ws, source, [KEY, *(FILED[name] for name in columns if FILED[name])])
            rows = None if among is None else np.flatnonzero(np.isin(np.asarray(read[KEY]), among))
            parts.append({name: _as_stored(ws, source, read, name, rows) for name in columns})
        else:
            part = sources.cutout_columns(ws.database, [source_id], columns=("id", *columns))
            wanted = slice(None) if among is None else np.isin(part["id"], among)
            parts.append({name: part[name][wanted] for name in columns})
    if not parts:
        return sources.cutout_columns(ws.database, [], columns=columns)
    return {name: np.concatenate([part[name] for part in parts]) for name in columns}


def _as_stored(
    ws: Workspace, source: Source, read: dict[str, Column], name: str, rows: NDArray[np.int64] | None
) -> NDArray[Any]:
    """Return a column of a source, or some rows of it, as the database has it."""
    count = len(read[KEY])
    if name == "source_id":
        return np.full(count if rows is None else len(rows), source.id)
    column: Column
    if name == "row":  # of a source without rejected files there is a cutout in each
        if count == source.slots:
            column = np.arange(count)
        else:
            column = sources.cutout_columns(ws.database, [source.id], columns=("row",))["row"]
    else:
        column = read[FILED[name]]
    if isinstance(column, Texts):
        return (column if rows is None else column.take(rows)).cells()
    return np.asarray(column if rows is None else column[rows])


@lru_cache(maxsize=24)  # of a million cutouts 8 MB each
def column_of(stored: Path | bytes, _written_ns: int, name: str) -> Column:
    """Read one column of a file of columns."""
    with _opened(stored, read_dictionary=[name]) as file:
        return _as_column(file.read([name]).column(0))


def column_groups(ws: Workspace, source: Source, names: Sequence[str]) -> Iterator[dict[str, Column]]:
    """Yield columns as `read_columns` returns them, some ten thousand rows at a time; nothing is kept."""
    with _opened(_stored(ws, source), read_dictionary=list(names)) as file:
        for number in range(file.num_row_groups):
            read = file.read_row_group(number, columns=list(names))
            yield {name: _as_column(read[name]) for name in names}


def _as_column(cells: pa.ChunkedArray) -> Column:
    if pa.types.is_dictionary(cells.type):  # a dictionary for each part, whose texts may repeat others'
        codes, values, count = [], [np.empty(0, object)], 0
        for part in cells.chunks:
            own = part.indices.fill_null(UNKNOWN).to_numpy(zero_copy_only=False)
            codes.append(np.where(own == UNKNOWN, UNKNOWN, own + count).astype(np.int32))
            values.append(part.dictionary.to_numpy(zero_copy_only=False))
            count += len(values[-1])
        return Texts(np.concatenate([np.empty(0, np.int32), *codes]), np.concatenate(values))
    if pa.types.is_boolean(cells.type):
        cells = cells.cast(pa.int8())
    numbers: NDArray[Any] = cells.to_numpy()
    return numbers


def _opened(stored: Path | bytes, **options: Any) -> pq.ParquetFile:
    return pq.ParquetFile(stored if isinstance(stored, Path) else pa.BufferReader(stored), **options)


def _stored(ws: Workspace, source: Source) -> Path | bytes:
    """Return the file of a source's columns, or what would be in it where none can be written."""
    path = ws.cutouts_folder(source.name) / COLUMNS
    if path.is_file() and pq.read_schema(path).metadata.get(OF) == _mark(source):
        return path
    if source.state != sources.READY:
        return _as_bytes(_table(ws.database, source))
    try:
        write_columns(ws, source)
    except OSError:  # a workspace to read only, or without room
        return _unwritten(ws, source.id)
    return path


@lru_cache(maxsize=2)
def _unwritten(ws: Workspace, source_id: int) -> bytes:
    return _as_bytes(_table(ws.database, sources.source_by_id(ws.database, source_id)))


def _as_bytes(table: pa.Table) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream, row_group_size=ROWS_OF_GROUP)
    return stream.getvalue()


def _mark(source: Source) -> bytes:
    """Return what tells a source from an earlier one of its name."""
    return f"{source.id} {source.created_at!r}".encode()


def _table(database: Database, source: Source) -> pa.Table:
    """Read the columns of a source from the database, some thousand rows at a time."""
    chunks: dict[str, list[pa.Array]] = {}
    counts: list[int] = []
    for part in sources.cutout_parts(database, source.id, columns=("id", *OWN.values(), "properties")):
        properties = part.pop("properties")
        cells: dict[str, Any] = {KEY: part.pop("id")} | {name: part[column] for name, column in OWN.items()}
        for name in {name for one in properties for name in one}:
            column = f"{CATALOGUES}{name}" if name in cells else name
            cells[column] = [one.get(name) for one in properties]
        for name, values in cells.items():
            chunks.setdefault(name, [pa.nulls(count) for count in counts]).append(_typed(values))
        counts.append(len(properties))
        for pieces in chunks.values():
            pieces.extend([pa.nulls(counts[-1])] * (len(counts) - len(pieces)))
    units = OWN_UNITS | dict(source.quality.get(UNITS, {}))
    order = [KEY, *OWN, *sorted(chunks.keys() - {KEY, *OWN})]
    columns = {name: _joined(chunks.get(name, []), empty=OWN_TYPES.get(name, pa.null())) for name in order}
    schema = pa.schema(
        [
            pa.field(name, one.type, metadata={UNIT: str(units[name]).encode()} if name in units else None)
            for name, one in columns.items()
            if not pa.types.is_null(one.type)
        ],
        metadata={OF: _mark(source)},
    )
    return pa.table([columns[name] for name in schema.names], schema=schema)


def _typed(cells: Any) -> pa.Array:
    """Return cells as booleans, whole numbers, numbers or texts, whichever holds them all; no lists."""
    if isinstance(cells, np.ndarray) and cells.dtype != object:
        return pa.array(cells, from_pandas=True)
    kinds = {type(cell) for cell in cells} - {type(None)}
    if kinds & {list, dict}:
        return pa.nulls(len(cells))
    if kinds <= {bool}:
        return pa.array(cells, pa.bool_()) if kinds else pa.nulls(len(cells))
    if kinds == {int} and all(cell is None or INT64.min <= cell <= INT64.max for cell in cells):
        return pa.array(cells, pa.int64())
    if kinds <= {int, float}:
        return pa.array([None if cell is None else float(cell) for cell in cells], pa.float64())
    return pa.array([None if cell is None else str(cell) for cell in cells], pa.string())


def _joined(chunks: Sequence[pa.Array], *, empty: pa.DataType) -> pa.ChunkedArray:
    """Return the parts of a column as one, of the type that holds them all; `empty` where all is unknown."""
    kinds = {one.type for one in chunks if not pa.types.is_null(one.type)} or {empty}
    if len(kinds) == 1:
        common = kinds.pop()
    else:
        common = pa.float64() if kinds <= {pa.int64(), pa.float64()} else pa.string()
    return pa.chunked_array([one.cast(common) for one in chunks], common)
