"""Read tables of many rows batch by batch, so that memory holds one batch."""

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from lensapp.ingest.formats.table_checks import check_table
from lensapp.ingest.formats.table_files import FORMATS, Choose
from lensapp.ingest.formats.text_tables import is_ecsv
from lensapp.ingest.gate.guards import check_regular, reading
from lensapp.ingest.gate.limits import refuse_wide
from lensapp.ingest.refusals import Refused

READ_WHOLE_UP_TO = 50_000
BATCH_ROWS = 500_000
BLOCK_BYTES = 1 << 24


def rows_of_large(path: Path, *, above: int = READ_WHOLE_UP_TO) -> int:
    """Return about how many rows a Parquet or comma-separated table has; 0 for `above` or fewer.

    0 as well for files of other formats, absent and damaged ones, which `read_table` reads or refuses. How
    many cells a Parquet file holds in all does not matter: whoever reads by batches holds few of them.
    """
    kind = FORMATS.get(path.suffix.lower())
    if kind not in ("parquet", "text") or not path.exists():
        return 0
    try:
        with reading("it cannot be decoded", file_bytes=check_regular(path)):
            if kind == "parquet":
                import pyarrow.parquet

                described = pyarrow.parquet.read_metadata(path)
                refuse_wide(described.num_columns)
                rows = int(described.num_rows)
            else:
                check_table(path, kind)
                rows = _plain_lines(path)
    except Refused:
        return 0
    return rows if rows > above else 0


def batches_of(
    path: Path, choose: Choose, *, rows: int = BATCH_ROWS
) -> Iterator[dict[str, Sequence[Any] | NDArray[Any]]]:
    """Return the columns of a large table that `choose` names, in batches of so many rows.

    Numbers of Parquet columns come as arrays (NaN where absent), other cells as lists; texts as texts.
    """
    if FORMATS[path.suffix.lower()] == "parquet":
        from pyarrow import parquet, types

        with parquet.ParquetFile(path) as file:
            names = list(choose(file.schema_arrow.names))
            for batch in file.iter_batches(batch_size=rows, columns=names):
                yield {
                    name: batch[name].to_numpy(zero_copy_only=False)
                    if types.is_floating(batch[name].type)
                    else batch[name].to_pylist()
                    for name in names
                }
        return
    import pandas

    header = pandas.read_csv(path, nrows=0, comment=None, skipinitialspace=True)
    names = list(choose(list(header.columns)))
    with warnings.catch_warnings():
        warnings.simplefilter("error", pandas.errors.ParserWarning)  # cells beyond the last column
        for frame in pandas.read_csv(
            path,
            usecols=list(dict.fromkeys(names)),
            dtype=str,
            keep_default_na=False,
            skipinitialspace=True,
            chunksize=rows,
        ):
            yield {name: frame[name].tolist() for name in names}


def _plain_lines(path: Path) -> int:
    """Return the lines of an ASCII text whose first names columns between commas; 0 for any other."""
    if is_ecsv(path):
        return 0
    lines = 0
    with path.open("rb") as file:
        first = file.readline(BLOCK_BYTES)
        if b"," not in first or first.startswith((b"#", b"\xef\xbb\xbf")) or b";" in first:
            return 0
        while block := file.read(BLOCK_BYTES):
            if not block.isascii() or b"#" in block:
                return 0
            lines += block.count(b"\n")
    return lines
