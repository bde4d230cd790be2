"""What a cross-validation says where no score reaches 0.5, or where its networks are of little use."""

import numpy as np
import pytest

from lensapp.services.train.best_epochs import risen_loss_in_words
from lensapp.services.train.fold_hints import alarm_of_folds
from lensapp.services.train.study_figures import ProposedInFolds, proposed_in_folds, told_summary
from lensapp.storage.records import Run, StudyRun


def mean_of(**thresholds: float | None) -> dict[str, dict[str, float | None]]:
    return {
        "mean": {
            f"suggested_thresholds.{aim}.{name}": value if name == "threshold" else 0.25
            for aim, value in thresholds.items()
            for name in ("threshold", "purity", "completeness")
        }
    }


def test_the_first_aim_with_a_threshold_that_a_score_reaches_is_proposed() -> None:
    summary = mean_of(f1=0.12, tpr10=0.2, youden=0.1)
    assert proposed_in_folds(summary, highest=0.3) == ProposedInFolds("TPR10", 0.2, 0.25, 0.25)
    proposed = proposed_in_folds(summary, highest=0.15)
    assert proposed is not None
    assert proposed.threshold == pytest.approx(0.12)


def test_folds_of_few_non_lenses_count_in_no_mean_of_tpr10() -> None:
    folds = [
        {"fold": 1, "n": 30, "n_positive": 22, "auroc": 0.7, "tpr10": 1.0},
        {"fold": 2, "n": 40, "n_positive": 20, "auroc": 0.8, "tpr10": 0.6},
        {"fold": 3, "n": 40, "n_positive": 20, "auroc": 0.9, "tpr10": 0.4},
    ]
    kept = {"folds": folds, "mean": {"auroc": 0.8, "tpr10": 2 / 3}, "median": {}, "std": {}}
    told = told_summary(kept)
    assert [row["tpr10"] for row in told["folds"]] == [None, 0.6, 0.4]
    assert (told["mean"]["tpr10"], told["mean"]["auroc"]) == pytest.approx((0.5, 0.8))
    enough = {"folds": folds[1:], "mean": {"tpr10": 0.5}}
    assert told_summary(enough) is enough


def test_without_a_threshold_in_reach_nothing_is_proposed() -> None:
    assert proposed_in_folds(mean_of(f1=0.4, tpr10=None), highest=0.3) is None
    assert proposed_in_folds({}, highest=0.3) is None


def fold_of_run(place: int, *, loss: float, low: float = 0.6) -> StudyRun:
    best = {"accuracy": 0.8, "val_accuracy": 0.31, "loss": 0.42, "val_loss": loss}
    run = Run(place, f"cv-fold{place}", 1, None, "elu_cnn", "finished", {}, {"best": best}, None, 0.0, 1.0)
    return StudyRun(run, place, {"figures": {"intervals": {"auroc": {"low": low}}}})


def test_useless_networks_of_all_folds_are_told_once() -> None:
    """156 lenses of 227 cutouts: calling each a lens decides 0.687 of them correctly."""
    entries = [fold_of_run(1, loss=1.3), fold_of_run(2, loss=0.95, low=0.48), fold_of_run(3, loss=0.7)]
    histories = {one.run.name: {"val_loss": np.array([0.62, 0.8])} for one in entries}
    pooled = {"n": 227, "n_positive": 156, "accuracy": 0.317, "completeness": 0.006}
    told = alarm_of_folds(entries, pooled, histories)
    assert "hardly any lens is accepted (completeness 0.006)" in told
    assert "fewer cutouts are decided correctly (0.317) than by calling each a lens (0.687)" in told
    assert "1.5 times its least or more in folds 1 and 2 (up to 2.1 times)" in told
    assert "The AUROC is not told from chance in fold 2." in told
    assert told.count("what it learned does not carry over") == 1


def test_folds_that_learned_are_told_nothing() -> None:
    entries = [fold_of_run(place, loss=0.63) for place in (1, 2)]
    histories = {one.run.name: {"val_loss": np.array([0.62, 0.63])} for one in entries}
    good = {"n": 227, "n_positive": 156, "accuracy": 0.9, "completeness": 0.9}
    assert alarm_of_folds(entries, good, histories) == ""
    assert alarm_of_folds([], good, {}) == ""


def test_a_best_epoch_whose_loss_is_far_above_its_least_is_told() -> None:
    run = fold_of_run(1, loss=1.904).run
    history = {"epoch": np.array([1.0, 2, 3]), "val_loss": np.array([0.7, 0.622, 1.904])}
    assert risen_loss_in_words(run, history).startswith(
        "The validation loss of the best epoch (1.9) is 3.1 times its least (0.622, epoch 2)"
    )
    assert risen_loss_in_words(fold_of_run(1, loss=0.7).run, history) == ""
    assert risen_loss_in_words(run, {}) == ""
