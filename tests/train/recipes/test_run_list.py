"""The list of runs: searched, starred, archived, folds under their study, deleted and brought back."""

from dataclasses import replace
from pathlib import Path

import pytest

from lensapp.core.train.study_spec import KfoldSpec
from lensapp.services.train import runs as run_service
from lensapp.services.train import studies as study_service
from lensapp.services.train.run_listing import best_rows, few_aurocs, listed, origin_of, study_of_runs
from lensapp.services.train.run_notes import ARCHIVED, STARRED, annotate_run, switch_tag
from lensapp.storage import datasets, runs
from lensapp.storage.care.trail import read_trail
from lensapp.storage.workspace import Workspace
from support.pages_workspace import full_workspace, open_page


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    folder = tmp_path / "workspace"
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(folder))
    ws = full_workspace(folder)
    study_service.start_kfold(ws, dataset_name="sky-v1", spec=KfoldSpec(folds=3), name="cv")
    return ws


def test_folds_are_one_line_under_their_study_until_they_are_asked_for(ws: Workspace):
    statuses, study_by_run = run_service.list_statuses(ws), study_of_runs(ws)
    rows = listed(statuses, study_by_run)
    assert [(row.name, row.study, len(row.statuses)) for row in rows] == [
        ("cv", True, 3),
        ("elu_cnn-2", False, 1),
        ("elu_cnn-1", False, 1),
    ]
    assert len(listed(statuses, study_by_run, unfolded=True)) == 5
    assert [row.name for row in listed(statuses, study_by_run, words="CV sky")] == ["cv"]


def test_stars_and_the_archive_are_tags_that_lists_know(ws: Workspace):
    annotate_run(ws, "elu_cnn-1", tags=["paper"], note="for Ada")
    annotate_run(ws, "elu_cnn-1", tags=["paper"], note="for Ada")  # the same again is no change
    told = [(row["did"], row["detail"]) for row in read_trail(ws.database, limit=2, name="elu_cnn-1")]
    assert told == [("tagged", "paper"), ("wrote a note on", "")]
    assert switch_tag(ws, ["elu_cnn-1", "elu_cnn-2"], STARRED)
    assert switch_tag(ws, ["elu_cnn-2"], ARCHIVED)
    statuses, study_by_run = run_service.list_statuses(ws), study_of_runs(ws)
    assert [row.name for row in listed(statuses, study_by_run, only_starred=True)] == ["elu_cnn-1"]
    both = listed(statuses, study_by_run, only_starred=True, archived=True)
    assert [row.name for row in both] == ["elu_cnn-2", "elu_cnn-1"]
    assert [row.name for row in listed(statuses, study_by_run, words="ada PAPER")] == ["elu_cnn-1"]
    assert not switch_tag(ws, ["elu_cnn-1"], STARRED)
    assert runs.get_run(ws.database, "elu_cnn-1").tags == ["paper"]


def test_a_run_that_was_not_trained_here_does_not_look_trained(ws: Workspace):
    [dataset] = datasets.list_datasets(ws.database)
    made = runs.create_run(ws.database, name="theirs", dataset_id=dataset.id, model="external", spec={})
    runs.update_run(ws.database, made.id, state="finished")
    assert origin_of(run_service.run_status(ws, "theirs")) == "imported scores"
    assert origin_of(run_service.run_status(ws, "elu_cnn-1")) == "finished"


def test_an_auroc_of_few_cutouts_stands_with_its_limits(ws: Workspace):
    [dataset] = datasets.list_datasets(ws.database)
    run = runs.get_run(ws.database, "elu_cnn-1")
    best = {"val_auc": 0.91234, "val_auc_low": 0.71, "val_auc_high": 0.99}
    tested = {"auroc": 0.95678, "n": 100, "n_positive": 30}
    one = replace(run, summary={"best": best}, evaluation=tested)
    few = {"validation": {"lens": 29, "nonlens": 400}}
    assert few_aurocs(one, replace(dataset, counts=few)) == {"validation AUROC": "0.91 (0.71–0.99)"}
    enough = {"validation": {"lens": 30, "nonlens": 30}}
    assert few_aurocs(one, replace(dataset, counts=enough)) == {}
    fewer = replace(one, evaluation=tested | {"n": 59})  # 29 non-lenses, and no limits are stored
    assert few_aurocs(fewer, replace(dataset, counts=enough)) == {"test AUROC": "≈ 0.96"}


def test_the_best_of_a_column_is_marked_where_there_is_a_choice():
    assert best_rows([0.3, None, 0.1, 0.1], "low") == [False, False, True, True]
    assert best_rows([0.3, 0.9], "high") == [False, True]
    assert best_rows([0.3, None], "low") == [False, False]


def test_the_page_stars_deletes_and_brings_back_the_ticked_run(ws: Workspace):
    page = open_page("train", run="elu_cnn-1", compare="elu_cnn-2")
    assert page.dataframe[-1].value["run"].tolist() == ["elu_cnn-2", "elu_cnn-1", "cv · study of 3 runs"]
    page.button(key="runs-starred").click().run()
    assert runs.get_run(ws.database, "elu_cnn-2").tags == [STARRED]
    page.button(key="runs-delete").click().run()
    assert not page.exception
    assert [run.name for run in runs.list_runs(ws.database) if run.name.startswith("elu")] == ["elu_cnn-1"]
    page.button(key="runs-undo").click().run()
    assert not page.exception
    assert runs.get_run(ws.database, "elu_cnn-2").tags == [STARRED]


def test_a_list_is_searched_by_its_address(ws: Workspace):
    page = open_page("train", run="elu_cnn-1", find="elu_cnn-2")
    assert page.dataframe[-1].value["run"].tolist() == ["elu_cnn-2"]
    page = open_page("train", run="elu_cnn-1", find="nothing like it")
    assert any("No run has all these words" in box.value for box in page.info)


def test_all_runs_stand_above_the_curves_of_those_ticked_without_a_form(ws: Workspace) -> None:
    page = open_page("train", run="elu_cnn-1", compare="elu_cnn-2", view="runs")
    assert not page.exception
    assert "train-start" not in {button.key for button in page.button}
    assert page.dataframe[0].value["run"].tolist()[:2] == ["elu_cnn-2", "elu_cnn-1"]
    page.button_group(key="train-view").set_value("new").run()
    assert page.query_params.get("view") is None
    assert page.query_params["compare"] in ("elu_cnn-2", ["elu_cnn-2"])
    assert page.button(key="train-start")
