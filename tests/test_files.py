"""Files appear whole or not at all."""

import json
import os
import time

import pytest

from lensapp.core.config import LEFTOVER_SECONDS, write_json
from lensapp.core.errors import StorageError
from lensapp.storage.files import read_measured, whole_file, write_measured


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "table.csv"
    with whole_file(path) as partial:
        partial.write_text("a")
        assert partial.suffix == ".csv"
        assert not path.exists()
    assert path.read_text() == "a"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")

    def write_half() -> None:
        with whole_file(path) as partial:
            partial.write_text("new")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("age", "left"), [(LEFTOVER_SECONDS + 60, False), (60, True)])
def test_what_a_killed_writer_left_is_removed_by_the_next_when_nobody_can_be_writing_it(tmp_path, age, left):
    old = [tmp_path / ".table.0123abcd.partial.csv", tmp_path / ".spec.json.0123abcd.partial"]
    for path in old:
        path.write_text("half")
        os.utime(path, (time.time() - age,) * 2)
    other = tmp_path / ".tables.0123abcd.partial.csv"
    other.write_text("of another file")
    os.utime(other, (0, 0))
    with whole_file(tmp_path / "table.csv") as partial:
        partial.write_text("whole")
    write_json(tmp_path / "spec.json", {"a": 1})
    assert [path.exists() for path in old] == [left, left]
    assert other.exists()
    assert json.loads((tmp_path / "spec.json").read_text()) == {"a": 1}


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    path = tmp_path / "table.csv"
    with whole_file(path) as one, whole_file(path) as other:
        assert one != other
        one.write_text("one")
        other.write_text("other")
    assert path.read_text() == "one"


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn"])
def test_a_damaged_file_of_figures_is_named(tmp_path, content):
    path = tmp_path / "test.npz"
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"test\.npz is not an evaluation .* Evaluate the run again\."):
        read_measured(path, needed=("labels",), what="an evaluation", remedy="Evaluate the run again.")


def test_figures_come_back_as_they_were(tmp_path):
    write_measured(tmp_path / "a.npz", {"labels": [0, 1], "absent": None, "figures": {"auroc": 0.5}})
    stored = read_measured(tmp_path / "a.npz", needed=("labels",), what="x", remedy="y")
    assert stored["labels"].tolist() == [0, 1]
    assert stored["figures"] == {"auroc": 0.5}
