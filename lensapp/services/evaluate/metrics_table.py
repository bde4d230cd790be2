"""The figures of any table of scores and labels, ours or another program's."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.metrics import DEFAULT_THRESHOLD, measure
from lensapp.ingest.formats.table_files import read_first_table

Values = NDArray[Any]
FORMATS = {
    ".csv": "ascii.csv",
    ".ecsv": "ascii.ecsv",
    ".fits": "fits",
    ".fit": "fits",
    ".vot": "votable",
    ".votable": "votable",
    ".xml": "votable",
    ".parquet": "parquet",
}
NOTHING = ("", "none", "nan", "<na>")
# What astropy and pyarrow raise for damaged files; astropy's own exceptions derive from these.
READ_ERRORS = (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError)


def metrics_of_table(file: Path, *, score: str, label: str, threshold: float | None = None) -> dict[str, Any]:
    """Measure the scores in a table.

    Rows without a label are left out and counted as `unlabelled`.

    Parameters
    ----------
    file
        CSV, ECSV, FITS, Parquet or VOTable.
    score, label
        Names of the columns; labels are 1/0, true/false or lens/nonlens.
    threshold
        Rows with at least this score are accepted; default 0.5.

    Raises
    ------
    InvalidInput
        When the file or a column cannot be read, or the values are not scores and binary labels.
    """
    labels, scores = read_columns(Path(file), [label, score])
    known = ~_missing(labels)
    values = _numbers(scores, name=score)
    limit = DEFAULT_THRESHOLD if threshold is None else threshold
    figures = measure(labels[known], values[known], threshold=limit).as_dict()
    return figures | {"unlabelled": int(np.count_nonzero(~known))}


def read_columns(file: Path, names: list[str]) -> list[Values]:
    """Read columns of a table as arrays of one dimension; missing text is "" and a missing number NaN.

    Raises
    ------
    InvalidInput
        When the format is unknown, the file cannot be read or a column is absent.
    """
    kind = FORMATS.get(file.suffix.lower())
    if kind is None or not file.is_file():
        what = "no such file" if kind else f"a name ending in {file.suffix!r}"
        raise InvalidInput(
            f"Expected a table ({', '.join(sorted(FORMATS))}) at {file}, received {what}. Give another path."
        )
    try:
        return _read_parquet(file, names) if kind == "parquet" else _read_table(file, kind, names)
    except READ_ERRORS as error:
        reason = " ".join(str(error).split())[:200]
        raise InvalidInput(
            f"Expected a readable {kind.removeprefix('ascii.')} table at {file}, received {reason}. "
            "Check the file or convert it to CSV."
        ) from error


def _read_parquet(file: Path, names: list[str]) -> list[Values]:
    from pyarrow import parquet

    with parquet.ParquetFile(file) as table:
        _require_columns(file, names, table.schema_arrow.names)
        columns = table.read(columns=names)
    return [columns[name].to_numpy() for name in names]


def _read_table(file: Path, kind: str, names: list[str]) -> list[Values]:
    options = {"comment": "#"} if kind == "ascii.csv" and _starts_with_comment(file) else {}
    table = read_first_table(file, kind, **options)
    _require_columns(file, names, table.colnames)
    return [_plain(table[name]) for name in names]


def _starts_with_comment(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(1) == b"#"


def _require_columns(file: Path, names: list[str], present: list[str]) -> None:
    absent = [name for name in names if name not in present]
    if absent:
        raise InvalidInput(
            f"Expected a column {absent[0]!r} in {file}, received {', '.join(present[:12]) or 'no columns'}. "
            "Name one of these with --score and --label."
        )


def _plain(column: Any) -> Values:
    """Return a column without mask or bytes."""
    values = np.asarray(column)
    mask = np.asarray(getattr(column, "mask", False))
    if values.ndim != 1:
        raise ValueError(f"column {column.name!r} with {values.ndim - 1} further dimensions")
    if values.dtype.kind in "SUO":
        text = [v.decode() if isinstance(v, bytes) else str(v) for v in values.tolist()]
        values = np.array(text, dtype=object)
        values[mask | np.isin(values, ("None", "--"))] = ""
        return values
    if mask.any():
        values = values.astype(np.float64)
        values[mask] = np.nan
    return values


def _missing(labels: Values) -> NDArray[np.bool_]:
    if labels.dtype.kind == "f":
        return np.isnan(labels)
    if labels.dtype.kind == "O":
        return np.array([str(value).strip().lower() in NOTHING for value in labels], dtype=bool)
    return np.zeros(labels.shape, dtype=bool)


def _numbers(scores: Values, *, name: str) -> NDArray[np.float64]:
    empty = _missing(scores)
    try:
        return np.where(empty, np.nan, np.where(empty, 0, scores)).astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"Expected numbers in the column {name!r}, received {error}. Name the column of the scores."
        ) from error
