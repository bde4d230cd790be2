"""Read embeddings: a table with IDs and numbers, or an array beside a list of IDs."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput

Ids = NDArray[np.str_]
Values = NDArray[np.float32]
ID_COLUMNS = ("candidate_id", "id", "ID", "object_id", "source_id", "name")
EXAMPLES = 3


def read_embeddings(path: Path, *, id_column: str | None, ids_file: Path | None) -> tuple[Ids, Values]:
    """Return the IDs (n,) and the embeddings (n, d) of a Parquet, FITS or npy file.

    Of a table, columns of vectors are taken, or all columns of numbers where it has none, but that of the
    IDs; an npy file (n, d) needs a file of IDs, one per line or as npy.

    Raises InvalidInput when the file cannot be read, an ID stands twice or a number is not finite.
    """
    try:
        if path.suffix.lower() == ".npy":
            if ids_file is None:
                raise InvalidInput(
                    f"{path.name} holds no IDs. Give a file of them, one per line, with --ids."
                )
            values = np.asarray(np.load(path, allow_pickle=False), np.float32)
            if ids_file.suffix.lower() == ".npy":
                ids = np.load(ids_file, allow_pickle=False).astype(str)
            else:
                lines = ids_file.read_text("utf-8").split("\n")
                ids = np.array(lines[: len(values)]).astype(str)
        else:
            ids, values = _of_columns(path, _columns(path), id_column)
    except (OSError, ValueError, KeyError) as error:
        raise InvalidInput(
            f"{path} does not hold embeddings that can be read ({str(error)[:200]}). Give a Parquet or FITS "
            "table with a column of IDs, or an npy array (n, d) with --ids."
        ) from error
    if values.ndim != 2 or len(ids) != len(values) or not values.size:
        raise InvalidInput(
            f"{path.name} holds numbers of shape {values.shape} for {len(ids)} IDs. One row per ID is needed."
        )
    names, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        twice = ", ".join(names[counts > 1][:EXAMPLES])
        raise InvalidInput(f"{path.name} has several rows for one ID ({twice}). Keep one row for each.")
    bad = int(np.count_nonzero(~np.isfinite(values).all(axis=1)))
    if bad:
        raise InvalidInput(f"{bad} rows of {path.name} hold a number that is not finite. Leave them out.")
    return ids, values


def _columns(path: Path) -> dict[str, NDArray[Any]]:
    """Return the columns of a table by name, those of vectors with two axes."""
    if path.suffix.lower() in (".parquet", ".pq"):
        from pyarrow import parquet

        table = parquet.read_table(path)
        columns = {name: table[name].combine_chunks() for name in table.column_names}
        return {
            name: np.array(column.to_pylist())
            if hasattr(column.type, "value_type")
            else column.to_numpy(zero_copy_only=False)
            for name, column in columns.items()
        }
    from astropy.table import Table

    table = Table.read(path)
    return {name: np.asarray(table[name]) for name in table.colnames}


def _of_columns(path: Path, columns: dict[str, NDArray[Any]], id_column: str | None) -> tuple[Ids, Values]:
    name = id_column or next((one for one in ID_COLUMNS if one in columns), None)
    if name not in columns:
        raise InvalidInput(
            f"{path.name} has no column {name or 'of IDs'}; it has {', '.join(columns)}. Name it with "
            "--id-column."
        )
    texts = (one.decode() if isinstance(one, bytes) else str(one) for one in columns[name])
    ids = np.array([text.strip() for text in texts])
    others = [column for key, column in columns.items() if key != name and column.dtype.kind in "fiu"]
    vectors = [column for column in others if column.ndim == 2]
    chosen = vectors or [column[:, None] for column in others if column.ndim == 1]
    if not chosen:
        raise InvalidInput(f"{path.name} has no column of numbers beside {name}. Give the embeddings.")
    return ids, np.concatenate(chosen, axis=1).astype(np.float32)
