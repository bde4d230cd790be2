"""Two runs compared on any number of objects through counts that add up."""

import json

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet
from sklearn import metrics as reference

from lensapp.cli import main
from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.compare.joint import JointHistogram
from lensapp.core.evaluate.delong import paired_auroc_test
from lensapp.core.evaluate.resampling import compare_figures
from lensapp.ingest.formats import table_batches
from lensapp.services.evaluate.compare import paired_table


def pairs(count: int, *, seed: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, one in twenty a lens, and scores of two runs that agree in part; the first is better."""
    rng = np.random.default_rng(seed)
    labels = rng.random(count) < 0.05
    common = rng.normal(np.where(labels, 2.0, -3.0), 1.5)
    logits = [common + rng.normal(0, noise, count) for noise in (0.5, 1.5)]
    return labels, *(1 / (1 + np.exp(-one)) for one in logits)


def test_counts_of_parts_add_up_to_those_of_the_whole():
    labels, first, second = pairs(2_000)
    whole = JointHistogram.of(labels, first, second)
    parts = JointHistogram.empty()
    for rows in np.array_split(np.arange(2_000), 7):
        parts += JointHistogram.of(labels[rows], first[rows], second[rows])
    np.testing.assert_array_equal(parts.lenses, whole.lenses)
    np.testing.assert_array_equal(parts.others, whole.others)
    np.testing.assert_array_equal(parts.first.positives, whole.first.positives)


def test_the_paired_test_is_delongs_on_the_scores_themselves():
    labels, first, second = pairs(20_000)
    compared = JointHistogram.of(labels, first, second).compare(rng=np.random.default_rng(0), repeats=2)[0]
    (low, high), p_value = paired_auroc_test(labels, first, second)
    assert (compared.low, compared.high) == pytest.approx((low, high), abs=3e-4)
    assert np.log10(compared.p_value) == pytest.approx(np.log10(p_value), rel=0.05)


def test_runs_are_told_apart_as_by_their_scores_one_by_one():
    labels, first, second = pairs(20_000)
    joint = JointHistogram.of(labels, first, second).compare(rng=np.random.default_rng(0), repeats=100)
    exact = compare_figures(labels, first, second, rng=np.random.default_rng(0), repeats=100)
    for mine, theirs in zip(joint, exact, strict=True):
        assert mine.figure == theirs.figure
        assert mine.difference == pytest.approx(theirs.difference, abs=0.005)
        assert mine.high - mine.low == pytest.approx(theirs.high - theirs.low, rel=0.5, abs=0.01)


def test_a_run_does_not_differ_from_itself():
    labels, first, _ = pairs(1_000)
    compared = JointHistogram.of(labels, first, first).compare(rng=np.random.default_rng(0), repeats=20)
    assert {one.difference for one in compared} == {0.0}
    assert {one.p_value for one in compared} == {1.0}


def test_one_class_alone_is_refused():
    with pytest.raises(InvalidInput, match="0 lenses and 3 non-lenses"):
        JointHistogram.of([0, 0, 0], [0.1, 0.2, 0.3], [0.3, 0.2, 0.1]).compare(rng=np.random.default_rng(0))


def table_of(path, count):
    labels, first, second = pairs(count)
    words = np.where(labels, "lens", "nonlens").astype(object)
    words[:5] = ""
    columns = {"a": first.astype(np.float32), "b": second.astype(np.float32), "l": words.tolist()}
    parquet.write_table(pyarrow.table(columns), path)
    return labels[5:], columns["a"][5:], columns["b"][5:]


def test_two_columns_of_a_small_table_are_compared_row_by_row(tmp_path, capsys):
    labels, first, second = table_of(tmp_path / "t.parquet", 2_000)
    arguments = ["metrics", str(tmp_path / "t.parquet"), "--score", "a", "--against", "b", "--label", "l"]
    assert main([*arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["difference"]
    assert (told["rows"], told["counted"], told["against"]) == (1_995, False, "b")
    exact = compare_figures(labels, first, second, rng=np.random.default_rng(0))
    assert [one["p_value"] for one in told["figures"]] == [one.p_value for one in exact]


def test_two_columns_of_a_large_table_are_compared_through_counts(tmp_path, monkeypatch):
    labels, first, second = table_of(tmp_path / "t.parquet", 30_000)
    monkeypatch.setattr(paired_table, "EXACT_UP_TO", 1_000)
    monkeypatch.setattr(table_batches, "BATCH_ROWS", 7_000)
    monkeypatch.setattr(paired_table, "isolated", lambda function, *work: function(*work))
    told = paired_table.compare_columns(tmp_path / "t.parquet", score="a", against="b", label="l")
    assert (told["rows"], told["counted"]) == (29_995, True)
    area = told["figures"][0]
    assert area["first"] == pytest.approx(reference.roc_auc_score(labels, first), abs=1e-6)
    assert area["second"] == pytest.approx(reference.roc_auc_score(labels, second), abs=1e-6)
    (low, high), _ = paired_auroc_test(labels, first, second)
    assert (area["low"], area["high"]) == pytest.approx((low, high), abs=3e-4)
