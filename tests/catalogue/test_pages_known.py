"""Known lenses, finder charts and SAMP on the pages, run by Streamlit's own test harness."""

import csv
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from lensapp.core.catalogue.cutout_export_spec import CutoutExportSpec
from lensapp.core.catalogue.query import CatalogueQuery
from lensapp.services.catalogue.cutouts.export import start_cutout_export
from lensapp.services.catalogue.query import select
from lensapp.services.catalogue.usual_export import usual_export
from lensapp.services.data import known_lenses
from lensapp.services.data.known_lenses import (
    filter_kept_lenses,
    keep_known_lenses,
    kept_known_lenses,
)
from lensapp.storage import datasets, queue, runs, sources
from lensapp.storage.scores import stored_scores
from lensapp.storage.workspace import Workspace
from lensapp.worker import run_job
from support.pages_workspace import full_workspace, open_page, sheets_of


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A scored survey, and a table of known lenses at the positions of all its candidates."""
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:{(tmp_path / 'none.samp').as_uri()}")
    ws = full_workspace(tmp_path / "workspace")
    source = sources.get_source(ws.database, "sky")
    columns = sources.cutout_columns(ws.database, [source.id], columns=("candidate_id", "ra_deg", "dec_deg"))
    cells = [columns[name].tolist()[:5] for name in ("candidate_id", "ra_deg", "dec_deg")]
    rows = [f"{name},{ra},{dec}" for name, ra, dec in zip(*cells, strict=True)]
    (tmp_path / "known.csv").write_text("\n".join(["name,ra,dec", *rows]), "utf-8")
    keep_known_lenses(ws, tmp_path / "known.csv")
    return ws


def test_the_score_page_tells_the_recall_of_known_lenses(ws: Workspace) -> None:
    assert ws.database
    page = open_page("score", run="elu_cnn-1", source="sky")
    page.toggle(key="score-known").set_value(True).run()
    assert not page.exception
    [told] = [text.value for text in page.markdown if "of 5** known lenses score at least 0.5" in text.value]
    run, source = runs.get_run(ws.database, "elu_cnn-1"), sources.get_source(ws.database, "sky")
    scores = stored_scores.scores_of(ws, run.id, source.id)[1]
    reached = sum(score >= 0.5 for score in scores.tolist())
    assert f"So do {reached} of all {len(scores)} cutouts scored" in told


def test_one_switch_on_the_split_page_leaves_known_lenses_out(ws: Workspace) -> None:
    page = open_page("split", source="sky")
    page.toggle(key="split-without-known").set_value(True).run()
    page.text_input(key="split-name").input("clean").run()
    next(button for button in page.button if button.label.startswith("Freeze")).click().run()
    assert not page.exception
    cut = datasets.get_dataset(ws.database, "clean").spec["known_lenses"]
    assert (cut["file"], cut["lenses"], cut["radius_arcsec"]) == ("known.csv", 5, 2.0)
    assert cut["left_out"] > 0


def test_without_a_hub_the_catalogue_page_says_what_to_start(ws: Workspace) -> None:
    assert ws.database
    page = open_page("catalogue", source="sky", view="export")
    page.button(key="export-samp").click().run()
    assert not page.exception
    assert any("Start TOPCAT or Aladin" in error.value for error in page.error)
    assert not any(".)" in error.value for error in page.error)


def test_a_corrected_table_of_known_lenses_is_taken_and_its_warnings_are_shown(ws: Workspace) -> None:
    page = open_page("catalogue", source="sky")
    tables = (b"name,x_sky,y_sky\nL1,10.0,2.0\n", b"name,x_sky,y_sky\nL1,150.25,2.5\nL2,33,4\nL3,,\n")
    page.text_input(key="catalogue-known-ra").set_value("x_sky")
    page.text_input(key="catalogue-known-dec").set_value("y_sky")
    for table, places in zip(tables, ([10.0], [150.25, 33.0]), strict=True):
        page.file_uploader(key="catalogue-known-file").set_value(("known.csv", table, "text/csv")).run()
        assert not page.exception
        kept = kept_known_lenses(ws)
        assert kept is not None
        assert kept.ra_deg.tolist() == places
    told = "2 known lenses of known.csv, which has 3 rows: 1 without a position."
    assert told in [text.value for text in page.caption]
    assert any("1 of 3 rows" in warning.value for warning in page.warning)


def test_a_page_shows_the_filters_that_a_colleague_has_set_and_leaves_them(ws: Workspace) -> None:
    graded = b"name,ra,dec,grade\nL1,10,2,A\nL2,20,2,B\nL3,30,2,C\n"
    page = open_page("catalogue", source="sky")
    page.file_uploader(key="catalogue-known-file").set_value(("graded.csv", graded, "text/csv")).run()
    page.multiselect(key="catalogue-known-grades").set_value(["A"]).run()
    known = kept_known_lenses(ws)
    assert known is not None
    assert known.table.grades == ("A",)
    filter_kept_lenses(ws, grades=["B", "C"])
    page.run()
    known = kept_known_lenses(ws)
    assert known is not None
    assert known.table.grades == ("B", "C")
    assert page.multiselect(key="catalogue-known-grades").value == ["B", "C"]
    assert not page.exception


def test_the_catalogue_uses_the_table_that_the_workspace_keeps_until_it_is_left_out(ws: Workspace) -> None:
    address: dict[str, Any] = {"source": "sky", "grades": ["A", "B", "C", "X", "none"]}
    page = open_page("catalogue", **address)  # nobody uploaded one in this session
    assert not page.exception
    assert known_label(page) == "Known lenses · 5"
    assert any("5 matched with a known lens" in one.value for one in page.caption)
    assert (page.dataframe[0].value["known_lens"].dropna() != "").sum() == 5
    page = open_page("catalogue", **address, form="cutouts")
    captions = [item[2] for sheet in sheets_of(page).values() for item in sheet["items"]]
    assert sum("\nknown: " in caption for caption in captions) == 5
    page = open_page("catalogue", **address, view="export")
    assert any("Matched with known.csv within 2 arcsec." in one.value for one in page.caption)
    page.toggle(key="catalogue-known-matched").set_value(False).run()
    assert not page.exception
    assert page.query_params["known_lenses"] == "0"
    assert known_label(page) == "Known lenses · 5, left out"
    assert any("Not matched with known lenses." in one.value for one in page.caption)
    page = open_page("catalogue", **address, known_lenses="0")
    assert known_label(page) == "Known lenses · 5, left out"
    assert not any("matched with a known lens" in one.value for one in page.caption)
    assert kept_known_lenses(ws) is not None


def test_the_button_counts_what_an_upload_and_a_filter_leave(ws: Workspace) -> None:
    assert ws.database
    graded = b"name,ra,dec,grade\nL1,10,2,A\nL2,20,2,B\nL3,30,2,C\n"
    page = open_page("catalogue", source="sky")
    page.file_uploader(key="catalogue-known-file").set_value(("graded.csv", graded, "text/csv")).run()
    assert known_label(page) == "Known lenses · 3"
    page.multiselect(key="catalogue-known-grades").set_value(["A"]).run()
    assert known_label(page) == "Known lenses · 1"


def test_the_export_of_the_next_step_is_matched_with_the_kept_table(ws: Workspace) -> None:
    written = usual_export(ws, {"source": "sky"}, "sky.csv").decode()
    names = [row["known_lens"] for row in csv.DictReader(written.splitlines())]
    assert any(names)


def known_label(page: AppTest) -> str:
    """Return what stands on the button of known lenses."""
    labels = [block.proto.popover.label for block in page.get("popover")]
    return next(label for label in labels if label.startswith("Known lenses"))


def test_the_cutouts_of_a_queued_export_are_matched_with_the_table_of_then(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_lenses, "READ_SECONDS", -1)
    table = kept_known_lenses(ws)
    assert table is not None
    query = CatalogueQuery(of=("sky",), **table.table.for_query())
    queued = [
        start_cutout_export(ws, query, CutoutExportSpec(), out=tmp_path / f"{name}.npz") for name in "ab"
    ]
    (tmp_path / "known.csv").write_text("name,ra,dec\nelsewhere,200,-80\n", "utf-8")
    keep_known_lenses(ws, tmp_path / "known.csv")
    assert not Path(table.table.file).exists()
    for job in queued:
        assert run_job(ws, queue.claim_job(ws.database, worker="w", job_id=job.id)).state == "done"
        chosen = select(ws, CatalogueQuery.parse(job.payload["query"]))
        assert chosen.known is not None
        assert (len(chosen.known), chosen.known.file) == (5, "known.csv")
    kept = kept_known_lenses(ws)
    assert kept is not None
    start_cutout_export(
        ws, query.replaced(known_lenses=kept.table.file), CutoutExportSpec(), out=tmp_path / "c.npz"
    )
    assert not Path(queued[0].payload["query"]["known_lenses"]).exists(), "no job is to read it any longer"
