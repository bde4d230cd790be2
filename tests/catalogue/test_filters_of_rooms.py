"""One filter holds in reviews, dataset versions, exports and on pages, and stands in what they keep."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from lensapp.cli import main
from lensapp.services.inspect.gallery import open_review
from lensapp.storage import datasets, reviews, sources
from lensapp.storage.records import Review
from lensapp.storage.workspace import Workspace
from support.pages_workspace import COUNT, full_workspace, open_page, sheets_of

WHERE = "seeing_arcsec < 0.6"  # rows 0 to 9
ROWS = list(range(10))


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return full_workspace(tmp_path_factory.mktemp("rooms"))


@pytest.fixture(autouse=True)
def in_workspace(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(ws.folder))


def called(capsys: pytest.CaptureFixture[str], *words: object) -> dict:
    capsys.readouterr()
    assert main([*map(str, words), "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def shown(ws: Workspace, name: str) -> tuple[Review, list[int]]:
    review = reviews.get_review(ws.database, name)
    queue = reviews.queue_of(ws.database, review.id).tolist()
    return review, [int(one.candidate_id[1:]) for one in sources.get_cutouts(ws.database, queue)]


def test_a_review_shows_what_fulfils_its_filter_and_keeps_it(ws, capsys):
    words = ("review", "good", "sky", "--run", "elu_cnn-1", "--where", f"{WHERE} & score < 0.9")
    called(capsys, *words)
    review, rows = shown(ws, "good")
    score = np.linspace(0.99, 0.01, COUNT)
    assert rows == [row for row in ROWS if score[row] < 0.9]
    assert review.spec["where"] == f"{WHERE} & score < 0.9"
    assert main([*words[:1], "bad", *words[2:5], "--where", "seing_arcsec < 1"]) == 2
    assert "Did you mean seeing_arcsec?" in capsys.readouterr().err
    assert main([*words[:1], "bad", *words[2:5], "--where", "seeing_arcsec < 0"]) == 2
    assert "and the filter seeing_arcsec < 0" in capsys.readouterr().err


def test_a_review_is_ordered_by_a_column_and_shows_columns_even_of_blind_tests(ws, capsys):
    words = (
        "--order",
        "column",
        "--sort-by",
        "seeing_arcsec",
        "--highest-first",
        1,
        "--limit",
        8,
        "--where",
        WHERE,
    )
    called(capsys, "review", "turned", "sky", *words, "--columns", "seeing_arcsec,absent", "--repeats", 0.25)
    review, _ = shown(ws, "turned")
    queue = reviews.queue_of(ws.database, review.id).tolist()
    tests = {test.cutout_id for test in reviews.blind_tests_of(ws.database, [review.id])}
    own = [one.candidate_id for one in sources.get_cutouts(ws.database, queue) if one.id not in tests]
    assert own == [f"J{row:04d}" for row in ROWS[:1:-1]]
    assert len(queue) == 10
    opened = open_review(ws, review.id)
    facts = opened.facts(opened.shown_ids(queue))
    assert all(one["columns"][1] == ("absent", None, "") for one in facts)
    assert {round(one["columns"][0][1], 2) for one in facts} == {
        round(0.5 + row / 100, 2) for row in ROWS[2:]
    }
    assert main(["review", "unsorted", "sky", "--order", "column"]) == 2
    assert "needs a column" in capsys.readouterr().err


def test_a_dataset_version_takes_what_fulfils_its_filter_and_keeps_it(ws, capsys):
    called(
        capsys,
        "split",
        "sky",
        "--name",
        "narrow",
        "--where",
        "seeing_arcsec < 0.8",
        "--near-duplicate-bits",
        0,
    )
    dataset = datasets.get_dataset(ws.database, "narrow")
    names = datasets.member_columns(ws.database, dataset.id)["candidate_id"]
    assert sorted(names) == [f"J{row:04d}" for row in range(30)]
    assert dataset.spec["split"]["where"] == "seeing_arcsec < 0.8"


def test_an_export_holds_what_fulfils_its_filter_and_says_so(ws, tmp_path: Path, capsys):
    out = tmp_path / "out.csv"
    where = f'{WHERE} & (votes >= 2 | label == "lens") & grade != "X"'
    called(capsys, "export", "sky", "--run", "elu_cnn-1", "--out", out, "--where", where)
    # Two votes each on rows 0 to 5, the last two X; of row 8, a lens, the grade is unknown.
    assert [row["id"] for row in csv.DictReader(out.open())] == ["J0000", "J0001", "J0002", "J0003"]
    provenance = json.loads(out.with_name("out_provenance.json").read_text())
    assert f"where = {where}" in provenance["filters"]


def filtered(page: str, where: str, **address: str) -> AppTest:
    return open_page(page, where=where, **address)


def test_pages_show_what_fulfils_the_filter_of_the_address(ws):
    score = filtered("score", WHERE, source="sky", run="elu_cnn-1")
    assert any(
        "28 of 40 were trained or validated on" in one.value and "10 by elu_cnn-1" in one.value
        for one in score.caption
    )
    labels = [one.label for one in score.button]
    assert "Review the top 4" in labels  # of the 10, 6 are graded; not "so far": all are scored
    data = filtered("data", "seeing_arcsec > 0.845", source="sky", view="catalogue")
    assert any(one.value.startswith("5 of 40 candidates") for one in data.caption)
    assert data.dataframe[0].value["seeing_arcsec"].tolist() == pytest.approx([0.85, 0.86, 0.87, 0.88, 0.89])
    catalogue = filtered("catalogue", "mean >= 2.5", source="sky")
    assert any(one.value.startswith("2 candidates") for one in catalogue.caption)


@pytest.mark.parametrize("page", ["score", "data", "catalogue"])
def test_pages_name_the_column_that_there_is_not(ws, page):
    app = filtered(page, "seing_arcsec < 1", source="sky")
    assert any("Did you mean seeing_arcsec" in one.value for one in app.error)


def test_cutouts_are_sorted_by_a_column(ws):
    app = filtered("data", WHERE, source="sky")
    app.segmented_control(key="order").set_value("column").run()
    app.selectbox(key="by").set_value("seeing_arcsec").run()
    app.toggle(key="highest").set_value(True).run()
    assert not app.exception
    [sheet] = sheets_of(app).values()
    hints = [hint for _, _, _, hint, _ in sheet["items"]]
    assert [hint.split()[0] for hint in hints[:2]] == ["J0009", "J0008"]
    assert not [hint for hint in hints if "J0010" in hint]
    assert "seeing (arcsec): 0.59" in hints[0]
    assert [caption for _, _, caption, _, _ in sheet["items"]][:2] == ["J0009\n0.59", "J0008\n0.58"]
