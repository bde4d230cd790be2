"""Which epoch of a training is the best where its monitor ties, or cannot tell with so few non-lenses."""

from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from lensapp.core.train.tasks import FittedTask
from lensapp.core.train.training_spec import TrainingSpec
from lensapp.learning.train.checkpoints import TrainingState, load_state
from lensapp.learning.train.epoch_ends import EpochCloser, EpochEnd
from lensapp.learning.train.epoch_figures import comparable_value, deciding_figures, telling_figure
from support.tiny_trainings import run, tiny_spec

LOW = TrainingSpec(monitor="val_partial_auc")
FEW, MANY = np.repeat([0, 1], [14, 35]), np.repeat([0, 1], [60, 60])


class Told(EpochCloser):
    """Measures given scores in place of a network's."""

    def outputs_of(self, network, validation, asked_to_stop):
        return self.told[:, None]


def closed(folder: Path, spec: TrainingSpec, labels, scores, state: TrainingState) -> TrainingState:
    data = SimpleNamespace(labels=labels)
    closer = Told(
        spec=spec,
        task=FittedTask(),
        folder=folder,
        validation=SimpleNamespace(data=data),
        seconds=lambda: 1.0,
    )
    closer.told = np.asarray(scores, np.float64)
    state.epoch += 1
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    row = {"epoch": state.epoch, "images_per_second": None}
    ended = EpochEnd(state=state, row=row, values=[])
    closer.close(ended, network, asked_to_stop=lambda: None)
    return state


def scores_of(labels, *, shift: float, seed: int = 0) -> np.ndarray:
    """Lenses score `shift` higher, but the highest score of all is a non-lens's."""
    scores = np.random.default_rng(seed).uniform(0.3, 0.5, len(labels)) + shift * (labels == 1)
    scores[0] = 0.95
    return scores


def test_an_untrained_network_is_not_the_best_for_lack_of_non_lenses(tmp_path: Path):
    state = TrainingState()
    for shift in (-0.05, 0.05, 0.15, 0.1):
        state = closed(tmp_path, LOW, FEW, scores_of(FEW, shift=shift), state)
    flat = {row["val_partial_auc"] for row in state.history}
    assert len(flat) == 1  # 14 non-lenses and one of them on top
    areas = [row["val_auc"] for row in state.history]
    assert state.best_epoch == 1 + int(np.argmax(areas)) == 3
    assert {row["judged_by"] for row in state.history} == {"val_auc"}
    assert telling_figure(state.history[2], state.history, ("val_auc", "val_loss")) == "val_auc"
    assert load_state(tmp_path).best_epoch == 3


def test_equal_areas_are_told_apart_by_the_loss(tmp_path: Path):
    state = TrainingState()
    for distance in (0.1, 0.4, 0.2):  # all in order
        state = closed(tmp_path, LOW, FEW, 0.5 + distance * (FEW - 0.5), state)
    assert [row["val_auc"] for row in state.history] == [1.0, 1.0, 1.0]
    assert state.best_epoch == 2
    assert telling_figure(state.history[1], state.history, ("val_auc", "val_loss")) == "val_loss"


def test_a_monitor_that_ties_in_a_large_part_gives_way_to_the_area(tmp_path: Path):
    state = TrainingState()
    for shift in (0.0, 0.1):
        scores = scores_of(MANY, shift=shift)
        scores[:6] = 0.9  # a tenth of the non-lenses above all lenses
        state = closed(tmp_path, LOW, MANY, scores, state)
    first, second = state.history
    assert first["val_partial_auc"] == second["val_partial_auc"]
    assert first["judged_by"] == "val_partial_auc"
    assert state.best_epoch == 2


def test_early_stopping_counts_from_the_same_best_epoch(tmp_path: Path):
    spec, state = LOW.replaced(early_stopping_patience=2, epochs=20), TrainingState()
    for shift in (-0.05, 0.05, 0.15):
        state = closed(tmp_path, spec, FEW, scores_of(FEW, shift=shift), state)
        assert not state.finished
    for _ in range(2):
        state = closed(tmp_path, spec, FEW, scores_of(FEW, shift=0.0), state)
    assert (state.finished, state.best_epoch) == ("early_stopped", 3)


def test_a_lower_loss_at_the_same_area_does_not_renew_the_patience(tmp_path: Path):
    spec, state = LOW.replaced(early_stopping_patience=2, epochs=20), TrainingState()
    for distance in (0.1, 0.2):  # all in order from the first epoch on: the area cannot rise
        state = closed(tmp_path, spec, FEW, 0.5 + distance * (FEW - 0.5), state)
        assert not state.finished
    state = closed(tmp_path, spec, FEW, 0.5 + 0.4 * (FEW - 0.5), state)
    assert (state.finished, state.best_epoch, state.risen_epoch) == ("early_stopped", 3, 1)


def test_a_training_of_before_goes_on_from_its_figures(tmp_path: Path):
    old = {"epoch": 1, "val_auc": 0.38, "val_partial_auc": 0.4872, "val_loss": 0.6, "images_per_second": None}
    state = TrainingState(epoch=1, best_epoch=1, best_value=0.4872, history=[old])
    state = closed(tmp_path, LOW, FEW, scores_of(FEW, shift=0.1), state)
    assert state.best_epoch == 2


def test_the_monitor_decides_where_the_part_is_large_enough_for_its_rate():
    task = FittedTask()
    assert deciding_figures(LOW, task, MANY) == ("val_partial_auc", "val_auc", "val_loss")
    assert deciding_figures(LOW, task, MANY[1:]) == ("val_auc", "val_loss")  # 59: fewer than 3 expected
    tpr = TrainingSpec(monitor="val_tpr_at_fpr", monitor_fpr=0.01)
    assert deciding_figures(tpr, task, MANY)[0] == "val_auc"
    assert deciding_figures(tpr.replaced(monitor_fpr=0.05), task, MANY)[0] == "val_tpr_at_fpr"
    assert deciding_figures(TrainingSpec(monitor="val_loss"), task, FEW) == ("val_loss",)
    assert deciding_figures(LOW, task, np.ones(9)) == ("val_loss",)  # without non-lenses there is no area
    classes = FittedTask(kind="classes", output="softmax", classes=("a", "b", "lens"))
    assert deciding_figures(LOW, classes, np.repeat([0, 1, 2], 30))[0] == "val_partial_auc"


def test_trials_are_compared_by_what_chose_their_epochs():
    row = {"judged_by": "val_auc", "val_auc": 0.8, "val_partial_auc": 0.49, "val_loss": 0.3}
    assert comparable_value(row, "val_partial_auc") == 0.8
    assert comparable_value(row | {"judged_by": "val_loss"}, "val_auc") is None  # it falls
    assert comparable_value({"val_loss": 0.3}, "val_loss") == 0.3  # of a run of before


@pytest.mark.parametrize("monitor", ["val_partial_auc", "val_tpr_at_fpr"])
def test_a_run_says_what_chose_its_best_epoch(tmp_path: Path, monitor: str):
    result = run(tmp_path, tiny_spec(monitor=monitor, early_stopping_patience=0))
    told = [(row["val_auc"], -row["val_loss"]) for row in result.history]
    assert result.best_epoch == 1 + told.index(max(told))
    assert result.best_by in ("val_auc", "val_loss")
    assert result.best["val_auc_low"] <= result.best["val_auc"] <= result.best["val_auc_high"]
