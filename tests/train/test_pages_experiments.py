"""The page of cross-validations and searches, run by Streamlit's own test harness inside the frame."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from lensapp.core.evaluate.crossval import summarise
from lensapp.core.evaluate.metrics import measure
from lensapp.core.split.folds import DEVELOPMENT, Fold
from lensapp.core.train.search_space import parse_space
from lensapp.core.train.study_spec import KfoldSpec, SearchSpec
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.train import studies as study_service
from lensapp.services.train.study_figures import best_so_far
from lensapp.storage import datasets, queue, runs, sources, studies, tables
from lensapp.storage.evaluations import StoredEvaluation, save_evaluation
from lensapp.storage.records import Dataset, Study
from lensapp.storage.workspace import Workspace
from lensapp.ui.train import experiments_page
from lensapp.ui.train.experiments_page import other_version_in_words
from lensapp.ui.train.trials_told import may_end_early, trials_words
from support.pages_workspace import add_dataset, add_survey, drawn_charts, figures_of, open_page


def survey(folder: Path) -> tuple[Workspace, Dataset]:
    ws = Workspace.open(folder)
    return ws, add_dataset(ws, add_survey(ws))


def add_kfold(ws: Workspace, dataset: Dataset, *, measured: int) -> Study:
    """Start a cross-validation of three folds, of which some have been measured."""
    study, _ = study_service.start_kfold(ws, dataset_name=dataset.name, spec=KfoldSpec(folds=3), name="cv")
    rng, rows = np.random.default_rng(1), []
    for entry in study_service.members(ws, study)[:measured]:
        labels = np.arange(40) % 2 == 1
        scores = np.clip(0.3 + 0.3 * labels + rng.normal(0, 0.2, 40), 0, 1)[:, None].astype(np.float32)
        figures = measure(labels, scores[:, 0]).as_dict()
        save_evaluation(
            make_folder(ws, entry.run.name),
            "validation",
            StoredEvaluation(np.arange(40), labels, scores, figures),
        )
        studies.add_run(ws.database, study.id, entry.run.id, place=entry.place, info={"figures": figures})
        runs.put_metrics(ws.database, entry.run.id, 1, {"loss": 0.7, "val_loss": 0.6, "val_auc": 0.8})
        rows.append({"fold": entry.place, "run": entry.run.name} | figures)
    studies.update_study(ws.database, study.id, summary={"folds": rows} | summarise(rows))
    return study


def make_folder(ws: Workspace, run_name: str) -> Path:
    folder = ws.run_folder(run_name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def add_search(ws: Workspace, dataset: Dataset) -> Study:
    """Start a search of four trials that have ended and one that is under way."""
    training = TrainingSpec()
    space = parse_space("learning_rate,optimizer,network_options.filters", training)
    spec = SearchSpec(training=training, space=space)
    study, _ = study_service.start_search(ws, dataset_name=dataset.name, spec=spec, name="tune")
    states = ("complete", "pruned", "failed", "complete", "running")
    for place, state in enumerate(states, start=1):
        run = runs.create_run(
            ws.database,
            name=f"tune-trial{place}",
            dataset_id=dataset.id,
            model="elu_cnn",
            spec=training.saved(),
        )
        params = {"learning_rate": 10.0**-place, "optimizer": "sgd", "network_options.filters": 8 + place}
        info = {"state": state, "params": params, "value": None if state == "failed" else 1.0 / place}
        studies.add_run(ws.database, study.id, run.id, place=place, info=info)
    best = {"run": "tune-trial4", "trial": 4, "value": 0.25, "params": params}
    summary = {"complete": 2, "pruned": 1, "failed": 1, "figure": "val_loss", "best": best}
    summary |= {"importance": {"learning_rate": 0.8, "optimizer": 0.2}}
    studies.update_study(ws.database, study.id, summary=summary)
    return study


def test_an_empty_workspace_says_what_is_missing(folder: Path) -> None:
    page = open_page("experiments")
    assert any("No dataset to experiment on yet" in text.value for text in page.markdown)


def test_the_folds_of_a_cross_validation_to_come_are_drawn_with_their_counts(folder: Path) -> None:
    ws, dataset = survey(folder)
    dealt = study_service.fold_counts(ws, dataset.name, folds=4, seed=0)
    for number, counts in enumerate(dealt.folds, 1):
        held_out = datasets.part_members(ws.database, dataset.id, "validation", fold=Fold(number, 4))
        assert dict(counts) == dict(Counter(held_out["label"].tolist()))
    assert sum(sum(one.values()) for one in dealt.folds) == 28
    (figure,) = figures_of(open_page("experiments"))
    training, held_out, test = figure["data"]
    assert (len(training["y"]), len(held_out["y"]), len(test["y"])) == (20, 5, 5)
    assert sum(held_out["x"]) == 28


def test_a_cross_validation_is_drawn_with_its_folds_and_can_be_stopped_and_resumed(folder: Path) -> None:
    ws, dataset = survey(folder)
    add_kfold(ws, dataset, measured=2)
    page = open_page("experiments", study="cv")
    assert page.segmented_control(key="experiments-view").value == "kfold"
    titles = [text.value for text in page.markdown]
    assert "#### ROC of the folds" in titles
    assert len(figures_of(page)) == 2  # ROC band and thresholds
    curves = drawn_charts(page, "fold-curves")
    assert curves is not None
    assert [run["name"] for run in curves["runs"]] == ["fold 1", "fold 2"]
    table, together = (one.value for one in page.dataframe[:2])
    assert table["fold"].tolist() == ["fold 1", "fold 2", "fold 3"]
    assert [*table][-2:] == ["state", "run"]  # behind the figures, the long names last
    legends = [
        [one["name"] for one in drawn["data"] if one.get("showlegend", True)] for drawn in figures_of(page)
    ]
    assert legends[0][0] == "mean ± σ"  # the widest name gives all their width
    assert legends[1] == ["completeness", "false positive rate", "purity", "medians"]
    assert together["fold"].tolist() == ["mean", "median", "standard deviation"]  # no run to open, no boxes
    assert together["auroc"][0] == pytest.approx(table["auroc"][:2].mean())
    page.button(key="experiments-stop").click().run()
    assert study_service.study_status(ws, "cv").state == "stopped"
    page.button(key="experiments-resume").click().run()
    assert not page.exception
    assert study_service.study_status(ws, "cv").state == "queued"


def test_a_search_in_the_address_opens_its_view_and_points_to_the_best_run(folder: Path) -> None:
    ws, dataset = survey(folder)
    study = add_search(ws, dataset)
    trained = study_service.members(ws, study)[3].run
    runs.put_metrics(ws.database, trained.id, 1, {"loss": 0.7, "val_loss": 0.6})
    page = open_page("experiments", study="tune")
    assert page.segmented_control(key="experiments-view").value == "search"
    assert any("Best: **tune-trial4**" in text.value for text in page.markdown)
    assert len(figures_of(page)) == 3
    table = page.dataframe[0].value
    assert table["state"].tolist() == ["complete", "pruned", "failed", "complete", "running"]
    assert page.button(key="best-evaluate").label == "Open in Evaluate"
    add_kfold(ws, dataset, measured=1)
    for view, name in (("kfold", "cv"), ("search", "tune")):  # nothing stands in for what was left
        page.segmented_control(key="experiments-view").set_value(view).run()
        assert page.query_params["study"] in (name, [name])
        assert not any("shown instead" in text.value for text in page.caption)
    curves = drawn_charts(page, "trial-curves")
    assert curves is not None
    assert [(run["name"], run["planned"]) for run in curves["runs"]] == [("trial 4", TrainingSpec().epochs)]
    assert [panel["title"] for panel in curves["panels"]] == ["Loss"]
    assert (
        page.text_input(key="new-search-FAST-range-learning_rate").label == "Learning rate, in place of 0.001"
    )


@pytest.mark.parametrize(
    ("state", "progress", "words"),
    [
        ("queued", {}, "waits for a worker"),
        ("running", {}, "**starting**"),
        ("running", {"message": "fold 1"}, "**fold 1**"),
    ],
)
def test_a_study_that_runs_never_waits_for_a_worker(state: str, progress: dict[str, str], words: str) -> None:
    assert experiments_page.what_goes_on(state, progress) == words


def test_both_forms_start_what_they_describe(folder: Path) -> None:
    ws, dataset = survey(folder)
    page = open_page("experiments")
    assert any("No cross-validation yet" in text.value for text in page.markdown)
    assert any("in all: none was trained on this machine yet" in text.value for text in page.caption)
    members = [sum(dataset.counts[part].values()) for part in ("train", "validation")]
    told = f"{sum(members)} cutouts of training and validation part"
    assert any(text.value.startswith(told) for text in page.caption)
    page.number_input(key=f"kfold-{dataset.name}-folds").set_value(2).run()
    page.button(key="kfold-start").click().run()
    assert not page.exception
    study = study_service.study_status(ws, "kfold-1").study
    assert study.spec["folds"] == 2
    assert [entry.run.name for entry in study_service.members(ws, study)] == [
        "kfold-1-fold1",
        "kfold-1-fold2",
    ]
    page.segmented_control(key="experiments-view").set_value("search").run()
    assert any("No search yet" in text.value for text in page.markdown)
    assert any(
        " in all" in text.value and text.value.endswith("Trials that fall behind end earlier.")
        for text in page.caption
    )
    [table] = [one.value for one in page.dataframe if "in the recipe" in one.value]
    assert table.iloc[0].tolist() == ["learning rate", "0.001", "10⁻⁵ to 0.1", "evenly in the logarithm"]
    assert "batch size" in table["setting"].tolist()
    assert any("The first 10 are drawn at random, the 10 after them" in text.value for text in page.markdown)
    page.number_input(key="search-trials").set_value(3).run()
    assert any("All are drawn at random. None ends early." in text.value for text in page.markdown)
    assert not any("end earlier" in text.value for text in page.caption), "as the plan beside it says"
    assert not any("chosen by" in text.value for text in page.markdown)
    page.text_input(key="new-search-FAST-range-learning_rate").set_value("wide").run()
    assert any("is no range" in text.value for text in page.info)
    page.text_input(key="new-search-FAST-range-learning_rate").set_value("1e-4:1e-2").run()
    page.button(key="search-start").click().run()
    assert not page.exception
    spec = study_service.study_status(ws, "search-1").study.spec
    assert spec["trials"] == 3
    assert spec["space"]["learning_rate"] == {"kind": "float", "low": 1e-4, "high": 1e-2, "log": True}
    assert [job.kind for job in queue.list_jobs(ws.database)] == ["search", "kfold"]


def test_what_a_search_tries_is_shown_once_with_its_range(folder: Path) -> None:
    survey(folder)
    page = open_page("experiments", kind="Search")

    def shown(name: str) -> tuple[bool, bool]:
        """Return whether a setting has a range, and whether it has one value."""
        keys = {one.key for one in (*page.text_input, *page.number_input, *page.button_group)}
        nested = name.replace(".", "-").replace("network_options", "elu_cnn")
        return f"new-search-FAST-range-{name}" in keys, f"new-search-FAST-{nested}" in keys

    assert shown("learning_rate") == shown("batch_size") == shown("weight_decay") == (True, False)
    assert shown("epochs") == shown("augmentation.noise_sigma") == (False, True)
    nested = ["augmentation.noise_sigma", "network_options.filters"]
    page.multiselect(key="new-search-FAST-space").set_value(["epochs", *nested]).run()
    assert not page.exception
    assert [shown(name) for name in ("epochs", *nested)] == [(True, False)] * 3
    assert shown("learning_rate") == (False, True)
    assert page.number_input(key="new-search-FAST-learning_rate").value == 1e-3  # as in the recipe
    linked = open_page("experiments", kind="Search", space="loss")
    assert {one.key for one in linked.number_input} >= {"new-search-FAST-learning_rate"}
    assert "new-search-FAST-loss" not in {one.key for one in linked.button_group}


def test_the_best_so_far_never_worsens_and_leaves_out_what_has_no_value() -> None:
    values = np.array([np.nan, 3.0, 5.0, 1.0])
    np.testing.assert_array_equal(best_so_far(values, minimises=True), [np.nan, 3, 3, 1])
    np.testing.assert_array_equal(best_so_far(values, minimises=False), [np.nan, 3, 5, 5])


def test_a_cross_validation_begins_with_the_folds_that_the_version_was_split_with(folder: Path) -> None:
    ws, dataset = survey(folder)
    member = tables.dataset_members
    with ws.database.write() as connection:
        connection.execute(
            member.update().where(member.c.part.in_(DEVELOPMENT)).values(fold=member.c.cutout_id % 4)
        )
    page = open_page("experiments")
    assert page.number_input(key=f"kfold-{dataset.name}-folds").value == 4
    assert any("was split with 4 folds; these are used" in text.value for text in page.caption)
    page.number_input(key=f"kfold-{dataset.name}-folds").set_value(2).run()
    assert any("dealt by whole groups" in text.value for text in page.caption)
    page.number_input(key=f"kfold-{dataset.name}-folds").set_value(1).run()
    told = [text.value for text in page.caption]
    assert "Set “Folds” to 2 or more: then the time is told." in told
    assert not any("Time unknown" in text for text in told)
    with ws.database.write() as connection:  # a member added since has none
        connection.execute(member.update().where(member.c.cutout_id == 1).values(fold=None))
    assert study_service.own_folds(ws, dataset.name) == 0


def test_results_of_another_version_than_the_forms_are_said_to_be(folder: Path) -> None:
    ws, dataset = survey(folder)
    add_kfold(ws, dataset, measured=2)
    page = open_page("experiments")
    assert not any("results are of" in one.value for one in page.warning)
    add_dataset(ws, sources.get_source(ws.database, "sky"), "sky-v2", parent=dataset)
    page = open_page("experiments", dataset="sky-v2")
    assert any("results are of **sky-v1**" in one.value for one in page.warning)
    assert other_version_in_words("a-v1", "a-v1") == ""
    assert other_version_in_words("a-v1", "a-v2").startswith("These results are of **a-v1**; the form")


@pytest.mark.parametrize(
    ("pruner", "trials", "words"),
    [
        ("median", 10, "None ends early."),
        ("median", 11, "those behind the median of the others from epoch 3 on end early."),
        ("hyperband", 10, "The poorer ones end early"),
        ("none", 20, "None ends early."),
    ],
)
def test_whether_trials_end_early_is_one_rule_for_all_that_is_said(pruner, trials, words):
    """The median prunes from the eleventh trial on: `n_startup_trials` of Optuna is ten."""
    values = {
        "trials": trials, "startup_trials": 10, "warmup_epochs": 3, "pruner": pruner, "sampler": "tpe"
    }  # fmt: skip
    assert words in trials_words(values, epochs="5 epochs")
    assert may_end_early(values) is (words != "None ends early.")
