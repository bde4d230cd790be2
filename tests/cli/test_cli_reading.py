"""What commands print for reading: tables and words, never values of Python."""

import re

import pytest

from lensapp.cli import main
from lensapp.cli.reading import result_text
from lensapp.storage.workspace import Workspace
from support.small_surveys import make_survey

REPORT = {
    "purity": None,
    "accuracy": float("nan"),
    "blind": False,
    "bands": ["g", "r"],
    "warnings": [],
    "counts": {"train": {"lens": 3, "nonlens": 12}, "test": {"lens": 1, "nonlens": 4}},
    "thresholds": {"part": "validation", "rows": [{"name": "f1", "at": 0.25}, {"name": "tpr0", "why": None}]},
}


def test_a_report_is_lines_with_its_tables_below() -> None:
    assert result_text(REPORT).splitlines() == [
        "purity: –",
        "accuracy: –",
        "blind: no",
        "bands: g, r",
        "warnings: none",
        "counts:",
        "         lens  non-lens",
        "  train  3     12",
        "  test   1     4",
        "thresholds:",
        "  part: validation",
        "  rows:",
        "    name  at    why",
        "    f1    0.25  –",
        "    tpr0  –     –",
    ]


def test_a_listing_is_a_table_and_long_ones_in_reports_say_how_many_more() -> None:
    assert result_text([{"a": 1}, {"a": {"nonlens": 2}}]).splitlines() == ["a", "1", "non-lens 2"]
    assert result_text([]) == "none"
    assert result_text({"rows": [{"a": row} for row in range(25)]}).endswith("and 5 more; --json lists all")


@pytest.mark.parametrize(
    "arguments",
    [("look", "sky"), ("sky", "--name", "look"), ("--name=look", "sky"), ("look", "--seed", "1", "sky")],
)
def test_a_review_takes_its_name_in_front_or_by_option(tmp_path, capsys, arguments) -> None:
    ws = Workspace.open(tmp_path / "workspace")
    make_survey(ws, name="sky")
    ws.database.close()
    assert main(["--workspace", str(tmp_path / "workspace"), "review", *arguments, "--limit", "4"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("review: look\nsources: sky\nsize: 4\n")
    assert not re.search(r"[{}\[\]'\"]|\bNone\b|\bFalse\b", printed)
