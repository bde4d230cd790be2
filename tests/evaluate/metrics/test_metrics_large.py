"""Tables of over a million rows: counted batch by batch, the same figures as all at once."""

import numpy as np
import pyarrow
import pytest
from pyarrow import csv as arrow_csv
from pyarrow import parquet
from sklearn import metrics as reference

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.curves import count_thresholds
from lensapp.core.evaluate.histogram import ScoreHistogram
from lensapp.core.evaluate.metrics import figures_of, measure
from lensapp.core.evaluate.resampling import figure_intervals, intervals_of_counts
from lensapp.core.evaluate.score_tally import ScoreTally
from lensapp.ingest.formats.table_batches import BATCH_ROWS, rows_of_large
from lensapp.services.evaluate.metrics_table import metrics_of_table

ROWS = 2 * BATCH_ROWS + 100


def drawn(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    labels = rng.random(count) < 0.02
    return labels, (1 / (1 + np.exp(-rng.normal(np.where(labels, 2.0, -3.0), 1.5)))).astype(np.float32)


@pytest.mark.parametrize("suffix", ["parquet", pytest.param("csv", marks=pytest.mark.long)])
def test_a_table_of_a_million_rows_gives_the_figures_of_scikit_learn(tmp_path, suffix):
    labels, scores = drawn(ROWS)
    words = np.where(labels, "lens", "nonlens").astype(object)
    words[:7] = None if suffix == "parquet" else ""
    table, path = pyarrow.table({"other": np.zeros(ROWS, np.int8), "s": scores, "l": words}), tmp_path / "t"
    path = path.with_suffix(f".{suffix}")
    if suffix == "parquet":
        parquet.write_table(table, path)
    else:
        arrow_csv.write_csv(table, path, arrow_csv.WriteOptions(quoting_style="none"))
    assert rows_of_large(path, above=1_000_000) in (ROWS, ROWS + 1)
    found = metrics_of_table(path, score="s", label="l", threshold=0.3)
    labels, scores = labels[7:], scores[7:]
    assert (found["n"], found["unlabelled"]) == (ROWS - 7, 7)
    assert found["auroc"] == pytest.approx(reference.roc_auc_score(labels, scores), abs=1e-6)
    expected = reference.average_precision_score(labels, scores)
    assert found["average_precision"] == pytest.approx(expected, abs=1e-3)
    assert found["brier"] == pytest.approx(reference.brier_score_loss(labels, scores), abs=1e-7)
    tn, fp, fn, tp = reference.confusion_matrix(labels, scores >= np.float32(0.3)).ravel().tolist()
    assert found["confusion"] == {"tp": tp, "fp": fp, "fn": fn, "tn": tn}
    assert found["intervals"]["auroc"]["low"] < found["auroc"] < found["intervals"]["auroc"]["high"]


def test_intervals_of_a_histogram_are_those_of_all_scores():
    labels, scores = drawn(60_000)
    exact = figure_intervals(labels, scores, rng=np.random.default_rng(0))
    counts = ScoreHistogram.of(labels, scores).counts()
    rough = intervals_of_counts(counts, rng=np.random.default_rng(1))
    for name, interval in exact.items():
        width = interval.high - interval.low
        assert rough[name].value == pytest.approx(interval.value, abs=0.1 * width + 1e-6), name
        assert rough[name].low == pytest.approx(interval.low, abs=0.3 * width), name
        assert rough[name].high == pytest.approx(interval.high, abs=0.3 * width), name


def test_batches_in_any_division_are_counted_as_one():
    labels, scores = drawn(5000)
    whole, parts = ScoreTally(0.4), ScoreTally(0.4)
    whole.add(labels.tolist(), scores.astype(np.float64))
    for piece in np.split(np.arange(5000), [1, 700, 4000]):
        parts.add(labels[piece].tolist(), scores[piece].astype(np.float64))
    meanings = {True: "lens", False: "nonlens"}
    for mine, other in zip(whole.summed(meanings)[:1], parts.summed(meanings)[:1], strict=True):
        assert (mine.positives == other.positives).all()
        assert mine.squared_error == pytest.approx(other.squared_error)
    confusion = whole.summed(meanings)[1]
    assert (confusion, 0) == parts.summed(meanings)[1:]
    assert confusion.tp == int((scores[labels] >= 0.4).sum())


def test_a_score_that_is_no_number_and_a_column_of_names_are_refused():
    tally = ScoreTally(0.5)
    tally.add(["lens", "x", None], np.array([np.nan, 0.2, np.nan]))
    with pytest.raises(InvalidInput, match="1 scores of rows labelled lens are NaN"):
        tally.summed({"lens": "lens", "x": "nonlens", None: None})
    with pytest.raises(InvalidInput, match="more than 100 different values"):
        tally.add([f"object {number}" for number in range(200)], np.full(200, 0.5))


def test_tied_lenses_are_counted_and_an_auroc_below_one_half_is_said_and_not_flipped():
    figures = measure([1, 1, 1, 0, 0, 0], [0.5, 0.1, 0.5, 0.5, 0.2, 0.9])
    # Of nine pairs, 0.5 beats 0.2 twice and ties with 0.5 twice: (2 + 1) / 9.
    assert figures.auroc == pytest.approx(1 / 3)
    assert figures.tied_lenses == 2
    below, ties = figures.remarks
    assert "is below 0.5: non-lenses get higher scores" in below
    assert ties.startswith("2 of 3 lenses share their score with non-lenses")
    assert figures_of(count_thresholds([0, 1], [0.1, 0.9])).remarks == ()
