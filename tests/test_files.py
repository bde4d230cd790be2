"""Files appear whole or not at all."""

import pytest

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
