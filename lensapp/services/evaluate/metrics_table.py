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
    labelled, scored = ~_missing(labels), ~_missing(scores)
    try:
        values = np.where(scored, np.where(scored, scores, 0), np.nan).astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"The column {score!r} does not hold numbers ({error}). Name the column of the scores."
        ) from error
    limit = DEFAULT_THRESHOLD if threshold is None else threshold
    figures = measure(labels[labelled], values[labelled], threshold=limit).as_dict()
    return figures | {"unlabelled": int(np.count_nonzero(~labelled))}


def read_columns(file: Path, names: list[str]) -> list[Values]:
    """Read columns of a table as arrays of one dimension; missing text is "" and a missing number NaN."""
    kind = FORMATS.get(file.suffix.lower())
    if kind is None:
        raise InvalidInput(
            f"{file} is of no known table format: its name ends in {file.suffix!r}, not in one of "
            f"{', '.join(sorted(FORMATS))}. Convert it, to CSV for instance."
        )
    if not file.is_file():
        raise InvalidInput(f"There is no such file as {file}. Check the path.")
    try:
        if kind == "parquet":
            from pyarrow import parquet

            with parquet.ParquetFile(file) as stored:
                _require_columns(file, names, stored.schema_arrow.names)
                columns = stored.read(columns=names)
            return [columns[name].to_numpy() for name in names]
        with file.open("rb") as stream:
            has_comment = kind == "ascii.csv" and stream.read(1) == b"#"
        table = read_first_table(file, kind, **({"comment": "#"} if has_comment else {}))
        _require_columns(file, names, table.colnames)
        return [_plain(table[name]) for name in names]
    except READ_ERRORS as error:
        reason = " ".join(str(error).split())[:200]
        raise InvalidInput(
            f"{file} cannot be read as a {kind.removeprefix('ascii.')} table: {reason}. "
            "Check the file or convert it to CSV."
        ) from error


def _require_columns(file: Path, names: list[str], present: list[str]) -> None:
    absent = [name for name in names if name not in present]
    if absent:
        raise InvalidInput(
            f"{file} has no column {absent[0]!r}, only: {', '.join(present[:12]) or 'none'}. "
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
