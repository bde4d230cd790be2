"""Exports: round trips through astropy, no formulae, provenance, whole or not at all."""

import csv
import errno
import json
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits, votable
from astropy.io.votable.ucd import check_ucd
from astropy.table import Table
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lensapp.cli import main
from lensapp.core.acting import Actor, acting_as
from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.core.catalogue.safe_text import escape, neutralise, restore, unescape
from lensapp.core.errors import InvalidInput, NotFound, StorageError
from lensapp.core.inspect.consensus_methods import ConsensusSpec
from lensapp.core.numerals import ascii_signs
from lensapp.core.split.splits import SplitSpec
from lensapp.ingest.catalogues import load_catalogue
from lensapp.services.catalogue.export import export, write_whole
from lensapp.services.catalogue.export_tables import CATALOGUE_MEANINGS, VOTE_MEANINGS
from lensapp.services.catalogue.formats import ENDINGS, Export, csv_cell, with_short_scores, write_csv
from lensapp.services.catalogue.query import catalogue, select
from lensapp.services.data.known_lenses import read_known_lenses
from lensapp.services.evaluate.metrics_table import metrics_of_table
from lensapp.services.split import datasets as dataset_service
from lensapp.storage import reviews, runs, sources
from lensapp.storage.care.trail import read_trail
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from lensapp.ui.catalogue.table import in_order
from support.small_surveys import add_review, add_source, add_votes, ids_of

NASTY = [
    "=cmd()", "+1", "-2", "@SUM(A1)", "'quoted", "çé 天", 'a "b" \'c\'', "two\nlines", "tab\tin", "\r=1",
    "\t=1", " =1+1", "trailing ", "back\\slash\\n", "comma,semi;colon|pipe", "0012", "{braces}", "<&>]]>",
    "nul\x01", "🔭", "＝1", "nan", "-",
]  # fmt: skip
FORMULA_STARTS = tuple("=+-@\t\r＝＋－＠")


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    """A survey with nasty IDs, scores, votes by an inspector with a nasty name, one row without position."""
    workspace = Workspace.open(tmp_path / "w", database_url=f"sqlite:///{tmp_path / 'w.db'}")
    rows: list[dict[str, Any]] = [
        {"candidate_id": name, "ra_deg": 10.0 + k / 7, "dec_deg": -k / 3, "label": "lens" if k == 0 else None}
        for k, name in enumerate(NASTY)
    ]
    rows.append({"candidate_id": "nowhere"})
    source = add_source(workspace, "field", count=len(rows), cutouts=rows)
    add_source(workspace, "training", first_ra_deg=100.0)
    dataset = dataset_service.freeze_split(workspace, source_names=["training"], spec=SplitSpec())
    run = runs.create_run(workspace.database, name="r1", dataset_id=dataset.id, model="elu_cnn", spec={})
    ids = ids_of(workspace, source)
    stored_scores.add_scores(
        workspace,
        run.id,
        source.id,
        list(ids.values())[:-2],
        np.linspace(0.1, 0.987654321, 22).tolist(),
    )
    review = add_review(workspace, source, run_id=run.id)
    add_votes(
        workspace, review, '@ann "the\n1st"', {ids[name]: "ABCX"[k % 4] for k, name in enumerate(NASTY)}
    )
    add_votes(workspace, review, "bob", {ids["=cmd()"]: "B", ids["+1"]: "A"})
    add_votes(workspace, review, "bob", {ids["+1"]: None})
    yield workspace
    workspace.database.close()


def read_tables(path: Path) -> tuple[Table, Table]:
    """Return catalogue and votes as astropy reads them."""
    beside = path.with_name(f"{path.stem}_votes{path.suffix}")
    return Table.read(path), Table.read(beside)


@pytest.mark.parametrize("ending", [".csv", ".ecsv", ".fits", ".parquet", ".vot"])
def test_what_we_export_can_be_read_back_by_every_door(ws: Workspace, tmp_path: Path, ending: str) -> None:
    source = add_source(ws, "plain", count=12)
    ids, run = ids_of(ws, source), runs.get_run(ws.database, "r1")
    scores = np.linspace(0.9, 0.1, 12)
    stored_scores.add_scores(ws, run.id, source.id, list(ids.values()), scores.tolist())
    add_votes(ws, add_review(ws, source, "glance"), "ann", {ids["plain-000"]: "A"})
    path = tmp_path / f"out{ending}"
    export(ws, CatalogueQuery(of=("plain",)), out=path)
    figures = metrics_of_table(path, score="score", label="label")
    assert (figures["n"], figures["confusion"]["tp"]) == (12, 2)
    read = load_catalogue(path, label_column="label")
    assert dict(zip(read.ids, read.labels, strict=True)) == {
        name: "nonlens" if int(name[-3:]) % 3 else "lens" for name in ids
    }
    known = read_known_lenses(path)
    assert set(known.names) == set(ids)
    assert sorted(known.ra_deg) == pytest.approx([10 + k / 100 for k in range(12)])


def texts(column: Any, ending: str) -> list[str]:
    """Return the texts of a column with the format's rules undone."""
    cells = ["" if cell is np.ma.masked else str(cell) for cell in column]
    if ending in (".csv", ".ecsv"):
        cells = [restore(cell) for cell in cells]
    return cells if ending == ".parquet" else [unescape(cell) for cell in cells]


def numbers(column: Any) -> np.ndarray:
    return np.ma.filled(np.ma.asarray(column, dtype=float), np.nan)


@pytest.mark.parametrize("ending", [".csv", ".ecsv", ".fits", ".parquet", ".vot"])
def test_catalogue_and_votes_survive_a_round_trip_through_astropy(
    ws: Workspace, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"out{ending}"
    export(ws, CatalogueQuery(of=("field",)), out=path)
    expected = (
        in_order(catalogue(ws, CatalogueQuery(of=("field",)))),
        select(ws, CatalogueQuery(of=("field",))).vote_table(ws),
    )
    for read, wanted, meanings in zip(
        read_tables(path), expected, (CATALOGUE_MEANINGS, VOTE_MEANINGS), strict=True
    ):
        assert read.colnames == list(meanings)
        assert len(read) == len(wanted)
        for name in meanings:
            if wanted[name].dtype.kind in "fi":
                np.testing.assert_array_equal(numbers(read[name]), wanted[name].to_numpy(float), err_msg=name)
            elif wanted[name].dtype.kind == "b":
                flags = [str(cell).lower() == "true" for cell in read[name]]
                assert flags == wanted[name].tolist(), name
            else:
                assert texts(read[name], ending) == wanted[name].tolist(), name


@pytest.mark.parametrize("ending", [".ecsv", ".fits", ".parquet", ".vot"])
def test_astropy_reads_the_catalogue_without_arguments_or_warnings(
    ws: Workspace, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"out{ending}"
    report = export(ws, CatalogueQuery(of=("field",)), out=path)
    assert report["files"] == [str(path), str(tmp_path / f"out_votes{ending}")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = Table.read(path)
        votes = Table.read(tmp_path / f"out_votes{ending}")
    assert (len(read), len(votes)) == (report["rows"], report["votes"])
    assert read.colnames == list(CATALOGUE_MEANINGS)
    assert votes.colnames == list(VOTE_MEANINGS)


@pytest.mark.parametrize("ending", [".csv", ".ecsv"])
def test_no_text_cell_can_become_a_formula_and_numbers_stay_numbers(
    ws: Workspace, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"out{ending}"
    export(ws, CatalogueQuery(of=("field",)), out=path)
    for file, meanings in (
        (path, CATALOGUE_MEANINGS),
        (path.with_name(f"out_votes{ending}"), VOTE_MEANINGS),
    ):
        lines = [line for line in file.read_text("utf-8").splitlines() if not line.startswith("#")]
        rows = list(csv.DictReader(lines))
        assert list(rows[0]) == list(meanings)
        for row in rows:
            for name, cell in row.items():
                if name in ("ra", "dec", "score", "mean", "scatter", "known_sep_arcsec", "seconds_spent"):
                    assert cell == "" or isinstance(float(cell), float)
                else:
                    assert not cell.lstrip().startswith(FORMULA_STARTS), cell
    assert "-0.3333333333333333" in path.read_text("utf-8")


def test_csv_is_one_line_per_candidate_with_plain_header(ws: Workspace, tmp_path: Path) -> None:
    export(ws, CatalogueQuery(of=("field",)), out=tmp_path / "out.csv")
    lines = (tmp_path / "out.csv").read_text("utf-8").split("\n")
    assert lines[0] == ",".join(CATALOGUE_MEANINGS)
    assert len(lines) == len(NASTY) + 3
    frame = pd.read_csv(tmp_path / "out.csv")
    assert frame["score"].dtype == float


def test_text_has_the_digits_of_a_score_and_no_more() -> None:
    """As networks give it, in single precision; one of another program keeps its 16 digits."""
    single = Table({"score": np.array([0.1582794, np.nan], np.float32).astype(float)}, copy=True)
    short = with_short_scores(single)
    assert [csv_cell(value) for value in short["score"]] == ["0.1582794", ""]
    assert float(np.float32(csv_cell(short["score"][0]))) == float(np.float32(0.1582794))
    double = with_short_scores(Table({"score": [0.1234567890123456]}))
    assert csv_cell(double["score"].tolist()[0]) == "0.1234567890123456"


def test_provenance_stands_in_every_header(ws: Workspace, tmp_path: Path) -> None:
    for ending in ENDINGS:
        export(
            ws, CatalogueQuery(of=("field",), min_score=0.2, grades=["A", "B"]), out=tmp_path / f"out{ending}"
        )
    dataset = dataset_service.list_versions(ws)[0]
    expected = {"source": "field", "run": "r1", "dataset_sha256": dataset.checksum, "reviews": "look"}
    expected |= {"filters": "min_score = 0.2; grades = A, B", "program": "lensapp"}
    resource = votable.parse(tmp_path / "out.vot").resources[0]
    primary = fits.getheader(tmp_path / "out.fits")
    found: list[dict[str, Any]] = [
        json.loads((tmp_path / "out_provenance.json").read_text()),
        Table.read(tmp_path / "out.ecsv", format="ascii.ecsv").meta,
        Table.read(tmp_path / "out_votes.parquet", format="parquet").meta,
        {info.name: info.value for info in resource.infos},
        {
            "source": primary["SOURCE"], "run": primary["RUN"], "dataset_sha256": primary["DATASHA"],
            "reviews": primary["REVIEWS"], "filters": primary["FILTERS"], "program": primary["PROGRAM"],
        },
    ]  # fmt: skip
    for header in found:
        assert {name: header[name] for name in expected} == expected
    regions = (tmp_path / "out.reg").read_text("utf-8")
    assert f"# dataset_sha256: {dataset.checksum}\n" in regions


def test_the_fits_file_keeps_the_standard(ws: Workspace, tmp_path: Path) -> None:
    export(ws, CatalogueQuery(of=("field",)), out=tmp_path / "out.fits")
    (tmp_path / "out.fits").read_bytes()[: 2880 * 2].decode("ascii")
    with fits.open(tmp_path / "out.fits", checksum=True) as hdus:
        hdus.verify("exception")
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "CATALOGUE"]
        header = hdus["CATALOGUE"].header
        assert (header["TTYPE3"], header["TUNIT3"], header["TUCD3"]) == ("ra", "deg", "pos.eq.ra;meta.main")
        assert all(max(name.encode()) < 128 for name in hdus["CATALOGUE"].data["id"])


def test_the_votable_is_valid_and_says_what_its_columns_are(ws: Workspace, tmp_path: Path) -> None:
    export(ws, CatalogueQuery(of=("field",)), out=tmp_path / "out.vot")
    file = votable.parse(tmp_path / "out.vot", verify="exception")
    [first] = file.resources[0].tables
    [second] = votable.parse(tmp_path / "out_votes.vot", verify="exception").resources[0].tables
    ucds = {field.name: field.ucd for field in first.fields}
    assert ucds["id"] == "meta.id;meta.main"
    assert ucds["ra"] == "pos.eq.ra;meta.main"
    assert ucds["dec"] == "pos.eq.dec;meta.main"
    assert second.name == "votes"
    assert all(
        check_ucd(field.ucd, check_controlled_vocabulary=True) for field in (*first.fields, *second.fields)
    )


def test_regions_show_each_position_with_its_grade(ws: Workspace, tmp_path: Path) -> None:
    report = export(ws, CatalogueQuery(of=("field",)), out=tmp_path / "out.reg")
    lines = (tmp_path / "out.reg").read_text("utf-8").splitlines()
    circles = [line for line in lines if line.startswith("circle(")]
    assert len(circles) == len(NASTY)
    assert report["without_position"] == 1
    assert all(line.count("{") == line.count("}") == 1 and ";" not in line for line in circles)
    first = next(line for line in circles if "=cmd()" in line)
    assert first.startswith('circle(10.0000000,0.0000000,3") # color=#')
    assert first.endswith("text={=cmd() B 0.100}")


def test_filters_and_known_lenses_reach_the_file(ws: Workspace, tmp_path: Path) -> None:
    (tmp_path / "known.csv").write_text("name,ra,dec\nJ1,10.0,0.0\n")
    query = CatalogueQuery(
        of=("field",),
        min_score=0.05,
        grades=["B"],
        known_lenses=str(tmp_path / "known.csv"),
        radius_arcsec=1.5,
    )
    report = export(ws, query, out=tmp_path / "out.ecsv")
    table, votes = read_tables(tmp_path / "out.ecsv")
    assert report["rows"] == len(table) < len(NASTY)
    assert set(table["grade"]) == {"B"}
    assert np.ma.filled(table["known_lens"], "").tolist().count("J1") == 1
    assert len(votes) == len(NASTY) + 3  # whatever the filters leave
    assert {*"ABCX"} <= set(np.ma.filled(votes["grade"], ""))
    assert table.meta["known_lenses"] == "known.csv, within 1.5 arcsec"


def test_a_review_is_exported_with_its_own_candidates_run_and_votes(ws: Workspace, tmp_path: Path) -> None:
    source = sources.get_source(ws.database, "field")
    some = np.array(list(ids_of(ws, source).values())[:3], np.int64)
    reviews.create_review(ws.database, name="few", source_id=source.id, run_id=None, spec={}, queue=some)
    report = export(ws, CatalogueQuery(of=("few",)), out=tmp_path / "out.csv")
    assert (report["rows"], report["votes"], report["reviews"], report["run"]) == (3, 0, ["few"], "r1")
    assert export(ws, CatalogueQuery(of=("look",)), out=tmp_path / "out.csv")["votes"] == len(NASTY) + 3


SWAP = ConsensusSpec(method="swap", prior=0.3, initial_skill=0.9)


@pytest.mark.parametrize("ending", [".csv", ".ecsv", ".fits", ".parquet", ".vot"])
def test_the_method_that_is_chosen_is_the_one_written(ws: Workspace, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out{ending}"
    report = export(ws, CatalogueQuery(of=("field",), consensus=SWAP, grades=["B"]), out=path)
    expected = catalogue(ws, CatalogueQuery(of=("field",), consensus=SWAP, grades=["B"]))
    read, _ = read_tables(path)
    assert report["method"] == "swap"
    assert (len(read), set(read["grade"])) == (len(expected), {"B"})
    assert (
        expected["id"].tolist() != catalogue(ws, CatalogueQuery(of=("field",), grades=["B"]))["id"].tolist()
    )
    np.testing.assert_array_equal(numbers(read["probability"]), expected["probability"].to_numpy(float))


def test_the_header_tells_the_method_and_its_settings(
    ws: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LENSAPP_DATABASE_URL", f"sqlite:///{tmp_path / 'w.db'}")
    command = ["--workspace", str(ws.folder), "--json", "export", "field", "--out", str(tmp_path / "o.fits")]
    assert main([*command, "--method", "swap", "--prior", "0.3", "--initial-skill", "0.9"]) == 0
    assert json.loads(capsys.readouterr().out)["method"] == "swap"
    header = fits.getheader(tmp_path / "o.fits")
    settings_used = "prior = 0.3; detect_above = 0.95; reject_below = 0.000214197"
    assert (header["CONSENS"], header["CONSSET"].split("; initial")[0]) == ("swap", settings_used)
    assert header["GRADES"].endswith(
        "A for a probability above 0.95, B from 0.5, X below 0.000214197, else C"
    )
    export(ws, CatalogueQuery(of=("field",)), out=tmp_path / "o.csv")
    notes = json.loads((tmp_path / "o_provenance.json").read_text())
    assert (notes["consensus"], notes["consensus_settings"]) == ("mean", "")
    assert notes["grades"].endswith("consensus A for a mean above 2.5, B from 1.5, C from 0.5")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_review_over_several_sources_is_exported_with_all_of_them(
    ws: Workspace, tmp_path: Path, ending: str
) -> None:
    more = add_source(ws, "more", count=3)
    field = sources.get_source(ws.database, "field")
    ids = [*list(ids_of(ws, field).values())[:2], *ids_of(ws, more).values()]
    review = reviews.create_review(
        ws.database, name="both", source_id=field.id, run_id=None, queue=np.array(ids, np.int64),
        spec={"also_sources": ["more"]},
    )  # fmt: skip
    add_votes(ws, review, "ann", {ids[-1]: "A"})
    path = tmp_path / f"out{ending}"
    report = export(ws, CatalogueQuery(of=("both",)), out=path)
    assert (report["rows"], report["votes"], report["source"]) == (5, 1, "field, more")
    if ending == ".reg":
        assert sum("more-00" in line for line in path.read_text("utf-8").splitlines()) == 3
        return
    table, votes = read_tables(path)
    assert sorted(table["source"].tolist()) == ["field"] * 2 + ["more"] * 3
    assert (votes["id"].tolist(), votes["source"].tolist()) == (["more-002"], ["more"])


@pytest.mark.parametrize(
    ("change", "error", "what"),
    [({"out": "x.doc"}, InvalidInput, r"'x\.doc' .* end in \.csv"),
     ({"out": "x"}, InvalidInput, "'x' has no known ending"),
     ({"out": "none/x.csv"}, InvalidInput, "There is no folder"),
     ({"of": ["nothing"]}, NotFound, "'nothing'"),
     ({"run": "none"}, NotFound, "'none'"),
     ({"grades": ["Q"]}, InvalidInput, "'Q'"), ({"min_score": 2.0}, InvalidInput, "Widen them")],
)  # fmt: skip
def test_bad_requests_are_refused_and_write_nothing(
    ws: Workspace, tmp_path: Path, change: dict[str, Any], error: type[Exception], what: str
) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    request: dict[str, Any] = {"of": ["field"], "out": "x.csv"} | change
    out = folder / request.pop("out")
    with pytest.raises(error, match=what):
        export(ws, CatalogueQuery.parse(request), out=out)
    assert list(folder.iterdir()) == []


def fail(_export: Export, path: Path) -> None:
    path.write_text("half")
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_failed_export_leaves_the_earlier_files_as_they_were(ws: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    export(ws, CatalogueQuery(of=("field",)), out=folder / "out.csv")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    frame = catalogue(ws, CatalogueQuery(of=("field",), min_score=0.5))
    half = Export(frame, select(ws, CatalogueQuery(of=("field",))).vote_table(ws), {})
    with pytest.raises(
        StorageError, match=r"out\.csv, out_votes\.csv could not be written: No space left on device"
    ):
        write_whole(half, {folder / "out.csv": partial(write_csv, part=0), folder / "out_votes.csv": fail})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_folder_in_the_place_of_a_file_is_refused_before_anything_is_written(
    ws: Workspace, tmp_path: Path
) -> None:
    (tmp_path / "out_votes.csv").mkdir()
    with pytest.raises(InvalidInput, match=r"out_votes\.csv is a folder"):
        export(ws, CatalogueQuery(of=("field",)), out=tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("mode", ["alone", "passwords"])
def test_whoever_may_look_may_export_and_the_trail_names_them(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    with acting_as(Actor("Ada", "reader", account_id=7)):
        monkeypatch.setenv("LENSAPP_MODE", mode)
        export(ws, CatalogueQuery(of=("field",)), out=tmp_path / "out.csv")
        assert [(row["who"], row["did"]) for row in read_trail(ws.database, limit=1)] == [("Ada", "exported")]


@pytest.mark.parametrize(("uid", "who"), [(0, "this machine"), (33, "this machine"), (1000, "ada")])
def test_the_account_of_a_system_is_nobody_and_its_exports_are_of_this_machine(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uid: int, who: str
) -> None:
    monkeypatch.setattr("os.getuid", lambda: uid)
    monkeypatch.setenv("LOGNAME", "ada")
    export(ws, CatalogueQuery(of=("field",)), out=tmp_path / "out.csv")
    assert read_trail(ws.database, limit=1)[0]["who"] == who


def test_an_export_replaces_an_earlier_one(ws: Workspace, tmp_path: Path) -> None:
    for _ in range(2):
        for ending in ENDINGS:
            report = export(ws, CatalogueQuery(of=("field",)), out=tmp_path / f"out{ending}")
            assert all(Path(name).exists() for name in report["files"])
    assert not list(tmp_path.glob(".*"))


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet=st.characters(codec="utf-8")))
@example("\\x20")
@example("'=1")
@example("\ufeffx")
@example("\u2028=1")
def test_written_texts_are_one_safe_line_and_can_be_restored(text: str) -> None:
    for ascii_only in (False, True):
        written = neutralise(escape(text, ascii_only=ascii_only))
        assert unescape(restore(written)) == text
        assert len(written.splitlines()) <= 1
        assert written == written.strip()
        assert not written.startswith(FORMULA_STARTS)
        assert not ascii_only or written.isascii()


def test_signs_of_sentences_have_an_ascii_spelling_in_headers():
    said = ascii_signs("The network sees the central 32×32 pixels, 6.4″ across, of these · all.")
    assert escape(said, ascii_only=True) == (
        "The network sees the central 32x32 pixels, 6.4 arcsec across, of these, all."
    )
