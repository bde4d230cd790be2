"""Finder charts: pages, captions and scale bars of the selected candidates."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lensapp.cli import main
from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.core.errors import InvalidInput
from lensapp.core.inspect.consensus_methods import ConsensusSpec
from lensapp.services.catalogue.charts import BAR_SHARE, bar_length, caption_lines, write_sheet
from lensapp.services.catalogue.query import catalogue
from lensapp.storage.workspace import Workspace
from support.small_surveys import add_review, add_votes, ids_of, make_survey


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    workspace = Workspace.open(tmp_path / "w", database_url=f"sqlite:///{tmp_path / 'w.db'}")
    source = make_survey(workspace, count=20)
    ids = list(ids_of(workspace, source).values())
    add_votes(workspace, add_review(workspace, source), "ann", dict.fromkeys(ids[:7], "A"))
    yield workspace
    workspace.database.close()


def test_a_png_shows_every_candidate_once(ws: Workspace, tmp_path: Path) -> None:
    make_survey(ws, name="other", count=3)
    method = ConsensusSpec(method="swap")
    table = catalogue(ws, CatalogueQuery(of=("small", "other"), consensus=method))
    table = table[(table["votes"] > 0) | (table["source"] == "other")]
    report = write_sheet(ws, candidates=table, out=tmp_path / "s.png", columns=5, method=method)
    assert (report["candidates"], report["pages"]) == (10, 1)
    with Image.open(tmp_path / "s.png") as page:
        pixels = np.asarray(page)
    assert (pixels.max(-1) < 100).mean() > 0.1  # pictures of a dark sky on white paper
    assert list(tmp_path.glob(".s*")) == []


def test_a_pdf_has_as_many_pages_as_it_needs(ws: Workspace, tmp_path: Path) -> None:
    command = ["--workspace", str(tmp_path / "w"), "export", "small", "--sheet-columns", "2", "--sheet"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LENSAPP_DATABASE_URL", f"sqlite:///{tmp_path / 'w.db'}")
        assert main([*command, str(tmp_path / "s.pdf")]) == 0
        assert main([*command[:-1]]) == 2
    written = (tmp_path / "s.pdf").read_bytes()
    assert written.startswith(b"%PDF")
    assert written.count(b"/Type /Page\n") == 5  # 4 on a page of two columns


def test_what_cannot_be_drawn_is_named(ws: Workspace, tmp_path: Path) -> None:
    table = catalogue(ws, CatalogueQuery(of=("small",)))
    for out, columns, part, match in (
        (tmp_path / "s.gif", 6, table, "ends in .pdf or .png"),
        (tmp_path / "no" / "s.pdf", 6, table, "There is no folder"),
        (tmp_path / "s.pdf", 13, table, "1 to 12 columns"),
        (tmp_path / "s.pdf", 6, table.iloc[:0], "not 0"),
    ):
        with pytest.raises(InvalidInput, match=match):
            write_sheet(ws, candidates=part, out=out, columns=columns)


def test_captions_name_position_grade_and_score() -> None:
    row = {"id": "天", "ra": 150.0, "dec": -2.5, "grade": "B", "mean": 2.0, "votes": 3, "score": 0.98765,
           "known_lens": "J1"}  # fmt: skip
    assert caption_lines(row) == ("\\u5929", "150.00000 -2.50000", "B 2.00 (3)  score 0.988", "J1")
    assert caption_lines(row | {"probability": 0.876})[2] == "B P 0.88 (3)  score 0.988"
    bare = row | {"ra": np.nan, "grade": "", "score": np.nan, "known_lens": ""}
    assert caption_lines(bare)[1:] == ("", "-", "")


@settings(max_examples=30, deadline=None)
@given(st.floats(1e-3, 1e5))
def test_scale_bars_are_round_and_fill_a_good_part_of_the_width(width: float) -> None:
    length = bar_length(width)
    assert 0.39 * BAR_SHARE * width <= length <= BAR_SHARE * width * 1.001
    assert f"{length:e}"[0] in "125"
