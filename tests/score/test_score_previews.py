"""Before scores are imported: what a table holds, what would come of it, and how the page says so."""

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from streamlit.testing.v1 import AppTest

from lensapp import jobs
from lensapp.cli.running import finish_here
from lensapp.core.errors import InvalidInput, NotAllowed
from lensapp.core.score.score_table_spec import ScoreTableSpec
from lensapp.ingest import score_tables
from lensapp.ingest.score_tables import look_at_scores
from lensapp.services.data.import_paths import keep_table, recent_paths
from lensapp.services.score import score_previews
from lensapp.services.score.score_imports import free_name, import_scores, start_score_import
from lensapp.services.score.score_previews import BY_POSITION, count_scores, look_at_table, usual_ids
from lensapp.storage import runs, sources
from lensapp.storage.care.inventory import uploads_of
from lensapp.storage.care.trail import read_trail
from lensapp.storage.care.trash import Item
from lensapp.storage.workspace import Workspace
from support.pages_workspace import open_page
from support.small_surveys import pack_source

COUNT = 12
ARCSEC = 1 / 3600
JOINED = ("rows", "joined", "unknown", "without_key", "farther", "duplicates")


class Sent:
    def __init__(self, name: str, content: bytes) -> None:
        self.name, self.content = name, content

    def getvalue(self) -> bytes:
        return self.content


@pytest.fixture
def ws(workspace: Workspace) -> Workspace:
    cutouts = [
        {"row": k, "candidate_id": f"J{k:03d}", "ra_deg": 10.0 + k / 100, "dec_deg": 1.0}
        for k in range(COUNT)
    ]
    pixels = np.random.default_rng(0).normal(size=(COUNT, 8, 8, 3)).astype(np.float32)
    pack_source(workspace, "sky", pixels, cutouts)
    pack_source(
        workspace, "bare", pixels[:4], [one | {"candidate_id": f"B{one['row']}"} for one in cutouts[:4]]
    )
    return workspace


def table(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def small(folder: Path) -> Path:
    """Two rows of one cutout, one row of none, one without an ID, one whose score is no number."""
    return table(
        folder / "theirs.csv",
        "object_id,ra,dec,p_lens,comment",
        "J000,10.0,1.0,0.90,a", "J000,10.0,1.0,0.80,b", "J001,10.01,1.0,0.01,c",
        "X9,50.0,1.0,0.50,d", ",50.0,1.0,0.40,e", "J002,10.02,1.0,nan,f",
    )  # fmt: skip


def test_the_columns_of_ids_positions_and_scores_are_recognised(tmp_path):
    look = look_at_scores(small(tmp_path))
    assert (look.rows, look.read, look.id_column) == (6, 6, "object_id")
    assert (look.position_columns, look.score_columns) == (("ra", "dec"), ("p_lens",))
    assert (look.numbers["p_lens"].low, look.numbers["p_lens"].high) == (0.01, 0.9)
    assert look.first["p_lens"][0] == "0.90"
    assert "comment" not in look.numbers


@pytest.mark.parametrize("name", ["t.fits", "t.ecsv", "t.vot", "t.parquet", "t.csv"])
def test_tables_of_every_format_are_looked_at_alike(tmp_path, name):
    path = tmp_path / name
    made = Table({"id": ["J000", "J001"], "network_score": [0.25, 0.75]})
    made.write(path, **({"format": "votable"} if name.endswith("vot") else {}))
    look = look_at_scores(path)
    assert (look.rows, look.id_column, look.score_columns) == (2, "id", ("network_score",))
    assert look.numbers["network_score"].high == 0.75


@pytest.mark.parametrize(
    ("header", "cells", "found"),
    [
        ("id,lensness,z", "J0,0.3,0.2", ("lensness",)),
        ("id,prob_lens,prob_ring", "J0,0.3,0.2", ("prob_lens", "prob_ring")),
        ("id,vit,mag_g", "J0,0.3,21.5", ("vit",)),  # the one column of fractions
        ("id,vit,other", "J0,0.3,0.2", ()),  # either may be it
        ("id,is_lens,mag_g", "J0,1,21.5", ()),  # a label is no score
        ("id,phase,mag_g", "J0,2.5,21.5", ()),
    ],
)
def test_columns_of_scores_are_known_by_their_names_or_as_the_one_of_fractions(
    tmp_path, header, cells, found
):
    second = cells.replace("J0", "J1").replace("0.3", "0.4").replace("0.2", "0.5").replace(",1,", ",0,")
    assert look_at_scores(table(tmp_path / "t.csv", header, cells, second)).score_columns == found


def test_a_number_that_stands_for_no_score_is_recognised(tmp_path):
    lines = [f"J{k},{0.1 * k:.1f}" for k in range(1, 9)]
    told = look_at_scores(table(tmp_path / "t.csv", "id,score", *lines, "J9,-99")).numbers["score"]
    assert (told.low, told.high, told.none, told.outside) == (0.1, 0.8, -99.0, False)


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.fits"])
def test_of_a_large_table_the_first_rows_are_read(tmp_path, monkeypatch, name):
    monkeypatch.setattr(score_tables, "HEAD_ROWS", 50)
    rows = 50_001 if name != "t.fits" else 120
    ids = [f"J{k:03d}" for k in range(rows)]
    Table({"id": ids, "score": np.linspace(0, 1, rows)}).write(tmp_path / name)
    look = look_at_scores(tmp_path / name)
    assert (look.rows, look.read) == (rows, 50)
    assert look.numbers["score"].high == pytest.approx(49 / (rows - 1))


def test_what_is_counted_before_is_what_the_import_then_counts(ws, tmp_path):
    file, sky = small(tmp_path), sources.get_source(ws.database, "sky")
    spec = ScoreTableSpec(scores=("p_lens",), join="id", id_column="object_id")
    count = count_scores(ws, file=file, source=sky, spec=spec)
    assert [getattr(count, name) for name in JOINED] == [6, 4, 1, 1, 0, 1]
    column = count.columns[0]
    assert (column.scored, column.low, column.high, column.no_number) == (2, 0.01, 0.9, 1)
    assert (count.cutouts, count.whole, runs.list_runs(ws.database)) == (COUNT, True, [])
    found = import_scores(ws, file=str(file), source_name="sky", names=["r"], dataset=None, spec=spec)
    assert [found[name] for name in ("unknown", "without_key", "farther", "duplicates")] == [1, 1, 0, 1]
    assert (found["runs"][0]["scored"], found["runs"][0]["no_number"]) == (2, 1)


def test_rows_joined_by_position_are_counted_too(ws, tmp_path):
    file = table(
        tmp_path / "places.csv", "ra,dec,score",
        f"10.0,{1 + 0.4 * ARCSEC},0.2", f"10.0,{1 + 0.2 * ARCSEC},0.3", "50,1,0.4", ",,0.5",
    )  # fmt: skip
    sky = sources.get_source(ws.database, "sky")
    count = count_scores(ws, file=file, source=sky, spec=ScoreTableSpec(scores=("score",), join="position"))
    assert [getattr(count, name) for name in JOINED] == [4, 1, 1, 1, 1, 0]
    assert count.columns[0].scored == 1


def test_of_a_large_table_the_first_rows_are_counted_unless_all_are_asked_for(ws, tmp_path, monkeypatch):
    monkeypatch.setattr(score_previews, "COUNTED_ROWS", 1000)
    lines = [f"J{k:03d},0.5" for k in range(50_001)]
    file, sky = table(tmp_path / "t.csv", "id,score", *lines), sources.get_source(ws.database, "sky")
    spec = ScoreTableSpec(scores=("score",), join="id", id_column="id")
    first = count_scores(ws, file=file, source=sky, spec=spec)
    assert (first.rows, first.whole, first.joined, first.unknown) == (1000, False, COUNT, 1000 - COUNT)
    whole = count_scores(ws, file=file, source=sky, spec=spec, whole=True)
    assert (whole.rows, whole.whole, whole.unknown) == (50_001, True, 50_001 - COUNT)


def test_values_outside_0_to_1_are_counted_and_a_table_that_changed_is_read_again(ws, tmp_path):
    file, sky = (
        table(tmp_path / "t.csv", "id,logit", "J000,-8.5", "J001,0.5"),
        sources.get_source(ws.database, "sky"),
    )
    spec = ScoreTableSpec(scores=("logit",), join="id", id_column="id", scale="logistic")
    assert count_scores(ws, file=file, source=sky, spec=spec).columns[0].outside == 1
    table(file, "id,logit", "J000,-8.5", "J001,1.5", "J002,2.5")
    os.utime(file, (1, 1))
    again = count_scores(ws, file=file, source=sky, spec=spec)
    assert (again.rows, again.columns[0].outside, again.columns[0].low) == (3, 3, -8.5)


@pytest.mark.parametrize(
    ("header", "cells", "column"),
    [
        ("object_id,tile", "J000,7", "object_id"),
        ("id,survey_id", "1,J003", "survey_id"),  # which holds those of the source
        ("id,ra,dec", "1,10.0,1.0", BY_POSITION),
        ("id,flux", "1,10.0", "id"),
        ("ra,dec,flux", "10.0,1.0,2", BY_POSITION),
    ],
)
def test_ids_are_those_that_the_source_has(ws, tmp_path, header, cells, column):
    file = table(tmp_path / "t.csv", header, cells)
    assert usual_ids(ws, file, sources.get_source(ws.database, "sky")) == column


def test_tables_outside_the_folders_that_may_be_read_are_refused_and_those_sent_are_not(
    ws, tmp_path, monkeypatch
):
    file = small(tmp_path)
    kept = keep_table(ws, Sent("../theirs.csv", file.read_bytes()))
    (tmp_path / "root").mkdir()
    monkeypatch.setenv("LENSAPP_IMPORT_ROOTS", str(tmp_path / "root"))
    with pytest.raises(NotAllowed, match="outside the folders that may be read"):
        look_at_table(ws, file)
    assert kept == ws.folder / "uploads" / "theirs" / "theirs.csv"
    assert look_at_table(ws, kept).rows == 6
    spec = ScoreTableSpec(scores=("p_lens",), join="id", id_column="object_id")
    start_score_import(ws, file=kept, source_name="sky", spec=spec)
    assert recent_paths(ws, "tables") == [str(kept)]
    assert recent_paths(ws) == []


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (Sent("scores.exe", b"1"), "scores.exe is no table. Send a file of CSV"),
        (Sent("scores.csv", b""), "scores.csv is empty"),
        (Sent("scores.csv", b"123"), "This file has .* Copy it to a folder"),
    ],
)
def test_a_table_that_cannot_be_taken_is_refused_and_nothing_is_written(ws, monkeypatch, sent, words):
    monkeypatch.setattr("lensapp.services.data.import_paths.LARGEST_UPLOAD", 2)
    with pytest.raises(InvalidInput, match=words):
        keep_table(ws, sent)
    assert not (ws.folder / "uploads").exists()


def test_a_table_that_was_sent_stands_in_the_trail_and_goes_with_the_last_run_read_from_it(ws, tmp_path):
    kept = keep_table(ws, Sent("theirs.csv", small(tmp_path).read_bytes()))
    row = read_trail(ws.database, limit=1)[0]
    assert (row["did"], row["kind"], row["name"]) == ("sent", "table", "theirs.csv")
    spec = ScoreTableSpec(scores=("p_lens",), join="id", id_column="object_id")
    for name in ("one", "two"):
        import_scores(ws, file=str(kept.resolve()), source_name="sky", names=[name], dataset=None, spec=spec)
    items = [Item("run", runs.get_run(ws.database, name).id, name) for name in ("one", "two")]
    assert uploads_of(ws, items[:1]) == []
    assert uploads_of(ws, items) == [kept.parent]


def opened(**address: str) -> AppTest:
    app = open_page("score", patience=60, **({"source": "sky"} | address))
    assert not app.exception, app.exception
    return app


def said(app: AppTest) -> str:
    return "\n".join(str(one.value) for one in (*app.markdown, *app.caption, *app.warning, *app.info))


def test_the_page_says_what_it_recognised_and_what_an_import_would_give(ws, tmp_path):
    app = opened(table=str(small(tmp_path)))
    text = said(app)
    assert "**6 rows** in theirs.csv" in text
    assert "4 are" in text
    assert "from 0.01 to 0.9" in text
    assert "**2** of the 12 cutouts of sky get a score, 10 stay without one." in text
    assert "1 not of this source, 1 without an ID" in text
    preview = next(one.value for one in app.dataframe if "comment" in one.value)
    assert list(preview.columns) == ["object_id", "p_lens", "ra", "dec", "comment"]
    assert app.button(key="import-scores-start").label == "Import 2 scores"
    assert not any(str(tmp_path) in str(one.key) for one in (*app.button, *app.text_input, *app.multiselect))


def test_what_is_chosen_of_a_table_is_in_the_address_and_another_table_begins_anew(ws, tmp_path):
    file = table(
        tmp_path / "page.csv", "object_id,chance,badness", "J000,0.9,0.2", "J000,0.8,0.3", "X,0.1,0.1"
    )
    app = opened()
    app.text_input(key="import-scores-path").set_value(str(file)).run()
    assert app.multiselect(key="table_scores").value == []  # either may be it
    assert "Which columns hold scores?" in said(app)
    app.multiselect(key="table_scores").set_value(["badness"]).run()
    app.toggle(key="table_low").set_value(True).run()
    app = opened(**app.query_params)
    assert app.text_input(key="import-scores-path").value == str(file)
    assert app.multiselect(key="table_scores").value == ["badness"]
    assert app.toggle(key="table_low").value
    app.button(key="import-scores-start").click().run()
    assert not app.exception
    assert app.text_input(key="import-scores-path").value == ""
    assert not [name for name in app.query_params if name.startswith("table")]
    assert next(one for one in app.expander if "Import scores" in one.label).proto.expanded
    finish_here(ws, jobs.latest_job(ws.database, "import-scores", source="sky"))
    told = next(one.value for one in opened(run="page").markdown if "rows, joined by" in one.value)
    assert "3 rows, joined by ID: 1 not of this source, 1 doubled" in told


def test_the_page_asks_how_values_outside_0_to_1_are_read_and_imports_none_before(ws, tmp_path):
    app = opened(table=str(table(tmp_path / "t.csv", "id,logit", "J000,-8.5", "J001,0.5")))
    assert "1 value of logit outside 0–1 (−8.5 to 0.5): say what they are" in said(app)
    assert app.button(key="import-scores-start").disabled
    next(one for one in app.selectbox if one.label == "Values outside 0–1").set_value("logistic").run()
    assert not app.button(key="import-scores-start").disabled
    app.button(key="import-scores-start").click().run()
    assert jobs.active(ws.database)[0].payload["spec"]["scale"] == "logistic"


def test_a_table_that_was_imported_already_gets_a_name_of_its_own(ws, tmp_path):
    file, spec = small(tmp_path), ScoreTableSpec(scores=("p_lens",), join="id", id_column="object_id")
    for expected in ("theirs", "theirs-2"):
        name = free_name(ws, spec.scores, file=file)
        assert name == expected
        import_scores(ws, file=str(file), source_name="sky", names=[name], dataset=None, spec=spec)
    app = opened(table=str(file))
    assert app.text_input(
        key=next(o.key for o in app.text_input if o.label == "Name of the run")
    ).placeholder == ("theirs-3")
    app.button(key="import-scores-start").click().run()
    assert jobs.active(ws.database)[0].payload["names"] == ["theirs-3"]
    long = table(tmp_path / f"{'a' * 120}.csv", "object_id,p", "J000,0.5")
    assert free_name(ws, ("p",), file=long) == "a" * 50


def test_another_source_is_chosen_in_the_sentence(ws, tmp_path):
    app = opened(table=str(table(tmp_path / "t.csv", "id,score", "B1,0.5", "B2,0.25")))
    [refused] = [one.value for one in app.error if "have no ID in common" in one.value]
    assert (
        "Name the column of IDs with “IDs in id”, or join by position with “IDs in id”: position" in refused
    )
    app.selectbox(key="table_source").set_value("bare").run()
    assert "**2** of the 4 cutouts of bare get a score" in said(app)


def test_a_table_is_browsed_to(ws, tmp_path, monkeypatch):
    (tmp_path / "root" / "deep").mkdir(parents=True)
    small(tmp_path / "root" / "deep")
    (tmp_path / "root" / "deep" / "stack.npy").write_bytes(b"")
    monkeypatch.setenv("LENSAPP_IMPORT_ROOTS", str(tmp_path / "root"))
    app = opened()
    app.button_group(key="import-scores-way").set_value("browse").run()
    next(one for one in app.button if one.label.startswith("**deep**  :gray[1 table")).click().run()
    assert not any("stack.npy" in one.label for one in app.button)
    next(one for one in app.button if one.label.startswith("theirs.csv")).click().run()
    assert "**6 rows** in theirs.csv" in said(app)


def test_a_file_that_is_no_table_is_refused_where_it_was_chosen(ws, tmp_path):
    app = opened(table=str(table(tmp_path / "t.pdf", "nothing")))
    assert "no table in a known format" in app.error[0].value
    assert not any(one.key == "import-scores-start" for one in app.button)
