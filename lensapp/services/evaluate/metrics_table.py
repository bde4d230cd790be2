"""The figures of any table of scores and labels, ours or another program's."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensapp.core.data.column_names import parse_labels, require_column
from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.curves import FloatArray, checked, count_thresholds
from lensapp.core.evaluate.histogram import EXACT_UP_TO
from lensapp.core.evaluate.metrics import DEFAULT_THRESHOLD, brier, figures_of, untold_figures
from lensapp.core.evaluate.resampling import intervals_of_counts
from lensapp.core.evaluate.score_tally import ScoreTally
from lensapp.ingest.catalogues import EMPTY
from lensapp.ingest.formats.table_batches import batches_of, rows_of_large
from lensapp.ingest.formats.table_files import read_table
from lensapp.ingest.gate.subprocesses import isolated


def metrics_of_table(file: Path, *, score: str, label: str, threshold: float | None = None) -> dict[str, Any]:
    """Measure the scores in a table.

    Rows without a label are left out and counted as `unlabelled`. Over a million rows of Parquet, or of plain
    comma-separated text, with scores between 0 and 1 are counted batch by batch in 65 536 bins.

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
    limit = DEFAULT_THRESHOLD if threshold is None else threshold
    read = isolated(read_labels_and_scores, Path(file), label, score, limit)
    if isinstance(read, ScoreTally):
        words = list(read.by_label)
        histogram, confusion, unlabelled = read.summed(dict(zip(words, parse_labels(words), strict=True)))
        counts = histogram.counts()
        figures = figures_of(counts, threshold=limit, brier=histogram.brier, confusion=confusion)
    else:
        labels, scores = read
        truth = parse_labels(labels)
        labelled = np.array([word is not None for word in truth], np.bool_)
        unlabelled = int(np.count_nonzero(~labelled))
        known, values = checked([word for word in truth if word], numbers_of(scores, score)[labelled])
        counts = count_thresholds(known, values)
        figures = figures_of(counts, threshold=limit, brier=brier(known, values))
    untold = untold_figures(counts.n_negative)
    intervals = intervals_of_counts(counts, rng=np.random.default_rng(0))
    return figures.as_dict() | {
        "intervals": {name: asdict(one) for name, one in intervals.items() if name not in untold},
        "remarks": list(figures.remarks),
        "unlabelled": unlabelled,
    }


def numbers_of(cells: Sequence[Any] | NDArray[Any], column: str) -> FloatArray:
    """Return the cells of a column as numbers, NaN where empty."""
    if isinstance(cells, np.ndarray):
        return cells.astype(np.float64)
    try:
        return np.array([np.nan if cell in EMPTY else cell for cell in cells], np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"The column {column!r} does not hold numbers ({error}). Name the column of the scores."
        ) from error


def read_labels_and_scores(
    file: Path, label: str, score: str, threshold: float
) -> ScoreTally | list[list[Any]]:
    """Return two columns of a table, or their counts where it has over a million rows.

    Scores outside 0–1 are returned one by one, however many they are.
    """

    def choose(names: Sequence[str]) -> list[str]:
        return [require_column(names, name, flag) for name, flag in ((label, "--label"), (score, "--score"))]

    tally = ScoreTally(threshold)
    for batch in batches_of(file, choose) if rows_of_large(file, above=EXACT_UP_TO) else ():
        labels, scores = (batch[name] for name in choose(list(batch)))
        numbers = numbers_of(scores, score)
        if np.nanmin(numbers, initial=0) < 0 or np.nanmax(numbers, initial=1) > 1:
            tally.by_label.clear()
            break
        tally.add(labels, numbers)
    if tally.by_label:
        return tally
    table = read_table(file, choose=choose)
    return [table.columns[name] for name in choose(table.names)]
