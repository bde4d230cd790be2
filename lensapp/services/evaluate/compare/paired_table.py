"""Two columns of scores of one table compared, row by row or, of many rows, through counts of both."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas
from numpy.typing import NDArray

from lensapp.core.data.column_names import parse_labels, require_column
from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.compare.joint import JointHistogram
from lensapp.core.evaluate.histogram import EXACT_UP_TO
from lensapp.core.evaluate.resampling import compare_figures
from lensapp.ingest.formats.table_batches import batches_of, rows_of_large
from lensapp.ingest.formats.table_files import read_table
from lensapp.ingest.gate.subprocesses import isolated
from lensapp.services.evaluate.metrics_table import numbers_of

MOST_LABELS = 12  # each has counts of 8 MB


def compare_columns(file: Path, *, score: str, against: str, label: str) -> dict[str, Any]:
    """Compare two columns of scores in a table on the rows that have a label.

    Up to a million rows are resampled one by one. More, of Parquet or plain comma-separated text with scores
    between 0 and 1, are counted batch by batch by both scores together, in the memory of those counts.

    Returns
    -------
    dict
        `against`, `rows` compared, `counted` (whether through counts) and `figures`, a list of
        `lensapp.core.evaluate.resampling.Difference` as plain values.

    Raises
    ------
    InvalidInput
        When the file or a column cannot be read, or the values are not scores and binary labels.
    """
    read = isolated(read_pairs, Path(file), label, score, against)
    rng = np.random.default_rng(0)
    if isinstance(read, dict):
        whole = JointHistogram.empty()
        for meaning, counted in zip(parse_labels(list(read)), read.values(), strict=True):
            if meaning is not None:
                whole += counted.as_lenses() if meaning == "lens" else counted
        rows, compared = whole.n, whole.compare(rng=rng)
    else:
        labels, first, second = read
        truth = parse_labels(list(labels))
        known = np.array([word is not None for word in truth], np.bool_)
        rows = int(known.sum())
        compared = compare_figures(
            [word for word in truth if word],
            numbers_of(first, score)[known],
            numbers_of(second, against)[known],
            rng=rng,
        )
    return {
        "against": against,
        "rows": rows,
        "counted": isinstance(read, dict),
        "figures": [one.as_dict() for one in compared],
    }


def read_pairs(
    file: Path, label: str, score: str, against: str
) -> dict[Any, JointHistogram] | list[Sequence[Any] | NDArray[Any]]:
    """Return three columns of a table, or counts of the pairs per label where it has over a million rows."""

    def choose(names: Sequence[str]) -> list[str]:
        wanted = ((label, "--label"), (score, "--score"), (against, "--against"))
        return [require_column(names, name, flag) for name, flag in wanted]

    counted: dict[Any, JointHistogram] = {}
    for batch in batches_of(file, choose) if rows_of_large(file, above=EXACT_UP_TO) else ():
        labels, first, second = (batch[name] for name in choose(list(batch)))
        pair = numbers_of(first, score), numbers_of(second, against)
        codes, distinct = pandas.factorize(np.asarray(labels, object), use_na_sentinel=False)
        for code, word in enumerate(distinct.tolist()):
            members = codes == code
            one = JointHistogram.of(np.zeros(int(members.sum()), bool), *(values[members] for values in pair))
            absent = isinstance(word, float) and np.isnan(word)  # equal to nothing, and so no key
            key = None if absent else word
            counted[key] = counted[key] + one if key in counted else one
        if len(counted) > MOST_LABELS:
            raise InvalidInput(
                f"The label column holds more than {MOST_LABELS} different values. Choose the column that "
                "says lens or non-lens."
            )
    if counted:
        return counted
    table = read_table(file, choose=choose)
    return [table.columns[name] for name in choose(table.names)]
