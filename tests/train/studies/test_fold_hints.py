"""What a cross-validation says where no score reaches 0.5."""

import pytest

from lensapp.services.train.study_figures import ProposedInFolds, proposed_in_folds


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


def test_without_a_threshold_in_reach_nothing_is_proposed() -> None:
    assert proposed_in_folds(mean_of(f1=0.4, tpr10=None), highest=0.3) is None
    assert proposed_in_folds({}, highest=0.3) is None
