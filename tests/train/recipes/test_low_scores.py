"""What is said of scores that all stay below 0.5, of training parts and best epochs made by hand."""

import pytest

from lensapp.services.train.low_scores import lens_share, reason_for_low_scores

FITTED = {"accuracy": 0.87, "loss": 0.31, "val_accuracy": 0.32, "val_loss": 1.4, "batches": 100, "epoch": 8}
ALIKE = {"accuracy": 0.81, "loss": 0.45, "val_accuracy": 0.80, "val_loss": 0.48, "batches": 35, "epoch": 4}


def test_a_gap_between_the_parts_is_told_as_over_fitting_and_balanced_weights_as_no_help() -> None:
    said = reason_for_low_scores(FITTED, {}, 0.68)
    assert "Accuracy 0.87 on the training part, 0.32 on the validation part" in said
    assert "loss 0.31 on the training part, 1.40 on the validation part" in said
    assert "over-fitting" in said
    assert "Class weights balanced would lower scores further: lenses are 68\u00a0%" in said
    assert "rain longer" not in said
    assert "weights" not in reason_for_low_scores(FITTED, {"class_weights": "balanced"}, 0.68)


def test_of_a_gap_with_few_lenses_no_weights_are_spoken() -> None:
    said = reason_for_low_scores(FITTED, {}, 0.2)
    assert "over-fitting" in said
    assert "weights" not in said


def test_a_rising_loss_alone_is_a_gap_and_few_steps_leave_batch_normalisation_unsettled() -> None:
    best = ALIKE | {"val_loss": 0.92, "val_accuracy": 0.8}
    said = reason_for_low_scores(best, {}, 0.2)
    assert "Loss 0.45 on the training part, 0.92 on the validation part" in said
    assert "ccuracy" not in said
    assert "after 140 steps, batch normalisation" in said
    assert "batch normalisation" not in reason_for_low_scores(best, {"batch_momentum": "auto"}, 0.2)
    assert "batch normalisation" not in reason_for_low_scores(best | {"batches": 500}, {}, 0.2)


def test_few_lenses_and_no_gap_ask_for_a_longer_training_or_balanced_weights() -> None:
    said = reason_for_low_scores(ALIKE, {"class_weights": "none"}, 0.2)
    assert said.startswith("Lenses are 20\u00a0% of the training part")
    assert said.endswith("train longer, or with class weights balanced.")


@pytest.mark.parametrize(
    ("spec", "lenses"),
    [
        ({}, 0.68),
        ({}, None),
        ({"class_weights": "balanced"}, 0.2),
        ({"oversampling": 1.0}, 0.2),
        ({"task": {"kind": "classes"}}, 0.2),
    ],
)
def test_nothing_is_said_where_neither_gap_nor_few_lenses_tell_it(spec: dict, lenses: float | None) -> None:
    assert reason_for_low_scores(ALIKE, spec, lenses) == ""
    assert reason_for_low_scores({}, spec, lenses) == ""


def test_the_share_of_lenses_is_that_of_the_training_part() -> None:
    assert lens_share({"train": {"lens": 68, "nonlens": 32}, "validation": {"lens": 1}}) == 0.68
    assert lens_share({}) is None
