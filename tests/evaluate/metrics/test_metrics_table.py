"""`metrics FILE --score COL --label COL` on every format, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from astropy.table import MaskedColumn, Table
from pyarrow import parquet

from lensapp.core.errors import InvalidInput
from lensapp.core.evaluate.metrics import measure
from lensapp.services.evaluate import metrics_table
from lensapp.services.evaluate.metrics_table import metrics_of_table

SCORES = np.array([0.9, 0.2, 0.6, 0.4, 0.1])
TRUTH = np.array([1, 0, 1, 1, 0])
FORMATS = {
    "csv": "ascii.csv",
    "ecsv": "ascii.ecsv",
    "fits": "fits",
    "vot": "votable",
    "parquet": "parquet",
}


@pytest.fixture(autouse=True)
def _tables_are_read_here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read tables in this process, not in one started for each, but where that is looked at too."""
    if "damaged" not in request.node.name:
        monkeypatch.setattr(metrics_table, "isolated", lambda function, *work: function(*work))


def written(folder: Path, suffix: str, **columns) -> Path:
    path = folder / f"table.{suffix}"
    Table(columns).write(path, format=FORMATS[suffix])
    return path


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("words", [False, True], ids=["numbers", "words"])
def test_every_format_gives_the_same_figures(tmp_path, suffix, words):
    truth = np.where(TRUTH, "lens", "nonlens") if words else TRUTH
    found = metrics_of_table(
        written(tmp_path, suffix, score=SCORES, truth=truth), score="score", label="truth"
    )
    expected = measure(TRUTH, SCORES).as_dict() | {"unlabelled": 0}
    assert found.pop("intervals")["auroc"]["value"] == expected["auroc"]
    assert found.pop("remarks") == []
    assert found == expected
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("suffix", ["csv", "ecsv", "fits", "vot"])
def test_rows_without_a_label_are_left_out_and_counted(tmp_path, suffix):
    truth = MaskedColumn([*TRUTH, 0], mask=[False] * 5 + [True])
    path = written(tmp_path, suffix, score=np.append(SCORES, 0.99), truth=truth)
    found = metrics_of_table(path, score="score", label="truth")
    assert (found["n"], found["unlabelled"]) == (5, 1)


def test_rows_without_a_label_in_parquet_are_left_out_and_counted(tmp_path):
    path = tmp_path / "table.parquet"
    parquet.write_table(pyarrow.table({"s": [*SCORES, 0.99], "l": [*TRUTH.tolist(), None]}), path)
    found = metrics_of_table(path, score="s", label="l")
    assert (found["n"], found["unlabelled"]) == (5, 1)


def test_the_published_table_gives_the_published_figures(shared_data):
    published = json.loads((shared_data / "scores" / "published_metrics.json").read_text())["global"]
    path = shared_data / "scores" / "slchallenge_pad1_norm1.csv"
    found = metrics_of_table(path, score="score", label="label", threshold=published["threshold"])
    assert found["auroc"] == pytest.approx(published["roc_auc"], abs=1e-12)
    assert found["average_precision"] == pytest.approx(published["pr_auc"], abs=1e-12)
    assert found["confusion"] == {name: published[name] for name in ("tp", "fp", "fn", "tn")}


def test_comment_lines_before_the_header_of_a_csv_are_skipped(tmp_path):
    path = tmp_path / "export.csv"
    path.write_text("# made by lensapp\nid,s,l\n#1,0.9,1\nb,0.9,1\nc,0.1,0\n")
    assert metrics_of_table(path, score="s", label="l")["n"] == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("s,l\n0.5,1\nnan,0\n", "1 of 2 scores are NaN"),
        ("s,l\n0.5,1\n,0\n", "1 of 2 scores are NaN"),
        ("s,l\nhigh,1\nlow,0\n", "column 's' does not hold numbers"),
        ("s,l\n0.5,1\n0.4,1\n", "All 2 objects are labelled lens"),
        ("s,l\n0.5,1\n0.4,7\n", "not 1/0, true/false or lens/non-lens"),
        ("s,l\n0.5,ring\n0.4,arc\n", "holds 'arc'"),
        ("s,l\n", "no rows"),
        ("s,grade\n0.5,1\n", "no column 'l', only: s, grade"),
        ("", "it is empty"),
    ],
)
def test_unusable_tables_are_refused_with_a_remedy(tmp_path, text, message):
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=message) as caught:
        metrics_of_table(path, score="s", label="l")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", ["fits", "vot", "parquet", "ecsv"])
def test_damaged_files_are_refused(tmp_path, suffix):
    path = tmp_path / f"table.{suffix}"
    path.write_bytes(b"\x00\x01damaged")
    with pytest.raises(InvalidInput, match=r"Check the file or convert it to CSV"):
        metrics_of_table(path, score="s", label="l")


@pytest.mark.parametrize(
    ("name", "message"), [("table.xlsx", r"ends in '\.xlsx'"), ("none.csv", "no such file")]
)
def test_unknown_and_absent_files_are_refused(tmp_path, name, message):
    with pytest.raises(InvalidInput, match=message):
        metrics_of_table(tmp_path / name, score="s", label="l")


def test_a_column_of_vectors_is_refused(tmp_path):
    path = written(tmp_path, "fits", score=np.ones((5, 2)), truth=TRUTH)
    with pytest.raises(InvalidInput, match="further dimensions"):
        metrics_of_table(path, score="score", label="truth")
