"""Schedules, momentum, monitors, orientations, snapshots and event files that a recipe can ask for."""

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.metrics import roc_curve

from lensapp.core.errors import InvalidInput, JobCancelled
from lensapp.core.train.tasks import FittedTask
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.handlers import train_and_gather
from lensapp.learning.feed.augmentation import reorient
from lensapp.learning.score.evaluation import evaluate_run
from lensapp.learning.score.scorers import open_scorer
from lensapp.learning.train.epoch_figures import figures_after_epoch
from lensapp.learning.train.schedules import learning_rate_at
from lensapp.learning.train.trainer import set_batch_momentum
from lensapp.storage import datasets, runs
from support.scoring_workspace import SPEC, Trained, train_tiny
from support.tiny_trainings import run, tiny_spec


def rates(schedule: dict, *, epochs: int) -> list[float]:
    spec = TrainingSpec.parse({"epochs": epochs, "learning_rate": 1.0, "schedule": schedule})
    return [learning_rate_at(spec, epoch) for epoch in range(1, epochs + 1)]


def test_one_cycle_is_that_of_pytorch():
    # torch.optim.lr_scheduler.OneCycleLR(max_lr=1, total_steps=10): from 1/25 to 1 in 30 % of the steps,
    # then to 1/25 · 1e-4, each along half a cosine.
    fall = [0.9504846, 0.8117456, 0.6112630, 0.3887410, 0.1882583, 0.0495194, 4e-6]
    assert rates({"kind": "one_cycle"}, epochs=10) == pytest.approx([0.04, 0.52, 1.0, *fall], abs=1e-6)
    assert rates({"kind": "one_cycle"}, epochs=1) == [1.0]


def test_cycles_restart_as_cosine_decays_of_keras_do():
    decay = keras.optimizers.schedules.CosineDecayRestarts(1.0, first_decay_steps=4, t_mul=1.0, m_mul=1.0)
    expected = [float(decay(step)) for step in range(12)]
    assert rates({"kind": "cyclic", "cycles": 3}, epochs=12) == pytest.approx(expected, abs=1e-6)
    assert rates({"kind": "cyclic", "cycles": 4}, epochs=3) == [1.0, 1.0, 1.0]


def test_a_cosine_is_that_of_keras():
    decay = keras.optimizers.schedules.CosineDecay(1.0, decay_steps=8, alpha=0.05)
    expected = [float(decay(step)) for step in range(9)]
    schedule = {"kind": "cosine", "last_fraction": 0.05}
    assert rates(schedule, epochs=9) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("steps", "momentum"), [(20, 0.9), (300, 0.9), (1000, 0.97), (50_000, 0.99)])
def test_momentum_settles_within_a_thirtieth_of_an_epoch(steps, momentum):
    network = keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization(momentum=0.99)])
    set_batch_momentum(network, "auto", steps=steps)
    assert network.layers[0].momentum == pytest.approx(momentum)


def test_a_momentum_is_a_number_or_auto():
    assert TrainingSpec.parse({"batch_momentum": "0.8"}).batch_momentum == 0.8
    assert TrainingSpec.parse({"batch_momentum": "auto"}).batch_momentum == "auto"
    reason = "^Batch-norm momentum must be a number at least 0, below 1 or auto"
    for wrong in ("often", 1.0):
        with pytest.raises(InvalidInput, match=reason):
            TrainingSpec.parse({"batch_momentum": wrong})


def test_the_best_epoch_may_be_that_of_the_highest_tpr_at_an_fpr():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 200)
    scores = np.clip(rng.normal(0.4 + 0.2 * labels, 0.15), 0, 1)
    false, true, _ = roc_curve(labels, scores, drop_intermediate=False)
    for rate in (0.01, 0.1):
        figures = figures_after_epoch(FittedTask(), labels, scores[:, None], fpr=rate)
        assert figures["val_tpr_at_fpr"] == pytest.approx(true[false <= rate].max())


def test_a_run_keeps_the_epoch_that_its_monitor_prefers(tmp_path: Path):
    spec = tiny_spec(monitor="val_tpr_at_fpr", monitor_fpr=0.5, early_stopping_patience=0)
    result = run(tmp_path, spec)
    told = [(row["val_tpr_at_fpr"], row["val_auc"], -row["val_loss"]) for row in result.history]
    assert result.best_epoch == 1 + told.index(max(told))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train_tiny(tmp_path_factory.mktemp("options") / "workspace")


def test_scores_are_means_over_orientations_where_the_training_asked_for_it(trained: Trained):
    ws, name = trained.workspace, "turned"
    first = runs.get_run(ws.database, "first")
    spec = SPEC.replaced(average_orientations=True)
    runs.create_run(
        ws.database, name=name, dataset_id=first.dataset_id, model=spec.network, spec=spec.saved()
    )
    shutil.copytree(trained.folder, ws.run_folder(name))
    (ws.run_folder(name) / "spec.json").write_text(json.dumps(spec.saved()), "utf-8")
    pixels = trained.pixels().read(np.arange(1, 9))
    alone, turned = open_scorer(trained.folder), open_scorer(ws.run_folder(name))
    each = [alone.score(reorient(pixels, np.full(8, code))) for code in range(8)]
    np.testing.assert_allclose(turned.score(pixels), np.mean(each, axis=0), atol=1e-6)
    np.testing.assert_allclose(turned.score(np.rot90(pixels, axes=(1, 2))), turned.score(pixels), atol=1e-6)
    figures = evaluate_run(ws, run_name=name)
    assert (figures["averages_orientations"], figures["rotation_std"]) == (True, 0.0)
    assert evaluate_run(ws, run_name="first")["averages_orientations"] is False


def test_networks_of_the_cycles_score_as_a_committee(trained: Trained):
    ws, dataset_id = trained.workspace, runs.get_run(trained.workspace.database, "first").dataset_id
    spec = SPEC.replaced(epochs=4, schedule={"kind": "cyclic", "cycles": 2})
    runs.create_run(ws.database, name="waves", dataset_id=dataset_id, model=spec.network, spec=spec.saved())
    work = {"run_name": "waves", "report": lambda _: None, "should_stop": lambda: None}
    result = train_and_gather(ws, **work)
    assert result["committee"] == "waves-cycles-1"
    members = runs.get_run(ws.database, "waves-cycles-1").spec["members"]
    assert members == ["waves-cycle-1", "waves-cycle-2"]
    pixels = trained.pixels().read(np.arange(1, 9))
    alone = [open_scorer(ws.run_folder(member)).score(pixels) for member in members]
    assert np.abs(alone[0] - alone[1]).max() > 1e-4
    together = open_scorer(ws.run_folder("waves-cycles-1")).score(pixels)
    np.testing.assert_allclose(together, np.mean(alone, axis=0), atol=1e-6)
    assert evaluate_run(ws, run_name="waves-cycles-1")["part"] == "test"
    assert [runs.get_run(ws.database, one).summary["best_epoch"] for one in members] == [2, 4]
    before = len(runs.list_runs(ws.database))
    assert train_and_gather(ws, **work)["committee"] == "waves-cycles-1"  # a worker that was killed
    assert len(runs.list_runs(ws.database)) == before


@pytest.mark.skipif(
    find_spec("tensorboardX") is None or find_spec("mlflow") is None,
    reason="needs the packages tensorboardX and mlflow-skinny",
)
def test_event_files_and_mlflow_hold_the_figures_of_each_epoch_as_these_programs_read_them(trained: Trained):
    import tensorflow as tf

    ws, dataset_id = trained.workspace, runs.get_run(trained.workspace.database, "first").dataset_id
    spec = SPEC.replaced(epochs=2, event_files=True, mlflow=True)
    run = runs.create_run(
        ws.database, name="noted", dataset_id=dataset_id, model=spec.network, spec=spec.saved()
    )
    train_and_gather(ws, run_name="noted", report=lambda _: None, should_stop=lambda: None)
    read = {}
    for part in ("train", "validation"):
        (file,) = (ws.run_folder("noted") / "events" / part).iterdir()
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            read |= {(part, value.tag, event.step): value.simple_value for value in event.summary.value}
    for row in runs.metrics_of(ws.database, run.id):
        assert read["train", "loss", row["epoch"]] == pytest.approx(row["loss"])
        assert read["validation", "loss", row["epoch"]] == pytest.approx(row["val_loss"])
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=(ws.folder / "mlruns").as_uri())
    experiment = client.get_experiment_by_name(datasets.dataset_by_id(ws.database, dataset_id).name)
    (kept,) = client.search_runs([experiment.experiment_id])
    assert (kept.info.run_name, kept.info.status) == ("noted", "FINISHED")
    assert kept.data.params["augmentation.d4"] == str(spec.augmentation.d4)
    for name in ("loss", "val_auc"):
        points = client.get_metric_history(kept.info.run_id, name)
        told = [(row["epoch"], row[name]) for row in runs.metrics_of(ws.database, run.id)]
        assert [(point.step, point.value) for point in points] == told


@pytest.mark.skipif(find_spec("mlflow") is None, reason="needs the package mlflow-skinny")
def test_a_training_that_goes_on_goes_on_in_its_mlflow_run_and_one_that_begins_has_a_new_one(tmp_path):
    from mlflow import MlflowClient

    from lensapp.learning.train.mlflow_runs import MlflowRun

    named = {"experiment": "sky-v1", "name": "waves-1", "settings": {"a": {"b": 1}, "c": None}}
    run = MlflowRun(tmp_path, **named, completed=0)
    run.add(1, {"loss": 0.5, "device": "cpu:0", "thawed": True})
    run.__exit__(JobCancelled, JobCancelled("paused"), None)
    client = MlflowClient(tracking_uri=tmp_path.as_uri())
    assert client.get_run(run.key).info.status == "KILLED"
    assert client.get_run(run.key).data.params == {"a.b": "1", "c": "None"}
    again = MlflowRun(tmp_path, **named, completed=1)
    again.add(2, {"loss": 0.25})
    again.__exit__(ValueError, ValueError("broken"), None)
    assert again.key == run.key
    assert client.get_run(run.key).info.status == "FAILED"
    assert client.get_run(run.key).data.metrics == {"loss": 0.25}
    with MlflowRun(tmp_path, **named, completed=0) as anew:
        assert anew.key != run.key


def test_event_files_without_their_package_are_refused_with_what_to_do(trained: Trained, monkeypatch):
    from lensapp.learning.train import event_files, mlflow_runs

    monkeypatch.setattr(event_files, "find_spec", lambda _: None)
    monkeypatch.setattr(mlflow_runs, "find_spec", lambda _: None)
    with pytest.raises(InvalidInput, match=r"pip install -r requirements-mlflow\.txt"):
        mlflow_runs.require_mlflow()
    with pytest.raises(InvalidInput, match=r"pip install -r requirements-tensorboard\.txt"):
        event_files.require_writer()
