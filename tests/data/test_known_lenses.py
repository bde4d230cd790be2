"""Known lenses: matched by position, left out of the non-lenses, and the share that a run finds."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from lensapp.cli import main
from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.core.data.candidate_ids import clean_name
from lensapp.core.errors import InvalidInput
from lensapp.core.split.splits import SplitSpec
from lensapp.services.catalogue.query import catalogue
from lensapp.services.catalogue.recall import known_recall
from lensapp.services.data.known_lenses import (
    filter_kept_lenses,
    keep_known_lenses,
    kept_known_lenses,
    load_known_lenses,
    match_known,
)
from lensapp.services.split.datasets import freeze_split
from lensapp.services.split.known_lens_cut import KnownCut
from lensapp.services.split.previews import preview_split
from lensapp.storage import datasets, runs, sources
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from support.small_surveys import add_source, ids_of

HALF_ARCSEC = 0.5 / 3600


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    """60 cutouts, every third a lens, 36 arcsec apart along the equator."""
    workspace = Workspace.open(tmp_path / "w", database_url=f"sqlite:///{tmp_path / 'w.db'}")
    add_source(workspace, "sky")
    yield workspace
    workspace.database.close()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Known lenses half an arcsecond from the lenses 0 and 3, the non-lens 1, and nothing."""
    path = tmp_path / "known.csv"
    places = {"L0": 10.0, "L3": 10.03, "N1": 10.01, "far": 200.0}
    rows = [f"{name},{ra + HALF_ARCSEC!r},0.0" for name, ra in places.items()]
    path.write_text("\n".join(["name,ra,dec", *rows]), "utf-8")
    return path


def test_known_lenses_leave_the_negatives_and_nothing_else_does(ws: Workspace, table: Path) -> None:
    spec, cut = SplitSpec(seed=3), KnownCut(load_known_lenses(table))
    preview = preview_split(ws, source_names=["sky"], spec=spec, without=cut)
    assert preview.left_out == {"labelled 'non-lens at a known lens'": 1}
    assert preview.columns["candidate_id"][preview.columns["part"] == ""].tolist() == ["sky-001"]
    dataset = freeze_split(ws, source_names=["sky"], spec=spec, without=cut)
    assert sum(part["nonlens"] for part in dataset.counts.values()) == 39
    assert dataset.spec["known_lenses"] == {
        "file": "known.csv", "lenses": 4, "radius_arcsec": 2.0, "left_out": 1,
    }  # fmt: skip
    members = datasets.member_columns(ws.database, dataset.id)["cutout_id"]
    source_ids = ids_of(ws, sources.get_source(ws.database, "sky"))
    assert source_ids["sky-001"] not in members
    assert source_ids["sky-000"] in members


def test_a_smaller_radius_matches_nothing(ws: Workspace, table: Path) -> None:
    cut = KnownCut(load_known_lenses(table), 0.1)
    assert preview_split(ws, source_names=["sky"], spec=SplitSpec(), without=cut).left_out == {}
    with pytest.raises(InvalidInput, match="not between 0 and 3600 arcsec"):
        preview_split(ws, source_names=["sky"], spec=SplitSpec(), without=KnownCut(cut.known, -1.0))


def test_each_known_lens_may_have_a_radius_of_its_own(ws: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    cells = ("wide,10.0,40", "tight,10.02,0.2", "usual,10.04,", "near,10.01,3")  # half an arcsecond off
    rows = [
        f"{name},{float(ra) + HALF_ARCSEC!r},0,{reach}" for name, ra, reach in (c.split(",") for c in cells)
    ]
    path.write_text("\n".join(["name,ra,dec,reach", *rows]), "utf-8")
    keep_known_lenses(ws, path, radius_column="reach")
    known = kept_known_lenses(ws)
    assert known is not None
    found = known_recall(ws, source_name="sky", known=known, radius_arcsec=1.0)
    assert {row["known_lens"] for row in found["lenses"]} == {"wide", "near", "usual"}
    ra = 10.0 + 0.01 * np.arange(6)
    name, separation = match_known(ra, np.zeros(6), known, radius_arcsec=1.0)
    assert name.tolist() == ["wide", "near", "", "", "usual", ""]  # 36 arcsec apart: the nearest that reaches
    assert separation[[0, 1, 4]] == pytest.approx(np.full(3, 0.5), abs=1e-6)
    path.write_text("name,ra,dec,reach\nJ,1,1,x\n", "utf-8")
    with pytest.raises(InvalidInput, match="holds 'x'"):
        load_known_lenses(path, radius_column="reach")
    with pytest.raises(InvalidInput, match="lenscat has no column of radii"):
        load_known_lenses("lenscat", radius_column="reach")


def test_recall_is_the_share_of_known_lenses_above_the_threshold(ws: Workspace, table: Path) -> None:
    known = load_known_lenses(table)
    blank = known_recall(ws, source_name="sky", known=known)
    assert (blank["matched"], blank["scored"], blank["recall"]) == (3, 0, None)
    dataset = freeze_split(ws, source_names=["sky"], spec=SplitSpec())
    run = runs.create_run(ws.database, name="r1", dataset_id=dataset.id, model="elu_cnn", spec={})
    source = sources.get_source(ws.database, "sky")
    ids = list(ids_of(ws, source).values())
    stored_scores.add_scores(ws, run.id, source.id, ids, [0.9, 0.4, 0.1, 0.7, *[0.2] * 56])
    report = known_recall(ws, source_name="sky", known=known, threshold=0.5)
    assert (report["run"], report["known"], report["above"], report["scored"]) == ("r1", 4, 2, 3)
    assert report["recall"] == pytest.approx(2 / 3)
    assert report["recall_low"] < 2 / 3 < report["recall_high"]
    assert [row["known_lens"] for row in report["lenses"]] == ["N1", "L3", "L0"]
    assert report["as_nonlens"] == 1
    with pytest.raises(InvalidInput, match="threshold is a score from 0 to 1"):
        known_recall(ws, source_name="sky", known=known, threshold=2)


def test_lenscat_is_read_where_installed_and_named_where_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lenscat", None)
    with pytest.raises(InvalidInput, match=r"requirements-lenscat\.txt"):
        load_known_lenses("lenscat")
    package = ModuleType("lenscat")
    package.catalog = {"name": ["A", "B"], "RA": [1.0, np.nan], "DEC": [2.0, 3.0]}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lenscat", package)
    known = load_known_lenses("lenscat")
    assert (known.names, known.without_position) == (("A",), 1)


def test_the_command_line_excludes_and_reports(
    ws: Workspace,
    table: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert ws.database
    monkeypatch.setenv("LENSAPP_DATABASE_URL", f"sqlite:///{tmp_path / 'w.db'}")
    start = ["--workspace", str(tmp_path / "w"), "--json"]
    assert main([*start, "known", "sky", "--known", str(table)]) == 0
    assert json.loads(capsys.readouterr().out)["matched"] == 3
    assert main([*start, "split", "sky", "--exclude-known", str(table), "--known-radius", "1"]) == 0
    counts = json.loads(capsys.readouterr().out)["counts"]
    assert sum(part["nonlens"] for part in counts.values()) == 39


def corrected_tables(folder: Path) -> tuple[Path, bytes, bytes]:
    """Return a table of known lenses of other names of positions: as it was, and corrected."""
    rows = "name,east_deg,north_deg\n{},10.0,0.0\n"
    before, after = rows.format("wrong"), rows.format("L0") + "L3,10.03,0.0\nnowhere,,\n"
    return folder / "known.csv", before.encode(), after.encode()


def test_a_corrected_table_of_the_same_name_is_used_and_its_columns_can_be_named(
    ws: Workspace, tmp_path: Path
) -> None:
    path, before, after = corrected_tables(tmp_path)
    path.write_bytes(before)
    named = {"ra_column": "east_deg", "dec_column": "north_deg"}
    with pytest.raises(InvalidInput, match="--ra-column"):
        keep_known_lenses(ws, path)
    assert keep_known_lenses(ws, path, **named).names == ("wrong",)
    status = path.stat()
    path.write_bytes(after)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # as a copy that keeps the times
    assert load_known_lenses(path, **named).names == ("L0", "L3")
    kept = kept_known_lenses(ws)
    assert kept is not None
    assert kept.names == ("wrong",)  # the workspace keeps a copy until the corrected one is given
    keep_known_lenses(ws, path, **named)
    kept = kept_known_lenses(ws)
    assert kept is not None
    assert (kept.names, kept.without_position, kept.table.dec_column) == (("L0", "L3"), 1, "north_deg")
    assert any("1 of 3 rows" in warning for warning in kept.warnings), kept.warnings


def test_the_command_line_takes_a_corrected_table_and_names_its_columns(
    ws: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ws.database
    monkeypatch.setenv("LENSAPP_DATABASE_URL", f"sqlite:///{tmp_path / 'w.db'}")
    path, before, after = corrected_tables(tmp_path)
    start = ["--workspace", str(tmp_path / "w"), "--json"]
    columns = ["--ra-column", "east_deg", "--dec-column", "north_deg"]
    for table, matched in ((before, 1), (after, 2)):
        path.write_bytes(table)
        assert main([*start, "known", "sky", "--known", str(path), *columns]) == 0
        assert json.loads(capsys.readouterr().out)["matched"] == matched
    out = tmp_path / "out.csv"
    assert main([*start, "export", "sky", "--out", str(out), "--known", str(path), *columns]) == 0
    assert json.loads(capsys.readouterr().out)["warnings"]
    assert '"L3"' in out.read_text("utf-8")
    path.write_bytes(after + b"N1,10.01,0.0\n")
    assert main([*start, "split", "sky", "--exclude-known", str(path), *columns]) == 0
    counts = json.loads(capsys.readouterr().out)["counts"]
    assert sum(part["nonlens"] for part in counts.values()) == 39


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """Five rows of four lenses: B stands twice, an arcsecond apart, under another name and reference."""
    path = tmp_path / "listed.csv"
    rows = [
        "A,10.0,0.0,confident,galaxy,Huang et al. 2021",
        "B,10.03,0.0,probable,galaxy,SLACS",
        "B again,10.03,0.000277778,Confident,galaxy,Huang et al. 2021",
        "C,10.06,0.0,confident,cluster,SLACS; Huang et al. 2021",
        "D,10.09,0.0,,galaxy,",
    ]
    path.write_text("\n".join(["name,RA [deg],DEC [deg],grading,type,ref", *rows]), "utf-8")
    return path


def test_a_lens_that_stands_twice_in_a_table_counts_once_and_keeps_both_positions(listed: Path) -> None:
    known = load_known_lenses(listed)
    assert (len(known), known.duplicates) == (4, 1)
    assert known.names == ("A", "B", "B", "C", "D")
    assert known.offered["grade"] == {"confident": 2, "probable": 1, "Confident": 1}
    assert known.offered["type"] == {"galaxy": 4, "cluster": 1}
    _, separation = match_known(np.array([10.03]), np.array([1.2 / 3600]), known, radius_arcsec=0.5)
    assert separation[0] == pytest.approx(0.2, abs=1e-3)


def test_a_table_without_names_is_matched_and_its_rows_are_numbered(tmp_path: Path) -> None:
    path = tmp_path / "places.csv"
    path.write_text("ra,dec\n10.0,0.0\n,\n10.06,0.0\n", "utf-8")
    known = load_known_lenses(path)
    assert (known.names, known.without_position) == (("row 1", "row 3"), 1)
    path.write_text("c1,c2\n10.0,0.0\n", "utf-8")
    with pytest.raises(InvalidInput, match=r"Its columns are c1, c2\. Name those of the positions") as error:
        load_known_lenses(path)
    assert "ID" not in str(error.value), "matched by position alone"
    assert len(load_known_lenses(path, ra_column="c1", dec_column="c2")) == 1


def test_rows_of_a_table_that_are_no_lens_are_counted_by_reason(listed: Path) -> None:
    """Of A, B, B again, C and D, three are confident; all stand alone then."""
    known = load_known_lenses(listed, grades=["confident"])
    assert (len(known), known.filtered_out, known.duplicates) == (3, 2, 0)


def test_known_lenses_are_taken_by_grade_type_and_reference(listed: Path) -> None:
    for filters, names in (
        ({"grades": ["confident"]}, ("A", "B again", "C")),
        ({"grades": ["Confident", "probable"], "types": ["galaxy"]}, ("A", "B", "B")),
        ({"references": ["huang"]}, ("A", "B again", "C")),
        ({"references": ["slacs"], "types": ["cluster"]}, ("C",)),
    ):
        assert load_known_lenses(listed, **filters).names == names
    with pytest.raises(InvalidInput, match=r"passes the filter grade wrong.*confident \(2\)"):
        load_known_lenses(listed, grades=["wrong"])


def test_a_table_kept_by_an_earlier_version_can_be_filtered(ws: Workspace, listed: Path) -> None:
    folder = ws.folder / "known-lenses"
    folder.mkdir()
    (folder / "old.csv").write_bytes(listed.read_bytes())
    filter_kept_lenses(ws, types=["cluster"])
    known = kept_known_lenses(ws)
    assert known is not None
    assert (known.names, known.table.in_words()) == (("C",), "type cluster")


def test_filters_of_kept_known_lenses_stay_and_are_told_by_what_uses_them(
    ws: Workspace, listed: Path
) -> None:
    keep_known_lenses(ws, listed)
    filter_kept_lenses(ws, types=["cluster"])
    known = kept_known_lenses(ws)
    assert known is not None
    assert (known.names, known.table.in_words()) == (("C",), "type cluster")
    with pytest.raises(InvalidInput, match="No known lens"):
        filter_kept_lenses(ws, grades=["probable"], types=["cluster"])
    assert KnownCut(known).saved(0)["filters"] == "type cluster"
    report = known_recall(ws, source_name="sky", known=load_known_lenses(listed, grades=["confident"]))
    assert (report["known"], report["matched"], report["duplicates"]) == (3, 3, 0)
    query = CatalogueQuery(of=("sky",), known_lenses=str(listed), known_types=("cluster",))
    assert set(catalogue(ws, query)["known_lens"]) == {"", "C"}


def test_a_table_that_was_kept_long_ago_stays_a_while_for_its_readers_once_it_is_replaced(
    tmp_path: Path,
) -> None:
    ws = Workspace.open(tmp_path / "workspace")
    table = tmp_path / "known.csv"
    table.write_text("name,ra,dec\nL1,10,2\n", "utf-8")
    file = Path(keep_known_lenses(ws, table).table.file)
    os.utime(file.parent, (0, 0))
    keep_known_lenses(ws, table)
    assert file.exists()


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("SDSSJ2303+1422 | J2303+1422 | J2303+1422 | SDSSJ2303+1422 | -", "SDSSJ2303+1422"),
        ("SDSSJ1251-0208 | J1251-0208 | nan", "SDSSJ1251-0208"),
        ("SDSS J170124.01+372258.09 | 173 | J1701+3722", "SDSS J170124.01+372258.09 | 173 | J1701+3722"),
        ("SDSS J0946+1006 | SDSSJ0946+1006", "SDSS J0946+1006"),
        ("nan", ""), ("-", ""), (None, ""), ("Cosmic Horseshoe", "Cosmic Horseshoe"),
    ],
)  # fmt: skip
def test_names_of_merged_lists_stand_once_and_empty_ones_not_at_all(cell: str | None, name: str) -> None:
    assert clean_name(cell) == name
