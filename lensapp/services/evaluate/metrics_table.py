"""The figures of any table of scores and labels, ours or another program's."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from lensapp.core.data.column_names import parse_labels, require_column
from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.metrics import DEFAULT_THRESHOLD, measure
from lensapp.core.evaluate.resampling import figure_intervals
from lensapp.ingest.catalogues import EMPTY
from lensapp.ingest.formats.table_files import read_table
from lensapp.ingest.gate.subprocesses import isolated


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
    labels, scores = isolated(read_labels_and_scores, Path(file), label, score)
    try:
        values = np.array([np.nan if cell in EMPTY else cell for cell in scores], np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"The column {score!r} does not hold numbers ({error}). Name the column of the scores."
        ) from error
    truth = parse_labels(labels)
    labelled = np.array([word is not None for word in truth], np.bool_)
    limit = DEFAULT_THRESHOLD if threshold is None else threshold
    words = [word for word in truth if word]
    figures = measure(words, values[labelled], threshold=limit).as_dict()
    intervals = figure_intervals(words, values[labelled], rng=np.random.default_rng(0))
    figures["intervals"] = {name: asdict(one) for name, one in intervals.items()}
    return figures | {"unlabelled": int(np.count_nonzero(~labelled))}


def read_labels_and_scores(file: Path, label: str, score: str) -> list[list[Any]]:
    """Return two columns of a table, those called `label` and `score`."""

    def choose(names: Sequence[str]) -> list[str]:
        return [require_column(names, name, flag) for name, flag in ((label, "--label"), (score, "--score"))]

    table = read_table(file, choose=choose)
    return [table.columns[name] for name in choose(table.names)]
