"""The pages of runs that tell classes apart or estimate values, over stored numbers without a network."""

import time
from pathlib import Path

import numpy as np
import pytest

from lensapp.core.evaluate.estimation import HEZAVEH_ERRORS, measure_estimates
from lensapp.core.evaluate.metrics import measure
from lensapp.core.evaluate.multiclass import measure_classes
from lensapp.core.train.tasks import LENS_PARAMETERS, ClassTask, RegressionTask, fit_task, save_task
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.services.evaluate.figure_tables import class_table
from lensapp.storage import datasets, queue, runs, sources
from lensapp.storage.estimates import estimate_store
from lensapp.storage.evaluations import StoredEstimates, StoredEvaluation, save_estimates, save_evaluation
from lensapp.storage.records import Run
from lensapp.storage.workspace import Workspace
from support.pages_workspace import add_dataset, add_run, add_survey, drawn_charts, figures_of, open_page

NAMES = ("lens", "ring", "star")


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("LENSAPP_WORKSPACE", str(tmp_path / "workspace"))
    ws = Workspace.open(tmp_path / "workspace")
    add_dataset(ws, add_survey(ws))
    return ws


def run_of(ws: Workspace, name: str, task: RegressionTask | ClassTask) -> Run:
    run = add_run(ws, datasets.get_dataset(ws.database, "sky-v1"), name)
    spec = TrainingSpec(task=task).saved()
    runs.update_run(ws.database, run.id, spec=spec)
    labels = np.arange(30).reshape(6, 5) ** 2.0 if task.kind == "regression" else np.array([0, 1, 2])
    save_task(ws.run_folder(name), fit_task(task, classes=NAMES, labels=labels))
    return runs.get_run(ws.database, name)


def ids_of(ws: Workspace, part: str) -> np.ndarray:
    dataset = datasets.get_dataset(ws.database, "sky-v1")
    return datasets.member_columns(ws.database, dataset.id, part=part)["cutout_id"]


def add_values(ws: Workspace, run: Run, part: str = "test") -> None:
    ids, rng = ids_of(ws, part), np.random.default_rng(0)
    truth = rng.normal(size=(len(ids), 5)).astype(np.float32)
    sigma = np.full_like(truth, 0.1)
    mean = truth + 0.1 * rng.normal(size=truth.shape).astype(np.float32)
    figures = measure_estimates(truth, mean, sigma, targets=LENS_PARAMETERS).as_dict()
    stored = StoredEstimates(ids, truth, mean, sigma, figures | {"evaluated_at": time.time()})
    save_estimates(ws.run_folder(run.name), part, stored)


def test_values_are_shown_beside_the_document(ws: Workspace) -> None:
    run = run_of(ws, "values-1", RegressionTask())
    add_values(ws, run)
    page = open_page("evaluate", run="values-1")
    assert len(figures_of(page)) == 7  # with the example of what should not matter
    errors = page.dataframe[0].value
    assert list(errors.columns) == ["network", "θE", "εx", "εy", "x", "y"]
    assert errors["network"].iloc[0] == "values-1"
    assert errors.iloc[-1]["θE"] == HEZAVEH_ERRORS["Combined"]["einstein_radius_arcsec"] == 0.02
    assert list(page.dataframe[1].value["value"]) == ["θE", "εx", "εy", "x", "y"]


def test_the_validation_part_can_be_chosen_and_measured(ws: Workspace) -> None:
    run = run_of(ws, "values-1", RegressionTask())
    add_values(ws, run)
    page = open_page("evaluate", run="values-1", part="validation")
    page.button(key="start-evaluate-values-1-validation").click().run()
    assert not page.exception
    [job] = queue.list_jobs(ws.database)
    assert job.payload == {"run": "values-1", "part": "validation"}


def test_classes_are_shown_before_the_score_of_the_positive_ones(ws: Workspace) -> None:
    run = run_of(ws, "classes-1", ClassTask())
    ids, rng = ids_of(ws, "test"), np.random.default_rng(0)
    labels = np.arange(len(ids)) % 3
    chances = rng.dirichlet(np.ones(3), len(ids)).astype(np.float32)
    figures = measure(labels == 0, chances[:, 0]).as_dict()
    figures |= {"rotation_std": 0.01, "evaluated_at": time.time()}
    figures["classes"] = measure_classes(labels, chances, classes=NAMES).as_dict()
    rotated = np.repeat(chances[:, :1], 4, axis=1)
    save_evaluation(
        ws.run_folder(run.name),
        "test",
        StoredEvaluation(ids, labels == 0, rotated, figures, labels.astype(np.int64), chances),
    )
    page = open_page("evaluate", run="classes-1")
    assert len(figures_of(page)) == 7  # none of the scatter under rotations: every score is kept
    assert any("is rotated by 90°: 0.0000" in text.value for text in page.info)
    assert list(page.dataframe[0].value["class"]) == [*NAMES, "mean"]
    assert page.subheader[0].value == "lens against the rest"
    table = class_table(measure_classes(labels, chances, classes=NAMES))
    assert table["AUROC"].iloc[-1] == pytest.approx(table["AUROC"].iloc[:-1].mean())


def test_a_run_that_estimates_says_that_it_does_not_score(ws: Workspace) -> None:
    run = run_of(ws, "values-1", RegressionTask())
    page = open_page("score", run="values-1", source="sky")
    assert any("it gives no score" in text.value for text in page.info)
    page.button(key="start-estimate-values-1-sky").click().run()
    assert [job.kind for job in queue.list_jobs(ws.database)] == ["score"]
    ids = sources.cutout_columns(ws.database, [1], columns=("id",))["id"]
    columns = (*LENS_PARAMETERS, *(f"{name}_sigma" for name in LENS_PARAMETERS))
    store = estimate_store(ws.run_folder(run.name), "sky", columns)
    store.add(ids, np.random.default_rng(1).uniform(0.1, 1, (len(ids), 10)))
    page = open_page("score", run="values-1", source="sky")
    assert len(figures_of(page)) == 5
    estimates = next(table.value for table in page.dataframe if "id" in table.value)
    assert estimates["id"].iloc[0] == "J0000"


def test_curves_and_form_follow_the_task(ws: Workspace) -> None:
    run = run_of(ws, "values-1", RegressionTask())
    figures = {"loss": 1.0, "val_loss": 1.1, "rmse": 0.9, "val_rmse": 0.95, "learning_rate": 1e-3}
    figures |= {f"val_rmse_{name}": 0.9 for name in LENS_PARAMETERS}
    runs.put_metrics(ws.database, run.id, 1, figures)
    page = open_page("train", run="values-1")
    charts = drawn_charts(page, "train-curves")
    assert charts is not None
    assert "Error (RMSE) of each value" in [panel["title"] for panel in charts["panels"]]
    page.get_by_key("new-run-FAST-task").set_value("regression").run()
    assert not page.exception
    assert page.text_input(key="new-run-FAST-task-regression-targets").value == ", ".join(LENS_PARAMETERS)
    page.get_by_key("new-run-FAST-task").set_value("classes").run()
    assert page.multiselect(key="new-run-FAST-task-classes-positive").value == ["lens"]
